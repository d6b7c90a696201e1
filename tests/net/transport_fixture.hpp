// What the tests of transports share: virtual time, a call, and a way to have it answered.
#pragma once

#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/testing/scripted_transport.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace transport_test {

namespace cs = castiel_sync;

struct Fixture {
    cs::testing::SimLoop loop;
    cs::testing::SimClock clock{loop};
    std::unique_ptr<cs::Random> random = cs::make_seeded_random(7);
    cs::Runtime runtime{loop.executor(), &clock, random.get()};

    cs::Result<cs::HttpAnswer> send(cs::HttpTransport& transport, cs::HttpCall call) {
        return loop.run(transport.send(std::move(call)));
    }
};

inline cs::HttpCall call_to(std::string method, std::string url, std::string body = {}) {
    cs::HttpCall call;
    call.method = std::move(method);
    call.url = std::move(url);
    call.body = std::move(body);
    return call;
}

// Answers what the list holds, one call after the other, and then goes on with the last.
struct Answers {
    std::vector<cs::Result<cs::HttpAnswer>> list;
    std::size_t next = 0;

    cs::Result<cs::HttpAnswer> operator()(const cs::HttpCall&) {
        const std::size_t place = std::min(next++, list.size() - 1);
        return list[place];
    }
};

inline std::shared_ptr<cs::testing::ScriptedTransport> answering(std::vector<cs::Result<cs::HttpAnswer>> answers) {
    return std::make_shared<cs::testing::ScriptedTransport>(Answers{std::move(answers)});
}

inline cs::HttpAnswer with_retry_after(unsigned status, std::string value) {
    cs::HttpAnswer answer = cs::testing::text_answer(status, "later");
    answer.headers.add("Retry-After", std::move(value));
    return answer;
}

} // namespace transport_test

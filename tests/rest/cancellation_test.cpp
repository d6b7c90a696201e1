// A call that is cancelled while several requests are under way.
#include "rest_fixture.hpp"

#include <adapters/rest/parallel.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace rest_test;
using namespace std::chrono_literals;

namespace {

json::value writable() {
    json::value document = with(contacts(), "concurrency", "4");
    return with(document, "entities.contacts.update", R"({"path": "/contacts/{id}"})");
}

Handler system_of_contacts() {
    return [](const HttpCall& call) {
        const std::string path = Asked(call).path;
        return json_answer(200, json::object{{"id", path.substr(path.rfind('/') + 1)}});
    };
}

struct Ended {
    bool done = false;
    std::exception_ptr thrown;

    [[nodiscard]] bool aborted() const {
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (const boost::system::system_error& error) {
            return error.code() == boost::asio::error::operation_aborted;
        }
        return false;
    }
};

// Starts the call, cancels it after so long, and lets everything come to rest.
template <class T>
Ended cancelled(SimLoop& loop, std::chrono::nanoseconds after, Async<T> call) {
    Ended ended;
    boost::asio::cancellation_signal signal;
    const auto finish = [&ended](std::exception_ptr thrown, const T&) {
        ended.done = true;
        ended.thrown = std::move(thrown);
    };
    boost::asio::co_spawn(loop.executor(), std::move(call), boost::asio::bind_cancellation_slot(signal.slot(), finish));
    loop.run_for(after);
    signal.emit(boost::asio::cancellation_type::terminal);
    loop.run_until_idle();
    return ended;
}

FetchRequest fetch_of(int count) {
    FetchRequest request;
    request.entity = "contacts";
    for (int id = 1; id <= count; ++id)
        request.ids.push_back(std::to_string(id));
    return request;
}

PushRequest push_of(int count) {
    PushRequest request;
    request.entity = "contacts";
    for (int id = 1; id <= count; ++id)
        request.items.push_back(update_item(std::to_string(id), {{"id", std::to_string(id)}}));
    return request;
}

} // namespace

TEST_CASE_FIXTURE(Fixture, "a fetch that is cancelled midway sends nothing more, and the adapter goes on") {
    for (const auto after : {0ns, 1ns, 1'500'000'000ns, 4'000'000'000ns}) {
        CAPTURE(after.count());
        connect(writable(), system_of_contacts());
        transport->set_latency(clock, 1s);
        const Ended ended = cancelled(loop, after, adapter->fetch(fetch_of(40)));
        CHECK(ended.done);
        CHECK(ended.aborted());
        const std::size_t before = transport->calls().size();
        CHECK(before <= 4 * (static_cast<std::size_t>(after.count() / 1'000'000'000) + 1));
        loop.run_for(10s);
        CHECK(transport->calls().size() == before);
        const auto records = fetch({"1", "2"});
        REQUIRE(records.has_value());
        CHECK(records->back().record.id == "2");
    }
}

TEST_CASE_FIXTURE(Fixture, "a push that is cancelled midway sends nothing more, and the adapter goes on") {
    connect(writable(), system_of_contacts());
    transport->set_latency(clock, 1s);
    const Ended ended = cancelled(loop, 1500ms, adapter->push(push_of(40)));
    CHECK(ended.done);
    CHECK(ended.aborted());
    CHECK(transport->calls().size() == 8);
    CHECK(push_one(update_item("1", {{"id", "1"}})).status == PushOutcome::Status::applied);
}

TEST_CASE_FIXTURE(Fixture, "no more requests are under way than the description allows") {
    std::size_t most = 0;
    std::size_t under_way = 0;
    const std::function<Async<void>(std::size_t)> work = [&](std::size_t) -> Async<void> {
        most = std::max(most, ++under_way);
        co_await clock.sleep_for(1s);
        --under_way;
    };
    for (const std::size_t width : {1U, 3U, 100U}) {
        most = 0;
        loop.run(in_parallel(runtime, 20, width, work));
        CHECK(most == std::min<std::size_t>(width, 20));
    }
    loop.run(in_parallel(runtime, 0, 3, work));
}

TEST_CASE_FIXTURE(Fixture, "what one of several throws is thrown when all have ended") {
    std::size_t ended = 0;
    const std::function<Async<void>(std::size_t)> work = [&](std::size_t index) -> Async<void> {
        co_await clock.sleep_for(1s);
        if (index == 1) throw std::runtime_error("a bug");
        ++ended;
    };
    CHECK_THROWS_AS(loop.run(in_parallel(runtime, 3, 3, work)), std::runtime_error);
    CHECK(ended == 2);
}

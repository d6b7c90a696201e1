#include "transport_fixture.hpp"

#include <castiel_sync/http/wrappers.hpp>

#include <core/http_date.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <exception>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using transport_test::answering;
using transport_test::call_to;
using transport_test::with_retry_after;

namespace {

const Error unavailable(ErrorCode::unavailable, "no connection");
const Error lost(ErrorCode::unknown_outcome, "cut off");

struct Retrying : transport_test::Fixture {
    RetryOptions options;
    std::shared_ptr<ScriptedTransport> inner;

    Result<HttpAnswer> ask(HttpCall call, std::vector<Result<HttpAnswer>> answers) {
        inner = answering(std::move(answers));
        return send(*make_retrying_transport(inner, runtime, options), std::move(call));
    }
    [[nodiscard]] std::size_t attempts() const { return inner->calls().size(); }
};

HttpCall a_get() { return call_to("GET", "https://crm.test/contacts"); }

HttpCall a_post(bool repeatable) {
    HttpCall call = call_to("POST", "https://crm.test/contacts", "{}");
    call.repeatable = repeatable;
    return call;
}

} // namespace

TEST_CASE_FIXTURE(Retrying, "what may be repeated is repeated until it succeeds") {
    const HttpAnswer good = json_answer(200, nullptr);
    HttpCall call;
    SUBCASE("GET") { call = a_get(); }
    SUBCASE("HEAD") { call = call_to("HEAD", "https://crm.test/contacts"); }
    SUBCASE("a POST that says so") { call = a_post(true); }
    for (const unsigned status : {429u, 502u, 503u, 504u}) {
        CAPTURE(status);
        const auto answer = ask(call, {json_answer(status, nullptr), good});
        REQUIRE(answer.has_value());
        CHECK(answer->status == 200);
        CHECK(attempts() == 2);
    }
    const auto answer = ask(call, {unavailable, good});
    REQUIRE(answer.has_value());
    CHECK(answer->status == 200);
    CHECK(inner->calls()[1].url == inner->calls()[0].url);
    CHECK(inner->calls()[1].body == inner->calls()[0].body);
}

TEST_CASE_FIXTURE(Retrying, "an unknown outcome is repeated for reads only") {
    const HttpAnswer good = json_answer(200, nullptr);
    CHECK(ask(a_get(), {lost, good})->status == 200);
    CHECK(ask(a_post(true), {lost, good}).error() == lost);
    CHECK(attempts() == 1);
}

TEST_CASE_FIXTURE(Retrying, "a call that may not be repeated is sent once") {
    for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "get"}) {
        CAPTURE(method);
        const HttpCall call = call_to(method, "https://crm.test/contacts/1");
        CHECK(ask(call, {unavailable}).error() == unavailable);
        CHECK(attempts() == 1);
        CHECK(ask(call, {json_answer(503, nullptr)})->status == 503);
        CHECK(attempts() == 1);
    }
    CHECK(loop.now() == 0ns);
}

TEST_CASE_FIXTURE(Retrying, "what repeating does not mend is handed on at once") {
    for (const unsigned status : {200u, 204u, 301u, 400u, 401u, 404u, 408u, 409u, 412u, 422u, 500u, 501u, 505u}) {
        CAPTURE(status);
        CHECK(ask(a_get(), {json_answer(status, nullptr)})->status == status);
        CHECK(attempts() == 1);
    }
    for (const ErrorCode code : {ErrorCode::corrupted, ErrorCode::invalid_configuration, ErrorCode::invalid_request,
                                 ErrorCode::throttled, ErrorCode::cancelled, ErrorCode::internal}) {
        CHECK(ask(a_get(), {Error(code, "no")}).error().code == code);
        CHECK(attempts() == 1);
    }
    CHECK(loop.now() == 0ns);
}

TEST_CASE_FIXTURE(Retrying, "the last attempt's answer is the answer") {
    CHECK(ask(a_get(), {unavailable, lost, json_answer(503, nullptr), json_answer(200, nullptr)})->status == 503);
    CHECK(attempts() == 3);
    options.max_attempts = 1;
    CHECK(ask(a_get(), {unavailable, json_answer(200, nullptr)}).error() == unavailable);
    options.max_attempts = 0;
    CHECK(ask(a_get(), {unavailable, json_answer(200, nullptr)}).error() == unavailable);
    CHECK(attempts() == 1);
}

TEST_CASE_FIXTURE(Retrying, "Retry-After is waited for, as seconds and as a date") {
    const HttpAnswer good = json_answer(200, nullptr);
    options.base = 0ms;
    SUBCASE("seconds") {
        ask(a_get(), {with_retry_after(429, "7"), good});
        CHECK(loop.now() == 7s);
    }
    SUBCASE("a date") {
        ask(a_get(), {with_retry_after(503, to_http_date(clock.now() + 9s)), good});
        CHECK(loop.now() == 9s);
    }
    SUBCASE("a date, by a wall clock that jumped") {
        clock.jump(-1h);
        ask(a_get(), {with_retry_after(503, to_http_date(clock.now() + 9s)), good});
        CHECK(loop.now() == 9s);
    }
    CHECK(attempts() == 2);
}

TEST_CASE_FIXTURE(Retrying, "a Retry-After that asks for nothing sensible is none") {
    options.base = 0ms;
    for (const char* value : {"-5", "", "soon", "1.5", "0", "Sun, 06 Nov 1994 08:49:37 GMT", "Mon, 99 Foo 2026"}) {
        CAPTURE(value);
        CHECK(ask(a_get(), {with_retry_after(429, value), json_answer(200, nullptr)})->status == 200);
        CHECK(attempts() == 2);
    }
    CHECK(loop.now() == 0ns);
}

TEST_CASE_FIXTURE(Retrying, "what asks for more than is left is handed on without waiting") {
    HttpCall call = a_get();
    call.timeout = 30s;
    for (const char* value : {"30", "31", "1000000000", "99999999999999999999999", "Fri, 01 Jan 2100 00:00:00 GMT"}) {
        CAPTURE(value);
        CHECK(ask(call, {with_retry_after(429, value), json_answer(200, nullptr)})->status == 429);
        CHECK(attempts() == 1);
    }
    options.cap = 5s;
    CHECK(ask(call, {with_retry_after(429, "6"), json_answer(200, nullptr)})->status == 429);
    CHECK(loop.now() == 0ns);
    options.base = 0ms;
    options.cap = 60s;
    CHECK(ask(call, {with_retry_after(429, "20"), with_retry_after(429, "10"), json_answer(200, nullptr)})->status ==
          429);
    CHECK(attempts() == 2);
    CHECK(loop.now() == 20s);
}

TEST_CASE_FIXTURE(Retrying, "each attempt gets what is left of the one timeout") {
    HttpCall call = a_get();
    call.timeout = 60s;
    options.base = 0ms;
    inner = answering({with_retry_after(503, "10"), with_retry_after(503, "20"), json_answer(200, nullptr)});
    inner->set_latency(clock, 5s);
    CHECK(send(*make_retrying_transport(inner, runtime, options), call)->status == 200);
    REQUIRE(attempts() == 3);
    CHECK(inner->calls()[0].timeout == 60s);
    CHECK(inner->calls()[1].timeout == 45s);
    CHECK(inner->calls()[2].timeout == 20s);
}

TEST_CASE_FIXTURE(Retrying, "a far side that hangs uses up the one timeout and no more") {
    HttpCall call = a_get();
    call.timeout = 10s;
    inner = answering({json_answer(200, nullptr)});
    inner->set_latency(clock, 1h);
    CHECK(send(*make_retrying_transport(inner, runtime, options), call).error().code == ErrorCode::unknown_outcome);
    CHECK(loop.now() == 10s);
    CHECK(attempts() == 1);
}

TEST_CASE("whatever happens, no call outlasts its timeout, nor a wait the cap") {
    CHECK(rc::check([] {
        transport_test::Fixture world;
        world.random = make_seeded_random(*rc::gen::arbitrary<std::uint64_t>());
        world.runtime.random = world.random.get();
        RetryOptions options;
        options.base = milliseconds(*rc::gen::inRange(0, 5'000));
        options.cap = milliseconds(*rc::gen::inRange(0, 10'000));
        options.max_attempts = *rc::gen::inRange<std::size_t>(1, 8);
        HttpCall call = a_get();
        call.timeout = milliseconds(*rc::gen::inRange(1, 30'000));
        std::vector<std::chrono::nanoseconds> sent;
        const auto answers = *rc::gen::container<std::vector<int>>(8, rc::gen::inRange(0, 12'000));
        const auto inner = std::make_shared<ScriptedTransport>([&](const HttpCall&) -> Result<HttpAnswer> {
            sent.push_back(world.loop.now());
            const int drawn = answers[sent.size() - 1];
            if (drawn % 3 == 0) return lost;
            return with_retry_after(503, std::to_string(drawn / 1'000));
        });
        const auto latency = milliseconds(*rc::gen::inRange(0, 3'000));
        inner->set_latency(world.clock, latency);
        (void)world.send(*make_retrying_transport(inner, world.runtime, options), call);
        RC_ASSERT(world.loop.now() <= call.timeout);
        RC_ASSERT(sent.size() <= options.max_attempts);
        for (std::size_t place = 1; place < sent.size(); ++place)
            RC_ASSERT(sent[place] - sent[place - 1] <= latency + options.cap);
    }));
}

TEST_CASE_FIXTURE(Retrying, "waits are spread over the whole of their bound") {
    options.base = 1'000ms;
    std::chrono::nanoseconds shortest = 1h, longest = 0s;
    for (int round = 0; round < 200; ++round) {
        const auto begin = loop.now();
        ask(a_get(), {unavailable, json_answer(200, nullptr)});
        shortest = std::min(shortest, loop.now() - begin);
        longest = std::max(longest, loop.now() - begin);
    }
    CHECK(shortest < 50ms);
    CHECK(longest > 950ms);
    CHECK(longest <= 1'000ms);
}

TEST_CASE_FIXTURE(Retrying, "cancellation ends a wait at once") {
    options.base = 0ms;
    inner = answering({with_retry_after(503, "20")});
    const auto transport = make_retrying_transport(inner, runtime, options);
    boost::asio::cancellation_signal signal;
    std::exception_ptr thrown;
    const auto ended = [&](std::exception_ptr exception, const Result<HttpAnswer>&) { thrown = exception; };
    boost::asio::co_spawn(loop.executor(), transport->send(a_get()),
                          boost::asio::bind_cancellation_slot(signal.slot(), ended));
    loop.run_for(3s);
    signal.emit(boost::asio::cancellation_type::terminal);
    loop.run_until_idle();
    CHECK(loop.now() == 3s);
    REQUIRE(thrown);
    CHECK_THROWS_AS(std::rethrow_exception(thrown), boost::system::system_error);
    CHECK(attempts() == 1);
}

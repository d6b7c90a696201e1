#include "transport_fixture.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;
using transport_test::call_to;

TEST_CASE_FIXTURE(transport_test::Fixture, "a function answers every call, and the log keeps them") {
    ScriptedTransport transport([](const HttpCall& call) -> Result<HttpAnswer> {
        if (call.method == "GET") return json_answer(200, {{"name", "Ada"}});
        return Error(ErrorCode::unavailable, "no connection");
    });
    const auto read = send(transport, call_to("GET", "https://crm.test/a"));
    REQUIRE(read.has_value());
    CHECK(read->status == 200);
    CHECK(read->body == R"({"name":"Ada"})");
    REQUIRE(read->headers.find("content-type"));
    CHECK(*read->headers.find("content-type") == "application/json");
    const auto written = send(transport, call_to("POST", "https://crm.test/b", "{}"));
    REQUIRE(!written);
    CHECK(written.error().code == ErrorCode::unavailable);
    REQUIRE(transport.calls().size() == 2);
    CHECK(transport.calls()[1].url == "https://crm.test/b");
    CHECK(transport.calls()[1].body == "{}");
    CHECK(transport.faults().empty());
    CHECK(loop.now() == 0ns);
}

TEST_CASE_FIXTURE(transport_test::Fixture, "a list of exchanges is played in its order") {
    ScriptedTransport transport({{"GET", "https://crm.test/a", json_answer(200, {1, 2})},
                                 {"PUT", "https://crm.test/b", json_answer(204, nullptr), "{}"}});
    CHECK(send(transport, call_to("GET", "https://crm.test/a"))->status == 200);
    REQUIRE(transport.faults().size() == 1);
    CHECK(transport.faults()[0] == "exchange 2: PUT https://crm.test/b was not asked for");
    CHECK(send(transport, call_to("PUT", "https://crm.test/b", "{}"))->status == 204);
    CHECK(transport.faults().empty());
}

TEST_CASE_FIXTURE(transport_test::Fixture, "what the list does not expect is refused and told") {
    ScriptedTransport transport({{"PUT", "https://crm.test/b", json_answer(204, nullptr), "{}"}});
    std::string told;
    SUBCASE("another method") {
        CHECK(send(transport, call_to("GET", "https://crm.test/b")).error().code == ErrorCode::invalid_request);
        told = "call 1: GET https://crm.test/b came, and the script has PUT https://crm.test/b next";
    }
    SUBCASE("another place") {
        CHECK(send(transport, call_to("PUT", "https://crm.test/c", "{}")).has_error());
        told = "call 1: PUT https://crm.test/c came, and the script has PUT https://crm.test/b next";
    }
    SUBCASE("another body") {
        CHECK(send(transport, call_to("PUT", "https://crm.test/b", "[]")).has_error());
        told = "call 1: PUT https://crm.test/b came, and its body is [], not {}";
    }
    SUBCASE("one call too many") {
        CHECK(send(transport, call_to("PUT", "https://crm.test/b", "{}")).has_value());
        CHECK(send(transport, call_to("PUT", "https://crm.test/b", "{}")).has_error());
        told = "call 2: PUT https://crm.test/b came, and the script has ended";
    }
    REQUIRE(!transport.faults().empty());
    CHECK(transport.faults()[0] == told);
}

TEST_CASE_FIXTURE(transport_test::Fixture, "a slow answer takes its time, and at most the call's") {
    ScriptedTransport transport([](const HttpCall&) { return json_answer(200, nullptr); });
    transport.set_latency(clock, 20s);
    HttpCall call = call_to("GET", "https://crm.test/a");
    SUBCASE("within the timeout") {
        call.timeout = 20s;
        CHECK(send(transport, call).has_value());
        CHECK(loop.now() == 20s);
    }
    SUBCASE("beyond it") {
        call.timeout = 19s;
        CHECK(send(transport, call).error().code == ErrorCode::unknown_outcome);
        CHECK(loop.now() == 19s);
        CHECK(transport.calls().size() == 1);
    }
}

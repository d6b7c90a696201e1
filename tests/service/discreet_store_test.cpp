#include "api_fixture.hpp"

#include "http/discreet_store.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace castiel_sync;
using namespace castiel_sync::service;

namespace {

const std::string secret_path = "/var/lib/castiel-sync/store.db: disk I/O error";

struct Discreet {
    ApiFixture api;
    std::vector<std::string> lines;
    std::unique_ptr<Store> store = make_discreet_store(
        *api.store, api.clock, [this](LogLevel, std::string_view message, const json::object& fields) {
            lines.push_back(std::string(message) + " " + to_json(fields));
        });

    Error error(ErrorCode code, const std::string& message) {
        api.store->trouble = Error(code, message);
        auto answer = api.run(store->read("tenant", "task", {"1"}));
        REQUIRE_FALSE(answer.has_value());
        return answer.error();
    }
};

} // namespace

TEST_CASE("what a store says of its own faults goes to the log, and its class to whoever asked") {
    for (const ErrorCode code : {ErrorCode::unavailable, ErrorCode::out_of_space, ErrorCode::unknown_outcome,
                                 ErrorCode::corrupted, ErrorCode::internal, ErrorCode::invalid_configuration}) {
        Discreet discreet;
        const Error told = discreet.error(code, secret_path);
        CHECK(told.code == (code == ErrorCode::invalid_configuration ? ErrorCode::unavailable : code));
        CHECK(told.message.find("/var") == std::string::npos);
        CHECK(told.message.size() > 10);
        REQUIRE(discreet.lines.size() == 1);
        CHECK(discreet.lines[0].find(secret_path) == 0);
    }
}

TEST_CASE("what is about the request itself is told as it is, by every call") {
    Discreet discreet;
    const Error stale(ErrorCode::stale, "task 1: another etag");
    discreet.api.store->trouble = stale;
    CHECK(discreet.api.run(discreet.store->read("tenant", "task", {"1"})).error() == stale);
    CHECK(discreet.api.run(discreet.store->query("tenant", "task", Query())).error() == stale);
    CHECK(discreet.api.run(discreet.store->scan("task", Query())).error() == stale);
    CHECK(discreet.api.run(discreet.store->commit("tenant", std::vector<Write>(1))).error() == stale);
    CHECK(discreet.lines.empty());
    discreet.api.store->trouble = Error(ErrorCode::unavailable, secret_path);
    CHECK(discreet.api.run(discreet.store->query("tenant", "task", Query())).error().message.find("/var") ==
          std::string::npos);
    CHECK(discreet.api.run(discreet.store->scan("task", Query())).error().message.find("/var") == std::string::npos);
    CHECK(discreet.api.run(discreet.store->commit("tenant", std::vector<Write>(1))).error().message.find("/var") ==
          std::string::npos);
}

TEST_CASE("a thousand calls that fail alike are one line in ten seconds, and the next one counts them") {
    Discreet discreet;
    for (int i = 0; i < 500; ++i) {
        discreet.error(ErrorCode::out_of_space, "full");
        discreet.error(ErrorCode::unavailable, "busy");
    }
    CHECK(discreet.lines.size() == 2);
    discreet.api.run(discreet.api.clock.sleep_for(std::chrono::seconds(10)));
    discreet.error(ErrorCode::unavailable, "busy still");
    REQUIRE(discreet.lines.size() == 3);
    CHECK(discreet.lines[0] == R"(full {"code":"out_of_space","linesLeftOut":0})");
    CHECK(discreet.lines[2] == R"(busy still {"code":"unavailable","linesLeftOut":499})");
}

#include "world.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::oauth2_test;
using namespace std::chrono_literals;

namespace {

HttpAnswer refusal(unsigned status, std::string_view error) {
    return testing::json_answer(status, {{"error", error}, {"error_description", "as described"}});
}

// What an adapter says of such an answer of the token endpoint.
Error told_of(HttpAnswer answer) {
    World world;
    world.token_answer = std::move(answer);
    const auto checked = world.check();
    REQUIRE(checked.has_error());
    CHECK(checked.error().message.find("POST https://login.test/main/token") != std::string::npos);
    CHECK_FALSE(holds_secret(checked.error().message));
    CHECK(world.transport->calls().size() == 1);
    return checked.error();
}

HttpAnswer dated(unsigned status, const std::string& date) {
    HttpAnswer answer = testing::json_answer(status, json::object());
    answer.headers.set("Date", date);
    return answer;
}

Async<void> count_success(Adapter& adapter, int& done) {
    auto answer = co_await adapter.check();
    done += answer.has_value() ? 1 : 0;
}

json::object granted(std::string_view access_token) {
    return {{"access_token", access_token}, {"token_type", "Bearer"}};
}

} // namespace

TEST_CASE("what the token endpoint refuses is told by who has to do what") {
    for (const char* error : {"invalid_client", "invalid_grant", "unauthorized_client"}) {
        CAPTURE(error);
        const Error told = told_of(refusal(400, error));
        CHECK(told.code == ErrorCode::unauthenticated);
        CHECK(told.message.find(std::string(error) + ": as described; ") != std::string::npos);
    }
    CHECK(told_of(refusal(401, "something_new")).code == ErrorCode::unauthenticated);
    CHECK(told_of(refusal(400, "invalid_scope")).code == ErrorCode::invalid_configuration);
    CHECK(told_of(refusal(400, "something_new")).code == ErrorCode::invalid_configuration);
    CHECK(told_of(testing::text_answer(404, "Not here")).code == ErrorCode::invalid_configuration);
    CHECK(told_of(testing::text_answer(302, "")).code == ErrorCode::invalid_configuration);
}

TEST_CASE("some refuse with 200") {
    CHECK(told_of(refusal(200, "invalid_grant")).code == ErrorCode::unauthenticated);
}

TEST_CASE("a token endpoint that is down is unavailable, whatever it says") {
    CHECK(told_of(testing::text_answer(502, "Bad Gateway")).code == ErrorCode::unavailable);
    CHECK(told_of(refusal(500, "invalid_grant")).code == ErrorCode::unavailable);
    CHECK(told_of(refusal(400, "temporarily_unavailable")).code == ErrorCode::unavailable);
}

TEST_CASE("a token endpoint that wants to be asked later says when") {
    HttpAnswer answer = refusal(429, "slow_down");
    answer.headers.set("Retry-After", "30");
    const Error told = told_of(std::move(answer));
    CHECK(told.code == ErrorCode::throttled);
    CHECK(told.retry_after == 30s);
}

TEST_CASE("what is no token is corrupted") {
    for (HttpAnswer answer :
         {testing::text_answer(200, "access_token=canary"), testing::text_answer(200, ""),
          testing::json_answer(200, json::array{"canary"}), testing::json_answer(200, json::object()),
          testing::json_answer(200, granted("")), testing::json_answer(200, granted("canary\r\nX-Evil: 1")),
          testing::json_answer(200, granted("canary\x01")), testing::json_answer(200, granted("can\xC3\xA4ry")),
          testing::json_answer(200, {{"access_token", 7}, {"token_type", "Bearer"}}),
          testing::json_answer(200, {{"access_token", "canary"}, {"token_type", "mac"}}),
          testing::json_answer(200, {{"access_token", "canary"}, {"token_type", 1}})}) {
        CAPTURE(answer.body);
        CHECK(told_of(std::move(answer)).code == ErrorCode::corrupted);
    }
}

TEST_CASE("a token without a type is taken for a bearer's") {
    World world;
    world.token_answer = testing::json_answer(200, {{"access_token", "canary-access-1"}});
    CHECK(world.check().has_value());
}

TEST_CASE("a transport that can't send, or gets no answer, makes a token unavailable") {
    for (const ErrorCode code : {ErrorCode::unavailable, ErrorCode::unknown_outcome}) {
        World world;
        world.transport_error = Error(code, "no connection");
        const auto checked = world.check();
        REQUIRE(checked.has_error());
        CHECK(checked.error().code == ErrorCode::unavailable);
    }
}

TEST_CASE("a token that the system refuses is replaced once, and the request is sent again") {
    World world;
    world.refused.insert("canary-access-1");
    REQUIRE(world.check().has_value());
    CHECK(world.happened == std::vector<std::string>{"token", "api", "token", "api"});
}

TEST_CASE("a second refusal is the answer") {
    World world;
    world.refused = {"canary-access-1", "canary-access-2"};
    const auto refused = world.check();
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == ErrorCode::unauthenticated);
    CHECK(world.happened == std::vector<std::string>{"token", "api", "token", "api"});
}

TEST_CASE("a token that was refused after somebody else has replaced it costs no further one") {
    World world;
    REQUIRE(world.check().has_value());
    world.refused.insert("canary-access-1");
    world.transport->set_latency(world.clock, 2s);
    // The second one's refusal arrives when the first has a new token already.
    const auto first = world.make().value();
    const auto second = world.make().value();
    int done = 0;
    world.loop.spawn(count_success(*first, done));
    world.loop.run_for(1s);
    world.transport->set_latency(world.clock, 4s);
    world.loop.spawn(count_success(*second, done));
    world.loop.run_for(0s);
    world.transport->set_latency(world.clock, 1s);
    world.loop.run_until_idle();
    CHECK(done == 2);
    CHECK(world.token_requests() == 2);
}

TEST_CASE("a refusal tells when the system's clock is another") {
    World world;
    world.refused = {"canary-access-1", "canary-access-2"};
    std::string date; // SimClock begins on Mon, 23 Nov 2026 00:00:00 GMT
    world.refusal = [&](const std::string&) { return dated(401, date); };
    const auto message = [&](const std::string& now) {
        date = now;
        world.issued = 0;
        return world.check().error().message;
    };
    CHECK(message("Mon, 23 Nov 2026 01:00:00 GMT").find("3600 s ahead of this one's") != std::string::npos);
    CHECK(message("Sun, 22 Nov 2026 23:58:59 GMT").find("61 s behind this one's") != std::string::npos);
    CHECK(message("Mon, 23 Nov 2026 00:01:00 GMT").find("clock") == std::string::npos);
    CHECK(message("yesterday").find("clock") == std::string::npos);
}

TEST_CASE("a token endpoint's refusal tells of its clock, too") {
    const Error told = told_of(dated(401, "Mon, 23 Nov 2026 01:00:00 GMT"));
    CHECK(told.message.find("3600 s ahead of this one's") != std::string::npos);
}

TEST_CASE("no message holds what an endpoint echoes") {
    World world;
    std::vector<std::string> messages;
    const auto note = [&] {
        const auto checked = world.check();
        REQUIRE(checked.has_error());
        messages.push_back(checked.error().message);
    };
    for (const char* echo : {"client-7 canary:secret", "client-7:canary%3Asecret", "canary-refresh-1",
                             "Basic Y2xpZW50LTc6Y2FuYXJ5JTNBc2VjcmV0"}) {
        world.token_answer = testing::json_answer(400, {{"error", echo}, {"error_description", echo}});
        note();
    }
    world.token_answer.reset();
    world.refused = {"canary-access-1", "canary-access-2"};
    world.refusal = [](const std::string& token) {
        return testing::json_answer(401, {{"message", "Bearer " + token + " is not known"}});
    };
    note();
    CHECK(messages.back().find("[secret]") != std::string::npos);
    for (const std::string& message : messages)
        CHECK_FALSE(holds_secret(message));
}

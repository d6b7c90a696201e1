#include "world.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::oauth2_test;
using namespace std::chrono_literals;

namespace {

using Happened = std::vector<std::string>;

struct RotatingWorld : World {
    explicit RotatingWorld(json::object more = {}) : World("refreshToken", std::move(more)) {
        rotates = true;
        expires_in = 1000;
    }
    void expire() { loop.run_for(1000s); }
};

ErrorCode code_of(const auto& result) {
    REQUIRE(result.has_error());
    CHECK_FALSE(holds_secret(result.error().message));
    return result.error().code;
}

} // namespace

TEST_CASE("a new refresh token is written before the access token is used") {
    RotatingWorld world;
    REQUIRE(world.check().has_value());
    CHECK(world.happened == Happened{"token", "write", "api"});
    CHECK(world.refresh_token() == "canary-refresh-2");
    CHECK(world.secrets->stored.at("clientSecret") == "canary:secret");
}

TEST_CASE("the next request for a token goes with the new refresh token") {
    RotatingWorld world;
    REQUIRE(world.check().has_value());
    world.expire();
    REQUIRE(world.check().has_value());
    CHECK(form_of(world.token_calls().back()).at("refresh_token") == "canary-refresh-2");
    CHECK(world.refresh_token() == "canary-refresh-3");
}

TEST_CASE("a refresh token that comes back unchanged is not written") {
    World world;
    world.token_answer = testing::json_answer(
        200, {{"access_token", "canary-access-1"}, {"refresh_token", "canary-refresh-1"}, {"token_type", "Bearer"}});
    REQUIRE(world.check().has_value());
    CHECK(world.secrets->writes == 0);
}

TEST_CASE("a new refresh token that can't be written is kept, and written before anything else is done") {
    RotatingWorld world;
    world.secrets->write_error = Error(ErrorCode::unavailable, "the disk is away");
    const auto failed = world.check();
    CHECK(code_of(failed) == ErrorCode::unavailable);
    CHECK(failed.error().message.find(reference) != std::string::npos);
    CHECK(failed.error().message.find("the disk is away") != std::string::npos);
    CHECK(world.happened == Happened{"token", "write"});

    CHECK(code_of(world.check()) == ErrorCode::unavailable);
    CHECK(world.happened == Happened{"token", "write", "write"});

    world.secrets->write_error.reset();
    REQUIRE(world.check().has_value());
    CHECK(world.happened == Happened{"token", "write", "write", "write", "api"});
    CHECK(world.refresh_token() == "canary-refresh-2");
}

TEST_CASE("a new refresh token that is written late is used even when its access token has expired") {
    RotatingWorld world;
    world.secrets->write_error = Error(ErrorCode::forbidden, "read-only now");
    REQUIRE(world.check().has_error());
    world.expire();
    world.secrets->write_error.reset();
    REQUIRE(world.check().has_value());
    CHECK(world.happened == Happened{"token", "write", "write", "token", "write", "api"});
    CHECK(world.refresh_token() == "canary-refresh-3");
}

TEST_CASE("a write that was made although it was answered by an error is found again") {
    RotatingWorld world;
    world.secrets->write_error = Error(ErrorCode::unavailable, "the folder could not be synced");
    world.secrets->writes_all_the_same = true;
    REQUIRE(world.check().has_error());
    world.secrets->write_error.reset();
    REQUIRE(world.check().has_value());
    CHECK(world.token_requests() == 1);
    CHECK(world.refresh_token() == "canary-refresh-2");
}

TEST_CASE("a place of secrets that throws loses nothing") {
    RotatingWorld world;
    world.secrets->throws = true;
    CHECK(code_of(world.check()) == ErrorCode::internal);
    world.secrets->throws = false;
    REQUIRE(world.check().has_value());
    CHECK(world.token_requests() == 1);
    CHECK(world.refresh_token() == "canary-refresh-2");
}

TEST_CASE("where a new refresh token could not be written, no adapter is made") {
    RotatingWorld world;
    world.secrets->writable = false;
    const auto made = world.make();
    CHECK(code_of(made) == ErrorCode::invalid_configuration);
    CHECK(world.transport->calls().empty());
}

TEST_CASE("that a secret can't be replaced is found out before anything is sent") {
    RotatingWorld world;
    world.secrets->trial_error = Error(ErrorCode::forbidden, "the folder is read-only");
    const auto refused = world.check();
    CHECK(code_of(refused) == ErrorCode::invalid_configuration);
    CHECK(refused.error().message.find("the folder is read-only") != std::string::npos);
    CHECK(world.transport->calls().empty());
}

TEST_CASE("a place of secrets that is away for a moment is no fault of the configuration") {
    RotatingWorld world;
    world.secrets->trial_error = Error(ErrorCode::unavailable, "locked");
    CHECK(code_of(world.check()) == ErrorCode::unavailable);
    CHECK(world.transport->calls().empty());
    world.secrets->trial_error.reset();
    CHECK(world.check().has_value());
}

TEST_CASE("a secret that changes while it is tried whether it can be replaced is read anew") {
    RotatingWorld world;
    world.secrets->before_trial = [&] {
        world.secrets->stored["refreshToken"] = "canary-refresh-other";
        world.good_refresh = "canary-refresh-other";
    };
    REQUIRE(world.check().has_value());
    CHECK(form_of(world.token_calls().front()).at("refresh_token") == "canary-refresh-other");
    CHECK(world.token_requests() == 1);
}

TEST_CASE("where the description says that nothing rotates, nothing is written") {
    RotatingWorld world({{"rotates", false}});
    world.secrets->writable = false;
    REQUIRE(world.check().has_value());
    CHECK(world.secrets->writes == 0);
}

TEST_CASE("what another process has written since the adapter was made is used") {
    RotatingWorld world;
    const auto adapter = world.make().value();
    world.secrets->stored["refreshToken"] = "canary-refresh-other";
    world.good_refresh = "canary-refresh-other";
    REQUIRE(world.loop.run(adapter->check()).has_value());
    REQUIRE(world.token_requests() == 1);
    CHECK(form_of(world.token_calls().front()).at("refresh_token") == "canary-refresh-other");
}

TEST_CASE("a refresh token that another process was faster with is read anew") {
    RotatingWorld world;
    world.on_token = [&] {
        world.secrets->stored["refreshToken"] = "canary-refresh-other";
        world.good_refresh = "canary-refresh-other";
    };
    REQUIRE(world.check().has_value());
    REQUIRE(world.token_requests() == 2);
    CHECK(form_of(world.token_calls().back()).at("refresh_token") == "canary-refresh-other");
    CHECK(world.refresh_token() == "canary-refresh-2");
}

TEST_CASE("a refresh token that nobody has replaced is void for good") {
    RotatingWorld world;
    world.good_refresh = "canary-refresh-unknown";
    const auto refused = world.check();
    CHECK(code_of(refused) == ErrorCode::unauthenticated);
    CHECK(refused.error().message.find("connect the account anew") != std::string::npos);
    CHECK(world.token_requests() == 1);
}

TEST_CASE("what a person changes in the secret meanwhile stays") {
    RotatingWorld world;
    world.secrets->before_write = [&] { world.secrets->stored["clientSecret"] = "canary-changed"; };
    REQUIRE(world.check().has_value());
    CHECK(world.refresh_token() == "canary-refresh-2");
    CHECK(world.secrets->stored.at("clientSecret") == "canary-changed");
    CHECK(world.token_requests() == 1);
}

TEST_CASE("a refresh token that another process writes meanwhile stays, and is the next to be used") {
    RotatingWorld world;
    world.secrets->before_write = [&] { world.secrets->stored["refreshToken"] = "canary-refresh-other"; };
    REQUIRE(world.check().has_value());
    CHECK(world.refresh_token() == "canary-refresh-other");
    world.good_refresh = "canary-refresh-other";
    world.expire();
    REQUIRE(world.check().has_value());
    CHECK(form_of(world.token_calls().back()).at("refresh_token") == "canary-refresh-other");
}

TEST_CASE("where what another process wrote turns out to be void, ours is used and written") {
    RotatingWorld world;
    world.secrets->before_write = [&] { world.secrets->stored["refreshToken"] = "canary-refresh-other"; };
    REQUIRE(world.check().has_value());
    world.expire();
    REQUIRE(world.check().has_value());
    REQUIRE(world.token_requests() == 3);
    CHECK(form_of(world.token_calls()[1]).at("refresh_token") == "canary-refresh-other");
    CHECK(form_of(world.token_calls()[2]).at("refresh_token") == "canary-refresh-2");
    CHECK(world.refresh_token() == "canary-refresh-3");
}

TEST_CASE("a new refresh token is written even when the access token beside it is no good") {
    World world;
    world.token_answer = testing::json_answer(
        200, {{"access_token", "canary access"}, {"refresh_token", "canary-refresh-2"}, {"token_type", "Bearer"}});
    CHECK(code_of(world.check()) == ErrorCode::corrupted);
    CHECK(world.refresh_token() == "canary-refresh-2");
}

TEST_CASE("a new refresh token is read beside a number that nothing can carry") {
    World world;
    world.token_answer = testing::text_answer(200, R"({"access_token": "canary-access-1", "token_type": "Bearer",
        "refresh_token": "canary-refresh-2", "issued": 12345678901234567890123456789})");
    REQUIRE(world.check().has_value());
    CHECK(world.refresh_token() == "canary-refresh-2");
}

TEST_CASE("a secret without a refresh token is told by its name, and nothing is sent") {
    World world;
    world.secrets->stored.erase("refreshToken");
    const auto refused = world.check();
    CHECK(code_of(refused) == ErrorCode::unauthenticated);
    CHECK(refused.error().message.find(reference) != std::string::npos);
    CHECK(world.transport->calls().empty());
}

TEST_CASE("accounts that name one secret never send the same refresh token") {
    RotatingWorld world;
    world.transport->set_latency(world.clock, 2s);
    world.secrets->latency = 1s;
    Callers callers(world);
    for (const char* realm : {"main", "other", "third"}) {
        world.settings = {{"realm", realm}};
        callers.add();
    }
    callers.finish();
    REQUIRE(callers.answers.size() == 3);
    for (const Result<>& answer : callers.answers)
        CHECK(answer.has_value());
    std::vector<std::string> sent;
    for (const HttpCall& call : world.token_calls())
        sent.push_back(form_of(call).at("refresh_token"));
    CHECK(sent == Happened{"canary-refresh-1", "canary-refresh-2", "canary-refresh-3"});
    CHECK(world.refresh_token() == "canary-refresh-4");
}

TEST_CASE("a new refresh token that one account could not write is every other's to write before it asks") {
    RotatingWorld world;
    world.secrets->write_error = Error(ErrorCode::unavailable, "the disk is away");
    REQUIRE(world.check().has_error());
    world.settings = {{"realm", "other"}};
    CHECK(code_of(world.check()) == ErrorCode::unavailable);
    CHECK(world.happened == Happened{"token", "write", "write"});
    world.secrets->write_error.reset();
    REQUIRE(world.check().has_value());
    CHECK(world.happened == Happened{"token", "write", "write", "write", "token", "write", "api"});
    CHECK(form_of(world.token_calls().back()).at("refresh_token") == "canary-refresh-2");
}

TEST_CASE("who waits for another account's request for a token waits no longer than for its own") {
    RotatingWorld world;
    world.rotates = false;                         // so that an answer that is lost takes nothing away
    world.transport->set_latency(world.clock, 1h); // its timeout is 15 seconds
    Callers callers(world);
    callers.add();
    world.loop.run_for(5s);
    world.settings = {{"realm", "other"}};
    callers.add();
    world.transport->set_latency(world.clock, 0s);
    world.loop.run_for(10s);
    REQUIRE(callers.answers.size() == 2);
    CHECK(code_of(callers.answers.front()) == ErrorCode::unavailable);
    CHECK(callers.answers.back().has_value());
}

TEST_CASE("who gives up its turn is told so after its own time, and the others stay in line") {
    RotatingWorld world;
    world.secrets->latency = 40s;
    Callers callers(world);
    for (const char* realm : {"main", "other", "third"}) {
        world.settings = {{"realm", realm}};
        callers.add();
    }
    world.loop.run_for(15s);
    world.loop.run_for(0s);
    REQUIRE(callers.answers.size() == 3);
    for (const Result<>& answer : callers.answers)
        CHECK(code_of(answer) == ErrorCode::unavailable);
    callers.finish();
    CHECK(world.token_requests() == 3);
    CHECK(world.refresh_token() == "canary-refresh-4");
}

TEST_CASE("accounts that wait for their turn end with their loop") {
    RotatingWorld world;
    world.transport->set_latency(world.clock, 10s);
    Callers callers(world);
    for (const char* realm : {"main", "other", "third"}) {
        world.settings = {{"realm", realm}};
        callers.add();
    }
    world.loop.run_for(1s);
    world.loop.destroy(); // what would leak is found by the sanitizer
    CHECK(callers.answers.empty());
}

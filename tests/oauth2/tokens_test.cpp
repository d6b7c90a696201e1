#include "world.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::oauth2_test;
using namespace std::chrono_literals;

namespace {

// One check that can be cancelled.
struct Cancellable {
    explicit Cancellable(World& world) : adapter(world.make().value()) {
        boost::asio::co_spawn(world.loop.executor(), adapter->check(),
                              boost::asio::bind_cancellation_slot(
                                  signal.slot(), [this](std::exception_ptr thrown, Result<>) {
                                      ended = true;
                                      threw = thrown != nullptr;
                                  }));
    }

    std::unique_ptr<Adapter> adapter;
    boost::asio::cancellation_signal signal;
    bool ended = false;
    bool threw = false;
};

} // namespace

TEST_CASE("client credentials: one request, and its token goes with every other") {
    World world("clientCredentials");
    REQUIRE(world.check().has_value());
    REQUIRE(world.check().has_value());
    REQUIRE(world.token_requests() == 1);
    const HttpCall asked = world.token_calls().front();
    CHECK(asked.method == "POST");
    CHECK(asked.url == "https://login.test/main/token");
    CHECK(*asked.headers.find("Content-Type") == "application/x-www-form-urlencoded");
    CHECK(asked.body == "grant_type=client_credentials");
    CHECK(*asked.headers.find("Authorization") == "Basic Y2xpZW50LTc6Y2FuYXJ5JTNBc2VjcmV0"); // client-7:canary%3Asecret
    CHECK(*world.transport->calls().back().headers.find("Authorization") == "Bearer canary-access-1");
}

TEST_CASE("a client may prove itself in the body") {
    World world("clientCredentials", {{"clientAuthentication", "body"}});
    REQUIRE(world.check().has_value());
    const HttpCall asked = world.token_calls().front();
    CHECK(asked.headers.find("Authorization") == nullptr);
    CHECK(form_of(asked) == std::map<std::string, std::string>{{"grant_type", "client_credentials"},
                                                               {"client_id", "client-7"},
                                                               {"client_secret", "canary:secret"}});
}

TEST_CASE("a refresh token, a scope and parameters are sent as a form") {
    World world("refreshToken",
                {{"scope", "read write&all"},
                 {"parameters", {{"audience", "https://crm.test/{credentials.clientId}"}}}});
    REQUIRE(world.check().has_value());
    CHECK(form_of(world.token_calls().front()) ==
          std::map<std::string, std::string>{{"grant_type", "refresh_token"},
                                             {"refresh_token", "canary-refresh-1"},
                                             {"scope", "read write&all"},
                                             {"audience", "https://crm.test/client-7"}});
    CHECK(world.secrets->writes == 0);
}

TEST_CASE("a client without a secret only names itself") {
    World world;
    world.secrets->stored.erase("clientSecret");
    REQUIRE(world.check().has_value());
    const HttpCall asked = world.token_calls().front();
    CHECK(asked.headers.find("Authorization") == nullptr);
    CHECK(form_of(asked).at("client_id") == "client-7");
}

TEST_CASE("of 50 who need a token at once, one asks") {
    World world;
    world.transport->set_latency(world.clock, 2s);
    Callers callers(world);
    callers.add(25);
    world.integration = "another";
    world.settings = {{"folder", "elsewhere"}};
    callers.add(25);
    callers.finish();
    CHECK(world.token_requests() == 1);
    REQUIRE(callers.answers.size() == 50);
    for (const Result<>& answer : callers.answers)
        CHECK(answer.has_value());
}

TEST_CASE("of 50 who need a token at once, all get the error") {
    World world;
    world.transport->set_latency(world.clock, 2s);
    world.token_answer = testing::json_answer(503, nullptr);
    Callers callers(world);
    callers.add(50);
    callers.finish();
    CHECK(world.token_requests() == 1);
    REQUIRE(callers.answers.size() == 50);
    for (const Result<>& answer : callers.answers)
        CHECK((answer.has_error() && answer.error().code == ErrorCode::unavailable));
}

TEST_CASE("after an error the next one asks again") {
    World world;
    world.token_answer = testing::json_answer(503, nullptr);
    REQUIRE(world.check().has_error());
    world.token_answer.reset();
    CHECK(world.check().has_value());
}

TEST_CASE("another tenant has a token of its own") {
    World world;
    REQUIRE(world.check().has_value());
    const auto adapter = world.make("another").value();
    REQUIRE(world.loop.run(adapter->check()).has_value());
    CHECK(world.token_requests() == 2);
}

TEST_CASE("a setting that the token's URL names makes another account") {
    World world;
    REQUIRE(world.check().has_value());
    world.settings = {{"realm", "other"}};
    REQUIRE(world.check().has_value());
    REQUIRE(world.token_requests() == 2);
    CHECK(world.token_calls().back().url == "https://login.test/other/token");
}

TEST_CASE("a description that was replaced asks for its own token, and keeps the account's refresh token") {
    World world("refreshToken", {{"scope", "read"}});
    world.rotates = true;
    REQUIRE(world.check().has_value());
    world.describe_anew("refreshToken", {{"scope", "read write"}});
    REQUIRE(world.check().has_value());
    REQUIRE(world.check().has_value());
    REQUIRE(world.token_requests() == 2);
    CHECK(form_of(world.token_calls().back()).at("scope") == "read write");
    CHECK(world.refresh_token() == "canary-refresh-3");
}

TEST_CASE("a description that is replaced while a token is asked for changes nothing of that request") {
    World world("refreshToken", {{"scope", "read"}});
    world.rotates = true;
    world.on_token = [&] {
        world.describe_anew("refreshToken", {{"scope", "read write"}, {"rotates", false}});
        CHECK(world.make().has_value());
    };
    REQUIRE(world.check().has_value());
    CHECK(world.refresh_token() == "canary-refresh-2"); // it was replaced, and is kept
    world.rotates = false;
    REQUIRE(world.check().has_value());
    CHECK(form_of(world.token_calls().back()).at("scope") == "read write");
}

TEST_CASE("a token is replaced a minute before it expires") {
    World world("clientCredentials");
    world.expires_in = 1000;
    REQUIRE(world.check().has_value());
    world.loop.run_for(939s);
    REQUIRE(world.check().has_value());
    CHECK(world.token_requests() == 1);
    world.loop.run_for(2s);
    REQUIRE(world.check().has_value());
    CHECK(world.token_requests() == 2);
}

TEST_CASE("a token that lives for less than ten minutes is replaced after nine tenths of its life") {
    World world("clientCredentials");
    world.expires_in = "100"; // as some write it
    REQUIRE(world.check().has_value());
    world.loop.run_for(89s);
    REQUIRE(world.check().has_value());
    CHECK(world.token_requests() == 1);
    world.loop.run_for(2s);
    REQUIRE(world.check().has_value());
    CHECK(world.token_requests() == 2);
}

TEST_CASE("a token lives from when it was asked for, not from when it came") {
    World world("clientCredentials");
    world.expires_in = 100;
    world.transport->set_latency(world.clock, 5s);
    REQUIRE(world.check().has_value()); // five seconds for the token, five for the request
    world.loop.run_for(81s);
    REQUIRE(world.check().has_value());
    CHECK(world.token_requests() == 2);
}

TEST_CASE("a wall clock that jumps makes no token older or younger") {
    World world("clientCredentials");
    world.expires_in = 1000;
    REQUIRE(world.check().has_value());
    world.clock.jump(std::chrono::hours(48));
    REQUIRE(world.check().has_value());
    CHECK(world.token_requests() == 1);
    world.clock.jump(-std::chrono::hours(96));
    world.loop.run_for(941s);
    REQUIRE(world.check().has_value());
    CHECK(world.token_requests() == 2);
}

TEST_CASE("a token of which nobody says how long it lives is used until it is refused") {
    for (const std::optional<json::value>& lifetime :
         {std::optional<json::value>(), std::optional<json::value>(0), std::optional<json::value>("soon"),
          std::optional<json::value>(-5), std::optional<json::value>(nullptr)}) {
        World world("clientCredentials");
        world.expires_in = lifetime;
        REQUIRE(world.check().has_value());
        world.loop.run_for(std::chrono::hours(1000));
        REQUIRE(world.check().has_value());
        CHECK(world.token_requests() == 1);
        world.refused.insert("canary-access-1");
        REQUIRE(world.check().has_value());
        CHECK(world.token_requests() == 2);
    }
}

TEST_CASE("who is cancelled ends at once and takes the token from nobody") {
    World world;
    world.transport->set_latency(world.clock, 2s);
    Cancellable first(world);
    Callers others(world);
    others.add(3);
    world.loop.run_for(1s);
    first.signal.emit(boost::asio::cancellation_type::terminal);
    world.loop.run_for(0s);
    CHECK(first.ended);
    CHECK(first.threw);
    others.finish();
    CHECK(world.token_requests() == 1);
    REQUIRE(others.answers.size() == 3);
    for (const Result<>& answer : others.answers)
        CHECK(answer.has_value());
}

TEST_CASE("a new refresh token is written although everybody who waited has gone") {
    World world;
    world.rotates = true;
    world.transport->set_latency(world.clock, 2s);
    {
        Cancellable only(world);
        world.loop.run_for(1s);
        only.signal.emit(boost::asio::cancellation_type::terminal);
        world.loop.run_for(0s);
        REQUIRE(only.ended);
    }
    world.loop.run_until_idle();
    CHECK(world.refresh_token() == "canary-refresh-2");
    REQUIRE(world.check().has_value());
    CHECK(world.token_requests() == 1);
}

TEST_CASE("who has waited for as long as a request may take is told so, and the token is there for the next") {
    World world;
    world.secrets->latency = 40s;
    const auto late = world.check();
    REQUIRE(late.has_error());
    CHECK(late.error().code == ErrorCode::unavailable);
    CHECK(world.loop.now() == 15s);
    world.loop.run_until_idle();
    REQUIRE(world.check().has_value());
    CHECK(world.token_requests() == 1);
}

TEST_CASE("the time that a token took is not there for the request any more") {
    World world;
    world.secrets->latency = 4s; // read, and found to be writable
    REQUIRE(world.check().has_value());
    CHECK(world.transport->calls().back().timeout == 7s);
}

TEST_CASE("a loop that ends while a token is asked for leaves nothing behind") {
    World world;
    world.transport->set_latency(world.clock, 10s);
    Callers callers(world);
    callers.add(3);
    world.loop.run_for(1s);
    world.loop.destroy(); // what would leak is found by the sanitizer
    CHECK(callers.answers.empty());
}

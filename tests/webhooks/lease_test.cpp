// Several processes on one store: each endpoint is sent to by one at a time, and nothing is lost with a process.
#include "endpoint.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

const std::string url = "https://receiver.test/hook";

} // namespace

TEST_CASE("two processes share an endpoint's cap") {
    WebhookWorld world;
    world.add("one");
    world.add("two");
    world.receivers->at(url).takes = 300ms;
    const Webhook webhook = world.endpoint(url, [](WebhookSettings& settings) { settings.max_in_flight = 3; });
    for (int i = 0; i < 30; ++i) world.tell("integration.sync.completed");
    for (auto& process : world.processes) process->start();
    world.run_for(2min);
    CHECK(world.deliveries(webhook, "delivered").size() == 30);
    CHECK(world.receivers->seen(url).size() == 30);
    CHECK(world.receivers->most_at_once(url) == 3);
    for (auto& process : world.processes) process->stop();
}

TEST_CASE("a process that dies leaves its attempts as unknown, and another one sends them again (I24, I25)") {
    WebhookWorld world;
    auto& one = world.add("one");
    world.receivers->at(url).takes = 5s;
    const Webhook webhook = world.endpoint(url);
    std::vector<Event> events;
    for (int i = 0; i < 5; ++i) events.push_back(world.tell("integration.sync.completed"));
    one.start();
    world.run_for(2s);
    CHECK(world.receivers->seen(url).size() == 5);
    one.process.crash();
    auto& two = world.add("two");
    two.start();
    world.run_for(30s);
    CHECK(world.receivers->seen(url).size() == 5); // the lease of the dead one still holds
    world.run_for(2min);
    CHECK(world.receivers->seen(url).size() == 10);
    for (const Event& event : events) {
        const WebhookDelivery delivery = world.delivery(webhook, event);
        CHECK(delivery.state == WebhookDeliveryState::delivered);
        REQUIRE(delivery.attempts.size() == 2);
        CHECK(delivery.attempts.front().state == WebhookAttempt::State::unknown);
    }
    two.stop();
}

TEST_CASE("a process that stood still for longer than its lease stores nothing any more (I19)") {
    WebhookWorld world;
    auto& one = world.add("one");
    auto& two = world.add("two");
    world.receivers->at(url).takes = 1s;
    const Webhook webhook = world.endpoint(url);
    const Event event = world.tell("integration.sync.completed");
    one.start();
    world.run_for(500ms);
    one.process.pause(5min);
    two.start();
    world.run_for(10min);
    const WebhookDelivery delivery = world.delivery(webhook, event);
    CHECK(delivery.state == WebhookDeliveryState::delivered);
    REQUIRE(delivery.attempts.size() == 2);
    CHECK(delivery.attempts[0].state == WebhookAttempt::State::unknown);
    CHECK(delivery.attempts[1].state == WebhookAttempt::State::succeeded);
    CHECK(world.receivers->seen(url).size() == 2);
    one.stop();
    two.stop();
}

TEST_CASE("a process that stops hands over what it has not sent, at once, and stores what it has (I39)") {
    WebhookWorld world;
    auto& one = world.add("one");
    world.receivers->at(url).takes = 2s;
    const Webhook webhook = world.endpoint(url, [](WebhookSettings& settings) { settings.max_in_flight = 2; });
    for (int i = 0; i < 6; ++i) world.tell("integration.sync.completed");
    one.start();
    world.run_for(1s);
    one.stop();
    CHECK(world.deliveries(webhook, "delivered").size() == 2);
    CHECK(world.deliveries(webhook, "waiting").size() == 4);
    auto& two = world.add("two");
    two.start();
    world.run_for(5s);
    CHECK(world.deliveries(webhook, "delivered").size() == 6);
    CHECK(world.receivers->seen(url).size() == 6);
    two.stop();
}

TEST_CASE("a process that must stop before its receiver answers leaves nothing half done") {
    WebhookWorld world;
    auto& one = world.add("one");
    world.receivers->at(url).takes = 10s;
    const Webhook webhook = world.endpoint(url);
    const Event event = world.tell("integration.sync.completed");
    one.start();
    world.run_for(1s);
    one.stop(2s);
    const WebhookDelivery delivery = world.delivery(webhook, event);
    CHECK(delivery.state == WebhookDeliveryState::waiting);
    CHECK(delivery.attempts.back().state == WebhookAttempt::State::unknown);
    auto& two = world.add("two");
    two.start();
    world.run_for(15s); // the lease is given up: it need not run out
    CHECK(world.delivery(webhook, event).state == WebhookDeliveryState::delivered);
    two.stop();
}

TEST_CASE("whatever call of the store fails, once or for a while, or kills the process, each event arrives "
          "(I24, I25)") {
    for (const Fault::Kind kind : {Fault::Kind::refused, Fault::Kind::request_lost, Fault::Kind::answer_lost,
                                   Fault::Kind::stale, Fault::Kind::late, Fault::Kind::crash_before,
                                   Fault::Kind::crash_after}) {
        for (std::uint64_t n = 1;; ++n) {
            CAPTURE(std::string(to_string(kind)));
            CAPTURE(n);
            Fault fault;
            fault.kind = kind;
            fault.lateness = 2s;
            WebhookWorld world;
            auto plan = std::make_unique<NthCallFault>("store", n, fault);
            NthCallFault& struck = *plan;
            world.faults = std::move(plan);
            auto& one = world.add("one");
            world.receivers->at(url).answer = [&world](const HttpCall&) {
                return status(world.receivers->seen(url).size() % 3 == 0 ? 500 : 204);
            };
            const Webhook webhook = world.endpoint(url);
            for (int i = 0; i < 5; ++i) world.tell("integration.sync.completed");
            one.start();
            world.run_for(3s);
            const bool hit = struck.struck();
            struck.heal();
            auto& two = world.add("two");
            two.start();
            world.run_for(10min);
            CHECK(world.deliveries(webhook, "delivered").size() == 5);
            std::uint64_t attempts = 0;
            for (const auto& delivery : world.deliveries(webhook)) attempts += delivery.attempt_count;
            CHECK(attempts >= world.receivers->seen(url).size());
            if (!hit) break;
        }
    }
}

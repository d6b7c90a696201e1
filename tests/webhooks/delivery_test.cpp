// What a receiver sees of an event, and what is stored of that.
#include "endpoint.hpp"

#include <castiel_sync/json.hpp>
#include <castiel_sync/webhooks/signature.hpp>
#include <core/webhook_rules.hpp>
#include <engine/documents.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

const std::string url = "https://receiver.test/hook";

WebhookWorld& started(WebhookWorld& world) {
    world.add("one").start();
    return world;
}

} // namespace

TEST_CASE("an event is delivered once, signed, and its attempt is on record (I24, I25)") {
    WebhookWorld world;
    started(world);
    const Webhook webhook = world.endpoint(url);
    const Event event = world.tell("integration.sync.completed", {{"recordsCreated", 7}});
    world.run_for(1s);
    const auto seen = world.receivers->seen(url);
    REQUIRE(seen.size() == 1);
    const HttpCall& call = seen.front().call;
    CHECK(call.method == "POST");
    CHECK(header(call, "webhook-id") == event.id);
    CHECK(header(call, "content-type") == "application/json");
    const std::int64_t timestamp = std::stoll(header(call, "webhook-timestamp"));
    const auto key = parse_webhook_secret(world.secrets.front());
    CHECK(header(call, "webhook-signature") == sign_webhook(*key, event.id, timestamp, call.body));
    const auto body = parse_json_object(call.body).value();
    CHECK(body.at("type") == "integration.sync.completed");
    CHECK(body.at("data").at("recordsCreated") == 7);
    CHECK(body.at("data").at("integrationId").as_string() == integration);

    const WebhookDelivery delivery = world.delivery(webhook, event);
    CHECK(delivery.state == WebhookDeliveryState::delivered);
    REQUIRE(delivery.attempts.size() == 1);
    CHECK(delivery.attempts.front().state == WebhookAttempt::State::succeeded);
    CHECK(delivery.attempts.front().status == 204);
    CHECK(delivery.attempts.front().took == 5ms);
    world.run_for(48h);
    CHECK(world.receivers->seen().size() == 1);
    world.processes.front()->stop();
}

TEST_CASE("events go to the endpoints that take them, each for itself") {
    WebhookWorld world;
    started(world);
    const auto only = [](std::string event) {
        return [event = std::move(event)](WebhookSettings& settings) { settings.events = {event}; };
    };
    world.endpoint("https://a.test/", only("integration.sync.*"));
    world.endpoint("https://b.test/", only("integration.conflict.detected"));
    world.endpoint("https://c.test/", [](WebhookSettings& settings) {
        Filter filter;
        filter.field = "entityType";
        filter.value = "contacts";
        settings.filters.push_back(filter);
    });
    world.endpoint("https://d.test/", [](WebhookSettings& settings) { settings.active = false; });
    world.endpoint("https://e.test/", [](WebhookSettings& settings) {
        settings.integration_id = "33333333-3333-4333-8333-333333333333";
    });
    world.tell("integration.sync.failed", {{"entityType", "companies"}});
    world.tell("integration.conflict.detected", {{"entityType", "contacts"}});
    world.run_for(1s);
    CHECK(world.receivers->seen("https://a.test/").size() == 1);
    CHECK(world.receivers->seen("https://b.test/").size() == 1);
    CHECK(world.receivers->seen("https://c.test/").size() == 1);
    CHECK(world.receivers->seen("https://d.test/").empty());
    CHECK(world.receivers->seen("https://e.test/").empty());
    world.processes.front()->stop();
}

TEST_CASE("a receiver that fails is tried again by the schedule with the same id and body, and given up at its end "
          "(I24, I26)") {
    WebhookWorld world;
    started(world);
    world.receivers->at(url).answer = [](const HttpCall&) {
        HttpAnswer answer = status(500);
        answer.body = "no";
        return Result<HttpAnswer>(answer);
    };
    const Webhook webhook = world.endpoint(url);
    const Event event = world.tell("integration.sync.completed");
    world.run_for(72h);
    const auto seen = world.receivers->seen(url);
    REQUIRE(seen.size() == world.rules.waits.size() + 1);
    for (std::size_t i = 1; i < seen.size(); ++i) {
        CHECK(header(seen[i].call, "webhook-id") == event.id);
        CHECK(seen[i].call.body == seen.front().call.body);
        CHECK(header(seen[i].call, "webhook-timestamp") != header(seen[i - 1].call, "webhook-timestamp"));
        const auto gap = seen[i].at - seen[i - 1].at;
        CHECK(gap >= world.rules.waits[i - 1] * 8 / 10);
        CHECK(gap <= world.rules.waits[i - 1] * 12 / 10 + 1s);
    }
    const WebhookDelivery delivery = world.delivery(webhook, event);
    CHECK(delivery.state == WebhookDeliveryState::exhausted);
    CHECK(delivery.attempt_count == seen.size());
    CHECK(delivery.attempts.back().status == 500);
    CHECK(delivery.attempts.back().answer == "no");
    world.processes.front()->stop();
}

TEST_CASE("a receiver that answers 410 is switched off at once, and what waits for it is cancelled (I24, I27)") {
    WebhookWorld world;
    world.add("one");
    const Webhook webhook = world.endpoint(url, [](WebhookSettings& settings) { settings.max_in_flight = 1; });
    std::vector<Event> events;
    for (int i = 0; i < 5; ++i) events.push_back(world.tell("integration.sync.completed"));
    world.receivers->at(url).answer = [](const HttpCall&) { return status(410); };
    world.processes.front()->start();
    world.run_for(1h);
    CHECK(world.receivers->seen(url).size() == 1);
    const Webhook after = world.find(webhook);
    CHECK(!after.settings.active);
    CHECK(after.disabled_reason == WebhookDisabledReason::gone);
    for (const Event& event : events) CHECK(world.delivery(webhook, event).state == WebhookDeliveryState::cancelled);
    world.tell("integration.sync.completed");
    world.run_for(1h);
    CHECK(world.receivers->seen(url).size() == 1);
    const auto outbox = world.loop.run(world.store->query(tenant, "outbox", Query()));
    REQUIRE(outbox->documents.size() == 1);
    const Event told = from_document<Event>(outbox->documents.front()).value();
    CHECK(told.type == "integration.webhook.disabled");
    CHECK(told.sequence == 1);
    CHECK(told.data.at("webhookId").as_string() == webhook.webhook_id);
    CHECK(told.data.at("reason") == "gone");
    world.processes.front()->stop();
}

TEST_CASE("a receiver that hangs holds up no other one, and no more than its share of requests (I21)") {
    WebhookWorld world;
    started(world);
    world.receivers->at("https://slow.test/").takes = 1h;
    world.endpoint("https://slow.test/");
    world.endpoint("https://fast.test/");
    for (int i = 0; i < 100; ++i) world.tell("integration.sync.completed");
    world.run_for(2s);
    CHECK(world.receivers->seen("https://fast.test/").size() == 100);
    CHECK(world.receivers->most_at_once("https://slow.test/") == 10);
    CHECK(world.receivers->most_at_once("https://fast.test/") <= 10);
    world.processes.front()->stop();
}

TEST_CASE("a rate holds: no more attempts begin than it allows") {
    WebhookWorld world;
    started(world);
    const Webhook webhook = world.endpoint(url, [](WebhookSettings& settings) { settings.rate_per_minute = 60; });
    for (int i = 0; i < 200; ++i) world.tell("integration.sync.completed");
    world.run_for(60s);
    CHECK(world.receivers->seen(url).size() >= 59);
    CHECK(world.receivers->seen(url).size() <= 62);
    world.run_for(200s);
    CHECK(world.deliveries(webhook, "delivered").size() == 200);
    world.processes.front()->stop();
}

TEST_CASE("a receiver that fails everything is left alone, and asked by one request at a time until it works") {
    WebhookWorld world;
    started(world);
    bool works = false;
    world.receivers->at(url).answer = [&works](const HttpCall&) { return status(works ? 204 : 500); };
    const Webhook webhook = world.endpoint(url);
    for (int i = 0; i < 200; ++i) world.tell("integration.sync.completed");
    world.run_for(29s);
    const std::size_t before = world.receivers->seen(url).size();
    CHECK(before >= WebhookBreaker::least_attempts);
    CHECK(before <= WebhookBreaker::least_attempts + 10); // what was under way
    world.run_for(60s);
    CHECK(world.receivers->seen(url).size() == before + 1);
    works = true;
    world.run_for(60s);
    CHECK(world.receivers->seen(url).size() > before + 50);
    world.run_for(1h);
    CHECK(world.deliveries(webhook, "delivered").size() == 200);
    world.processes.front()->stop();
}

TEST_CASE("a connection that can't be opened is tried once more at once, without another attempt being counted") {
    WebhookWorld world;
    started(world);
    int calls = 0;
    world.receivers->at(url).answer = [&calls](const HttpCall&) -> Result<HttpAnswer> {
        if (++calls == 1) return Error(ErrorCode::unavailable, "connection refused");
        return status(204);
    };
    const Webhook webhook = world.endpoint(url);
    const Event event = world.tell("integration.sync.completed");
    world.run_for(1s);
    CHECK(calls == 2);
    CHECK(world.delivery(webhook, event).state == WebhookDeliveryState::delivered);
    CHECK(world.delivery(webhook, event).attempt_count == 1);
    world.processes.front()->stop();
}

TEST_CASE("a clock that is put back by a day holds nothing up by a day") {
    WebhookWorld world;
    started(world);
    world.receivers->at(url).answer = [&world](const HttpCall&) {
        return status(world.receivers->seen(url).size() == 1 ? 500 : 204);
    };
    const Webhook webhook = world.endpoint(url);
    const Event event = world.tell("integration.sync.completed");
    world.run_for(1s);
    world.processes.front()->process.jump_clock(-24h);
    world.run_for(3min);
    CHECK(world.delivery(webhook, event).state == WebhookDeliveryState::delivered);
    world.processes.front()->stop();
}

TEST_CASE("a clock that is put forward by a day floods no receiver") {
    WebhookWorld world;
    started(world);
    world.receivers->at(url).answer = [](const HttpCall&) { return status(500); };
    world.endpoint(url, [](WebhookSettings& settings) { settings.rate_per_minute = 60; });
    for (int i = 0; i < 100; ++i) world.tell("integration.sync.completed");
    world.run_for(10min);
    const std::size_t before = world.receivers->seen(url).size();
    world.processes.front()->process.jump_clock(24h);
    world.run_for(1min);
    CHECK(world.receivers->seen(url).size() <= before + 62);
    world.processes.front()->stop();
}

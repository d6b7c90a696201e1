// What owners do with endpoints and deliveries.
#include "endpoint.hpp"

#include <castiel_sync/webhooks/signature.hpp>

#include <doctest/doctest.h>

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

const std::string url = "https://receiver.test/hook";
const std::string other_tenant = "99999999-9999-4999-8999-999999999999";

WebhookSettings settings_of(const std::string& target) {
    WebhookSettings settings;
    settings.integration_id = integration;
    settings.url = target;
    settings.events = {"*"};
    return settings;
}

Error refused(WebhookWorld& world, WebhookSettings settings) {
    auto made = world.loop.run(world.processes.front()->webhooks->create(tenant, std::move(settings), "", ""));
    REQUIRE(!made.has_value());
    CHECK(made.error().code == ErrorCode::invalid_request);
    return made.error();
}

} // namespace

TEST_CASE("a setting that can't be is refused, and the message names it and the rule (I28)") {
    WebhookWorld world;
    world.add("one");
    for (const char* bad : {"http://receiver.test/", "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1/",
                            "https://0x7f000001/", "https://127.1/", "https://169.254.169.254/latest",
                            "https://user:word@receiver.test/", "https://receiver.test:22/", "ftp://receiver.test/",
                            "receiver.test", ""}) {
        const Error error = refused(world, settings_of(bad));
        CHECK_MESSAGE(error.message.starts_with("url: "), error.message);
    }
    WebhookSettings settings = settings_of(url);
    settings.events.clear();
    CHECK(refused(world, settings).message.starts_with("events: "));
    settings.events = {"integration sync"};
    CHECK(refused(world, settings).message.starts_with("events: "));
    settings = settings_of(url);
    settings.max_in_flight = 101;
    CHECK(refused(world, settings).message.starts_with("maxInFlight: "));
    for (const char* name : {"Host", "webhook-id", "Content-Length", "transfer-encoding", "", "a b"}) {
        settings = settings_of(url);
        settings.headers.emplace_back(name, "x");
        CHECK_MESSAGE(refused(world, settings).message.starts_with("headers: "), name);
    }
    settings = settings_of(url);
    settings.headers.emplace_back("X-Key", "a\r\nwebhook-id: b");
    CHECK(refused(world, settings).message.starts_with("headers: "));
}

TEST_CASE("a secret and the values of headers are not in the store in clear (I23)") {
    WebhookWorld world;
    world.add("one").start();
    const Webhook webhook = world.endpoint(
        url, [](WebhookSettings& settings) { settings.headers.emplace_back("Authorization", "Bearer canary"); });
    auto page = world.loop.run(world.store->query(tenant, "webhook", Query()));
    REQUIRE(page->documents.size() == 1);
    CHECK(page->documents.front().body.find("canary") == std::string::npos);
    CHECK(page->documents.front().body.find(world.secrets.front().substr(6)) == std::string::npos);
    world.tell("integration.sync.completed");
    world.run_for(1s);
    CHECK(header(world.receivers->seen(url).front().call, "authorization") == "Bearer canary");
    CHECK(world.find(webhook).settings.headers.front().value == "Bearer canary");
    world.processes.front()->stop();
}

TEST_CASE("nothing of another tenant's can be reached (I22)") {
    WebhookWorld world;
    Webhooks& webhooks = *world.add("one").webhooks;
    const Webhook webhook = world.endpoint(url);
    const Event event = world.tell("integration.sync.completed");
    const std::string id = webhook.webhook_id;
    const std::string delivery = world.delivery(webhook, event).delivery_id;
    SimLoop& loop = world.loop;
    CHECK(loop.run(webhooks.find(other_tenant, id)).error().code == ErrorCode::not_found);
    CHECK(loop.run(webhooks.list(other_tenant, integration))->empty());
    CHECK(loop.run(webhooks.remove(other_tenant, id)).error().code == ErrorCode::not_found);
    CHECK(loop.run(webhooks.rotate_secret(other_tenant, id, "")).error().code == ErrorCode::not_found);
    CHECK(loop.run(webhooks.test(other_tenant, id)).error().code == ErrorCode::not_found);
    CHECK(loop.run(webhooks.find_delivery(other_tenant, id, delivery)).error().code == ErrorCode::not_found);
    CHECK(loop.run(webhooks.redeliver(other_tenant, id, delivery)).error().code == ErrorCode::not_found);
}

TEST_CASE("while a secret is changed both sign, and then the new one alone") {
    WebhookWorld world;
    Webhooks& webhooks = *world.add("one").webhooks;
    world.processes.front()->start();
    const Webhook webhook = world.endpoint(url);
    const auto rotated = world.loop.run(webhooks.rotate_secret(tenant, webhook.webhook_id, ""));
    REQUIRE(rotated.has_value());
    CHECK(rotated->secret != world.secrets.front());
    const auto signature = [&](const std::string& secret, const HttpCall& call) {
        return sign_webhook(parse_webhook_secret(secret).value(), header(call, "webhook-id"),
                            std::stoll(header(call, "webhook-timestamp")), call.body);
    };
    world.tell("integration.sync.completed");
    world.run_for(25h);
    world.tell("integration.sync.completed");
    world.run_for(1s);
    const auto seen = world.receivers->seen(url);
    REQUIRE(seen.size() == 2);
    CHECK(header(seen[0].call, "webhook-signature") ==
          signature(rotated->secret, seen[0].call) + " " + signature(world.secrets.front(), seen[0].call));
    CHECK(header(seen[1].call, "webhook-signature") == signature(rotated->secret, seen[1].call));
    world.processes.front()->stop();
}

TEST_CASE("an endpoint that is switched off, or removed, has what waits cancelled (I24)") {
    for (const bool removed : {false, true}) {
        CAPTURE(removed);
        WebhookWorld world;
        Webhooks& webhooks = *world.add("one").webhooks;
        world.receivers->at(url).answer = [](const HttpCall&) { return status(500); };
        const Webhook webhook = world.endpoint(url);
        for (int i = 0; i < 5; ++i) world.tell("integration.sync.completed");
        world.processes.front()->start();
        world.run_for(1s);
        const auto before = world.receivers->seen(url).size();
        const auto off = [](WebhookSettings& settings) {
            settings.active = false;
            return Result<>();
        };
        if (removed) CHECK(world.loop.run(webhooks.remove(tenant, webhook.webhook_id)).has_value());
        else CHECK(world.loop.run(webhooks.update(tenant, webhook.webhook_id, off)).has_value());
        world.run_for(48h);
        CHECK(world.receivers->seen(url).size() == before);
        auto page = world.loop.run(world.store->query(tenant, "webhook_delivery", Query()));
        REQUIRE(page->documents.size() == 5);
        for (const Document& document : page->documents)
            CHECK(std::get<std::string>(document.index[1]) == "cancelled");
        if (removed) CHECK(world.loop.run(world.store->query(tenant, "webhook", Query()))->documents.empty());
        else CHECK(world.find(webhook).disabled_reason == WebhookDisabledReason::owner);
        world.processes.front()->stop();
    }
}

TEST_CASE("a test event goes to this endpoint alone, whatever it takes") {
    WebhookWorld world;
    Webhooks& webhooks = *world.add("one").webhooks;
    world.processes.front()->start();
    const Webhook webhook =
        world.endpoint(url, [](WebhookSettings& settings) { settings.events = {"integration.sync.failed"}; });
    world.endpoint("https://other.test/");
    auto delivery = world.loop.run(webhooks.test(tenant, webhook.webhook_id));
    REQUIRE(delivery.has_value());
    world.run_for(1s);
    CHECK(world.receivers->seen().size() == 1);
    CHECK(world.deliveries(webhook, "delivered").size() == 1);
    CHECK(delivery->event_type == "integration.webhook.test");
    world.processes.front()->stop();
}

TEST_CASE("a delivery can be sent again, with the same id and body") {
    WebhookWorld world;
    Webhooks& webhooks = *world.add("one").webhooks;
    world.processes.front()->start();
    const Webhook webhook = world.endpoint(url);
    const Event event = world.tell("integration.sync.completed");
    world.run_for(1s);
    const std::string id = world.delivery(webhook, event).delivery_id;
    REQUIRE(world.loop.run(webhooks.redeliver(tenant, webhook.webhook_id, id)).has_value());
    world.run_for(1s);
    const auto seen = world.receivers->seen(url);
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].call.body == seen[1].call.body);
    const WebhookDelivery delivery = world.delivery(webhook, event);
    CHECK(delivery.state == WebhookDeliveryState::delivered);
    REQUIRE(delivery.attempts.size() == 2);
    CHECK(!delivery.attempts[0].manual);
    CHECK(delivery.attempts[1].manual);
    world.processes.front()->stop();
}

TEST_CASE("what an endpoint missed is recovered: counted first, then sent, and nothing that arrived") {
    WebhookWorld world;
    Webhooks& webhooks = *world.add("one").webhooks;
    world.processes.front()->start();
    const Webhook webhook = world.endpoint(url);
    const std::string id = webhook.webhook_id;
    const auto active = [](bool on) {
        return [on](WebhookSettings& settings) {
            settings.active = on;
            return Result<>();
        };
    };
    const Timestamp begin = world.clock.now();
    for (int i = 0; i < 3; ++i) world.tell("integration.sync.completed");
    world.run_for(1s);
    REQUIRE(world.loop.run(webhooks.update(tenant, id, active(false))).has_value());
    for (int i = 0; i < 4; ++i) world.tell("integration.sync.completed");
    world.run_for(1s);
    REQUIRE(world.loop.run(webhooks.update(tenant, id, active(true))).has_value());
    CHECK(world.receivers->seen(url).size() == 3);

    WebhookRecovery recovery;
    recovery.since = begin;
    recovery.dry_run = true;
    CHECK(world.loop.run(webhooks.recover(tenant, id, recovery)).value() == 4);
    world.run_for(1s);
    CHECK(world.receivers->seen(url).size() == 3);
    recovery.dry_run = false;
    CHECK(world.loop.run(webhooks.recover(tenant, id, recovery)).value() == 4);
    CHECK(world.loop.run(webhooks.recover(tenant, id, recovery)).value() == 0); // on their way
    world.run_for(1s);
    CHECK(world.receivers->seen(url).size() == 7);
    recovery.only_missing = false;
    CHECK(world.loop.run(webhooks.recover(tenant, id, recovery)).value() == 7);
    world.run_for(1s);
    CHECK(world.receivers->seen(url).size() == 14);
    recovery.since = begin - std::chrono::days(15);
    CHECK(world.loop.run(webhooks.recover(tenant, id, recovery)).error().code == ErrorCode::invalid_request);
    world.processes.front()->stop();
}

TEST_CASE("what was made of an event already is not made again, and the rest of it is (W1)") {
    WebhookWorld world;
    world.add("one");
    for (const char* target : {"https://a.test/", "https://b.test/"}) world.endpoint(target);
    Event event;
    event.id = make_uuid(*world.random);
    event.type = "integration.sync.completed";
    event.timestamp = world.clock.now();
    event.tenant_id = tenant;
    event.data["integrationId"] = integration;
    const auto writes = [&] { return world.loop.run(world.people->writes_for(tenant, {event})).value(); };
    auto first = writes();
    CHECK(first.size() == 3); // what is told, and two deliveries
    const auto commit = [&](std::vector<Write> some) {
        return world.loop.run(world.store->commit(tenant, std::move(some))).has_value();
    };
    CHECK(commit({first[0], first[1]}));
    CHECK(!commit(first));
    const auto rest = writes();
    REQUIRE(rest.size() == 1);
    CHECK(rest.front().document.id == first[2].document.id);
    CHECK(commit(rest));
    CHECK(writes().empty());
}

TEST_CASE("an endpoint that can't be read holds up no other, and what it misses is kept for it") {
    WebhookWorld world;
    world.add("one");
    const Webhook broken = world.endpoint("https://a.test/");
    auto documents = world.loop.run(world.store->read(tenant, "webhook", {broken.webhook_id}));
    Document document = **documents->begin();
    document.body = "{}";
    REQUIRE(world.loop.run(world.store->commit(tenant, {replace(document)})).has_value());
    Event event;
    event.id = make_uuid(*world.random);
    event.type = "integration.sync.completed";
    event.timestamp = world.clock.now();
    event.tenant_id = tenant;
    event.data["integrationId"] = integration;
    const auto writes = world.loop.run(world.people->writes_for(tenant, {event}));
    REQUIRE(writes.has_value());
    REQUIRE(writes->size() == 1);
    CHECK(writes->front().document.kind == "webhook_message");
}

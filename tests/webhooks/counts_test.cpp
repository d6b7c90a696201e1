// What whoever watches over an installation is told of webhooks.
#include "endpoint.hpp"

#include <castiel_sync/webhooks/survey.hpp>

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

using EndpointCounts = WebhookDispatcher::EndpointCounts;

// With nothing in it: it has no place of its own.
EndpointCounts counts_of(const WebhookWorld& world, const std::string& webhook_id) {
    for (const EndpointCounts& counts : world.processes.front()->dispatcher->endpoint_counts())
        if (counts.webhook_id == webhook_id) return counts;
    return {};
}

WebhookSurvey look(WebhookWorld& world, WebhookSurveyLimits limits = {}) {
    auto figures = world.loop.run(survey_webhooks(*world.store, limits));
    REQUIRE_MESSAGE(figures.has_value(), figures.error().message);
    return *figures;
}

} // namespace

TEST_CASE("attempts are counted by endpoint, those that succeeded and those that failed") {
    WebhookWorld world;
    world.add("one").start();
    const Webhook good = world.endpoint("https://good.test/");
    const Webhook bad = world.endpoint("https://bad.test/");
    world.receivers->at("https://bad.test/").answer = [](const HttpCall&) { return status(500); };
    CHECK(world.processes.front()->dispatcher->endpoint_counts().size() == 1);
    world.tell("integration.sync.completed");
    world.tell("integration.sync.completed");
    world.run_for(1s);
    CHECK(counts_of(world, good.webhook_id).delivered == 2);
    CHECK(counts_of(world, good.webhook_id).failed == 0);
    CHECK(counts_of(world, bad.webhook_id).delivered == 0);
    CHECK(counts_of(world, bad.webhook_id).failed == 2);
    CHECK(counts_of(world, "").delivered + counts_of(world, "").failed == 0);
    CHECK(world.processes.front()->dispatcher->endpoint_counts().size() == 3);
    world.processes.front()->stop();
}

TEST_CASE("endpoints without a place are counted together, until one that has a place falls silent") {
    WebhookWorld world;
    world.limits.max_counted_endpoints = 2;
    world.limits.counted_for = 60min;
    world.add("one").start();
    std::vector<std::string> ids;
    for (const char* event : {"a", "b", "c"})
        ids.push_back(world
                          .endpoint("https://" + std::string(event) + ".test/",
                                    [&](WebhookSettings& settings) { settings.events = {event}; })
                          .webhook_id);
    const auto tell = [&](const char* event) {
        world.tell(event);
        world.run_for(1s);
    };
    tell("a");
    tell("b");
    tell("c");
    CHECK(counts_of(world, ids[0]).delivered == 1);
    CHECK(counts_of(world, ids[1]).delivered == 1);
    CHECK(counts_of(world, ids[2]).delivered == 0);
    CHECK(counts_of(world, "").delivered == 1);

    // One that keeps its place is not told of while it is silent, and goes on from where it stood.
    world.run_for(50min);
    tell("a");
    world.run_for(20min);
    CHECK(counts_of(world, ids[0]).delivered == 2);
    CHECK(counts_of(world, ids[1]).delivered == 0);
    tell("b");
    CHECK(counts_of(world, ids[1]).delivered == 2);

    tell("c");
    CHECK(counts_of(world, "").delivered == 2);
    world.run_for(50min);
    tell("b");
    world.run_for(20min);
    tell("c");
    CHECK(counts_of(world, ids[0]).delivered == 0);
    CHECK(counts_of(world, ids[1]).delivered == 3);
    CHECK(counts_of(world, ids[2]).delivered == 1);
    CHECK(counts_of(world, "").delivered == 2);
    CHECK(world.processes.front()->dispatcher->counts().delivered == 8);
    world.processes.front()->stop();
}

TEST_CASE("a survey counts the endpoints of all tenants by their state, and the deliveries that wait") {
    WebhookWorld world;
    CHECK(look(world).active + look(world).waiting == 0);
    world.add("one").start();
    const Webhook good = world.endpoint("https://good.test/");
    world.endpoint("https://bad.test/");
    world.endpoint("https://gone.test/");
    world.endpoint("https://off.test/", [](WebhookSettings& settings) { settings.active = false; });
    world.receivers->at("https://bad.test/").answer = [](const HttpCall&) { return status(500); };
    world.receivers->at("https://gone.test/").answer = [](const HttpCall&) { return status(410); };
    const std::string other_tenant = "55555555-5555-4555-8555-555555555555";
    REQUIRE(world.loop.run(world.people->create(other_tenant, good.settings, "", "")).has_value());
    const Webhook removed = world.endpoint("https://removed.test/");
    world.tell("integration.sync.completed");
    world.run_for(1s);
    REQUIRE(world.loop.run(world.people->remove(tenant, removed.webhook_id)).has_value());
    world.run_for(1s);
    const WebhookSurvey figures = look(world);
    CHECK(figures.complete);
    CHECK(figures.active == 3);
    CHECK(figures.failing == 1);
    CHECK(figures.disabled == std::map<WebhookDisabledReason, std::uint64_t>{{WebhookDisabledReason::owner, 1},
                                                                             {WebhookDisabledReason::gone, 1}});
    CHECK(figures.waiting == 1);
    world.processes.front()->stop();
}

TEST_CASE("a survey reads no more than it may") {
    WebhookWorld world;
    for (int i = 0; i < 3; ++i)
        world.endpoint("https://receiver.test/" + std::to_string(i));
    for (int i = 0; i < 5; ++i)
        world.tell("integration.sync.completed");
    CHECK(look(world).waiting == 15);
    WebhookSurveyLimits limits;
    limits.max_waiting = 4;
    CHECK(look(world, limits).waiting == 4);
    limits.page_documents = 1;
    limits.max_pages = 2;
    CHECK_FALSE(look(world, limits).complete);
    CHECK(look(world, limits).active == 2);
}

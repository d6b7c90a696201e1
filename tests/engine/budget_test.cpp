// The request budget of an account, over all who use it.
#include "world.hpp"

#include <algorithm>
#include <deque>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

Integration limited(std::size_t per_minute) {
    Integration integration = contacts_integration();
    integration.rate_limit.per_minute = per_minute;
    return integration;
}

AdapterCapabilities in_small_pages() {
    AdapterCapabilities capabilities = able(true);
    capabilities.max_page_records = 2;
    return capabilities;
}

Async<void> run_into(Engine& engine, SyncRequest request, std::vector<Execution>& ended) {
    auto executions = co_await engine.run(std::move(request));
    if (executions) ended = std::move(*executions);
}

struct Requests {
    explicit Requests(World& world) {
        world.source.on_request([this, &world](const std::string&) { at.push_back(world.loop.now()); });
    }
    [[nodiscard]] std::size_t most_in_a_minute() const {
        std::size_t most = 0;
        for (std::size_t first = 0, last = 0; last < at.size(); ++last) {
            while (at[first] + 60s <= at[last]) ++first;
            most = std::max(most, last - first + 1);
        }
        return most;
    }
    std::vector<std::chrono::nanoseconds> at;
};

} // namespace

TEST_CASE("a long sync keeps to the budget of its account, and comes to its end (I20)") {
    World world(limited(20), in_small_pages(), able(true));
    create_people(world, 60);
    const Requests requests(world);
    const Execution ended = world.sync_well();
    CHECK(ended.counters.created == 60);
    CHECK(requests.at.size() >= 30);
    CHECK(requests.most_in_a_minute() <= 20);
    CHECK(world.loop.now() > 60s);
}

TEST_CASE("instances and integrations that share an account share its budget, others do not (I20)") {
    World world(limited(20), in_small_pages(), able(true));
    bool shared = false;
    SUBCASE("the same credentials") { shared = true; }
    SUBCASE("others") {}
    std::vector<Integration> integrations{limited(20), limited(20)};
    integrations[0].credential_secret_name = "crm";
    integrations[1].id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a02";
    integrations[1].credential_secret_name = shared ? "crm" : "another";
    integrations[1].sync.entity_mappings[0].external_entity = "people";
    integrations[1].sync.entity_mappings[0].shard_type_id = "person";
    const auto secrets = [](const std::string&) -> Result<json::object> { return json::object(); };
    world.catalog = make_fixed_catalog(integrations, secrets);
    const auto one = world.make_engine("one"), other = world.make_engine("other");
    create_people(world, 60);
    for (int i = 0; i < 60; ++i)
        world.source.create("people", person(fmt::format("q{}@x", i).c_str(), "N"));
    const Requests requests(world);
    std::vector<Execution> first, second;
    SyncRequest request = world.request();
    request.integration_id = integrations[1].id;
    world.loop.spawn(run_into(*one, world.request(), first));
    world.loop.spawn(run_into(*other, std::move(request), second));
    world.loop.run_for(1h);
    REQUIRE(first.size() == 1);
    REQUIRE(second.size() == 1);
    CHECK(first[0].status == SyncStatus::completed);
    CHECK(second[0].status == SyncStatus::completed);
    CHECK((requests.most_in_a_minute() <= 20) == shared);
}

TEST_CASE("a budget that is used up for long fails the execution as throttled, and says until when") {
    Integration integration = limited(1'000);
    integration.rate_limit.per_hour = 5;
    World world(integration, in_small_pages(), able(true));
    create_people(world, 60);
    const Requests requests(world);
    const Execution ended = world.sync();
    CHECK(ended.status == SyncStatus::failed);
    REQUIRE(ended.error.has_value());
    CHECK(ended.error->code == ErrorCode::throttled);
    REQUIRE(ended.error->retry_after.has_value());
    CHECK(*ended.error->retry_after > 50min);
    CHECK(requests.at.size() == 5);
}

TEST_CASE("a task whose account's hour is used up waits for the next one, and never fails for that (I16, I20)") {
    Integration integration = contacts_integration();
    integration.rate_limit.per_hour = 10;
    World world(integration, in_small_pages(), able(true));
    world.limits.max_stream_failures = 2;
    world.limits.min_interval = 0ms;
    world.rebuild();
    create_people(world, 60);
    auto task = world.loop.run(world.engine->create_task(world.request(), TaskOptions()));
    REQUIRE(task.has_value());
    int waits = 0;
    while (!is_terminal(task->status) && waits < 100) {
        task = world.loop.run(world.engine->run_task(tenant, task->task_id));
        REQUIRE_MESSAGE(task.has_value(), task.error().message);
        if (!task->not_before) continue;
        CHECK(*task->not_before > world.clock.now() + 30s);
        ++waits;
        world.loop.run_for(*task->not_before - world.clock.now());
    }
    CHECK(task->status == SyncStatus::completed);
    CHECK(waits > 2);
    CHECK(world.target.ids("contact").size() == 60);
}

TEST_CASE("a budget that the store can't tell is none: nothing is sent (I20)") {
    World world(limited(100));
    const Requests requests(world);
    world.commits.next = {Fate::arrives, Fate::refused, Fate::refused, Fate::refused, Fate::refused, Fate::refused};
    const Execution ended = world.sync();
    CHECK(ended.status == SyncStatus::failed);
    CHECK(requests.at.empty());
}

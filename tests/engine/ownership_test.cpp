// Two instances, one stream: which of them may go on.
#include "world.hpp"

#include <utility>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

using namespace std::chrono_literals;

Async<void> run_into(Engine& engine, SyncRequest request, std::vector<Execution>& ended) {
    auto executions = co_await engine.run(std::move(request));
    if (executions) ended = std::move(*executions);
}

} // namespace

TEST_CASE("a stream that another instance holds is left to it until its lease has run out (I19)") {
    World world;
    world.source.create("contacts", person("a@x", "A"));
    world.to_target.pushes.next = {Fate::dies_before};
    CHECK_THROWS_AS(world.sync(), ProcessDied);
    world.process.dead = false; // another process, that is, and the dead one's lease has not run out
    const auto other = world.make_engine("other");

    const auto early = world.loop.run(other->run(world.request()));
    REQUIRE(early.has_value());
    REQUIRE(early->size() == 1);
    CHECK(early->front().status == SyncStatus::pending);
    REQUIRE(early->front().error.has_value());
    CHECK(early->front().error->code == ErrorCode::busy);
    CHECK(world.target.ids("contact").empty());

    world.loop.run_for(world.limits.lease_duration);
    const auto later = world.loop.run(other->run(world.request()));
    REQUIRE(later.has_value());
    CHECK(later->back().status == SyncStatus::completed);
    CHECK(world.target.ids("contact").size() == 1);
}

TEST_CASE("who waited longer than its lease lasts sends nothing more once another instance has taken over (I19)") {
    AdapterCapabilities one_by_one = able(true);
    one_by_one.max_push_records = 1;
    World world(contacts_integration(), able(false), one_by_one);
    world.source.create("contacts", person("a@x", "A"));
    world.source.create("contacts", person("b@x", "B"));
    bool first = true;
    world.to_target.passes = [&]() -> Async<void> {
        if (std::exchange(first, false)) co_await world.clock.sleep_for(2 * world.limits.lease_duration);
    };
    std::vector<Execution> slow;
    world.loop.spawn(run_into(*world.engine, world.request(), slow));
    // Until its first push is on its way. A moment longer than its lease, which its last commit renewed.
    for (int i = 0; i < 10'000 && world.to_target.sent.empty(); ++i) world.loop.run_for(1ms);
    REQUIRE_FALSE(world.to_target.sent.empty());
    world.loop.run_for(world.limits.lease_duration + 1ms);
    REQUIRE(slow.empty());

    const auto other = world.make_engine("other");
    const auto taken_over = world.loop.run(other->run(world.request()));
    REQUIRE(taken_over.has_value());
    REQUIRE(taken_over->back().status == SyncStatus::completed);
    const auto sent = world.to_target.sent.size();

    world.loop.run_until_idle();
    CHECK(world.to_target.sent.size() == sent);
    REQUIRE(slow.size() == 1);
    REQUIRE(slow.front().error.has_value());
    CHECK(slow.front().error->code == ErrorCode::lease_lost);
}

TEST_CASE("a page of slow pushes keeps its stream, however long all of them take (I6, I19)") {
    AdapterCapabilities one_by_one = able(true);
    one_by_one.max_push_records = 1;
    World world(contacts_integration(), able(false), one_by_one);
    create_people(world, 20);
    world.to_target.passes = [&] { return world.loop.sleep(world.limits.lease_duration / 3); };
    std::vector<Execution> slow;
    world.loop.spawn(run_into(*world.engine, world.request(), slow));
    const auto other = world.make_engine("other");
    int refused = 0;
    for (int i = 0; i < 100 && slow.empty(); ++i) {
        world.loop.run_for(world.limits.lease_duration / 2);
        const auto tried = world.loop.run(other->run(world.request()));
        REQUIRE(tried.has_value());
        refused += tried->front().status == SyncStatus::pending ? 1 : 0;
    }
    REQUIRE(slow.size() == 1);
    CHECK(refused > 5);
    CHECK(slow.front().status == SyncStatus::completed);
    CHECK(slow.front().counters.created == 20);
    CHECK(world.target.ids("contact").size() == 20);
}

TEST_CASE("what a create made after its stream was taken over is a person's to look at, and not copied back (I6)") {
    World world(without_match_keys(), able(true), creates(false, true));
    world.source.create("contacts", person("a@x", "A"));
    int pushes = 0;
    world.to_target.passes = [&] { return world.loop.sleep(++pushes == 1 ? 3 * world.limits.lease_duration : 0ms); };
    std::vector<Execution> slow;
    world.loop.spawn(run_into(*world.engine, world.request(), slow));
    world.loop.run_for(2 * world.limits.lease_duration);
    const auto other = world.make_engine("other");
    const auto taken_over = world.loop.run(other->run(world.request()));
    REQUIRE(taken_over.has_value());
    REQUIRE(taken_over->back().counters.created == 1);
    world.loop.run_until_idle();
    REQUIRE(slow.size() == 1);
    REQUIRE(slow.front().error.has_value());
    CHECK(slow.front().error->code == ErrorCode::lease_lost);
    REQUIRE(world.target.ids("contact").size() == 2);

    for (int i = 0; i < 2; ++i) world.sync_well();
    const auto parked = world.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].record_id == world.target.ids("contact").back());
    CHECK(parked[0].reason.message.starts_with("possible_duplicate"));
    CHECK(world.source.ids("contacts").size() == 1);
    CHECK(world.stream().parked == 1);

    SUBCASE("deleted over there, nothing is left of it") {
        world.target.remove("contact", world.target.ids("contact").back());
        world.sync_well();
        CHECK(world.parked().empty());
        CHECK(world.source.ids("contacts").size() == 1);
    }
    SUBCASE("retried, it is a record of its own") {
        auto retried = world.loop.run(world.engine->retry_parked(tenant, parked[0].parked_id, {}));
        REQUIRE(retried.has_value());
        CHECK_FALSE(retried->has_value());
        CHECK(world.source.ids("contacts").size() == 2);
        CHECK(world.stream().links == 2);
    }
}

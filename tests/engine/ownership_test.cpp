// Two instances, one stream: which of them may go on.
#include "world.hpp"

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
    World world;
    world.to_target.refused_for = world.limits.retry_cap = 2 * world.limits.lease_duration;
    world.rebuild();
    world.source.create("contacts", person("a@x", "A"));
    world.to_target.pushes.next = {Fate::refused};
    std::vector<Execution> slow;
    world.loop.spawn(run_into(*world.engine, world.request(), slow));
    // Until it is refused and waits. A moment longer than its lease, which its last commit renewed.
    while (world.to_target.sent.empty()) world.loop.run_for(1ms);
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

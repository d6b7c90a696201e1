// What a run that was asked for does: on a stream that stands still, beside an unfinished cycle, with lost commits.
#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

std::size_t told(const World& world, std::string_view type, const Execution& execution) {
    const auto events = world.events(type);
    return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), [&](const Event& event) {
        return event.data.at("executionId").as_string() == execution.execution_id;
    }));
}

void begins_and_fails_once(World& world) {
    const auto position = world.source.position() + world.target.position();
    const Execution run = world.sync();
    CHECK(run.status == SyncStatus::failed);
    REQUIRE(run.error.has_value());
    CHECK(run.error->code == ErrorCode::latched);
    CHECK(told(world, "integration.sync.started", run) == 1);
    CHECK(told(world, "integration.sync.failed", run) == 1);
    CHECK(told(world, "integration.sync.completed", run) == 0);
    const auto found = world.loop.run(world.engine->find_execution(tenant, run.execution_id));
    REQUIRE(found.has_value());
    CHECK(found->status == SyncStatus::failed);
    CHECK(found->completed_at.has_value());
    CHECK_FALSE(world.stream().running);
    CHECK(world.source.position() + world.target.position() == position);
    CHECK(world.sink.faults().empty());
}

std::string shard_name(World& world, const std::string& source_id) {
    for (const auto& link : world.live_links())
        if (link.source_id == source_id)
            return std::string(world.target.find("contact", link.target_id)->at("name").as_string());
    return {};
}

// What the stream says of itself against what is there.
void counts_agree(World& world) {
    const auto streams = world.stored<StreamDocument>("stream");
    REQUIRE(streams.size() == 1);
    const StreamDocument& stream = streams.front();
    CHECK(stream.links == world.live_links().size());
    CHECK(stream.parked == world.stored<ParkedRecord>("parked").size());
    std::uint64_t open = 0;
    for (const auto& conflict : world.stored<Conflict>("conflict")) open += conflict.state == ConflictState::open;
    CHECK(stream.open_conflicts == open);
    std::array<std::uint64_t, 2> candidates{};
    for (const auto& candidate : world.stored<Candidate>("candidate")) ++candidates[index_of(candidate.side)];
    CHECK(stream.candidates == candidates);
    CHECK(world.stream().links == stream.links);
    CHECK(world.stream().open_conflicts == stream.open_conflicts);
    CHECK(world.stream().parked == stream.parked);
}

} // namespace

TEST_CASE("what a write without answer was sent over is told although its record is deleted before it is linked (I2)") {
    Integration integration = contacts_integration();
    integration.sync.initial_strategy = Strategy::target_wins;
    World world(integration);
    const auto id = world.source.create("contacts", person("a@x", "Mine"));
    world.target.create("contact", {{"email", "a@x"}, {"name", "Theirs"}});
    world.to_source.pushes.next = {Fate::answer_lost};
    world.to_source.meanwhile = [&] { world.source.remove("contacts", id); };
    for (int i = 0; i < 2; ++i) world.sync_well();
    const auto told = world.journal("attempted", Side::source);
    REQUIRE(told.size() == 1);
    REQUIRE(told[0].changes.size() == 1);
    CHECK(told[0].changes[0].before == json::value("Mine"));
    CHECK(world.stored<Intent>("intent").empty());
}

TEST_CASE("an execution on a latched stream begins and fails, and says so once each (I16)") {
    World world;
    const auto people = create_people(world, 40);
    world.sync_well();
    for (int i = 0; i < 15; ++i) world.source.remove("contacts", people[static_cast<std::size_t>(i)]);
    begins_and_fails_once(world); // the one that trips the rail
    REQUIRE(world.stream().latch.has_value());
    const auto latch = world.stream().latch->latch_id;
    begins_and_fails_once(world);
    begins_and_fails_once(world);
    CHECK(world.stream().latch->latch_id == latch);
}

TEST_CASE("an execution on a paused stream begins and fails, and says so once each (I16)") {
    World world;
    create_people(world, 2);
    world.sync_well();
    REQUIRE(world.loop.run(world.engine->pause_stream(tenant, world.stream().stream_id)).has_value());
    world.source.edit("contacts", world.source_id(), person("p0@x", "edited"));
    begins_and_fails_once(world);
    SUBCASE("also where the store answers nothing of it") {
        world.commits.next = {Fate::arrives};
        world.commits.otherwise = Fate::answer_lost;
        const Execution run = world.sync();
        world.heal();
        CHECK(run.error->code == ErrorCode::latched);
        REQUIRE(world.loop.run(world.engine->publish_events(tenant)).has_value());
        CHECK(told(world, "integration.sync.started", run) == 1);
        CHECK(told(world, "integration.sync.failed", run) == 1);
    }
    CHECK(world.stream().paused);
}

TEST_CASE("a run beside an unfinished cycle completes it, and reads what changed since (I10)") {
    World world;
    const auto people = create_people(world, 5);
    world.limits.page_records = 2;
    world.limits.max_records_per_sync = 3;
    world.rebuild();
    REQUIRE(world.sync_well().has_more);
    REQUIRE(shard_name(world, people[0]) == "N");
    world.source.edit("contacts", people[0], person("p0@x", "edited")); // the cycle has passed it
    SyncRequest rest = world.request();
    rest.resume = true;

    SUBCASE("in one go, where the cap lets it") {
        world.limits.max_records_per_sync = 100;
        world.rebuild();
        CHECK_FALSE(world.sync_well().has_more);
        CHECK(shard_name(world, people[0]) == "edited");
    }
    SUBCASE("or by whoever follows it to its end") {
        REQUIRE(world.sync_well().has_more);
        CHECK(shard_name(world, people[0]) == "N");
        int runs = 1;
        for (; world.sync(rest).has_more; ++runs) REQUIRE(runs < 10);
        CHECK(shard_name(world, people[0]) == "edited");
    }
    SUBCASE("one that only goes on ends with what the first began, and begins nothing") {
        const Execution run = world.sync(rest);
        CHECK(run.status == SyncStatus::completed);
        CHECK_FALSE(run.has_more);
        CHECK(world.stream().caught_up);
        CHECK(run.counters.processed == 2);
        CHECK(world.target.ids("contact").size() == 5);
        CHECK(shard_name(world, people[0]) == "N");
        world.limits.max_records_per_sync = 100;
        world.rebuild();
        CHECK_FALSE(world.sync_well().has_more);
        CHECK(shard_name(world, people[0]) == "edited");
    }
    CHECK(world.target.ids("contact").size() == 5);
    CHECK(world.stream().links == 5);
}

TEST_CASE("a stream counts what the store holds, whatever answers of its commits were lost (I17)") {
    for (const bool half_of_them_fail : {false, true}) {
        CAPTURE(half_of_them_fail);
        World world;
        const auto forgetful = [&] {
            world.commits.next = {Fate::arrives, Fate::arrives}; // the task, the claim
            for (int i = 0; i < 200; ++i)
                world.commits.next.push_back(half_of_them_fail && i % 2 == 0 ? Fate::request_lost : Fate::answer_lost);
        };
        Integration inbound = contacts_integration();
        inbound.sync.direction = Direction::inbound;
        world.use(inbound);
        const auto people = create_people(world, 4);
        world.target.create("contact", {{"email", "alone@x"}, {"name", "Alone"}}); // waits for a partner
        const auto unmappable = world.source.create("contacts", {{"mail", 7}, {"name", "no mail"}});
        forgetful();
        CHECK(world.sync().status == SyncStatus::completed);
        counts_agree(world);
        CHECK(world.stream().links == 4);
        CHECK(world.stream().parked == 1);
        CHECK(world.stored<Candidate>("candidate").size() == 1);

        world.use(contacts_integration());
        world.source.edit("contacts", people[0], person("p0@x", "S"));
        for (const auto& link : world.live_links())
            if (link.source_id == people[0])
                world.target.edit("contact", link.target_id, {{"email", "p0@x"}, {"name", "T"}});
        world.source.edit("contacts", unmappable, person("mended@x", "mended"));
        forgetful();
        CHECK(world.sync().status == SyncStatus::completed);
        counts_agree(world);
        CHECK(world.stream().links == 6);
        CHECK(world.stream().open_conflicts == 1);
        CHECK(world.stream().parked == 0);

        world.source.remove("contacts", people[3]);
        world.source.edit("contacts", people[0], person("p0@x", "T"));
        forgetful();
        CHECK(world.sync().status == SyncStatus::completed);
        world.heal();
        counts_agree(world);
        CHECK(world.stream().links == 5);
        CHECK(world.stream().open_conflicts == 0);
        REQUIRE(world.loop.run(world.engine->publish_events(tenant)).has_value());
        CHECK(world.sink.faults().empty());
        CHECK(world.events("integration.conflict.detected").size() == 1);
    }
}

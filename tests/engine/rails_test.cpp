#include "world.hpp"

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

std::string trip(World& world, Rail rail) {
    const Execution run = world.sync();
    REQUIRE(run.status == SyncStatus::failed);
    REQUIRE(run.error.has_value());
    CHECK(run.error->code == ErrorCode::latched);
    REQUIRE(world.stream().latch.has_value());
    CHECK(world.stream().latch->rail == rail);
    return world.stream().latch->latch_id;
}

} // namespace

TEST_CASE("too many deletions latch the stream before the first one, and an approval carries them out (I5)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        create_people(world, 40);
        world.sync_well();
        for (int i = 0; i < 15; ++i) world.source.remove("contacts", world.source_id());
        const std::string latch = trip(world, Rail::max_deletes);
        CHECK(world.stream().latch->count == 15);
        CHECK(world.target.ids("contact").size() == 40);
        const auto told = world.events("integration.stream.latched");
        REQUIRE(told.size() == 1);
        CHECK(told[0].data.at("latchId").as_string() == latch);
        CHECK(told[0].data.at("rail") == "max_deletes");
        CHECK(told[0].data.at("count") == 15);
        // It stands still until somebody answers.
        CHECK(world.sync().error->code == ErrorCode::latched);
        CHECK(world.target.ids("contact").size() == 40);
        REQUIRE(world.loop.run(world.engine->approve_latch(tenant, latch, "grace")).has_value());
        CHECK(world.sync_well().counters.deleted == 15);
        CHECK(world.target.ids("contact").size() == 25);
    }
}

TEST_CASE("a rejected mass deletion keeps the survivors and makes none of them again") {
    World world;
    create_people(world, 40);
    world.sync_well();
    for (int i = 0; i < 15; ++i) world.source.remove("contacts", world.source_id());
    const std::string latch = trip(world, Rail::max_deletes);
    REQUIRE(world.loop.run(world.engine->reject_latch(tenant, latch, "grace")).has_value());
    world.sync_well();
    world.sync_well();
    CHECK(world.target.ids("contact").size() == 40);
    CHECK(world.source.ids("contacts").size() == 25);
    CHECK(world.stream().links == 25);
}

TEST_CASE("an approval covers what was shown and no more") {
    World world;
    create_people(world, 40);
    world.sync_well();
    for (int i = 0; i < 12; ++i) world.source.remove("contacts", world.source_id());
    const std::string latch = trip(world, Rail::max_deletes);
    REQUIRE(world.loop.run(world.engine->approve_latch(tenant, latch, "grace")).has_value());
    for (int i = 0; i < 5; ++i) world.target.remove("contact", world.target_id());
    world.sync();
    CHECK(world.source.ids("contacts").size() + world.target.ids("contact").size() >= 28 + 28 - 5);
}

TEST_CASE("a side that answers empty stops the stream") {
    World world;
    create_people(world, 3);
    world.sync_well();
    while (!world.source.ids("contacts").empty()) world.source.remove("contacts", world.source_id());
    trip(world, Rail::empty_side);
    CHECK(world.target.ids("contact").size() == 3);
}

TEST_CASE("every record changed at once stops the stream before anything of it is written") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        create_people(world, 25);
        world.sync_well();
        for (const auto& id : world.source.ids("contacts")) {
            json::object fields = *world.source.find("contacts", id);
            fields["name"] = "X";
            world.source.edit("contacts", id, fields);
        }
        const auto position = world.target.position();
        const std::string latch = trip(world, Rail::all_changed);
        CHECK(world.target.position() == position);
        REQUIRE(world.loop.run(world.engine->approve_latch(tenant, latch, "grace")).has_value());
        CHECK(world.sync_well().counters.updated == 25);
    }
}

TEST_CASE("the share of updates is limited, and what is under the limit passes") {
    Integration integration = contacts_integration();
    integration.sync.rails.max_update_share = 0.5;
    integration.sync.rails.stop_on_all_changed = false;
    World world(std::move(integration));
    world.limits.page_records = 5;
    world.rebuild();
    create_people(world, 40);
    world.sync_well();
    int edited = 0;
    for (const auto& id : world.source.ids("contacts")) {
        if (++edited > 30) break;
        json::object fields = *world.source.find("contacts", id);
        fields["name"] = "X";
        world.source.edit("contacts", id, fields);
    }
    trip(world, Rail::max_updates);
    int written = 0;
    for (const auto& id : world.target.ids("contact"))
        if (world.target.find("contact", id)->at("name").as_string() == "X") ++written;
    CHECK(written > 0);
    CHECK(written <= 20);
}

TEST_CASE("a field that goes back and forth between two values stops the stream") {
    Integration integration = contacts_integration();
    integration.sync.rails.max_ping_pong = 2;
    World world(std::move(integration));
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    bool tripped = false;
    for (int i = 0; i < 10 && !tripped; ++i) {
        world.source.edit("contacts", world.source_id(), person("a@x", i % 2 == 0 ? "B" : "A"));
        const Execution run = world.sync();
        tripped = run.error && run.error->code == ErrorCode::latched;
    }
    CHECK(tripped);
    CHECK(world.stream().latch->rail == Rail::ping_pong);
}

TEST_CASE("a changed mapping asks before it compares everything anew") {
    World world;
    create_people(world, 3);
    world.sync_well();
    Integration changed = contacts_integration();
    changed.sync.entity_mappings[0].field_mappings[1].external_field = "display";
    world.use(changed);
    const std::string latch = trip(world, Rail::mapping_changed);
    REQUIRE(world.loop.run(world.engine->approve_latch(tenant, latch, "grace")).has_value());
    world.sync_well();
    CHECK(world.target.ids("contact").size() == 3);
    CHECK(world.contact_fields(0).at("display").as_string() == "N");
    // Approved once; the next run has nothing to ask.
    world.sync_well();
}

TEST_CASE("a preview shows the plan of a latched stream and writes nothing") {
    World world;
    create_people(world, 40);
    world.sync_well();
    for (int i = 0; i < 15; ++i) world.source.remove("contacts", world.source_id());
    world.source.create("contacts", person("new@x", "New"));
    trip(world, Rail::max_deletes);
    const auto position = world.source.position() + world.target.position();
    const auto executions = world.loop.run(world.engine->list_executions(world.all())).value().items.size();
    PlanObserver plan;
    auto previewed = world.loop.run(world.engine->preview(world.request(), plan));
    REQUIRE(previewed.has_value());
    CHECK(previewed->front().status == SyncStatus::completed);
    int deletes = 0;
    for (const auto& planned : plan.planned) deletes += planned.action == "delete" ? 1 : 0;
    CHECK(deletes == 15);
    CHECK(world.source.position() + world.target.position() == position);
    CHECK(world.loop.run(world.engine->list_executions(world.all())).value().items.size() == executions);
    CHECK(world.stream().latch.has_value());
}

TEST_CASE("a paused stream stands still, and says so") {
    World world;
    create_people(world, 1);
    world.sync_well();
    REQUIRE(world.loop.run(world.engine->pause_stream(tenant, world.stream().stream_id)).has_value());
    world.source.create("contacts", person("b@x", "B"));
    CHECK(world.sync().error->code == ErrorCode::latched);
    CHECK(world.target.ids("contact").size() == 1);
    REQUIRE(world.loop.run(world.engine->resume_stream(tenant, world.stream().stream_id)).has_value());
    world.sync_well();
    CHECK(world.target.ids("contact").size() == 2);
}

TEST_CASE("an approved deletion that a person has to decide is not counted again in every run") {
    World world(contacts_integration(), able(false)); // deletions against edits are manual by default
    create_people(world, 1);
    world.sync_well();
    world.source.remove("contacts", world.source_id());
    world.target.edit("contact", world.target_id(), {{"email", "p0@x"}, {"name", "edited"}});
    const std::string latch = trip(world, Rail::empty_side);
    REQUIRE(world.loop.run(world.engine->approve_latch(tenant, latch, "grace")).has_value());
    world.sync_well();
    CHECK(world.conflicts().size() == 1);
    world.sync_well(); // the source is as empty as before
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.conflicts().size() == 1);
}

TEST_CASE("deletions that nobody has to decide any more are counted like all others (I5)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        const auto people = create_people(world, 40);
        world.sync_well();
        std::vector<std::string> survivors;
        const auto links = world.live_links();
        for (int i = 0; i < 15; ++i) {
            const std::string& gone = people[static_cast<std::size_t>(i)];
            const auto link = std::find_if(links.begin(), links.end(),
                                           [&](const Link& candidate) { return candidate.source_id == gone; });
            survivors.push_back(link->target_id);
            world.source.remove("contacts", gone);
            world.target.edit("contact", link->target_id, {{"email", fmt::format("p{}@x", i)}, {"name", "edited"}});
        }
        for (int run = 0; run < 3; ++run) { // nothing is to be deleted: these are questions
            world.sync_well();
            CHECK(world.conflicts().size() == 15);
        }
        // Taken back, the edits no longer stand against the deletions.
        for (int i = 0; i < 15; ++i)
            world.target.edit("contact", survivors[static_cast<std::size_t>(i)],
                              {{"email", fmt::format("p{}@x", i)}, {"name", "N"}});
        Execution run = world.sync();
        if (run.status == SyncStatus::completed) run = world.sync();
        REQUIRE(run.error.has_value());
        CHECK(run.error->code == ErrorCode::latched);
        CHECK(world.target.ids("contact").size() == 40);
        const std::string latch = world.stream().latch->latch_id;
        REQUIRE(world.loop.run(world.engine->approve_latch(tenant, latch, "grace")).has_value());
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 25);
        CHECK(world.conflicts().empty());
    }
}

// Deletions that must not get lost, and none that nobody made.
#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

std::string partner_of(World& world, const std::string& source_id) {
    for (const auto& link : world.live_links())
        if (link.source_id == source_id) return link.target_id;
    return {};
}

// Its feed begins with a listing, and tells no deletion that happened before.
SimulatedSystemOptions lists_first() {
    auto options = system_options("crm", able(true));
    options.begins_with_listing = true;
    return options;
}

} // namespace

TEST_CASE("a listing in whose middle another link ended still finds the record that is missing (I5)") {
    World world;
    const auto people = create_people(world, 3);
    world.sync_well();
    world.sync_well(); // what it wrote itself has been read by now
    // Deleted over there and edited here: a person has to say whether it ends.
    world.source.edit("contacts", people[0], person("p0@x", "edited"));
    world.target.remove("contact", partner_of(world, people[0]));
    world.sync_well();
    REQUIRE(world.conflicts().size() == 1);
    world.limits.page_records = 2;
    world.limits.max_records_per_sync = 2;
    world.rebuild();
    REQUIRE(world.sync_well().has_more);
    const auto listing = world.stored<StreamDocument>("stream").at(0).checkpoints.back()->sides[0];
    REQUIRE(listing.listing);
    REQUIRE(listing.seen == 2); // it has met the first two

    // One of these two ends by that answer; and the third, which it has not met yet, goes away.
    ConflictResolution answer;
    answer.choice = ConflictResolution::Choice::target;
    const std::string conflict = world.conflicts().front().conflict_id;
    REQUIRE(world.loop.run(world.engine->resolve_conflict(tenant, conflict, answer)).has_value());
    REQUIRE(world.source.ids("contacts").size() == 2);
    world.source.remove("contacts", people[2]);
    SyncRequest rest = world.request();
    rest.resume = true;
    while (world.sync(rest).has_more) {}
    CHECK(world.source.ids("contacts") == std::vector<std::string>{people[1]});
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.stream().links == 1);
}

TEST_CASE("a crash anywhere between a listing and the feed behind it loses no deletion (I4, I5, I10)") {
    for (const Fate fate : {Fate::dies_before, Fate::dies_after}) {
        bool died = true;
        for (std::size_t commits = 0; died; ++commits) {
            CAPTURE(commits);
            World world(contacts_integration(), lists_first(), system_options("shards", able(true)));
            const auto people = create_people(world, 3);
            world.sync_well();
            world.source.remove("contacts", people[1]);
            // Its cursor is forgotten, and with it the feed's word of the deletion.
            REQUIRE(world.loop.run(world.engine->reset_stream(tenant, world.stream().stream_id)).has_value());
            world.commits.next.assign(commits, Fate::arrives);
            world.commits.next.push_back(fate);
            died = world.sync_and_perhaps_die();
            world.sync_well();
            REQUIRE(world.source.ids("contacts").size() == 2);
            REQUIRE(world.target.ids("contact").size() == 2);
            REQUIRE(world.stream().links == 2);
            REQUIRE(world.stored<HeldDeletion>("deletion").empty());
        }
    }
}

TEST_CASE("a record that nobody can tell to be gone keeps its deletion held, unjudged, for the next run (I5)") {
    World world;
    const auto people = create_people(world, 40);
    world.sync_well();
    for (int i = 0; i < 15; ++i) world.source.remove("contacts", people[static_cast<std::size_t>(i)]);
    world.to_source.unreadable = 1; // all fifteen are asked for at once
    world.sync_well();              // and what nobody knows trips no rail
    CHECK(world.to_source.unreadable == 0);
    CHECK(world.target.ids("contact").size() == 40);
    auto held = world.stored<HeldDeletion>("deletion");
    REQUIRE(held.size() == 15);
    for (const auto& deletion : held) CHECK_FALSE(deletion.confirmed);
    CHECK_FALSE(world.stream().latch.has_value());

    SUBCASE("then it can be told, and the rail judges them") {
        const Execution run = world.sync();
        REQUIRE(run.error.has_value());
        CHECK(run.error->code == ErrorCode::latched);
        CHECK(world.stream().latch->count == 15);
        CHECK(world.target.ids("contact").size() == 40);
    }
    SUBCASE("then it can be told of a few, which go") {
        Integration tolerant = contacts_integration();
        tolerant.sync.rails.max_delete_share = 1.0;
        world.use(tolerant);
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 25);
        CHECK(world.stored<HeldDeletion>("deletion").empty());
    }
}

TEST_CASE("a rejected deletion unlinks, and ends the conflict that stood open on the pair") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        const auto people = create_people(world, 40);
        world.sync_well();
        // A disagreement about one of those that will be deleted.
        const auto partner = partner_of(world, people[0]);
        world.source.edit("contacts", people[0], person("p0@x", "S"));
        world.target.edit("contact", partner, {{"email", "p0@x"}, {"name", "T"}});
        world.sync_well();
        const auto open = world.conflicts();
        REQUIRE(open.size() == 1);
        for (int i = 0; i < 15; ++i) world.source.remove("contacts", people[static_cast<std::size_t>(i)]);
        REQUIRE(world.sync().error->code == ErrorCode::latched);
        REQUIRE(world.conflicts().size() == 1);
        const auto latch = world.stream().latch->latch_id;
        REQUIRE(world.loop.run(world.engine->reject_latch(tenant, latch, "grace")).has_value());
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 40);
        CHECK(world.stream().links == 25);
        CHECK(world.live_links().size() == 25);
        CHECK(world.conflicts().empty());
        CHECK(world.stream().open_conflicts == 0);
        CHECK(world.stored<HeldDeletion>("deletion").empty());

        const auto position = world.source.position() + world.target.position();
        ConflictResolution answer;
        answer.choice = ConflictResolution::Choice::source;
        const auto resolved = world.loop.run(world.engine->resolve_conflict(tenant, open[0].conflict_id, answer));
        CHECK_FALSE(resolved.has_value());
        world.sync_well();
        CHECK(world.source.position() + world.target.position() == position);
        CHECK(world.target.find("contact", partner)->at("name").as_string() == "T");
        CHECK(world.stream().links == 25);
    }
}

TEST_CASE("a conflict of a pair that a rejection is about to end can't be resolved into half a pair") {
    World world;
    const auto people = create_people(world, 40);
    world.sync_well();
    const auto partner = partner_of(world, people[0]);
    world.source.edit("contacts", people[0], person("p0@x", "S"));
    world.target.edit("contact", partner, {{"email", "p0@x"}, {"name", "T"}});
    world.sync_well();
    const auto open = world.conflicts();
    REQUIRE(open.size() == 1);
    for (int i = 0; i < 15; ++i) world.source.remove("contacts", people[static_cast<std::size_t>(i)]);
    REQUIRE(world.sync().error->code == ErrorCode::latched);
    const auto latch = world.stream().latch->latch_id;
    REQUIRE(world.loop.run(world.engine->reject_latch(tenant, latch, "grace")).has_value());

    // The rejection is on record; no run has carried it out yet.
    ConflictResolution answer;
    answer.choice = ConflictResolution::Choice::source;
    const auto resolved = world.loop.run(world.engine->resolve_conflict(tenant, open[0].conflict_id, answer));
    CHECK_FALSE(resolved.has_value());
    world.sync_well();
    CHECK(world.target.find("contact", partner)->at("name").as_string() == "T");
    CHECK(world.source.ids("contacts").size() == 25);
    CHECK(world.stream().links == 25);
    CHECK(world.conflicts().empty());
}

TEST_CASE("a record deleted after an edit that may have arrived is a person's to decide, whatever the rule (I4, I2)") {
    for (const DeleteStrategy rule : {DeleteStrategy::update_wins, DeleteStrategy::delete_wins}) {
        CAPTURE(to_string(rule));
        Integration integration = contacts_integration();
        integration.sync.delete_conflict_resolution = rule;
        World world(integration, able(true), able(true));
        world.source.create("contacts", person("a@x", "A"));
        world.sync_well();
        world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        SUBCASE("it had arrived") { world.to_target.pushes.next = {Fate::dies_after}; }
        SUBCASE("it had not") { world.to_target.pushes.next = {Fate::dies_before}; }
        world.sync_and_die();
        world.target.remove("contact", world.target_id());
        for (int i = 0; i < 2; ++i) world.sync_well();
        CHECK(world.source.ids("contacts").size() == 1);
        CHECK(world.target.ids("contact").empty());
        const auto conflicts = world.conflicts();
        REQUIRE(conflicts.size() == 1);
        CHECK(conflicts[0].type == ConflictType::update_delete);
        CHECK(conflicts[0].fields.at(0).rule == "unknown_outcome");

        ConflictResolution resolution;
        resolution.actor = "ada";
        const bool keep = rule == DeleteStrategy::delete_wins; // what the rule would not have done
        resolution.choice = keep ? ConflictResolution::Choice::source : ConflictResolution::Choice::target;
        const auto resolved =
            world.loop.run(world.engine->resolve_conflict(tenant, conflicts[0].conflict_id, resolution));
        REQUIRE(resolved.has_value());
        world.sync_well();
        CHECK(world.source.ids("contacts").size() == (keep ? 1 : 0));
        CHECK(world.target.ids("contact").size() == (keep ? 1 : 0));
        CHECK(world.conflicts().empty());
    }
}

TEST_CASE("a record deleted before the write to it arrived is no doubt: the rule decides (I4)") {
    Integration integration = contacts_integration();
    integration.sync.delete_conflict_resolution = DeleteStrategy::update_wins;
    World world(integration, able(true), able(true));
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    bool deleted = false;
    world.wired_store.witness = [&](const std::vector<Write>& writes) {
        for (const auto& write : writes)
            if (write.document.kind == "intent" && !std::exchange(deleted, true))
                world.target.remove("contact", world.target_id());
    };
    world.sync_well();
    REQUIRE(deleted);
    world.sync_well();
    CHECK(world.conflicts().empty());
    CHECK(world.shard().at("name") == "B");
}

TEST_CASE("a person's choice against a deletion makes one record, though the create is not answered (I6)") {
    Integration integration = contacts_integration();
    integration.sync.delete_conflict_resolution = DeleteStrategy::delete_wins;
    AdapterCapabilities by_key_only = able(true);
    by_key_only.finds_by_idempotency_key = false;
    World world(integration, able(true), by_key_only);
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    world.target.remove("contact", world.target_id());
    world.sync_well();
    const auto conflicts = world.conflicts();
    REQUIRE(conflicts.size() == 1);
    ConflictResolution resolution;
    resolution.actor = "ada";
    resolution.choice = ConflictResolution::Choice::source;
    world.to_target.pushes.next = {Fate::answer_lost};
    world.loop.run(world.engine->resolve_conflict(tenant, conflicts[0].conflict_id, resolution));
    for (int i = 0; i < 2; ++i) world.sync_well();
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.source.ids("contacts").size() == 1);
    CHECK(world.stream().links == 1);
    CHECK(world.conflicts().empty());
}

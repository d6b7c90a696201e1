// An open conflict waits for a person, whatever else happens to its record; and what else is settled field by field.
#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

Integration with_rule(Strategy strategy) {
    Integration integration = contacts_integration();
    integration.sync.conflict_resolution = strategy;
    return integration;
}

json::object contact(const char* name, const char* phone) {
    return {{"mail", "a@x"}, {"name", name}, {"phone", phone}};
}
json::object shard(const char* name, const char* phone) {
    return {{"email", "a@x"}, {"name", name}, {"phone", phone}};
}

// Both sides give the record another name at the same moment. Answers the conflict.
Conflict disagree(World& world) {
    world.source.create("contacts", contact("A", "1"));
    world.sync_well();
    world.loop.run_for(std::chrono::hours(1));
    world.source.edit("contacts", world.source_id(), contact("S", "1"));
    world.target.edit("contact", world.target_id(), shard("T", "1"));
    CHECK(world.sync_well().counters.conflicts == 1);
    const auto open = world.conflicts();
    REQUIRE(open.size() == 1);
    REQUIRE(open[0].fields.size() == 1);
    REQUIRE(open[0].fields[0].field == "name");
    world.loop.run_for(std::chrono::hours(1));
    return open[0];
}

void still_open(World& world, const Conflict& conflict) {
    const auto open = world.conflicts();
    REQUIRE(open.size() == 1);
    CHECK(open[0].conflict_id == conflict.conflict_id);
    CHECK(open[0].fields.size() == 1);
    CHECK(world.contact().at("name").as_string() == "S");
    CHECK(world.shard().at("name").as_string() == "T");
    CHECK(world.stream().open_conflicts == 1);
    CHECK(world.events("integration.conflict.detected").size() == 1);
}

} // namespace

TEST_CASE("fields of an open conflict stand still while the others flow, and it stays one conflict (I8)") {
    Strategy rule = Strategy::merge;
    SUBCASE("under a rule for each field") {}
    SUBCASE("under a rule for the record, which told a tie") { rule = Strategy::newest_wins; }
    World world(with_rule(rule));
    const Conflict conflict = disagree(world);

    world.source.edit("contacts", world.source_id(), contact("S", "2"));
    CHECK(world.sync_well().counters.conflicts == 0);
    CHECK(world.shard().at("phone").as_string() == "2");
    still_open(world, conflict);

    world.loop.run_for(std::chrono::hours(1));
    world.target.edit("contact", world.target_id(), shard("T", "3"));
    CHECK(world.sync_well().counters.conflicts == 0);
    CHECK(world.contact().at("phone").as_string() == "3");
    still_open(world, conflict);

    // The answer given now is about what it shows, and that is what stands.
    ConflictResolution answer;
    answer.choice = ConflictResolution::Choice::source;
    const auto resolved = world.loop.run(world.engine->resolve_conflict(tenant, conflict.conflict_id, answer));
    REQUIRE_MESSAGE(resolved.has_value(), resolved.error().message);
    CHECK(resolved->state == ConflictState::resolved);
    CHECK(world.shard().at("name").as_string() == "S");
    CHECK(world.contact().at("name").as_string() == "S");
    CHECK(world.shard().at("phone").as_string() == "3");
}

TEST_CASE("a record's rule decides about other fields of both sides, and leaves what stands open alone (I8)") {
    World world(with_rule(Strategy::newest_wins));
    const Conflict conflict = disagree(world);
    SUBCASE("the newer one wins") {}
    SUBCASE("the source wins, as somebody has configured since") { world.use(with_rule(Strategy::source_wins)); }
    world.target.edit("contact", world.target_id(), shard("T", "3"));
    world.loop.run_for(std::chrono::hours(1));
    world.source.edit("contacts", world.source_id(), contact("S", "2"));
    CHECK(world.sync_well().counters.conflicts == 0);
    CHECK(world.shard().at("phone").as_string() == "2");
    CHECK(world.contact().at("phone").as_string() == "2");
    still_open(world, conflict);
    const auto decided = world.conflicts("auto_resolved");
    REQUIRE(decided.size() == 1);
    REQUIRE(decided[0].fields.size() == 1);
    CHECK(decided[0].fields[0].field == "phone");
    world.sync_well();
    still_open(world, conflict);
}

TEST_CASE("a side that moves on from what a conflict shows ends it: another takes its place (I8)") {
    World world;
    const Conflict conflict = disagree(world);
    world.target.edit("contact", world.target_id(), shard("U", "1"));
    CHECK(world.sync_well().counters.conflicts == 1);
    const auto open = world.conflicts();
    REQUIRE(open.size() == 1);
    CHECK(open[0].conflict_id != conflict.conflict_id);
    CHECK(open[0].fields.at(0).target == json::value("U"));
    CHECK(world.stream().open_conflicts == 1);
    const auto before = world.loop.run(world.engine->find_conflict(tenant, conflict.conflict_id));
    REQUIRE(before.has_value());
    CHECK(before->state == ConflictState::superseded);
    CHECK(world.events("integration.conflict.detected").size() == 2);
    CHECK(world.contact().at("name").as_string() == "S");
    CHECK(world.shard().at("name").as_string() == "U");
}

TEST_CASE("a side that moves on from a tie lets the rule decide, and nothing stays open (I8)") {
    World world(with_rule(Strategy::newest_wins));
    const Conflict conflict = disagree(world);
    world.target.edit("contact", world.target_id(), shard("U", "1"));
    CHECK(world.sync_well().counters.conflicts == 0);
    CHECK(world.conflicts().empty());
    CHECK(world.stream().open_conflicts == 0);
    CHECK(world.contact().at("name").as_string() == "U");
    CHECK(world.shard().at("name").as_string() == "U");
    CHECK(world.loop.run(world.engine->find_conflict(tenant, conflict.conflict_id))->state ==
          ConflictState::superseded);
}

TEST_CASE("a one-way value that a rule kept out comes in once the other side's own is taken away (I1)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        Integration integration = contacts_integration();
        auto& phone = integration.sync.entity_mappings[0].field_mappings[2];
        phone.direction = Direction::outbound;
        phone.strategy = Strategy::source_wins;
        World world(integration, able(feed));
        world.source.create("contacts", contact("A", "mine"));
        world.sync_well();
        world.target.edit("contact", world.target_id(), shard("A", "theirs"));
        world.sync_well();
        REQUIRE(world.contact().at("phone").as_string() == "mine");
        world.source.edit("contacts", world.source_id(), person("a@x", "A"));
        world.sync_well();
        REQUIRE(world.contact().if_contains("phone") != nullptr);
        CHECK(world.contact().at("phone").as_string() == "theirs");
        CHECK(world.shard().at("phone").as_string() == "theirs");
    }
}

TEST_CASE("a record made on a side with integer ids is linked and referred to by an integer") {
    auto numbers = system_options("crm", able(true));
    numbers.integer_ids = true;
    World world(contacts_of_companies(), numbers, system_options("shards", able(true)));
    const auto company = world.target.create("company", {{"title", "Acme"}});
    world.target.create("contact", {{"name", "Ada"}, {"companyId", company}});
    SUBCASE("answered at once") {}
    SUBCASE("found again after a lost answer") { world.to_source.pushes.next = {Fate::answer_lost}; }
    SUBCASE("found again after a crash") {
        world.to_source.pushes.next = {Fate::dies_after};
        world.sync_and_die();
    }
    world.sync_well();
    world.sync_well();
    REQUIRE(world.source.ids("companies").size() == 1);
    REQUIRE(world.source.ids("contacts").size() == 1);
    CHECK(world.contact().at("company") == json::value(std::stoi(world.source.ids("companies").front())));
    const auto links = world.live_links();
    REQUIRE(links.size() == 2);
    for (const auto& link : links) {
        CHECK(link.integer_source_id);
        CHECK_FALSE(link.integer_target_id);
    }
}

TEST_CASE("a conflict whose every field was answered is resolved, though another field comes to stand open (I37)") {
    Integration integration = contacts_integration();
    auto& phone = integration.sync.entity_mappings[0].field_mappings[2];
    phone.direction = Direction::inbound;
    phone.strategy = Strategy::custom;
    phone.custom_strategy = "unless_tagged";
    World world(integration);
    world.strategies.add("unless_tagged", [](const FieldConflict& conflict) {
        return conflict.source_fields.if_contains("tags") ? std::nullopt : conflict.target;
    });
    world.source.create("contacts", contact("A", "1"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), contact("S", "2"));
    world.loop.run_for(std::chrono::hours(1));
    world.target.edit("contact", world.target_id(), shard("T", "3"));
    world.sync_well();
    const auto open = world.conflicts();
    REQUIRE(open.size() == 1);
    REQUIRE(open[0].fields.size() == 1);
    // What this run writes to the source changes what the rule would say.
    auto tagged = shard("T", "3");
    tagged["tags"] = json::array{"x"};
    world.target.edit("contact", world.target_id(), tagged);
    world.loop.run_for(std::chrono::hours(1));
    world.sync_well();

    ConflictResolution answer;
    answer.choice = ConflictResolution::Choice::source;
    answer.actor = "ada";
    const auto resolved = world.loop.run(world.engine->resolve_conflict(tenant, open[0].conflict_id, answer));
    REQUIRE(resolved.has_value());
    CHECK(resolved->state == ConflictState::resolved);
    CHECK(world.shard().at("name").as_string() == "S");
    const auto left = world.conflicts();
    REQUIRE(left.size() == 1);
    REQUIRE(left[0].fields.size() == 1);
    CHECK(left[0].fields[0].field == "phone");
}

TEST_CASE("what a person chose does not overwrite an edit that came while it was written (I2, I37)") {
    World world;
    const auto id = world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.source.edit("contacts", id, person("a@x", "B"));
    world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "C"}});
    world.sync_well();
    const auto open = world.conflicts();
    REQUIRE(open.size() == 1);
    ConflictResolution answer;
    answer.choice = ConflictResolution::Choice::values;
    answer.values = json::object{{"name", "X"}};
    answer.actor = "ada";
    // The target is written first; the source's user is faster than the write to the source.
    world.to_target.meanwhile = [&] { world.source.edit("contacts", id, person("a@x", "D")); };
    (void)world.loop.run(world.engine->resolve_conflict(tenant, open[0].conflict_id, answer));
    CHECK(world.contact().at("name") == "D");
    world.sync();
    CHECK(world.contact().at("name") == "D");
}

TEST_CASE("newest_wins takes the time of our own write for nobody's edit (I2)") {
    Integration integration = with_rule(Strategy::newest_wins);
    integration.sync.rails.stop_on_mapping_change = false;
    integration.sync.entity_mappings[0].field_mappings[2].direction = Direction::inbound;
    auto crm = system_options("crm", able(true));
    SUBCASE("where it can be told from others' writes") {}
    SUBCASE("where it can't be told") { crm.hides_versions = true; }
    World world(integration, crm, system_options("shards", able(true)));
    world.source.create("contacts", contact("A", "1"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), contact("S", "2"));
    world.loop.run_for(std::chrono::hours(1));
    world.target.edit("contact", world.target_id(), shard("T", "3"));
    world.loop.run_for(std::chrono::hours(1));
    world.sync_well(); // the target's name goes to the source, whose latest write is ours now
    REQUIRE(world.contact().at("name").as_string() == "T");
    REQUIRE(world.shard().at("phone").as_string() == "3");
    // Another mapping has every record compared anew.
    integration.sync.entity_mappings[0].field_mappings.pop_back();
    world.use(integration);
    world.loop.run_for(std::chrono::hours(1));
    world.sync_well();
    CHECK(world.shard().at("phone").as_string() == "3");
    CHECK(world.contact().at("phone").as_string() == "2");
    CHECK(world.conflicts().size() == (crm.hides_versions ? 1 : 0));
}

TEST_CASE("the end of an open conflict is told, once and with how it ended") {
    World world(with_rule(Strategy::merge));
    const Conflict conflict = disagree(world);
    CHECK(world.events("integration.conflict.resolved").empty());
    std::string state = "resolved";
    SUBCASE("by a person") {
        ConflictResolution resolution;
        resolution.choice = ConflictResolution::Choice::source;
        resolution.actor = "ada";
        REQUIRE(world.loop.run(world.engine->resolve_conflict(tenant, conflict.conflict_id, resolution)).has_value());
    }
    SUBCASE("because the sides came to agree") {
        state = "superseded";
        world.target.edit("contact", world.target_id(), shard("S", "1"));
        world.sync_well();
    }
    world.sync_well();
    const auto told = world.events("integration.conflict.resolved");
    REQUIRE(told.size() == 1);
    CHECK(told[0].data.at("conflictId").as_string() == conflict.conflict_id);
    CHECK(told[0].data.at("state").as_string() == state);
}

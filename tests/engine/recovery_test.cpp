#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

constexpr std::size_t name_field = 1, phone_field = 2;

Integration with_strategy(std::size_t field, Strategy strategy) {
    Integration integration = contacts_integration();
    integration.sync.entity_mappings[0].field_mappings[field].strategy = strategy;
    return integration;
}

json::object shard(const char* mail, const char* name) { return {{"email", mail}, {"name", name}}; }

// Both sides hold 100, then 110 and 103.
void added_on_both_sides(World& world) {
    world.source.create("contacts", {{"mail", "a@x"}, {"name", "A"}, {"phone", 100}});
    world.sync_well();
    world.source.edit("contacts", world.source_id(), {{"mail", "a@x"}, {"name", "A"}, {"phone", 110}});
    world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"phone", 103}});
}

std::pair<int, int> sums(World& world) {
    return {world.contact().at("phone").to_number<int>(), world.shard().at("phone").to_number<int>()};
}

} // namespace

TEST_CASE("an edit after the first contact is one, though a crash hid what that wrote (I2, I10)") {
    for (const bool outbound : {false, true}) {
        CAPTURE(outbound);
        Integration integration = contacts_integration();
        integration.sync.initial_strategy = outbound ? Strategy::source_unless_blank : Strategy::target_unless_blank;
        for (FieldMapping& field : integration.sync.entity_mappings[0].field_mappings)
            if (field.shard_field == "phone") field.direction = outbound ? Direction::outbound : Direction::inbound;
        World world(integration, able(true), able(true));
        world.source.create("contacts", {{"mail", "a@x"}, {"name", "A"}});
        world.target.create("contact", {{"email", "a@x"}, {"name", "A"}});
        SimulatedSystem& from = outbound ? world.target : world.source;
        const std::string entity = outbound ? "contact" : "contacts", mail = outbound ? "email" : "mail";
        const auto set_phone = [&](const char* phone) {
            from.edit(entity, from.ids(entity).at(0), {{mail, "a@x"}, {"name", "A"}, {"phone", phone}});
        };
        set_phone("1");
        (outbound ? world.to_source : world.to_target).pushes.next = {Fate::dies_after};
        world.sync_and_die();
        set_phone("2");
        world.sync_well();
        CHECK(world.contact().at("phone") == "2");
        CHECK(world.shard().at("phone") == "2");
        CHECK(world.live_links().size() == 1);
        CHECK(world.conflicts().empty());
    }
}

TEST_CASE("a write that a crash hid is in the history once, with what it was written over and why (I17)") {
    World world;
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    REQUIRE(world.shard().at("name").as_string() == "B");
    SUBCASE("nobody touched the record since") {}
    SUBCASE("a user has changed another field of it since") {
        world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "B"}, {"phone", "7"}});
    }
    SUBCASE("the next process dies as well, before it has recorded anything of it") {
        world.commits.next = {Fate::arrives, Fate::arrives, Fate::dies_before};
        world.sync_and_die();
    }
    world.sync_well();
    world.sync_well();
    const auto written = world.journal("updated");
    REQUIRE(written.size() == 1);
    REQUIRE(written[0].changes.size() == 1);
    CHECK(written[0].source_id == world.source_id());
    CHECK(written[0].target_id == world.target_id());
    CHECK(written[0].changes[0].field == "name");
    CHECK(written[0].changes[0].before == json::value("A"));
    CHECK(written[0].changes[0].after == json::value("B"));
    CHECK(written[0].changes[0].rule == "changed_on_source");
    CHECK(world.journal("attempted").empty());
    CHECK(world.stored<Intent>("intent").empty());
}

TEST_CASE("a rule's decision that a crash hid is recorded as decided, and is no open conflict (I8)") {
    World world(with_strategy(name_field, Strategy::source_wins));
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), person("a@x", "S"));
    world.target.edit("contact", world.target_id(), shard("a@x", "T"));
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    CHECK(world.stored<Conflict>("conflict").empty());
    CHECK(world.sync_well().counters.conflicts == 0);
    world.sync_well();
    const auto decided = world.stored<Conflict>("conflict");
    REQUIRE(decided.size() == 1);
    CHECK(decided[0].state == ConflictState::auto_resolved);
    CHECK(decided[0].type == ConflictType::update_update);
    REQUIRE(decided[0].fields.size() == 1);
    CHECK(decided[0].fields[0].field == "name");
    CHECK(decided[0].fields[0].base == json::value("A"));
    CHECK(decided[0].fields[0].source == json::value("S"));
    CHECK(decided[0].fields[0].target == json::value("T"));
    CHECK(decided[0].fields[0].result == json::value("S"));
    CHECK(decided[0].fields[0].rule == "source_wins");
    CHECK(world.events("integration.conflict.detected").empty());
    CHECK(world.stream().open_conflicts == 0);
    const auto written = world.journal("updated");
    REQUIRE(written.size() == 1);
    CHECK(written[0].changes.at(0).before == json::value("T"));
}

TEST_CASE("what a lost write was sent over is kept when a user has written over it since (I2)") {
    World world(with_strategy(name_field, Strategy::source_wins));
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), person("a@x", "S"));
    world.target.edit("contact", world.target_id(), shard("a@x", "T")); // read by nobody but the run that dies
    SUBCASE("it had arrived") { world.to_target.pushes.next = {Fate::dies_after}; }
    SUBCASE("it had not, and nobody can tell") { world.to_target.pushes.next = {Fate::dies_before}; }
    world.sync_and_die();
    world.target.edit("contact", world.target_id(), shard("a@x", "U"));
    world.sync_well();
    world.sync_well();
    CHECK(world.shard().at("name").as_string() == "S");
    const auto attempted = world.journal("attempted");
    REQUIRE(attempted.size() == 1);
    REQUIRE(attempted[0].changes.size() == 1);
    CHECK(attempted[0].changes[0].field == "name");
    CHECK(attempted[0].changes[0].before == json::value("T"));
    CHECK(attempted[0].changes[0].after == json::value("S"));
    CHECK(attempted[0].changes[0].rule == "source_wins");
    const auto written = world.journal("updated");
    REQUIRE(written.size() == 1); // the one of the run that followed
    CHECK(written[0].changes.at(0).before == json::value("U"));
}

TEST_CASE("what a lost first write was sent over is in the journal, though both records are gone by then (I2)") {
    Integration integration = contacts_integration();
    integration.sync.initial_strategy = Strategy::source_wins;
    World world(integration);
    world.source.create("contacts", person("a@x", "S"));
    world.target.create("contact", shard("a@x", "T"));
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    world.source.remove("contacts", world.source_id());
    world.target.remove("contact", world.target_id());
    world.sync_well();
    const auto attempted = world.journal("attempted");
    REQUIRE(attempted.size() == 1);
    CHECK(attempted[0].changes.at(0).before == json::value("T"));
    CHECK(world.live_links().empty());
}

TEST_CASE("a write that never arrived is no history (I17)") {
    World world;
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.to_target.pushes.next = {Fate::dies_before};
    world.sync_and_die();
    world.sync_well();
    CHECK(world.shard().at("name").as_string() == "B");
    CHECK(world.journal("updated").size() == 1);
    CHECK(world.journal("attempted").empty());
}

TEST_CASE("a sum that both sides hold already is not added again when its commit was lost (I2, I3)") {
    World world(with_strategy(phone_field, Strategy::add_delta));
    added_on_both_sides(world);
    world.to_source.pushes.next = {Fate::dies_after}; // the target is written first
    world.sync_and_die();
    REQUIRE(sums(world) == std::pair(113, 113));
    int more = 0;
    SUBCASE("nobody added anything since") {}
    SUBCASE("a user of the target added five") {
        more = 5;
        world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"phone", 118}});
    }
    world.sync_well();
    world.sync_well();
    CHECK(sums(world) == std::pair(113 + more, 113 + more));
    CHECK(world.conflicts().empty());
}

TEST_CASE("a crash at any step of the recovery from a crash counts a sum once all the same (I3)") {
    bool died = true;
    for (std::size_t commits = 0; died; ++commits) {
        CAPTURE(commits);
        World world(with_strategy(phone_field, Strategy::add_delta));
        added_on_both_sides(world);
        world.to_target.pushes.next = {Fate::dies_after};
        world.sync_and_die();
        world.commits.next.assign(commits, Fate::arrives);
        world.commits.next.push_back(Fate::dies_after);
        died = world.sync_and_perhaps_die();
        world.sync_well();
        REQUIRE(sums(world) == std::pair(113, 113));
        REQUIRE(world.stored<Intent>("intent").empty());
    }
}

TEST_CASE("a record that can't be read after a crash keeps its lost write on record, and waits (I2, I3)") {
    World world(with_strategy(phone_field, Strategy::add_delta));
    added_on_both_sides(world);
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    REQUIRE(sums(world) == std::pair(110, 113));

    // The record shows in the feed of the very run that could not ask for it, and is left alone all the same.
    world.to_target.unreadable = 1;
    world.sync_well();
    CHECK(world.to_target.unreadable == 0);
    CHECK(sums(world) == std::pair(110, 113));
    CHECK_FALSE(world.stored<Intent>("intent").empty());
    const auto parked = world.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].reason.code == ErrorCode::unavailable);
    CHECK(world.live_links().size() == 1);

    SUBCASE("the next run asks again") {
        world.sync_well();
        CHECK(sums(world) == std::pair(113, 113));
    }
    SUBCASE("the next run asks again, after a user edited another field") {
        json::object more{{"email", "a@x"}, {"name", "A"}, {"phone", 113}, {"tags", json::array{"t"}}};
        world.target.edit("contact", world.target_id(), std::move(more));
        world.sync_well();
        CHECK(sums(world) == std::pair(113, 113));
    }
    CHECK(world.parked().empty());
    CHECK(world.stored<Intent>("intent").empty());
    CHECK(world.stream().links == 1);
    CHECK(world.journal("updated").size() == 1);
}

TEST_CASE("a sum whose answer is lost while a user adds on is asked in the very run that sent it (I2, I3)") {
    for (const Fate fate : {Fate::answer_lost, Fate::request_lost}) {
        CAPTURE(static_cast<int>(fate));
        World world(with_strategy(phone_field, Strategy::add_delta));
        added_on_both_sides(world);
        world.to_target.pushes.next = {fate};
        const int now = fate == Fate::answer_lost ? 118 : 108; // five more, whatever was there
        world.to_target.meanwhile = [&] {
            world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"phone", now}});
        };
        world.sync_well();
        CHECK(sums(world) == std::pair(110, now));
        const auto conflicts = world.conflicts();
        REQUIRE(conflicts.size() == 1);
        CHECK(conflicts[0].fields.at(0).rule == "unknown_outcome");
        world.sync_well();
        CHECK(sums(world) == std::pair(110, now));
        CHECK(world.conflicts().size() == 1);
    }
}

TEST_CASE("a sum whose lost write a user has added to is a person's to decide: it may be in there already (I2, I3)") {
    World world(with_strategy(phone_field, Strategy::add_delta));
    added_on_both_sides(world);
    std::pair<int, int> left;
    SUBCASE("both writes happened, and the source's user took four away") {
        world.to_source.pushes.next = {Fate::dies_after};
        left = {109, 113};
    }
    SUBCASE("only the target's did, and the source's user took one away") {
        world.to_target.pushes.next = {Fate::dies_after};
        left = {109, 113};
    }
    SUBCASE("both happened, and both users went on") {
        world.to_source.pushes.next = {Fate::dies_after};
        left = {109, 118};
    }
    world.sync_and_die();
    world.source.edit("contacts", world.source_id(), {{"mail", "a@x"}, {"name", "A"}, {"phone", left.first}});
    if (left.second != 113)
        world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"phone", left.second}});
    world.sync_well();
    CHECK(sums(world) == left);
    auto conflicts = world.conflicts();
    REQUIRE(conflicts.size() == 1);
    CHECK(conflicts[0].fields.at(0).field == "phone");
    CHECK(conflicts[0].fields.at(0).rule == "unknown_outcome");

    // It stays one when somebody adds once more, and ends with a person's choice.
    world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"phone", 120}});
    world.sync_well();
    CHECK(sums(world) == std::pair(left.first, 120));
    conflicts = world.conflicts();
    REQUIRE(conflicts.size() == 1);
    ConflictResolution resolution;
    resolution.choice = ConflictResolution::Choice::source;
    resolution.actor = "ada";
    const auto resolved = world.loop.run(world.engine->resolve_conflict(tenant, conflicts[0].conflict_id, resolution));
    REQUIRE(resolved.has_value());
    CHECK(sums(world) == std::pair(left.first, left.first));
    CHECK(world.sync_well().counters.conflicts == 0);
    CHECK(sums(world) == std::pair(left.first, left.first));
}

TEST_CASE("a sum that a user just made as well is a person's to decide, though its write was refused (I2)") {
    World world(with_strategy(phone_field, Strategy::add_delta));
    world.source.create("contacts", {{"mail", "a@x"}, {"name", "A"}, {"phone", 100}});
    world.sync_well();
    world.source.edit("contacts", world.source_id(), {{"mail", "a@x"}, {"name", "A"}, {"phone", 101}});
    // One more over there too, after this was decided and before it is written.
    bool added = false;
    world.wired_store.witness = [&](const std::vector<Write>& writes) {
        for (const auto& write : writes) {
            if (write.document.kind != "intent" || std::exchange(added, true)) continue;
            world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"phone", 101}});
        }
    };
    world.sync_well();
    REQUIRE(added);
    CHECK(sums(world) == std::pair(101, 101));
    const auto conflicts = world.conflicts();
    REQUIRE(conflicts.size() == 1);
    CHECK(conflicts[0].fields.at(0).field == "phone");
    CHECK(conflicts[0].fields.at(0).rule == "unknown_outcome");
    world.sync_well();
    CHECK(sums(world) == std::pair(101, 101));
    REQUIRE(world.conflicts().size() == 1);

    SUBCASE("it ends with a person's choice") {
        ConflictResolution resolution;
        resolution.choice = ConflictResolution::Choice::source;
        resolution.actor = "ada";
        const auto id = conflicts[0].conflict_id;
        const auto resolved = world.loop.run(world.engine->resolve_conflict(tenant, id, resolution));
        REQUIRE(resolved.has_value());
        CHECK(sums(world) == std::pair(101, 101));
    }
    SUBCASE("it ends when both sides are given the sum by hand") {
        world.source.edit("contacts", world.source_id(), {{"mail", "a@x"}, {"name", "A"}, {"phone", 102}});
        world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"phone", 102}});
        world.sync_well();
        CHECK(sums(world) == std::pair(102, 102));
    }
    CHECK(world.conflicts().empty());
    world.source.edit("contacts", world.source_id(), {{"mail", "a@x"}, {"name", "A"}, {"phone", 110}});
    world.sync_well();
    CHECK(sums(world) == std::pair(110, 110));
}

TEST_CASE("a write that arrives while its successor decides anew is no user's edit (I10, I38)") {
    Integration inbound = contacts_integration();
    inbound.sync.direction = Direction::inbound;
    inbound.sync.conflict_resolution = Strategy::target_unless_blank;
    World world(inbound);
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    json::object first = person("a@x", "B"), second = person("a@x", "C");
    SUBCASE("both write one field") {}
    SUBCASE("both write one field and agree on another") { first["phone"] = second["phone"] = "7"; }
    world.source.edit("contacts", world.source_id(), first);
    world.to_target.pushes.next = {Fate::late, Fate::dies_before};
    world.sync_and_die();
    REQUIRE(world.to_target.under_way.size() == 1);
    world.source.edit("contacts", world.source_id(), second);
    world.to_target.passes = [&] { return world.deliver_all(); };
    world.sync_well();
    CHECK(world.to_target.under_way.empty());
    CHECK(world.shard().at("name") == "C");
    std::vector<json::value> names, phones; // in the history, each once
    for (const auto& entry : world.journal("updated"))
        for (const auto& change : entry.changes) (change.field == "name" ? names : phones).push_back(*change.after);
    std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.as_string() < b.as_string(); });
    CHECK(names == std::vector<json::value>{"B", "C"});
    CHECK(phones.size() == (first.contains("phone") ? 1 : 0));
    CHECK(world.stored<Intent>("intent").empty());
}

TEST_CASE("a write that arrives while its record is parked is no user's edit (I10, I38)") {
    Integration inbound = contacts_integration();
    inbound.sync.direction = Direction::inbound;
    inbound.sync.conflict_resolution = Strategy::target_unless_blank;
    SimulatedSystemOptions choosy = system_options("shards", able(true));
    choosy.refuses = [](const json::object& fields) {
        return fields.at("name") == "C" ? std::optional<std::string>("no such name") : std::nullopt;
    };
    World world(inbound, system_options("crm", able(false)), choosy);
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.to_target.pushes.next = {Fate::late, Fate::dies_before};
    world.sync_and_die();
    world.source.edit("contacts", world.source_id(), person("a@x", "C"));
    world.sync_well();
    REQUIRE(world.parked().size() == 1);
    world.deliver();
    world.source.edit("contacts", world.source_id(), person("a@x", "D"));
    world.sync_well();
    world.sync_well();
    CHECK(world.shard().at("name") == "D");
    CHECK(world.parked().empty());
    CHECK(world.stored<Intent>("intent").empty());
}

TEST_CASE("a sum that a user just made as well is asked about also when its record is parked meanwhile (I2)") {
    SimulatedSystemOptions choosy = system_options("shards", able(true));
    choosy.refuses = [](const json::object& fields) {
        return fields.at("name") == "N" ? std::optional<std::string>("no such name") : std::nullopt;
    };
    World world(with_strategy(phone_field, Strategy::add_delta), system_options("crm", able(false)), choosy);
    world.source.create("contacts", {{"mail", "a@x"}, {"name", "A"}, {"phone", 100}});
    world.sync_well();
    world.source.edit("contacts", world.source_id(), {{"mail", "a@x"}, {"name", "N"}, {"phone", 101}});
    bool added = false;
    world.wired_store.witness = [&](const std::vector<Write>& writes) {
        for (const auto& write : writes) {
            if (write.document.kind != "intent" || std::exchange(added, true)) continue;
            world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"phone", 101}});
        }
    };
    world.sync_well();
    REQUIRE(added);
    REQUIRE(world.parked().size() == 1);
    world.source.edit("contacts", world.source_id(), {{"mail", "a@x"}, {"name", "M"}, {"phone", 101}});
    world.sync_well();
    world.sync_well();
    CHECK(sums(world) == std::pair(101, 101));
    CHECK(world.shard().at("name") == "M");
    CHECK(world.parked().empty());
    const auto conflicts = world.conflicts();
    REQUIRE(conflicts.size() == 1);
    CHECK(conflicts[0].fields.at(0).rule == "unknown_outcome");
}

TEST_CASE("a sum that arrived late is our own, though its repetition was refused (I2, I3)") {
    World world(with_strategy(phone_field, Strategy::add_delta));
    added_on_both_sides(world);
    world.to_target.pushes.next = {Fate::late};
    world.to_target.passes = [&] { return world.deliver_all(); };
    world.sync_well();
    CHECK(sums(world) == std::pair(113, 113));
    CHECK(world.conflicts().empty());
}

TEST_CASE("what an unanswered write may have overwritten is kept, though a later write was answered (I2)") {
    Integration inbound = contacts_integration();
    inbound.sync.direction = Direction::inbound;
    World world(inbound);
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), person("a@x", "S"));
    world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "T1"}});
    world.to_target.pushes.next = {Fate::answer_lost};
    world.to_target.meanwhile = [&] {
        world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "T2"}});
    };
    world.sync_well();
    CHECK(world.shard().at("name") == "S");
    for (const char* lost : {"T1", "T2"}) {
        CAPTURE(lost);
        bool kept = false;
        for (const auto& entry : world.stored<JournalEntry>("journal"))
            for (const auto& change : entry.changes) kept = kept || (change.before && *change.before == lost);
        CHECK(kept);
    }
}

TEST_CASE("a commit that came to light after it was given up takes no cursor back (I11)") {
    for (std::size_t commits = 0; commits < 8; ++commits) {
        CAPTURE(commits);
        World world(contacts_integration(), able(true), able(true));
        world.source.create("contacts", person("a@x", "A"));
        world.sync_well();
        // Nothing on the source, and nothing to write on the target: only cursors move.
        world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"unmapped", 1}});
        std::array<std::uint64_t, 2> reached{};
        world.wired_store.witness = [&](const std::vector<Write>& writes) {
            for (const Write& write : writes) {
                if (write.document.kind != "stream") continue;
                const auto stream = from_document<StreamDocument>(write.document);
                REQUIRE(stream.has_value());
                for (const Side side : {Side::source, Side::target}) {
                    const auto& system = side == Side::source ? world.source : world.target;
                    const auto& checkpoint = stream->checkpoints[static_cast<std::size_t>(Direction::bidirectional)];
                    REQUIRE(checkpoint.has_value());
                    const auto position = system.position_of_cursor(checkpoint->sides[index_of(side)].cursor);
                    CHECK(position.value_or(0) >= reached[index_of(side)]);
                    reached[index_of(side)] = position.value_or(0);
                }
            }
        };
        world.commits.next.assign(commits, Fate::arrives);
        world.commits.next.push_back(Fate::lost_for_long);
        world.sync_and_perhaps_die(); // it only fails
        world.sync_well();
        CHECK(world.stream().links == 1);
    }
}

TEST_CASE("a system that can't refuse a stale write is read once more just before it (I2)") {
    AdapterCapabilities plain = able(true);
    plain.conditional_writes = false;
    World world(contacts_integration(), able(false), plain);
    const auto id = world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.source.edit("contacts", id, person("a@x", "S"));
    // A user edits the target after the write was decided, and before it is sent.
    bool edited = false;
    world.wired_store.witness = [&](const std::vector<Write>& writes) {
        for (const auto& write : writes) {
            if (edited || write.document.kind != "intent" || write.action != Write::Action::put) continue;
            edited = true;
            world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "T"}});
        }
    };
    world.sync();
    REQUIRE(edited);
    CHECK(world.shard().at("name") == "T");
    CHECK(world.contact().at("name") == "S");
    CHECK(world.conflicts().size() == 1);
}

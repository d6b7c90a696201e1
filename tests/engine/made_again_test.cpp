// Creates that end at a record that is there already, and records that are made a second time on purpose.
#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

Integration recreating() {
    Integration integration = without_match_keys();
    integration.sync.delete_conflict_resolution = DeleteStrategy::update_wins;
    return integration;
}

void one_pair_and_a_question(World& world, const std::string& left_over) {
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.live_links().size() == 1);
    CHECK(world.stream().links == 1);
    const auto parked = world.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].record_id == left_over);
    CHECK(parked[0].reason.code == ErrorCode::already_exists);
    CHECK(parked[0].reason.message.find("possible_duplicate") != std::string::npos);
    CHECK(parked[0].reason.message.find(world.live_links().at(0).source_id) != std::string::npos);
    CHECK(parked[0].sent.empty());
    const auto open = world.conflicts();
    REQUIRE(open.size() == 1);
    CHECK(open[0].type == ConflictType::unique_key);
    CHECK(open[0].source_id == left_over);
    CHECK(world.events("integration.conflict.detected").size() == 1);
}

} // namespace

TEST_CASE("a create answered with a record that is linked already asks a person, and links nothing twice (I7)") {
    for (const bool in_one_page : {false, true}) {
        CAPTURE(in_one_page);
        World world(without_match_keys());
        world.to_target.unique = "email";
        const auto first = world.source.create("contacts", person("a@x", "A"));
        if (!in_one_page) world.sync_well();
        const auto second = world.source.create("contacts", person("a@x", "Also A"));
        CHECK(world.sync_well().counters.conflicts == 1);
        one_pair_and_a_question(world, second);
        CHECK(world.live_links().at(0).source_id == first);
        CHECK(world.shard().at("name").as_string() == "A");

        // Nobody answers: it waits, and is asked once. The linked one goes on meanwhile.
        world.sync_well();
        world.source.edit("contacts", first, person("a@x", "B"));
        world.sync_well();
        CHECK(world.shard().at("name").as_string() == "B");
        one_pair_and_a_question(world, second);
        CHECK(world.to_target.creates().size() == 2);

        // Its user gives it an address of its own.
        world.source.edit("contacts", second, person("b@x", "Also A"));
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 2);
        CHECK(world.live_links().size() == 2);
        CHECK(world.parked().empty());
        CHECK(world.conflicts().empty());
    }
}

TEST_CASE("a create answered with a record that nobody has linked yet is its record (I7)") {
    World world(without_match_keys());
    world.to_target.unique = "email";
    Integration inbound = without_match_keys();
    inbound.sync.direction = Direction::inbound;
    world.use(inbound);
    world.target.create("contact", {{"email", "a@x"}, {"name", "A"}});
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.live_links().size() == 1);
    CHECK(world.parked().empty());
}

TEST_CASE("a record that is made once more after its deletion is made with a key of its own (I6)") {
    bool dies = false, edited = false;
    SUBCASE("and nothing happens") {}
    SUBCASE("and its process dies just after") { dies = true; }
    SUBCASE("and its process dies just after, and the origin is edited") { dies = edited = true; }
    for (const auto& capabilities : {creates(true, false), creates(false, true), creates(true, true)}) {
        CAPTURE(capabilities.idempotent_creates);
        CAPTURE(capabilities.finds_by_idempotency_key);
        World world(recreating(), able(true), capabilities);
        world.source.create("contacts", person("a@x", "A"));
        world.sync_well();
        const auto first = world.target_id();
        world.target.remove("contact", first);
        world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        if (dies) {
            world.to_target.pushes.next = {Fate::dies_after};
            world.sync_and_die();
        }
        if (edited) world.source.edit("contacts", world.source_id(), person("a@x", "C"));
        world.sync_well();
        world.sync_well();
        REQUIRE(world.target.ids("contact").size() == 1);
        CHECK(world.target_id() != first);
        CHECK(world.source.ids("contacts").size() == 1);
        CHECK(world.shard().at("name").as_string() == (edited ? "C" : "B"));
        const auto links = world.live_links();
        REQUIRE(links.size() == 1);
        CHECK(links[0].target_id == world.target_id());
        CHECK(world.stream().links == 1);
        CHECK(world.parked().empty());
        const auto sent = world.to_target.creates();
        REQUIRE(sent.size() >= 2);
        for (std::size_t i = 1; i < sent.size(); ++i) {
            CHECK(sent[i].idempotency_key != sent[0].idempotency_key);
            CHECK(sent[i].idempotency_key == sent[1].idempotency_key);
        }
    }
}

TEST_CASE("a record made once more whose origin is deleted before anybody heard of it is deleted too (I4)") {
    for (const auto& capabilities : {creates(false, true), creates(true, true)}) {
        CAPTURE(capabilities.idempotent_creates);
        World world(recreating(), able(true), capabilities);
        world.source.create("contacts", person("a@x", "A"));
        world.sync_well();
        world.target.remove("contact", world.target_id());
        world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        world.to_target.pushes.next = {Fate::dies_after};
        world.sync_and_die();
        REQUIRE(world.target.ids("contact").size() == 1);
        world.source.remove("contacts", world.source_id());
        for (int run = 0; run < 3; ++run) world.sync_well();
        CHECK(world.source.ids("contacts").empty());
        CHECK(world.target.ids("contact").empty());
        CHECK(world.live_links().empty());
        CHECK(world.parked().empty());
    }
}

TEST_CASE("a lost create whose record a user deleted is made anew with another key, where the edit wins (I6)") {
    World world(recreating(), able(true), creates(true, false));
    world.source.create("contacts", person("a@x", "A"));
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    world.target.remove("contact", world.target_id());
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.sync_well();
    world.sync_well();
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.source.ids("contacts").size() == 1);
    CHECK(world.shard().at("name").as_string() == "B");
    CHECK(world.live_links().size() == 1);
    CHECK(world.parked().empty());
    CHECK(world.stored<Intent>("intent").empty());
}

TEST_CASE("a create that is known is not sent again where its pair was parked and a record is made once more (I6)") {
    for (const bool crash : {false, true}) {
        CAPTURE(crash);
        World world(recreating(), creates(false, true), able(true));
        world.target.create("contact", {{"email", "a@x"}, {"name", "A"}});
        world.to_source.pushes.next = {Fate::dies_after};
        world.sync_and_die();
        world.target.remove("contact", world.target_id());
        world.to_target.unreadable = 1;
        world.commits.next = {Fate::arrives, Fate::dies_after}; // the claim, what recovery found
        world.sync_and_die();
        const auto parked = world.parked();
        REQUIRE(parked.size() == 1);
        CHECK(parked[0].sent.empty());
        REQUIRE(world.live_links().size() == 1);

        world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        if (crash) {
            world.to_target.pushes.next = {Fate::dies_after};
            world.sync_and_die();
            world.to_target.unreadable = 1;
            world.sync();
        }
        for (int i = 0; i < 3; ++i) world.sync_well();
        CHECK(world.source.ids("contacts").size() == 1);
        CHECK(world.target.ids("contact").size() == 1);
        CHECK(world.shard().at("name") == "B");
        CHECK(world.live_links().size() == 1);
        CHECK(world.parked().empty());
        REQUIRE(!world.to_target.creates().empty());
        CHECK(world.to_target.creates()[0].idempotency_key != world.to_source.creates().at(0).idempotency_key);
    }
}

TEST_CASE("a crash at any step of a second making makes one record only (I6)") {
    for (const auto& capabilities : {creates(true, false), creates(false, true)}) {
        CAPTURE(capabilities.idempotent_creates);
        bool died = true;
        for (std::size_t commits = 0; died; ++commits) {
            CAPTURE(commits);
            World world(recreating(), able(true), capabilities);
            world.source.create("contacts", person("a@x", "A"));
            world.sync_well();
            world.target.remove("contact", world.target_id());
            world.source.edit("contacts", world.source_id(), person("a@x", "B"));
            world.commits.next.assign(commits, Fate::arrives);
            world.commits.next.push_back(Fate::dies_before);
            died = world.sync_and_perhaps_die();
            world.source.edit("contacts", world.source_id(), person("a@x", "C"));
            world.sync_well();
            world.sync_well();
            REQUIRE(world.target.ids("contact").size() == 1);
            REQUIRE(world.source.ids("contacts").size() == 1);
            REQUIRE(world.live_links().size() == 1);
            REQUIRE(world.parked().empty());
            REQUIRE(world.shard().at("name").as_string() == "C");
        }
    }
}

TEST_CASE("a second making whose answers never came is repeated with its key, whatever its origin is by then (I6)") {
    World world(recreating(), able(true), creates(true, false));
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.target.remove("contact", world.target_id());
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.to_target.pushes.next = {Fate::late};
    world.to_target.pushes.otherwise = Fate::request_lost;
    world.sync_well();
    world.heal();
    const auto deliver = [&] { // what was sent first, at last
        auto adapter = world.target.connect("sync");
        REQUIRE(world.loop.run(adapter->push(world.to_target.under_way.at(0))).has_value());
    };
    const auto parked = world.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].reason.code == ErrorCode::unknown_outcome);
    CHECK(parked[0].sent_key == world.to_target.creates().back().idempotency_key);
    world.source.edit("contacts", world.source_id(), person("a@x", "C"));
    SUBCASE("and arrives before that") { deliver(); }
    SUBCASE("and arrives after that") {
        world.sync_well();
        deliver();
    }
    world.sync_well();
    world.sync_well();
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.source.ids("contacts").size() == 1);
    CHECK(world.shard().at("name").as_string() == "C");
    CHECK(world.parked().empty());
    const auto links = world.live_links();
    REQUIRE(links.size() == 1);
    CHECK(links[0].target_id == world.target_id());
    for (const auto& item : world.to_target.creates())
        if (item.fields.at("name").as_string() != "A") CHECK(item.idempotency_key == parked[0].sent_key);
}

TEST_CASE("a parked duplicate that its user deletes ends, and the question with it") {
    bool feed = false;
    SUBCASE("on a system that tells of deletions") { feed = true; }
    SUBCASE("on one that only lists what it has") {}
    World world(without_match_keys(), able(feed));
    world.to_target.unique = "email";
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    const auto second = world.source.create("contacts", person("a@x", "Also A"));
    world.sync_well();
    REQUIRE(world.parked().size() == 1);
    REQUIRE(world.conflicts().size() == 1);
    world.source.remove("contacts", second);
    world.sync_well();
    CHECK(world.parked().empty());
    CHECK(world.conflicts().empty());
    CHECK(world.conflicts("superseded").size() == 1);
}

TEST_CASE("a record that was met as new before it was known to be made once more is linked once (I7)") {
    Integration integration = contacts_integration();
    integration.sync.delete_conflict_resolution = DeleteStrategy::update_wins;
    AdapterCapabilities source = creates(true, false);
    source.max_page_records = 1; // so that the target is read first
    World world(integration, source, able(false));
    const auto first = world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.source.remove("contacts", first);
    world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "B"}});
    world.source.create("contacts", person("b@x", "E"));
    world.source.create("contacts", person("c@x", "C"));
    world.target.create("contact", {{"email", "z@x"}, {"name", "Z"}}); // waits for a partner, and so do the source's
    // The answer of the create is lost; the second one is not, but the record, which a user edits, can't be read to
    // compare. Then the source's changes tell of it.
    world.to_source.pushes.next = {Fate::answer_lost};
    world.to_source.meanwhile = [&] {
        world.to_source.meanwhile = [&] {
            world.to_source.unreadable = 1;
            world.source.edit("contacts", world.source.ids("contacts").back(), person("a@x", "D"));
        };
    };
    world.sync();
    world.sync_well();
    world.sync_well();
    CHECK(world.source.ids("contacts").size() == 4);
    CHECK(world.target.ids("contact").size() == 4);
    CHECK(world.live_links().size() == 4);
    CHECK(world.stream().links == 4);
    CHECK(world.parked().empty());
    CHECK(world.documents("candidate").empty()); // whoever is linked waits for nobody
}

TEST_CASE("a write to what was made once more tells whose it is, though its origin is gone and both crashed (I4)") {
    World world(recreating(), able(true), creates(true, false));
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.target.remove("contact", world.target_id());
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    REQUIRE(world.target.ids("contact").size() == 1);
    world.source.edit("contacts", world.source_id(), person("a@x", "C"));
    world.to_target.pushes.next = {Fate::arrives, Fate::dies_after};
    world.sync_and_die();
    REQUIRE(world.shard().at("name") == "C");
    world.source.remove("contacts", world.source_id());
    for (int i = 0; i < 3; ++i) world.sync_well();
    CHECK(world.source.ids("contacts").empty());
    CHECK(world.target.ids("contact").empty());
    CHECK(world.parked().empty());
    CHECK(world.stream().links == 0);
    CHECK(world.stored<Intent>("intent").empty());
}

TEST_CASE("what a lost create made once more is not brought back after both origins are gone (I4)") {
    World world(recreating(), able(true), creates(false, false));
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.target.remove("contact", world.target_id());
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.to_target.pushes.next = {Fate::late};
    world.sync_well();
    REQUIRE(world.parked().size() == 1);
    world.source.remove("contacts", world.source_id());
    for (int i = 0; i < 2; ++i) world.sync_well();
    world.deliver();
    for (int i = 0; i < 2; ++i) world.sync_well();
    CHECK(world.source.ids("contacts").empty());
    CHECK(world.target.ids("contact").empty());
    CHECK(world.parked().empty());
    CHECK(world.stream().links == 0);
}

TEST_CASE("what was made once more and deleted again is a deletion, and no create to be repeated for ever (I1)") {
    World world(recreating(), able(true), creates(true, false));
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.target.remove("contact", world.target_id());
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    world.target.remove("contact", world.target_id());
    std::size_t left = 0;
    SUBCASE("nobody has edited the other one since") {}
    SUBCASE("somebody has") {
        world.source.edit("contacts", world.source_id(), person("a@x", "C"));
        left = 1;
    }
    for (int i = 0; i < 2; ++i) world.sync_well();
    CHECK(world.source.ids("contacts").size() == left);
    CHECK(world.target.ids("contact").size() == left);
    CHECK(world.stream().links == left);
    CHECK(world.parked().empty());
    CHECK(world.conflicts().empty());
}

TEST_CASE("of creates that follow one another, each to replace the last one's record, only the last is repeated (I6)") {
    // Its user deletes what each process that dies has made once more; the last one's stays.
    int rounds = 2;
    SUBCASE("two of them") {}
    SUBCASE("three of them") { rounds = 3; }
    for (const auto& capabilities : {creates(true, false), creates(false, true), creates(true, true)}) {
        CAPTURE(capabilities.idempotent_creates);
        CAPTURE(capabilities.finds_by_idempotency_key);
        World world(recreating(), able(true), capabilities);
        world.source.create("contacts", person("a@x", "A"));
        world.sync_well();
        for (int i = 0; i < rounds; ++i) {
            world.target.remove("contact", world.target_id());
            world.source.edit("contacts", world.source_id(), person("a@x", i == 0 ? "B" : i == 1 ? "C" : "D"));
            // What the one before had made is asked for first, by its repetition where no key finds it.
            world.to_target.pushes.next.assign(i > 0 && capabilities.idempotent_creates ? 1 : 0, Fate::arrives);
            world.to_target.pushes.next.push_back(Fate::dies_after);
            world.sync_and_die();
            REQUIRE(world.target.ids("contact").size() == 1);
        }
        const auto last = world.target_id();
        for (int i = 0; i < 2; ++i) world.sync_well();
        REQUIRE(world.target.ids("contact").size() == 1);
        CHECK(world.target_id() == last);
        CHECK(world.source.ids("contacts").size() == 1);
        REQUIRE(world.live_links().size() == 1);
        CHECK(world.live_links().at(0).target_id == last);
        CHECK(world.stored<Intent>("intent").empty());
        CHECK(world.parked().empty());
    }
}

TEST_CASE("creates that follow one another are one record, wherever their recovery stops (I6)") {
    int struck = 0;
    for (const auto& capabilities : {creates(true, false), creates(false, true), creates(true, true)})
        for (std::size_t at = 0; at < 20; ++at) {
            CAPTURE(capabilities.idempotent_creates);
            CAPTURE(capabilities.finds_by_idempotency_key);
            CAPTURE(at);
            World world(recreating(), able(true), capabilities);
            world.source.create("contacts", person("a@x", "A"));
            world.sync_well();
            for (const bool again : {false, true}) {
                world.target.remove("contact", world.target_id());
                world.source.edit("contacts", world.source_id(), person("a@x", again ? "C" : "B"));
                world.to_target.pushes.next.assign(again && capabilities.idempotent_creates ? 1 : 0, Fate::arrives);
                world.to_target.pushes.next.push_back(Fate::dies_after);
                world.sync_and_die();
            }
            world.commits.next.assign(at, Fate::arrives);
            world.commits.next.push_back(Fate::dies_after);
            if (!world.sync_and_perhaps_die()) break;
            ++struck;
            for (int i = 0; i < 3; ++i) world.sync_well();
            CHECK(world.target.ids("contact").size() == 1);
            CHECK(world.source.ids("contacts").size() == 1);
            CHECK(world.live_links().size() == 1);
            CHECK(world.parked().empty());
        }
    CHECK(struck > 6);
}

TEST_CASE("the create that follows one found after a crash is asked for as well when its answer is lost (I6)") {
    World world(recreating(), creates(false, true), creates(false, true));
    world.source.create("contacts", person("a@x", "A"));
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    REQUIRE(world.target.ids("contact").size() == 1);
    world.source.remove("contacts", world.source_id());
    world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "B"}});
    world.to_source.pushes.next = {Fate::answer_lost};
    for (int i = 0; i < 2; ++i) world.sync_well();
    CHECK(world.source.ids("contacts").size() == 1);
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.parked().empty());
    CHECK(world.stream().links == 1);
}

TEST_CASE("what was made once more and arrives after its origin was deleted brings nothing back (I4)") {
    for (const bool found_by_key : {true, false}) {
        CAPTURE(found_by_key);
        World world(recreating(), able(true), creates(true, found_by_key));
        world.source.create("contacts", person("a@x", "A"));
        world.sync_well();
        world.target.remove("contact", world.target_id());
        world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        world.to_target.pushes.next = {Fate::late};
        world.to_target.meanwhile = [&] { world.source.remove("contacts", world.source_id()); };
        world.sync_well();
        world.deliver();
        for (int i = 0; i < 3; ++i) world.sync_well();
        CHECK(world.source.ids("contacts").empty());
        CHECK(world.target.ids("contact").empty());
        CHECK(world.parked().empty());
        CHECK(world.stream().links == 0);
    }
}

TEST_CASE("a lost create whose origin is gone holds nobody else's record back (I1)") {
    World world(recreating(), able(true), creates(true, false));
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.target.remove("contact", world.target_id());
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.to_target.pushes.otherwise = Fate::request_lost;
    world.sync_well();
    REQUIRE(world.parked().size() == 1);
    world.heal();
    world.source.remove("contacts", world.source_id());
    world.sync_well();
    world.target.create("contact", {{"email", "b@x"}, {"name", "New"}});
    for (int i = 0; i < 2; ++i) world.sync_well();
    CHECK(world.source.ids("contacts").size() == 1);
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.parked().size() == 1); // a person's to look at
}

#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

const AdapterCapabilities tells_nothing = creates(false, false);

json::object shard(const char* mail, const char* name) { return {{"email", mail}, {"name", name}}; }

void all_in_one_pair(World& world) {
    CHECK(world.source.ids("contacts").size() == 1);
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.stream().links == 1);
    CHECK(world.live_links().size() == 1);
    CHECK(world.parked().empty());
    CHECK(world.stream().parked == 0);
    CHECK(world.shard().at("name") == world.contact().at("name"));
    CHECK(world.conflicts().empty());
    CHECK(world.stored<Intent>("intent").empty());
}

} // namespace

TEST_CASE("a create that nobody can ask for is parked with what was sent, and never repeated by itself (I6)") {
    World world(without_match_keys(), able(true), tells_nothing);
    world.source.create("contacts", person("a@x", "A"));
    SUBCASE("its answer was lost") {
        world.to_target.pushes.next = {Fate::request_lost};
        world.sync_well();
    }
    SUBCASE("its process died") {
        world.to_target.pushes.next = {Fate::dies_before};
        world.sync_and_die();
        world.sync_well();
    }
    auto parked = world.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].reason.code == ErrorCode::unknown_outcome);
    CHECK(parked[0].reason.message.find("possible_duplicate") != std::string::npos);
    CHECK(parked[0].record_id == world.source_id());
    CHECK(parked[0].sent == json::object(shard("a@x", "A")));
    CHECK(parked[0].sent_key == world.to_target.creates().at(0).idempotency_key);

    world.sync_well();
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.sync_well();
    world.sync_well();
    CHECK(world.to_target.creates().size() == 1);
    CHECK(world.target.ids("contact").empty());
    parked = world.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].sent == json::object(shard("a@x", "A")));

    // A person has looked, and it is not there.
    auto retried = world.loop.run(world.engine->retry_parked(tenant, parked[0].parked_id, {}));
    REQUIRE(retried.has_value());
    CHECK_FALSE(retried->has_value());
    world.sync_well();
    all_in_one_pair(world);
    CHECK(world.shard().at("name").as_string() == "B");
    CHECK(world.to_target.creates().size() == 2);
}

TEST_CASE("a record that shows up with just what a lost create sent is its record, and is not copied back (I6)") {
    World world(without_match_keys(), able(true), tells_nothing);
    world.source.create("contacts", person("a@x", "A"));
    world.to_target.pushes.next = {Fate::late};
    world.sync_well();
    REQUIRE(world.parked().size() == 1);
    bool origin_gone = false;
    SUBCASE("nothing else happened") {}
    SUBCASE("the origin has been edited since, and its edit goes there") {
        world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    }
    SUBCASE("the origin has been edited and read since") {
        world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        world.sync_well();
    }
    SUBCASE("a user of the other side has made a record of their own meanwhile, which is copied") {
        world.target.create("contact", shard("other@x", "Other"));
        world.sync_well();
        CHECK(world.source.ids("contacts").size() == 2);
        world.deliver();
        world.sync_well();
        world.sync_well();
        CHECK(world.source.ids("contacts").size() == 2);
        CHECK(world.target.ids("contact").size() == 2);
        CHECK(world.live_links().size() == 2);
        CHECK(world.parked().empty());
        return;
    }
    SUBCASE("the origin has been deleted since: so is the record that it made") {
        world.source.remove("contacts", world.source_id());
        world.sync_well();
        origin_gone = true;
    }
    world.deliver();
    world.sync_well();
    world.sync_well();
    if (origin_gone) {
        CHECK(world.source.ids("contacts").empty());
        CHECK(world.target.ids("contact").empty());
        CHECK(world.parked().empty());
        CHECK(world.live_links().empty());
        return;
    }
    all_in_one_pair(world);
    CHECK(world.to_target.creates().size() == 1);
    CHECK(world.journal("created").size() == 1);
}

TEST_CASE("what a lost create could leave out, its record need not hold to be known again (I4, I6)") {
    Integration integration = without_match_keys();
    integration.sync.entity_mappings[0].field_mappings[2].shard_field = "details.phone";
    World world(std::move(integration), able(true), tells_nothing);
    json::object fields = person("a@x", "A");
    fields["phone"] = nullptr;
    world.source.create("contacts", fields);
    world.to_target.pushes.next = {Fate::late};
    world.sync_well();
    REQUIRE(world.parked().size() == 1);
    world.deliver();
    CHECK_FALSE(world.shard().contains("details"));
    world.sync_well();
    all_in_one_pair(world);
}

TEST_CASE("a lost create is repeated with what was sent first, and what came later follows as an edit (I2, I6)") {
    World world(without_match_keys(), able(true), creates(true, false));
    json::object fields = person("a@x", "A");
    fields["phone"] = "1";
    world.source.create("contacts", fields);
    world.to_target.pushes.next = {Fate::dies_before};
    world.sync_and_die();
    fields["phone"] = "2";
    world.source.edit("contacts", world.source_id(), fields);
    world.sync_well();
    const auto creates = world.to_target.creates();
    REQUIRE(creates.size() == 2);
    CHECK(creates[0].idempotency_key == creates[1].idempotency_key);
    CHECK(creates[0].fields == creates[1].fields);
    CHECK(world.shard().at("phone").as_string() == "2");
    CHECK(world.journal("created").size() + world.live_links().size() == 2);
}

TEST_CASE("a twin by key of a lost create's origin gets what it lacks, though a crash hid the first write to it (I1)") {
    World world(contacts_integration(), able(true), tells_nothing);
    world.source.create("contacts", {{"mail", "a@x"}, {"name", "A"}, {"phone", "1"}});
    world.to_target.pushes.next = {Fate::request_lost};
    world.sync_well();
    REQUIRE(world.parked().size() == 1);
    world.target.create("contact", {{"email", "a@x"}, {"name", "A"}});
    world.to_target.pushes.next = {Fate::dies_before};
    world.sync_and_die();
    world.sync_well();
    all_in_one_pair(world);
    CHECK(world.shard().contains("phone"));
}

TEST_CASE("a value that both sides let go of is news when one sets it again (I2, I10)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        json::object with_phone = person("a@x", "A");
        with_phone["phone"] = "1";
        world.source.create("contacts", with_phone);
        world.sync_well();
        world.source.edit("contacts", world.source_id(), person("a@x", "A"));
        world.target.edit("contact", world.target_id(), shard("a@x", "A"));
        world.sync_well();
        CHECK_FALSE(world.shard().contains("phone"));
        world.source.edit("contacts", world.source_id(), with_phone);
        world.sync_well();
        CHECK(world.shard().at("phone").as_string() == "1");
    }
}

TEST_CASE("a lost create is found by the key that was sent, where the system looks up by key (I6)") {
    World world(without_match_keys(), able(true), creates(false, true));
    world.source.create("contacts", person("a@x", "A"));
    SUBCASE("in the same run") {
        world.to_target.pushes.next = {Fate::answer_lost};
        world.sync_well();
        CHECK(world.to_target.creates().size() == 1);
        CHECK(world.journal("created").size() == 1);
    }
    SUBCASE("in the same run, and it had not arrived") {
        world.to_target.pushes.next = {Fate::request_lost};
        world.sync_well();
        CHECK(world.to_target.creates().size() == 2);
        CHECK(world.journal("created").size() == 1);
    }
    SUBCASE("after a crash") {
        world.to_target.pushes.next = {Fate::dies_after};
        world.sync_and_die();
        SUBCASE("and nothing else") {}
        SUBCASE("and an edit of the origin") {
            world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        }
        SUBCASE("and an edit of what it made") {
            world.target.edit("contact", world.target_id(), shard("a@x", "B"));
        }
        world.sync_well();
        CHECK(world.to_target.creates().size() == 1);
    }
    SUBCASE("in a later run, when the look-up did not answer at first") {
        world.to_target.pushes.next = {Fate::answer_lost};
        world.to_target.key_look_ups_fail = 2;
        world.sync_well();
        const auto parked = world.parked();
        REQUIRE(parked.size() >= 1);
        const bool kept = std::any_of(parked.begin(), parked.end(), [&](const ParkedRecord& one) {
            return one.side == Side::source && one.sent_key == world.to_target.creates().at(0).idempotency_key;
        });
        CHECK(kept);
        world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        world.sync_well();
        CHECK(world.to_target.creates().size() == 1);
    }
    world.sync_well();
    all_in_one_pair(world);
}

TEST_CASE("a lost create is repeated with the key that was sent, where that makes no second record (I6)") {
    World world(without_match_keys(), able(true), creates(true, false));
    world.source.create("contacts", person("a@x", "A"));
    SUBCASE("in the same run") {
        world.to_target.pushes.next = {Fate::answer_lost};
        world.sync_well();
    }
    SUBCASE("after a crash") {
        world.to_target.pushes.next = {Fate::dies_after};
        world.sync_and_die();
        SUBCASE("and nothing else") {}
        SUBCASE("and an edit of the origin") {
            world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        }
        SUBCASE("and an edit of what it made") {
            world.target.edit("contact", world.target_id(), shard("a@x", "B"));
        }
        world.sync_well();
    }
    SUBCASE("in a later run, after none of its answers came") {
        world.to_target.pushes.otherwise = Fate::request_lost;
        world.sync_well();
        world.heal();
        const auto parked = world.parked();
        REQUIRE(parked.size() == 1);
        CHECK(parked[0].sent_key == world.to_target.creates().at(0).idempotency_key);
        world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        world.sync_well();
    }
    world.sync_well();
    all_in_one_pair(world);
    const auto sent = world.to_target.creates();
    CHECK(sent.size() >= 2);
    for (const auto& item : sent) CHECK(item.idempotency_key == sent.front().idempotency_key);
    CHECK(world.journal("created").size() == 1);
}

TEST_CASE("while a create over there is uncertain, a record that nobody knows waits and is not copied back (I7)") {
    World world(without_match_keys(), able(true), creates(true, false));
    world.source.create("contacts", person("a@x", "A"));
    world.to_target.pushes.otherwise = Fate::answer_lost;
    world.to_target.meanwhile = [&] { world.target.edit("contact", world.target_id(), shard("a@x", "edited")); };
    world.sync_well();
    world.heal();
    REQUIRE(world.target.ids("contact").size() == 1);
    REQUIRE(world.shard().at("name").as_string() == "edited");
    CHECK(world.source.ids("contacts").size() == 1);
    CHECK(world.live_links().empty());
    auto parked = world.parked();
    REQUIRE(parked.size() == 2);
    std::sort(parked.begin(), parked.end(), [](const auto& one, const auto& other) { return one.side < other.side; });
    CHECK(parked[0].side == Side::source);
    CHECK(parked[0].reason.code == ErrorCode::unknown_outcome);
    CHECK(parked[1].side == Side::target);
    CHECK(parked[1].reason.code == ErrorCode::unavailable);
    world.sync_well();
    all_in_one_pair(world);
    CHECK(world.contact().at("name").as_string() == "edited");
}

TEST_CASE("a create that is found by its key after a crash is in the history with what it sent") {
    World world(without_match_keys(), able(true), creates(false, true));
    world.source.create("contacts", person("a@x", "A"));
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    world.sync_well();
    const auto created = world.journal("created");
    REQUIRE(created.size() == 1);
    CHECK(created[0].source_id == world.source_id());
    CHECK(created[0].target_id == world.target_id());
    REQUIRE_FALSE(created[0].changes.empty());
    CHECK(world.journal("linked").empty());
}

TEST_CASE("an edit after a create and a write that a crash hid each is no edit of the other side (I2)") {
    for (const auto& capabilities : {creates(true, false), creates(false, true), creates(true, true)}) {
        CAPTURE(capabilities.finds_by_idempotency_key);
        World world(without_match_keys(), able(true), capabilities);
        world.source.create("contacts", person("a@x", "A"));
        world.to_target.pushes.next = {Fate::dies_after};
        world.sync_and_die();
        world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        world.to_target.pushes.next = {Fate::dies_after};
        if (!capabilities.finds_by_idempotency_key) // the create is sent once more, and answered
            world.to_target.pushes.next.insert(world.to_target.pushes.next.begin(), Fate::arrives);
        world.sync_and_die();
        REQUIRE(world.shard().at("name").as_string() == "B");
        world.source.edit("contacts", world.source_id(), person("a@x", "A"));
        world.sync_well();
        world.sync_well();
        CHECK(world.contact().at("name").as_string() == "A");
        CHECK(world.shard().at("name").as_string() == "A");
        CHECK(world.target.ids("contact").size() == 1);
    }
}

TEST_CASE("what is deleted before its create was answered does not come back (I4)") {
    for (const auto& capabilities :
         {creates(true, false), creates(false, true), creates(true, true), creates(false, false)}) {
        CAPTURE(capabilities.idempotent_creates);
        CAPTURE(capabilities.finds_by_idempotency_key);
        World world(without_match_keys(), able(true), capabilities);
        world.source.create("contacts", person("a@x", "A"));
        world.to_target.pushes.next = {Fate::answer_lost};
        world.to_target.meanwhile = [&] { world.source.remove("contacts", world.source_id()); };
        world.sync();
        for (int i = 0; i < 3; ++i) world.sync_well();
        CHECK(world.source.ids("contacts").empty());
        CHECK(world.target.ids("contact").empty());
        CHECK(world.live_links().empty());
    }
}

TEST_CASE("lost creates are asked for again though others wait for a partner, and use up no small cap for ever (I1)") {
    World world(contacts_integration(), able(true), creates(false, true));
    world.source.create("contacts", person("a@x", "A"));
    world.target.create("contact", {{"email", "a@x"}, {"name", "A"}});
    world.target.create("contact", {{"email", "a@x"}, {"name", "B"}}); // which of the two, only a person can say
    create_people(world, 5);
    world.to_target.pushes.otherwise = Fate::request_lost;
    world.sync();
    REQUIRE(world.parked().size() == 5);
    world.heal();
    world.limits.max_records_per_sync = 2;
    world.rebuild();
    int runs = 0;
    while (world.sync_well().has_more && ++runs < 20) {
    }
    CHECK(runs < 20);
    CHECK(world.parked().empty());
    CHECK(world.target.ids("contact").size() == 7);
}

TEST_CASE("a create that arrives after its origin was deleted and it was asked for brings nothing back (I4)") {
    World world(without_match_keys(), able(true), creates(true, true));
    world.source.create("contacts", person("a@x", "A"));
    world.to_target.pushes.next = {Fate::late};
    world.to_target.meanwhile = [&] { world.source.remove("contacts", world.source_id()); };
    world.sync_well();
    SUBCASE("it arrives") { world.deliver(); }
    SUBCASE("it does not") {}
    for (int i = 0; i < 3; ++i) world.sync_well();
    CHECK(world.source.ids("contacts").empty());
    CHECK(world.target.ids("contact").empty());
    CHECK(world.parked().empty());
    CHECK(world.stream().links == 0);
}

TEST_CASE("what is written over is kept also where the record's own create was parked without an answer (I2)") {
    Integration inbound = without_match_keys();
    inbound.sync.direction = Direction::inbound;
    World world(inbound, able(true), creates(true, false));
    world.source.create("contacts", person("a@x", "A"));
    world.to_target.pushes.next = {Fate::answer_lost};
    world.to_target.unreadable = 100; // when what the repetition answered is looked at
    world.sync_well();
    REQUIRE(world.parked().size() == 1);
    REQUIRE(world.live_links().size() == 1);
    world.to_target.unreadable = 0;
    world.source.edit("contacts", world.source_id(), person("a@x", "S"));
    world.target.edit("contact", world.target_id(), shard("a@x", "T"));
    world.to_target.pushes.next = {Fate::answer_lost};
    world.sync_well();
    CHECK(world.shard().at("name") == "S");
    CHECK(world.parked().empty());
    bool kept = false;
    for (const auto& entry : world.journal("updated"))
        for (const auto& change : entry.changes) kept = kept || (change.before && *change.before == "T");
    CHECK(kept);
}

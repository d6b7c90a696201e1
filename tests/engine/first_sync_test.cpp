#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

TEST_CASE("records of both sides appear on the other one, and a second run does nothing (I1, I14)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        world.source.create("contacts", person("Ada@example.org", "Ada"));
        world.source.create("contacts", person("bob@example.org", "Bob"));
        world.target.create("contact", {{"email", "carol@example.org"}, {"name", "Carol"}});

        const Execution first = world.sync_well();
        CHECK(first.counters.created == 3);
        CHECK(world.source.ids("contacts").size() == 3);
        CHECK(world.target.ids("contact").size() == 3);
        CHECK(world.stream().links == 3);
        CHECK(world.stream().caught_up);

        const auto before_source = world.source.position(), before_target = world.target.position();
        const Execution second = world.sync_well();
        CHECK(world.source.position() == before_source);
        CHECK(world.target.position() == before_target);
        CHECK(second.counters.created + second.counters.updated + second.counters.deleted == 0);
        CHECK(second.counters.conflicts == 0);
        CHECK(world.sink.faults().empty());
    }
}

TEST_CASE("a run that finds nothing to do writes down that it began and ended, and nothing in between") {
    World world(contacts_integration(), able(true));
    world.source.create("contacts", person("ada@example.org", "Ada"));
    world.sync_well();
    world.sync_well(); // reads back what the first one wrote
    world.commits.next.assign(100, Fate::arrives);
    world.sync_well();
    // The stream's beginning, and the task's with it; both their ends; the events that leave the outbox.
    CHECK(world.commits.next.size() == 97);
    CHECK(world.stream().caught_up);
}

TEST_CASE("records with equal match keys become one pair, and their differences are compared") {
    World world;
    world.source.create("contacts", {{"mail", "Ada@example.org"}, {"name", "Ada"}, {"tags", {"a"}}});
    world.target.create("contact", {{"email", "ada@example.org"}, {"name", "Ada"}, {"tags", {"b"}}, {"other", 1}});
    world.sync_well();
    CHECK(world.source.ids("contacts").size() == 1);
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(equal_unordered(world.contact().at("tags"), json::array{"a", "b"}));
    CHECK(equal_unordered(world.shard().at("tags"), json::array{"a", "b"}));
    CHECK(world.shard().at("other").as_int64() == 1);
    // Lowercase is a normal form, not an edit: nobody's spelling is rewritten.
    CHECK(world.contact().at("mail").as_string() == "Ada@example.org");
}

TEST_CASE("edits of different fields merge, equal edits agree") {
    World world;
    world.source.create("contacts", person("ada@example.org", "Ada"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), {{"mail", "ada@example.org"}, {"name", "Ada L."}});
    world.target.edit("contact", world.target_id(),
                      {{"email", "ada@example.org"}, {"name", "Ada"}, {"phone", "123"}});
    const Execution run = world.sync_well();
    CHECK(run.counters.conflicts == 0);
    CHECK(world.shard().at("name").as_string() == "Ada L.");
    CHECK(world.contact().at("phone").as_string() == "123");

    world.source.edit("contacts", world.source_id(),
                      {{"mail", "ada@example.org"}, {"name", "Ada"}, {"phone", "9"}});
    world.target.edit("contact", world.target_id(), {{"email", "ada@example.org"}, {"name", "Ada"}, {"phone", "9"}});
    const Execution agreed = world.sync_well();
    CHECK(agreed.counters.updated == 0);
    CHECK(agreed.counters.conflicts == 0);
    const auto position = world.source.position() + world.target.position();
    world.sync_well();
    CHECK(world.source.position() + world.target.position() == position);
}

TEST_CASE("two edits of one field stand open, the other fields flow on, and the answer is written to both (I8, I37)") {
    World world;
    world.source.create("contacts", person("ada@example.org", "Ada"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), {{"mail", "ada@example.org"}, {"name", "Ada S."}, {"phone", "1"}});
    world.target.edit("contact", world.target_id(), {{"email", "ada@example.org"}, {"name", "Ada T."}});
    const Execution run = world.sync_well();
    CHECK(run.counters.conflicts == 1);
    CHECK(world.contact().at("name").as_string() == "Ada S.");
    CHECK(world.shard().at("name").as_string() == "Ada T.");
    CHECK(world.shard().at("phone").as_string() == "1");
    auto open = world.conflicts();
    REQUIRE(open.size() == 1);
    CHECK(open[0].type == ConflictType::update_update);
    REQUIRE(open[0].fields.size() == 1);
    CHECK(open[0].fields[0].field == "name");
    CHECK(open[0].fields[0].base->as_string() == "Ada");

    world.sync_well();
    CHECK(world.conflicts().size() == 1);

    ConflictResolution answer;
    answer.choice = ConflictResolution::Choice::values;
    answer.values = {{"name", "Ada Both"}};
    answer.actor = "grace";
    auto resolved = world.loop.run(world.engine->resolve_conflict(tenant, open[0].conflict_id, answer));
    REQUIRE_MESSAGE(resolved.has_value(), resolved.error().message);
    CHECK(resolved->state == ConflictState::resolved);
    CHECK(resolved->resolved_by == "grace");
    CHECK(world.contact().at("name").as_string() == "Ada Both");
    CHECK(world.shard().at("name").as_string() == "Ada Both");
    const auto position = world.source.position() + world.target.position();
    const Execution after = world.sync_well();
    CHECK(world.source.position() + world.target.position() == position);
    CHECK(after.counters.conflicts == 0);
    CHECK(world.stream().open_conflicts == 0);
}

TEST_CASE("an answer to a conflict whose side moved is stale, and the conflict shows the new values (I37)") {
    World world;
    world.source.create("contacts", person("ada@example.org", "Ada"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), person("ada@example.org", "Ada S."));
    world.target.edit("contact", world.target_id(), {{"email", "ada@example.org"}, {"name", "Ada T."}});
    world.sync_well();
    const auto shown = world.conflicts().front();
    world.source.edit("contacts", world.source_id(), person("ada@example.org", "Ada S2"));
    ConflictResolution answer;
    answer.choice = ConflictResolution::Choice::target;
    auto resolved = world.loop.run(world.engine->resolve_conflict(tenant, shown.conflict_id, answer));
    REQUIRE_FALSE(resolved.has_value());
    CHECK(resolved.error().code == ErrorCode::stale);
    CHECK(world.contact().at("name").as_string() == "Ada S2");
    REQUIRE(world.conflicts().size() == 1);
    CHECK(world.conflicts().front().fields[0].source->as_string() == "Ada S2");
    CHECK(world.conflicts("superseded").size() == 1);
}

TEST_CASE("a deletion is carried over, by tombstone and by listing (I4, I5)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        for (const char* mail : {"a@x", "b@x", "c@x", "d@x"}) world.source.create("contacts", person(mail, "N"));
        world.sync_well();
        world.source.remove("contacts", world.source_id());
        const Execution run = world.sync_well();
        CHECK(run.counters.deleted == 1);
        CHECK(world.target.ids("contact").size() == 3);
        world.target.remove("contact", world.target_id());
        CHECK(world.sync_well().counters.deleted == 1);
        CHECK(world.source.ids("contacts").size() == 2);
        CHECK(world.stream().links == 2);
        const auto position = world.source.position() + world.target.position();
        world.sync_well();
        CHECK(world.source.position() + world.target.position() == position);
    }
}

TEST_CASE("the record cap ends a run with more to come, and nothing is cut off (I10)") {
    World world;
    world.limits.max_records_per_sync = 7;
    world.limits.page_records = 3;
    world.rebuild();
    for (int i = 0; i < 40; ++i)
        world.source.create("contacts", person(("p" + std::to_string(i) + "@x").c_str(), "N"));
    int runs = 0;
    Execution run;
    do {
        run = world.sync_well();
        CHECK(run.counters.processed <= 7);
    } while (run.has_more && ++runs < 100);
    CHECK(runs >= 5);
    CHECK(world.target.ids("contact").size() == 40);
    CHECK(world.stream().links == 40);
}

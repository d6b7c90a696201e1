#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

Integration with_field(const char* field) {
    Integration integration = contacts_integration();
    auto parsed = parse_json(field);
    REQUIRE(parsed.has_value());
    // Through the parser, as a configuration would.
    json::object document{{"id", integration.id}, {"tenantId", integration.tenant_id}, {"providerName", "crm"},
                          {"settings", json::object()}};
    document["syncConfig"] = json::object{
        {"syncDirection", "bidirectional"},
        {"entityMappings",
         {json::object{{"externalEntity", "contacts"},
                       {"shardTypeId", "contact"},
                       {"fieldMappings",
                        json::array{json::object{{"externalField", "name"}, {"shardField", "name"}}, *parsed}}}}}};
    auto result = parse_integration(document, true);
    for (const auto& fault : result.faults) MESSAGE(fault.path << ": " << fault.message);
    REQUIRE(result.integration.has_value());
    return *result.integration;
}

} // namespace

TEST_CASE("a record that can't be mapped is parked with its field, the others flow, and its repair ends it (I38)") {
    World world(with_field(R"({"externalField": "grade", "shardField": "grade", "values": {"A": 1, "B": 2}})"));
    world.source.create("contacts", {{"name", "good"}, {"grade", "A"}});
    const auto bad = world.source.create("contacts", {{"name", "bad"}, {"grade", "Z"}});
    const Execution run = world.sync_well();
    CHECK(run.counters.failed == 1);
    CHECK(run.counters.created == 1);
    auto parked = world.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].record_id == bad);
    CHECK(parked[0].field.find("grade") != std::string::npos);
    CHECK(parked[0].payload.find("bad") != std::string::npos);
    CHECK(world.stream().parked == 1);
    const auto told = world.events("integration.record.parked");
    REQUIRE(told.size() == 1);
    CHECK(told[0].data.at("parkedId").as_string() == parked[0].parked_id);
    CHECK(told[0].data.at("recordId").as_string() == bad);

    SUBCASE("it is told once, however often a retry fails") {
        CHECK(world.loop.run(world.engine->retry_parked(tenant, parked[0].parked_id, {})).has_value());
        CHECK(world.parked().size() == 1);
        CHECK(world.events("integration.record.parked").size() == 1);
    }
    SUBCASE("it is not tried again while it does not change") {
        CHECK(world.sync_well().counters.failed == 0);
        CHECK(world.stream().parked == 1);
    }
    SUBCASE("its user mends it") {
        world.source.edit("contacts", bad, {{"name", "bad"}, {"grade", "B"}});
        world.sync_well();
        CHECK(world.parked().empty());
        CHECK(world.stream().parked == 0);
        CHECK(world.target.ids("contact").size() == 2);
    }
    SUBCASE("a person retries it with a value, which is written to the record itself") {
        auto retried = world.loop.run(world.engine->retry_parked(tenant, parked[0].parked_id, {{"grade", "B"}}));
        REQUIRE_MESSAGE(retried.has_value(), retried.error().message);
        CHECK_FALSE(retried->has_value());
        CHECK(world.source.find("contacts", bad)->at("grade").as_string() == "B");
        CHECK(world.target.ids("contact").size() == 2);
        CHECK(world.stream().parked == 0);
    }
    SUBCASE("a retry without repair leaves it parked") {
        auto retried = world.loop.run(world.engine->retry_parked(tenant, parked[0].parked_id, {}));
        REQUIRE(retried.has_value());
        REQUIRE(retried->has_value());
        CHECK((*retried)->attempts == 2);
        CHECK(world.stream().parked == 1);
    }
    SUBCASE("discarded, it stays away until it changes") {
        REQUIRE(world.loop.run(world.engine->discard_parked(tenant, parked[0].parked_id)).has_value());
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 1);
        world.source.edit("contacts", bad, {{"name", "bad"}, {"grade", "B"}});
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 2);
    }
    SUBCASE("its deletion ends it") {
        world.source.remove("contacts", bad);
        world.sync_well();
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 1);
    }
}

TEST_CASE("a linked record that can't be mapped any more changes nothing on the other side (I2)") {
    World world(with_field(R"({"externalField": "grade", "shardField": "grade", "values": {"A": 1, "B": 2}})"));
    world.source.create("contacts", {{"name", "n"}, {"grade", "A"}});
    world.sync_well();
    world.source.edit("contacts", world.source_id(), {{"name", "changed"}, {"grade", "Z"}});
    CHECK(world.sync_well().counters.failed == 1);
    CHECK(world.shard().at("name").as_string() == "n");
    world.source.edit("contacts", world.source_id(), {{"name", "changed"}, {"grade", "B"}});
    world.sync_well();
    CHECK(world.shard().at("name").as_string() == "changed");
    CHECK(world.shard().at("grade").to_number<int>() == 2);
}

TEST_CASE("a row that can't be read is parked, is no deletion, and ends when it can be read (I5, I38)") {
    World world;
    const auto id = world.source.create("contacts", person("a@x", "A"));
    world.source.create("contacts", person("b@x", "B"));
    world.sync_well();
    world.source.set_broken("contacts", id, true);
    CHECK(world.sync_well().counters.failed == 1);
    CHECK(world.target.ids("contact").size() == 2);
    CHECK(world.parked().size() == 1);
    world.sync_well();
    CHECK(world.parked().size() == 1);
    world.source.set_broken("contacts", id, false);
    world.sync_well();
    CHECK(world.parked().empty());
    CHECK(world.stream().parked == 0);
    CHECK(world.target.ids("contact").size() == 2);
}

TEST_CASE("an edit that met a partner which could not be read is written once it can, where that receives only (I1)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        Integration inbound = contacts_integration(); // its match keys have the target's listing read
        inbound.sync.direction = Direction::inbound;
        World world(inbound, able(true), able(feed));
        world.source.create("contacts", person("a@x", "A"));
        world.sync_well();
        world.target.set_broken("contact", world.target_id(), true);
        world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        for (int i = 0; i < 2; ++i) CHECK(world.sync().status == SyncStatus::completed);
        CHECK(world.parked().size() == 1);
        world.target.set_broken("contact", world.target_id(), false);
        for (int i = 0; i < 2; ++i) world.sync_well();
        CHECK(world.shard().at("name").as_string() == "B");
        CHECK(world.parked().empty());
    }
}

TEST_CASE("an edit parked for want of its partner is kept when the partner is deleted (I10, I38)") {
    Integration integration = contacts_integration();
    integration.sync.direction = Direction::inbound;
    integration.sync.delete_conflict_resolution = DeleteStrategy::update_wins;
    World world(integration, able(true), able(true));
    world.source.create("contacts", person("ada@example.org", "Ada"));
    world.sync_well();
    world.source.edit("contacts", world.source_id(), person("ada@example.org", "Ada L."));
    world.target.remove("contact", world.target_id());
    world.to_target.unreadable = 1;
    world.sync();
    world.sync_well();
    CHECK(world.shard().at("name") == "Ada L.");
    CHECK(world.parked().empty());
}

TEST_CASE("a reference waits for its parent, and is translated both ways") {
    World world(contacts_of_companies());
    const auto company = world.source.create("companies", {{"title", "Acme"}});
    world.source.create("contacts", {{"name", "Ada"}, {"company", company}});
    const auto orphan = world.source.create("contacts", {{"name", "Bob"}, {"company", "not-there-yet"}});
    auto executions = world.loop.run(world.engine->run(world.request()));
    REQUIRE(executions.has_value());
    REQUIRE(executions->size() == 2);
    CHECK(executions->front().entity_type == "companies"); // parents first
    REQUIRE(world.target.ids("contact").size() == 1);
    const auto shard_company = world.target.ids("company").front();
    CHECK(world.target.find("contact", world.target_id())->at("companyId").as_string() == shard_company);
    auto parked = world.parked();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].reason.code == ErrorCode::missing_reference);

    // The parent comes: the child goes on without being touched.
    const auto late = world.source.create("companies", {{"title", "Late"}});
    world.source.edit("contacts", orphan, {{"name", "Bob"}, {"company", late}});
    world.sync_well();
    CHECK(world.parked().empty());
    CHECK(world.target.ids("contact").size() == 2);

    // And outward: a shard that names a company by its shard id.
    world.target.create("contact", {{"name", "Carol"}, {"companyId", shard_company}});
    world.sync_well();
    bool found = false;
    for (const auto& id : world.source.ids("contacts")) {
        const auto& fields = *world.source.find("contacts", id);
        if (fields.at("name").as_string() != "Carol") continue;
        found = true;
        CHECK(fields.at("company").as_string() == company);
    }
    CHECK(found);
}

TEST_CASE("a reference to a record that has gone is a conflict, and its repair ends it (missing_reference)") {
    World world(contacts_of_companies());
    const auto company = world.source.create("companies", {{"title", "Acme"}});
    const auto other = world.source.create("companies", {{"title", "Other"}});
    const auto contact = world.source.create("contacts", {{"name", "Ada"}, {"company", other}});
    world.sync_well();
    world.source.remove("companies", company);
    world.sync_well();
    world.source.edit("contacts", contact, {{"name", "Ada"}, {"company", company}});
    world.sync_well();
    const auto open = world.conflicts();
    REQUIRE(open.size() == 1);
    CHECK(open[0].type == ConflictType::missing_reference);
    CHECK(open[0].entity_type == "contacts");
    CHECK(open[0].source_id == contact);
    CHECK(open[0].fields.at(0).field == "companyId");
    CHECK(world.events("integration.conflict.detected").size() == 1);
    CHECK(world.parked().size() == 1);
    world.sync_well(); // told once
    CHECK(world.conflicts().size() == 1);
    CHECK(world.events("integration.conflict.detected").size() == 1);

    world.source.edit("contacts", contact, {{"name", "Ada"}, {"company", other}});
    world.sync_well();
    CHECK(world.conflicts().empty());
    CHECK(world.parked().empty());
    CHECK(world.target.ids("contact").size() == 1);
}

TEST_CASE("a record that leaves the filter is out of scope, never deleted") {
    Integration integration = contacts_integration();
    Filter filter;
    filter.field = "name";
    filter.op = Filter::Operator::not_equals;
    filter.value = "secret";
    integration.sync.pull_filters = {filter};
    World world(integration);
    const auto id = world.source.create("contacts", person("a@x", "A"));
    world.source.create("contacts", person("b@x", "secret"));
    world.sync_well();
    CHECK(world.target.ids("contact").size() == 1);
    world.source.edit("contacts", id, person("a@x", "secret"));
    world.sync_well();
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.shard().at("name").as_string() == "A");
    world.source.edit("contacts", id, person("a@x", "back"));
    world.sync_well();
    CHECK(world.shard().at("name").as_string() == "back");
}

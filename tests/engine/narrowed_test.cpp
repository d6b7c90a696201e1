// Runs that are asked for some records only: by the task's own filters, or by ids.
#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

SyncRequest only_named(const World& world, const char* name) {
    SyncRequest request = world.request();
    Filter filter;
    filter.field = "name";
    filter.op = Filter::Operator::equals;
    filter.value = name;
    request.filters = {filter};
    return request;
}

SyncRequest only_sources(const World& world, std::vector<std::string> ids) {
    SyncRequest request = world.request();
    request.source_ids = std::move(ids);
    return request;
}

void completes(World& world, SyncRequest request) {
    const Execution run = world.sync(std::move(request));
    if (run.error) FAIL(run.error->message);
    CHECK(run.status == SyncStatus::completed);
}

std::size_t named(const World& world, const char* name) {
    const auto ids = world.target.ids("contact");
    return static_cast<std::size_t>(std::count_if(ids.begin(), ids.end(), [&](const std::string& id) {
        return world.target.find("contact", id)->at("name").as_string() == name;
    }));
}

} // namespace

TEST_CASE("what waits on one side for a parent still waits after a run of the other direction (I10, I38)") {
    World world(contacts_of_companies(), able(true), able(true));
    SyncRequest contacts = world.request();
    contacts.entity = "contacts";
    const auto parent = world.target.create("company", {{"title", "C"}});
    world.target.create("contact", {{"name", "N"}, {"companyId", parent}});
    CHECK(world.sync(contacts).status == SyncStatus::completed);
    REQUIRE(world.parked().size() == 1);
    SyncRequest inbound = contacts;
    inbound.direction = Direction::inbound;
    CHECK(world.sync(inbound).status == SyncStatus::completed);
    CHECK(world.parked().size() == 1);
    for (const char* entity : {"companies", "contacts"}) {
        SyncRequest request = world.request();
        request.entity = entity;
        CHECK(world.sync(request).status == SyncStatus::completed);
    }
    CHECK(world.parked().empty());
    CHECK(world.source.ids("contacts").size() == 1);
}

TEST_CASE("a run of one direction leaves alone what is parked for the other one (I10, I38)") {
    SimulatedSystemOptions source = system_options("crm", able(true));
    source.refuses = [](const json::object& fields) -> std::optional<std::string> {
        const json::value* name = fields.if_contains("name");
        if (name && *name == json::value("Bad")) return "not this name";
        return std::nullopt;
    };
    World world(contacts_integration(), std::move(source), system_options("shards", able(true)));
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "Bad"}});
    world.sync_well();
    REQUIRE(world.parked().size() == 1);
    SyncRequest inbound = world.request();
    inbound.direction = Direction::inbound;
    for (int i = 0; i < 2; ++i) CHECK(world.sync(inbound).status == SyncStatus::completed);
    REQUIRE(world.parked().size() == 1);
    CHECK(world.parked()[0].reason.code == ErrorCode::invalid_record);
    CHECK(world.shard().at("name").as_string() == "Bad");
}

TEST_CASE("a task's own filters carry the records that match, and a later run carries the others (I10)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        world.source.create("contacts", person("a@x", "A"));
        world.source.create("contacts", person("b@x", "B"));
        completes(world, only_named(world, "A"));
        CHECK(world.target.ids("contact").size() == 1);
        CHECK(named(world, "A") == 1);
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 2);

        const auto ids = world.source.ids("contacts");
        world.source.edit("contacts", ids[0], person("a@x", "A2"));
        world.source.edit("contacts", ids[1], person("b@x", "B2"));
        completes(world, only_named(world, "B2"));
        CHECK(named(world, "A2") == 0);
        CHECK(named(world, "B2") == 1);
        world.sync_well();
        CHECK(named(world, "A2") == 1);
        CHECK(world.target.ids("contact").size() == 2);
        CHECK(world.source.ids("contacts").size() == 2);
    }
}

TEST_CASE("a run under a filter deletes nothing that the filter hides (I5)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        create_people(world, 5);
        world.sync_well();
        completes(world, only_named(world, "nobody"));
        CHECK(world.target.ids("contact").size() == 5);
        CHECK(world.source.ids("contacts").size() == 5);
        world.sync_well();
        CHECK(world.live_links().size() == 5);
    }
}

TEST_CASE("a run for some ids carries these, and a later run carries the others (I10)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        const auto people = create_people(world, 3);
        world.sync_well();
        world.source.edit("contacts", people[0], person("p0@x", "first"));
        world.source.edit("contacts", people[1], person("p1@x", "second"));
        completes(world, only_sources(world, {people[0]}));
        CHECK(named(world, "first") == 1);
        CHECK(named(world, "second") == 0);
        const auto fresh = world.source.create("contacts", person("new@x", "fresh"));
        completes(world, only_sources(world, {fresh}));
        CHECK(named(world, "fresh") == 1);
        world.sync_well();
        CHECK(named(world, "second") == 1);
        CHECK(world.target.ids("contact").size() == 4);
        CHECK(world.live_links().size() == 4);
    }
}

TEST_CASE("a run for an id whose record is gone deletes its partner, and one that never was changes nothing") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        const auto people = create_people(world, 3);
        world.sync_well();
        world.source.remove("contacts", people[1]);
        completes(world, only_sources(world, {people[1], "never-there"}));
        CHECK(world.target.ids("contact").size() == 2);
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 2);
        CHECK(world.live_links().size() == 2);
        CHECK(world.parked().empty());
    }
}

TEST_CASE("before both sides were read once, a run for some ids creates nothing that may be there already (I6)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        World world(contacts_integration(), able(feed));
        const auto here = world.source.create("contacts", person("a@x", "A"));
        world.target.create("contact", {{"email", "a@x"}, {"name", "A"}});
        completes(world, only_sources(world, {here}));
        CHECK(world.target.ids("contact").size() == 1);
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 1);
        CHECK(world.source.ids("contacts").size() == 1);
        CHECK(world.live_links().size() == 1);
    }
}

TEST_CASE("beside a run that was cut off, a run for some ids creates and deletes nothing ahead of it (I5, I6)") {
    World world;
    world.limits.page_records = 3;
    world.limits.max_records_per_sync = 5;
    world.rebuild();
    const auto people = create_people(world, 10);
    for (int i = 0; i < 10; ++i)
        world.target.create("contact", {{"email", fmt::format("p{}@x", i)}, {"name", "N"}});
    REQUIRE(world.sync().has_more);
    completes(world, only_sources(world, people));
    CHECK(world.target.ids("contact").size() == 10);
    for (int i = 0; i < 20 && world.sync().has_more; ++i) {}
    CHECK(world.target.ids("contact").size() == 10);
    CHECK(world.source.ids("contacts").size() == 10);
    CHECK(world.live_links().size() == 10);
    CHECK(world.conflicts().empty());
}

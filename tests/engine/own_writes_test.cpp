// A system whose feed can tell that nobody else wrote: what the engine wrote there is not read back.
#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

// Both ways, and both sides tell.
struct Telling : World {
    explicit Telling(Integration integration = contacts_integration())
        : World(std::move(integration), telling("crm"), telling("shards")) {
        target.on_read([this](const std::string&, const std::string&, const std::string&) { ++target_reads; });
        source.on_read([this](const std::string&, const std::string&, const std::string&) { ++source_reads; });
    }

    static SimulatedSystemOptions telling(std::string name) {
        SimulatedSystemOptions options = system_options(std::move(name), able(true));
        options.tells_positions = true;
        return options;
    }

    // The next run.
    Execution count_reads() {
        source_reads = target_reads = 0;
        return sync_well();
    }

    int source_reads = 0, target_reads = 0;
};

} // namespace

TEST_CASE("what the engine wrote is not read back from a feed that can tell (I12)") {
    Telling world;
    world.limits.page_records = 4; // several pages, several pushes
    world.rebuild();
    create_people(world, 10);
    world.sync_well();
    REQUIRE(world.target.ids("contact").size() == 10);
    world.count_reads();
    CHECK(world.target_reads == 0);
    CHECK(world.source_reads == 0);

    // An update and a deletion as well.
    const auto ids = world.source.ids("contacts");
    world.source.edit("contacts", ids[0], person("p0@x", "edited"));
    world.source.remove("contacts", ids[1]);
    world.sync_well();
    REQUIRE(world.target.ids("contact").size() == 9);
    world.count_reads();
    CHECK(world.target_reads == 0);
}

TEST_CASE("an edit between two writes of the engine is read (I2, I10)") {
    Telling world;
    world.limits.page_records = 4;
    world.rebuild();
    create_people(world, 10);
    world.to_target.meanwhile = [&] {
        world.target.edit("contact", world.target_id(), {{"email", "p0@x"}, {"name", "edited"}});
    };
    world.sync_well();
    world.count_reads();
    CHECK(world.target_reads > 0);
    CHECK(world.contact_fields(0).at("name").as_string() == "edited");
}

TEST_CASE("an edit between a write of the engine and its commit is read (I10, I13)") {
    Telling world;
    world.source.create("contacts", person("a@x", "A"));
    world.to_target.meanwhile = [&] {
        world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "edited"}});
    };
    world.sync_well();
    world.sync_well();
    CHECK(world.contact().at("name").as_string() == "edited");
}

TEST_CASE("what a process wrote before it died is read by the next one (I10)") {
    Telling world;
    create_people(world, 3);
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    world.target.edit("contact", world.target_id(), {{"email", "p0@x"}, {"name", "edited"}});
    world.sync_well();
    world.sync_well();
    CHECK(world.target.ids("contact").size() == 3);
    CHECK(world.contact_fields(0).at("name").as_string() == "edited");
}

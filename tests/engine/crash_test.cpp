#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

// Passes everything on, and throws in place of the answer to the n-th push from now: the process "dies" after the far
// side has taken it.
class DiesAfterPush final : public Adapter {
public:
    DiesAfterPush(std::unique_ptr<Adapter> inner, int& pushes_left) : inner_(std::move(inner)), left_(pushes_left) {}
    AdapterDescription describe() const override { return inner_->describe(); }
    AdapterCapabilities capabilities() const override { return inner_->capabilities(); }
    Async<Result<>> check() override { return inner_->check(); }
    Async<Result<RecordPage>> pull(PullRequest request) override { return inner_->pull(std::move(request)); }
    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        return inner_->fetch(std::move(request));
    }
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        auto answer = co_await inner_->push(std::move(request));
        if (left_ > 0 && --left_ == 0) throw std::runtime_error("died");
        co_return answer;
    }

private:
    std::unique_ptr<Adapter> inner_;
    int& left_;
};

// After this, the next push to that side is the last thing its execution does.
void dying(World& world, int& source_pushes, int& target_pushes) {
    world.registry.add(world.source.describe(), [&](const AdapterContext&) -> Result<std::unique_ptr<Adapter>> {
        return std::unique_ptr<Adapter>(std::make_unique<DiesAfterPush>(world.source.connect("sync"), source_pushes));
    });
    EngineParts parts;
    parts.runtime = Runtime{world.loop.executor(), &world.clock, world.random.get()};
    parts.store = world.store.get();
    parts.adapters = &world.registry;
    parts.shards = [&](const AdapterContext&) -> Result<std::unique_ptr<Adapter>> {
        return std::unique_ptr<Adapter>(std::make_unique<DiesAfterPush>(world.target.connect("sync"), target_pushes));
    };
    parts.catalog = world.catalog.get();
    parts.events = &world.sink;
    parts.limits = world.limits;
    world.engine = std::make_unique<Engine>(std::move(parts));
}

} // namespace

TEST_CASE("a create whose commit was lost is found again, not made twice (I6)") {
    for (const bool feed : {false, true}) {
        CAPTURE(feed);
        Integration integration = contacts_integration();
        integration.sync.entity_mappings[0].match_keys.clear(); // nothing but the intent could tell
        World world(integration, able(feed));
        int source_pushes = 0, target_pushes = 1;
        dying(world, source_pushes, target_pushes);
        world.source.create("contacts", person("a@x", "A"));
        CHECK(world.sync().status == SyncStatus::failed);
        REQUIRE(world.target.ids("contact").size() == 1);
        SUBCASE("nobody touched it") {}
        SUBCASE("a user edited the new record meanwhile (I13)") {
            world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"phone", "7"}});
        }
        SUBCASE("a user edited the original meanwhile (I9)") {
            world.source.edit("contacts", world.source_id(), person("a@x", "B"));
        }
        const bool edited = world.shard().if_contains("phone") != nullptr;
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 1);
        CHECK(world.source.ids("contacts").size() == 1);
        CHECK(world.stream().links == 1);
        CHECK(world.conflicts().empty());
        CHECK(world.shard().at("name") == world.contact().at("name"));
        if (edited) CHECK(world.contact().at("phone").as_string() == "7");
    }
}

TEST_CASE("a page of creates whose commit was lost is found again, however large it was (I6)") {
    Integration integration = contacts_integration();
    integration.sync.entity_mappings[0].match_keys.clear(); // nothing but the intents could tell
    AdapterCapabilities repeats_creates = able(false);
    repeats_creates.idempotent_creates = false;
    World world(integration, able(false), repeats_creates);
    int source_pushes = 0, target_pushes = 1;
    dying(world, source_pushes, target_pushes);
    constexpr std::size_t count = 400;
    for (std::size_t i = 0; i < count; ++i)
        world.source.create("contacts", person(fmt::format("{}@x", i).c_str(), "A"));
    CHECK(world.sync().status == SyncStatus::failed);
    REQUIRE(world.target.ids("contact").size() == count);
    world.sync_well();
    CHECK(world.target.ids("contact").size() == count);
    CHECK(world.source.ids("contacts").size() == count);
    CHECK(world.stream().links == count);
}

TEST_CASE("an update whose commit was lost is our own write, no second edit to conflict with (I9, I12)") {
    World world;
    int source_pushes = 0, target_pushes = 0;
    dying(world, source_pushes, target_pushes);
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "B"}});
    source_pushes = 1;
    CHECK(world.sync().status == SyncStatus::failed);
    REQUIRE(world.contact().at("name").as_string() == "B");
    world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "C"}});
    const Execution run = world.sync_well();
    CHECK(run.counters.conflicts == 0);
    CHECK(world.contact().at("name").as_string() == "C");
}

TEST_CASE("a sum that was written to one side only is not added twice (I3)") {
    Integration integration = contacts_integration();
    integration.sync.entity_mappings[0].field_mappings[2].strategy = Strategy::add_delta;
    World world(integration);
    int source_pushes = 0, target_pushes = 0;
    dying(world, source_pushes, target_pushes);
    world.source.create("contacts", {{"mail", "a@x"}, {"name", "A"}, {"phone", 100}});
    world.sync_well();
    world.source.edit("contacts", world.source_id(), {{"mail", "a@x"}, {"name", "A"}, {"phone", 110}});
    world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"phone", 103}});
    target_pushes = 1;
    CHECK(world.sync().status == SyncStatus::failed);
    REQUIRE(world.shard().at("phone").to_number<int>() == 113);
    world.sync_well();
    CHECK(world.contact().at("phone").to_number<int>() == 113);
    CHECK(world.shard().at("phone").to_number<int>() == 113);
}

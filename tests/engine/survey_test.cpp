#include <castiel_sync/stores/memory.hpp>
#include <castiel_sync/survey.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <engine/documents.hpp>

#include <doctest/doctest.h>

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

const std::string tenants[] = {"7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001", "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0002"};

struct World {
    SimLoop loop;
    SimClock clock{loop};
    std::unique_ptr<Store> store = make_memory_store(clock);

    void keep(const std::string& tenant, Document document) {
        REQUIRE(loop.run(store->commit(tenant, {put(std::move(document))})).has_value());
    }
    Survey look(const SurveyLimits& limits = {}) {
        auto figures = loop.run(survey(*store, clock.now(), limits));
        REQUIRE_MESSAGE(figures.has_value(), figures.error().message);
        return std::move(*figures);
    }
};

StreamDocument stream(const std::string& id) {
    StreamDocument document;
    document.stream_id = id;
    document.integration_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";
    document.entity_type = "contacts";
    return document;
}

} // namespace

TEST_CASE("a survey of an empty store is all zero") {
    World world;
    const Survey figures = world.look();
    CHECK(figures.complete);
    CHECK(figures.streams + figures.slots_in_use + figures.outbox + figures.parked == 0);
    CHECK(figures.ages.empty());
}

TEST_CASE("a survey counts the streams and slots of all tenants by their state") {
    World world;
    const Timestamp now = world.clock.now();
    StreamDocument plain = stream("plain");
    plain.last_run_at = now - 90s;
    plain.open_conflicts = 3;
    plain.parked = 4;
    world.keep(tenants[0], to_document(plain));
    StreamDocument paused = stream("paused");
    paused.paused = true;
    paused.last_run_at = now - 24h;
    paused.parked = 5;
    world.keep(tenants[0], to_document(paused));
    StreamDocument latched = stream("latched");
    latched.latch.emplace();
    latched.latch->rail = Rail::empty_side;
    latched.last_run_at = now + 5s; // another machine's clock
    world.keep(tenants[1], to_document(latched));
    StreamDocument running = stream("running");
    running.lease = Lease{"here", "execution", now + 1min};
    running.checkpoints[0].emplace();
    running.checkpoints[0]->phase = Phase::reading;
    world.keep(tenants[1], to_document(running));
    StreamDocument abandoned = stream("abandoned");
    abandoned.lease = Lease{"gone", "execution", now};
    abandoned.checkpoints[2].emplace();
    world.keep(tenants[1], to_document(abandoned));
    world.keep(tenants[0], to_document(Slot{"slot-0", "execution", now + 1min}));
    world.keep(tenants[0], to_document(Slot{"slot-1", "execution", now}));
    world.keep(tenants[1], to_document(Slot{"slot-0", "execution", now + 1s}));

    Survey figures = world.look();
    CHECK(figures.complete);
    CHECK(figures.streams == 5);
    CHECK(figures.paused == 1);
    CHECK(figures.running == 1);
    CHECK(figures.behind == 1);
    CHECK(figures.open_conflicts == 3);
    CHECK(figures.parked == 9);
    CHECK(figures.latched == std::map<Rail, std::uint64_t>{{Rail::empty_side, 1}});
    CHECK(figures.slots_in_use == 2);
    std::sort(figures.ages.begin(), figures.ages.end());
    CHECK(figures.ages == std::vector<std::chrono::milliseconds>{0ms, 90s});
}

TEST_CASE("a survey reads a bounded part of the store, and says when there is more") {
    World world;
    for (int i = 0; i < 30; ++i) {
        Document document;
        document.kind = "outbox";
        document.id = std::to_string(i);
        document.index = {IndexValue("stream"), IndexValue(std::int64_t(i))};
        document.body = "{}";
        world.keep(tenants[i % 2], std::move(document));
    }
    SurveyLimits limits;
    limits.page_documents = 5;
    limits.max_outbox_pages = 4;
    CHECK(world.look(limits).outbox == 20);
    CHECK_FALSE(world.look(limits).complete);
    limits.max_outbox_pages = 7;
    CHECK(world.look(limits).outbox == 30);
    CHECK(world.look(limits).complete);
}

TEST_CASE("a survey that meets what it can't read says so instead of counting less") {
    World world;
    Document document = to_document(stream("broken"));
    document.body = "{}";
    world.keep(tenants[0], std::move(document));
    const auto figures = world.loop.run(survey(*world.store, world.clock.now(), SurveyLimits()));
    REQUIRE(figures.has_error());
    CHECK(figures.error().code == ErrorCode::corrupted);
}

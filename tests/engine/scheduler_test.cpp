// The scheduler: tasks run when they are due, each tenant in turn, whichever instance created them.
#include "world.hpp"

#include <castiel_sync/scheduler.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

// An instance: an engine and its scheduler, on the world's store.
struct Instance {
    World& world;
    std::unique_ptr<Engine> engine;
    std::unique_ptr<Scheduler> scheduler;

    Instance(World& where, std::string name) : world(where), engine(where.make_engine(std::move(name))) {
        SchedulerParts parts;
        parts.runtime = Runtime{world.loop.executor(), &world.clock, world.random.get()};
        parts.engine = engine.get();
        parts.store = &world.wired_store;
        parts.catalog = world.catalog.get();
        parts.observer = &world.observer;
        scheduler = std::make_unique<Scheduler>(std::move(parts));
        world.loop.spawn(scheduler->run());
    }

    SyncTask create(TaskOptions options = {}) {
        auto task = world.loop.run(engine->create_task(world.request(), std::move(options)));
        REQUIRE_MESSAGE(task.has_value(), task.error().message);
        scheduler->take_note(*task);
        return *task;
    }
    SyncTask find(const SyncTask& task) {
        auto found = world.loop.run(engine->find_task(tenant, task.task_id));
        REQUIRE_MESSAGE(found.has_value(), found.error().message);
        return *found;
    }
};

Integration every_quarter_of_an_hour() {
    Integration integration = contacts_integration();
    integration.sync.frequency.type = SyncFrequency::Type::interval;
    integration.sync.frequency.interval = 15min;
    return integration;
}

std::vector<Timestamp> scheduled_starts(World& world) {
    std::vector<Timestamp> starts;
    for (const TaskDocument& task : world.stored<TaskDocument>("task"))
        if (task.request.trigger == Trigger::schedule && task.started_at) starts.push_back(*task.started_at);
    std::sort(starts.begin(), starts.end());
    return starts;
}

} // namespace

TEST_CASE("a schedule makes a task each time it is due, whether one instance keeps it or three") {
    for (const int instances : {1, 3}) {
        CAPTURE(instances);
        World world(every_quarter_of_an_hour());
        std::vector<std::unique_ptr<Instance>> all;
        for (int i = 0; i < instances; ++i) all.push_back(std::make_unique<Instance>(world, fmt::format("i{}", i)));
        world.loop.run_for(4h);
        const auto starts = scheduled_starts(world);
        CHECK(starts.size() == 16);
        for (std::size_t i = 1; i < starts.size(); ++i) {
            CHECK(starts[i] - starts[i - 1] > 14min);
            CHECK(starts[i] - starts[i - 1] < 16min);
        }
        for (const TaskDocument& task : world.stored<TaskDocument>("task")) CHECK(is_terminal(task.status));
        CHECK(world.sink.faults().empty());
    }
}

TEST_CASE("a look at thousands of schedules holds up no task that is due meanwhile") {
    World world(every_quarter_of_an_hour());
    std::vector<Integration> integrations;
    for (std::size_t i = 0; i < 1'000; ++i) {
        Integration integration = every_quarter_of_an_hour();
        integration.id = fmt::format("7d3c5f5e-0a0e-4b57-9c1e-{:012x}", i);
        integration.sync.frequency.interval = 24h;
        integrations.push_back(std::move(integration));
    }
    integrations.push_back(contacts_integration()); // without a schedule
    world.catalog = make_fixed_catalog(integrations);
    world.rebuild();
    world.wired_store.read_passes = [&]() -> Async<void> { co_await world.clock.sleep_for(10ms); };
    Instance instance(world, "one"); // its first look takes ten seconds
    world.loop.run_for(1s);
    const SyncTask task = instance.create();
    world.loop.run_for(1s);
    CHECK(instance.find(task).status == SyncStatus::completed);
    CHECK(world.stored<Schedule>("schedule").size() < 500); // else this has tested nothing
}

TEST_CASE("what was missed while nothing ran comes to one run") {
    World world(every_quarter_of_an_hour());
    {
        Instance first(world, "first");
        world.loop.run_for(1h);
        world.loop.run(first.scheduler->stop(1min));
    }
    const std::size_t before = scheduled_starts(world).size();
    world.loop.run_for(10h);
    Instance next(world, "next");
    world.loop.run_for(5min);
    CHECK(scheduled_starts(world).size() == before + 1);
}

TEST_CASE("a schedule that is changed or switched off is followed within a look at the store") {
    World world(every_quarter_of_an_hour());
    Instance instance(world, "one");
    world.loop.run_for(1h);
    const std::size_t before = scheduled_starts(world).size();
    SUBCASE("switched off") {
        Integration off = every_quarter_of_an_hour();
        off.sync.sync_enabled = false;
        std::vector<Integration> all{off};
        world.loop.run(instance.scheduler->stop(1min));
        world.use(off);
        Instance next(world, "next");
        world.loop.run_for(2h);
        CHECK(scheduled_starts(world).size() == before);
    }
    SUBCASE("more often") {
        Integration often = every_quarter_of_an_hour();
        often.sync.frequency.interval = 5min;
        world.loop.run(instance.scheduler->stop(1min));
        world.use(often);
        Instance next(world, "next");
        world.loop.run_for(1h);
        CHECK(scheduled_starts(world).size() >= before + 11);
    }
}

TEST_CASE("while a scheduled task is under way its schedule makes no other one") {
    World world(every_quarter_of_an_hour());
    world.source.create("contacts", person("ada@example.org", "Ada"));
    bool slow = true;
    world.to_target.passes = [&]() -> Async<void> {
        if (std::exchange(slow, false)) co_await world.clock.sleep_for(50min);
    };
    world.limits.lease_duration = 2h;
    Instance instance(world, "one");
    world.loop.run_for(2h);
    const auto starts = scheduled_starts(world);
    REQUIRE(starts.size() >= 4);
    CHECK(starts[1] - starts[0] >= 50min);
    CHECK(starts.size() <= 6);
}

TEST_CASE("a schedule leaves a stream alone that is paused or held by a rail, says why, and goes on afterwards") {
    bool latched = false;
    SUBCASE("paused") {}
    SUBCASE("held by a rail") { latched = true; }
    World world(every_quarter_of_an_hour());
    create_people(world, 40);
    Instance instance(world, "one");
    world.loop.run_for(1h);
    const std::string stream = world.stream().stream_id;
    std::size_t failures = 0; // the rail tells of itself, once
    if (latched) {
        for (int i = 0; i < 20; ++i) world.source.remove("contacts", world.source_id());
        while (!world.stream().latch) world.loop.run_for(1min);
        failures = 1;
    } else {
        REQUIRE(world.loop.run(instance.engine->pause_stream(tenant, stream)).has_value());
    }
    const std::size_t before = world.stored<Execution>("execution").size();
    world.loop.run_for(2h);
    CHECK(world.stored<Execution>("execution").size() == before);
    CHECK(world.events("integration.sync.failed").size() == failures);
    std::size_t left_alone = 0;
    for (const auto& task : world.stored<TaskDocument>("task")) {
        if (task.status == SyncStatus::failed) continue; // the one that met the rail
        CHECK(task.status == SyncStatus::completed);
        if (task.error && task.error->code == ErrorCode::latched && task.executions == 0) ++left_alone;
    }
    CHECK(left_alone >= 7);
    auto goes_on = latched ? instance.engine->approve_latch(tenant, world.stream().latch->latch_id, "grace")
                                 : instance.engine->resume_stream(tenant, stream);
    REQUIRE(world.loop.run(std::move(goes_on)).has_value());
    world.loop.run_for(20min);
    CHECK(world.stored<Execution>("execution").size() > before);
}

TEST_CASE("executions, tasks and settled conflicts are forgotten after their time; what is open is not (I35)") {
    World world(every_quarter_of_an_hour());
    world.limits.execution_retention = std::chrono::days(1);
    world.limits.journal_retention = std::chrono::days(1);
    world.rebuild();
    world.source.create("contacts", person("ada@example.org", "Ada"));
    Instance instance(world, "one");
    world.loop.run_for(1h);
    world.source.edit("contacts", world.source_id(), person("ada@example.org", "Ada L."));
    world.target.edit("contact", world.target_id(), {{"email", "ada@example.org"}, {"name", "Ada K."}});
    world.loop.run_for(48h);
    // Four an hour, for a day.
    CHECK(world.stored<Execution>("execution").size() <= 4 * 25);
    CHECK(world.stored<TaskDocument>("task").size() <= 4 * 25);
    auto open = world.conflicts();
    REQUIRE(open.size() == 1);
    ConflictResolution choice;
    choice.actor = "ada";
    REQUIRE(world.loop.run(instance.engine->resolve_conflict(tenant, open[0].conflict_id, choice)).has_value());
    CHECK(world.documents("conflict").size() == 1);
    world.loop.run_for(48h);
    CHECK(world.documents("conflict").empty());
}

TEST_CASE("a task runs at once where it was created, and those of the minimum interval one after the other (I20)") {
    World world;
    Instance instance(world, "one");
    std::vector<SyncTask> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(instance.create());
    world.loop.run_for(1s);
    CHECK(instance.find(tasks[0]).status == SyncStatus::completed);
    CHECK(instance.find(tasks[1]).status == SyncStatus::pending);
    world.loop.run_for(15min);
    std::vector<Timestamp> starts;
    for (const SyncTask& task : tasks) {
        const SyncTask ended = instance.find(task);
        CHECK(ended.status == SyncStatus::completed);
        starts.push_back(ended.started_at.value());
    }
    std::sort(starts.begin(), starts.end());
    for (std::size_t i = 1; i < starts.size(); ++i) CHECK(starts[i] - starts[i - 1] >= world.limits.min_interval);
    CHECK(instance.scheduler->counts().known == 0);
}

TEST_CASE("a task that another instance accepted is run by whoever finds it, once only (I31)") {
    World world;
    world.source.create("contacts", person("ada@example.org", "Ada"));
    auto task = world.loop.run(world.engine->create_task(world.request(), {})); // that process has no scheduler
    REQUIRE(task.has_value());
    Instance one(world, "one"), two(world, "two");
    world.loop.run_for(2min);
    const SyncTask ended = one.find(*task);
    CHECK(ended.status == SyncStatus::completed);
    CHECK(ended.executions == 1);
    CHECK(world.target.ids("contact").size() == 1);
}

TEST_CASE("a task whose instance died is finished by another one within a lease and a look at the store (I16)") {
    World world;
    world.source.create("contacts", person("ada@example.org", "Ada"));
    auto task = world.loop.run(world.engine->create_task(world.request(), {}));
    REQUIRE(task.has_value());
    world.to_target.pushes.next = {Fate::dies_after};
    CHECK_THROWS(world.loop.run(world.engine->run_task(tenant, task->task_id)));
    world.process.dead = false;
    Instance other(world, "other");
    world.loop.run_for(world.limits.lease_duration + 2 * 60s);
    const SyncTask ended = other.find(*task);
    CHECK(ended.status == SyncStatus::completed);
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(world.sink.faults().empty());
}

TEST_CASE("what failed is repeated by itself until it succeeds") {
    World world;
    world.source.create("contacts", person("ada@example.org", "Ada"));
    world.to_target.pushes.otherwise = Fate::refused;
    Instance instance(world, "one");
    const SyncTask task = instance.create();
    while (instance.find(task).streams.empty() || instance.find(task).streams[0].failures < 2) world.loop.run_for(1s);
    CHECK(instance.find(task).status == SyncStatus::pending);
    world.heal();
    world.loop.run_for(30min);
    CHECK(instance.find(task).status == SyncStatus::completed);
}

TEST_CASE("cancelling a running task stops it at its next safe point, also from another instance") {
    for (const bool elsewhere : {false, true}) {
        CAPTURE(elsewhere);
        World world;
        world.source.create("contacts", person("ada@example.org", "Ada"));
        world.to_target.passes = [&]() -> Async<void> { co_await world.clock.sleep_for(1h); };
        Instance one(world, "one"), two(world, "two");
        const SyncTask task = one.create();
        world.loop.run_for(10s);
        REQUIRE(one.find(task).status == SyncStatus::running);
        Instance& asked = elsewhere ? two : one;
        auto answer = world.loop.run(asked.engine->cancel_task(tenant, task.task_id, "ada"));
        REQUIRE(answer.has_value());
        asked.scheduler->stop_task(task.task_id);
        world.loop.run_for(10s);
        CHECK(one.find(task).status == SyncStatus::cancelled);
        world.loop.run_for(10min);
        CHECK(one.find(task).executions == 1);
    }
}

TEST_CASE("a scheduler that stops lets what runs end, or hands it over when its time is up (I39)") {
    for (const auto& grace : {10min, 0min}) {
        CAPTURE(grace.count());
        World world;
        world.source.create("contacts", person("ada@example.org", "Ada"));
        world.to_target.passes = [&]() -> Async<void> { co_await world.clock.sleep_for(1min); };
        Instance one(world, "one");
        const SyncTask task = one.create();
        world.loop.run_for(10s);
        REQUIRE(one.scheduler->counts().running == 1);
        const SyncTask late = one.create();
        world.loop.spawn(one.scheduler->stop(11min)); // a host that is asked twice; the shorter grace counts
        world.loop.run(one.scheduler->stop(grace));
        CHECK(one.scheduler->counts().running == 0);
        world.loop.run_for(0s);
        one.scheduler.reset(); // its host may do so now
        CHECK(one.find(task).status == (grace > 0min ? SyncStatus::completed : SyncStatus::pending));
        CHECK(one.find(late).executions == 0);
        for (const Execution& execution : world.stored<Execution>("execution"))
            CHECK(is_terminal(execution.status));
        Instance next(world, "next");
        world.loop.run_for(20min);
        CHECK(next.find(task).status == SyncStatus::completed);
        CHECK(next.find(late).status == SyncStatus::completed);
        CHECK(world.target.ids("contact").size() == 1);
    }
}

TEST_CASE("events that a process left in the outbox are published (I15)") {
    World world;
    auto task = world.loop.run(world.engine->create_task(world.request(), {}));
    REQUIRE(task.has_value());
    // The claim, the end, what leaves the outbox.
    world.commits.next = {Fate::arrives, Fate::arrives, Fate::dies_before};
    CHECK_THROWS(world.loop.run(world.engine->run_task(tenant, task->task_id)));
    world.process.dead = false;
    REQUIRE_FALSE(world.documents("outbox").empty());
    Instance other(world, "other");
    world.loop.run_for(2min);
    CHECK(world.documents("outbox").empty());
    CHECK(world.sink.faults().empty());
}

TEST_CASE("a store that does not answer is asked again") {
    World world;
    world.wired_store.unreadable = 50;
    Instance instance(world, "one");
    world.loop.run_for(1min);
    auto task = world.loop.run(world.engine->create_task(world.request(), {}));
    while (!task) task = world.loop.run(world.engine->create_task(world.request(), {}));
    world.loop.run_for(10min);
    CHECK(instance.find(*task).status == SyncStatus::completed);
}

// Tasks: accepted by one call and run by another one, of this instance or of another.
#include "world.hpp"

#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

SyncTask create(World& world, TaskOptions options = {}) {
    auto task = world.loop.run(world.engine->create_task(world.request(), std::move(options)));
    REQUIRE_MESSAGE(task.has_value(), task.error().message);
    return *task;
}

Result<SyncTask> try_run(World& world, Engine& engine, const SyncTask& task) {
    return world.loop.run(engine.run_task(tenant, task.task_id));
}

SyncTask run(World& world, const SyncTask& task) {
    auto ran = try_run(world, *world.engine, task);
    REQUIRE_MESSAGE(ran.has_value(), ran.error().message);
    return *ran;
}

SyncTask find(World& world, const SyncTask& task) {
    auto found = world.loop.run(world.engine->find_task(tenant, task.task_id));
    REQUIRE_MESSAGE(found.has_value(), found.error().message);
    return *found;
}

std::vector<Execution> executions_of(World& world, const SyncTask& task) {
    ListRequest request = world.all();
    request.task_id = task.task_id;
    auto page = world.loop.run(world.engine->list_executions(std::move(request)));
    REQUIRE(page.has_value());
    return page->items;
}

Async<void> run_into(Engine& engine, std::string task_id, std::optional<Result<SyncTask>>& answer) {
    auto task = co_await engine.run_task(tenant, std::move(task_id));
    answer = std::move(task);
}

Async<void> run_all_into(Engine& engine, SyncRequest request, std::vector<Execution>& ended) {
    auto executions = co_await engine.run(std::move(request));
    if (executions) ended = std::move(*executions);
}

void one_person(World& world) { world.source.create("contacts", person("ada@example.org", "Ada")); }

} // namespace

TEST_CASE("a task is there once it is accepted, runs when it is told to, and counts what its executions did (I31)") {
    World world;
    one_person(world);
    const SyncTask task = create(world);
    CHECK(task.status == SyncStatus::pending);
    world.rebuild(); // another process
    CHECK(find(world, task).status == SyncStatus::pending);
    const SyncTask ended = run(world, task);
    CHECK(ended.status == SyncStatus::completed);
    CHECK(ended.counters.created == 1);
    CHECK(ended.executions == 1);
    CHECK(ended.completed_at.has_value());
    REQUIRE(ended.streams.size() == 1);
    CHECK(ended.streams[0].status == SyncStatus::completed);
    REQUIRE(executions_of(world, task).size() == 1);
    CHECK(executions_of(world, task)[0].execution_id == ended.streams[0].execution_id);
    CHECK(world.target.ids("contact").size() == 1);
    CHECK(to_json(to_json_object(find(world, task))) == to_json(to_json_object(ended)));
    // Once ended it stays as it is.
    CHECK(run(world, task).executions == 1);
}

TEST_CASE("a repetition with the same id is the same task, and another request with it is refused (I32)") {
    World world;
    TaskOptions options;
    options.task_id = "00000000-0000-4000-8000-000000000001";
    const SyncTask first = create(world, options);
    CHECK(create(world, options).created_at == first.created_at);
    SyncRequest other = world.request();
    other.direction = Direction::inbound;
    auto refused = world.loop.run(world.engine->create_task(std::move(other), std::move(options)));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::already_exists);
}

TEST_CASE("what events ask for joins one task until that begins") {
    World world;
    const auto create_for = [&](const char* shard, Trigger trigger) {
        SyncRequest request = world.request();
        request.trigger = trigger;
        request.entity = "contacts";
        if (*shard) request.target_ids = {shard};
        auto task = world.loop.run(world.engine->create_task(std::move(request), {}));
        REQUIRE(task.has_value());
        return *task;
    };
    const SyncTask first = create_for("s1", Trigger::event);
    CHECK(create_for("s2", Trigger::event).task_id == first.task_id);
    CHECK(create_for("s1", Trigger::event).task_id == first.task_id);
    CHECK(find(world, first).request.target_ids == std::vector<std::string>{"s1", "s2"});
    CHECK(create_for("s3", Trigger::manual).task_id != first.task_id);
    const SyncTask all = create_for("", Trigger::webhook);
    CHECK(create_for("s4", Trigger::webhook).task_id == all.task_id);
    CHECK(find(world, all).request.target_ids.empty());
    REQUIRE(run(world, first).status == SyncStatus::completed);
    CHECK(create_for("s5", Trigger::event).task_id != first.task_id);
}

TEST_CASE("what is written with a task is there with it, also where it joins another one, or neither is") {
    World world;
    const auto create_with = [&world](const std::string& id, std::vector<std::string> records) {
        SyncRequest request = world.request();
        request.trigger = Trigger::webhook;
        request.source_ids = std::move(records);
        TaskOptions options;
        options.with = [id](const SyncTask& task) {
            Cancellation note; // any document; it holds the id of the task that it goes with
            note.task_id = id;
            note.actor = task.task_id;
            note.at = task.updated_at; // what it is kept from
            return std::vector<Write>{insert(to_document(note))};
        };
        return world.loop.run(world.engine->create_task(std::move(request), std::move(options)));
    };
    const auto note_of = [&world](const std::string& id) {
        const auto notes = world.loop.run(world.store->read(tenant, "cancellation", {id}));
        REQUIRE((notes.has_value() && notes->front().has_value()));
        return from_document<Cancellation>(*notes->front())->actor;
    };
    const auto first = create_with("a", {"1"});
    REQUIRE(first.has_value());
    CHECK(note_of("a") == first->task_id);
    CHECK(create_with("a", {"2"}).error().code == ErrorCode::stale);
    CHECK(find(world, *first).request.source_ids == std::vector<std::string>{"1"});
    const auto joined = create_with("b", {"2"});
    REQUIRE(joined.has_value());
    CHECK(joined->task_id == first->task_id);
    CHECK(note_of("b") == first->task_id);
    CHECK(find(world, *first).request.source_ids == std::vector<std::string>{"1", "2"});
    // A task that asks for everything covers what is named, without a change of its own.
    const auto all = create_with("c", {});
    REQUIRE(all.has_value());
    CHECK(create_with("c", {}).error().code == ErrorCode::stale);
    CHECK(create_with("d", {})->task_id == all->task_id);
    CHECK(note_of("d") == all->task_id);
}

TEST_CASE("a held task waits until somebody executes it") {
    World world;
    TaskOptions options;
    options.held = true;
    const SyncTask task = create(world, options);
    CHECK(run(world, task).executions == 0);
    auto released = world.loop.run(world.engine->execute_task(tenant, task.task_id));
    REQUIRE(released.has_value());
    CHECK_FALSE(released->held);
    CHECK(run(world, task).status == SyncStatus::completed);
    auto again = world.loop.run(world.engine->execute_task(tenant, task.task_id));
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().code == ErrorCode::stale);
}

TEST_CASE("a task within the minimum interval says when it may run, and does not run before (I20)") {
    World world;
    one_person(world);
    const SyncTask first = create(world);
    const Timestamp begun = world.clock.now();
    REQUIRE(run(world, first).status == SyncStatus::completed);
    const SyncTask second = create(world);
    REQUIRE(second.not_before.has_value());
    CHECK(*second.not_before == begun + world.limits.min_interval);
    CHECK(run(world, second).executions == 0);
    world.loop.run_for(world.limits.min_interval);
    CHECK(run(world, second).status == SyncStatus::completed);
}

TEST_CASE("of two tasks of one integration that begin at once, one waits (I20)") {
    World world;
    const SyncTask first = create(world), second = create(world);
    CHECK_FALSE(second.not_before.has_value());
    CHECK(run(world, first).status == SyncStatus::completed);
    const SyncTask waits = run(world, second);
    CHECK(waits.status == SyncStatus::pending);
    CHECK(waits.not_before.has_value());
    CHECK(find(world, second).not_before == waits.not_before);
}

TEST_CASE("what the record cap ended goes on in another execution of the same task, and nothing is cut off (I10)") {
    World world;
    world.limits.max_records_per_sync = 4;
    world.rebuild();
    create_people(world, 10);
    const SyncTask task = create(world);
    SyncTask now = run(world, task);
    CHECK(now.status == SyncStatus::running);
    CHECK(now.streams.at(0).has_more);
    for (int i = 0; i < 10 && !is_terminal(now.status); ++i) now = run(world, task);
    CHECK(now.status == SyncStatus::completed);
    CHECK(now.executions > 2);
    CHECK(now.counters.created == 10);
    CHECK(world.target.ids("contact").size() == 10);
}

TEST_CASE("an execution that failed is repeated later, more often while it goes on, and at last the task fails (I16)") {
    World world;
    one_person(world);
    world.to_target.pushes.otherwise = Fate::refused;
    world.limits.max_stream_failures = 3;
    world.rebuild();
    const SyncTask task = create(world);
    std::vector<std::chrono::milliseconds> pauses;
    SyncTask now = run(world, task);
    while (now.status == SyncStatus::pending) {
        REQUIRE(now.not_before.has_value());
        CHECK(now.error.has_value());
        pauses.push_back(*now.not_before - world.clock.now());
        const std::uint64_t before = now.executions;
        CHECK(run(world, task).executions == before); // too early
        world.loop.run_for(pauses.back());
        now = run(world, task);
    }
    CHECK(pauses.size() == 2);
    CHECK(now.status == SyncStatus::failed);
    CHECK(now.executions == 3);
    REQUIRE(now.error.has_value());
    CHECK(now.error->code == ErrorCode::unavailable);

    SUBCASE("one that succeeds in between ends well") {
        const SyncTask other = create(world);
        world.loop.run_for(world.limits.min_interval);
        now = run(world, other);
        REQUIRE(now.status == SyncStatus::pending);
        world.heal();
        world.loop.run_for(*now.not_before - world.clock.now());
        now = run(world, other);
        CHECK(now.status == SyncStatus::completed);
        CHECK_FALSE(now.error.has_value());
    }
}

TEST_CASE("a task whose beginning the store refuses stays as it is, and whoever wanted to run it hears why (I38)") {
    World world;
    const SyncTask task = create(world);
    world.commits.otherwise = Fate::refused;
    auto refused = try_run(world, *world.engine, task);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::unavailable);
    world.heal();
    CHECK(run(world, task).status == SyncStatus::completed);
}

TEST_CASE("an error that no repetition can help ends the task at once") {
    World world;
    const SyncTask task = create(world);
    Integration other = contacts_integration();
    other.sync.sync_enabled = false;
    world.use(other);
    const SyncTask ended = run(world, task);
    CHECK(ended.status == SyncStatus::failed);
    REQUIRE(ended.error.has_value());
    CHECK(ended.error->code == ErrorCode::invalid_request);
}

TEST_CASE("a task whose instance died is gone on with by another one, once the lease has run out (I16, I31)") {
    World world;
    one_person(world);
    const SyncTask task = create(world);
    world.to_target.pushes.next = {Fate::dies_after};
    CHECK_THROWS(try_run(world, *world.engine, task));
    world.process.dead = false;
    world.rebuild();
    CHECK(find(world, task).status == SyncStatus::running);
    auto early = try_run(world, *world.engine, task);
    REQUIRE_FALSE(early.has_value());
    CHECK(early.error().code == ErrorCode::busy);
    world.loop.run_for(world.limits.lease_duration * 2);
    const SyncTask ended = run(world, task);
    CHECK(ended.status == SyncStatus::completed);
    CHECK(ended.executions == 2);
    for (const Execution& execution : executions_of(world, task))
        CHECK(is_terminal(execution.status));
    CHECK(world.target.ids("contact").size() == 1);
}

TEST_CASE("a task that an instance keeps dying of fails at last (I16)") {
    World world;
    one_person(world);
    world.limits.max_stream_failures = 2;
    world.rebuild();
    const SyncTask task = create(world);
    for (int i = 0; i < 2; ++i) {
        world.to_target.pushes.next = {Fate::dies_before};
        world.to_source.pushes.next = {Fate::dies_before};
        CHECK_THROWS(try_run(world, *world.engine, task));
        world.process.dead = false;
        world.rebuild();
        world.loop.run_for(world.limits.lease_duration * 2);
        world.source.create("contacts", person("bob@example.org", "Bob"));
    }
    CHECK(run(world, task).status == SyncStatus::failed);
}

TEST_CASE("who was taken for dead finds its stream gone, and what its task says of it stays true (I18, I19)") {
    World world;
    world.limits.max_stream_failures = 1;
    world.rebuild();
    one_person(world);
    const SyncTask task = create(world);
    world.to_target.passes = [&]() -> Async<void> { co_await world.clock.sleep_for(2 * world.limits.lease_duration); };
    std::optional<Result<SyncTask>> slow;
    world.loop.spawn(run_into(*world.engine, task.task_id, slow));
    for (int i = 0; i < 10'000 && world.to_target.sent.empty(); ++i)
        world.loop.run_for(std::chrono::milliseconds(1));
    world.loop.run_for(world.limits.lease_duration + std::chrono::milliseconds(1));
    REQUIRE_FALSE(slow.has_value());

    const auto other = world.make_engine("other");
    auto judged = try_run(world, *other, task);
    REQUIRE(judged.has_value());
    CHECK(judged->status == SyncStatus::failed);
    const auto sent = world.to_target.sent.size();
    world.loop.run_until_idle();
    REQUIRE(slow.has_value());
    CHECK(world.to_target.sent.size() == sent);
    CHECK(find(world, task).status == SyncStatus::failed);
}

TEST_CASE("a stream or a slot that others hold makes a task wait, and it is not lost") {
    World world;
    one_person(world);
    world.limits.max_concurrent_syncs_per_tenant = 1;
    world.rebuild();
    auto other = world.make_engine("other");
    const SyncTask task = create(world), meanwhile = create(world);
    bool tried = false;
    world.to_target.passes = [&]() -> Async<void> {
        if (std::exchange(tried, true)) co_return;
        auto refused = co_await other->run_task(tenant, task.task_id);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == ErrorCode::busy);
    };
    CHECK(run(world, task).status == SyncStatus::completed);
    CHECK(tried);
    CHECK(find(world, meanwhile).status == SyncStatus::pending);
}

TEST_CASE("cancelling a task that waits ends it at once, and one that has ended can't be cancelled") {
    World world;
    const SyncTask task = create(world);
    auto cancelled = world.loop.run(world.engine->cancel_task(tenant, task.task_id, "ada"));
    REQUIRE(cancelled.has_value());
    CHECK(cancelled->status == SyncStatus::cancelled);
    CHECK(run(world, task).executions == 0);
    CHECK(world.loop.run(world.engine->cancel_task(tenant, task.task_id, "ada")).has_value()); // already is
    const SyncTask other = create(world);
    REQUIRE(run(world, other).status == SyncStatus::completed);
    auto refused = world.loop.run(world.engine->cancel_task(tenant, other.task_id, "ada"));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::stale);
}

TEST_CASE("a running task whose host stops goes on elsewhere, unless somebody cancelled it (I39)") {
    for (const bool by_person : {false, true}) {
        CAPTURE(by_person);
        World world;
        one_person(world);
        const SyncTask task = create(world);
        boost::asio::cancellation_signal stop;
        world.to_target.passes = [&]() -> Async<void> {
            if (by_person) {
                auto asked = co_await world.engine->cancel_task(tenant, task.task_id, "ada");
                CHECK(asked.has_value());
            }
            stop.emit(boost::asio::cancellation_type::terminal);
            world.to_target.passes = nullptr;
        };
        std::optional<Result<SyncTask>> answer;
        boost::asio::co_spawn(world.loop.executor(), world.engine->run_task(tenant, task.task_id),
                              boost::asio::bind_cancellation_slot(
                                  stop.slot(), [&](const std::exception_ptr& thrown, Result<SyncTask> task_then) {
                                      CHECK_FALSE(thrown);
                                      answer = std::move(task_then);
                                  }));
        world.loop.run_for(std::chrono::minutes(1));
        REQUIRE(answer.has_value());
        REQUIRE(answer->has_value());
        const SyncTask now = find(world, task);
        CHECK(now.status == (by_person ? SyncStatus::cancelled : SyncStatus::pending));
        for (const Execution& execution : executions_of(world, task))
            CHECK(execution.status == SyncStatus::cancelled);
        if (by_person) continue;
        CHECK_FALSE(now.not_before.has_value());
        CHECK(run(world, task).status == SyncStatus::completed);
    }
}

TEST_CASE("Engine::run's own task is nobody else's, ends with it, and ends also when its process died (I16)") {
    World world;
    one_person(world);
    world.to_target.pushes.next = {Fate::dies_after};
    world.sync_and_die();
    auto tasks = world.stored<TaskDocument>("task");
    REQUIRE(tasks.size() == 1);
    CHECK(tasks[0].attended);
    CHECK(tasks[0].status == SyncStatus::running);
    const SyncTask ended = run(world, tasks[0]);
    CHECK(ended.status == SyncStatus::failed);
    CHECK(ended.executions == 1);
}

TEST_CASE("Engine::run's own task is left to it between two of its streams (I18)") {
    World world;
    one_person(world);
    world.sync_well();
    auto task = world.stored<TaskDocument>("task").at(0);
    task.status = SyncStatus::running; // as it is stored until the second stream begins
    task.streams.push_back(task.streams[0]);
    task.streams[1].status = SyncStatus::pending;
    std::vector<Write> writes{put(to_document(task))};
    REQUIRE(world.loop.run(world.store->commit(tenant, std::move(writes))).has_value());
    const auto early = try_run(world, *world.engine, task);
    REQUIRE_FALSE(early.has_value());
    CHECK(early.error().code == ErrorCode::busy);
    world.loop.run_for(world.limits.lease_duration);
    CHECK(run(world, task).status == SyncStatus::failed);
}

TEST_CASE("Engine::run goes on with no further stream once its task was ended elsewhere (I16, I18)") {
    World world(contacts_of_companies(), able(true), able(true));
    world.source.create("companies", {{"title", "C"}});
    world.source.create("contacts", {{"name", "N"}});
    bool first = true;
    world.to_target.passes = [&]() -> Async<void> {
        if (std::exchange(first, false)) co_await world.clock.sleep_for(2 * world.limits.lease_duration);
    };
    std::vector<Execution> ran;
    world.loop.spawn(run_all_into(*world.engine, world.request(), ran));
    while (world.to_target.sent.empty()) world.loop.run_for(std::chrono::milliseconds(1));
    world.loop.run_for(world.limits.lease_duration + std::chrono::milliseconds(1));
    const auto other = world.make_engine("other");
    auto judged = try_run(world, *other, world.stored<TaskDocument>("task").at(0));
    REQUIRE(judged.has_value());
    CHECK(judged->status == SyncStatus::failed);
    world.loop.run_until_idle();
    CHECK(ran.size() == 1);
    CHECK(find(world, *judged).status == SyncStatus::failed);
    CHECK(world.target.ids("contact").empty());
}

TEST_CASE("a request names no more records than one execution may read") {
    World world;
    SyncRequest request = world.request();
    request.source_ids.resize(max_named_records + 1, "1");
    auto refused = world.loop.run(world.engine->create_task(std::move(request), TaskOptions()));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::invalid_request);
}

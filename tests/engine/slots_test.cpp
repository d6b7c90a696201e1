// A tenant's slots, when several of its tasks begin at the same moment.
#include "world.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <optional>
#include <set>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

// Each reads the slots before the first commit arrives.
struct Crowd {
    World world;
    std::vector<SyncTask> tasks;
    std::vector<std::optional<Result<SyncTask>>> answers;

    Crowd(std::size_t count, std::size_t slots) : answers(count) {
        std::vector<Integration> integrations;
        for (std::size_t i = 0; i < count; ++i) {
            Integration integration = contacts_integration();
            integration.id = fmt::format("7d3c5f5e-0a0e-4b57-9c1e-{:012x}", i);
            integrations.push_back(std::move(integration));
        }
        world.catalog = make_fixed_catalog(integrations);
        world.limits.max_concurrent_syncs_per_tenant = slots;
        world.rebuild();
        for (const Integration& integration : integrations) {
            SyncRequest request = world.request();
            request.integration_id = integration.id;
            auto task = world.loop.run(world.engine->create_task(std::move(request), {}));
            REQUIRE(task.has_value());
            tasks.push_back(std::move(*task));
        }
        world.wired_store.passes = [this]() -> Async<void> { co_await world.clock.sleep_for(1ms); };
    }

    Async<void> run_one(std::size_t index) {
        auto answer = co_await world.engine->run_task(tenant, tasks[index].task_id);
        answers[index] = std::move(answer);
    }

    std::size_t run_all() {
        for (std::size_t i = 0; i < tasks.size(); ++i)
            boost::asio::co_spawn(world.loop.executor(), run_one(i), boost::asio::detached);
        world.loop.run_for(std::chrono::minutes(1));
        std::size_t completed = 0;
        for (const auto& answer : answers) {
            REQUIRE(answer.has_value());
            if (*answer) CHECK((*answer)->status == SyncStatus::completed);
            else CHECK(answer->error().code == ErrorCode::busy);
            completed += *answer ? 1 : 0;
        }
        return completed;
    }
};

} // namespace

TEST_CASE("tasks that begin at the same moment take different slots, and none waits while one is free (I20)") {
    for (const std::size_t count : {1, 3, 10}) {
        CAPTURE(count);
        Crowd crowd(count, count);
        CHECK(crowd.run_all() == count);
    }
}

TEST_CASE("of tasks that begin at the same moment no more run than there are slots (I20)") {
    Crowd crowd(7, 3);
    std::set<std::string> running;
    std::size_t most = 0;
    crowd.world.wired_store.witness = [&](const std::vector<Write>& writes) {
        for (const Write& write : writes) {
            if (write.document.kind != "execution") continue;
            const auto execution = from_document<Execution>(write.document);
            if (is_terminal(execution->status)) running.erase(execution->execution_id);
            else running.insert(execution->execution_id);
            most = std::max(most, running.size());
        }
    };
    CHECK(crowd.run_all() >= 3); // more where one has ended while another one still looked for a slot
    CHECK(most == 3);
}

TEST_CASE("slots beyond the limit are of processes with a higher one: they count, and none of them is taken (I20)") {
    for (const auto expires_in : {std::chrono::minutes(1), -std::chrono::minutes(1)}) {
        Crowd crowd(1, 1);
        const Slot slot{"slot-7", "an execution elsewhere", crowd.world.clock.now() + expires_in};
        crowd.world.loop.run(crowd.world.store->commit(tenant, std::vector<Write>{insert(to_document(slot))}));
        CHECK(crowd.run_all() == (expires_in > std::chrono::minutes(0) ? 0 : 1));
    }
}

TEST_CASE("a stream that somebody else claims at the same moment is busy, and no slot is kept for it") {
    Crowd crowd(1, 3);
    crowd.tasks.push_back(crowd.tasks.front());
    crowd.answers.resize(2);
    CHECK(crowd.run_all() == 1);
    auto slots = crowd.world.loop.run(crowd.world.store->query(tenant, "slot", Query()));
    CHECK(slots->documents.empty());
}

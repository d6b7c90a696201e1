// Scheduler: finds the tasks that are due, whoever created them, and runs them on an engine: when their time has come,
// each tenant in turn, as many at once as its limits and the tenant's slots allow. And it makes the tasks that the
// integrations' schedules ask for.
//
// Several processes on one store each have one: whoever is first runs a task, and what a dead process leaves is taken
// up by another one within a lease and one `interval`.
//
// Threading.    On the engine's executor only. Starts no thread.
// Errors.       None that end it: a store that does not answer is asked again, and the log says so.
// Cancellation. Use stop(): a cancelled run() waits for nobody.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/engine.hpp>
#include <castiel_sync/observer.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/sync_task.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace castiel_sync {

struct SchedulerLimits {
    std::size_t max_running = 100;                // tasks at once in this process; each holds a few pages in memory
    std::size_t max_running_per_tenant = 3;       // as the tenant's slots: more would only find them taken
    std::chrono::milliseconds interval{60'000};   // between two looks at what others have left in the store
    std::chrono::milliseconds busy_pause{1'000};  // before what another instance holds is tried again; doubles
    std::chrono::milliseconds cancel_pause{1'000}; // between two looks whether somebody cancelled what runs

    SchedulerLimits() = default;
};

struct SchedulerParts {
    Runtime runtime;
    Engine* engine = nullptr;
    Store* store = nullptr;
    IntegrationCatalog* catalog = nullptr; // whose schedules are kept; null: none are
    Observer* observer = nullptr; // may be null
    SchedulerLimits limits;

    SchedulerParts() = default;
};

// Ownership: everything in SchedulerParts is borrowed, and must outlive it and every call under way.
class Scheduler {
public:
    explicit Scheduler(SchedulerParts parts);
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    // Runs tasks until stop() is called. Once only.
    Async<> run();

    // Begins nothing any more.
    void close();

    // Begins nothing any more. What runs may end within `grace`; then it stops at its next safe point, and goes on in
    // another process, or in this one's successor. Completes when nothing runs any more: it may be destroyed then.
    Async<> stop(std::chrono::milliseconds grace);

    // The engine of this process has stored this task: it is looked at now, not with the next look at the store.
    void take_note(const SyncTask& task);
    // The schedule of this integration may have changed.
    void take_note(const Integration& integration);
    // The same of one that was cancelled: an execution of it here stops now.
    void stop_task(const std::string& task_id);

    struct Counts {
        std::size_t running = 0;
        std::size_t known = 0; // with those that wait

        Counts() = default;
    };
    [[nodiscard]] Counts counts() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace castiel_sync

// Engine: runs syncs. Concrete; built from interfaces; starts no thread.
//
// Threading.    Everything runs on Runtime::executor, which must be one loop or one strand; call from there.
// Ownership.    Everything in EngineParts is borrowed and must outlive the engine and every call under way.
// Errors.       A call answers an Error when it could not do what it was asked for. A run that fails answers an
//               Execution with status failed and the error in it.
// Cancellation. A cancelled run stops at the next safe point; what is committed stays, the next run goes on from there.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/async.hpp>
#include <castiel_sync/conflict.hpp>
#include <castiel_sync/event.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/observer.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/strategy.hpp>
#include <castiel_sync/stream.hpp>
#include <castiel_sync/sync_task.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace castiel_sync {

// Every limit of the engine, with its reason.
struct EngineLimits {
    std::size_t max_records_per_sync = 1000;           // a run that names none ends with hasMore after this many; >= 1
    std::size_t max_concurrent_syncs_per_tenant = 3;   // 1–10, over all instances
    std::size_t page_records = 1000;                   // fsync and hop are shared by a page; memory holds a few pages
    std::size_t max_page_bytes = 8 * 1024 * 1024;      // of record text in a page that was grown for a slow writer
    // Of record text in the pages that all executions together have in work, and 512 for each of their records; the
    // others wait. Memory takes about nine times that. One page may be larger.
    std::size_t max_working_bytes = 3 * 1024 * 1024;
    std::size_t max_reconcile_rounds = 5;              // re-reads of one record whose version keeps moving in one run
    std::size_t max_push_attempts = 4;                 // repetitions of a push that was throttled or unavailable
    std::size_t max_empty_pages = 1000;                // pages in a row without a record: a feed that never ends
    std::chrono::milliseconds lease_duration{60'000};  // after a crash another instance goes on after this long
    std::chrono::milliseconds retry_base{500};         // full jitter in [0, base·2^n], at most retry_cap
    std::chrono::milliseconds retry_cap{60'000};
    // Of tasks, which outlive an execution. A stream fails for good after so many failed executions in a row.
    std::chrono::milliseconds min_interval{std::chrono::minutes(5)}; // between the starts of an integration's tasks
    std::size_t max_stream_failures = 8;
    std::chrono::milliseconds task_retry_base{10'000};
    std::chrono::milliseconds task_retry_cap{std::chrono::minutes(15)};
    // How long history is kept: of what was written, with the conflicts that are settled; of executions and tasks.
    std::chrono::days journal_retention{90};
    std::chrono::days execution_retention{90};

    EngineLimits() = default;
};

struct EngineParts {
    Runtime runtime;
    Store* store = nullptr;
    const AdapterRegistry* adapters = nullptr;      // external systems, by providerName
    AdapterFactory shards;                          // the target side
    IntegrationCatalog* catalog = nullptr;
    EventSink* events = nullptr; // none: events stay in the outbox until an engine with a sink publishes them
    EventFanOut* fan_out = nullptr; // may be null. What it makes of an event does not wait for the sink
    const ConflictStrategies* strategies = nullptr; // may be null: `custom` defers
    Observer* observer = nullptr;                   // may be null
    EngineLimits limits;
    std::string instance; // names this process in leases: "<host>-<pid>"

    EngineParts() = default;
};

struct ListRequest {
    std::string tenant_id;
    std::string integration_id; // empty: all
    std::string state;          // status or state, as text; empty: all
    std::string entity;         // of conflicts and parked records: external entity; empty: all
    std::string task_id;        // of executions; empty: all
    std::string record_id;      // of conflicts, by either side's id; empty: all. Pages may hold fewer than `limit`
    std::size_t limit = 100;
    std::string cursor;

    ListRequest() = default;
};

template <class T>
struct ListPage {
    std::vector<T> items;
    std::string next_cursor; // empty: no more
};

struct TaskOptions {
    std::string task_id; // a UUID; empty: a new one
    bool held = false;   // it waits for execute_task
    // What is written in the commit that stores the task, or that joins one that waits: as it is stored, it is given.
    // Where a precondition of these does not hold, that is stale, and no task is stored. May be empty. A task that is
    // there already under `task_id` is answered without them.
    std::function<std::vector<Write>(const SyncTask&)> with;

    TaskOptions() = default;
};

struct ScheduleStep {
    std::optional<SyncTask> task;      // that was made now
    std::optional<Timestamp> next_due; // none: nothing is scheduled

    ScheduleStep() = default;
};

class Engine {
public:
    explicit Engine(EngineParts parts);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Creates a task and runs one execution on each of its streams, parents (by `reference`) first. One Execution per
    // stream, finished, in that order. A stream that another execution holds answers with status pending.
    Async<Result<std::vector<Execution>>> run(SyncRequest request);

    // Tasks: requests that are durable once they are accepted, and that any instance on the store may run. Engine does
    // not look for them by itself: a Scheduler does.
    //
    // create_task answers the task as it was stored. With a `task_id`, which the caller derives from whatever must not
    // happen twice, a repetition answers the task that is there; already_exists when that one asks for another thing.
    // What an event or a webhook asks for joins a task of its like that has not begun, and that one is answered.
    Async<Result<SyncTask>> create_task(SyncRequest request, TaskOptions options);
    Async<Result<SyncTask>> find_task(std::string tenant_id, std::string task_id);
    Async<Result<ListPage<SyncTask>>> list_tasks(ListRequest request);
    // Lets a held task run. stale when it has ended; one that is not held stays as it is.
    Async<Result<SyncTask>> execute_task(std::string tenant_id, std::string task_id);
    // One that no execution runs ends at once; of another one the running execution stops at its next safe point, once
    // whoever runs it (see Scheduler) hears of it. stale when it has ended otherwise.
    Async<Result<SyncTask>> cancel_task(std::string tenant_id, std::string task_id, std::string actor);
    // Runs the executions of a task that are due, up to its end, up to one that the record cap ended (others get their
    // turn then), or until nothing of it is due. busy: it is due, and another instance runs it, or no slot is free.
    // Cancelling stops at the next safe point and leaves the task to whoever runs it next.
    Async<Result<SyncTask>> run_task(std::string tenant_id, std::string task_id);

    // Makes the task that the integration's schedule asks for, where its time has come; in the same commit the schedule
    // moves on, so that of several instances one makes it. None is made while the last one has not ended: what was
    // missed meanwhile comes to one run. `at_start`: what is long overdue is spread over a minute first.
    Async<Result<ScheduleStep>> step_schedule(std::string tenant_id, std::string integration_id, bool at_start);

    // What run would do, record by record, through Observer::on_planned of `plan`. Writes nothing anywhere; runs
    // beside other executions.
    Async<Result<std::vector<Execution>>> preview(SyncRequest request, Observer& plan);

    // Reaches every adapter of the integration with its settings and credentials; changes nothing.
    Async<Result<>> check(std::string tenant_id, std::string integration_id);

    // Publishes what the outbox holds (run does it too; this picks up what a crash left). Answers how many.
    Async<Result<std::size_t>> publish_events(std::string tenant_id);

    // Conflicts. resolve writes the choice to both sides with expected versions, or answers stale when a side moved
    // since the conflict was recorded (the conflict is refreshed then, and shows the new values).
    Async<Result<ListPage<Conflict>>> list_conflicts(ListRequest request);
    Async<Result<Conflict>> find_conflict(std::string tenant_id, std::string conflict_id);
    Async<Result<Conflict>> resolve_conflict(std::string tenant_id, std::string conflict_id,
                                             ConflictResolution resolution);
    Async<Result<Conflict>> ignore_conflict(std::string tenant_id, std::string conflict_id, std::string actor);

    // Parked records. retry reads the record anew and runs it through the stream; `values` (by dotted path) are
    // written to the record on its own side first. Answers the record's new state: nullopt when it is parked no more.
    Async<Result<ListPage<ParkedRecord>>> list_parked(ListRequest request);
    Async<Result<std::optional<ParkedRecord>>> retry_parked(std::string tenant_id, std::string parked_id,
                                                            json::object values);
    // Sets it aside until the record changes on its side.
    Async<Result<>> discard_parked(std::string tenant_id, std::string parked_id);

    // Streams and their latches. approve lets the next run do what was held back, up to the count that was shown.
    // reject keeps the surviving records: held deletions are dropped and their links dissolved; for the other rails
    // the stream is paused.
    Async<Result<std::vector<StreamSummary>>> list_streams(std::string tenant_id);
    Async<Result<>> approve_latch(std::string tenant_id, std::string latch_id, std::string actor);
    Async<Result<>> reject_latch(std::string tenant_id, std::string latch_id, std::string actor);
    Async<Result<>> pause_stream(std::string tenant_id, std::string stream_id);
    Async<Result<>> resume_stream(std::string tenant_id, std::string stream_id);
    // Forgets cursors, never links: the next run reads both sides from the beginning. Also the re-baseline that a
    // changed mapping asks for.
    Async<Result<>> reset_stream(std::string tenant_id, std::string stream_id);

    // What happened.
    Async<Result<ListPage<Execution>>> list_executions(ListRequest request);
    Async<Result<Execution>> find_execution(std::string tenant_id, std::string execution_id);
    // Newest first. `record` is a source id or a shard id.
    Async<Result<ListPage<JournalEntry>>> history(std::string tenant_id, std::string entity, std::string record,
                                                  std::size_t limit, std::string cursor);

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace castiel_sync

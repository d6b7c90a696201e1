// What the parts of Engine share.
#pragma once

#include <castiel_sync/engine.hpp>
#include <core/task_progress.hpp>
#include <engine/run.hpp>
#include <engine/session.hpp>
#include <engine/working_memory.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync {

// One stream of an integration, as the request asks for it.
struct StreamPlan {
    std::string stream_id;
    EntityMapping mapping;
    Direction direction = Direction::bidirectional;
    bool narrowed = false;
};

// None: it runs.
[[nodiscard]] std::optional<Error> why_it_stands_still(const StreamDocument& stream);

[[nodiscard]] std::vector<TaskStream> streams_of(const std::vector<StreamPlan>& plans);

struct RunMode {
    bool preview = false;
    Observer* observer = nullptr;
    const EngineParts* parts = nullptr;
    // Wraps each adapter as it is made (previews); empty: as it is.
    std::function<std::unique_ptr<Adapter>(std::unique_ptr<Adapter>, Side)> wrap;

    RunMode() = default;
};

// A task on its way through the streams that it asks for. What becomes of it is written down with each stream's
// beginning and end.
struct TaskProgress {
    TaskDocument task;
    TaskRules rules;
    bool stored = false;      // the store has it
    bool up_to_date = false;  // and as it is here
    std::vector<Write> start;  // goes with the next stream's beginning
    std::vector<Write> fences; // go with the task: they end what may still run of it

    TaskProgress() = default;
};

struct Engine::State {
    explicit State(EngineParts given)
        : parts(std::move(given)), memory(parts.runtime, parts.limits.max_working_bytes) {}

    EngineParts parts;
    WorkingMemory memory;
    bool publishing = false;
    std::set<std::string> publish_again; // tenants whose outbox is to be looked at

    Async<Result<Integration>> find_integration(const EngineParts& with, std::string tenant_id,
                                                std::string integration_id);
    Result<std::vector<StreamPlan>> plan_streams(const Integration& integration, const SyncRequest& request) const;
    Async<Result<Pinned>> pin(const RunMode& mode, const Integration& integration, const StreamPlan& plan,
                              const std::vector<Filter>& filters);
    Async<Result<std::vector<Execution>>> run(RunMode mode, SyncRequest request);
    Async<Result<std::vector<Execution>>> run_apart(RunMode mode, SyncRequest request);
    Async<Execution> run_stream(const RunMode& mode, const Integration& integration, StreamPlan plan,
                                SyncRequest request, TaskProgress& progress, std::size_t index);
    Async<Result<>> execute(const RunMode& mode, Session& session, const Integration& integration,
                            const StreamPlan& plan, const SyncRequest& request, std::optional<Trip>& trip,
                            std::vector<std::string>& examples);

    Async<Result<TaskDocument>> load_task(std::string tenant_id, std::string task_id);
    Async<Result<std::optional<SyncTask>>> join_waiting(const SyncRequest& request, const TaskOptions& options);
    Async<Result<bool>> cancellation_asked(std::string tenant_id, std::string task_id);
    Async<Result<TaskDocument>> store_task(TaskDocument task, std::vector<Write> with = {});
    Async<Result<SyncTask>> run_task(std::string tenant_id, std::string task_id);
    Async<Result<SyncTask>> take_steps(const RunMode& mode, std::string tenant_id, std::string task_id);
    Async<Result<bool>> take_step(const RunMode& mode, TaskProgress& progress);
    struct Hold {
        std::optional<Error> why; // none: nothing holds it

        Hold() = default;
    };
    Async<Result<Hold>> leaves_alone(std::string tenant_id, std::string stream_id, Trigger trigger);
    Async<Result<bool>> reap_streams(TaskProgress& progress);
    Async<Result<std::optional<Timestamp>>> wait_for_interval(TaskProgress& progress);
    [[nodiscard]] TaskRules task_rules() const;
    Async<Result<Schedule>> load_schedule(std::string tenant_id, std::string integration_id);
    Async<Result<bool>> has_ended(std::string tenant_id, std::string task_id);

    Async<Result<std::size_t>> publish_events(std::string tenant_id);
    Async<Result<std::size_t>> publish_tenant(std::string tenant_id);
    Async<Result<>> fan_out(std::string tenant_id, std::vector<Event> events);

    // A short hold on a stream for a person's call. `work` gets the run and answers; the lease goes in every case.
    using Work = std::function<Async<Result<>>(Run&, Session&, Pinned&)>;
    Async<Result<>> administer(std::string tenant_id, std::string stream_id, std::string what, Work work);

    Async<Result<>> resolve_on_link(Run& run, Session& session, Pinned& pinned, const Conflict& shown,
                                    const ConflictResolution& resolution);
    Async<Result<Conflict>> resolve_ambiguous(std::string tenant_id, Conflict conflict, ConflictResolution resolution);
    Async<Result<>> settle_ambiguous(Run& run, Session& session, Pinned& pinned, Conflict conflict,
                                     const ConflictResolution& resolution);
    Async<Result<>> retry_one(Run& run, Session& session, Pinned& pinned, const ParkedRecord& parked,
                              const json::object& values);

    template <class T>
    Async<Result<ListPage<T>>> list(std::string kind, const ListRequest& request, std::string state_field,
                                    std::string time_field);
    template <class T>
    Async<Result<T>> find(std::string tenant_id, std::string kind, std::string id);
    Async<Result<StreamDocument>> stream_of_latch(std::string tenant_id, std::string latch_id);
    Async<Result<std::vector<StreamDocument>>> streams(std::string tenant_id);
};

} // namespace castiel_sync

// SyncTask: a request to sync, and what became of it. Execution: one attempt at it on one stream. Values.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

enum class Trigger { manual, schedule, event, webhook };
enum class SyncStatus { pending, running, completed, failed, cancelled };

[[nodiscard]] std::string_view to_string(Trigger trigger) noexcept;
[[nodiscard]] std::optional<Trigger> parse_trigger(std::string_view text) noexcept;
[[nodiscard]] std::string_view to_string(SyncStatus status) noexcept;
[[nodiscard]] std::optional<SyncStatus> parse_sync_status(std::string_view text) noexcept;
[[nodiscard]] constexpr bool is_terminal(SyncStatus status) noexcept {
    return status == SyncStatus::completed || status == SyncStatus::failed || status == SyncStatus::cancelled;
}

inline constexpr std::size_t max_named_records = 1000; // two pages at most, so no stream is held for long

struct SyncRequest {
    std::string tenant_id;
    std::string integration_id;
    std::optional<Direction> direction;     // nullopt: as configured; may only narrow what the mapping allows
    std::string entity;                     // external entity or mapping id; empty: all of the integration
    std::vector<Filter> filters;            // narrow this run to matching records; the checkpoint does not move then
    // Narrow this run to these records, at most max_named_records on each side, which one execution reads, whatever its
    // cap; the checkpoint does not move then. Before a first run has read both sides, and
    // beside one that has not ended yet, new records with match keys and deletions wait for the end of that run.
    std::vector<std::string> source_ids;
    std::vector<std::string> target_ids;
    Trigger trigger = Trigger::manual;
    // Goes on where an execution with has_more stopped, and ends with what that one began: whoever follows has_more
    // sets it, and comes to an end also where reading a side from end to end takes several executions.
    bool resume = false;

    SyncRequest() = default;
};

struct SyncCounters {
    std::uint64_t processed = 0; // records that were read and decided, each once
    std::uint64_t created = 0;
    std::uint64_t updated = 0;
    std::uint64_t deleted = 0;
    std::uint64_t skipped = 0;   // nothing to do, or out of the filter's scope
    std::uint64_t failed = 0;    // parked
    std::uint64_t conflicts = 0; // open conflicts recorded by this execution

    friend bool operator==(const SyncCounters&, const SyncCounters&) = default;
};

struct Execution {
    std::string execution_id;
    std::string task_id;
    std::string tenant_id;
    std::string integration_id;
    std::string stream_id;
    std::string entity_type;
    Direction direction = Direction::bidirectional;
    Trigger trigger = Trigger::manual;
    SyncStatus status = SyncStatus::running;
    bool has_more = false;          // the record cap ended it; the next run goes on from the checkpoint
    SyncCounters counters;
    std::uint64_t pages = 0;        // of changes that were read and decided
    std::uint64_t fencing_token = 0;
    Timestamp started_at{};
    std::optional<Timestamp> completed_at;
    std::optional<Error> error;

    Execution() = default;
};

// What became of one stream of a task.
struct TaskStream {
    std::string stream_id;
    std::string entity_type;
    SyncStatus status = SyncStatus::pending;
    std::string execution_id;            // the last one; empty before the first
    std::uint64_t failures = 0;          // executions in a row that failed
    std::optional<Timestamp> not_before; // waits until then, for another attempt
    bool has_more = false;               // the record cap ended its last execution: another one goes on there
    std::optional<Error> error;          // of the last execution; of a completed stream, why none was begun

    TaskStream() = default;
};

// A task as it is stored. It runs one execution after the other, over its streams in order, until each has ended:
// completed, or failed with an error that no repetition can help, or as often as is tried.
struct SyncTask {
    std::string task_id;
    SyncRequest request;
    SyncStatus status = SyncStatus::pending;
    bool held = false;                   // was only created: waits for execute_task
    bool attended = false;               // Engine::run runs it; nobody else takes it up
    std::optional<Timestamp> not_before; // pending until then: a limit, or a pause between attempts
    std::vector<TaskStream> streams;     // parents first; empty before the first execution
    std::uint64_t executions = 0;        // begun so far
    SyncCounters counters;               // over all of them
    std::optional<Error> error;          // why it failed, or waits, or left a stream alone
    Timestamp created_at{};
    Timestamp updated_at{};
    std::optional<Timestamp> started_at;
    std::optional<Timestamp> completed_at;

    SyncTask() = default;
};

// The members of `run --json` and of the HTTP API; append_json writes the same text as to_json would of the object,
// without making it.
[[nodiscard]] json::object to_json_object(const Execution& execution);
void append_json(std::string& out, const Execution& execution);
[[nodiscard]] json::object to_json_object(const SyncTask& task);
void append_json(std::string& out, const SyncTask& task);

} // namespace castiel_sync

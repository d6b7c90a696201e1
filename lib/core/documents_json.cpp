// The JSON that the HTTP API and the command line show of the engine's values. Members in camel case; an absent value
// is an absent member, never null or "".
#include <castiel_sync/conflict.hpp>
#include <castiel_sync/stream.hpp>
#include <castiel_sync/sync_task.hpp>
#include <core/filter.hpp>
#include <core/json_members.hpp>

#include <algorithm>
#include <chrono>
#include <set>

namespace castiel_sync {

template <class Show>
static void show_members(Show& show, const Error& error) {
    show("code", to_string(error.code));
    show("message", error.message);
    if (error.retry_after) show("retryAfterMs", error.retry_after->count());
}

template <class Show>
static void show_members(Show& show, const Filter& filter) {
    show("field", filter.field);
    show("operator", to_string(filter.op));
    show("value", filter.value);
}

template <class Show>
static void show_members(Show& show, const ConflictField& field) {
    show("field", field.field);
    show("base", field.base);
    show("source", field.source);
    show("target", field.target);
    show("result", field.result);
    show.unless_empty("rule", field.rule);
}

template <class Show>
static void show_members(Show& show, const PlannedField& field) {
    show("field", field.field);
    show("base", field.base);
    show("source", field.source);
    show("target", field.target);
    show("result", field.result);
}

template <class Show>
static void show_members(Show& show, const JournalChange& change) {
    show("field", change.field);
    show("before", change.before);
    show("after", change.after);
    show.unless_empty("rule", change.rule);
}

template <class Show>
static void show_counters(Show& show, const SyncCounters& counters) {
    show("recordsProcessed", counters.processed);
    show("recordsCreated", counters.created);
    show("recordsUpdated", counters.updated);
    show("recordsDeleted", counters.deleted);
    show("recordsSkipped", counters.skipped);
    show("recordsFailed", counters.failed);
    show("conflicts", counters.conflicts);
}

template <class Show>
static void show_members(Show& show, const Execution& execution) {
    show("executionId", execution.execution_id);
    show("taskId", execution.task_id);
    show("integrationId", execution.integration_id);
    show("entityType", execution.entity_type);
    show("direction", to_string(execution.direction));
    show("status", to_string(execution.status));
    show("hasMore", execution.has_more);
    show_counters(show, execution.counters);
    show("startedAt", execution.started_at);
    show("completedAt", execution.completed_at);
    show("error", execution.error);
    show("pages", execution.pages);
    if (!execution.completed_at) return;
    // A clock that was put back makes no time negative.
    const auto duration = std::max(*execution.completed_at - execution.started_at, std::chrono::milliseconds(0));
    show("durationMs", duration.count());
    if (duration.count() > 0)
        show("recordsPerSecond", execution.counters.processed * 1000 / static_cast<std::uint64_t>(duration.count()));
}

template <class Show>
static void show_members(Show& show, const TaskStream& stream) {
    show("entityType", stream.entity_type);
    show("streamId", stream.stream_id);
    show("status", to_string(stream.status));
    show.unless_empty("executionId", stream.execution_id);
    show("failures", stream.failures);
    show("notBefore", stream.not_before);
    if (stream.has_more) show("hasMore", true);
    show("error", stream.error);
}

template <class Show>
static void show_members(Show& show, const SyncTask& task) {
    show("taskId", task.task_id);
    show("tenantId", task.request.tenant_id);
    show("integrationId", task.request.integration_id);
    if (task.request.direction) show("direction", to_string(*task.request.direction));
    show.unless_empty("entityType", task.request.entity);
    if (!task.request.filters.empty()) show("filters", task.request.filters);
    show("trigger", to_string(task.request.trigger));
    show("status", to_string(task.status));
    if (task.held) show("held", true);
    show("notBefore", task.not_before);
    show("attempts", task.executions);
    show("hasMore", std::any_of(task.streams.begin(), task.streams.end(),
                                [](const TaskStream& stream) { return stream.has_more; }));
    show_counters(show, task.counters);
    show("streams", task.streams);
    show("startedAt", task.started_at);
    show("completedAt", task.completed_at);
    show("error", task.error);
    show("createdAt", task.created_at);
    show("updatedAt", task.updated_at);
}

namespace {

bool equal_presence(const std::optional<json::value>& left, const std::optional<json::value>& right) {
    return left && right ? equal_values(*left, *right) : left.has_value() == right.has_value();
}

// The platform's word for how a conflict ended: by the rule that decided all of its fields, or, where a person chose,
// by whose values were taken.
std::string resolution_strategy(const Conflict& conflict) {
    const auto& fields = conflict.fields;
    if (fields.empty()) return "manual";
    if (conflict.state == ConflictState::auto_resolved) {
        std::set<std::string_view> rules;
        for (const auto& field : fields)
            rules.insert(field.rule);
        return rules.size() == 1 ? std::string(*rules.begin()) : "merge";
    }
    if (conflict.state != ConflictState::resolved) return "manual";
    const auto taken_from = [&](auto side) {
        return std::all_of(fields.begin(), fields.end(),
                           [&](const ConflictField& field) { return equal_presence(field.result, field.*side); });
    };
    if (taken_from(&ConflictField::source)) return "source_wins";
    if (taken_from(&ConflictField::target)) return "target_wins";
    return "merge";
}

} // namespace

template <class Show>
static void show_members(Show& show, const Conflict& conflict) {
    show("conflictId", conflict.conflict_id);
    show("tenantId", conflict.tenant_id);
    show("taskId", conflict.task_id);
    show("executionId", conflict.execution_id);
    show("integrationId", conflict.integration_id);
    show("streamId", conflict.stream_id);
    show("entityType", conflict.entity_type);
    show("type", to_string(conflict.type));
    show("state", to_string(conflict.state));
    // The platform names a conflict's record by its shard; one that only the external system has, by that id.
    show.unless_empty("entityId", conflict.target_id.empty() ? conflict.source_id : conflict.target_id);
    show.unless_empty("linkId", conflict.link_id);
    show.unless_empty("sourceId", conflict.source_id);
    show.unless_empty("targetId", conflict.target_id);
    if (!conflict.candidates.empty()) show("candidates", conflict.candidates);
    show.unless_empty("sourceVersion", conflict.source_version);
    show.unless_empty("targetVersion", conflict.target_version);
    show("sourceData", conflict.source_data);
    show("targetData", conflict.target_data);
    show("baseData", conflict.base_data);
    show("fields", conflict.fields);
    show("resolutionStrategy", resolution_strategy(conflict));
    show("resolved", conflict.state == ConflictState::resolved || conflict.state == ConflictState::auto_resolved);
    show("resolvedAt", conflict.resolved_at);
    show.unless_empty("resolvedBy", conflict.resolved_by);
    show.unless_empty("note", conflict.note);
    show("createdAt", conflict.created_at);
}

template <class Show>
static void show_members(Show& show, const Latch& latch) {
    show("latchId", latch.latch_id);
    show("streamId", latch.stream_id);
    show("integrationId", latch.integration_id);
    show("entityType", latch.entity_type);
    show("rail", to_string(latch.rail));
    show("flow", to_string(latch.flow));
    show("reason", latch.reason);
    show("count", latch.count);
    show("examples", latch.examples);
    show("executionId", latch.execution_id);
    show("trippedAt", latch.tripped_at);
}

template <class Show>
static void show_members(Show& show, const StreamSummary& stream) {
    show("streamId", stream.stream_id);
    show("integrationId", stream.integration_id);
    show("entityType", stream.entity_type);
    show("shardTypeId", stream.shard_type_id);
    show("paused", stream.paused);
    show("running", stream.running);
    show("links", stream.links);
    show("openConflicts", stream.open_conflicts);
    show("parked", stream.parked);
    show("caughtUp", stream.caught_up);
    show("latch", stream.latch);
    show.unless_empty("lastExecutionId", stream.last_execution_id);
    show("lastRunAt", stream.last_run_at);
}

template <class Show>
static void show_members(Show& show, const ParkedRecord& parked) {
    show("parkedId", parked.parked_id);
    show("streamId", parked.stream_id);
    show("integrationId", parked.integration_id);
    show("entityType", parked.entity_type);
    show("executionId", parked.execution_id);
    show("side", to_string(parked.side));
    show.unless_empty("recordId", parked.record_id);
    show.unless_empty("place", parked.place);
    show("reason", parked.reason);
    show.unless_empty("field", parked.field);
    show.unless_empty("payload", parked.payload);
    if (!parked.sent.empty()) show("sent", parked.sent);
    show("attempts", parked.attempts);
    if (parked.discarded) show("discarded", true);
    show("parkedAt", parked.parked_at);
}

template <class Show>
static void show_members(Show& show, const JournalEntry& entry) {
    show("journalId", entry.journal_id);
    show("streamId", entry.stream_id);
    show("entityType", entry.entity_type);
    show.unless_empty("sourceId", entry.source_id);
    show.unless_empty("targetId", entry.target_id);
    show("executionId", entry.execution_id);
    show("actor", entry.actor);
    show("written", to_string(entry.written));
    show("action", entry.action);
    show("changes", entry.changes);
    show("at", entry.at);
}

template <class Show>
static void show_members(Show& show, const PlannedRecord& planned) {
    show("action", planned.action);
    show("entityType", planned.entity_type);
    show.unless_empty("sourceId", planned.source_id);
    show.unless_empty("shardId", planned.shard_id);
    show("fields", planned.fields);
    show.unless_empty("reason", planned.reason);
}

json::object to_json_object(const Execution& execution) { return shown_object(execution); }
json::object to_json_object(const SyncTask& task) { return shown_object(task); }
json::object to_json_object(const Conflict& conflict) { return shown_object(conflict); }
json::object to_json_object(const Latch& latch) { return shown_object(latch); }
json::object to_json_object(const StreamSummary& stream) { return shown_object(stream); }
json::object to_json_object(const ParkedRecord& parked) { return shown_object(parked); }
json::object to_json_object(const JournalEntry& entry) { return shown_object(entry); }
json::object to_json_object(const PlannedRecord& planned) { return shown_object(planned); }

void append_json(std::string& out, const Execution& execution) { append_shown(out, execution); }
void append_json(std::string& out, const SyncTask& task) { append_shown(out, task); }
void append_json(std::string& out, const Conflict& conflict) { append_shown(out, conflict); }
void append_json(std::string& out, const Latch& latch) { append_shown(out, latch); }
void append_json(std::string& out, const StreamSummary& stream) { append_shown(out, stream); }
void append_json(std::string& out, const ParkedRecord& parked) { append_shown(out, parked); }
void append_json(std::string& out, const JournalEntry& entry) { append_shown(out, entry); }
void append_json(std::string& out, const PlannedRecord& planned) { append_shown(out, planned); }

} // namespace castiel_sync

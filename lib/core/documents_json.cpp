// The JSON that the HTTP API and the command line show of the engine's values. Members in camel case; an absent value
// is an absent member, never null or "".
#include <castiel_sync/conflict.hpp>
#include <castiel_sync/stream.hpp>
#include <castiel_sync/sync_task.hpp>
#include <core/filter.hpp>

#include <algorithm>
#include <set>

namespace castiel_sync {
namespace {

json::string text(std::string_view value) { return json::string(value); }
json::string text(Timestamp time) { return text(to_string(time)); }

json::object to_json_object(const Error& error) {
    json::object object{{"code", text(to_string(error.code))}, {"message", text(error.message)}};
    if (error.retry_after) object.emplace("retryAfterMs", error.retry_after->count());
    return object;
}

// An object that leaves out what there is not.
class Members {
public:
    explicit Members(json::object& object) : object_(object) {}

    void add(std::string_view name, json::value value) { object_.emplace(name, std::move(value)); }
    void add_unless_empty(std::string_view name, std::string_view value) {
        if (!value.empty()) add(name, text(value));
    }
    void add_if_known(std::string_view name, const std::optional<Timestamp>& time) {
        if (time) add(name, text(*time));
    }
    void add_if_present(std::string_view name, const std::optional<json::value>& value) {
        if (value) add(name, *value);
    }

private:
    json::object& object_;
};

template <class Items, class Convert>
json::array to_array(const Items& items, Convert convert) {
    json::array array;
    array.reserve(items.size());
    for (const auto& item : items)
        array.push_back(convert(item));
    return array;
}

json::array to_array(const std::vector<std::string>& texts) {
    return to_array(texts, [](const std::string& item) { return text(item); });
}

json::value field_object(const ConflictField& field) {
    json::object object{{"field", text(field.field)}};
    Members members(object);
    members.add_if_present("base", field.base);
    members.add_if_present("source", field.source);
    members.add_if_present("target", field.target);
    members.add_if_present("result", field.result);
    members.add_unless_empty("rule", field.rule);
    return object;
}

json::value field_object(const PlannedField& field) {
    json::object object{{"field", text(field.field)}};
    Members members(object);
    members.add_if_present("base", field.base);
    members.add_if_present("source", field.source);
    members.add_if_present("target", field.target);
    members.add_if_present("result", field.result);
    return object;
}

json::value change_object(const JournalChange& change) {
    json::object object{{"field", text(change.field)}};
    Members members(object);
    members.add_if_present("before", change.before);
    members.add_if_present("after", change.after);
    members.add_unless_empty("rule", change.rule);
    return object;
}

json::array filters_object(const std::vector<Filter>& filters) {
    return to_array(filters, [](const Filter& filter) {
        return json::object{
            {"field", text(filter.field)}, {"operator", text(to_string(filter.op))}, {"value", filter.value}};
    });
}

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

json::object to_json_object(const Execution& execution) {
    const SyncCounters& counters = execution.counters;
    json::object object{
        {"executionId", text(execution.execution_id)},
        {"taskId", text(execution.task_id)},
        {"integrationId", text(execution.integration_id)},
        {"entityType", text(execution.entity_type)},
        {"direction", text(to_string(execution.direction))},
        {"status", text(to_string(execution.status))},
        {"hasMore", execution.has_more},
        {"recordsProcessed", counters.processed},
        {"recordsCreated", counters.created},
        {"recordsUpdated", counters.updated},
        {"recordsDeleted", counters.deleted},
        {"recordsSkipped", counters.skipped},
        {"recordsFailed", counters.failed},
        {"conflicts", counters.conflicts},
        {"startedAt", text(execution.started_at)},
    };
    Members members(object);
    members.add_if_known("completedAt", execution.completed_at);
    if (execution.error) members.add("error", to_json_object(*execution.error));
    members.add("pages", execution.pages);
    if (execution.completed_at) {
        // A clock that was put back makes no time negative.
        const auto duration = std::max(*execution.completed_at - execution.started_at, std::chrono::milliseconds(0));
        members.add("durationMs", duration.count());
        if (duration.count() > 0)
            members.add("recordsPerSecond", counters.processed * 1000 / static_cast<std::uint64_t>(duration.count()));
    }
    return object;
}

namespace {

json::value stream_object(const TaskStream& stream) {
    json::object object{{"entityType", text(stream.entity_type)},
                        {"streamId", text(stream.stream_id)},
                        {"status", text(to_string(stream.status))}};
    Members members(object);
    members.add_unless_empty("executionId", stream.execution_id);
    members.add("failures", stream.failures);
    members.add_if_known("notBefore", stream.not_before);
    if (stream.has_more) members.add("hasMore", true);
    if (stream.error) members.add("error", to_json_object(*stream.error));
    return object;
}

} // namespace

json::object to_json_object(const SyncTask& task) {
    const SyncCounters& counters = task.counters;
    json::object object{{"taskId", text(task.task_id)},
                        {"tenantId", text(task.request.tenant_id)},
                        {"integrationId", text(task.request.integration_id)}};
    object.reserve(18); // of one that has not run; otherwise it grows five times on its way there
    Members members(object);
    if (task.request.direction) members.add("direction", text(to_string(*task.request.direction)));
    members.add_unless_empty("entityType", task.request.entity);
    if (!task.request.filters.empty()) members.add("filters", filters_object(task.request.filters));
    members.add("trigger", text(to_string(task.request.trigger)));
    members.add("status", text(to_string(task.status)));
    if (task.held) members.add("held", true);
    members.add_if_known("notBefore", task.not_before);
    members.add("attempts", task.executions);
    members.add("hasMore", std::any_of(task.streams.begin(), task.streams.end(),
                                       [](const TaskStream& stream) { return stream.has_more; }));
    members.add("recordsProcessed", counters.processed);
    members.add("recordsCreated", counters.created);
    members.add("recordsUpdated", counters.updated);
    members.add("recordsDeleted", counters.deleted);
    members.add("recordsSkipped", counters.skipped);
    members.add("recordsFailed", counters.failed);
    members.add("conflicts", counters.conflicts);
    members.add("streams", to_array(task.streams, stream_object));
    members.add_if_known("startedAt", task.started_at);
    members.add_if_known("completedAt", task.completed_at);
    if (task.error) members.add("error", to_json_object(*task.error));
    members.add("createdAt", text(task.created_at));
    members.add("updatedAt", text(task.updated_at));
    return object;
}

json::object to_json_object(const Conflict& conflict) {
    json::object object{
        {"conflictId", text(conflict.conflict_id)},
        {"tenantId", text(conflict.tenant_id)},
        {"taskId", text(conflict.task_id)},
        {"executionId", text(conflict.execution_id)},
        {"integrationId", text(conflict.integration_id)},
        {"streamId", text(conflict.stream_id)},
        {"entityType", text(conflict.entity_type)},
        {"type", text(to_string(conflict.type))},
        {"state", text(to_string(conflict.state))},
    };
    Members members(object);
    // The platform names a conflict's record by its shard; one that only the external system has, by that id.
    members.add_unless_empty("entityId", conflict.target_id.empty() ? conflict.source_id : conflict.target_id);
    members.add_unless_empty("linkId", conflict.link_id);
    members.add_unless_empty("sourceId", conflict.source_id);
    members.add_unless_empty("targetId", conflict.target_id);
    if (!conflict.candidates.empty()) members.add("candidates", to_array(conflict.candidates));
    members.add_unless_empty("sourceVersion", conflict.source_version);
    members.add_unless_empty("targetVersion", conflict.target_version);
    members.add("sourceData", conflict.source_data);
    members.add("targetData", conflict.target_data);
    members.add("baseData", conflict.base_data);
    members.add("fields", to_array(conflict.fields, [](const ConflictField& field) { return field_object(field); }));
    members.add("resolutionStrategy", text(resolution_strategy(conflict)));
    const bool resolved = conflict.state == ConflictState::resolved || conflict.state == ConflictState::auto_resolved;
    members.add("resolved", resolved);
    members.add_if_known("resolvedAt", conflict.resolved_at);
    members.add_unless_empty("resolvedBy", conflict.resolved_by);
    members.add_unless_empty("note", conflict.note);
    members.add("createdAt", text(conflict.created_at));
    return object;
}

json::object to_json_object(const Latch& latch) {
    return {
        {"latchId", text(latch.latch_id)},
        {"streamId", text(latch.stream_id)},
        {"integrationId", text(latch.integration_id)},
        {"entityType", text(latch.entity_type)},
        {"rail", text(to_string(latch.rail))},
        {"flow", text(to_string(latch.flow))},
        {"reason", text(latch.reason)},
        {"count", latch.count},
        {"examples", to_array(latch.examples)},
        {"executionId", text(latch.execution_id)},
        {"trippedAt", text(latch.tripped_at)},
    };
}

json::object to_json_object(const StreamSummary& stream) {
    json::object object{
        {"streamId", text(stream.stream_id)},
        {"integrationId", text(stream.integration_id)},
        {"entityType", text(stream.entity_type)},
        {"shardTypeId", text(stream.shard_type_id)},
        {"paused", stream.paused},
        {"running", stream.running},
        {"links", stream.links},
        {"openConflicts", stream.open_conflicts},
        {"parked", stream.parked},
        {"caughtUp", stream.caught_up},
    };
    Members members(object);
    if (stream.latch) members.add("latch", to_json_object(*stream.latch));
    members.add_unless_empty("lastExecutionId", stream.last_execution_id);
    members.add_if_known("lastRunAt", stream.last_run_at);
    return object;
}

json::object to_json_object(const ParkedRecord& parked) {
    json::object object{
        {"parkedId", text(parked.parked_id)},           {"streamId", text(parked.stream_id)},
        {"integrationId", text(parked.integration_id)}, {"entityType", text(parked.entity_type)},
        {"executionId", text(parked.execution_id)},     {"side", text(to_string(parked.side))},
    };
    Members members(object);
    members.add_unless_empty("recordId", parked.record_id);
    members.add_unless_empty("place", parked.place);
    members.add("reason", to_json_object(parked.reason));
    members.add_unless_empty("field", parked.field);
    members.add_unless_empty("payload", parked.payload);
    if (!parked.sent.empty()) members.add("sent", parked.sent);
    members.add("attempts", parked.attempts);
    if (parked.discarded) members.add("discarded", true);
    members.add("parkedAt", text(parked.parked_at));
    return object;
}

json::object to_json_object(const JournalEntry& entry) {
    json::object object{
        {"journalId", text(entry.journal_id)},
        {"streamId", text(entry.stream_id)},
        {"entityType", text(entry.entity_type)},
    };
    Members members(object);
    members.add_unless_empty("sourceId", entry.source_id);
    members.add_unless_empty("targetId", entry.target_id);
    members.add("executionId", text(entry.execution_id));
    members.add("actor", text(entry.actor));
    members.add("written", text(to_string(entry.written)));
    members.add("action", text(entry.action));
    members.add("changes", to_array(entry.changes, change_object));
    members.add("at", text(entry.at));
    return object;
}

json::object to_json_object(const PlannedRecord& planned) {
    json::object object{{"action", text(planned.action)}, {"entityType", text(planned.entity_type)}};
    Members members(object);
    members.add_unless_empty("sourceId", planned.source_id);
    members.add_unless_empty("shardId", planned.shard_id);
    members.add("fields", to_array(planned.fields, [](const PlannedField& field) { return field_object(field); }));
    members.add_unless_empty("reason", planned.reason);
    return object;
}

} // namespace castiel_sync

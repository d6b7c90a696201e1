#include <engine/event_drafts.hpp>

#include <utility>

namespace castiel_sync {
namespace {

void add_text(json::object& data, std::string_view name, const std::string& text) {
    if (!text.empty()) data[name] = text;
}

json::object data_of(const Execution& execution) {
    return {{"taskId", execution.task_id},
            {"executionId", execution.execution_id},
            {"integrationId", execution.integration_id},
            {"entityType", execution.entity_type}};
}

json::object data_of(const Conflict& conflict) {
    json::object data{{"conflictId", conflict.conflict_id},
                      {"integrationId", conflict.integration_id},
                      {"entityType", conflict.entity_type},
                      {"type", to_string(conflict.type)}};
    add_text(data, "sourceId", conflict.source_id);
    add_text(data, "targetId", conflict.target_id);
    return data;
}

} // namespace

EventDraft started_event(const Execution& execution) {
    json::object data = data_of(execution);
    data["direction"] = to_string(execution.direction);
    return {"integration.sync.started", std::move(data)};
}

EventDraft ended_event(const Execution& execution) {
    json::object data = data_of(execution);
    if (execution.status != SyncStatus::completed) {
        if (execution.error) {
            data["error"] = execution.error->message;
            data["errorCode"] = to_string(execution.error->code);
        }
        return {"integration.sync.failed", std::move(data)};
    }
    const SyncCounters& counters = execution.counters;
    data["recordsProcessed"] = counters.processed;
    data["recordsCreated"] = counters.created;
    data["recordsUpdated"] = counters.updated;
    data["recordsDeleted"] = counters.deleted;
    data["recordsSkipped"] = counters.skipped;
    data["recordsFailed"] = counters.failed;
    data["conflicts"] = counters.conflicts;
    data["hasMore"] = execution.has_more;
    return {"integration.sync.completed", std::move(data)};
}

EventDraft detected_event(const Conflict& conflict) {
    json::object data = data_of(conflict);
    json::array fields;
    for (const ConflictField& field : conflict.fields)
        if (!field.field.empty()) fields.emplace_back(field.field);
    data["fields"] = std::move(fields);
    return {"integration.conflict.detected", std::move(data)};
}

EventDraft resolved_event(const Conflict& conflict) {
    json::object data = data_of(conflict);
    data["state"] = to_string(conflict.state);
    add_text(data, "resolvedBy", conflict.resolved_by);
    return {"integration.conflict.resolved", std::move(data)};
}

EventDraft latched_event(const Latch& latch) {
    return {"integration.stream.latched",
            json::object{{"latchId", latch.latch_id},
                         {"executionId", latch.execution_id},
                         {"integrationId", latch.integration_id},
                         {"entityType", latch.entity_type},
                         {"rail", to_string(latch.rail)},
                         {"flow", to_string(latch.flow)},
                         {"count", latch.count},
                         {"reason", latch.reason}}};
}

EventDraft parked_event(const ParkedRecord& parked) {
    json::object data{{"parkedId", parked.parked_id},
                      {"executionId", parked.execution_id},
                      {"integrationId", parked.integration_id},
                      {"entityType", parked.entity_type},
                      {"side", to_string(parked.side)},
                      {"errorCode", to_string(parked.reason.code)},
                      {"error", parked.reason.message}};
    add_text(data, "recordId", parked.record_id);
    add_text(data, "place", parked.place);
    add_text(data, "field", parked.field);
    return {"integration.record.parked", std::move(data)};
}

} // namespace castiel_sync

#include <engine/documents.hpp>

#include <core/filter.hpp>
#include <engine/document_codec.hpp>

namespace castiel_sync {

template <class A>
void members(A& a, SyncRequest& v) {
    a("integrationId", v.integration_id);
    a("direction", v.direction);
    a.sparse("entity", v.entity);
    a.sparse("filters", v.filters);
    a.sparse("sourceIds", v.source_ids);
    a.sparse("targetIds", v.target_ids);
    a("trigger", v.trigger);
}
template <class A>
void members(A& a, TaskStream& v) {
    a("streamId", v.stream_id);
    a("entityType", v.entity_type);
    a("status", v.status);
    a.sparse("executionId", v.execution_id);
    a.sparse("failures", v.failures);
    a("notBefore", v.not_before);
    a.sparse("hasMore", v.has_more);
    a("error", v.error);
}
template <class A>
void members(A& a, TaskDocument& v) {
    a("request", v.request);
    a("status", v.status);
    a.sparse("held", v.held);
    a.sparse("attended", v.attended);
    a("notBefore", v.not_before);
    a("streams", v.streams);
    a.sparse("executions", v.executions);
    a.sparse("counters", v.counters);
    a("error", v.error);
    a("createdAt", v.created_at);
    a("updatedAt", v.updated_at);
    a("startedAt", v.started_at);
    a("completedAt", v.completed_at);
}
template <class A>
void members(A& a, Cancellation& v) {
    a("actor", v.actor);
    a("at", v.at);
}
template <class A>
void members(A& a, Schedule& v) {
    a("lastStart", v.last_start);
    a("lastTask", v.last_task_id);
    a("lastDue", v.times.last_due);
    a("nextDue", v.times.next_due);
    a.sparse("frequency", v.times.frequency);
}

template <class A>
void members(A& a, RequestWindow& v) {
    a("newest", v.newest);
    a("counts", v.counts);
}
template <class A>
void members(A& a, Budget& v) {
    a("minute", v.use.minute);
    a("hour", v.use.hour);
}

Document to_document(const TaskDocument& task) {
    Document document = make_document("task", task.task_id, task, task.request.integration_id,
                                      std::string(to_string(task.status)), milliseconds(task.created_at));
    document.etag = task.etag;
    return document;
}
Document to_document(const TaskDocument& task, Timestamp kept_until) {
    Document document = to_document(task);
    if (is_terminal(task.status)) document.expires_at = kept_until;
    return document;
}
Document to_document(const Cancellation& cancellation) {
    Document document = make_document("cancellation", cancellation.task_id, cancellation);
    document.expires_at = cancellation.at + std::chrono::days(1);
    return document;
}
Document to_document(const Schedule& schedule) {
    Document document = make_document("schedule", schedule.integration_id, schedule);
    const auto& due = schedule.times.next_due;
    document.index.emplace_back(due ? IndexValue(milliseconds(*due)) : IndexValue());
    document.etag = schedule.etag;
    return document;
}
Document to_document(const Budget& budget, Timestamp kept_until) {
    Document document = make_document("budget", budget.account, budget);
    document.expires_at = kept_until;
    document.etag = budget.etag;
    return document;
}

template <> Result<TaskDocument> from_document(const Document& document) {
    TaskDocument task;
    task.task_id = document.id;
    task.etag = document.etag;
    auto result = read(IndexReader(document), std::move(task));
    return result;
}
template <> Result<Cancellation> from_document(const Document& document) {
    Cancellation cancellation;
    cancellation.task_id = document.id;
    return read(IndexReader(document), std::move(cancellation));
}
template <> Result<Schedule> from_document(const Document& document) {
    Schedule schedule;
    schedule.integration_id = document.id;
    schedule.etag = document.etag;
    return read(IndexReader(document), std::move(schedule));
}
template <> Result<Budget> from_document(const Document& document) {
    Budget budget;
    budget.account = document.id;
    budget.etag = document.etag;
    return read(IndexReader(document), std::move(budget));
}

} // namespace castiel_sync

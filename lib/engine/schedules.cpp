// Schedules: the tasks that integrations ask for by themselves.
#include <engine/engine_state.hpp>

#include <core/schedule.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::chrono::minutes long_overdue{2}; // by so much nobody is late who looked at all

// Equal for frequencies that are due at the same times.
std::string fingerprint(const SyncFrequency& frequency) {
    switch (frequency.type) {
    case SyncFrequency::Type::manual: return "";
    case SyncFrequency::Type::interval: return fmt::format("every {} minutes", frequency.interval.count());
    case SyncFrequency::Type::cron: return fmt::format("{} in {}", frequency.cron_expression, frequency.time_zone);
    }
    return "";
}

} // namespace

Async<Result<Schedule>> Engine::State::load_schedule(std::string tenant_id, std::string integration_id) {
    std::vector<std::string> ids{integration_id};
    auto documents = co_await parts.store->read(std::move(tenant_id), "schedule", std::move(ids));
    if (!documents) co_return documents.error();
    if (documents->front()) co_return from_document<Schedule>(*documents->front());
    Schedule schedule;
    schedule.integration_id = std::move(integration_id);
    co_return schedule;
}

Async<Result<bool>> Engine::State::has_ended(std::string tenant_id, std::string task_id) {
    if (task_id.empty()) co_return true;
    auto task = co_await load_task(std::move(tenant_id), std::move(task_id));
    if (task) co_return is_terminal(task->status);
    if (task.error().code == ErrorCode::not_found) co_return true; // long ago
    co_return task.error();
}

Async<Result<ScheduleStep>> Engine::step_schedule(std::string tenant_id, std::string integration_id, bool at_start) {
    State& state = *state_;
    const Timestamp now = state.parts.runtime.clock->now();
    auto found = co_await state.parts.catalog->find(tenant_id, integration_id);
    if (!found) co_return found.error();
    SyncFrequency frequency; // manual
    if (*found && (*found)->sync.sync_enabled) frequency = (*found)->sync.frequency;
    auto loaded = co_await state.load_schedule(tenant_id, integration_id);
    if (!loaded) co_return loaded.error();
    Schedule schedule = std::move(*loaded);
    ScheduleStep step;
    const std::string wanted = fingerprint(frequency);
    const bool changed = schedule.frequency != wanted;
    const bool overdue = at_start && schedule.next_due && *schedule.next_due + long_overdue < now;
    std::vector<Write> writes(1); // the schedule's own, filled in last
    if (changed || overdue || (!schedule.next_due && !wanted.empty())) {
        if (changed) schedule.last_due.reset();
        auto due = next_due(frequency, integration_id, schedule.last_due, now);
        if (!due) co_return due.error();
        schedule.frequency = wanted;
        schedule.next_due = *due;
    } else if (!schedule.next_due || *schedule.next_due > now) {
        step.next_due = schedule.next_due;
        co_return step;
    }
    if (schedule.next_due && *schedule.next_due <= now) {
        auto ended = co_await state.has_ended(tenant_id, schedule.last_task_id);
        if (!ended) co_return ended.error();
        if (*ended) {
            TaskDocument task;
            task.task_id = make_ordered_uuid(now, *state.parts.runtime.random);
            task.request.tenant_id = tenant_id;
            task.request.integration_id = integration_id;
            task.request.trigger = Trigger::schedule;
            task.created_at = task.updated_at = now;
            task.not_before = wait_until(schedule.last_start, state.parts.limits.min_interval, now);
            writes.push_back(insert(to_document(task)));
            schedule.last_task_id = task.task_id;
            step.task = std::move(task);
        }
        schedule.last_due = schedule.next_due;
        auto due = next_due(frequency, integration_id, schedule.last_due, now);
        if (!due) co_return due.error();
        schedule.next_due = *due;
    }
    writes.front() = schedule.etag.empty() ? insert(to_document(schedule)) : replace(to_document(schedule));
    auto receipt = co_await state.parts.store->commit(tenant_id, std::move(writes));
    if (!receipt) co_return receipt.error();
    step.next_due = schedule.next_due;
    co_return step;
}

} // namespace castiel_sync

// Schedules: the tasks that integrations ask for by themselves.
#include <engine/engine_state.hpp>

#include <core/schedule.hpp>

#include <utility>

namespace castiel_sync {
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
    auto look = look_at(std::move(schedule.times), frequency, integration_id, at_start, now);
    if (!look) co_return look.error();
    schedule.times = std::move(look->times);
    ScheduleStep step;
    step.next_due = schedule.times.next_due;
    if (!look->changed) co_return step;
    std::vector<Write> writes(1); // the schedule's own, filled in last
    if (look->due) {
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
    }
    writes.front() = schedule.etag.empty() ? insert(to_document(schedule)) : replace(to_document(schedule));
    auto receipt = co_await state.parts.store->commit(tenant_id, std::move(writes));
    if (!receipt) co_return receipt.error();
    co_return step;
}

} // namespace castiel_sync

// Tasks: created by one call, run by another one, perhaps of another instance.
#include <engine/engine_state.hpp>

#include <core/schedule.hpp>
#include <core/task_progress.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace castiel_sync {
namespace asio = boost::asio;

namespace {

constexpr int stale_rounds = 16; // other writers of a task are people and the instance that runs it

bool asks_the_same(const SyncRequest& one, const SyncRequest& other) {
    return one.integration_id == other.integration_id && one.direction == other.direction &&
           one.entity == other.entity && one.filters == other.filters && one.source_ids == other.source_ids &&
           one.target_ids == other.target_ids;
}

// The minimum interval is there to spare both systems whole readings. A run that names its records reads these alone.
bool counts_for_interval(const SyncRequest& request) {
    return request.source_ids.empty() && request.target_ids.empty();
}

// False: there are too many for one task.
bool take_along(std::vector<std::string>& known, const std::vector<std::string>& more) {
    for (const std::string& id : more)
        if (std::find(known.begin(), known.end(), id) == known.end()) known.push_back(id);
    return known.size() <= max_named_records;
}

Error has_ended(const SyncTask& task) {
    return {ErrorCode::stale, fmt::format("task {} has ended: it is {}", task.task_id, to_string(task.status))};
}

} // namespace

TaskRules Engine::State::task_rules() const {
    return {parts.limits.max_stream_failures, {parts.limits.task_retry_base, parts.limits.task_retry_cap}, true};
}

Async<Result<TaskDocument>> Engine::State::load_task(std::string tenant_id, std::string task_id) {
    auto task = co_await find<TaskDocument>(tenant_id, "task", std::move(task_id));
    if (task) task->request.tenant_id = std::move(tenant_id);
    co_return task;
}

Async<Result<bool>> Engine::State::cancellation_asked(std::string tenant_id, std::string task_id) {
    std::vector<std::string> ids{std::move(task_id)};
    auto documents = co_await parts.store->read(std::move(tenant_id), "cancellation", std::move(ids));
    if (!documents) co_return documents.error();
    co_return documents->front().has_value();
}

Async<Result<TaskDocument>> Engine::State::store_task(TaskDocument task, std::vector<Write> with) {
    const Timestamp kept_until = parts.runtime.clock->now() + parts.limits.execution_retention;
    std::vector<Write> writes{replace(to_document(task, kept_until))};
    for (Write& write : with) writes.push_back(std::move(write));
    auto receipt = co_await parts.store->commit(task.request.tenant_id, std::move(writes));
    if (!receipt) co_return receipt.error();
    task.etag = receipt->etags.front();
    co_return task;
}

// Events come in floods, and a stream needs to look once. Another one like it that has not begun takes its records
// along; one that asks for everything covers any, but does not make what is named wait for the minimum interval.
Async<Result<std::optional<SyncTask>>> Engine::State::join_waiting(const SyncRequest& request,
                                                                   const TaskOptions& options) {
    ListRequest list_request;
    list_request.tenant_id = request.tenant_id;
    list_request.integration_id = request.integration_id;
    list_request.state = std::string(to_string(SyncStatus::pending));
    list_request.limit = 100;
    auto waiting = co_await list<TaskDocument>("task", list_request, "status", "created_at");
    if (!waiting) co_return waiting.error();
    for (TaskDocument& task : waiting->items) {
        SyncRequest& known = task.request;
        if (task.started_at || task.held || known.trigger != request.trigger || known.entity != request.entity ||
            known.direction != request.direction || known.filters != request.filters)
            continue;
        known.tenant_id = request.tenant_id;
        if (counts_for_interval(known)) {
            if (!counts_for_interval(request) && task.not_before) continue;
            if (!options.with) co_return std::optional<SyncTask>(std::move(task));
        } else if (counts_for_interval(request) || !take_along(known.source_ids, request.source_ids) ||
                   !take_along(known.target_ids, request.target_ids)) {
            continue;
        }
        task.updated_at = parts.runtime.clock->now();
        std::vector<Write> with;
        if (options.with) with = options.with(task);
        auto stored = co_await store_task(std::move(task), std::move(with));
        if (stored) co_return std::optional<SyncTask>(std::move(*stored));
        if (stored.error().code != ErrorCode::stale) co_return stored.error(); // stale: it has begun meanwhile
    }
    co_return std::optional<SyncTask>();
}

Async<Result<SyncTask>> Engine::create_task(SyncRequest request, TaskOptions options) {
    auto& state = *state_;
    auto integration = co_await state.find_integration(state.parts, request.tenant_id, request.integration_id);
    if (!integration) co_return integration.error();
    if (!integration->sync.sync_enabled)
        co_return Error(ErrorCode::invalid_request, "sync is switched off for integration " + integration->id);
    auto plans = state.plan_streams(*integration, request);
    if (!plans) co_return plans.error();

    if (request.trigger == Trigger::event || request.trigger == Trigger::webhook) {
        auto joined = co_await state.join_waiting(request, options);
        if (!joined) co_return joined.error();
        if (*joined) co_return std::move(**joined);
    }
    const Timestamp now = state.parts.runtime.clock->now();
    TaskProgress progress;
    TaskDocument& task = progress.task;
    task.task_id = options.task_id.empty() ? make_uuid(*state.parts.runtime.random) : std::move(options.task_id);
    task.request = std::move(request);
    task.held = options.held;
    task.created_at = task.updated_at = now;
    if (!task.held) { // else that is asked when it is let go
        auto wait = co_await state.wait_for_interval(progress);
        if (!wait) co_return wait.error();
        task.not_before = *wait;
    }
    std::vector<Write> writes{insert(to_document(task))};
    if (options.with) {
        std::vector<Write> with = options.with(task);
        std::move(with.begin(), with.end(), std::back_inserter(writes));
    }
    auto receipt = co_await state.parts.store->commit(task.request.tenant_id, std::move(writes));
    if (receipt) co_return std::move(task);
    const Error error = receipt.error();
    if (error.code != ErrorCode::stale && error.code != ErrorCode::unknown_outcome) co_return error;
    auto present = co_await state.load_task(task.request.tenant_id, task.task_id);
    if (!present && present.error().code == ErrorCode::not_found) co_return error;
    if (!present) co_return present.error();
    if (!asks_the_same(present->request, task.request))
        co_return Error(ErrorCode::already_exists, "a task with the id " + task.task_id + " asks for another thing");
    co_return std::move(*present);
}

Async<Result<SyncTask>> Engine::find_task(std::string tenant_id, std::string task_id) {
    auto task = co_await state_->load_task(std::move(tenant_id), std::move(task_id));
    if (!task) co_return task.error();
    co_return std::move(*task);
}

Async<Result<SyncTask>> Engine::execute_task(std::string tenant_id, std::string task_id) {
    for (int round = 0;; ++round) {
        auto task = co_await state_->load_task(tenant_id, task_id);
        if (!task) co_return task.error();
        if (is_terminal(task->status)) co_return has_ended(*task);
        if (!task->held) co_return std::move(*task);
        TaskProgress progress;
        progress.task = std::move(*task);
        auto wait = co_await state_->wait_for_interval(progress);
        if (!wait) co_return wait.error();
        progress.task.held = false;
        progress.task.not_before = *wait;
        progress.task.updated_at = state_->parts.runtime.clock->now();
        auto stored = co_await state_->store_task(std::move(progress.task));
        if (stored) co_return std::move(*stored);
        if (stored.error().code != ErrorCode::stale || round == stale_rounds) co_return stored.error();
    }
}

Async<Result<SyncTask>> Engine::cancel_task(std::string tenant_id, std::string task_id, std::string actor) {
    const Timestamp now = state_->parts.runtime.clock->now();
    for (int round = 0;; ++round) {
        auto task = co_await state_->load_task(tenant_id, task_id);
        if (!task) co_return task.error();
        if (task->status == SyncStatus::cancelled) co_return std::move(*task);
        if (is_terminal(task->status)) co_return has_ended(*task);
        const bool runs = std::any_of(task->streams.begin(), task->streams.end(), [](const TaskStream& stream) {
            return stream.status == SyncStatus::running;
        });
        if (runs) {
            std::vector<Write> writes{put(to_document(Cancellation{task_id, actor, now}))};
            auto receipt = co_await state_->parts.store->commit(tenant_id, std::move(writes));
            if (!receipt) co_return receipt.error();
            co_return std::move(*task);
        }
        castiel_sync::cancel_task(*task, now);
        auto stored = co_await state_->store_task(std::move(*task));
        if (stored) co_return std::move(*stored);
        if (stored.error().code != ErrorCode::stale || round == stale_rounds) co_return stored.error();
    }
}

// Until when a task that has not begun must wait. If it need not, its beginning is what the next one counts from: a
// condition of its first commit, so that of two that begin at once one waits.
Async<Result<std::optional<Timestamp>>> Engine::State::wait_for_interval(TaskProgress& progress) {
    const SyncTask& task = progress.task;
    progress.start.clear();
    if (task.started_at || !counts_for_interval(task.request)) co_return std::optional<Timestamp>();
    auto schedule = co_await load_schedule(task.request.tenant_id, task.request.integration_id);
    if (!schedule) co_return schedule.error();
    const Timestamp now = parts.runtime.clock->now(); // after the last beginning, if clocks agree
    if (const auto until = wait_until(schedule->last_start, parts.limits.min_interval, now)) co_return until;
    schedule->last_start = now;
    progress.start.push_back(schedule->etag.empty() ? insert(to_document(*schedule)) : replace(to_document(*schedule)));
    co_return std::optional<Timestamp>();
}

// Streams that somebody runs, or ran: is he still there? False when one of them is. Who only seems to be gone finds the
// stream taken over: his next commit fails, and what the task says of him stays true.
Async<Result<bool>> Engine::State::reap_streams(TaskProgress& progress) {
    TaskDocument& task = progress.task;
    const Timestamp now = parts.runtime.clock->now();
    for (std::size_t i = 0; i < task.streams.size(); ++i) {
        if (task.streams[i].status != SyncStatus::running) continue;
        auto stream = co_await find_stream(*parts.store, task.request.tenant_id, task.streams[i].stream_id);
        if (!stream) co_return stream.error();
        const std::optional<Lease> lease = *stream ? (*stream)->lease : std::nullopt;
        if (lease && lease->execution_id == task.streams[i].execution_id && lease->expires_at > now) co_return false;
        if (lease && lease->execution_id == task.streams[i].execution_id) {
            StreamDocument taken = std::move(**stream);
            ++taken.token;
            progress.fences.push_back(replace(to_document(taken)));
        }
        lose_stream(task, i, progress.rules, now);
        progress.up_to_date = false;
    }
    co_return true;
}

// Whoever paused a stream wants it to stand still. A schedule or an event has nothing to say against that; a person
// has. What a rail holds has been told of, and a schedule comes again by itself: it need not fail every time.
Async<Result<Engine::State::Hold>> Engine::State::leaves_alone(std::string tenant_id, std::string stream_id,
                                                               Trigger trigger) {
    Hold hold;
    if (trigger == Trigger::manual) co_return hold;
    auto stream = co_await find_stream(*parts.store, std::move(tenant_id), std::move(stream_id));
    if (!stream) co_return stream.error();
    if (*stream && ((*stream)->paused || trigger == Trigger::schedule)) hold.why = why_it_stands_still(**stream);
    co_return hold;
}

// One execution of the task, where one is due. True: look again at once.
Async<Result<bool>> Engine::State::take_step(const RunMode& mode, TaskProgress& progress) {
    TaskDocument& task = progress.task;
    const Timestamp now = parts.runtime.clock->now();
    auto alone = co_await reap_streams(progress);
    if (!alone) co_return alone.error();
    if (!*alone)
        co_return Error(ErrorCode::busy, fmt::format("task {} is being run by another instance", task.task_id));
    if (task.attended) {
        // Between two streams nobody holds a lease, and whoever runs it may still be there.
        if (progress.fences.empty() && now < task.updated_at + parts.limits.lease_duration)
            co_return Error(ErrorCode::busy, fmt::format("task {} is run by its caller", task.task_id));
        fail_task(task, Error(ErrorCode::unavailable, "the process that ran it stopped"), now);
        progress.up_to_date = false;
        co_return false;
    }
    if (!progress.fences.empty()) co_return true; // once this is stored
    auto asked = co_await cancellation_asked(task.request.tenant_id, task.task_id);
    if (!asked) co_return asked.error();
    if (*asked) {
        castiel_sync::cancel_task(task, now);
        progress.up_to_date = false;
        co_return false;
    }
    auto wait = co_await wait_for_interval(progress);
    if (!wait) co_return wait.error();
    if (*wait) {
        progress.up_to_date = progress.up_to_date && task.not_before == *wait;
        task.not_before = *wait;
        co_return false;
    }
    auto integration = co_await find_integration(parts, task.request.tenant_id, task.request.integration_id);
    auto plans = integration ? plan_streams(*integration, task.request) : integration.error();
    if (plans && !integration->sync.sync_enabled)
        plans = Error(ErrorCode::invalid_request, "sync is switched off for integration " + integration->id);
    if (!plans) {
        const Error error = plans.error();
        if (is_retryable(error.code)) co_return error;
        fail_task(task, error, now);
        progress.up_to_date = false;
        co_return false;
    }
    if (task.streams.empty()) task.streams = streams_of(*plans);
    const auto next = next_stream(task, now);
    if (!next) co_return false;
    const std::string stream_id = task.streams[*next].stream_id;
    const auto plan = std::find_if(plans->begin(), plans->end(),
                                   [&](const StreamPlan& each) { return each.stream_id == stream_id; });
    Execution execution;
    if (plan == plans->end()) {
        execution.status = SyncStatus::failed;
        execution.error = Error(ErrorCode::not_found, "the integration does not map this entity any more");
        end_stream(task, *next, execution, progress.rules, now, *parts.runtime.random);
        progress.up_to_date = false;
        co_return false;
    }
    auto hold = co_await leaves_alone(task.request.tenant_id, stream_id, task.request.trigger);
    if (!hold) co_return hold.error();
    if (hold->why) {
        skip_stream(task, *next, *hold->why, now);
        progress.up_to_date = false;
        co_return true;
    }
    SyncRequest request = task.request;
    request.resume = task.streams[*next].has_more;
    const auto early = co_await asio::this_coro::cancellation_state;
    if (early.cancelled() != asio::cancellation_type::none) co_return false;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    execution = co_await asio::co_spawn(
        parts.runtime.executor,
        run_stream(mode, *integration, std::move(*plan), std::move(request), progress, *next), asio::use_awaitable);
    const auto stopped = co_await asio::this_coro::cancellation_state;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation(),
                                                       asio::disable_cancellation());
    if (mode.observer && is_terminal(execution.status)) mode.observer->on_finished(execution);
    // It did not even begin: busy, or the store said no.
    if (progress.task.streams[*next].execution_id != execution.execution_id && execution.error)
        co_return *execution.error;
    co_return execution.status == SyncStatus::completed && !execution.has_more &&
        stopped.cancelled() == asio::cancellation_type::none;
}

Async<Result<SyncTask>> Engine::State::take_steps(const RunMode& mode, std::string tenant_id, std::string task_id) {
    for (;;) {
        auto found = co_await load_task(tenant_id, task_id);
        if (!found) co_return found.error();
        TaskProgress progress;
        progress.task = std::move(*found);
        progress.rules = task_rules();
        progress.stored = progress.up_to_date = true;
        if (is_terminal(progress.task.status) || progress.task.held) co_return std::move(progress.task);
        auto again = co_await take_step(mode, progress);
        if (!progress.up_to_date) {
            auto stored = co_await store_task(progress.task, std::move(progress.fences));
            if (!stored && stored.error().code != ErrorCode::stale) co_return stored.error();
            if (!stored) continue;
        }
        if (!again) co_return again.error();
        if (!*again) co_return std::move(progress.task);
    }
}

// What it stores must not be cut short; only an execution under way is, at its next safe point.
Async<Result<SyncTask>> Engine::State::run_task(std::string tenant_id, std::string task_id) {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation(),
                                                       asio::disable_cancellation());
    RunMode mode;
    mode.parts = &parts;
    mode.observer = parts.observer;
    auto task = co_await take_steps(mode, tenant_id, task_id);
    if (auto published = co_await publish_events(tenant_id); !published && parts.observer)
        parts.observer->on_log(LogLevel::warning, "events wait in the outbox: " + published.error().message,
                               {{"tenantId", tenant_id}, {"taskId", task_id}});
    co_return task;
}

Async<Result<SyncTask>> Engine::run_task(std::string tenant_id, std::string task_id) {
    Result<SyncTask> task(Error(ErrorCode::cancelled, "cancelled before anything was begun"));
    try {
        // In a coroutine of its own: see run_apart.
        task = co_await asio::co_spawn(state_->parts.runtime.executor,
                                       state_->run_task(std::move(tenant_id), std::move(task_id)), asio::use_awaitable);
    } catch (const boost::system::system_error& fault) {
        if (fault.code() != asio::error::operation_aborted) throw;
    }
    co_return task;
}

} // namespace castiel_sync

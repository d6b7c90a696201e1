#include <core/task_progress.hpp>

#include <algorithm>
#include <utility>

namespace castiel_sync {
void add(SyncCounters& total, const SyncCounters& more) {
    total.processed += more.processed;
    total.created += more.created;
    total.updated += more.updated;
    total.deleted += more.deleted;
    total.skipped += more.skipped;
    total.failed += more.failed;
    total.conflicts += more.conflicts;
}

namespace {

// What asks for more is asked again then: an hour's budget is back by that time, and so is a day's.
constexpr std::chrono::milliseconds longest_retry_after = std::chrono::hours(24);

bool any(const SyncTask& task, SyncStatus status) {
    return std::any_of(task.streams.begin(), task.streams.end(),
                       [status](const TaskStream& stream) { return stream.status == status; });
}

// The task's own state, from its streams'.
void settle(SyncTask& task, Timestamp now) {
    task.updated_at = now;
    task.not_before.reset();
    task.error.reset();
    for (const TaskStream& stream : task.streams)
        if (stream.error && !task.error) task.error = stream.error;
    const bool goes_on = std::any_of(task.streams.begin(), task.streams.end(), [](const TaskStream& stream) {
        return stream.status == SyncStatus::pending && !stream.not_before;
    });
    if (any(task, SyncStatus::running) || goes_on) {
        task.status = SyncStatus::running;
        return;
    }
    if (any(task, SyncStatus::pending)) {
        task.status = SyncStatus::pending;
        for (const TaskStream& stream : task.streams)
            if (stream.status == SyncStatus::pending)
                task.not_before = task.not_before ? std::min(*task.not_before, *stream.not_before) : stream.not_before;
        return;
    }
    task.status = any(task, SyncStatus::cancelled) ? SyncStatus::cancelled
                  : any(task, SyncStatus::failed)  ? SyncStatus::failed
                                                   : SyncStatus::completed;
    task.completed_at = now;
}

// Whoever was asked to wait comes back more seldom each time, but does not fail for that, where anybody comes back.
void fail_once_more(TaskStream& stream, const Error& error, const TaskRules& rules) {
    const bool waits = error.code == ErrorCode::throttled && stream.failures + 1 >= rules.max_failures;
    if (!waits || rules.max_failures == 1) ++stream.failures;
    stream.error = error;
    stream.status = stream.failures < rules.max_failures ? SyncStatus::pending : SyncStatus::failed;
}

// What a later attempt may get over without anybody's help. That another instance took the stream over is one of them.
bool may_succeed_later(ErrorCode code) { return is_retryable(code) || code == ErrorCode::lease_lost; }

void end_all(SyncTask& task, SyncStatus status, const std::optional<Error>& error) {
    for (TaskStream& stream : task.streams) {
        if (is_terminal(stream.status)) continue;
        stream.status = status;
        stream.not_before.reset();
        if (error) stream.error = error;
    }
}

} // namespace

std::optional<std::size_t> next_stream(const SyncTask& task, Timestamp now) {
    for (std::size_t i = 0; i < task.streams.size(); ++i) {
        const TaskStream& stream = task.streams[i];
        if (stream.status == SyncStatus::pending && (!stream.not_before || *stream.not_before <= now)) return i;
    }
    return std::nullopt;
}

void begin_stream(SyncTask& task, std::size_t index, const Execution& execution, Timestamp now) {
    TaskStream& stream = task.streams[index];
    stream.status = SyncStatus::running;
    stream.execution_id = execution.execution_id;
    stream.not_before.reset();
    stream.error.reset();
    ++task.executions;
    if (!task.started_at) task.started_at = now;
    settle(task, now);
}

void end_stream(SyncTask& task, std::size_t index, const Execution& execution, const TaskRules& rules, Timestamp now,
                Random& random) {
    TaskStream& stream = task.streams[index];
    add(task.counters, execution.counters);
    stream.execution_id = execution.execution_id;
    stream.has_more = execution.has_more;
    stream.not_before.reset();
    stream.error = execution.error;
    if (execution.status == SyncStatus::failed) {
        const Error error = execution.error.value_or(Error(ErrorCode::internal, "it failed without an error"));
        fail_once_more(stream, error, rules);
        if (!may_succeed_later(error.code)) stream.status = SyncStatus::failed;
        if (stream.status == SyncStatus::pending)
            stream.not_before = now + std::max(retry_delay(rules.retry, stream.failures - 1, error, random),
                                               std::min(error.retry_after.value_or(std::chrono::milliseconds(0)),
                                                        longest_retry_after));
    } else {
        stream.failures = 0;
        stream.status = execution.status;
        if (rules.follows_more && execution.has_more && execution.status == SyncStatus::completed)
            stream.status = SyncStatus::pending;
    }
    settle(task, now);
}

void skip_stream(SyncTask& task, std::size_t index, const Error& why, Timestamp now) {
    TaskStream& stream = task.streams[index];
    stream.status = SyncStatus::completed;
    stream.not_before.reset();
    stream.error = why;
    settle(task, now);
}

void lose_stream(SyncTask& task, std::size_t index, const TaskRules& rules, Timestamp now) {
    fail_once_more(task.streams[index], Error(ErrorCode::unavailable, "the instance that ran it stopped"), rules);
    settle(task, now);
}

void hand_over_stream(SyncTask& task, std::size_t index, const Execution& execution, Timestamp now) {
    TaskStream& stream = task.streams[index];
    add(task.counters, execution.counters);
    stream.status = SyncStatus::pending;
    settle(task, now);
    task.status = SyncStatus::pending;
}

void cancel_task(SyncTask& task, Timestamp now) {
    end_all(task, SyncStatus::cancelled, std::nullopt);
    settle(task, now);
    if (task.streams.empty()) task.status = SyncStatus::cancelled;
}

void fail_task(SyncTask& task, const Error& error, Timestamp now) {
    end_all(task, SyncStatus::failed, error);
    settle(task, now);
    task.status = SyncStatus::failed;
    task.error = error;
}

} // namespace castiel_sync

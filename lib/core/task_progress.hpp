// How a task moves from its creation to its end, as its executions begin and end. Pure, but for the bits of jitter.
//
//   pending ──► running ──► completed | failed | cancelled
//      ▲           │
//      └───────────┘ while every stream that has not ended waits for its next attempt, or nobody goes on with it
#pragma once

#include <castiel_sync/runtime.hpp>
#include <castiel_sync/sync_task.hpp>
#include <core/retry.hpp>

#include <cstddef>
#include <optional>

namespace castiel_sync {

struct TaskRules {
    std::size_t max_failures = 1; // executions of one stream that may fail in a row; then the stream has failed
    RetryPolicy retry;            // between them
    bool follows_more = false;    // a stream that the record cap ended goes on in another execution
};

void add(SyncCounters& total, const SyncCounters& more);

// The first stream that has not ended and need not wait. None: all have ended, run, or wait.
[[nodiscard]] std::optional<std::size_t> next_stream(const SyncTask& task, Timestamp now);

void begin_stream(SyncTask& task, std::size_t index, const Execution& execution, Timestamp now);

// `execution` has ended: completed, failed or cancelled.
void end_stream(SyncTask& task, std::size_t index, const Execution& execution, const TaskRules& rules, Timestamp now,
                Random& random);

// Nothing of it is to be done now, which `why` tells, and that is no failure.
void skip_stream(SyncTask& task, std::size_t index, const Error& why, Timestamp now);

// Whoever ran it has gone without a word, or gives it up to be gone on with elsewhere (which is no failure).
void lose_stream(SyncTask& task, std::size_t index, const TaskRules& rules, Timestamp now);
void hand_over_stream(SyncTask& task, std::size_t index, const Execution& execution, Timestamp now);

// Ends every stream that has not ended, and with them the task. Whatever they were waiting for becomes `error`.
void cancel_task(SyncTask& task, Timestamp now);
void fail_task(SyncTask& task, const Error& error, Timestamp now);

} // namespace castiel_sync

// SharedCall: a call to some part that many may ask for at once. One is under way at a time; all wait for that one, and
// none of them for longer than it likes to: a part that hangs is waited for by nobody, and asked by one call.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/runtime.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace castiel_sync::service {

// Threading:    on the runtime's executor.
// Ownership:    what `work` borrows outlives the calls under way, which may outlive the SharedCall.
// Cancellation: a waiter is not cut short; its deadline is what bounds it.
class SharedCall {
public:
    using Work = std::function<Async<Result<>>()>;
    SharedCall(const Runtime& runtime, Work work);

    // Nothing while one is under way.
    void begin();
    // Whether the call has ended, at the latest when the monotonic clock shows `deadline`.
    Async<bool> ended_by(std::chrono::nanoseconds deadline);

    // Of the last call that ended. What it threw is an error, too.
    [[nodiscard]] const Result<>& outcome() const;
    [[nodiscard]] std::chrono::nanoseconds duration() const;
    // Of the last call that began.
    [[nodiscard]] std::chrono::nanoseconds begun_at() const;

private:
    struct State;
    static Async<> run(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

} // namespace castiel_sync::service

// SimLoop and SimClock: one thread, one loop, and time that passes only when nothing else is left to do.
//
// A year of five-minute polls takes a moment, and the same work in the same order gives the same run, always: ready
// work runs first in, first out; timers fire by (deadline, order of creation).
//
//     SimLoop loop;
//     SimClock clock(loop);
//     auto random = make_seeded_random(7);
//     Runtime runtime{loop.executor(), &clock, random.get()};
//     Result<...> answer = loop.run(engine.run(request));
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/runtime.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace castiel_sync::testing {

// The work did not end: too many steps, too much virtual time, or nothing left that could ever wake it.
struct SimulationStuck : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct SimLoopLimits {
    std::uint64_t max_steps = 50'000'000;                     // handlers run; more means a loop that does not end
    std::chrono::nanoseconds max_time = std::chrono::days{3650}; // virtual

    SimLoopLimits() = default;
};

// Threading: one thread. Ownership: must outlive whatever it runs for; destroy() ends the coroutines that still wait.
class SimLoop {
public:
    explicit SimLoop(SimLoopLimits limits = {});
    ~SimLoop();
    SimLoop(const SimLoop&) = delete;
    SimLoop& operator=(const SimLoop&) = delete;

    [[nodiscard]] boost::asio::any_io_executor executor();

    // Virtual time since the loop was made.
    [[nodiscard]] std::chrono::nanoseconds now() const;
    [[nodiscard]] std::uint64_t steps() const;

    // Calls `action` once, `delay` from now (at once when it is not positive, but never inside this call).
    void after(std::chrono::nanoseconds delay, std::function<void()> action);

    // Completes `duration` from now. Honours cancellation (operation_aborted).
    Async<void> sleep(std::chrono::nanoseconds duration);

    // Never completes: what a crashed process does. Its coroutine is destroyed with the loop.
    Async<void> never();

    // Runs until nothing is ready and no timer is left.
    void run_until_idle();
    // Runs everything that is due within `duration`, and ends exactly there.
    void run_for(std::chrono::nanoseconds duration);

    // Starts `work` without waiting for it; an exception that leaves it is rethrown by the next run_…() call.
    void spawn(Async<void> work);

    // Runs until `work` completes, and answers its result or throws what it threw.
    template <class T>
    T run(Async<T> work);

    // Destroys every coroutine that still waits here. Call it while everything they refer to is still alive; the loop
    // can't run afterwards.
    void destroy();

private:
    struct State;

    // The answer goes where it is shared, so that work which outlives a SimulationStuck has somewhere to put it.
    template <class T>
    static Async<void> keep(Async<T> work, std::shared_ptr<std::optional<T>> answer);

    // One handler, or the next timer. False: nothing is left.
    bool step();
    void run_until(const bool& done);

    std::unique_ptr<State> state_;
};

// One node's clocks: monotonic time is the loop's, wall time is the loop's plus a skew that may jump at any moment.
class SimClock final : public Clock {
public:
    explicit SimClock(SimLoop& loop, std::chrono::milliseconds skew = {});

    [[nodiscard]] Timestamp now() override;
    [[nodiscard]] std::chrono::nanoseconds monotonic() override;
    Async<void> sleep_for(std::chrono::nanoseconds duration) override;

    void jump(std::chrono::milliseconds by);
    [[nodiscard]] std::chrono::milliseconds skew() const;

    // Wall time at the loop's start, with no skew.
    [[nodiscard]] static Timestamp epoch();

private:
    SimLoop& loop_;
    std::chrono::milliseconds skew_;
};

template <>
void SimLoop::run<void>(Async<void> work);

template <class T>
Async<void> SimLoop::keep(Async<T> work, std::shared_ptr<std::optional<T>> answer) {
    answer->emplace(co_await std::move(work));
}

template <class T>
T SimLoop::run(Async<T> work) {
    auto answer = std::make_shared<std::optional<T>>();
    run<void>(keep(std::move(work), answer));
    return std::move(**answer);
}

} // namespace castiel_sync::testing

// SimulatedProcess: one process of a simulation. It has clocks of its own, it can stand still, and it can die.
//
// Everything that the process holds is a wrapper which asks pass() before it answers. A dead process gets no answer
// ever again, so its coroutines simply stop where they are, as those of a killed process do; they are destroyed with
// the loop. What it had sent before may still arrive.
#pragma once

#include <castiel_sync/testing/sim_clock.hpp>

#include <chrono>
#include <functional>
#include <string>

namespace castiel_sync::testing {

// Threading: on the loop. Ownership: must outlive the loop's coroutines that use it (see SimLoop::destroy).
class SimulatedProcess {
public:
    SimulatedProcess(SimLoop& loop, std::string name, std::chrono::milliseconds skew = {});
    SimulatedProcess(const SimulatedProcess&) = delete;
    SimulatedProcess& operator=(const SimulatedProcess&) = delete;

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] SimLoop& loop() { return loop_; }

    // The clock to put into the process's Runtime: its sleeps end when the process lives and runs.
    [[nodiscard]] Clock& clock() { return clock_; }
    void jump_clock(std::chrono::milliseconds by) { clock_.jump(by); }

    void crash();
    [[nodiscard]] bool crashed() const { return crashed_; }
    // Called by crash(), once.
    void on_crash(std::function<void()> action) { on_crash_ = std::move(action); }

    // Stands still: nothing is answered for so long, and then everything that waited goes on as if nothing had been.
    void pause(std::chrono::nanoseconds duration);

    // Completes when the process runs; never, once it is dead.
    Async<void> pass();
    // As pass(), after `duration`.
    Async<void> pass_after(std::chrono::nanoseconds duration);

private:
    class ProcessClock final : public Clock {
    public:
        ProcessClock(SimulatedProcess& process, std::chrono::milliseconds skew)
            : process_(process), clock_(process.loop_, skew) {}

        [[nodiscard]] Timestamp now() override { return clock_.now(); }
        [[nodiscard]] std::chrono::nanoseconds monotonic() override { return clock_.monotonic(); }
        Async<void> sleep_for(std::chrono::nanoseconds duration) override;
        void jump(std::chrono::milliseconds by) { clock_.jump(by); }

    private:
        SimulatedProcess& process_;
        SimClock clock_;
    };

    SimLoop& loop_;
    std::string name_;
    ProcessClock clock_;
    bool crashed_ = false;
    std::chrono::nanoseconds paused_until_{0};
    std::function<void()> on_crash_;
};

} // namespace castiel_sync::testing

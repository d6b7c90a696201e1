#include <castiel_sync/testing/simulated_process.hpp>

#include <algorithm>
#include <utility>

namespace castiel_sync::testing {

using std::chrono::nanoseconds;

SimulatedProcess::SimulatedProcess(SimLoop& loop, std::string name, std::chrono::milliseconds skew)
    : loop_(loop), name_(std::move(name)), clock_(*this, skew) {}

void SimulatedProcess::crash() {
    if (std::exchange(crashed_, true)) return;
    if (on_crash_) on_crash_();
}

void SimulatedProcess::pause(nanoseconds duration) {
    paused_until_ = std::max(paused_until_, loop_.now() + duration);
}

Async<void> SimulatedProcess::pass() {
    while (!crashed_ && loop_.now() < paused_until_) co_await loop_.sleep(paused_until_ - loop_.now());
    if (crashed_) co_await loop_.never();
}

Async<void> SimulatedProcess::pass_after(nanoseconds duration) {
    if (duration > nanoseconds{0}) co_await loop_.sleep(duration);
    co_await pass();
}

Async<void> SimulatedProcess::ProcessClock::sleep_for(nanoseconds duration) {
    return process_.pass_after(std::max(duration, nanoseconds{1}));
}

} // namespace castiel_sync::testing

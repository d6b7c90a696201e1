#include <castiel_sync/testing/sim_clock.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <map>
#include <vector>

#include <fmt/format.h>

namespace castiel_sync::testing {

namespace asio = boost::asio;
using std::chrono::nanoseconds;

namespace {

using Handler = asio::any_completion_handler<void(boost::system::error_code)>;

double seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

} // namespace

struct SimLoop::State {
    using TimerKey = std::pair<nanoseconds, std::uint64_t>; // deadline, order of creation

    struct Timer {
        Handler handler;              // either a waiting coroutine
        std::function<void()> action; // or an action
    };

    SimLoopLimits limits;
    nanoseconds now{0};
    std::uint64_t steps = 0;
    std::uint64_t sequence = 0;
    std::map<TimerKey, Timer> timers;
    std::exception_ptr thrown; // by spawned work
    // Last, so that handlers die before the context whose work they count. Hint 1: one thread, no locks.
    std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>(1);

    void resume(Handler handler, boost::system::error_code error) {
        asio::post(*context, [handler = std::move(handler), error]() mutable { std::move(handler)(error); });
    }

    struct Cancel {
        State* state;
        TimerKey key;
        void operator()(asio::cancellation_type) const {
            auto timer = state->timers.find(key);
            if (timer == state->timers.end()) return;
            Handler handler = std::move(timer->second.handler);
            state->timers.erase(timer);
            state->resume(std::move(handler), asio::error::operation_aborted);
        }
    };

    // A named function object: g++ 12 destroys capturing lambdas twice in such an expression.
    struct Wait {
        State* state;
        nanoseconds deadline;
        template <class CompletionHandler>
        void operator()(CompletionHandler&& completion) const {
            // The wrapper takes over the handler's cancellation slot: wrap first, assign the wrapper's slot then.
            Handler handler(std::forward<CompletionHandler>(completion));
            const TimerKey key{deadline, state->sequence++};
            auto slot = handler.get_cancellation_slot();
            state->timers.emplace(key, Timer{std::move(handler), {}});
            if (slot.is_connected()) slot.assign(Cancel{state, key});
        }
    };

    Async<void> wait_until(nanoseconds deadline) {
        return asio::async_initiate<const asio::use_awaitable_t<>, void(boost::system::error_code)>(
            Wait{this, deadline}, asio::use_awaitable);
    }
};

SimLoop::SimLoop(SimLoopLimits limits) : state_(std::make_unique<State>()) { state_->limits = limits; }

SimLoop::~SimLoop() { destroy(); }

boost::asio::any_io_executor SimLoop::executor() { return state_->context->get_executor(); }

nanoseconds SimLoop::now() const { return state_->now; }

std::uint64_t SimLoop::steps() const { return state_->steps; }

void SimLoop::after(nanoseconds delay, std::function<void()> action) {
    const nanoseconds deadline = state_->now + std::max(delay, nanoseconds{0});
    state_->timers.emplace(State::TimerKey{deadline, state_->sequence++}, State::Timer{{}, std::move(action)});
}

Async<void> SimLoop::sleep(nanoseconds duration) {
    return state_->wait_until(state_->now + std::max(duration, nanoseconds{0}));
}

Async<void> SimLoop::never() { return state_->wait_until(nanoseconds::max()); }

bool SimLoop::step() {
    State& state = *state_;
    if (state.context->stopped()) state.context->restart();
    if (state.context->poll_one() == 0) {
        auto next = state.timers.begin();
        if (next == state.timers.end() || next->first.first == nanoseconds::max()) return false;
        if (next->first.first > state.limits.max_time)
            throw SimulationStuck(fmt::format("the simulation ran past its limit of {:.0f} virtual seconds",
                                              seconds(state.limits.max_time)));
        state.now = std::max(state.now, next->first.first);
        State::Timer timer = std::move(next->second);
        state.timers.erase(next);
        if (timer.action)
            timer.action();
        else
            state.resume(std::move(timer.handler), {});
    }
    if (++state.steps > state.limits.max_steps)
        throw SimulationStuck(
            fmt::format("the simulation did not end within {} steps; virtual time is {:.3f} s", state.limits.max_steps,
                        seconds(state.now)));
    if (state.thrown) std::rethrow_exception(std::exchange(state.thrown, nullptr));
    return true;
}

void SimLoop::run_until_idle() {
    while (step()) {}
}

void SimLoop::run_for(nanoseconds duration) {
    bool reached = false;
    after(duration, [&reached] { reached = true; });
    run_until(reached);
}

void SimLoop::run_until(const bool& done) {
    while (!done) {
        if (step()) continue;
        throw SimulationStuck(fmt::format("nothing is ready and no timer is left at {:.3f} virtual seconds, but the "
                                          "work has not completed: it waits for something that can never happen",
                                          seconds(state_->now)));
    }
}

void SimLoop::spawn(Async<void> work) {
    State* state = state_.get();
    asio::co_spawn(executor(), std::move(work), [state](std::exception_ptr thrown) {
        if (thrown && !state->thrown) state->thrown = thrown;
    });
}

template <>
void SimLoop::run<void>(Async<void> work) {
    struct Outcome {
        bool done = false;
        std::exception_ptr thrown;
    };
    auto outcome = std::make_shared<Outcome>();
    asio::co_spawn(executor(), std::move(work), [outcome](std::exception_ptr thrown) {
        outcome->done = true;
        outcome->thrown = thrown;
    });
    run_until(outcome->done);
    if (outcome->thrown) std::rethrow_exception(outcome->thrown);
}

void SimLoop::destroy() {
    // Destroying a coroutine may start new waits; go on until none is left.
    while (!state_->timers.empty()) {
        auto doomed = std::exchange(state_->timers, {});
        doomed.clear();
    }
    state_->context.reset();
    state_->timers.clear();
}

SimClock::SimClock(SimLoop& loop, std::chrono::milliseconds skew) : loop_(loop), skew_(skew) {}

Timestamp SimClock::epoch() { return Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}}; }

Timestamp SimClock::now() {
    return epoch() + std::chrono::floor<std::chrono::milliseconds>(loop_.now()) + skew_;
}

nanoseconds SimClock::monotonic() { return loop_.now(); }

Async<void> SimClock::sleep_for(nanoseconds duration) { return loop_.sleep(duration); }

void SimClock::jump(std::chrono::milliseconds by) { skew_ += by; }

std::chrono::milliseconds SimClock::skew() const { return skew_; }

} // namespace castiel_sync::testing

#include "shared_call.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <utility>
#include <vector>

namespace castiel_sync::service {

namespace asio = boost::asio;

struct SharedCall::State {
    Runtime runtime;
    Work work;
    bool under_way = false;
    std::chrono::nanoseconds begun_at{0};
    std::chrono::nanoseconds duration{0};
    Result<> outcome;
    std::vector<asio::cancellation_signal*> waiters; // each ends a sleep
};

SharedCall::SharedCall(const Runtime& runtime, Work work) : state_(std::make_shared<State>()) {
    state_->runtime = runtime;
    state_->work = std::move(work);
}

void SharedCall::begin() {
    if (state_->under_way) return;
    state_->under_way = true;
    state_->begun_at = state_->runtime.clock->monotonic();
    asio::co_spawn(state_->runtime.executor, run(state_), asio::detached);
}

Async<> SharedCall::run(std::shared_ptr<State> state) {
    try {
        state->outcome = co_await state->work();
    } catch (const std::exception& fault) {
        state->outcome = Error(ErrorCode::internal, fault.what());
    }
    state->duration = state->runtime.clock->monotonic() - state->begun_at;
    state->under_way = false;
    for (asio::cancellation_signal* waiter : std::exchange(state->waiters, {}))
        waiter->emit(asio::cancellation_type::terminal);
}

Async<bool> SharedCall::ended_by(std::chrono::nanoseconds deadline) {
    const std::shared_ptr<State> state = state_;
    Clock& clock = *state->runtime.clock;
    while (state->under_way) {
        const auto left = deadline - clock.monotonic();
        if (left <= std::chrono::nanoseconds(0)) co_return false;
        asio::cancellation_signal wake;
        state->waiters.push_back(&wake);
        try {
            co_await asio::co_spawn(state->runtime.executor, clock.sleep_for(left),
                                    asio::bind_cancellation_slot(wake.slot(), asio::use_awaitable));
        } catch (const boost::system::system_error& fault) {
            if (fault.code() != asio::error::operation_aborted) throw;
        }
        std::erase(state->waiters, &wake);
    }
    co_return true;
}

const Result<>& SharedCall::outcome() const { return state_->outcome; }
std::chrono::nanoseconds SharedCall::duration() const { return state_->duration; }
std::chrono::nanoseconds SharedCall::begun_at() const { return state_->begun_at; }

} // namespace castiel_sync::service

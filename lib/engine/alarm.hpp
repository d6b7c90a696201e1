// Alarm: a sleep that others can end.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/runtime.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>

namespace castiel_sync {

// Threading: one sleeper at a time; ring() on the sleeper's executor.
class Alarm {
public:
    explicit Alarm(const Runtime& runtime) : runtime_(runtime) {}

    // Until `duration` has passed or somebody rings; at once where somebody rang since the last sleep.
    Async<> sleep_for(std::chrono::nanoseconds duration) {
        if (!rung_) {
            namespace asio = boost::asio;
            try {
                co_await asio::co_spawn(runtime_.executor, runtime_.clock->sleep_for(duration),
                                        asio::bind_cancellation_slot(signal_.slot(), asio::use_awaitable));
            } catch (const boost::system::system_error& fault) {
                if (fault.code() != asio::error::operation_aborted) throw;
            }
        }
        rung_ = false;
    }

    void ring() {
        rung_ = true;
        signal_.emit(boost::asio::cancellation_type::terminal);
    }

private:
    Runtime runtime_;
    boost::asio::cancellation_signal signal_;
    bool rung_ = false;
};

} // namespace castiel_sync

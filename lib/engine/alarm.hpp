// Alarm: a sleep that others can end.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/runtime.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <chrono>
#include <list>
#include <memory>

namespace castiel_sync {

// Threading: on one executor. Of several sleepers each ring() wakes all. May be destroyed when nobody sleeps.
class Alarm {
public:
    explicit Alarm(const Runtime& runtime) : runtime_(runtime), sleepers_(std::make_shared<Sleepers>()) {}

    // Until `duration` has passed or somebody rings; at once where somebody rang since the last sleep.
    Async<> sleep_for(std::chrono::nanoseconds duration) {
        if (!rung_) {
            namespace asio = boost::asio;
            const auto idle = [](const Sleeper& any) { return !any.asleep; };
            auto sleeper = std::find_if(sleepers_->begin(), sleepers_->end(), idle);
            if (sleeper == sleepers_->end()) sleeper = sleepers_->emplace(sleepers_->end());
            sleeper->asleep = true;
            try {
                co_await asio::co_spawn(runtime_.executor, runtime_.clock->sleep_for(duration),
                                        asio::bind_cancellation_slot(sleeper->signal.slot(), asio::use_awaitable));
            } catch (const boost::system::system_error& fault) {
                sleeper->asleep = false;
                if (fault.code() != asio::error::operation_aborted) throw;
            }
            sleeper->asleep = false;
        }
        rung_ = false;
    }

    void ring() {
        rung_ = true;
        bool wakes = false;
        for (Sleeper& sleeper : *sleepers_) {
            if (!sleeper.asleep) continue;
            sleeper.signal.emit(boost::asio::cancellation_type::terminal);
            wakes = true;
        }
        // What a signal sets off is posted, and a sleep may end by itself before that: the signals outlive both.
        if (wakes) boost::asio::post(runtime_.executor, [sleepers = sleepers_] { (void)sleepers; });
    }

private:
    struct Sleeper {
        boost::asio::cancellation_signal signal;
        bool asleep = false;
    };

    using Sleepers = std::list<Sleeper>;

    Runtime runtime_;
    // Kept for the next one: a signal has to outlive the end of the sleep that it ended.
    std::shared_ptr<Sleepers> sleepers_;
    bool rung_ = false;
};

} // namespace castiel_sync

#include <castiel_sync/runtime.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <doctest/doctest.h>

#include <exception>

using namespace castiel_sync;
using namespace std::chrono_literals;

namespace {

Async<void> sleep_then_note(Clock& clock, std::chrono::nanoseconds duration, std::chrono::nanoseconds& woke) {
    co_await clock.sleep_for(duration);
    woke = clock.monotonic();
}

} // namespace

TEST_CASE("a sleep ends no earlier than asked for, by the monotonic clock") {
    boost::asio::io_context loop;
    const auto clock = make_system_clock(loop.get_executor());
    const auto start = clock->monotonic();
    std::chrono::nanoseconds woke{0};
    boost::asio::co_spawn(loop, sleep_then_note(*clock, 2ms, woke), boost::asio::detached);
    loop.run();
    CHECK(woke - start >= 2ms);
}

TEST_CASE("a cancelled sleep ends at once with operation_aborted") {
    boost::asio::io_context loop;
    const auto clock = make_system_clock(loop.get_executor());
    boost::asio::cancellation_signal cancel;
    std::exception_ptr outcome;
    boost::asio::co_spawn(loop, clock->sleep_for(24h),
                          boost::asio::bind_cancellation_slot(
                              cancel.slot(), [&](std::exception_ptr thrown) { outcome = std::move(thrown); }));
    boost::asio::post(loop, [&] { cancel.emit(boost::asio::cancellation_type::terminal); });
    loop.run();
    REQUIRE(outcome);
    try {
        std::rethrow_exception(outcome);
    } catch (const boost::system::system_error& error) {
        CHECK(error.code() == boost::asio::error::operation_aborted);
    }
}

// The machine's own clock and randomness: the only place of the library that reads them.
#include <castiel_sync/runtime.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace castiel_sync {
namespace {

class SystemClock final : public Clock {
public:
    explicit SystemClock(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    Timestamp now() override { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

    std::chrono::nanoseconds monotonic() override { return std::chrono::steady_clock::now().time_since_epoch(); }

    Async<void> sleep_for(std::chrono::nanoseconds duration) override {
        boost::asio::steady_timer timer(executor_, duration);
        co_await timer.async_wait(boost::asio::use_awaitable);
    }

private:
    boost::asio::any_io_executor executor_;
};

// Bits of the kernel's generator, fetched 256 bytes at a time: unlike a generator seeded once, they can't be foretold,
// so they may become secrets, and a process that draws millions of ids pays one call for sixteen of them.
class SystemRandom final : public Random {
public:
    std::uint64_t next() override {
        if (used_ == words_.size()) refill();
        return std::exchange(words_[used_++], 0);
    }

private:
    void refill() {
        if (getentropy(words_.data(), sizeof(words_)) != 0)
            throw std::system_error(errno, std::generic_category(), "the operating system gave no randomness");
        used_ = 0;
    }

    std::array<std::uint64_t, 32> words_{};
    std::size_t used_ = words_.size();
};

} // namespace

std::unique_ptr<Clock> make_system_clock(boost::asio::any_io_executor executor) {
    return std::make_unique<SystemClock>(std::move(executor));
}

std::unique_ptr<Random> make_system_random() { return std::make_unique<SystemRandom>(); }

} // namespace castiel_sync

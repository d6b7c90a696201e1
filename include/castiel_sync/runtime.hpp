// Everything nondeterministic that the engine may touch: an executor, a clock, a source of randomness. A host passes
// the real ones, the simulator passes virtual ones, and the engine can't tell.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/time.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace castiel_sync {

// Threading: called on the engine's executor only.
class Clock {
public:
    virtual ~Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;

    // Wall time. May jump in both directions; nothing that must be safe may depend on it.
    [[nodiscard]] virtual Timestamp now() = 0;

    // Time since an arbitrary start. Never goes back, never jumps.
    [[nodiscard]] virtual std::chrono::nanoseconds monotonic() = 0;

    // Completes no earlier than `duration` from now, measured by the monotonic clock.
    virtual Async<void> sleep_for(std::chrono::nanoseconds duration) = 0;

protected:
    Clock() = default;
};

// Threading: called on the engine's executor only.
class Random {
public:
    virtual ~Random() = default;
    Random(const Random&) = delete;
    Random& operator=(const Random&) = delete;

    // 64 uniformly distributed bits.
    [[nodiscard]] virtual std::uint64_t next() = 0;

protected:
    Random() = default;
};

// Integer in [0, bound), without modulo bias, equal on every platform for equal bits. `bound` must be > 0.
[[nodiscard]] std::uint64_t uniform(Random& random, std::uint64_t bound);

// A version-4 UUID in lower-case hexadecimal form.
[[nodiscard]] std::string make_uuid(Random& random);

// A version-7 UUID (RFC 9562): those of one moment stand together and after all earlier ones, so that many documents
// made in a row go to neighbouring places of a store's index. Unique whatever the clock does.
[[nodiscard]] std::string make_ordered_uuid(Timestamp now, Random& random);

// A value: copy it freely. Clock and random are borrowed and must outlive everything that was given this Runtime.
struct Runtime {
    boost::asio::any_io_executor executor;
    Clock* clock = nullptr;
    Random* random = nullptr;
};

// The machine's clocks; sleeps are timers on `executor`.
[[nodiscard]] std::unique_ptr<Clock> make_system_clock(boost::asio::any_io_executor executor);

// Seeded from the operating system.
[[nodiscard]] std::unique_ptr<Random> make_system_random();

// Reproducible: the same seed gives the same numbers on every platform (SplitMix64). Not for secrets.
[[nodiscard]] std::unique_ptr<Random> make_seeded_random(std::uint64_t seed);

} // namespace castiel_sync

// How many requests an account may still be sent. Pure: the engine keeps the use in the store, for all instances.
#pragma once

#include <castiel_sync/integration.hpp>
#include <castiel_sync/time.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace castiel_sync {

// Requests that were granted lately, by slices of time.
struct RequestWindow {
    // A minute of five-second slices, or an hour of five-minute slices; one more for the slice that has begun, and one
    // for grants that are used a moment later.
    static constexpr std::size_t slices = 14;

    std::int64_t newest = 0; // number of the slice that has begun, from 1970 on; slice n is counts[n % slices]
    std::array<std::uint64_t, slices> counts{};
};

struct RequestUse {
    RequestWindow minute;
    RequestWindow hour;
};

// Exactly one of the two is not zero.
struct RequestGrant {
    std::size_t granted = 0; // to be used within grant_lasts; what is left then is lost
    std::chrono::milliseconds wait{0};
};

inline constexpr std::chrono::milliseconds grant_lasts{5'000};

// How many to ask for at once: about a second's worth, so that commits are few, and little is lost when an execution
// ends.
[[nodiscard]] std::size_t requests_at_once(const RateLimit& limit);

// Takes up to `wanted` requests out of what is left, and at once at most a slice's share of a minute, so that nobody
// waits for long because somebody was fast. Sent within grant_lasts, no minute and no hour holds more than the limit,
// wherever it begins, as far as the clocks of all instances agree.
[[nodiscard]] RequestGrant grant_requests(RequestUse& use, const RateLimit& limit, std::size_t wanted, Timestamp now);

} // namespace castiel_sync

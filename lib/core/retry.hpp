// How long to wait before a call is repeated. Pure but for the bits it is given.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/runtime.hpp>

#include <chrono>

namespace castiel_sync {

struct RetryPolicy {
    std::chrono::milliseconds base{500};
    std::chrono::milliseconds cap{60'000};
};

// Full jitter: uniform in [0, min(cap, base · 2^attempt)]; never less than the far side's retry_after (itself at most
// the cap: what asks for more than that is not waited for inside a run). `attempt` counts from 0.
[[nodiscard]] std::chrono::milliseconds retry_delay(const RetryPolicy& policy, std::size_t attempt, const Error& error,
                                                    Random& random);

} // namespace castiel_sync

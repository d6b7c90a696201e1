#include <core/retry.hpp>

#include <algorithm>

namespace castiel_sync {

std::chrono::milliseconds retry_delay(const RetryPolicy& policy, std::size_t attempt, const Error& error,
                                      Random& random) {
    const auto cap = policy.cap.count();
    auto bound = policy.base.count();
    for (std::size_t i = 0; i < attempt && bound < cap; ++i) bound *= 2;
    bound = std::clamp<decltype(bound)>(bound, 0, cap);
    const auto jittered = static_cast<std::chrono::milliseconds::rep>(
        uniform(random, static_cast<std::uint64_t>(bound) + 1));
    std::chrono::milliseconds delay(jittered);
    if (error.retry_after)
        delay = std::max(delay, std::clamp(*error.retry_after, std::chrono::milliseconds(0), policy.cap));
    return delay;
}

} // namespace castiel_sync

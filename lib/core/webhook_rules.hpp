// What becomes of a webhook's delivery after an attempt, and of its endpoint. Pure but for the bits it is given.
#pragma once

#include <castiel_sync/runtime.hpp>
#include <castiel_sync/time.hpp>
#include <castiel_sync/webhooks/webhook.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// Whether an endpoint's list takes events of this type.
[[nodiscard]] bool takes_event(const std::vector<std::string>& events, std::string_view type) noexcept;
// Letters, digits, '_' and '-' in parts with dots between them, and a `*` as the last one or alone.
[[nodiscard]] bool is_event_pattern(std::string_view text) noexcept;

enum class WebhookOutcome {
    delivered,
    gone,       // 410: the endpoint wants nothing any more
    overloaded, // 429, 503, or no answer in time: it needs a pause
    failed,
};

// What came of an attempt: a status, or an error without one.
[[nodiscard]] WebhookOutcome outcome_of(unsigned status, const std::optional<Error>& error) noexcept;

// How long to wait before the next attempt; none: it was the last one. `failures`: attempts in a row that have failed,
// this one too. What the endpoint asked for by Retry-After is kept to between the schedule's own wait and the longest.
[[nodiscard]] std::optional<std::chrono::milliseconds>
wait_after_failure(const WebhookRules& rules, std::size_t failures, WebhookOutcome outcome,
                   std::optional<std::chrono::milliseconds> retry_after, Random& random);

// An endpoint's failures since its last success, each of another event: the first ones, and the last one.
struct WebhookHealth {
    struct Failure {
        std::string event_id;
        Timestamp at{};

        Failure() = default;
        friend bool operator==(const Failure&, const Failure&) = default;
    };
    std::vector<Failure> failures; // at most WebhookRules::disable_events

    WebhookHealth() = default;
    friend bool operator==(const WebhookHealth&, const WebhookHealth&) = default;

    [[nodiscard]] std::optional<Timestamp> failing_since() const;
};

// True: the endpoint is to be switched off. One event alone never does that, however often it fails.
[[nodiscard]] bool note_webhook_failure(WebhookHealth& health, const WebhookRules& rules, const std::string& event_id,
                                        Timestamp now);

// Takes one attempt out of a rate that allows a second's worth at once; else answers how long until there is one.
// `reserved` is all that is kept: the moment, in microseconds since 1970, up to which attempts are spoken for. A clock
// that was put back costs no more than a second's worth.
[[nodiscard]] std::chrono::milliseconds take_webhook_turn(std::int64_t& reserved, std::size_t per_minute,
                                                          Timestamp now);

// Breaker: an endpoint that fails half of what it is sent is left alone for a while, then asked once.
class WebhookBreaker {
public:
    // Of the last minute's attempts, at least this many, at least half must have failed to open it.
    static constexpr std::uint64_t least_attempts = 20;
    static constexpr std::chrono::seconds first_pause{30};
    static constexpr std::chrono::seconds longest_pause{300}; // each probe that fails doubles it

    // By a monotonic clock. None: an attempt may begin; while it is probing it must be the only one.
    [[nodiscard]] std::optional<std::chrono::nanoseconds> closed_for(std::chrono::nanoseconds now) const;
    [[nodiscard]] bool probing() const { return pause_ > std::chrono::nanoseconds{0}; }
    void note(bool worked, std::chrono::nanoseconds now);

    // What others have to know of it, and who takes over: the pause of the present opening (zero: it is shut), and how
    // much of it is left.
    [[nodiscard]] std::chrono::nanoseconds pause() const { return pause_; }
    void take_over(std::chrono::nanoseconds pause, std::chrono::nanoseconds left, std::chrono::nanoseconds now);

private:
    static constexpr std::size_t slices = 12;
    static constexpr std::chrono::seconds slice{5};
    struct Count {
        std::int64_t number = -1; // of the slice
        std::uint64_t attempts = 0;
        std::uint64_t failures = 0;
    };

    std::array<Count, slices> counts_{};
    std::chrono::nanoseconds pause_{0};     // of the present opening; zero: it is shut
    std::chrono::nanoseconds opens_until_{0};
};

} // namespace castiel_sync

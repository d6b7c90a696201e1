// Webhooks as values: endpoints that are told of events, deliveries to them, and every attempt at one.
//
// An endpoint belongs to an integration. A delivery is one event for one endpoint; it ends in exactly one of the states
// delivered, exhausted, cancelled and discarded. Deliveries come at least once, and carry the same id and the same body
// on every attempt.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/http/message.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// What its owner says of an endpoint.
struct WebhookSettings {
    std::string integration_id;
    std::string url;                 // https, as EgressPolicy allows it
    std::vector<std::string> events; // event types; a trailing `*` takes every type that begins so. At least one
    std::vector<Filter> filters;     // on the event's data, all must hold
    std::vector<HttpHeader> headers; // sent with each delivery, beside ours
    std::string description;
    bool active = true;
    bool thin = false;    // the body holds ids and counts, no lists and no nested values
    std::size_t max_in_flight = 10;                // requests under way at once, over all instances; 1 to 100
    std::optional<std::size_t> rate_per_minute;    // attempts begun, over all instances; nothing said: no limit

    WebhookSettings() = default;
};

enum class WebhookDisabledReason {
    owner,   // its owner switched it off
    gone,    // it answered 410
    failing, // it failed for days: WebhookRules
};

[[nodiscard]] std::string_view to_string(WebhookDisabledReason reason) noexcept;
[[nodiscard]] std::optional<WebhookDisabledReason> parse_webhook_disabled_reason(std::string_view text) noexcept;

struct Webhook {
    std::string webhook_id; // UUID
    WebhookSettings settings;
    std::optional<WebhookDisabledReason> disabled_reason; // exactly while it is not active
    std::optional<Timestamp> disabled_at;
    std::optional<Timestamp> failing_since; // the first failure after the last success
    Timestamp created_at{};
    Timestamp updated_at{};

    Webhook() = default;
};

enum class WebhookDeliveryState {
    waiting,   // for its time, or its turn
    sending,   // an attempt has begun
    delivered, // answered 2xx
    exhausted, // no attempt is left
    cancelled, // the endpoint was switched off or removed
    discarded, // could not be sent at all: what it was about is not kept any more
};

[[nodiscard]] std::string_view to_string(WebhookDeliveryState state) noexcept;
[[nodiscard]] std::optional<WebhookDeliveryState> parse_webhook_delivery_state(std::string_view text) noexcept;
[[nodiscard]] constexpr bool has_ended(WebhookDeliveryState state) noexcept {
    return state != WebhookDeliveryState::waiting && state != WebhookDeliveryState::sending;
}

// Stored before its first byte is sent.
struct WebhookAttempt {
    enum class State {
        sending,
        succeeded, // 2xx
        failed,
        unknown,   // whoever sent it died, or lost the endpoint, before the answer was stored
    };
    std::uint64_t number = 1;
    bool manual = false; // somebody asked for it
    State state = State::sending;
    Timestamp started_at{};
    std::chrono::milliseconds took{0};
    unsigned status = 0;    // 0: no answer
    std::string answer;     // the beginning of its body, at most WebhookLimits::max_answer_bytes
    std::optional<Error> error; // where there was no answer

    WebhookAttempt() = default;
};

[[nodiscard]] std::string_view to_string(WebhookAttempt::State state) noexcept;
[[nodiscard]] std::optional<WebhookAttempt::State> parse_webhook_attempt_state(std::string_view text) noexcept;

struct WebhookDelivery {
    std::string delivery_id; // UUID, made of the event and the endpoint
    std::string webhook_id;
    std::string event_id;    // what the receiver sees as webhook-id
    std::string event_type;
    WebhookDeliveryState state = WebhookDeliveryState::waiting;
    Timestamp created_at{};
    std::optional<Timestamp> next_attempt_at; // waiting
    std::optional<Timestamp> completed_at;    // ended
    std::uint64_t attempt_count = 0;
    std::vector<WebhookAttempt> attempts; // the last WebhookLimits::max_kept_attempts

    WebhookDelivery() = default;
};

// As the HTTP API shows them. What stands in place of a header's value says in an update that it stays as it is.
inline constexpr std::string_view hidden_header_value = "[hidden]";
[[nodiscard]] json::object to_json_object(const Webhook& webhook);
[[nodiscard]] json::object to_json_object(const WebhookDelivery& delivery);
void append_json(std::string& out, const Webhook& webhook);
void append_json(std::string& out, const WebhookDelivery& delivery);

// When to try again, and when to give up. The defaults: eight attempts over 27.6 hours.
struct WebhookRules {
    // Waits before the second, third … attempt. As many attempts as waits, and one more.
    std::vector<std::chrono::milliseconds> waits{
        std::chrono::seconds{5}, std::chrono::minutes{5}, std::chrono::minutes{30}, std::chrono::hours{2},
        std::chrono::hours{5},   std::chrono::hours{10},  std::chrono::hours{10}};
    // Each wait is drawn evenly from this share below it to this share above it.
    unsigned jitter_percent = 20;
    std::chrono::milliseconds longest_retry_after = std::chrono::hours{24}; // what asks for more gets this
    std::chrono::milliseconds after_overload{60'000}; // at least, after 429, 503 and timeouts
    // An endpoint is switched off that has failed for so long without a success, with at least so many events, over so
    // long a time.
    std::chrono::milliseconds disable_after = std::chrono::days{5};
    std::size_t disable_events = 3;
    std::chrono::milliseconds disable_span = std::chrono::hours{24};

    WebhookRules() = default;
};

struct WebhookLimits {
    std::chrono::milliseconds timeout{15'000};      // of an attempt, from dialling to the last byte of the answer
    std::size_t max_payload_bytes = 256 * 1024;     // a larger event is sent in its thin form
    std::size_t max_answer_bytes = 4 * 1024;        // of an answer's body are kept
    std::size_t max_kept_attempts = 20;             // of a delivery; its count goes on
    std::size_t max_webhooks_per_tenant = 1000;
    std::size_t max_lanes = 1000;                   // endpoints that one process sends to at once
    std::size_t max_in_flight_per_tenant = 200;     // requests of one process at once; shared evenly when it is short
    std::size_t max_in_flight = 4000;               // of all tenants: each is a socket
    std::chrono::milliseconds lease_duration{60'000}; // after a crash another instance goes on after this long
    std::chrono::milliseconds interval{60'000};     // between two looks at what others left
    std::chrono::milliseconds busy_pause{1'000};    // before an endpoint that another instance has is looked at again
    std::chrono::days retention{14};                // of events, for recovery, and of deliveries that have ended
    std::chrono::hours secret_overlap{24};          // how long the secret before the present one signs, too
    std::size_t max_old_secrets = 5;
    std::size_t max_counted_endpoints = 200;        // with counts of their own in one process
    std::chrono::minutes counted_for{60};           // after the last attempt an endpoint's counts are told so long

    WebhookLimits() = default;
};

} // namespace castiel_sync

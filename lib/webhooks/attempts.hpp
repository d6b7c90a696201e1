// The steps of a delivery: an attempt begins, ends, or is lost. Pure but for the bits they are given.
#pragma once

#include <core/webhook_rules.hpp>
#include <webhooks/documents.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace castiel_sync {

// What came of a request.
struct WebhookResult {
    unsigned status = 0;
    std::string answer; // the beginning of its body
    std::optional<Error> error;
    std::optional<std::chrono::milliseconds> retry_after;
    std::chrono::milliseconds took{0};

    WebhookResult() = default;
};

// No delivery's document is longer than this, whatever endpoints answer.
inline constexpr std::size_t longest_delivery_document = 48 * 1024;

void begin_attempt(WebhookDeliveryDocument& delivery, const WebhookLimits& limits, Timestamp now);

// It is delivered, waits for another attempt, or is exhausted.
void end_attempt(WebhookDeliveryDocument& delivery, const WebhookResult& result, const WebhookRules& rules,
                 Timestamp now, Random& random);

// Nobody knows what became of it: it is sent again at once, and does not count.
void lose_attempt(WebhookDeliveryDocument& delivery, Timestamp now);

// To be sent now, with all attempts before it.
void send_again(WebhookDeliveryDocument& delivery, Timestamp now);

void end_delivery(WebhookDeliveryDocument& delivery, WebhookDeliveryState state, Timestamp now);

// Whether the clock was put back since it began to wait; it then waits from now on, as long as it was to.
bool mend_due_time(WebhookDeliveryDocument& delivery, Timestamp now);

} // namespace castiel_sync

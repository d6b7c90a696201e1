#include <webhooks/attempts.hpp>

#include <utility>

namespace castiel_sync {
namespace {

void wait_until(WebhookDeliveryDocument& delivery, Timestamp time, std::chrono::milliseconds wait) {
    delivery.state = WebhookDeliveryState::waiting;
    delivery.next_attempt_at = time;
    delivery.wait = wait;
    delivery.completed_at.reset();
}

// As text: control characters would take six times their room in JSON.
std::string shown_answer(std::string_view bytes) {
    std::string text(bytes);
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') c = ' ';
    return text;
}

// What a name led to behind the egress guard is nobody's business but the operator's, who finds it in the log.
std::optional<Error> shown_error(std::optional<Error> error) {
    constexpr std::size_t longest_message = 500;
    if (error && error->code == ErrorCode::invalid_configuration)
        error->message = "nothing was sent: the endpoint's address may not be dialled, or its certificate can't be "
                         "trusted";
    if (error && error->message.size() > longest_message) error->message.resize(longest_message);
    return error;
}

// The last ones tell what is wrong.
void forget_old_answers(std::vector<WebhookAttempt>& attempts) {
    constexpr std::size_t most_bytes = 16 * 1024;
    std::size_t bytes = 0;
    for (auto attempt = attempts.rbegin(); attempt != attempts.rend(); ++attempt) {
        bytes += attempt->answer.size();
        if (bytes > most_bytes) attempt->answer.clear();
    }
}

} // namespace

void begin_attempt(WebhookDeliveryDocument& delivery, const WebhookLimits& limits, Timestamp now) {
    if (delivery.attempts.size() >= limits.max_kept_attempts) delivery.attempts.erase(delivery.attempts.begin());
    WebhookAttempt& attempt = delivery.attempts.emplace_back();
    attempt.number = ++delivery.attempt_count;
    attempt.manual = std::exchange(delivery.manual, false);
    attempt.started_at = now;
    delivery.state = WebhookDeliveryState::sending;
    delivery.next_attempt_at.reset();
    delivery.wait = {};
}

void end_attempt(WebhookDeliveryDocument& delivery, const WebhookResult& result, const WebhookRules& rules,
                 Timestamp now, Random& random) {
    WebhookAttempt& attempt = delivery.attempts.back();
    const WebhookOutcome outcome = outcome_of(result.status, result.error);
    const bool delivered = outcome == WebhookOutcome::delivered;
    attempt.state = delivered ? WebhookAttempt::State::succeeded : WebhookAttempt::State::failed;
    attempt.took = result.took;
    attempt.status = result.status;
    attempt.answer = shown_answer(result.answer);
    attempt.error = shown_error(result.error);
    forget_old_answers(delivery.attempts);
    if (delivered) return end_delivery(delivery, WebhookDeliveryState::delivered, now);
    ++delivery.failures;
    const auto wait = wait_after_failure(rules, delivery.failures, outcome, result.retry_after, random);
    if (!wait) return end_delivery(delivery, WebhookDeliveryState::exhausted, now);
    wait_until(delivery, now + *wait, *wait);
}

void lose_attempt(WebhookDeliveryDocument& delivery, Timestamp now) {
    if (!delivery.attempts.empty()) delivery.attempts.back().state = WebhookAttempt::State::unknown;
    wait_until(delivery, now, {});
}

void send_again(WebhookDeliveryDocument& delivery, Timestamp now) {
    delivery.failures = 0;
    delivery.manual = true;
    wait_until(delivery, now, {});
}

void end_delivery(WebhookDeliveryDocument& delivery, WebhookDeliveryState state, Timestamp now) {
    delivery.state = state;
    delivery.next_attempt_at.reset();
    delivery.completed_at = now;
}

bool mend_due_time(WebhookDeliveryDocument& delivery, Timestamp now) {
    if (!delivery.next_attempt_at || *delivery.next_attempt_at - now <= delivery.wait) return false;
    wait_until(delivery, now + delivery.wait, delivery.wait);
    return true;
}

} // namespace castiel_sync

#include <core/webhook_rules.hpp>

#include <algorithm>

namespace castiel_sync {
namespace {

using std::chrono::milliseconds;

bool is_part_of_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

} // namespace

bool takes_event(const std::vector<std::string>& events, std::string_view type) noexcept {
    return std::any_of(events.begin(), events.end(), [type](std::string_view pattern) {
        if (pattern.ends_with('*')) return type.starts_with(pattern.substr(0, pattern.size() - 1));
        return pattern == type;
    });
}

bool is_event_pattern(std::string_view text) noexcept {
    if (text == "*") return true;
    bool in_part = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '*') return !in_part && i > 0 && i + 1 == text.size();
        if (text[i] == '.') {
            if (!in_part) return false;
            in_part = false;
        } else if (is_part_of_name(text[i])) {
            in_part = true;
        } else {
            return false;
        }
    }
    return in_part;
}

WebhookOutcome outcome_of(unsigned status, const std::optional<Error>& error) noexcept {
    if (error) // sent, and not answered in time: what it needs is a pause; never sent: it is not there
        return error->code == ErrorCode::unknown_outcome ? WebhookOutcome::overloaded : WebhookOutcome::failed;
    if (status >= 200 && status < 300) return WebhookOutcome::delivered;
    if (status == 410) return WebhookOutcome::gone;
    if (status == 429 || status == 503) return WebhookOutcome::overloaded;
    return WebhookOutcome::failed;
}

std::optional<milliseconds> wait_after_failure(const WebhookRules& rules, std::size_t failures, WebhookOutcome outcome,
                                               std::optional<milliseconds> retry_after, Random& random) {
    if (failures == 0 || failures > rules.waits.size()) return std::nullopt;
    const milliseconds planned = rules.waits[failures - 1];
    const milliseconds spread = planned * rules.jitter_percent / 100;
    const auto range = static_cast<std::uint64_t>(2 * spread.count() + 1);
    milliseconds wait = planned - spread + milliseconds(static_cast<std::int64_t>(uniform(random, range)));
    if (outcome == WebhookOutcome::overloaded) wait = std::max(wait, rules.after_overload);
    if (retry_after) wait = std::max(wait, std::min(*retry_after, rules.longest_retry_after));
    return wait;
}

std::optional<Timestamp> WebhookHealth::failing_since() const {
    if (failures.empty()) return std::nullopt;
    return failures.front().at;
}

bool note_webhook_failure(WebhookHealth& health, const WebhookRules& rules, const std::string& event_id,
                          Timestamp now) {
    auto& failures = health.failures;
    const bool known = std::any_of(failures.begin(), failures.end(),
                                   [&event_id](const auto& failure) { return failure.event_id == event_id; });
    if (!known) {
        if (failures.size() == std::max<std::size_t>(rules.disable_events, 2)) failures.pop_back();
        auto& failure = failures.emplace_back();
        failure.event_id = event_id;
        failure.at = now;
    }
    return failures.size() >= rules.disable_events && now - failures.front().at >= rules.disable_after &&
           failures.back().at - failures.front().at >= rules.disable_span;
}

milliseconds take_webhook_turn(std::int64_t& reserved, std::size_t per_minute, Timestamp now) {
    constexpr std::int64_t second = 1'000'000;
    const std::int64_t each = 60 * second / static_cast<std::int64_t>(std::max<std::size_t>(per_minute, 1));
    const std::int64_t at_once = std::max(each, second);
    const std::int64_t present = now.time_since_epoch().count() * 1000;
    const bool clock_was_put_back = reserved > present + at_once;
    const std::int64_t spoken_for = clock_was_put_back ? present : std::max(reserved, present);
    const std::int64_t wait = spoken_for + each - at_once - present;
    if (wait > 0) return milliseconds((wait + 999) / 1000);
    reserved = spoken_for + each;
    return milliseconds{0};
}

std::optional<std::chrono::nanoseconds> WebhookBreaker::closed_for(std::chrono::nanoseconds now) const {
    if (!probing() || now >= opens_until_) return std::nullopt;
    return opens_until_ - now;
}

void WebhookBreaker::take_over(std::chrono::nanoseconds pause, std::chrono::nanoseconds left,
                               std::chrono::nanoseconds now) {
    *this = WebhookBreaker();
    pause_ = std::clamp<std::chrono::nanoseconds>(pause, std::chrono::nanoseconds{0}, longest_pause);
    opens_until_ = now + std::clamp<std::chrono::nanoseconds>(left, std::chrono::nanoseconds{0}, pause_);
}

void WebhookBreaker::note(bool worked, std::chrono::nanoseconds now) {
    if (probing()) {
        if (worked) {
            *this = WebhookBreaker();
        } else if (now >= opens_until_) { // the probe, and not what was under way when it opened
            pause_ = std::min<std::chrono::nanoseconds>(pause_ * 2, longest_pause);
            opens_until_ = now + pause_;
        }
        return;
    }
    const std::int64_t number = now / slice;
    Count& count = counts_[static_cast<std::size_t>(number) % slices];
    if (count.number != number) {
        count = Count();
        count.number = number;
    }
    ++count.attempts;
    if (!worked) ++count.failures;
    std::uint64_t attempts = 0, failures = 0;
    for (const Count& each : counts_) {
        if (each.number <= number - static_cast<std::int64_t>(slices)) continue;
        attempts += each.attempts;
        failures += each.failures;
    }
    if (worked || attempts < least_attempts || failures * 2 < attempts) return;
    pause_ = first_pause;
    opens_until_ = now + pause_;
}

} // namespace castiel_sync

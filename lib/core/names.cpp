// The words that enumerators have on the wire, in files and in stores: each list is the only place that spells them.
#include <castiel_sync/conflict.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/record.hpp>
#include <castiel_sync/strategy.hpp>
#include <castiel_sync/stream.hpp>
#include <castiel_sync/sync_task.hpp>
#include <castiel_sync/webhooks/webhook.hpp>

#include <array>
#include <utility>

namespace castiel_sync {
namespace {

template <class Enumeration, std::size_t size>
using Names = std::array<std::pair<Enumeration, std::string_view>, size>;

// A value outside the enumeration is a bug of the caller; it shows as "unknown", which no parser accepts.
template <class Enumeration, std::size_t size>
constexpr std::string_view name_of(const Names<Enumeration, size>& names, Enumeration value) noexcept {
    for (const auto& [candidate, name] : names)
        if (candidate == value) return name;
    return "unknown";
}

template <class Enumeration, std::size_t size>
constexpr std::optional<Enumeration> value_of(const Names<Enumeration, size>& names, std::string_view text) noexcept {
    for (const auto& [value, name] : names)
        if (name == text) return value;
    return std::nullopt;
}

constexpr Names<Side, 2> side_names{{{Side::source, "source"}, {Side::target, "target"}}};

constexpr Names<Strategy, 13> strategy_names{{
    {Strategy::source_wins, "source_wins"},
    {Strategy::target_wins, "target_wins"},
    {Strategy::newest_wins, "newest_wins"},
    {Strategy::merge, "merge"},
    {Strategy::manual, "manual"},
    {Strategy::source_unless_blank, "source_unless_blank"},
    {Strategy::target_unless_blank, "target_unless_blank"},
    {Strategy::custom, "custom"},
    {Strategy::max, "max"},
    {Strategy::min, "min"},
    {Strategy::union_, "union"},
    {Strategy::add_delta, "add_delta"},
    {Strategy::concat, "concat"},
}};

constexpr Names<DeleteStrategy, 6> delete_strategy_names{{
    {DeleteStrategy::source_wins, "source_wins"},
    {DeleteStrategy::target_wins, "target_wins"},
    {DeleteStrategy::update_wins, "update_wins"},
    {DeleteStrategy::delete_wins, "delete_wins"},
    {DeleteStrategy::unlink, "unlink"},
    {DeleteStrategy::manual, "manual"},
}};

constexpr Names<ConflictType, 6> conflict_type_names{{
    {ConflictType::update_update, "update_update"},
    {ConflictType::update_delete, "update_delete"},
    {ConflictType::delete_update, "delete_update"},
    {ConflictType::ambiguous_match, "ambiguous_match"},
    {ConflictType::unique_key, "unique_key"},
    {ConflictType::missing_reference, "missing_reference"},
}};

constexpr Names<ConflictState, 5> conflict_state_names{{
    {ConflictState::open, "open"},
    {ConflictState::auto_resolved, "auto_resolved"},
    {ConflictState::resolved, "resolved"},
    {ConflictState::superseded, "superseded"},
    {ConflictState::ignored, "ignored"},
}};

constexpr Names<Trigger, 4> trigger_names{{
    {Trigger::manual, "manual"},
    {Trigger::schedule, "schedule"},
    {Trigger::event, "event"},
    {Trigger::webhook, "webhook"},
}};

constexpr Names<SyncStatus, 5> sync_status_names{{
    {SyncStatus::pending, "pending"},
    {SyncStatus::running, "running"},
    {SyncStatus::completed, "completed"},
    {SyncStatus::failed, "failed"},
    {SyncStatus::cancelled, "cancelled"},
}};

constexpr Names<Rail, 6> rail_names{{
    {Rail::max_deletes, "max_deletes"},
    {Rail::max_updates, "max_updates"},
    {Rail::empty_side, "empty_side"},
    {Rail::all_changed, "all_changed"},
    {Rail::mapping_changed, "mapping_changed"},
    {Rail::ping_pong, "ping_pong"},
}};

constexpr Names<Direction, 3> direction_names{{
    {Direction::inbound, "inbound"},
    {Direction::outbound, "outbound"},
    {Direction::bidirectional, "bidirectional"},
}};

constexpr Names<WebhookDisabledReason, 3> webhook_disabled_reason_names{{
    {WebhookDisabledReason::owner, "owner"},
    {WebhookDisabledReason::gone, "gone"},
    {WebhookDisabledReason::failing, "failing"},
}};

constexpr Names<WebhookDeliveryState, 6> webhook_delivery_state_names{{
    {WebhookDeliveryState::waiting, "waiting"},
    {WebhookDeliveryState::sending, "sending"},
    {WebhookDeliveryState::delivered, "delivered"},
    {WebhookDeliveryState::exhausted, "exhausted"},
    {WebhookDeliveryState::cancelled, "cancelled"},
    {WebhookDeliveryState::discarded, "discarded"},
}};

constexpr Names<WebhookAttempt::State, 4> webhook_attempt_state_names{{
    {WebhookAttempt::State::sending, "sending"},
    {WebhookAttempt::State::succeeded, "succeeded"},
    {WebhookAttempt::State::failed, "failed"},
    {WebhookAttempt::State::unknown, "unknown"},
}};

} // namespace

std::string_view to_string(Side side) noexcept { return name_of(side_names, side); }
std::optional<Side> parse_side(std::string_view text) noexcept { return value_of(side_names, text); }

std::string_view to_string(Strategy strategy) noexcept { return name_of(strategy_names, strategy); }
std::optional<Strategy> parse_strategy(std::string_view text) noexcept { return value_of(strategy_names, text); }

std::string_view to_string(DeleteStrategy strategy) noexcept { return name_of(delete_strategy_names, strategy); }
std::optional<DeleteStrategy> parse_delete_strategy(std::string_view text) noexcept {
    return value_of(delete_strategy_names, text);
}

std::string_view to_string(ConflictType type) noexcept { return name_of(conflict_type_names, type); }
std::optional<ConflictType> parse_conflict_type(std::string_view text) noexcept {
    return value_of(conflict_type_names, text);
}

std::string_view to_string(ConflictState state) noexcept { return name_of(conflict_state_names, state); }
std::optional<ConflictState> parse_conflict_state(std::string_view text) noexcept {
    return value_of(conflict_state_names, text);
}

std::string_view to_string(Trigger trigger) noexcept { return name_of(trigger_names, trigger); }
std::optional<Trigger> parse_trigger(std::string_view text) noexcept { return value_of(trigger_names, text); }

std::string_view to_string(SyncStatus status) noexcept { return name_of(sync_status_names, status); }
std::optional<SyncStatus> parse_sync_status(std::string_view text) noexcept {
    return value_of(sync_status_names, text);
}

std::string_view to_string(Rail rail) noexcept { return name_of(rail_names, rail); }
std::optional<Rail> parse_rail(std::string_view text) noexcept { return value_of(rail_names, text); }

std::string_view to_string(Direction direction) noexcept { return name_of(direction_names, direction); }
std::optional<Direction> parse_direction(std::string_view text) noexcept { return value_of(direction_names, text); }

std::string_view to_string(WebhookDisabledReason reason) noexcept {
    return name_of(webhook_disabled_reason_names, reason);
}
std::optional<WebhookDisabledReason> parse_webhook_disabled_reason(std::string_view text) noexcept {
    return value_of(webhook_disabled_reason_names, text);
}

std::string_view to_string(WebhookDeliveryState state) noexcept {
    return name_of(webhook_delivery_state_names, state);
}
std::optional<WebhookDeliveryState> parse_webhook_delivery_state(std::string_view text) noexcept {
    return value_of(webhook_delivery_state_names, text);
}

std::string_view to_string(WebhookAttempt::State state) noexcept {
    return name_of(webhook_attempt_state_names, state);
}
std::optional<WebhookAttempt::State> parse_webhook_attempt_state(std::string_view text) noexcept {
    return value_of(webhook_attempt_state_names, text);
}

} // namespace castiel_sync

// What webhooks store, as typed values, and the one place where each becomes a document and back.
#pragma once

#include <castiel_sync/event.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/webhooks/sealing.hpp>
#include <castiel_sync/webhooks/webhook.hpp>
#include <core/webhook_rules.hpp>
#include <engine/documents.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

struct SealedSecret {
    std::string sealed;
    Timestamp created_at{};
    std::optional<Timestamp> signs_until; // none: the present one

    SealedSecret() = default;
};

// Who sends to an endpoint at this time. One at a time does, so caps and order hold over all instances.
struct WebhookLease {
    std::string owner;
    Timestamp expires_at{};

    WebhookLease() = default;
};

struct WebhookDocument : Webhook {
    std::string sealed_headers;        // settings.headers, which are empty here: they may hold passwords
    std::vector<SealedSecret> secrets; // the present one first
    std::uint64_t token = 0;           // fencing token of the last claim
    std::string commit_id;             // of the last commit under a lease: settles commits of unknown outcome
    std::optional<WebhookLease> lease;
    WebhookHealth health;
    std::int64_t rate_reserved = 0;       // microseconds since 1970: see take_webhook_turn
    std::chrono::milliseconds breaker_pause{0}; // of its breaker, while that is open
    std::optional<Timestamp> rests_until;       // until then it is left alone
    std::uint64_t event_sequence = 0;     // of events about itself
    bool removed = false;                 // for its owner it is gone; its deliveries are cancelled
    std::string etag;

    WebhookDocument() = default;
};

struct WebhookDeliveryDocument : WebhookDelivery {
    std::uint64_t failures = 0;        // attempts in a row that failed: where it stands in the schedule
    std::chrono::milliseconds wait{0}; // from which next_attempt_at was made: tells a clock that was put back
    bool manual = false;               // somebody asked for the next attempt
    bool thin = false;                 // as its endpoint was when it was made: its body stays the same
    std::string etag;

    WebhookDeliveryDocument() = default;
};

// What receivers are sent of an event, kept as long as it can be sent again.
struct WebhookMessage {
    std::string event_id;
    std::string integration_id;
    Timestamp created_at{};
    std::string payload; // JSON, exactly as it is sent

    WebhookMessage() = default;
};

// That a hook came in, as long as it may come again.
struct HookReceipt {
    std::string receipt_id; // see hook_receipt_id
    std::string integration_id;
    std::string delivery_id; // as its sender calls it
    std::string task_id;     // empty: it is about nothing that is synced
    Timestamp received_at{};

    HookReceipt() = default;
};

[[nodiscard]] std::string hook_receipt_id(std::string_view integration_id, std::string_view delivery_id);

// Where the secrets of an endpoint are sealed for.
[[nodiscard]] std::string webhook_context(std::string_view tenant_id, std::string_view webhook_id);

// Of `settings.headers`, and back.
[[nodiscard]] std::string seal_headers(const std::vector<HttpHeader>& headers, const Sealer& sealer,
                                       std::string_view context, Random& random);
[[nodiscard]] Result<std::vector<HttpHeader>> open_headers(const std::string& sealed, const Sealer& sealer,
                                                           std::string_view context);

// Equal for equal pairs, and ordered by the event's time, so that those made in a row are neighbours in a store.
[[nodiscard]] std::string webhook_delivery_id(std::string_view event_id, std::string_view webhook_id,
                                              Timestamp event_time);

// One that never ends, since nobody knows of it, goes after so long.
inline constexpr std::chrono::days longest_delivery{60};

// One that was removed stays so long, for what others stored for it at the same moment.
inline constexpr std::chrono::hours kept_when_removed{24};

[[nodiscard]] Document to_document(const WebhookDocument& webhook);
// One that has ended goes when `kept_until` has come.
[[nodiscard]] Document to_document(const WebhookDeliveryDocument& delivery, Timestamp kept_until);
[[nodiscard]] Document to_document(const WebhookMessage& message, Timestamp kept_until);

[[nodiscard]] Document to_document(const HookReceipt& receipt, Timestamp kept_until);

template <> Result<WebhookDocument> from_document(const Document& document);
template <> Result<WebhookDeliveryDocument> from_document(const Document& document);
template <> Result<WebhookMessage> from_document(const Document& document);
template <> Result<HookReceipt> from_document(const Document& document);

} // namespace castiel_sync

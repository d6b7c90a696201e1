#include <webhooks/documents.hpp>

#include <castiel_sync/webhooks/webhooks.hpp>
#include <core/hashes.hpp>
#include <core/hexadecimal.hpp>
#include <engine/document_codec.hpp>
#include <webhooks/digests.hpp>

#include <array>

namespace castiel_sync {

static void parse_name(std::string_view text, std::optional<WebhookDisabledReason>& out) {
    out = parse_webhook_disabled_reason(text);
}
static void parse_name(std::string_view text, std::optional<WebhookAttempt::State>& out) {
    out = parse_webhook_attempt_state(text);
}

template <class A>
void members(A& a, SealedSecret& v) {
    a("sealed", v.sealed);
    a("createdAt", v.created_at);
    a("signsUntil", v.signs_until);
}
template <class A>
void members(A& a, WebhookLease& v) {
    a("owner", v.owner);
    a("expiresAt", v.expires_at);
}
template <class A>
void members(A& a, WebhookHealth::Failure& v) {
    a("eventId", v.event_id);
    a("at", v.at);
}

template <class A>
void members(A& a, WebhookDocument& v) {
    WebhookSettings& s = v.settings;
    std::int64_t breaker_pause = v.breaker_pause.count();
    a("url", s.url);
    a("events", s.events);
    a.sparse("filters", s.filters);
    a.sparse("headers", v.sealed_headers);
    a.sparse("description", s.description);
    a("active", s.active);
    a("thin", s.thin);
    a("maxInFlight", s.max_in_flight);
    a("ratePerMinute", s.rate_per_minute);
    a("disabledReason", v.disabled_reason);
    a("disabledAt", v.disabled_at);
    a("createdAt", v.created_at);
    a("updatedAt", v.updated_at);
    a("secrets", v.secrets);
    a("token", v.token);
    a.sparse("commitId", v.commit_id);
    a("lease", v.lease);
    a.sparse("failures", v.health.failures);
    a.sparse("rateReserved", v.rate_reserved);
    a.sparse("breakerPauseMs", breaker_pause);
    a("restsUntil", v.rests_until);
    a.sparse("eventSequence", v.event_sequence);
    a.sparse("removed", v.removed);
    v.breaker_pause = std::chrono::milliseconds(breaker_pause);
}

template <class A>
void members(A& a, WebhookAttempt& v) {
    std::int64_t took = v.took.count();
    a("number", v.number);
    a.sparse("manual", v.manual);
    a("state", v.state);
    a("startedAt", v.started_at);
    a.sparse("tookMs", took);
    a.sparse("status", v.status);
    a.sparse("answer", v.answer);
    a("error", v.error);
    v.took = std::chrono::milliseconds(took);
}

template <class A>
void members(A& a, WebhookDeliveryDocument& v) {
    std::int64_t wait = v.wait.count();
    a("eventId", v.event_id);
    a("eventType", v.event_type);
    a("createdAt", v.created_at);
    a("completedAt", v.completed_at);
    a.sparse("attemptCount", v.attempt_count);
    a("attempts", v.attempts);
    a.sparse("failures", v.failures);
    a.sparse("waitMs", wait);
    a.sparse("manual", v.manual);
    a.sparse("thin", v.thin);
    v.wait = std::chrono::milliseconds(wait);
}

template <class A>
void members(A& a, HookReceipt& v) {
    a("integrationId", v.integration_id);
    a("deliveryId", v.delivery_id);
    a.sparse("taskId", v.task_id);
    a("receivedAt", v.received_at);
}

std::span<const KindDeclaration> webhook_kinds() {
    static const std::array kinds{
        KindDeclaration{"webhook", {"integration_id"}, {{{"integration_id"}}}},
        // `due` is there while a delivery waits.
        KindDeclaration{"webhook_delivery",
                        {"webhook_id", "state", "due", "created_at"},
                        {{{"webhook_id", "state", "due"}}, {{"webhook_id", "created_at"}}}},
        // What was told, as it is sent, for redelivery and recovery. The body of the document is the payload itself.
        KindDeclaration{"webhook_message", {"integration_id", "created_at"}, {{{"integration_id", "created_at"}}}},
        KindDeclaration{"webhook_receipt", {}, {}}, // of hooks that came in
    };
    return kinds;
}

std::string webhook_context(std::string_view tenant_id, std::string_view webhook_id) {
    return "webhook/" + std::string(tenant_id) + "/" + std::string(webhook_id);
}

std::string seal_headers(const std::vector<HttpHeader>& headers, const Sealer& sealer, std::string_view context,
                         Random& random) {
    if (headers.empty()) return {};
    json::array list;
    for (const HttpHeader& header : headers) list.push_back(json::array{header.name, header.value});
    return sealer.seal(to_json(list), context, random);
}

Result<std::vector<HttpHeader>> open_headers(const std::string& sealed, const Sealer& sealer,
                                             std::string_view context) {
    std::vector<HttpHeader> headers;
    if (sealed.empty()) return headers;
    auto text = sealer.open(sealed, context);
    if (!text) return text.error();
    auto list = parse_json(*text);
    if (!list) return list.error();
    for (const json::value& pair : list->as_array())
        headers.emplace_back(std::string(pair.at(0).as_string()), std::string(pair.at(1).as_string()));
    return headers;
}

std::string webhook_delivery_id(std::string_view event_id, std::string_view webhook_id, Timestamp event_time) {
    const std::string pair = std::string(event_id) + "/" + std::string(webhook_id);
    return ordered_uuid_text(event_time, hash64(pair + "/") & 0xfff, hash64(pair));
}

std::string hook_receipt_id(std::string_view integration_id, std::string_view delivery_id) {
    return hexadecimal(sha256(std::string(integration_id) + "\n" + std::string(delivery_id)));
}

Document to_document(const WebhookDocument& webhook) {
    Document document = make_document("webhook", webhook.webhook_id, webhook, webhook.settings.integration_id);
    document.etag = webhook.etag;
    if (webhook.removed) document.expires_at = webhook.updated_at + kept_when_removed;
    return document;
}

Document to_document(const WebhookDeliveryDocument& delivery, Timestamp kept_until) {
    IndexValue due;
    if (delivery.next_attempt_at) due = milliseconds(*delivery.next_attempt_at);
    Document document = make_document("webhook_delivery", delivery.delivery_id, delivery, delivery.webhook_id,
                                      std::string(to_string(delivery.state)), std::move(due),
                                      milliseconds(delivery.created_at));
    document.etag = delivery.etag;
    // Until it ends the same time, which its index then need not follow.
    document.expires_at = has_ended(delivery.state) ? kept_until : delivery.created_at + longest_delivery;
    return document;
}

Document to_document(const WebhookMessage& message, Timestamp kept_until) {
    Document document;
    document.kind = "webhook_message";
    document.id = message.event_id;
    document.index.emplace_back(message.integration_id);
    document.index.emplace_back(milliseconds(message.created_at));
    document.body = message.payload;
    document.expires_at = kept_until;
    return document;
}

Document to_document(const HookReceipt& receipt, Timestamp kept_until) {
    Document document = make_document("webhook_receipt", receipt.receipt_id, receipt);
    document.expires_at = kept_until;
    return document;
}

template <> Result<WebhookDocument> from_document(const Document& document) {
    IndexReader index(document);
    WebhookDocument webhook;
    webhook.webhook_id = document.id;
    webhook.settings.integration_id = index.text(0);
    auto result = read(index, std::move(webhook));
    if (!result) return result;
    result->etag = document.etag;
    result->failing_since = result->health.failing_since();
    return result;
}

template <> Result<WebhookDeliveryDocument> from_document(const Document& document) {
    IndexReader index(document);
    WebhookDeliveryDocument delivery;
    delivery.delivery_id = document.id;
    delivery.webhook_id = index.text(0);
    const auto state = parse_webhook_delivery_state(index.text(1));
    if (!state) return corrupted(document, "its state is none");
    delivery.state = *state;
    if (document.index.size() > 2 && std::holds_alternative<std::int64_t>(document.index[2]))
        delivery.next_attempt_at = Timestamp(std::chrono::milliseconds(index.number(2)));
    auto result = read(index, std::move(delivery));
    if (result) result->etag = document.etag;
    return result;
}

template <> Result<WebhookMessage> from_document(const Document& document) {
    IndexReader index(document);
    WebhookMessage message;
    message.event_id = document.id;
    message.integration_id = index.text(0);
    message.created_at = Timestamp(std::chrono::milliseconds(index.number(1)));
    if (index.fault()) return corrupted(document, "an index value is missing or malformed");
    message.payload = document.body;
    return message;
}

template <> Result<HookReceipt> from_document(const Document& document) {
    IndexReader index(document);
    HookReceipt receipt;
    receipt.receipt_id = document.id;
    return read(index, std::move(receipt));
}

} // namespace castiel_sync

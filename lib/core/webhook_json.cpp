// Endpoints and deliveries as the HTTP API shows them.
#include <castiel_sync/webhooks/webhook.hpp>

#include <castiel_sync/json.hpp>
#include <core/filter.hpp>

namespace castiel_sync {
namespace {

json::object to_json_object(const WebhookAttempt& attempt) {
    json::object object{{"number", attempt.number},
                        {"trigger", attempt.manual ? "manual" : "automatic"},
                        {"state", to_string(attempt.state)},
                        {"startedAt", to_string(attempt.started_at)}};
    if (attempt.state == WebhookAttempt::State::succeeded || attempt.state == WebhookAttempt::State::failed)
        object["durationMs"] = attempt.took.count();
    if (attempt.status != 0) object["status"] = attempt.status;
    if (!attempt.answer.empty()) object["answer"] = attempt.answer;
    if (attempt.error)
        object["error"] =
            json::object{{"code", to_string(attempt.error->code)}, {"message", attempt.error->message}};
    return object;
}

} // namespace

json::object to_json_object(const Webhook& webhook) {
    const WebhookSettings& settings = webhook.settings;
    json::object object{{"webhookId", webhook.webhook_id},
                        {"integrationId", settings.integration_id},
                        {"url", settings.url},
                        {"events", json::array(settings.events.begin(), settings.events.end())}};
    if (!settings.filters.empty()) {
        json::array filters;
        for (const Filter& filter : settings.filters)
            filters.push_back(json::object{
                {"field", filter.field}, {"operator", to_string(filter.op)}, {"value", filter.value}});
        object["filters"] = std::move(filters);
    }
    if (!settings.headers.empty()) {
        json::object headers;
        for (const HttpHeader& header : settings.headers) headers[header.name] = hidden_header_value;
        object["headers"] = std::move(headers);
    }
    if (!settings.description.empty()) object["description"] = settings.description;
    object["active"] = settings.active;
    object["thin"] = settings.thin;
    object["maxInFlight"] = settings.max_in_flight;
    if (settings.rate_per_minute) object["ratePerMinute"] = *settings.rate_per_minute;
    if (webhook.disabled_reason) object["disabledReason"] = to_string(*webhook.disabled_reason);
    if (webhook.disabled_at) object["disabledAt"] = to_string(*webhook.disabled_at);
    if (webhook.failing_since) object["failingSince"] = to_string(*webhook.failing_since);
    object["createdAt"] = to_string(webhook.created_at);
    object["updatedAt"] = to_string(webhook.updated_at);
    return object;
}

json::object to_json_object(const WebhookDelivery& delivery) {
    json::object object{{"deliveryId", delivery.delivery_id},
                        {"webhookId", delivery.webhook_id},
                        {"eventId", delivery.event_id},
                        {"eventType", delivery.event_type},
                        {"state", to_string(delivery.state)},
                        {"attemptCount", delivery.attempt_count},
                        {"createdAt", to_string(delivery.created_at)}};
    if (delivery.next_attempt_at) object["nextAttemptAt"] = to_string(*delivery.next_attempt_at);
    if (delivery.completed_at) object["completedAt"] = to_string(*delivery.completed_at);
    json::array attempts;
    for (const WebhookAttempt& attempt : delivery.attempts) attempts.push_back(to_json_object(attempt));
    object["attempts"] = std::move(attempts);
    return object;
}

void append_json(std::string& out, const Webhook& webhook) { append_json(out, json::value(to_json_object(webhook))); }
void append_json(std::string& out, const WebhookDelivery& delivery) {
    append_json(out, json::value(to_json_object(delivery)));
}

} // namespace castiel_sync

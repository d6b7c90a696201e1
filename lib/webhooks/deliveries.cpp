// Where events become deliveries, and what people do with them.
#include <webhooks/found.hpp>

#include <core/mapping.hpp>
#include <core/webhook_rules.hpp>
#include <webhooks/attempts.hpp>
#include <webhooks/payload.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace castiel_sync {
namespace {

constexpr int stale_rounds = 20;
constexpr std::size_t page_of_messages = 200;
constexpr std::string_view test_event = "integration.webhook.test";

std::string text_of(const json::object& data, std::string_view name) {
    const json::value* value = data.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

WebhookDeliveryDocument first_delivery(const std::string& webhook_id, const std::string& event_id,
                                       const std::string& event_type, Timestamp event_time, Timestamp now, bool thin) {
    WebhookDeliveryDocument delivery;
    delivery.delivery_id = webhook_delivery_id(event_id, webhook_id, event_time);
    delivery.webhook_id = webhook_id;
    delivery.event_id = event_id;
    delivery.event_type = event_type;
    delivery.created_at = now;
    delivery.next_attempt_at = now;
    delivery.thin = thin;
    return delivery;
}

WebhookMessage message_of(const Event& event, const std::string& integration_id, std::size_t most_bytes) {
    WebhookMessage message;
    message.event_id = event.id;
    message.integration_id = integration_id;
    message.created_at = event.timestamp;
    message.payload = webhook_payload(event, most_bytes);
    return message;
}

} // namespace

Async<Result<std::vector<Write>>> Webhooks::writes_for(std::string tenant_id, std::vector<Event> events) {
    std::vector<Write> writes;
    std::set<std::string> integrations;
    for (const Event& event : events)
        if (std::string integration = text_of(event.data, "integrationId"); !integration.empty())
            integrations.insert(std::move(integration));
    if (integrations.empty()) co_return writes;
    std::set<std::string> kept; // integrations that have endpoints
    std::multimap<std::string, Webhook> endpoints; // by integration
    Query query;
    query.conditions.emplace_back("integration_id",
                                  std::vector<IndexValue>(integrations.begin(), integrations.end()));
    query.limit = 1000;
    do {
        Query copy = query;
        auto page = co_await parts_.store->query(tenant_id, "webhook", std::move(copy));
        if (!page) co_return page.error();
        for (const Document& document : page->documents) {
            // One that can't be read holds up no other, and the dispatcher says so every minute. What it misses is kept
            // all the same, so that it can be recovered once it is mended.
            const std::string& integration = std::get<std::string>(document.index.front());
            auto webhook = from_document<WebhookDocument>(document);
            if (webhook && webhook->removed) continue;
            kept.insert(integration);
            if (webhook) endpoints.emplace(integration, std::move(*webhook));
        }
        query.continuation = page->continuation;
    } while (!query.continuation.empty());
    if (kept.empty()) co_return writes;

    const Timestamp now = parts_.runtime.clock->now();
    const Timestamp kept_until = now + parts_.limits.retention;
    std::vector<std::string> message_ids, delivery_ids;
    std::vector<Document> messages, deliveries;
    for (const Event& event : events) {
        const std::string integration = text_of(event.data, "integrationId");
        if (!kept.contains(integration)) continue;
        const auto [begin, end] = endpoints.equal_range(integration);
        message_ids.push_back(event.id);
        messages.push_back(to_document(message_of(event, integration, parts_.limits.max_payload_bytes), kept_until));
        for (auto each = begin; each != end; ++each) {
            const WebhookSettings& settings = each->second.settings;
            if (!settings.active || !takes_event(settings.events, event.type)) continue;
            if (!matches(settings.filters, event.data)) continue;
            const auto delivery = first_delivery(each->second.webhook_id, event.id, event.type, event.timestamp, now,
                                                 settings.thin);
            delivery_ids.push_back(delivery.delivery_id);
            deliveries.push_back(to_document(delivery, kept_until));
        }
    }
    const auto add_missing = [&writes](std::vector<Document>& documents,
                                       const std::vector<std::optional<Document>>& present) {
        for (std::size_t i = 0; i < documents.size(); ++i)
            if (!present[i]) writes.push_back(insert(std::move(documents[i])));
    };
    auto present = co_await parts_.store->read(tenant_id, "webhook_message", message_ids);
    if (!present) co_return present.error();
    add_missing(messages, *present);
    present = co_await parts_.store->read(tenant_id, "webhook_delivery", delivery_ids);
    if (!present) co_return present.error();
    add_missing(deliveries, *present);
    co_return writes;
}

void Webhooks::take_note(const std::string& tenant_id, const std::vector<Write>& writes) {
    std::set<std::string> due;
    for (const Write& write : writes)
        if (write.document.kind == "webhook_delivery") due.insert(std::get<std::string>(write.document.index.front()));
    for (const std::string& webhook_id : due) tell(tenant_id, webhook_id);
}

Async<Result<WebhookDelivery>> Webhooks::test(std::string tenant_id, std::string webhook_id) {
    auto found = co_await load(tenant_id, webhook_id);
    if (!found) co_return found.error();
    if (!found->document.settings.active)
        co_return Error(ErrorCode::stale, "the webhook is switched off; switch it on first");
    const Timestamp now = parts_.runtime.clock->now();
    const std::string& integration = found->document.settings.integration_id;
    Event event;
    event.id = make_uuid(*parts_.runtime.random);
    event.type = test_event;
    event.timestamp = now;
    event.tenant_id = tenant_id;
    event.stream_id = "webhook/" + webhook_id;
    event.data = json::object{{"webhookId", webhook_id}, {"integrationId", integration}};
    const auto delivery = first_delivery(webhook_id, event.id, event.type, now, now,
                                         found->document.settings.thin);
    const Timestamp kept_until = now + parts_.limits.retention;
    std::vector<Write> writes;
    writes.push_back(insert(to_document(message_of(event, integration, parts_.limits.max_payload_bytes), kept_until)));
    writes.push_back(insert(to_document(delivery, kept_until)));
    auto receipt = co_await parts_.store->commit(tenant_id, std::move(writes));
    if (!receipt) co_return receipt.error();
    tell(tenant_id, webhook_id);
    co_return delivery;
}

Async<Result<ListPage<WebhookDelivery>>> Webhooks::list_deliveries(std::string tenant_id, std::string webhook_id,
                                                                   std::string state, std::size_t limit,
                                                                   std::string cursor) {
    auto found = co_await load(tenant_id, webhook_id);
    if (!found) co_return found.error();
    Query query;
    query.conditions.emplace_back("webhook_id", Condition::Comparison::equal, IndexValue(webhook_id));
    query.order = {{"created_at", true}};
    query.limit = std::clamp<std::size_t>(limit, 1, 1000);
    query.continuation = std::move(cursor);
    auto page = co_await parts_.store->query(tenant_id, "webhook_delivery", std::move(query));
    if (!page) co_return page.error();
    ListPage<WebhookDelivery> answer;
    answer.next_cursor = page->continuation;
    for (const Document& document : page->documents) {
        auto delivery = from_document<WebhookDeliveryDocument>(document);
        if (!delivery) co_return delivery.error();
        if (!state.empty() && to_string(delivery->state) != state) continue;
        answer.items.push_back(std::move(*delivery));
    }
    co_return answer;
}

Async<Result<WebhookDeliveryDocument>> Webhooks::load_delivery(std::string tenant_id, std::string webhook_id,
                                                               std::string delivery_id) {
    std::vector<std::string> ids{delivery_id};
    auto documents = co_await parts_.store->read(tenant_id, "webhook_delivery", std::move(ids));
    if (!documents) co_return documents.error();
    const Error none(ErrorCode::not_found,
                     fmt::format("no delivery of the webhook {} has the id {}", webhook_id, delivery_id));
    if (!documents->front()) co_return none;
    auto delivery = from_document<WebhookDeliveryDocument>(*documents->front());
    if (!delivery) co_return delivery.error();
    if (delivery->webhook_id != webhook_id) co_return none;
    co_return delivery;
}

Async<Result<WebhookDelivery>> Webhooks::find_delivery(std::string tenant_id, std::string webhook_id,
                                                       std::string delivery_id) {
    auto delivery = co_await load_delivery(std::move(tenant_id), std::move(webhook_id), std::move(delivery_id));
    if (!delivery) co_return delivery.error();
    co_return std::move(*delivery);
}

Async<Result<WebhookDelivery>> Webhooks::redeliver(std::string tenant_id, std::string webhook_id,
                                                   std::string delivery_id) {
    for (int round = 0;; ++round) {
        auto found = co_await load(tenant_id, webhook_id);
        if (!found) co_return found.error();
        if (!found->document.settings.active)
            co_return Error(ErrorCode::stale, "the webhook is switched off; switch it on first");
        auto delivery = co_await load_delivery(tenant_id, webhook_id, delivery_id);
        if (!delivery) co_return delivery.error();
        if (delivery->state == WebhookDeliveryState::sending)
            co_return Error(ErrorCode::stale, "it is being sent at this moment");
        const Timestamp now = parts_.runtime.clock->now();
        send_again(*delivery, now);
        std::vector<Write> writes{replace(to_document(*delivery, now + parts_.limits.retention))};
        auto receipt = co_await parts_.store->commit(tenant_id, std::move(writes));
        if (receipt) {
            tell(tenant_id, webhook_id);
            co_return std::move(*delivery);
        }
        if (receipt.error().code != ErrorCode::stale || round == stale_rounds) co_return receipt.error();
        co_await pause_between(round);
    }
}

Async<Result<std::size_t>> Webhooks::recover(std::string tenant_id, std::string webhook_id, WebhookRecovery recovery) {
    auto found = co_await load(tenant_id, webhook_id);
    if (!found) co_return found.error();
    const WebhookSettings& settings = found->document.settings;
    if (!settings.active && !recovery.dry_run)
        co_return Error(ErrorCode::stale, "the webhook is switched off; switch it on first");
    const Timestamp now = parts_.runtime.clock->now();
    if (recovery.since < now - parts_.limits.retention)
        co_return Error(ErrorCode::invalid_request,
                        fmt::format("since: events are kept for {} days", parts_.limits.retention.count()));
    Query query;
    query.conditions.emplace_back("integration_id", Condition::Comparison::equal, IndexValue(settings.integration_id));
    query.conditions.emplace_back("created_at", Condition::Comparison::greater_or_equal,
                                  IndexValue(recovery.since.time_since_epoch().count()));
    query.conditions.emplace_back("created_at", Condition::Comparison::less,
                                  IndexValue(recovery.until.value_or(now).time_since_epoch().count()));
    query.order = {{"created_at", false}};
    query.limit = page_of_messages;
    std::size_t count = 0;
    int round = 0;
    for (;;) {
        Query copy = query;
        auto page = co_await parts_.store->query(tenant_id, "webhook_message", std::move(copy));
        if (!page) co_return page.error();
        std::vector<WebhookDeliveryDocument> wanted;
        std::vector<std::string> ids;
        for (const Document& document : page->documents) {
            auto message = from_document<WebhookMessage>(document);
            if (!message) co_return message.error();
            auto payload = parse_json_object(message->payload);
            if (!payload) co_return payload.error();
            const std::string type = text_of(*payload, "type");
            if (!takes_event(settings.events, type)) continue;
            if (!matches(settings.filters, payload->at("data").as_object())) continue;
            wanted.push_back(first_delivery(webhook_id, message->event_id, type, message->created_at, now,
                                            settings.thin));
            ids.push_back(wanted.back().delivery_id);
        }
        auto present = co_await parts_.store->read(tenant_id, "webhook_delivery", std::move(ids));
        if (!present) co_return present.error();
        std::vector<Write> writes;
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            if (!(*present)[i]) {
                if (wanted[i].event_type == test_event) continue; // another endpoint's
                wanted[i].manual = true;
                writes.push_back(insert(to_document(wanted[i], now + parts_.limits.retention)));
                continue;
            }
            auto delivery = from_document<WebhookDeliveryDocument>(*(*present)[i]);
            if (!delivery) co_return delivery.error();
            if (!has_ended(delivery->state)) continue; // it is on its way
            if (recovery.only_missing && delivery->state == WebhookDeliveryState::delivered) continue;
            send_again(*delivery, now);
            writes.push_back(replace(to_document(*delivery, now + parts_.limits.retention)));
        }
        const std::size_t found_here = writes.size();
        if (!recovery.dry_run && !writes.empty()) {
            auto receipt = co_await parts_.store->commit(tenant_id, std::move(writes));
            if (!receipt && receipt.error().code == ErrorCode::stale && ++round < stale_rounds) continue;
            if (!receipt) co_return receipt.error();
            tell(tenant_id, webhook_id);
        }
        count += found_here;
        if (page->continuation.empty()) co_return count;
        query.continuation = page->continuation;
        round = 0;
    }
}

} // namespace castiel_sync

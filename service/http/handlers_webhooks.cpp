// Webhooks: endpoints, their deliveries, and what people do with both.
#include "handlers.hpp"
#include "handlers_common.hpp"
#include "webhook_settings.hpp"

#include "catalog/embedded_catalog.hpp"

#include <castiel_sync/webhooks/webhooks.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace castiel_sync::service {
namespace {

HttpResponse refusal(std::string place, std::string message) {
    Rejection rejection;
    rejection.faults.push_back({"body." + std::move(place), std::move(message)});
    return rejection_answer(rejection);
}

// The library names a setting before a colon, as the body does.
HttpResponse settings_answer(const Api& api, const ApiCall& call, const Error& error) {
    const auto colon = error.message.find(": ");
    if (error.code != ErrorCode::invalid_request || colon == std::string::npos)
        return failure(api, call.request_id, error);
    return refusal(error.message.substr(0, colon), error.message.substr(colon + 2));
}

HttpResponse with_secret(unsigned status, const WebhookWithSecret& made) {
    json::object body = to_json_object(made.webhook);
    body["secret"] = made.secret;
    HttpResponse response = json_answer(status, std::move(body));
    if (status == 201) response.headers.add("Location", "/api/v1/webhooks/" + made.webhook.webhook_id);
    return response;
}

} // namespace

Async<HttpResponse> create_webhook(const Api& api, ApiCall call) {
    const ApiParts& parts = api.parts();
    const json::object& body = call.body.get_object();
    WebhookSettings settings;
    if (const auto fault = apply_webhook_settings(body, settings)) co_return refusal(fault->path, fault->message);
    if (parts.catalog) {
        auto integration = co_await parts.catalog->find(call.tenant_id, settings.integration_id);
        if (!integration) co_return failure(api, call.request_id, integration.error());
        if (!*integration) co_return refusal("integrationId", "no integration has this id");
    }
    auto made = co_await parts.webhooks->create(call.tenant_id, std::move(settings), body_text(call, "secret"),
                                                call.made_id);
    if (!made) co_return settings_answer(api, call, made.error());
    co_return with_secret(201, *made);
}

Async<HttpResponse> find_webhook(const Api& api, ApiCall call) {
    auto webhook = co_await api.parts().webhooks->find(call.tenant_id, call.id());
    co_return document_answer(api, call, 200, webhook);
}

Async<HttpResponse> list_webhooks(const Api& api, ApiCall call) {
    auto webhooks = co_await api.parts().webhooks->list(call.tenant_id, call.text("integrationId"));
    if (!webhooks) co_return failure(api, call.request_id, webhooks.error());
    std::ranges::sort(*webhooks, {}, &Webhook::webhook_id);
    const std::string after = call.text("cursor");
    std::erase_if(*webhooks, [&after](const Webhook& webhook) { return webhook.webhook_id <= after; });
    std::string next;
    if (const std::size_t limit = limit_of(call); webhooks->size() > limit) {
        webhooks->resize(limit);
        next = webhooks->back().webhook_id;
    }
    co_return page_answer(*webhooks, next);
}

// The original's bare array.
Async<HttpResponse> list_integration_webhooks(const Api& api, ApiCall call) {
    auto webhooks = co_await api.parts().webhooks->list(call.tenant_id, call.id());
    if (!webhooks) co_return failure(api, call.request_id, webhooks.error());
    std::string body = "[";
    for (const Webhook& webhook : *webhooks) {
        if (body.size() > 1) body += ',';
        append_json(body, webhook);
    }
    body += ']';
    co_return json_text_answer(200, std::move(body));
}

Async<HttpResponse> update_webhook(const Api& api, ApiCall call) {
    const json::object body = call.body.get_object();
    std::optional<ConfigurationFault> fault;
    std::function<Result<>(WebhookSettings&)> change = [&body, &fault](WebhookSettings& settings) -> Result<> {
        fault = apply_webhook_settings(body, settings);
        if (fault) return Error(ErrorCode::invalid_request, fault->path + ": " + fault->message);
        return {};
    };
    auto updated = co_await api.parts().webhooks->update(call.tenant_id, call.id(), std::move(change));
    if (!updated) co_return settings_answer(api, call, updated.error());
    co_return document_answer(api, call, 200, updated);
}

Async<HttpResponse> delete_webhook(const Api& api, ApiCall call) {
    auto removed = co_await api.parts().webhooks->remove(call.tenant_id, call.id());
    if (!removed) co_return failure(api, call.request_id, removed.error());
    HttpResponse response;
    response.status = 204;
    co_return response;
}

Async<HttpResponse> rotate_webhook_secret(const Api& api, ApiCall call) {
    auto rotated = co_await api.parts().webhooks->rotate_secret(call.tenant_id, call.id(), body_text(call, "secret"));
    if (!rotated) co_return settings_answer(api, call, rotated.error());
    co_return with_secret(200, *rotated);
}

Async<HttpResponse> test_webhook(const Api& api, ApiCall call) {
    auto delivery = co_await api.parts().webhooks->test(call.tenant_id, call.id());
    co_return document_answer(api, call, 202, delivery);
}

Async<HttpResponse> list_deliveries(const Api& api, ApiCall call) {
    auto page = co_await api.parts().webhooks->list_deliveries(call.tenant_id, call.id(), call.text("state"),
                                                               limit_of(call), call.text("cursor"));
    co_return list_answer(api, call, page);
}

Async<HttpResponse> find_delivery(const Api& api, ApiCall call) {
    auto delivery =
        co_await api.parts().webhooks->find_delivery(call.tenant_id, call.id(), call.text("deliveryId"));
    co_return document_answer(api, call, 200, delivery);
}

Async<HttpResponse> redeliver(const Api& api, ApiCall call) {
    auto delivery = co_await api.parts().webhooks->redeliver(call.tenant_id, call.id(), call.text("deliveryId"));
    co_return document_answer(api, call, 202, delivery);
}

Async<HttpResponse> recover_deliveries(const Api& api, ApiCall call) {
    const json::object& body = call.body.get_object();
    const auto time = [&call](const char* name) { return parse_timestamp(body_text(call, name)); };
    WebhookRecovery recovery;
    const auto since = time("since");
    if (!since) co_return refusal("since", "must be a time such as 2026-11-23T04:00:20Z");
    recovery.since = *since;
    if (body.contains("until")) {
        recovery.until = time("until");
        if (!recovery.until) co_return refusal("until", "must be a time such as 2026-11-23T04:00:20Z");
    }
    if (const json::value* dry = body.if_contains("dryRun")) recovery.dry_run = dry->as_bool();
    if (const json::value* missing = body.if_contains("onlyMissing")) recovery.only_missing = missing->as_bool();
    const bool dry_run = recovery.dry_run;
    auto count = co_await api.parts().webhooks->recover(call.tenant_id, call.id(), std::move(recovery));
    if (!count) co_return settings_answer(api, call, count.error());
    json::object answer{{"deliveries", *count}, {"dryRun", dry_run}};
    co_return json_answer(dry_run ? 200 : 202, std::move(answer));
}

} // namespace castiel_sync::service

// webhooks: the endpoints. Deliveries to them: deliveries.cpp.
#include "webhook_commands.hpp"

#include "catalog/embedded_catalog.hpp"
#include "http/webhook_settings.hpp"
#include "output/text.hpp"
#include "uuid.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <optional>
#include <utility>

namespace castiel_sync::service {
namespace {

std::string trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return {};
    return std::string(text.substr(begin, text.find_last_not_of(' ') - begin + 1));
}

// "Authorization: Bearer x". What was typed may be a secret, so that no message holds it.
Result<json::object> parse_headers(const std::vector<std::string>& typed) {
    json::object headers;
    for (const std::string& each : typed) {
        const auto colon = each.find(':');
        const std::string name = trimmed(std::string_view(each).substr(0, colon));
        if (colon == std::string::npos || name.empty())
            return Error(ErrorCode::invalid_request, "--header must be written as 'Name: value'");
        if (!headers.emplace(name, trimmed(std::string_view(each).substr(colon + 1))).second)
            return Error(ErrorCode::invalid_request, "--header " + printable(name) + " is given twice");
    }
    return headers;
}

// As the body of a request would say it.
Result<json::object> body_of(const WebhookSettingsArguments& settings) {
    json::object body;
    if (!settings.url.empty()) body["url"] = settings.url;
    if (!settings.events.empty()) body["events"] = json::array(settings.events.begin(), settings.events.end());
    if (settings.description) body["description"] = *settings.description;
    if (settings.thin) body["thin"] = *settings.thin;
    if (settings.max_in_flight) body["maxInFlight"] = *settings.max_in_flight;
    if (settings.rate_per_minute == 0)
        body["ratePerMinute"] = nullptr;
    else if (settings.rate_per_minute)
        body["ratePerMinute"] = *settings.rate_per_minute;
    if (settings.no_headers) body["headers"] = json::object();
    if (!settings.headers.empty()) {
        auto headers = parse_headers(settings.headers);
        if (!headers) return headers.error();
        body["headers"] = std::move(*headers);
    }
    return body;
}

Result<> apply(const json::object& body, WebhookSettings& settings) {
    const auto fault = apply_webhook_settings(body, settings);
    if (fault) return Error(ErrorCode::invalid_request, fault->path + ": " + fault->message);
    return {};
}

std::string state_of(const Webhook& webhook) {
    if (webhook.disabled_reason) return "off: " + std::string(to_string(*webhook.disabled_reason));
    return webhook.failing_since ? "failing" : "active";
}

void print_webhook(Console& console, const Webhook& webhook) {
    const WebhookSettings& settings = webhook.settings;
    const auto line = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) console.print_line(fmt::format("{:15} {}", name, printable(value)));
    };
    line("webhook", webhook.webhook_id);
    line("integration", settings.integration_id);
    line("url", settings.url);
    line("description", settings.description);
    line("events", fmt::format("{}", fmt::join(settings.events, ", ")));
    const json::object document = to_json_object(webhook);
    if (const json::value* filters = document.if_contains("filters")) line("filters", to_json(*filters));
    for (const HttpHeader& header : settings.headers)
        line("header", fmt::format("{}: {}", header.name, hidden_header_value));
    line("body", settings.thin ? "thin" : "");
    line("max in flight", fmt::to_string(settings.max_in_flight));
    if (settings.rate_per_minute) line("rate per minute", fmt::to_string(*settings.rate_per_minute));
    line("state", state_of(webhook));
    if (webhook.disabled_at) line("off since", shown(*webhook.disabled_at));
    if (webhook.failing_since) line("failing since", shown(*webhook.failing_since));
    line("created", shown(webhook.created_at));
    line("updated", shown(webhook.updated_at));
}

void print_with_secret(Console& console, const WebhookWithSecret& made, std::string_view note) {
    if (console.json()) {
        json::object line = to_json_object(made.webhook);
        line["secret"] = made.secret;
        console.print_json(line);
        return;
    }
    console.print_line(fmt::format("{:15} {}", "webhook", made.webhook.webhook_id));
    console.print_line(fmt::format("{:15} {}", "secret", made.secret));
    console.tell(note);
}

// The whole id of an integration of the tenant's, also of one that only the store knows.
Async<Result<std::string>> known_integration(Session& session, std::string tenant_id, std::string wanted) {
    auto id = integration_id(session, wanted);
    if (!id) co_return id.error();
    std::string whole = parse_uuid(*id).value_or(*id);
    auto integration = co_await session.catalog().find(std::move(tenant_id), whole);
    if (!integration) co_return integration.error();
    if (!*integration) co_return Error(ErrorCode::invalid_request, "no integration has the id " + printable(wanted));
    co_return whole;
}

Async<ExitCode> change(Session& session, std::string typed, json::object body, std::string_view done) {
    auto found = co_await open_webhook(session, std::move(typed));
    if (!found) co_return fail(session, found.error());
    std::function<Result<>(WebhookSettings&)> apply_body = [&body](WebhookSettings& settings) {
        return apply(body, settings);
    };
    auto updated = co_await session.webhooks().update(found->tenant_id, found->webhook_id, std::move(apply_body));
    if (!updated) co_return fail(session, updated.error());
    if (session.console().json())
        session.console().print_json(to_json_object(*updated));
    else
        session.console().tell(short_id(found->webhook_id) + " " + std::string(done));
    co_return ExitCode::done;
}

} // namespace

Result<std::string> open_for_webhooks(Session& session) {
    auto tenant = open_for_tenant(session);
    if (!tenant) return tenant;
    if (auto unsealed = session.unseal_webhooks(); !unsealed) return unsealed.error();
    return tenant;
}

Async<Result<FoundWebhook>> open_webhook(Session& session, std::string typed) {
    auto tenant = open_for_webhooks(session);
    if (!tenant) co_return tenant.error();
    auto webhooks = co_await session.webhooks().list(*tenant, "");
    if (!webhooks) co_return webhooks.error();
    std::vector<std::string> ids;
    for (Webhook& webhook : *webhooks)
        ids.push_back(std::move(webhook.webhook_id));
    auto id = choose_id(ids, typed, "webhook");
    if (!id) co_return id.error();
    FoundWebhook found;
    found.tenant_id = std::move(*tenant);
    found.webhook_id = std::move(*id);
    co_return found;
}

Async<ExitCode> execute(Session& session, WebhooksListArguments arguments) {
    auto tenant = open_for_webhooks(session);
    if (!tenant) co_return fail(session, tenant.error());
    auto integration = integration_id(session, arguments.integration);
    if (!integration) co_return fail(session, integration.error());
    auto webhooks = co_await session.webhooks().list(*tenant, *integration);
    if (!webhooks) co_return fail(session, webhooks.error());
    if (print_as_json(session, *webhooks)) co_return ExitCode::done;
    Table table({"id", "integration", "url", "events", "state"}, 60);
    for (const Webhook& each : *webhooks)
        table.add({short_id(each.webhook_id), short_id(each.settings.integration_id), each.settings.url,
                   fmt::format("{}", fmt::join(each.settings.events, ", ")), state_of(each)});
    print_table(session, table, "No webhooks.", false);
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, WebhooksShowArguments arguments) {
    auto found = co_await open_webhook(session, std::move(arguments.id));
    if (!found) co_return fail(session, found.error());
    auto webhook = co_await session.webhooks().find(found->tenant_id, found->webhook_id);
    if (!webhook) co_return fail(session, webhook.error());
    if (session.console().json())
        session.console().print_json(to_json_object(*webhook));
    else
        print_webhook(session.console(), *webhook);
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, WebhooksCreateArguments arguments) {
    auto body = body_of(arguments.settings);
    if (!body) co_return fail(session, body.error());
    auto tenant = open_for_webhooks(session);
    if (!tenant) co_return fail(session, tenant.error());
    auto integration = co_await known_integration(session, *tenant, std::move(arguments.integration));
    if (!integration) co_return fail(session, integration.error());
    (*body)["integrationId"] = *integration;
    WebhookSettings settings;
    if (auto applied = apply(*body, settings); !applied) co_return fail(session, applied.error());
    auto made = co_await session.webhooks().create(*tenant, std::move(settings), "", "");
    if (!made) co_return fail(session, made.error());
    print_with_secret(session.console(), *made, "Keep the secret: it is not shown again.");
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, WebhooksUpdateArguments arguments) {
    auto body = body_of(arguments.settings);
    if (!body) co_return fail(session, body.error());
    if (body->empty()) {
        const Error error(ErrorCode::invalid_request, "nothing is said to change; see webhooks update --help");
        co_return fail(session, error);
    }
    co_return co_await change(session, std::move(arguments.id), std::move(*body), "is changed.");
}

Async<ExitCode> execute(Session& session, WebhooksSwitchArguments arguments) {
    json::object body;
    body["active"] = arguments.active;
    const std::string_view done = arguments.active ? "is sent events." : "is sent no events any more.";
    co_return co_await change(session, std::move(arguments.id), std::move(body), done);
}

Async<ExitCode> execute(Session& session, WebhooksDeleteArguments arguments) {
    auto found = co_await open_webhook(session, std::move(arguments.id));
    if (!found) co_return fail(session, found.error());
    auto removed = co_await session.webhooks().remove(found->tenant_id, found->webhook_id);
    if (!removed) co_return fail(session, removed.error());
    session.console().tell(short_id(found->webhook_id) + " is deleted.");
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, WebhooksRotateSecretArguments arguments) {
    auto found = co_await open_webhook(session, std::move(arguments.id));
    if (!found) co_return fail(session, found.error());
    auto rotated = co_await session.webhooks().rotate_secret(found->tenant_id, found->webhook_id, "");
    if (!rotated) co_return fail(session, rotated.error());
    print_with_secret(session.console(), *rotated,
                      "Keep the secret: it is not shown again. The one before signs along for 24 hours.");
    co_return ExitCode::done;
}

} // namespace castiel_sync::service

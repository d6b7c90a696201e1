#include "api.hpp"

#include "catalog/embedded_catalog.hpp"
#include "handlers.hpp"
#include "hash.hpp"
#include "idempotency.hpp"
#include "metrics/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <set>
#include <utility>

namespace castiel_sync::service {
namespace {

using Handler = Async<HttpResponse> (*)(const Api&, ApiCall);

#define CASTIEL_SYNC_HANDLER(name)                                                                                     \
    { #name, &name }
const std::map<std::string_view, Handler> handlers{
    CASTIEL_SYNC_HANDLER(trigger_sync),      CASTIEL_SYNC_HANDLER(create_task),
    CASTIEL_SYNC_HANDLER(list_tasks),        CASTIEL_SYNC_HANDLER(find_task),
    CASTIEL_SYNC_HANDLER(execute_task),      CASTIEL_SYNC_HANDLER(cancel_task),
    CASTIEL_SYNC_HANDLER(preview_sync),      CASTIEL_SYNC_HANDLER(list_task_executions),
    CASTIEL_SYNC_HANDLER(list_executions),   CASTIEL_SYNC_HANDLER(find_execution),
    CASTIEL_SYNC_HANDLER(follow_execution),  CASTIEL_SYNC_HANDLER(list_streams),
    CASTIEL_SYNC_HANDLER(find_stream),       CASTIEL_SYNC_HANDLER(pause_stream),
    CASTIEL_SYNC_HANDLER(resume_stream),     CASTIEL_SYNC_HANDLER(reset_stream),
    CASTIEL_SYNC_HANDLER(approve_latch),     CASTIEL_SYNC_HANDLER(reject_latch),
    CASTIEL_SYNC_HANDLER(list_conflicts),    CASTIEL_SYNC_HANDLER(find_conflict),
    CASTIEL_SYNC_HANDLER(resolve_conflict),  CASTIEL_SYNC_HANDLER(ignore_conflict),
    CASTIEL_SYNC_HANDLER(list_parked),       CASTIEL_SYNC_HANDLER(retry_parked),
    CASTIEL_SYNC_HANDLER(discard_parked),    CASTIEL_SYNC_HANDLER(find_history),
    CASTIEL_SYNC_HANDLER(list_adapters),     CASTIEL_SYNC_HANDLER(find_adapter),
    CASTIEL_SYNC_HANDLER(list_integrations), CASTIEL_SYNC_HANDLER(find_integration),
    CASTIEL_SYNC_HANDLER(put_integration),   CASTIEL_SYNC_HANDLER(delete_integration),
    CASTIEL_SYNC_HANDLER(list_shards),       CASTIEL_SYNC_HANDLER(create_shard),
    CASTIEL_SYNC_HANDLER(find_shard),        CASTIEL_SYNC_HANDLER(put_shard),
    CASTIEL_SYNC_HANDLER(delete_shard),      CASTIEL_SYNC_HANDLER(create_webhook),
    CASTIEL_SYNC_HANDLER(list_webhooks),     CASTIEL_SYNC_HANDLER(list_integration_webhooks),
    CASTIEL_SYNC_HANDLER(find_webhook),      CASTIEL_SYNC_HANDLER(update_webhook),
    CASTIEL_SYNC_HANDLER(delete_webhook),    CASTIEL_SYNC_HANDLER(rotate_webhook_secret),
    CASTIEL_SYNC_HANDLER(test_webhook),      CASTIEL_SYNC_HANDLER(list_deliveries),
    CASTIEL_SYNC_HANDLER(find_delivery),     CASTIEL_SYNC_HANDLER(redeliver),
    CASTIEL_SYNC_HANDLER(recover_deliveries), CASTIEL_SYNC_HANDLER(receive_hook),
    CASTIEL_SYNC_HANDLER(health),            CASTIEL_SYNC_HANDLER(ready),
    CASTIEL_SYNC_HANDLER(metrics),           CASTIEL_SYNC_HANDLER(openapi),
};
#undef CASTIEL_SYNC_HANDLER

std::vector<std::string_view> values_of(const HttpRequest& request, std::string_view name) {
    std::vector<std::string_view> values;
    for (const HttpHeader& header : request.headers)
        if (std::ranges::equal(header.name, name, [](char one, char other) {
                const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
                return lower(one) == lower(other);
            }))
            values.emplace_back(header.value);
    return values;
}

// The client's own, where it is fit for headers and logs.
std::string request_id_of(const HttpRequest& request, Random& random) {
    const std::string* given = request.headers.find("X-Request-ID");
    const bool fit = given != nullptr && !given->empty() && given->size() <= 128 &&
                     std::ranges::all_of(*given, [](char c) { return c > ' ' && c < 127; });
    return fit ? *given : make_uuid(random);
}

} // namespace

std::span<const KindDeclaration> service_kinds() {
    static const std::array kinds{KindDeclaration{std::string(idempotency_kind), {}, {}},
                                  KindDeclaration{std::string(integration_kind),
                                                  {"integration_id", "provider_name"},
                                                  {{{"integration_id"}}}}};
    return kinds;
}

Result<std::unique_ptr<Api>> Api::make(ApiParts parts) {
    auto contract = Contract::read(std::string(parts.contract_text));
    if (!contract) return contract.error();
    std::vector<Handler> by_index;
    for (const Operation& operation : contract->operations()) {
        const auto handler = handlers.find(operation.id);
        if (handler == handlers.end())
            return Error(ErrorCode::invalid_configuration, "openapi.yaml: nobody handles " + operation.id);
        by_index.push_back(handler->second);
    }
    if (by_index.size() != handlers.size())
        return Error(ErrorCode::invalid_configuration, "openapi.yaml lacks an operation that has a handler");
    return std::unique_ptr<Api>(new Api(std::move(parts), std::move(*contract), std::move(by_index)));
}

Api::Api(ApiParts parts, Contract contract, std::vector<Handler> by_index)
    : parts_(std::move(parts)), contract_(std::move(contract)), handlers_(std::move(by_index)),
      contract_etag_('"' + sha256(parts_.contract_text).substr(0, 32) + '"') {
    std::vector<ReadinessCheck> checks = parts_.checks;
    if (parts_.store != nullptr) checks.insert(checks.begin(), store_check(*parts_.store));
    readiness_ = std::make_unique<Readiness>(parts_.runtime, std::move(checks), parts_.stopping);
}

Async<HttpResponse> Api::handle(HttpRequest request) {
    const std::string request_id = request_id_of(request, *parts_.runtime.random);
    const auto begin = parts_.runtime.clock->monotonic();
    const Operation* operation = nullptr;
    std::string tenant_id;
    HttpResponse response;
    std::string trouble;
    try {
        response = co_await answer(request, request_id, operation, tenant_id);
    } catch (const std::exception& fault) {
        trouble = fault.what();
    }
    if (!trouble.empty()) {
        response = engine_answer(Error(ErrorCode::internal, trouble));
        if (parts_.log)
            parts_.log(LogLevel::error, "a request failed: " + trouble,
                       {{"tenantId", tenant_id}, {"requestId", request_id}, {"method", request.method}});
    }
    response.headers.set("X-Request-ID", request_id);
    const std::string_view route = operation == nullptr ? std::string_view() : operation->path;
    const auto took = parts_.runtime.clock->monotonic() - begin;
    if (parts_.metrics != nullptr) parts_.metrics->count_request(request.method, route, response.status, took);
    if (logs(LogLevel::debug))
        parts_.log(LogLevel::debug, "request",
                   {{"tenantId", tenant_id}, {"requestId", request_id}, {"method", request.method}, {"route", route},
                    {"status", response.status}, {"microseconds", took / std::chrono::microseconds(1)}});
    co_return response;
}

Async<HttpResponse> Api::answer(const HttpRequest& request, std::string request_id, const Operation*& operation,
                                std::string& tenant_id) {
    const std::string_view target = request.target;
    const std::size_t mark = target.find('?');
    const std::string_view query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
    auto match = contract_.match(request.method, target.substr(0, mark));
    if (!match) co_return rejection_answer(match.error());

    ApiCall call;
    call.operation = operation = match->operation;
    call.request_id = std::move(request_id);
    if (call.operation->needs_authentication) {
        const auto authorization = values_of(request, "Authorization"), tenant = values_of(request, "X-Tenant-ID");
        auto identity = parts_.authentication->authenticate(authorization, tenant, parts_.runtime.clock->now());
        if (!identity)
            co_return error_answer(identity.error().code == ErrorCode::forbidden ? 403 : 401, identity.error().message);
        call.tenant_id = tenant_id = std::move(identity->tenant_id);
        call.actor = std::move(identity->actor);
    } else if (const auto authorization = values_of(request, "Authorization"); authorization.size() == 1) {
        call.authorization = authorization.front();
    }
    std::vector<Header> headers;
    for (const HttpHeader& header : request.headers) {
        Header& each = headers.emplace_back();
        each.name = header.name;
        each.value = header.value;
    }
    auto parsed = contract_.parse(*match, query, headers, request.body);
    if (!parsed) co_return rejection_answer(parsed.error());
    call.parameters = std::move(parsed->parameters);
    if (parsed->body) call.body = std::move(*parsed->body);
    if (call.operation->takes_bytes) call.request = &request;
    const Handler handler = handlers_[call.operation->index];
    co_return co_await call_once(request, std::move(call), handler);
}

Async<HttpResponse> Api::call_once(const HttpRequest& request, ApiCall call, Handler handler) {
    const std::string key = call.text("Idempotency-Key");
    if (key.empty()) co_return co_await handler(*this, std::move(call));
    const std::string whole = request.method + '\n' + request.target + '\n' + request.body;
    IdempotentRequest once(parts_.runtime, *parts_.store, parts_.sealer, call.tenant_id, key, whole);
    auto earlier = co_await once.begin();
    if (!earlier) co_return engine_answer(earlier.error());
    if (*earlier) co_return std::move(**earlier);
    call.made_id = once.made_id();
    const std::string request_id = call.request_id, tenant_id = call.tenant_id;
    HttpResponse response = co_await handler(*this, std::move(call));
    auto kept = co_await once.keep(response);
    // The client has its answer; a repetition does the same again, with the same ids.
    if (!kept && parts_.log)
        parts_.log(LogLevel::warning, "an answer to an Idempotency-Key was not kept: " + kept.error().message,
                   {{"tenantId", tenant_id}, {"requestId", request_id}});
    co_return response;
}

} // namespace castiel_sync::service

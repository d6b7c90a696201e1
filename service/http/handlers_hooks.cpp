// Hooks that external systems send. Nobody is asked for a token: the hook's signature says whose it is.
#include "handlers.hpp"
#include "handlers_common.hpp"

#include "catalog/embedded_catalog.hpp"
#include "uuid.hpp"

#include <castiel_sync/scheduler.hpp>
#include <castiel_sync/webhooks/inbound.hpp>

#include <utility>
#include <vector>

namespace castiel_sync::service {
namespace {

// Whatever is wrong with a hook: what exists, and how it is signed, is nothing for whoever tries.
HttpResponse refused() { return error_answer(401, "no integration takes this hook"); }

// Its sender can do nothing but send it again, whatever has happened here.
HttpResponse not_stored(const Api& api, const ApiCall& call, const Error& error) {
    if (api.parts().log)
        api.parts().log(LogLevel::error, "a hook was not stored: " + error.message, {{"requestId", call.request_id}});
    return engine_answer(Error(ErrorCode::unavailable, "the hook could not be stored; send it again later"));
}

} // namespace

Async<HttpResponse> receive_hook(const Api& api, ApiCall call) {
    const ApiParts& parts = api.parts();
    if (parts.hooks == nullptr || parts.catalog == nullptr) co_return refused();
    auto candidates = co_await parts.catalog->find_in_all_tenants(parse_uuid(call.id()).value_or(call.id()));
    if (!candidates) co_return not_stored(api, call, candidates.error());
    HookCall hook;
    hook.method = call.request->method;
    if (const std::string* host = call.request->headers.find("Host"))
        hook.url = "https://" + *host + call.request->target; // hooks are sent to https, which a proxy may end
    hook.headers = call.request->headers;
    hook.body = call.request->body;
    auto taken = co_await parts.hooks->take(std::move(*candidates), std::move(hook));
    if (!taken && taken.error().code == ErrorCode::unauthenticated) {
        if (api.logs(LogLevel::debug))
            parts.log(LogLevel::debug, taken.error().message, {{"integrationId", call.id()}});
        co_return refused();
    }
    if (!taken) co_return not_stored(api, call, taken.error());
    if (taken->task) {
        if (parts.scheduler != nullptr) parts.scheduler->take_note(*taken->task);
        if (api.logs(LogLevel::info))
            parts.log(LogLevel::info, "hook accepted",
                      {{"tenantId", taken->task->request.tenant_id}, {"taskId", taken->task_id},
                       {"integrationId", taken->task->request.integration_id}, {"requestId", call.request_id}});
    }
    json::object body;
    if (!taken->task_id.empty()) body["taskId"] = taken->task_id;
    if (taken->duplicate) body["duplicate"] = true;
    co_return json_answer(202, std::move(body));
}

} // namespace castiel_sync::service

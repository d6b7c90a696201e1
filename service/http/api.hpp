// Api: the HTTP API on an engine. From a request to its answer: contract, caller, idempotency, handler. No rule of the
// domain lives here.
#pragma once

#include "answers.hpp"
#include "authentication.hpp"
#include "contract.hpp"
#include "readiness.hpp"

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/engine.hpp>
#include <castiel_sync/http/message.hpp>
#include <castiel_sync/observer.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/scheduler.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/webhooks/inbound.hpp>
#include <castiel_sync/webhooks/webhooks.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::service {

class EmbeddedCatalog; // catalog/embedded_catalog.hpp
class Metrics;         // metrics/metrics.hpp

// A document store of its own for answers that may be asked for again. Opened beside engine_kinds().
[[nodiscard]] std::span<const KindDeclaration> service_kinds();

// Everything is borrowed, and outlives the Api and every call under way.
struct ApiParts {
    Runtime runtime;
    Engine* engine = nullptr;
    Scheduler* scheduler = nullptr;
    Store* store = nullptr;
    const AdapterRegistry* adapters = nullptr;
    EmbeddedCatalog* catalog = nullptr; // null: integrations and shards live in services of their own
    Webhooks* webhooks = nullptr;
    InboundHooks* hooks = nullptr;
    const Sealer* sealer = nullptr;     // of answers that are kept; null: they are kept in clear
    Metrics* metrics = nullptr;         // null: nothing is counted
    std::string metrics_token;          // empty: /metrics is for whoever reaches it
    std::vector<ReadinessCheck> checks; // of the parts beside the store, which is always asked
    const bool* stopping = nullptr;     // set by the owner when it begins to stop: /ready says so from then on
    Authentication* authentication = nullptr;
    std::function<void(LogLevel, std::string_view, const json::object&)> log; // may be empty
    std::function<bool(LogLevel)> wants_log; // whether lines of a level go anywhere; empty: all do
    std::string_view contract_text; // openapi.yaml

    ApiParts() = default;
};

// One request that the contract accepts.
struct ApiCall {
    const Operation* operation = nullptr;
    std::string tenant_id; // "" where no caller is asked for
    std::string actor;
    std::string authorization; // where no caller is asked for: the only header of this name, as sent; else ""
    std::string request_id;
    std::string made_id; // of whatever the request makes, where a repetition must not make it again; else ""
    Parameters parameters;
    json::value body; // null: there is none
    const HttpRequest* request = nullptr; // as it came, until the answer; only where the operation takes bytes

    ApiCall() = default;
    [[nodiscard]] std::string text(std::string_view name) const { return std::string(parameters.text(name)); }
    [[nodiscard]] std::string id() const { return text("id"); }
};

class Api {
public:
    // The contract's text is read, and every operation of it must have a handler: invalid_configuration otherwise.
    [[nodiscard]] static Result<std::unique_ptr<Api>> make(ApiParts parts);

    // For HttpServer.
    Async<HttpResponse> handle(HttpRequest request);

    [[nodiscard]] const ApiParts& parts() const { return parts_; }
    // Whether a line of this level goes anywhere; what it would hold need not be made otherwise.
    [[nodiscard]] bool logs(LogLevel level) const {
        return parts_.log && (!parts_.wants_log || parts_.wants_log(level));
    }
    [[nodiscard]] const Contract& contract() const { return contract_; }
    [[nodiscard]] const std::string& contract_etag() const { return contract_etag_; }
    [[nodiscard]] Readiness& readiness() const { return *readiness_; }

private:
    using Handler = Async<HttpResponse> (*)(const Api&, ApiCall);

    Api(ApiParts parts, Contract contract, std::vector<Handler> handlers);
    // `operation` and `tenant_id` are set as soon as they are known.
    Async<HttpResponse> answer(const HttpRequest& request, std::string request_id, const Operation*& operation,
                               std::string& tenant_id);
    Async<HttpResponse> call_once(const HttpRequest& request, ApiCall call, Handler handler);

    ApiParts parts_;
    Contract contract_;
    std::vector<Handler> handlers_; // by Operation::index
    std::string contract_etag_;
    std::unique_ptr<Readiness> readiness_;
};

} // namespace castiel_sync::service

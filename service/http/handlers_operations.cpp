// What probes, monitors and developers ask, without a tenant and without a token.
#include "handlers.hpp"

#include "metrics/metrics.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace castiel_sync::service {
namespace {

constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// One `Bearer` with this very token. How long the comparison takes tells nothing but the token's length.
bool is_bearer(std::string_view authorization, std::string_view token) {
    constexpr std::string_view scheme = "bearer ";
    const bool names_scheme =
        authorization.size() > scheme.size() &&
        std::equal(scheme.begin(), scheme.end(), authorization.begin(), [](char lower, char given) {
            return (given >= 'A' && given <= 'Z' ? static_cast<char>(given + 32) : given) == lower;
        });
    if (!names_scheme) return false;
    const std::string_view given = trimmed(authorization.substr(scheme.size()));
    return given.size() == token.size() && CRYPTO_memcmp(given.data(), token.data(), token.size()) == 0;
}

// If-None-Match compares weakly (RFC 9110): what a proxy made of the tag on its way counts.
bool names_etag(std::string_view list, std::string_view etag) {
    while (!list.empty()) {
        const auto comma = list.find(',');
        std::string_view each = trimmed(list.substr(0, comma));
        if (each == "*") return true;
        if (each.starts_with("W/")) each.remove_prefix(2);
        if (each == etag) return true;
        list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    }
    return false;
}

} // namespace

Async<HttpResponse> health(const Api& api, ApiCall) {
    co_return json_answer(200, json::object{{"status", "healthy"},
                                            {"service", "castiel-sync"},
                                            {"timestamp", to_string(api.parts().runtime.clock->now())}});
}

Async<HttpResponse> ready(const Api& api, ApiCall) {
    const ReadinessAnswer answer = co_await api.readiness().ask();
    if (!answer.troubles.empty() && api.parts().log)
        api.parts().log(LogLevel::warning, "not ready: " + answer.troubles, {});
    HttpResponse response = json_answer(answer.ready ? 200 : 503, answer.body);
    response.headers.add("Cache-Control", "no-store");
    co_return response;
}

Async<HttpResponse> metrics(const Api& api, ApiCall call) {
    const ApiParts& parts = api.parts();
    if (parts.metrics == nullptr) co_return error_answer(404, "this service keeps no metrics");
    if (!parts.metrics_token.empty() && !is_bearer(call.authorization, parts.metrics_token))
        co_return error_answer(401, "metrics are for whoever sends `Authorization: Bearer` with metrics.bearer_token");
    HttpResponse response;
    response.body = co_await parts.metrics->scrape();
    response.headers.add("Content-Type", std::string(metrics_type));
    co_return response;
}

Async<HttpResponse> openapi(const Api& api, ApiCall call) {
    HttpResponse response;
    response.headers.add("ETag", api.contract_etag());
    // Asked for again each time, and then mostly not sent: another version of the service has another contract.
    response.headers.add("Cache-Control", "no-cache");
    if (names_etag(call.parameters.text("If-None-Match"), api.contract_etag())) {
        response.status = 304;
        co_return response;
    }
    response.headers.add("Content-Type", "application/yaml");
    response.body = api.parts().contract_text;
    co_return response;
}

} // namespace castiel_sync::service

#include "webhook_settings.hpp"

#include <castiel_sync/http/egress.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync::service {
namespace {

std::string authority_of(const std::string& url) {
    const auto parsed = parse_http_url(url);
    return parsed ? parsed->authority() : std::string();
}

} // namespace

std::optional<ConfigurationFault> apply_webhook_settings(const json::object& body, WebhookSettings& settings) {
    const std::string host_before = authority_of(settings.url);
    bool keeps_hidden = !settings.headers.empty() && !body.contains("headers");
    const auto text = [&body](const char* name, std::string& out) {
        if (const json::value* value = body.if_contains(name)) out = value->as_string();
    };
    const auto flag = [&body](const char* name, bool& out) {
        if (const json::value* value = body.if_contains(name)) out = value->as_bool();
    };
    text("integrationId", settings.integration_id);
    text("url", settings.url);
    text("description", settings.description);
    flag("active", settings.active);
    flag("thin", settings.thin);
    if (const json::value* events = body.if_contains("events")) {
        settings.events.clear();
        for (const json::value& event : events->as_array()) settings.events.emplace_back(event.as_string());
    }
    if (const json::value* most = body.if_contains("maxInFlight"))
        settings.max_in_flight = most->to_number<std::size_t>();
    if (const json::value* rate = body.if_contains("ratePerMinute")) {
        settings.rate_per_minute.reset();
        if (!rate->is_null()) settings.rate_per_minute = rate->to_number<std::size_t>();
    }
    if (const json::value* headers = body.if_contains("headers")) {
        const auto before = std::exchange(settings.headers, {});
        for (const auto& member : headers->as_object()) {
            std::string name(member.key());
            std::string sent(member.value().as_string());
            const auto same = std::ranges::find(before, name, &HttpHeader::name);
            if (sent == hidden_header_value && same != before.end()) {
                sent = same->value;
                keeps_hidden = true;
            }
            settings.headers.emplace_back(std::move(name), std::move(sent));
        }
    }
    if (const json::value* filters = body.if_contains("filters")) {
        std::vector<ConfigurationFault> faults;
        settings.filters = parse_filters(*filters, "filters", faults);
        if (!faults.empty()) return faults.front();
    }
    // Whoever may change the URL may not learn by that what the headers hold.
    if (keeps_hidden && authority_of(settings.url) != host_before)
        return ConfigurationFault("headers", "the url leads to another host: name the headers with their values again");
    return std::nullopt;
}

} // namespace castiel_sync::service

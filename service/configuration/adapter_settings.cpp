#include "adapter_settings.hpp"

#include "located.hpp"
#include "schema.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace castiel_sync::service {
namespace {

void check_entities(const json::object& integration, const AdapterDescription& adapter,
                    std::vector<ConfigurationFault>& faults) {
    const json::value* sync = integration.if_contains("syncConfig");
    const json::value* mappings =
        sync != nullptr && sync->is_object() ? sync->get_object().if_contains("entityMappings") : nullptr;
    if (adapter.entities.empty() || mappings == nullptr || !mappings->is_array()) return;
    for (std::size_t index = 0; index < mappings->get_array().size(); ++index) {
        const json::object* mapping = mappings->get_array()[index].if_object();
        if (mapping == nullptr) continue;
        for (const char* member : {"externalEntity", "externalEntityName"}) { // either may be written
            const json::value* entity = mapping->if_contains(member);
            if (entity == nullptr || !entity->is_string()) continue;
            const std::string_view name = entity->get_string();
            if (std::ranges::find(adapter.entities, name) != adapter.entities.end()) continue;
            faults.emplace_back(member_path(element_path("syncConfig.entityMappings", index), member),
                                fmt::format("'{}' is no entity of the adapter {}; it has {}", name, adapter.name,
                                            fmt::join(adapter.entities, ", ")));
        }
    }
}

} // namespace

std::vector<ConfigurationFault> check_adapter(const json::object& integration,
                                              std::span<const AdapterDescription> adapters) {
    std::vector<ConfigurationFault> faults;
    const json::value* provider = integration.if_contains("providerName");
    if (provider == nullptr || !provider->is_string()) return faults;
    const std::string_view name = provider->get_string();
    const auto adapter = std::ranges::find_if(adapters, [&](const auto& each) { return each.name == name; });
    if (adapter == adapters.end()) {
        std::string known;
        for (const AdapterDescription& each : adapters)
            known.append(known.empty() ? "" : ", ") += each.name;
        faults.emplace_back("providerName", "names no adapter of this build; there is " + known);
        return faults;
    }
    const json::value* settings = integration.if_contains("settings");
    const json::value none = json::object();
    for (ConfigurationFault& fault : validate(adapter->settings_schema, settings == nullptr ? none : *settings))
        faults.emplace_back(join_path("settings", fault.path), std::move(fault.message), fault.notice);
    check_entities(integration, *adapter, faults);
    return faults;
}

json::object capabilities_document(const AdapterCapabilities& can) {
    return {{"writable", can.writable},
            {"changeFeed", can.change_feed},
            {"reportsDeletions", can.reports_deletions},
            {"conditionalWrites", can.conditional_writes},
            {"conditionalDeletes", can.conditional_deletes},
            {"idempotentCreates", can.idempotent_creates},
            {"findsByIdempotencyKey", can.finds_by_idempotency_key},
            {"readLagMs", can.read_lag.count()},
            {"maxPageRecords", can.max_page_records},
            {"maxFetchRecords", can.max_fetch_records},
            {"maxPushRecords", can.max_push_records}};
}

json::object without_write_only(const json::object& settings, const json::object& settings_schema) {
    const json::value* properties = settings_schema.if_contains("properties");
    if (properties == nullptr || !properties->is_object()) return settings;
    json::object shown;
    for (const auto& member : settings) {
        const json::value* schema = properties->get_object().if_contains(member.key());
        const json::object* rules = schema != nullptr ? schema->if_object() : nullptr;
        const json::value* write_only = rules != nullptr ? rules->if_contains("writeOnly") : nullptr;
        if (write_only != nullptr && *write_only == true) continue;
        if (rules != nullptr && member.value().is_object())
            shown.emplace(member.key(), without_write_only(member.value().get_object(), *rules));
        else
            shown.emplace(member.key(), member.value());
    }
    return shown;
}

} // namespace castiel_sync::service

// What an integration says about its adapter, checked against the adapters that there are.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>

#include <span>
#include <vector>

namespace castiel_sync::service {

// The faults of `providerName`, `settings` and the mappings' `externalEntity`, with key paths within the integration's
// document. What parse_integration tells (a member of another type) is not told again.
[[nodiscard]] std::vector<ConfigurationFault> check_adapter(const json::object& integration,
                                                            std::span<const AdapterDescription> adapters);

// As programs are told what an adapter can promise.
[[nodiscard]] json::object capabilities_document(const AdapterCapabilities& can);

// The settings without those that the adapter's schema calls `writeOnly`: for whoever only looks.
[[nodiscard]] json::object without_write_only(const json::object& settings, const json::object& settings_schema);

} // namespace castiel_sync::service

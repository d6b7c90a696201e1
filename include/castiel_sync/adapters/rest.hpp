// The declarative REST adapter: a description says what a system that speaks JSON over HTTP is like, and becomes an
// adapter. No code is written for it.
//
// The description is a JSON value (the service reads it from YAML); docs/rest-adapter.md is its reference, and
// adapters/schema.json its JSON Schema, for editors. What it does not say is not guessed: capabilities follow from what
// is described.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/integration.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

struct RestDescription;

struct ParsedRestDescription {
    std::shared_ptr<const RestDescription> description; // null when any fault is not a notice
    std::vector<ConfigurationFault> faults;             // all of them, with key paths

    ParsedRestDescription() = default;
};

// Reads and checks a description: what is missing, unknown or of another type, and what contradicts itself.
[[nodiscard]] ParsedRestDescription parse_rest_description(const json::value& document);

// Its name, summary and settings, for the registry. Capabilities are told where all entities share them.
[[nodiscard]] AdapterDescription describe(const RestDescription& description);

// The entities that it names; "*" stands for any.
[[nodiscard]] std::vector<std::string> entity_names(const RestDescription& description);

// What an adapter for this entity promises; nullopt: there is no such entity.
[[nodiscard]] std::optional<AdapterCapabilities> capabilities_of(const RestDescription& description,
                                                                 std::string_view entity);

struct RestParts {
    std::shared_ptr<HttpTransport> transport;

    RestParts() = default;
};

// For AdapterRegistry::add.
[[nodiscard]] AdapterFactory rest_factory(std::shared_ptr<const RestDescription> description, RestParts parts);

} // namespace castiel_sync

// A schema with its references resolved, and what in it nobody would check.
#pragma once

#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>

#include <vector>

namespace castiel_sync::service {

struct ReadSchema {
    json::value schema;
    // Unknown keywords, patterns on text of any length, references that lead nowhere or into themselves.
    std::vector<ConfigurationFault> faults;
};

// `document`: where `$ref: '#/…'` leads.
[[nodiscard]] ReadSchema read_schema(const json::value& schema, const json::value& document);

// The same schema without `pattern`, at every place where a schema stands.
[[nodiscard]] json::value without_patterns(const json::value& schema);

} // namespace castiel_sync::service

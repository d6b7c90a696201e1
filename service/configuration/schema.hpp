// JSON Schema (draft 7) checks whose answers are sentences: which key, what is wrong, what is allowed.
#pragma once

#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>

#include <string_view>
#include <vector>

namespace castiel_sync::service {

// Every fault of `value`, with key paths relative to it.
[[nodiscard]] std::vector<ConfigurationFault> validate(const json::value& schema, const json::value& value);

// Does the schema want text at this key path? False where it says nothing.
[[nodiscard]] bool wants_text(const json::value& schema, std::string_view path);

} // namespace castiel_sync::service

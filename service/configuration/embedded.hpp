// config/schema.json, config/default.yaml and openapi.yaml, as they were when this binary was built.
#pragma once

#include <string_view>

namespace castiel_sync::service {

extern const std::string_view embedded_schema;
extern const std::string_view embedded_defaults;
extern const std::string_view embedded_contract;

} // namespace castiel_sync::service

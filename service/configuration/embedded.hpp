// config/schema.json and config/default.yaml, as they were when this binary was built.
#pragma once

#include <string_view>

namespace castiel_sync::service {

extern const std::string_view embedded_schema;
extern const std::string_view embedded_defaults;

} // namespace castiel_sync::service

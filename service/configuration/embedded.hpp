// config/schema.json, config/default.yaml, openapi.yaml and the ready descriptions, as they were when this binary was
// built.
#pragma once

#include <string_view>

namespace castiel_sync::service {

extern const std::string_view embedded_schema;
extern const std::string_view embedded_defaults;
extern const std::string_view embedded_contract;
extern const std::string_view embedded_couchdb;
extern const std::string_view embedded_json_server;

} // namespace castiel_sync::service

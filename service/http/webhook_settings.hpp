// What people say of a webhook's endpoint, by the members of the HTTP API's documents.
#pragma once

#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/webhooks/webhook.hpp>

#include <optional>

namespace castiel_sync::service {

// Changes what `body` says; names and types are as the contract has them. A fault is one of the filters or of the
// headers.
[[nodiscard]] std::optional<ConfigurationFault> apply_webhook_settings(const json::object& body,
                                                                       WebhookSettings& settings);

} // namespace castiel_sync::service

// What the commands about endpoints and about deliveries share.
#pragma once

#include "listing.hpp"

#include <castiel_sync/webhooks/webhooks.hpp>

#include <string>

namespace castiel_sync::service {

struct FoundWebhook {
    std::string tenant_id;
    std::string webhook_id;

    FoundWebhook() = default;
};

// As open_for_tenant, with the key that secrets are sealed with.
[[nodiscard]] Result<std::string> open_for_webhooks(Session& session);

// Opens the store, and finds the endpoint that was named by its id or the beginning of it.
Async<Result<FoundWebhook>> open_webhook(Session& session, std::string typed);

// Nothing is sent by a command that ends: whoever serves on the same store does it.
inline constexpr std::string_view sent_by_a_service = "a running service (castiel-sync serve) sends";

} // namespace castiel_sync::service

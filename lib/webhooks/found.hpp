// What the sources of Webhooks share.
#pragma once

#include <castiel_sync/webhooks/webhooks.hpp>
#include <webhooks/documents.hpp>

#include <vector>

namespace castiel_sync {

// An endpoint with what was sealed of it.
struct Webhooks::Found {
    WebhookDocument document;
    std::vector<HttpHeader> headers;

    Found() = default;
};

} // namespace castiel_sync

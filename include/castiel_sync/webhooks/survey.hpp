// survey_webhooks: endpoints and what waits for them, over all tenants, in figures. As castiel_sync/survey.hpp, for
// stores that were opened with webhook_kinds().
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/webhooks/webhook.hpp>

#include <cstddef>
#include <cstdint>
#include <map>

namespace castiel_sync {

// What one survey may cost the store. What lies beyond is not counted.
struct WebhookSurveyLimits {
    std::size_t page_documents = 100; // endpoints that are read and decoded at once: their documents may be long
    std::size_t max_pages = 50;
    std::size_t max_waiting = 1000; // that there are a thousand is all that anybody needs to know

    WebhookSurveyLimits() = default;
};

struct WebhookSurvey {
    bool complete = true;      // false: endpoints are not counted that lie beyond the limits, or that nobody can read
    std::uint64_t active = 0;
    std::uint64_t failing = 0; // of the active ones: the last attempt that was stored failed
    std::map<WebhookDisabledReason, std::uint64_t> disabled;
    std::uint64_t waiting = 0; // deliveries, up to WebhookSurveyLimits::max_waiting

    WebhookSurvey() = default;
};

// Threading: on the store's executor. Ownership: the store outlives the call.
Async<Result<WebhookSurvey>> survey_webhooks(Store& store, WebhookSurveyLimits limits);

} // namespace castiel_sync

#include <castiel_sync/webhooks/survey.hpp>

#include <webhooks/documents.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync {
namespace {

// By tenant: what a store answers from an index.
Async<Result<>> count_waiting(Store& store, std::string tenant_id, std::vector<IndexValue> webhook_ids,
                              std::uint64_t most, WebhookSurvey& figures) {
    Query query;
    query.conditions.emplace_back("webhook_id", std::move(webhook_ids));
    query.conditions.emplace_back("state", Condition::Comparison::equal,
                                  IndexValue(std::string(to_string(WebhookDeliveryState::waiting))));
    while (figures.waiting < most) {
        query.limit = std::min<std::size_t>(most - figures.waiting, 200);
        Query copy = query;
        auto page = co_await store.query(tenant_id, "webhook_delivery", std::move(copy));
        if (!page) co_return page.error();
        figures.waiting += page->documents.size();
        if (page->continuation.empty()) break;
        query.continuation = std::move(page->continuation);
    }
    co_return Result<>();
}

void count_webhook(const Document& document, WebhookSurvey& figures) {
    const auto webhook = from_document<WebhookDocument>(document);
    if (!webhook) {
        figures.complete = false;
    } else if (webhook->settings.active && !webhook->removed) {
        ++figures.active;
        if (webhook->failing_since) ++figures.failing;
    } else if (!webhook->removed) {
        ++figures.disabled[webhook->disabled_reason.value_or(WebhookDisabledReason::owner)];
    }
}

} // namespace

Async<Result<WebhookSurvey>> survey_webhooks(Store& store, WebhookSurveyLimits limits) {
    WebhookSurvey figures;
    Query query;
    query.limit = limits.page_documents;
    for (std::size_t pages = 0; pages < limits.max_pages; ++pages) {
        Query copy = query;
        auto page = co_await store.scan("webhook", std::move(copy));
        if (!page) co_return page.error();
        std::map<std::string, std::vector<IndexValue>> of_tenant;
        for (const ScannedDocument& scanned : page->documents) {
            count_webhook(scanned.document, figures);
            of_tenant[scanned.partition].emplace_back(scanned.document.id);
        }
        for (auto& [tenant_id, webhook_ids] : of_tenant) {
            auto counted =
                co_await count_waiting(store, tenant_id, std::move(webhook_ids), limits.max_waiting, figures);
            if (!counted) co_return counted.error();
        }
        if (page->continuation.empty()) co_return figures;
        query.continuation = std::move(page->continuation);
    }
    figures.complete = false;
    co_return figures;
}

} // namespace castiel_sync

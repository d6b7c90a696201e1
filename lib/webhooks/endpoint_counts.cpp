#include <webhooks/endpoint_counts.hpp>

namespace castiel_sync {
using std::chrono::nanoseconds;

WebhookDispatcher::EndpointCounts& WebhookEndpointCounts::at(const std::string& webhook_id, nanoseconds now,
                                                             const WebhookLimits& limits) {
    if (!places_.contains(webhook_id) && places_.size() >= limits.max_counted_endpoints) {
        std::erase_if(places_, [&](const auto& place) { return now - place.second.counted_at > limits.counted_for; });
        if (places_.size() >= limits.max_counted_endpoints) return others_;
    }
    Place& place = places_[webhook_id];
    place.counts.webhook_id = webhook_id;
    place.counted_at = now;
    return place.counts;
}

void WebhookEndpointCounts::count(const std::string& webhook_id, bool delivered, nanoseconds now,
                                  const WebhookLimits& limits) {
    WebhookDispatcher::EndpointCounts& counts = at(webhook_id, now, limits);
    ++(delivered ? counts.delivered : counts.failed);
}

std::vector<WebhookDispatcher::EndpointCounts> WebhookEndpointCounts::told(nanoseconds now,
                                                                           const WebhookLimits& limits) const {
    std::vector<WebhookDispatcher::EndpointCounts> all;
    for (const auto& [id, place] : places_)
        if (now - place.counted_at <= limits.counted_for) all.push_back(place.counts);
    all.push_back(others_);
    return all;
}

} // namespace castiel_sync

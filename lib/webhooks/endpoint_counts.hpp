// How a process's attempts ended, by endpoint, for as many endpoints as there are places.
//
// Ids come without end, and whoever collects these counts keeps each of them for ever. So an endpoint keeps its place
// while it is sent to, and others do not take turns: what has no place is counted together.
#pragma once

#include <castiel_sync/webhooks/dispatcher.hpp>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace castiel_sync {

class WebhookEndpointCounts {
public:
    void count(const std::string& webhook_id, bool delivered, std::chrono::nanoseconds now,
               const WebhookLimits& limits);
    [[nodiscard]] std::vector<WebhookDispatcher::EndpointCounts> told(std::chrono::nanoseconds now,
                                                                      const WebhookLimits& limits) const;

private:
    struct Place {
        WebhookDispatcher::EndpointCounts counts;
        std::chrono::nanoseconds counted_at{0};
    };
    WebhookDispatcher::EndpointCounts& at(const std::string& webhook_id, std::chrono::nanoseconds now,
                                          const WebhookLimits& limits);

    std::map<std::string, Place> places_;
    WebhookDispatcher::EndpointCounts others_;
};

} // namespace castiel_sync

// Metrics: what this process has counted and what it sees now, in the text format of Prometheus (0.0.4).
//
// Series are bounded by the build, never by what clients or tenants do. No label holds an id of a tenant, an
// integration, a stream or a record: there are as many as there are customers, each new one would be a series for
// ever, and /metrics is read without a tenant, which none of them may be told of to another one. What a person needs
// about a single stream, the API answers. docs/metrics.md lists them all.
//
//     http_requests_total                       operations × statuses: 41 × a handful, and "unmatched" × 9 methods
//     http_request_duration_seconds             15 lines for each operation: about 700
//     castiel_sync_store_call_duration_seconds  15 for each call and result: 4 × 22 at the worst, 60 lines in health
//     castiel_sync_adapter_call_duration_seconds
//                                               the same for each adapter of the build
//     castiel_sync_webhook_endpoint_attempts_total
//                                               2 for each endpoint that has a place: at most 402 at a time
//     everything else                           about 160
//
// The one exception is the endpoint of a webhook: which receiver fails is what the figure is for, its id tells nothing
// of whose it is, and endpoints do not take turns (WebhookDispatcher::endpoint_counts).
//
// Lag is told as a distribution over the streams (castiel_sync_stream_age_seconds) and not per stream. Also the top few
// by name would make new series without end, as other streams take their turn at being the slowest.
//
// Threading. On the loop's thread.
// Ownership. What it watches is borrowed and outlives it. It outlives whatever feeds it, and the loop's coroutines.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/http/server.hpp>
#include <castiel_sync/observer.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/scheduler.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/sync_task.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {
class WebhookDispatcher; // castiel_sync/webhooks/dispatcher.hpp
}

namespace castiel_sync::service {

class Authentication; // http/authentication.hpp

enum class StoreCall { read, query, commit, scan };
enum class AdapterCall { check, pull, fetch, push };

class Metrics {
public:
    // Reading the store costs a scan of its streams, so that scrapes which come quicker see the same figures.
    static constexpr std::chrono::seconds survey_kept_for{15};
    // A scrape waits no longer for the store. It then tells the figures it has, and how old they are.
    static constexpr std::chrono::seconds survey_deadline{2};

    Metrics(const Runtime& runtime, std::string_view version);
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    // Sources of figures that are told as they stand at the time of a scrape.
    void watch(Store& store);
    void watch(const Scheduler& scheduler);
    void watch(const WebhookDispatcher& dispatcher);
    void watch(const Authentication& authentication);
    void watch_server(std::function<HttpServerCounters()> counters);

    // `route`: the path template of the contract's operation; empty: no operation was found. `duration`: to the answer,
    // or to its head where it is a stream.
    void count_request(std::string_view method, std::string_view route, unsigned status,
                       std::chrono::nanoseconds duration);
    void count_execution(const Execution& execution);
    void count_log_line(LogLevel level);
    void count_published_events(std::size_t events);
    void count_failed_publication();
    // No `fault`: the call succeeded.
    void count_call(StoreCall call, std::optional<ErrorCode> fault, std::chrono::nanoseconds duration);
    void count_call(const std::string& adapter, AdapterCall call, std::optional<ErrorCode> fault,
                    std::chrono::nanoseconds duration);

    // The text of /metrics.
    Async<std::string> scrape();

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace castiel_sync::service

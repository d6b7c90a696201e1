// WebhookDispatcher: sends what waits to be delivered. One for a process; any number of processes on a store, which
// share the endpoints by leases: one at a time sends to an endpoint, so that its caps and its rate hold over all of
// them.
//
// An endpoint that hangs holds up nothing but itself: each has requests of its own under way, and only so many.
//
// Threading.    On Runtime::executor; begin run() once, end with stop().
// Errors.       None that end it: a store that does not answer is asked again, and the log says so.
// Cancellation. Use stop(): a cancelled run() waits for nobody.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/observer.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/webhooks/sealing.hpp>
#include <castiel_sync/webhooks/webhook.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace castiel_sync {

struct WebhookDispatcherParts {
    Runtime runtime;
    Store* store = nullptr;
    const Sealer* sealer = nullptr;
    std::shared_ptr<HttpTransport> transport; // without retries: those are the dispatcher's
    Observer* observer = nullptr;             // may be null
    WebhookRules rules;
    WebhookLimits limits;
    std::string instance; // names this process in leases: "<host>-<pid>"

    WebhookDispatcherParts() = default;
};

// Ownership: everything in WebhookDispatcherParts is borrowed, and must outlive it and every call under way.
class WebhookDispatcher {
public:
    explicit WebhookDispatcher(WebhookDispatcherParts parts);
    ~WebhookDispatcher();
    WebhookDispatcher(const WebhookDispatcher&) = delete;
    WebhookDispatcher& operator=(const WebhookDispatcher&) = delete;

    // Sends until stop() is called. Once only.
    Async<> run();

    // Begins nothing any more.
    void close();

    // Begins nothing any more. What is under way may end within `grace`, and is stored; what has not is sent again by
    // whoever comes next. Completes when nothing runs any more: it may be destroyed then.
    Async<> stop(std::chrono::milliseconds grace);

    // This endpoint has something to do: it is looked at now, not with the next look at the store.
    void take_note(const std::string& tenant_id, const std::string& webhook_id);

    struct Counts {
        std::size_t lanes = 0;      // endpoints that are being sent to
        std::size_t in_flight = 0;  // requests under way
        std::uint64_t attempts = 0; // since the start, with those under way
        std::uint64_t delivered = 0;
        std::uint64_t failed = 0;

        Counts() = default;
    };
    [[nodiscard]] Counts counts() const;

    // How attempts at one endpoint ended.
    struct EndpointCounts {
        std::string webhook_id; // empty: all those together that had no place of their own at the time
        std::uint64_t delivered = 0;
        std::uint64_t failed = 0;

        EndpointCounts() = default;
    };
    // Of the endpoints that were sent to within WebhookLimits::counted_for, at most max_counted_endpoints, and then of
    // the others. Each attempt is counted in one of them, and stays there. An endpoint keeps its place until it has not
    // been sent to for so long and another one needs it.
    [[nodiscard]] std::vector<EndpointCounts> endpoint_counts() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace castiel_sync

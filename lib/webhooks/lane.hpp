// Lane: everything that is sent to one endpoint, by the one process that holds its lease.
//
// A lane is one coroutine in a loop: settle what has been answered, choose what is sent next, store both in one commit
// that carries the endpoint's document, then send. So the attempts of a moment share a commit, each is stored before
// its first byte, and whoever took the lease over meanwhile has the commit refused.
#pragma once

#include <castiel_sync/webhooks/dispatcher.hpp>
#include <core/webhook_rules.hpp>
#include <engine/alarm.hpp>
#include <webhooks/attempts.hpp>
#include <webhooks/documents.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync {

// What lanes of a process share.
struct WebhookLanes {
    const WebhookDispatcherParts& parts;
    WebhookDispatcher::Counts counts;
    std::map<std::string, std::size_t> in_flight; // by tenant
    bool stopping = false;
};

// How long until somebody should look at an endpoint again; none: nothing waits there.
using NextLook = std::optional<std::chrono::nanoseconds>;

class Lane : public std::enable_shared_from_this<Lane> {
public:
    Lane(WebhookLanes& lanes, WebhookBreaker& breaker, std::string tenant_id, std::string webhook_id);

    // Sends what is due, to its end.
    Async<Result<NextLook>> run();

    // Something may have become due.
    void ring();
    // Leaves what is under way: it is sent again by whoever comes next.
    void abandon();

private:
    struct Flight {
        WebhookDeliveryDocument delivery;
        HttpCall call;
        boost::asio::cancellation_signal stop;
        std::optional<WebhookResult> result; // none: it was abandoned

        Flight() = default;
    };
    // What one turn of the loop stores, and then begins.
    struct Turn {
        WebhookDocument webhook;
        std::vector<WebhookDeliveryDocument> changed;
        std::vector<WebhookDeliveryDocument> starts;
        std::vector<std::string> payloads; // of starts
        std::size_t settled = 0;           // of landed_, from its front
        std::size_t taken = 0;             // of ready_, from its front
        NextLook blocked_for;              // by the rate, the breaker or a cap
        bool leaves = false;

        Turn() = default;
    };
    enum class Stored { yes, no, lost };

    Async<Result<bool>> claim();
    Async<Result<>> refill();
    Async<Result<>> find_orphans();
    Async<Result<Turn>> plan();
    void settle(Turn& turn);
    Async<Result<>> choose(Turn& turn);
    void disable(WebhookDocument& webhook, WebhookDisabledReason reason);
    [[nodiscard]] Event disabled_event(const WebhookDocument& webhook) const;
    Async<Result<Stored>> store(Turn& turn);
    Async<Result<Stored>> look_what_was_stored(Turn& turn);
    Result<> launch(Turn turn);
    Async<Result<NextLook>> leave(Error why);
    static Async<> fly(std::shared_ptr<Lane> self, std::shared_ptr<Flight> flight);
    Async<WebhookResult> send(HttpCall call);
    [[nodiscard]] Result<> read_secrets();
    [[nodiscard]] HttpCall call_of(const WebhookDeliveryDocument& delivery, std::string payload) const;
    [[nodiscard]] bool is_due(const WebhookDeliveryDocument& delivery) const;
    [[nodiscard]] NextLook next_due() const;
    [[nodiscard]] bool takes_deliveries(const WebhookDocument& webhook) const;
    [[nodiscard]] std::chrono::nanoseconds renewal_in() const;
    [[nodiscard]] Timestamp now() const { return lanes_.parts.runtime.clock->now(); }
    [[nodiscard]] std::chrono::nanoseconds monotonic() const { return lanes_.parts.runtime.clock->monotonic(); }

    WebhookLanes& lanes_;
    WebhookBreaker& breaker_;
    std::string tenant_id_;
    std::string webhook_id_;
    Alarm alarm_;
    WebhookDocument webhook_; // as stored, but for the claim that goes with the first commit
    bool claimed_ = false;    // that commit was made
    std::string secrets_of_;  // the sealed texts that these were read from
    std::vector<std::pair<std::string, std::optional<Timestamp>>> keys_; // and until when each signs
    std::vector<HttpHeader> headers_;
    std::deque<WebhookDeliveryDocument> ready_;    // what waits, by time
    bool look_again_ = true;                       // the store may hold more than that
    std::vector<WebhookDeliveryDocument> mended_;  // waited by a clock that was put back
    std::vector<WebhookDeliveryDocument> orphans_; // begun by a lane that has died
    std::map<std::string, std::shared_ptr<Flight>> flights_; // by delivery
    std::vector<std::shared_ptr<Flight>> landed_;
    std::chrono::nanoseconds renewed_at_{0};
    bool abandoned_ = false;
};

} // namespace castiel_sync

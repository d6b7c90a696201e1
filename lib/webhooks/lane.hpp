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
#include <webhooks/endpoint_counts.hpp>

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
    explicit WebhookLanes(const WebhookDispatcherParts& given) : parts(given) {}

    const WebhookDispatcherParts& parts;
    WebhookDispatcher::Counts counts;
    // By tenant.
    std::map<std::string, std::size_t> in_flight; // requests; also those that are about to be
    std::map<std::string, std::size_t> lanes;
    std::map<std::string, std::size_t> blocked; // lanes that wait for room
    bool stopping = false;
    WebhookEndpointCounts endpoints;
};

// Room of a tenant's for requests, from when they are chosen.
class TenantRoom {
public:
    TenantRoom() = default;
    TenantRoom(WebhookLanes& lanes, std::string tenant_id, std::size_t count)
        : lanes_(&lanes), tenant_id_(std::move(tenant_id)), count_(count) {
        lanes_->in_flight[tenant_id_] += count_;
    }
    TenantRoom(TenantRoom&& other) noexcept { swap(other); }
    TenantRoom& operator=(TenantRoom&& other) noexcept {
        swap(other);
        return *this;
    }
    ~TenantRoom() {
        if (lanes_ && count_ > 0 && (lanes_->in_flight[tenant_id_] -= count_) == 0) lanes_->in_flight.erase(tenant_id_);
    }
    // One request's share of it.
    [[nodiscard]] TenantRoom take_one() {
        TenantRoom one;
        one.lanes_ = lanes_;
        one.tenant_id_ = tenant_id_;
        one.count_ = 1;
        --count_;
        return one;
    }

private:
    void swap(TenantRoom& other) noexcept {
        std::swap(lanes_, other.lanes_);
        std::swap(tenant_id_, other.tenant_id_);
        std::swap(count_, other.count_);
    }
    WebhookLanes* lanes_ = nullptr;
    std::string tenant_id_;
    std::size_t count_ = 0;
};

// How long until somebody should look at an endpoint again; none: nothing waits there.
using NextLook = std::optional<std::chrono::nanoseconds>;

class Lane : public std::enable_shared_from_this<Lane> {
public:
    Lane(WebhookLanes& lanes, WebhookBreaker& breaker, std::string tenant_id, std::string webhook_id);
    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    // Sends what is due, to its end.
    Async<Result<NextLook>> run();

    // Something may have become due.
    void ring();
    // Leaves what is under way: it is sent again by whoever comes next.
    void abandon();
    // The same, and completes when nothing of it runs any more.
    Async<> abandon_and_wait();

private:
    struct Flight {
        WebhookDeliveryDocument delivery;
        HttpCall call;
        TenantRoom room;
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
        TenantRoom room;                   // for starts
        std::chrono::nanoseconds planned_at{0};
        std::size_t writes_left = 0;       // what one commit takes
        std::size_t settled = 0;           // of landed_, from its front
        std::size_t healed = 0;            // of orphans_, from their front
        std::size_t taken = 0;             // of ready_, from its front
        NextLook blocked_for;              // by the rate, the breaker or a cap
        bool leaves = false;

        Turn() = default;
    };
    enum class Stored { yes, no, lost };

    Async<Result<bool>> claim();
    [[nodiscard]] bool outlasts(const Error& error) const;
    Async<> wait_for_store();
    void set_blocked(bool blocked);
    [[nodiscard]] bool needs_more() const;
    void take_back(WebhookDeliveryDocument delivery);
    Async<Result<>> refill();
    Async<Result<>> find_orphans();
    Async<Result<>> cancel_what_is_left();
    Async<Result<Turn>> plan();
    void settle(Turn& turn);
    void note_breaker(WebhookDocument& webhook);
    Async<Result<>> choose(Turn& turn);
    void disable(WebhookDocument& webhook, WebhookDisabledReason reason);
    [[nodiscard]] Event disabled_event(const WebhookDocument& webhook) const;
    Async<Result<Stored>> store(Turn& turn);
    Async<Result<Stored>> look_what_was_stored(Turn& turn);
    void launch(Turn turn);
    Async<Result<NextLook>> leave(Error why);
    static Async<> fly(std::shared_ptr<Lane> self, std::shared_ptr<Flight> flight);
    Async<WebhookResult> send(HttpCall call);
    [[nodiscard]] Result<> read_secrets();
    [[nodiscard]] HttpCall call_of(const WebhookDeliveryDocument& delivery, std::string payload) const;
    [[nodiscard]] bool is_due(const WebhookDeliveryDocument& delivery) const;
    [[nodiscard]] NextLook next_due() const;
    [[nodiscard]] bool takes_deliveries(const WebhookDocument& webhook) const;
    [[nodiscard]] std::chrono::nanoseconds renewal_in() const;
    [[nodiscard]] bool is_held_by_others() const;
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
    bool look_again_ = true;                       // nobody knows what the store holds
    bool more_ = true;                             // the store may hold more than that
    std::vector<WebhookDeliveryDocument> mended_;  // waited by a clock that was put back
    std::vector<WebhookDeliveryDocument> orphans_; // begun by a lane that has died
    std::map<std::string, std::shared_ptr<Flight>> flights_; // by delivery
    std::vector<std::shared_ptr<Flight>> landed_;
    std::chrono::nanoseconds renewed_at_{0};
    std::chrono::nanoseconds held_for_{0}; // by somebody else, as far as is known
    bool abandoned_ = false;
    bool blocked_ = false;
};

} // namespace castiel_sync

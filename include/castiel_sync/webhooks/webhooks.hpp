// Webhooks: what their owners do with endpoints and deliveries, and the one place where events become deliveries.
// Sending is WebhookDispatcher's (castiel_sync/webhooks/dispatcher.hpp).
//
// Threading.    On Runtime::executor; calls overlap freely.
// Ownership.    Everything in WebhooksParts is borrowed, and must outlive it and every call under way.
// Errors.       not_found: no such endpoint, delivery or integration of this tenant. invalid_request: a setting that
//               can't be; the message names it and the rule. What another tenant has is never told.
// Cancellation. operation_aborted; what had begun to be stored may be.
// Secrets.      Kept sealed. They are told once, by create and rotate_secret.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/engine.hpp>
#include <castiel_sync/event.hpp>
#include <castiel_sync/http/egress.hpp>
#include <castiel_sync/observer.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/webhooks/sealing.hpp>
#include <castiel_sync/webhooks/webhook.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace castiel_sync {

// The kinds that webhooks keep. Open the store with them beside engine_kinds().
[[nodiscard]] std::span<const KindDeclaration> webhook_kinds();

struct WebhookDeliveryDocument; // lib/webhooks

struct WebhooksParts {
    Runtime runtime; // its Random makes secrets: make_system_random, except in tests
    Store* store = nullptr;
    const Sealer* sealer = nullptr; // null: events become deliveries, and nothing else works
    EgressPolicy egress; // what URLs are held against when they are stored; each dial is judged again
    WebhookLimits limits;
    // Told which endpoints have something to do now. May be empty.
    std::function<void(const std::string& tenant_id, const std::string& webhook_id)> on_due;

    WebhooksParts() = default;
};

struct WebhookWithSecret {
    Webhook webhook;
    std::string secret; // whsec_…

    WebhookWithSecret() = default;
};

// What is to become of what an endpoint missed.
struct WebhookRecovery {
    Timestamp since{};
    std::optional<Timestamp> until; // nothing said: now
    bool only_missing = true;       // false: what was delivered, too
    bool dry_run = false;           // only counts

    WebhookRecovery() = default;
};

class Webhooks final : public EventFanOut {
public:
    explicit Webhooks(WebhooksParts parts) : parts_(std::move(parts)) {}

    // Borrowed by the dispatcher's host: set once both are made.
    void on_due(std::function<void(const std::string& tenant_id, const std::string& webhook_id)> told) {
        parts_.on_due = std::move(told);
    }

    // `secret` empty: one is made. `webhook_id` empty: a new one; else the call may be repeated within a day, and a
    // repetition changes the secret of what the first one made.
    Async<Result<WebhookWithSecret>> create(std::string tenant_id, WebhookSettings settings, std::string secret,
                                            std::string webhook_id);
    Async<Result<Webhook>> find(std::string tenant_id, std::string webhook_id);
    // Of one integration, or all of the tenant where that is empty.
    Async<Result<std::vector<Webhook>>> list(std::string tenant_id, std::string integration_id);
    // Settings as `change` leaves them; it may be called several times. What switches it off cancels what waits.
    Async<Result<Webhook>> update(std::string tenant_id, std::string webhook_id,
                                  std::function<Result<>(WebhookSettings&)> change);
    // Its deliveries that wait are cancelled. What is under way ends.
    Async<Result<>> remove(std::string tenant_id, std::string webhook_id);
    // A new secret; the one before signs along for WebhookLimits::secret_overlap. `secret` empty: one is made.
    Async<Result<WebhookWithSecret>> rotate_secret(std::string tenant_id, std::string webhook_id, std::string secret);

    // Sends an event of type integration.webhook.test to this endpoint alone, whatever events it takes.
    Async<Result<WebhookDelivery>> test(std::string tenant_id, std::string webhook_id);

    // Newest first. `state` empty: any; else a page may hold fewer than `limit`, even none, and not be the last one.
    Async<Result<ListPage<WebhookDelivery>>> list_deliveries(std::string tenant_id, std::string webhook_id,
                                                             std::string state, std::size_t limit,
                                                             std::string cursor);
    Async<Result<WebhookDelivery>> find_delivery(std::string tenant_id, std::string webhook_id,
                                                 std::string delivery_id);
    // Once more, now, whatever became of it, and with all attempts of a first delivery. stale: it is being sent at this
    // moment.
    Async<Result<WebhookDelivery>> redeliver(std::string tenant_id, std::string webhook_id, std::string delivery_id);
    // Answers how many deliveries are (or, dry, would be) sent again or for the first time.
    Async<Result<std::size_t>> recover(std::string tenant_id, std::string webhook_id, WebhookRecovery recovery);

    Async<Result<std::vector<Write>>> writes_for(std::string tenant_id, std::vector<Event> events) override;
    void take_note(const std::string& tenant_id, const std::vector<Write>& writes) override;

private:
    struct Found;
    Async<Result<Found>> load(std::string tenant_id, std::string webhook_id);
    Async<Result<WebhookDeliveryDocument>> load_delivery(std::string tenant_id, std::string webhook_id,
                                                         std::string delivery_id);
    Async<Result<std::size_t>> count(std::string tenant_id);
    Async<> pause_between(int round);
    void tell(const std::string& tenant_id, const std::string& webhook_id) const;
    [[nodiscard]] Result<> check(const WebhookSettings& settings) const;

    WebhooksParts parts_;
};

} // namespace castiel_sync

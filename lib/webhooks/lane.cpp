#include <webhooks/lane.hpp>

#include <algorithm>

namespace castiel_sync {
namespace asio = boost::asio;
using std::chrono::nanoseconds;

namespace {

// In a turn: more would hold the next commit up.
constexpr std::size_t most_cancelled = 500;
// A lease that ends later than its length and this from now is of a clock that was wrong, and holds nobody up.
constexpr std::chrono::minutes most_skew{10};
// Whoever waits for somebody else's lease looks this often, at least.
constexpr std::chrono::seconds longest_look{15};

Query waiting_deliveries(const std::string& webhook_id, WebhookDeliveryState state, std::size_t limit) {
    Query query;
    query.conditions.emplace_back("webhook_id", Condition::Comparison::equal, IndexValue(webhook_id));
    query.conditions.emplace_back("state", Condition::Comparison::equal, IndexValue(std::string(to_string(state))));
    query.order = {{"due", false}};
    query.limit = limit;
    return query;
}

// Up to the query's limit: a page may hold fewer documents and not be the last one.
Async<Result<std::vector<WebhookDeliveryDocument>>> read_deliveries(Store& store, std::string tenant_id, Query query) {
    std::vector<WebhookDeliveryDocument> deliveries;
    const std::size_t wanted = query.limit;
    do {
        Query copy = query;
        auto page = co_await store.query(tenant_id, "webhook_delivery", std::move(copy));
        if (!page) co_return page.error();
        for (const Document& document : page->documents) {
            auto delivery = from_document<WebhookDeliveryDocument>(document);
            if (!delivery) co_return delivery.error();
            deliveries.push_back(std::move(*delivery));
        }
        query.continuation = page->continuation;
    } while (!query.continuation.empty() && deliveries.size() < wanted);
    co_return deliveries;
}

json::object disabled_data(const WebhookDocument& webhook) {
    return {{"webhookId", webhook.webhook_id},
            {"integrationId", webhook.settings.integration_id},
            {"reason", to_string(*webhook.disabled_reason)}};
}

} // namespace

Lane::Lane(WebhookLanes& lanes, WebhookBreaker& breaker, std::string tenant_id, std::string webhook_id)
    : lanes_(lanes), breaker_(breaker), tenant_id_(std::move(tenant_id)), webhook_id_(std::move(webhook_id)),
      alarm_(lanes.parts.runtime) {
    ++lanes_.lanes[tenant_id_];
}

Lane::~Lane() {
    set_blocked(false);
    if (--lanes_.lanes[tenant_id_] == 0) lanes_.lanes.erase(tenant_id_);
}

void Lane::set_blocked(bool blocked) {
    if (blocked == blocked_) return;
    blocked_ = blocked;
    std::size_t& count = lanes_.blocked[tenant_id_];
    if (blocked) ++count;
    else if (--count == 0) lanes_.blocked.erase(tenant_id_);
}

void Lane::ring() {
    more_ = true;
    alarm_.ring();
}

// What is known is enough for as many requests as may be under way: the rest can wait, since it is due later.
bool Lane::needs_more() const {
    if (look_again_) return true;
    const std::size_t enough = webhook_.settings.max_in_flight;
    return more_ && (ready_.size() < enough || !is_due(ready_[enough - 1]));
}

// It waits again.
void Lane::take_back(WebhookDeliveryDocument delivery) {
    const auto place = std::upper_bound(ready_.begin(), ready_.end(), delivery,
                                        [](const WebhookDeliveryDocument& left, const WebhookDeliveryDocument& right) {
                                            return left.next_attempt_at < right.next_attempt_at;
                                        });
    if (more_ && place == ready_.end()) return; // there may be others before it
    ready_.insert(place, std::move(delivery));
}

void Lane::abandon() {
    abandoned_ = true;
    std::vector<std::shared_ptr<Flight>> flying; // one that stops at once is no longer in the map
    for (const auto& [id, flight] : flights_) flying.push_back(flight);
    for (const auto& flight : flying) flight->stop.emit(asio::cancellation_type::terminal);
    alarm_.ring();
}

bool Lane::takes_deliveries(const WebhookDocument& webhook) const {
    return webhook.settings.active && !webhook.removed;
}

bool Lane::is_due(const WebhookDeliveryDocument& delivery) const { return delivery.next_attempt_at <= now(); }

NextLook Lane::next_due() const {
    if (ready_.empty()) return std::nullopt;
    return std::max<nanoseconds>(*ready_.front().next_attempt_at - now(), nanoseconds{0});
}

nanoseconds Lane::renewal_in() const {
    return renewed_at_ + lanes_.parts.limits.lease_duration / 4 - monotonic();
}

bool Lane::is_held_by_others() const {
    if (!webhook_.lease || webhook_.lease->owner == lanes_.parts.instance) return false;
    const auto left = webhook_.lease->expires_at - now();
    return left > left.zero() && left <= lanes_.parts.limits.lease_duration + most_skew;
}

Async<Result<NextLook>> Lane::run() {
    auto claimed = co_await claim();
    if (!claimed) co_return claimed.error();
    if (!*claimed) {
        if (held_for_ > nanoseconds{0}) co_return NextLook(std::min<nanoseconds>(held_for_, longest_look));
        co_return next_due();
    }
    for (;;) {
        if (needs_more()) {
            auto filled = co_await refill();
            if (!filled && !outlasts(filled.error())) co_return co_await leave(filled.error());
            if (!filled) {
                co_await wait_for_store();
                continue;
            }
        }
        auto turn = co_await plan();
        if (!turn && !outlasts(turn.error())) co_return co_await leave(turn.error());
        if (!turn) {
            co_await wait_for_store();
            continue;
        }
        const bool idle = turn->changed.empty() && turn->starts.empty() && !turn->leaves;
        if (idle && renewal_in() > nanoseconds{0}) {
            // Another process may have stored more that is due, and can't tell this one.
            const nanoseconds begun = monotonic();
            nanoseconds pause = std::min<nanoseconds>(renewal_in(), lanes_.parts.limits.busy_pause);
            if (turn->blocked_for) pause = std::min(pause, *turn->blocked_for);
            else if (const auto due = next_due(); due && *due > nanoseconds{0}) pause = std::min(pause, *due);
            co_await alarm_.sleep_for(pause);
            if (monotonic() - begun >= lanes_.parts.limits.busy_pause) more_ = true;
            continue;
        }
        auto stored = co_await store(*turn);
        if (!stored) co_return co_await leave(stored.error());
        if (*stored == Stored::lost) co_return co_await leave(Error(ErrorCode::lease_lost, ""));
        if (*stored == Stored::no && abandoned_) co_return co_await leave(Error(ErrorCode::lease_lost, ""));
        if (*stored == Stored::no) continue;
        if (turn->leaves) {
            if (turn->blocked_for) co_return turn->blocked_for;
            co_return next_due();
        }
        // A process that stood still may have lost the endpoint since.
        if (monotonic() - turn->planned_at > lanes_.parts.limits.lease_duration * 3 / 4)
            co_return co_await leave(Error(ErrorCode::lease_lost, ""));
        // Once more: its owner may have led it elsewhere, with other headers, while that was stored.
        if (auto read = read_secrets(); !read) co_return co_await leave(read.error());
        launch(std::move(*turn));
    }
}

// Requests under way are not given up because the store does not answer for a moment.
bool Lane::outlasts(const Error& error) const {
    return claimed_ && !abandoned_ && is_retryable(error.code) &&
           monotonic() - renewed_at_ < lanes_.parts.limits.lease_duration * 3 / 4;
}

Async<> Lane::wait_for_store() {
    look_again_ = true;
    co_await lanes_.parts.runtime.clock->sleep_for(lanes_.parts.limits.busy_pause);
}

// What is under way is nobody's any more: whoever comes next finds it begun, and sends it again.
Async<Result<NextLook>> Lane::leave(Error why) {
    co_await abandon_and_wait();
    if (why.code == ErrorCode::lease_lost) co_return NextLook(lanes_.parts.limits.busy_pause);
    co_return why;
}

Async<> Lane::abandon_and_wait() {
    abandon();
    while (!flights_.empty()) co_await alarm_.sleep_for(std::chrono::seconds(1));
}

// False: there is nothing to do, or somebody else does it. True: the first commit will say that it is ours.
Async<Result<bool>> Lane::claim() {
    std::vector<std::string> ids{webhook_id_};
    auto documents = co_await lanes_.parts.store->read(tenant_id_, "webhook", std::move(ids));
    if (!documents) co_return documents.error();
    if (!documents->front()) {
        auto cancelled = co_await cancel_what_is_left();
        if (!cancelled) co_return cancelled.error();
        co_return false;
    }
    auto webhook = from_document<WebhookDocument>(*documents->front());
    if (!webhook) co_return webhook.error();
    webhook_ = std::move(*webhook);
    if (is_held_by_others()) {
        held_for_ = webhook_.lease->expires_at - now();
        co_return false;
    }
    const bool left_behind = webhook_.lease.has_value();
    webhook_.lease.reset();
    // The store knows what others met since; what this process knew is old where the two differ.
    if ((webhook_.breaker_pause > webhook_.breaker_pause.zero()) != breaker_.probing())
        breaker_.take_over(webhook_.breaker_pause, webhook_.rests_until.value_or(now()) - now(), monotonic());
    auto found = co_await find_orphans();
    if (!found) co_return found.error();
    auto filled = co_await refill();
    if (!filled) co_return filled.error();
    const bool waiting = !ready_.empty() && (is_due(ready_.front()) || !takes_deliveries(webhook_));
    ++webhook_.token;
    renewed_at_ = monotonic();
    co_return left_behind || waiting || !mended_.empty() || !orphans_.empty();
}

// Its endpoint is gone, and somebody stored it at the same moment.
Async<Result<>> Lane::cancel_what_is_left() {
    for (const auto state : {WebhookDeliveryState::waiting, WebhookDeliveryState::sending}) {
        for (;;) {
            auto query = waiting_deliveries(webhook_id_, state, 50);
            auto left = co_await read_deliveries(*lanes_.parts.store, tenant_id_, std::move(query));
            if (!left) co_return left.error();
            if (left->empty()) break;
            std::vector<Write> writes;
            for (WebhookDeliveryDocument& delivery : *left) {
                end_delivery(delivery, WebhookDeliveryState::cancelled, now());
                writes.push_back(replace(to_document(delivery, now() + lanes_.parts.limits.retention)));
            }
            auto receipt = co_await lanes_.parts.store->commit(tenant_id_, std::move(writes));
            if (!receipt) co_return receipt.error();
        }
    }
    co_return Result<>();
}

Async<Result<>> Lane::refill() {
    look_again_ = more_ = false;
    const std::size_t limit =
        takes_deliveries(webhook_) ? 2 * webhook_.settings.max_in_flight + 1 : most_cancelled;
    auto query = waiting_deliveries(webhook_id_, WebhookDeliveryState::waiting, limit);
    auto deliveries = co_await read_deliveries(*lanes_.parts.store, tenant_id_, std::move(query));
    if (!deliveries) co_return deliveries.error();
    more_ = more_ || deliveries->size() >= limit;
    ready_.clear();
    mended_.clear();
    for (WebhookDeliveryDocument& delivery : *deliveries) {
        WebhookDeliveryDocument mended = delivery;
        if (mend_due_time(mended, now())) mended_.push_back(std::move(mended));
        else ready_.push_back(std::move(delivery));
    }
    co_return Result<>();
}

Async<Result<>> Lane::find_orphans() {
    auto query = waiting_deliveries(webhook_id_, WebhookDeliveryState::sending, 1000);
    auto deliveries = co_await read_deliveries(*lanes_.parts.store, tenant_id_, std::move(query));
    if (!deliveries) co_return deliveries.error();
    orphans_ = std::move(*deliveries);
    co_return Result<>();
}

Async<Result<Lane::Turn>> Lane::plan() {
    Turn turn;
    turn.planned_at = monotonic();
    turn.webhook = webhook_;
    WebhookLease lease;
    lease.owner = lanes_.parts.instance;
    lease.expires_at = now() + lanes_.parts.limits.lease_duration;
    turn.webhook.lease = std::move(lease);
    turn.webhook.commit_id = make_uuid(*lanes_.parts.runtime.random);
    const StoreLimits limits = lanes_.parts.store->limits();
    // Beside the endpoint's own document, and an event.
    turn.writes_left = std::max<std::size_t>(
        1, std::min(limits.max_writes - 2, limits.max_bytes / longest_delivery_document));
    settle(turn);
    for (; turn.healed < orphans_.size() && turn.writes_left > 0; ++turn.healed, --turn.writes_left) {
        turn.changed.push_back(orphans_[turn.healed]);
        lose_attempt(turn.changed.back(), now());
    }
    const std::size_t mends = std::min(mended_.size(), turn.writes_left);
    turn.changed.insert(turn.changed.end(), mended_.begin(), mended_.begin() + static_cast<std::ptrdiff_t>(mends));
    turn.writes_left -= mends;
    if (takes_deliveries(turn.webhook)) {
        auto chosen = co_await choose(turn);
        if (!chosen) co_return chosen.error();
    } else {
        turn.taken = std::min(ready_.size(), turn.writes_left);
        turn.changed.insert(turn.changed.end(), ready_.begin(),
                            ready_.begin() + static_cast<std::ptrdiff_t>(turn.taken));
        for (WebhookDeliveryDocument& delivery : turn.changed)
            if (!has_ended(delivery.state)) end_delivery(delivery, WebhookDeliveryState::cancelled, now());
    }
    note_breaker(turn.webhook);
    const bool ends = lanes_.stopping || abandoned_;
    const bool more = look_again_ || !mended_.empty() || !orphans_.empty() || (more_ && turn.taken == ready_.size());
    const bool waits_here = turn.blocked_for && *turn.blocked_for < std::chrono::seconds(1);
    const bool due = turn.taken < ready_.size() && !turn.blocked_for &&
                     (is_due(ready_[turn.taken]) || !takes_deliveries(turn.webhook));
    // One that waits again is looked at once more, for when.
    const bool waits_again = takes_deliveries(turn.webhook) &&
                             std::any_of(turn.changed.begin(), turn.changed.end(),
                                         [](const auto& delivery) { return !has_ended(delivery.state); });
    const bool settled = turn.settled == landed_.size() && flights_.empty() && turn.starts.empty();
    turn.leaves = settled && (ends || (!more && !waits_here && !due && !waits_again));
    if (turn.leaves) turn.webhook.lease.reset();
    co_return turn;
}

void Lane::note_breaker(WebhookDocument& webhook) {
    webhook.breaker_pause = std::chrono::ceil<std::chrono::milliseconds>(breaker_.pause());
    webhook.rests_until.reset();
    if (const auto closed = breaker_.closed_for(monotonic()))
        webhook.rests_until = now() + std::chrono::ceil<std::chrono::milliseconds>(*closed);
}

// What has been answered, as it will be stored.
void Lane::settle(Turn& turn) {
    const WebhookDispatcherParts& parts = lanes_.parts;
    WebhookDocument& webhook = turn.webhook;
    for (; turn.settled < landed_.size() && turn.writes_left > 0; ++turn.settled, --turn.writes_left) {
        const auto& flight = landed_[turn.settled];
        WebhookDeliveryDocument& delivery = turn.changed.emplace_back(flight->delivery);
        if (!flight->result) {
            lose_attempt(delivery, now());
            continue;
        }
        end_attempt(delivery, *flight->result, parts.rules, now(), *parts.runtime.random);
        const WebhookOutcome outcome = outcome_of(flight->result->status, flight->result->error);
        if (outcome == WebhookOutcome::delivered) {
            webhook.health = WebhookHealth();
            continue;
        }
        if (outcome == WebhookOutcome::gone) end_delivery(delivery, WebhookDeliveryState::cancelled, now());
        const bool failing = note_webhook_failure(webhook.health, parts.rules, delivery.event_id, now());
        if (!webhook.settings.active) continue;
        if (outcome == WebhookOutcome::gone) disable(webhook, WebhookDisabledReason::gone);
        else if (failing) disable(webhook, WebhookDisabledReason::failing);
    }
}

void Lane::disable(WebhookDocument& webhook, WebhookDisabledReason reason) {
    webhook.settings.active = false;
    webhook.disabled_reason = reason;
    webhook.disabled_at = now();
    webhook.updated_at = now();
    ++webhook.event_sequence;
}

// Goes into the outbox in the commit that switches the endpoint off.
Event Lane::disabled_event(const WebhookDocument& webhook) const {
    Event event;
    event.id = make_uuid(*lanes_.parts.runtime.random);
    event.type = "integration.webhook.disabled";
    event.timestamp = *webhook.disabled_at;
    event.tenant_id = tenant_id_;
    event.stream_id = "webhook/" + webhook_id_;
    event.sequence = webhook.event_sequence;
    event.data = disabled_data(webhook);
    return event;
}

Async<Result<>> Lane::choose(Turn& turn) {
    const WebhookDispatcherParts& parts = lanes_.parts;
    const WebhookSettings& settings = turn.webhook.settings;
    if (lanes_.stopping || abandoned_) co_return Result<>();
    const auto tenant_flights = lanes_.in_flight.find(tenant_id_);
    const std::size_t others = tenant_flights == lanes_.in_flight.end() ? 0 : tenant_flights->second;
    const auto fair_share =
        std::max<std::size_t>(1, parts.limits.max_in_flight_per_tenant / lanes_.lanes[tenant_id_]);
    const auto waiting = lanes_.blocked.find(tenant_id_);
    const bool is_fair = waiting != lanes_.blocked.end() && waiting->second > (blocked_ ? 1U : 0U);
    bool blocked = false;
    std::size_t wanted = 0;
    while (turn.taken + wanted < ready_.size() && is_due(ready_[turn.taken + wanted]) && wanted < turn.writes_left) {
        if (flights_.size() + wanted >= settings.max_in_flight) break;
        if (others + wanted >= parts.limits.max_in_flight_per_tenant ||
            lanes_.counts.in_flight + wanted >= parts.limits.max_in_flight) {
            turn.blocked_for = std::chrono::milliseconds(100);
            blocked = true;
            break;
        }
        // Room that comes free is for whoever waits for it, up to an even share for each.
        if (is_fair && flights_.size() + wanted >= fair_share) {
            turn.blocked_for = std::chrono::milliseconds(100);
            break;
        }
        if (const auto closed = breaker_.closed_for(monotonic())) {
            turn.blocked_for = *closed;
            break;
        }
        if (breaker_.probing() && flights_.size() + wanted > 0) break;
        if (settings.rate_per_minute) {
            const auto pause = take_webhook_turn(turn.webhook.rate_reserved, *settings.rate_per_minute, now());
            if (pause > pause.zero()) {
                turn.blocked_for = pause;
                break;
            }
        }
        ++wanted;
    }
    set_blocked(blocked);
    if (wanted == 0) co_return Result<>();
    if (auto read = read_secrets(); !read) co_return read;
    turn.room = TenantRoom(lanes_, tenant_id_, wanted);
    turn.writes_left -= wanted;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < wanted; ++i) ids.push_back(ready_[turn.taken + i].event_id);
    auto messages = co_await parts.store->read(tenant_id_, "webhook_message", std::move(ids));
    if (!messages) co_return messages.error();
    for (std::size_t i = 0; i < wanted; ++i) {
        WebhookDeliveryDocument delivery = ready_[turn.taken + i];
        if (!(*messages)[i]) {
            end_delivery(delivery, WebhookDeliveryState::discarded, now());
            turn.changed.push_back(std::move(delivery));
            continue;
        }
        begin_attempt(delivery, parts.limits, now());
        turn.starts.push_back(std::move(delivery));
        turn.payloads.push_back(std::move((*messages)[i]->body));
    }
    turn.taken += wanted;
    co_return Result<>();
}

Async<Result<Lane::Stored>> Lane::store(Turn& turn) {
    const Timestamp kept_until = now() + lanes_.parts.limits.retention;
    std::vector<Write> writes;
    writes.push_back(replace(to_document(turn.webhook)));
    for (const auto& delivery : turn.changed) writes.push_back(replace(to_document(delivery, kept_until)));
    for (const auto& delivery : turn.starts) writes.push_back(replace(to_document(delivery, kept_until)));
    const bool disables = turn.webhook.event_sequence != webhook_.event_sequence;
    if (disables) writes.push_back(put(to_document(disabled_event(turn.webhook))));
    auto receipt = co_await lanes_.parts.store->commit(tenant_id_, std::move(writes));
    if (receipt) {
        turn.webhook.etag = receipt->etags.front();
        for (std::size_t i = 0; i < turn.changed.size(); ++i) turn.changed[i].etag = receipt->etags[1 + i];
        for (std::size_t i = 0; i < turn.starts.size(); ++i)
            turn.starts[i].etag = receipt->etags[1 + turn.changed.size() + i];
    } else {
        const Error error = receipt.error();
        if (error.code != ErrorCode::stale && error.code != ErrorCode::unknown_outcome &&
            error.code != ErrorCode::unavailable)
            co_return error;
        if (error.code != ErrorCode::stale) co_await alarm_.sleep_for(lanes_.parts.limits.busy_pause);
        auto looked = co_await look_what_was_stored(turn);
        if (!looked) co_return looked.error();
        if (*looked != Stored::yes) co_return *looked;
        look_again_ = true;
    }
    if (disables && lanes_.parts.observer)
        lanes_.parts.observer->on_log(LogLevel::warning,
                                      "a webhook is switched off: its endpoint answered that it is gone, or failed for "
                                      "days",
                                      disabled_data(turn.webhook));
    webhook_ = turn.webhook;
    claimed_ = true;
    renewed_at_ = turn.planned_at;
    orphans_.erase(orphans_.begin(), orphans_.begin() + static_cast<std::ptrdiff_t>(turn.healed));
    mended_.clear();
    landed_.erase(landed_.begin(), landed_.begin() + static_cast<std::ptrdiff_t>(turn.settled));
    ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(turn.taken));
    for (WebhookDeliveryDocument& delivery : turn.changed)
        if (delivery.state == WebhookDeliveryState::waiting) take_back(std::move(delivery));
    co_return Stored::yes;
}

// The commit was refused, or nobody knows. Its id tells whether it happened. If not, the owner has changed the endpoint
// or a delivery, and the turn is planned anew; or somebody else has the endpoint. What was read for a claim that was
// not made is worth nothing any more.
Async<Result<Lane::Stored>> Lane::look_what_was_stored(Turn& turn) {
    std::vector<std::string> ids{webhook_id_};
    auto documents = co_await lanes_.parts.store->read(tenant_id_, "webhook", std::move(ids));
    if (!documents) co_return documents.error();
    if (!documents->front()) co_return Stored::lost;
    auto fresh = from_document<WebhookDocument>(*documents->front());
    if (!fresh) co_return fresh.error();
    if (fresh->commit_id == turn.webhook.commit_id) {
        std::vector<std::string> started;
        for (const auto& delivery : turn.starts) started.push_back(delivery.delivery_id);
        auto stored = co_await lanes_.parts.store->read(tenant_id_, "webhook_delivery", std::move(started));
        if (!stored) co_return stored.error();
        for (std::size_t i = 0; i < turn.starts.size(); ++i)
            if ((*stored)[i]) turn.starts[i].etag = (*stored)[i]->etag;
        turn.webhook = std::move(*fresh);
        co_return Stored::yes;
    }
    if (!claimed_ || fresh->token != webhook_.token || !fresh->lease ||
        fresh->lease->owner != lanes_.parts.instance)
        co_return Stored::lost;
    // One of ours that was thought lost came late: whoever claims next finds what it began.
    if (fresh->commit_id != webhook_.commit_id) co_return Stored::lost;
    webhook_ = std::move(*fresh);
    look_again_ = true;
    co_return Stored::no;
}

} // namespace castiel_sync

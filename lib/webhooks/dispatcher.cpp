#include <castiel_sync/webhooks/dispatcher.hpp>

#include <engine/alarm.hpp>
#include <webhooks/documents.hpp>
#include <webhooks/lane.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace castiel_sync {
namespace asio = boost::asio;
using std::chrono::nanoseconds;

namespace {

struct EndpointName {
    std::string tenant_id;
    std::string webhook_id;

    friend auto operator<=>(const EndpointName&, const EndpointName&) = default;
};

} // namespace

struct WebhookDispatcher::State {
    explicit State(WebhookDispatcherParts given)
        : parts(std::move(given)), lanes(parts), alarm(parts.runtime), all_ended(parts.runtime) {
        // A process that died may have had the same name: what it left is told from what is ours.
        parts.instance += "-" + make_uuid(*parts.runtime.random);
    }

    WebhookDispatcherParts parts;
    WebhookLanes lanes;
    Alarm alarm;
    Alarm all_ended;
    std::map<EndpointName, std::shared_ptr<Lane>> running;
    std::set<EndpointName> again; // told of while their lanes ran
    std::map<EndpointName, WebhookBreaker> breakers;
    std::set<std::pair<nanoseconds, EndpointName>> agenda;
    std::map<EndpointName, nanoseconds> due;
    bool looping = false;

    [[nodiscard]] nanoseconds monotonic() const { return parts.runtime.clock->monotonic(); }
    void log(LogLevel level, const std::string& message, json::object fields = {}) const {
        if (parts.observer) parts.observer->on_log(level, message, fields);
    }

    Async<> loop();
    Async<Result<>> look_at_store();
    Async<Result<>> look_at_endpoint(EndpointName name, WebhookDocument webhook);
    void note(const EndpointName& name, nanoseconds when);
    void begin_what_is_due();
    void begin(const EndpointName& name);
    static Async<NextLook> run_lane(State* state, EndpointName name, std::shared_ptr<Lane> lane);
    void end(const EndpointName& name, NextLook next);
};

WebhookDispatcher::WebhookDispatcher(WebhookDispatcherParts parts)
    : state_(std::make_unique<State>(std::move(parts))) {}
WebhookDispatcher::~WebhookDispatcher() = default;

Async<> WebhookDispatcher::run() { co_await state_->loop(); }

Async<> WebhookDispatcher::State::loop() {
    looping = true;
    struct End {
        State& state;
        ~End() {
            state.looping = false;
            if (state.running.empty()) state.all_ended.ring();
        }
    } end{*this};
    nanoseconds next_look = monotonic();
    while (!lanes.stopping) {
        if (monotonic() >= next_look) {
            nanoseconds pause = parts.limits.interval;
            Result<> looked;
            try {
                looked = co_await look_at_store();
            } catch (const boost::system::system_error&) {
                throw;
            } catch (const std::exception& fault) {
                looked = Error(ErrorCode::internal, std::string("the store threw: ") + fault.what());
            }
            if (!looked) {
                log(LogLevel::error, "the webhook dispatcher could not look at the store: " + looked.error().message);
                pause = std::min<nanoseconds>(pause, parts.limits.busy_pause * 5);
            }
            next_look = monotonic() + pause;
        }
        begin_what_is_due();
        if (lanes.stopping) break;
        nanoseconds pause = next_look - monotonic();
        if (!agenda.empty() && running.size() < parts.limits.max_lanes)
            pause = std::min(pause, agenda.begin()->first - monotonic());
        if (pause > nanoseconds{0}) co_await alarm.sleep_for(pause);
    }
}

// What others left, and what nobody was told of.
Async<Result<>> WebhookDispatcher::State::look_at_store() {
    std::set<EndpointName> known;
    Query query;
    query.limit = 100; // their documents may be long
    do {
        Query copy = query;
        auto page = co_await parts.store->scan("webhook", std::move(copy));
        if (!page) co_return page.error();
        for (const ScannedDocument& scanned : page->documents) {
            auto webhook = from_document<WebhookDocument>(scanned.document);
            if (!webhook) {
                log(LogLevel::error, webhook.error().message, {{"tenantId", scanned.partition}});
                continue;
            }
            EndpointName name{scanned.partition, scanned.document.id};
            known.insert(name);
            if (auto looked = co_await look_at_endpoint(name, std::move(*webhook)); !looked) {
                if (is_retryable(looked.error().code)) co_return looked;
                // What is wrong with one endpoint's documents is no reason to forget the others.
                log(LogLevel::error, looked.error().message,
                    {{"tenantId", name.tenant_id}, {"webhookId", name.webhook_id}});
            }
            begin_what_is_due(); // a look at thousands takes seconds
            if (lanes.stopping) co_return Result<>();
        }
        query.continuation = page->continuation;
    } while (!query.continuation.empty());
    std::erase_if(breakers, [&](const auto& breaker) {
        return !known.contains(breaker.first) && !running.contains(breaker.first);
    });
    co_return Result<>();
}

Async<Result<>> WebhookDispatcher::State::look_at_endpoint(EndpointName name, WebhookDocument webhook) {
    if (running.contains(name)) co_return Result<>();
    const Timestamp now = parts.runtime.clock->now();
    if (webhook.lease) {
        // Whoever has it now looks after it; if that one has died, this is when that shows.
        const nanoseconds left = std::max<nanoseconds>(webhook.lease->expires_at - now, nanoseconds{0});
        note(name, monotonic() + std::min<nanoseconds>(left, parts.limits.lease_duration));
    } else {
        Query query;
        query.conditions.emplace_back("webhook_id", Condition::Comparison::equal, IndexValue(name.webhook_id));
        // One that was begun without a lease is an orphan; it has no time, and so comes first.
        std::vector<IndexValue> states{std::string(to_string(WebhookDeliveryState::waiting)),
                                       std::string(to_string(WebhookDeliveryState::sending))};
        query.conditions.emplace_back("state", std::move(states));
        query.order = {{"due", false}};
        query.limit = 1;
        Document document;
        for (;;) {
            Query copy = query;
            auto page = co_await parts.store->query(name.tenant_id, "webhook_delivery", std::move(copy));
            if (!page) co_return page.error();
            if (!page->documents.empty()) document = std::move(page->documents.front());
            if (!page->documents.empty() || page->continuation.empty()) break;
            query.continuation = page->continuation;
        }
        if (document.id.empty()) co_return Result<>();
        auto first = from_document<WebhookDeliveryDocument>(document);
        if (!first) co_return first.error();
        (void)mend_due_time(*first, now);
        note(name, monotonic() + std::max<nanoseconds>(first->next_attempt_at.value_or(now) - now, nanoseconds{0}));
    }
    co_return Result<>();
}

// The earlier time counts.
void WebhookDispatcher::State::note(const EndpointName& name, nanoseconds when) {
    const auto known = due.find(name);
    if (known != due.end()) {
        if (known->second <= when) return;
        agenda.erase({known->second, name});
        due.erase(known);
    }
    due.emplace(name, when);
    agenda.emplace(when, name);
}

void WebhookDispatcher::State::begin_what_is_due() {
    while (!lanes.stopping && running.size() < parts.limits.max_lanes && !agenda.empty() &&
           agenda.begin()->first <= monotonic()) {
        const EndpointName name = agenda.begin()->second;
        agenda.erase(agenda.begin());
        due.erase(name);
        begin(name);
    }
}

void WebhookDispatcher::State::begin(const EndpointName& name) {
    auto lane = std::make_shared<Lane>(lanes, breakers[name], name.tenant_id, name.webhook_id);
    running.emplace(name, lane);
    lanes.counts.lanes = running.size();
    const auto ended = [this, name](const std::exception_ptr& thrown, NextLook next) {
        if (thrown) std::rethrow_exception(thrown);
        end(name, next);
    };
    asio::co_spawn(parts.runtime.executor, run_lane(this, name, std::move(lane)), ended);
}

Async<NextLook> WebhookDispatcher::State::run_lane(State* state, EndpointName name, std::shared_ptr<Lane> lane) {
    Result<NextLook> next(NextLook{});
    bool threw = false;
    try {
        next = co_await lane->run();
    } catch (const std::exception& fault) {
        threw = true;
        next = Error(ErrorCode::internal, std::string("a store or a transport threw: ") + fault.what());
    }
    if (threw) co_await lane->abandon_and_wait();
    if (next) co_return *next;
    state->log(is_retryable(next.error().code) ? LogLevel::warning : LogLevel::error,
               "deliveries to a webhook stand still: " + next.error().message,
               {{"tenantId", name.tenant_id}, {"webhookId", name.webhook_id}});
    co_return NextLook(is_retryable(next.error().code) ? nanoseconds(state->parts.limits.busy_pause * 5)
                                                       : nanoseconds(state->parts.limits.interval));
}

void WebhookDispatcher::State::end(const EndpointName& name, NextLook next) {
    running.erase(name);
    lanes.counts.lanes = running.size();
    if (again.erase(name) > 0) next = nanoseconds{0};
    if (next && !lanes.stopping) note(name, monotonic() + *next);
    alarm.ring();
    if (running.empty() && !looping) all_ended.ring();
}

void WebhookDispatcher::take_note(const std::string& tenant_id, const std::string& webhook_id) {
    const EndpointName name{tenant_id, webhook_id};
    const auto lane = state_->running.find(name);
    if (lane != state_->running.end()) {
        state_->again.insert(name);
        lane->second->ring();
        return;
    }
    state_->note(name, state_->monotonic());
    state_->alarm.ring();
}

void WebhookDispatcher::close() {
    state_->lanes.stopping = true;
    state_->alarm.ring();
    for (const auto& [name, lane] : state_->running) lane->ring();
}

Async<> WebhookDispatcher::stop(std::chrono::milliseconds grace) {
    State& state = *state_;
    close();
    const auto end = state.monotonic() + grace;
    bool asked = false;
    while (state.looping || !state.running.empty()) {
        const nanoseconds left = end - state.monotonic();
        if (!asked && left <= nanoseconds{0}) {
            asked = true;
            std::vector<std::shared_ptr<Lane>> lanes; // one that ends at once is no longer in the map
            for (const auto& [name, lane] : state.running) lanes.push_back(lane);
            for (const auto& lane : lanes) lane->abandon();
        }
        co_await state.all_ended.sleep_for(asked ? nanoseconds(std::chrono::seconds(1)) : left);
    }
}

WebhookDispatcher::Counts WebhookDispatcher::counts() const { return state_->lanes.counts; }

std::vector<WebhookDispatcher::EndpointCounts> WebhookDispatcher::endpoint_counts() const {
    return state_->lanes.endpoints.told(state_->monotonic(), state_->parts.limits);
}

} // namespace castiel_sync

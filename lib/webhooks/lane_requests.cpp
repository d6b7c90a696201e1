// What a lane sends: requests on their way, and what comes of them.
#include <webhooks/lane.hpp>

#include <castiel_sync/http/retry_after.hpp>
#include <castiel_sync/webhooks/signature.hpp>
#include <webhooks/payload.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

namespace castiel_sync {
namespace asio = boost::asio;
using std::chrono::nanoseconds;

namespace {

// A connection that was refused faster than this is tried once more at once: a process that restarts, a connection that
// a balancer closed.
constexpr std::chrono::seconds fast_failure{1};

WebhookResult thrown_result(const std::exception& fault) {
    WebhookResult result;
    result.error = Error(ErrorCode::internal, fmt::format("the transport threw: {}", fault.what()));
    return result;
}

} // namespace

Result<> Lane::read_secrets() {
    std::string all = webhook_.sealed_headers;
    for (const SealedSecret& secret : webhook_.secrets) all += "," + secret.sealed;
    if (all == secrets_of_) return {};
    const Sealer& sealer = *lanes_.parts.sealer;
    const std::string context = webhook_context(tenant_id_, webhook_id_);
    auto headers = open_headers(webhook_.sealed_headers, sealer, context);
    if (!headers) return headers.error();
    keys_.clear();
    for (const SealedSecret& secret : webhook_.secrets) {
        auto text = sealer.open(secret.sealed, context);
        if (!text) return text.error();
        auto key = parse_webhook_secret(*text);
        if (!key) return key.error();
        keys_.emplace_back(std::move(*key), secret.signs_until);
    }
    headers_ = std::move(*headers);
    secrets_of_ = std::move(all);
    return {};
}

HttpCall Lane::call_of(const WebhookDeliveryDocument& delivery, std::string payload) const {
    HttpCall call;
    call.method = "POST";
    call.url = webhook_.settings.url;
    call.body = delivery.thin ? thin_payload(payload) : std::move(payload);
    call.timeout = lanes_.parts.limits.timeout;
    call.max_answer_bytes = lanes_.parts.limits.max_answer_bytes;
    call.cut_long_answer = true;
    for (const HttpHeader& header : headers_) call.headers.add(header.name, header.value);
    const std::int64_t timestamp = std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count();
    std::string signatures;
    for (const auto& [key, until] : keys_) {
        if (until && *until <= now()) continue;
        if (!signatures.empty()) signatures += ' ';
        signatures += sign_webhook(key, delivery.event_id, timestamp, call.body);
    }
    call.headers.add("Content-Type", "application/json");
    call.headers.add("webhook-id", delivery.event_id);
    call.headers.add("webhook-timestamp", std::to_string(timestamp));
    call.headers.add("webhook-signature", std::move(signatures));
    return call;
}

void Lane::launch(Turn turn) {
    for (std::size_t i = 0; i < turn.starts.size(); ++i) {
        auto flight = std::make_shared<Flight>();
        flight->call = call_of(turn.starts[i], std::move(turn.payloads[i]));
        flight->delivery = std::move(turn.starts[i]);
        if (abandoned_) { // while that was stored: nothing is sent any more
            landed_.push_back(std::move(flight));
            continue;
        }
        flight->room = turn.room.take_one();
        flights_.emplace(flight->delivery.delivery_id, flight);
        ++lanes_.counts.in_flight;
        ++lanes_.counts.attempts;
        const auto landed = [self = shared_from_this(), flight](const std::exception_ptr& thrown) {
            if (thrown) std::rethrow_exception(thrown);
            // Not here: the signal has to outlive this handler.
            asio::post(self->lanes_.parts.runtime.executor, [self, flight] {
                flight->room = TenantRoom();
                self->flights_.erase(flight->delivery.delivery_id);
                self->landed_.push_back(flight);
                self->alarm_.ring();
            });
        };
        asio::co_spawn(lanes_.parts.runtime.executor, fly(shared_from_this(), flight),
                       asio::bind_cancellation_slot(flight->stop.slot(), landed));
    }
}

Async<> Lane::fly(std::shared_ptr<Lane> self, std::shared_ptr<Flight> flight) {
    WebhookLanes& lanes = self->lanes_;
    try {
        flight->result = co_await self->send(std::move(flight->call));
    } catch (const boost::system::system_error& fault) {
        if (fault.code() != asio::error::operation_aborted) flight->result = thrown_result(fault);
    } catch (const std::exception& fault) {
        flight->result = thrown_result(fault);
    }
    --lanes.counts.in_flight;
    if (!flight->result) co_return;
    const auto outcome = outcome_of(flight->result->status, flight->result->error);
    const bool delivered = outcome == WebhookOutcome::delivered;
    self->breaker_.note(delivered, self->monotonic());
    ++(delivered ? lanes.counts.delivered : lanes.counts.failed);
    lanes.endpoints.count(self->webhook_id_, delivered, self->monotonic(), lanes.parts.limits);
}

Async<WebhookResult> Lane::send(HttpCall call) {
    const nanoseconds begun = monotonic();
    HttpCall again = call;
    auto answer = co_await lanes_.parts.transport->send(std::move(call));
    if (!answer && answer.error().code == ErrorCode::unavailable && monotonic() - begun < fast_failure)
        answer = co_await lanes_.parts.transport->send(std::move(again));
    WebhookResult result;
    result.took = std::chrono::duration_cast<std::chrono::milliseconds>(monotonic() - begun);
    if (answer) {
        result.status = answer->status;
        result.retry_after = read_retry_after(answer->headers, now());
        result.answer = std::move(answer->body);
    } else {
        result.error = answer.error();
        // Not told to the endpoint's owner: see end_attempt.
        if (result.error->code == ErrorCode::invalid_configuration && lanes_.parts.observer)
            lanes_.parts.observer->on_log(LogLevel::warning, "a webhook can't be sent: " + result.error->message,
                                          {{"tenantId", tenant_id_}, {"webhookId", webhook_id_}});
    }
    co_return result;
}

} // namespace castiel_sync

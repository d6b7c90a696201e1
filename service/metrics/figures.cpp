#include "figures.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

namespace castiel_sync::service {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily& add_family(Families& families, std::string name, std::string help, MetricType type) {
    MetricFamily& family = families.emplace_back();
    family.name = std::move(name);
    family.help = std::move(help);
    family.type = type;
    return family;
}

ClientMetric& add_series(MetricFamily& family, std::string label, std::string value) {
    ClientMetric& series = family.metric.emplace_back();
    series.label.push_back({std::move(label), std::move(value)});
    return series;
}

constexpr std::array rails{Rail::max_deletes, Rail::max_updates,     Rail::empty_side,
                           Rail::all_changed, Rail::mapping_changed, Rail::ping_pong};

constexpr std::array disabled_reasons{WebhookDisabledReason::owner, WebhookDisabledReason::gone,
                                      WebhookDisabledReason::failing};

// One minute to four weeks: intervals of some minutes, nightly runs, and what was forgotten.
constexpr std::array<double, 9> age_bounds{60, 300, 900, 3'600, 14'400, 43'200, 90'000, 604'800, 2'419'200};

void add_ages(Families& families, const std::vector<std::chrono::milliseconds>& ages) {
    MetricFamily& family =
        add_family(families, "castiel_sync_stream_age_seconds",
                   "Time since the last run of each stream that is not paused. As of now: read it without rate().",
                   MetricType::Histogram);
    auto& histogram = family.metric.emplace_back().histogram;
    for (const double bound : age_bounds)
        histogram.bucket.push_back({0, bound});
    histogram.bucket.push_back({0, std::numeric_limits<double>::infinity()});
    for (const auto age : ages) {
        const double seconds = std::chrono::duration<double>(age).count();
        histogram.sample_sum += seconds;
        ++histogram.sample_count;
        for (auto& bucket : histogram.bucket)
            if (seconds <= bucket.upper_bound) ++bucket.cumulative_count;
    }
    const auto oldest = std::ranges::max_element(ages);
    add_gauge(families, "castiel_sync_stream_oldest_age_seconds",
              "The longest time since the last run of a stream that is not paused.",
              oldest == ages.end() ? 0 : std::chrono::duration<double>(*oldest).count());
}

} // namespace

void add_gauge(Families& families, std::string name, std::string help, double value) {
    MetricFamily& family = add_family(families, std::move(name), std::move(help), MetricType::Gauge);
    family.metric.emplace_back().gauge.value = value;
}

void add_counter(Families& families, std::string name, std::string help, double value) {
    MetricFamily& family = add_family(families, std::move(name), std::move(help), MetricType::Counter);
    family.metric.emplace_back().counter.value = value;
}

void add_server(Families& families, const HttpServerCounters& counters) {
    const auto gauge = [&](const char* name, const char* help, std::size_t value) {
        add_gauge(families, name, help, static_cast<double>(value));
    };
    const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
        add_counter(families, name, help, static_cast<double>(value));
    };
    gauge("castiel_sync_http_open_connections", "Connections that are open now.", counters.open_connections);
    gauge("castiel_sync_http_open_streams", "Streams of server-sent events that are open now.", counters.open_streams);
    counter("castiel_sync_http_accepted_connections_total", "Connections accepted, refused ones among them.",
            counters.accepted_connections);
    counter("castiel_sync_http_failed_accepts_total", "Connections that could not be accepted.",
            counters.failed_accepts);
    counter("castiel_sync_http_unanswered_connections_total", "Connections closed without an answer, for their number.",
            counters.unanswered_connections);
    MetricFamily& refusals =
        add_family(families, "castiel_sync_http_refusals_total",
                   "Answers that the server gave by itself, before any operation was asked.", MetricType::Counter);
    for (const auto& [status, count] : counters.refused)
        add_series(refusals, "status", std::to_string(status)).counter.value = static_cast<double>(count);
    MetricFamily& timeouts = add_family(
        families, "castiel_sync_http_timeouts_total",
        "Connections ended for their silence: idle ones, and clients that did not read.", MetricType::Counter);
    add_series(timeouts, "kind", "idle").counter.value = static_cast<double>(counters.idle_timeouts);
    add_series(timeouts, "kind", "write").counter.value = static_cast<double>(counters.write_timeouts);
}

void add_scheduler(Families& families, const Scheduler::Counts& counts) {
    add_gauge(families, "castiel_sync_tasks_running", "Tasks that this process runs now.",
              static_cast<double>(counts.running));
    add_gauge(families, "castiel_sync_tasks_known", "Tasks that this process runs or waits with.",
              static_cast<double>(counts.known));
}

void add_dispatcher(Families& families, const WebhookDispatcher& dispatcher) {
    const WebhookDispatcher::Counts counts = dispatcher.counts();
    add_gauge(families, "castiel_sync_webhook_lanes", "Endpoints that this process sends to now.",
              static_cast<double>(counts.lanes));
    add_gauge(families, "castiel_sync_webhook_requests_in_flight", "Deliveries that are under way now.",
              static_cast<double>(counts.in_flight));
    add_counter(families, "castiel_sync_webhook_attempts_begun_total", "Attempts at deliveries that have begun.",
                static_cast<double>(counts.attempts));
    const auto add = [](MetricFamily& family, const char* result, std::uint64_t count) -> ClientMetric& {
        ClientMetric& series = add_series(family, "result", result);
        series.counter.value = static_cast<double>(count);
        return series;
    };
    MetricFamily& attempts = add_family(families, "castiel_sync_webhook_attempts_total",
                                        "Attempts at deliveries that were answered or failed.", MetricType::Counter);
    add(attempts, "delivered", counts.delivered);
    add(attempts, "failed", counts.failed);
    MetricFamily& by_endpoint = add_family(
        families, "castiel_sync_webhook_endpoint_attempts_total",
        "The same by endpoint. Those that found no place of their own are counted as other.", MetricType::Counter);
    for (const auto& endpoint : dispatcher.endpoint_counts()) {
        const std::string id = endpoint.webhook_id.empty() ? "other" : endpoint.webhook_id;
        add(by_endpoint, "delivered", endpoint.delivered).label.push_back({"webhook_id", id});
        add(by_endpoint, "failed", endpoint.failed).label.push_back({"webhook_id", id});
    }
}

void add_survey(Families& families, const Survey& figures, const WebhookSurvey& webhooks) {
    const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
        add_gauge(families, name, help, static_cast<double>(value));
    };
    gauge("castiel_sync_streams", "Streams in the store, of all tenants.", figures.streams);
    gauge("castiel_sync_streams_paused", "Streams that somebody paused.", figures.paused);
    gauge("castiel_sync_streams_running", "Streams that an instance works on now.", figures.running);
    gauge("castiel_sync_streams_behind", "Streams whose last cycle has not come to its end.", figures.behind);
    MetricFamily& latched = add_family(families, "castiel_sync_streams_latched",
                                       "Streams that a safety rail holds until a person decides.", MetricType::Gauge);
    for (const Rail rail : rails) {
        const auto count = figures.latched.find(rail);
        add_series(latched, "rail", std::string(to_string(rail))).gauge.value =
            count == figures.latched.end() ? 0 : static_cast<double>(count->second);
    }
    gauge("castiel_sync_conflicts_open", "Conflicts that wait for a person.", figures.open_conflicts);
    gauge("castiel_sync_records_parked", "Records that are parked.", figures.parked);
    gauge("castiel_sync_slots_in_use", "Sync slots that are taken, over all tenants and instances.",
          figures.slots_in_use);
    gauge("castiel_sync_outbox_events", "Events that wait to be published.", figures.outbox);
    gauge("castiel_sync_webhooks_active", "Endpoints of webhooks that are sent to.", webhooks.active);
    gauge("castiel_sync_webhooks_failing", "Those of them whose last attempt failed.", webhooks.failing);
    MetricFamily& disabled = add_family(families, "castiel_sync_webhooks_disabled",
                                        "Endpoints of webhooks that are switched off.", MetricType::Gauge);
    for (const WebhookDisabledReason reason : disabled_reasons) {
        const auto count = webhooks.disabled.find(reason);
        add_series(disabled, "reason", std::string(to_string(reason))).gauge.value =
            count == webhooks.disabled.end() ? 0 : static_cast<double>(count->second);
    }
    gauge("castiel_sync_webhook_deliveries_waiting", "Deliveries that wait for their time, or their turn.",
          webhooks.waiting);
    gauge("castiel_sync_survey_complete", "1: the figures of the store count all of it. 0: it holds more than is read.",
          figures.complete && webhooks.complete ? 1 : 0);
    add_ages(families, figures.ages);
}

} // namespace castiel_sync::service

#include "metrics.hpp"

#include "figures.hpp"
#include "http/authentication.hpp"
#include "http/shared_call.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

namespace castiel_sync::service {
namespace {

using prometheus::Counter;
using prometheus::Histogram;
using prometheus::Labels;

const Histogram::BucketBoundaries call_bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5};
const Histogram::BucketBoundaries execution_bounds{0.1, 0.5, 1, 5, 15, 60, 300, 900, 3'600};

double seconds_of(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

// Methods are any token that a client may think of; these are the ones that have a series.
std::string_view known_method(std::string_view method) {
    static constexpr std::array<std::string_view, 8> known{"GET",   "HEAD",   "POST",    "PUT",
                                                           "PATCH", "DELETE", "OPTIONS", "TRACE"};
    const auto found = std::ranges::find(known, method);
    return found == known.end() ? "other" : *found; // never the client's own text: it is kept
}

std::string_view to_string(StoreCall call) {
    constexpr std::array<std::string_view, 4> names{"read", "query", "commit", "scan"};
    return names[static_cast<std::size_t>(call)];
}

std::string_view to_string(AdapterCall call) {
    constexpr std::array<std::string_view, 4> names{"check", "pull", "fetch", "push"};
    return names[static_cast<std::size_t>(call)];
}

std::string_view to_string(LogLevel level) {
    constexpr std::array<std::string_view, 4> names{"debug", "info", "warning", "error"};
    return names[static_cast<std::size_t>(level)];
}

// Of one kind of calls: by call and result. A series is made when it is first needed, and found by its place then.
class CallTable {
public:
    static constexpr std::size_t calls = 4;
    static constexpr std::size_t results = static_cast<std::size_t>(ErrorCode::internal) + 2;

    template <class Call>
    Histogram& at(prometheus::Family<Histogram>& family, Call call, std::optional<ErrorCode> fault, Labels labels) {
        Histogram*& series = table_[static_cast<std::size_t>(call)][fault ? static_cast<std::size_t>(*fault) + 1 : 0];
        if (series == nullptr) {
            labels["operation"] = to_string(call);
            labels["result"] = fault ? castiel_sync::to_string(*fault) : "ok";
            series = &family.Add(labels, call_bounds);
        }
        return *series;
    }

private:
    std::array<std::array<Histogram*, results>, calls> table_{};
};

// Labels are hashed and compared at each look-up by name; a request must not pay for that.
struct RouteSeries {
    struct OfMethod {
        std::string_view method;
        Histogram* duration = nullptr;
        std::vector<std::pair<unsigned, Counter*>> by_status;
    };
    std::vector<OfMethod> methods;
};

struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
};

} // namespace

struct Metrics::State {
    State(const Runtime& given, std::string_view version);

    Runtime runtime;
    prometheus::Registry registry;
    prometheus::Family<Counter>& requests;
    prometheus::Family<Histogram>& request_durations;
    prometheus::Family<Counter>& executions;
    prometheus::Family<Histogram>& execution_durations;
    prometheus::Family<Counter>& log_lines;
    prometheus::Family<Histogram>& store_calls;
    prometheus::Family<Histogram>& adapter_calls;
    std::array<Counter*, 5> records{}; // created, updated, deleted, skipped, failed
    Counter& conflicts;
    Counter& published_events;
    Counter& failed_publications;
    std::unordered_map<std::string, RouteSeries, TextHash, std::equal_to<>> routes;
    CallTable store_table;
    std::map<std::string, CallTable> adapter_tables;

    const Scheduler* scheduler = nullptr;
    const Authentication* authentication = nullptr;
    const WebhookDispatcher* dispatcher = nullptr;
    std::function<HttpServerCounters()> server;
    // Shared with surveys under way.
    struct Surveyed {
        std::optional<Survey> figures;
        WebhookSurvey webhooks; // of the same time
        std::chrono::nanoseconds at{0};
        std::uint64_t failures = 0;
    };
    std::shared_ptr<Surveyed> surveyed = std::make_shared<Surveyed>();
    std::optional<SharedCall> survey_call;

    [[nodiscard]] std::string text() const;
    RouteSeries::OfMethod& series_of(std::string_view route, std::string_view method);
    static Async<Result<>> survey_store(Runtime runtime, Store& store, std::shared_ptr<Surveyed> surveyed);
};

namespace {

prometheus::Family<Counter>& counter(prometheus::Registry& registry, const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<Histogram>& histogram(prometheus::Registry& registry, const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

} // namespace

Metrics::State::State(const Runtime& given, std::string_view version)
    : runtime(given),
      requests(counter(registry, "http_requests_total", "Requests answered by the API, by the contract's path.")),
      request_durations(histogram(registry, "http_request_duration_seconds",
                                  "Time to an answer; where it is a stream, to its head.")),
      executions(counter(registry, "castiel_sync_executions_total", "Executions that have ended.")),
      execution_durations(histogram(registry, "castiel_sync_execution_duration_seconds",
                                    "Time from the beginning of an execution to its end.")),
      log_lines(counter(registry, "castiel_sync_log_lines_total", "Lines that the engine told the log.")),
      store_calls(histogram(registry, "castiel_sync_store_call_duration_seconds", "Calls to the store.")),
      adapter_calls(histogram(registry, "castiel_sync_adapter_call_duration_seconds",
                              "Calls to adapters: to the external systems and to the shards.")),
      conflicts(
          counter(registry, "castiel_sync_conflicts_recorded_total", "Open conflicts recorded by executions.").Add({})),
      published_events(counter(registry, "castiel_sync_events_published_total", "Events that the sink took.").Add({})),
      failed_publications(counter(registry, "castiel_sync_event_publish_failures_total",
                                  "Batches of events that the sink did not take; they come again.")
                              .Add({})) {
    auto& outcomes = counter(registry, "castiel_sync_records_total", "Records that executions have decided.");
    constexpr std::array names{"created", "updated", "deleted", "skipped", "failed"};
    for (std::size_t i = 0; i < names.size(); ++i)
        records[i] = &outcomes.Add({{"outcome", names[i]}});
    // An alert on the first error needs a series that was there before.
    for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error})
        log_lines.Add({{"level", std::string(to_string(level))}});
    prometheus::BuildGauge()
        .Name("castiel_sync_build_info")
        .Help("1; the labels tell what runs.")
        .Register(registry)
        .Add({{"version", std::string(version)}})
        .Set(1);
    prometheus::BuildGauge()
        .Name("process_start_time_seconds")
        .Help("When this process started, in seconds since 1970.")
        .Register(registry)
        .Add({})
        .Set(seconds_of(given.clock->now().time_since_epoch()));
}

Metrics::Metrics(const Runtime& runtime, std::string_view version)
    : state_(std::make_unique<State>(runtime, version)) {}
Metrics::~Metrics() = default;

void Metrics::watch(Store& store) {
    state_->survey_call.emplace(state_->runtime, [runtime = state_->runtime, &store, surveyed = state_->surveyed] {
        return State::survey_store(runtime, store, surveyed);
    });
}

void Metrics::watch(const Scheduler& scheduler) { state_->scheduler = &scheduler; }

void Metrics::watch(const WebhookDispatcher& dispatcher) { state_->dispatcher = &dispatcher; }

void Metrics::watch(const Authentication& authentication) { state_->authentication = &authentication; }

void Metrics::watch_server(std::function<HttpServerCounters()> counters) { state_->server = std::move(counters); }

RouteSeries::OfMethod& Metrics::State::series_of(std::string_view route, std::string_view method) {
    auto found = routes.find(route);
    if (found == routes.end()) found = routes.try_emplace(std::string(route)).first;
    auto& methods = found->second.methods;
    const auto known = std::ranges::find(methods, method, &RouteSeries::OfMethod::method);
    if (known != methods.end()) return *known;
    const Labels labels{{"method", std::string(method)}, {"route", std::string(route)}};
    methods.push_back({method, &request_durations.Add(labels, call_bounds), {}});
    return methods.back();
}

void Metrics::count_request(std::string_view method, std::string_view route, unsigned status,
                            std::chrono::nanoseconds duration) {
    if (route.empty()) route = "unmatched";
    const std::string_view label = known_method(method);
    RouteSeries::OfMethod& series = state_->series_of(route, label);
    auto counted = std::ranges::find(series.by_status, status, &std::pair<unsigned, Counter*>::first);
    if (counted == series.by_status.end()) {
        const Labels labels{
            {"method", std::string(label)}, {"route", std::string(route)}, {"status", std::to_string(status)}};
        counted = series.by_status.insert(counted, {status, &state_->requests.Add(labels)});
    }
    counted->second->Increment();
    series.duration->Observe(seconds_of(duration));
}

void Metrics::count_execution(const Execution& execution) {
    const std::string status(castiel_sync::to_string(execution.status));
    state_->executions.Add({{"status", status}, {"trigger", std::string(castiel_sync::to_string(execution.trigger))}})
        .Increment();
    if (execution.completed_at) {
        const auto duration = std::max(*execution.completed_at - execution.started_at, std::chrono::milliseconds(0));
        state_->execution_durations.Add({{"status", status}}, execution_bounds).Observe(seconds_of(duration));
    }
    const SyncCounters& counters = execution.counters;
    const std::array counts{counters.created, counters.updated, counters.deleted, counters.skipped, counters.failed};
    for (std::size_t i = 0; i < counts.size(); ++i)
        state_->records[i]->Increment(static_cast<double>(counts[i]));
    state_->conflicts.Increment(static_cast<double>(counters.conflicts));
}

void Metrics::count_log_line(LogLevel level) {
    state_->log_lines.Add({{"level", std::string(to_string(level))}}).Increment();
}

void Metrics::count_published_events(std::size_t events) {
    state_->published_events.Increment(static_cast<double>(events));
}

void Metrics::count_failed_publication() { state_->failed_publications.Increment(); }

void Metrics::count_call(StoreCall call, std::optional<ErrorCode> fault, std::chrono::nanoseconds duration) {
    state_->store_table.at(state_->store_calls, call, fault, {}).Observe(seconds_of(duration));
}

void Metrics::count_call(const std::string& adapter, AdapterCall call, std::optional<ErrorCode> fault,
                         std::chrono::nanoseconds duration) {
    CallTable& table = state_->adapter_tables[adapter];
    table.at(state_->adapter_calls, call, fault, {{"adapter", adapter}}).Observe(seconds_of(duration));
}

Async<Result<>> Metrics::State::survey_store(Runtime runtime, Store& store, std::shared_ptr<Surveyed> surveyed) {
    auto figures = co_await survey(store, runtime.clock->now(), SurveyLimits());
    if (!figures) {
        ++surveyed->failures;
        co_return figures.error();
    }
    auto webhooks = co_await survey_webhooks(store, WebhookSurveyLimits());
    if (!webhooks) {
        ++surveyed->failures;
        co_return webhooks.error();
    }
    surveyed->figures = std::move(*figures);
    surveyed->webhooks = std::move(*webhooks);
    surveyed->at = runtime.clock->monotonic();
    co_return Result<>();
}

Async<std::string> Metrics::scrape() {
    Clock& clock = *state_->runtime.clock;
    const auto now = clock.monotonic();
    const bool fresh = state_->surveyed->figures && now - state_->surveyed->at < survey_kept_for;
    if (state_->survey_call && !fresh) {
        state_->survey_call->begin();
        (void)co_await state_->survey_call->ended_by(now + survey_deadline);
    }
    co_return state_->text();
}

std::string Metrics::State::text() const {
    Families families = registry.Collect();
    if (scheduler != nullptr) add_scheduler(families, scheduler->counts());
    if (dispatcher != nullptr) add_dispatcher(families, *dispatcher);
    if (server) add_server(families, server());
    if (authentication != nullptr) {
        add_counter(families, "castiel_sync_token_verifications_total", "Tokens whose signature was calculated.",
                    static_cast<double>(authentication->verifications()));
        add_gauge(families, "castiel_sync_tokens_cached", "Tokens that are remembered as verified.",
                  static_cast<double>(authentication->cached_tokens()));
    }
    if (surveyed->figures) {
        add_survey(families, *surveyed->figures, surveyed->webhooks);
        add_gauge(families, "castiel_sync_survey_age_seconds", "How old the figures of the store are.",
                  seconds_of(runtime.clock->monotonic() - surveyed->at));
    }
    add_counter(families, "castiel_sync_survey_failures_total", "Times that the store did not answer with its figures.",
                static_cast<double>(surveyed->failures));
    return prometheus::TextSerializer().Serialize(families);
}

} // namespace castiel_sync::service

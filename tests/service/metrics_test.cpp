#include "http/authentication.hpp"
#include "metrics/metered.hpp"
#include "metrics/metrics.hpp"

#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/stores/memory.hpp>
#include <castiel_sync/testing/recording_sink.hpp>
#include <castiel_sync/testing/scripted_transport.hpp>
#include <castiel_sync/testing/sim_clock.hpp>
#include <castiel_sync/webhooks/dispatcher.hpp>
#include <castiel_sync/webhooks/webhooks.hpp>

#include <doctest/doctest.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include <unistd.h>

using namespace castiel_sync;
using namespace castiel_sync::service;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

const std::string tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
const std::string integration_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";

// Answers, fails, throws or hangs, as the test says.
class ToyStore final : public Store {
public:
    explicit ToyStore(Clock& clock) : inner_(make_memory_store(clock, kinds())), clock_(clock) {}

    [[nodiscard]] StoreLimits limits() const override { return inner_->limits(); }
    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        co_await stumble();
        if (fault) co_return *fault;
        co_return co_await inner_->read(std::move(partition), std::move(kind), std::move(ids));
    }
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        co_await stumble();
        if (fault) co_return *fault;
        co_return co_await inner_->query(std::move(partition), std::move(kind), std::move(query));
    }
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        co_await stumble();
        if (fault) co_return *fault;
        co_return co_await inner_->commit(std::move(partition), std::move(writes));
    }
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        ++scans;
        co_await stumble();
        if (fault) co_return *fault;
        co_return co_await inner_->scan(std::move(kind), std::move(query));
    }

    std::chrono::nanoseconds after{0};
    std::optional<Error> fault;
    bool cancelled = false;
    bool throws = false;
    int scans = 0;

private:
    static std::vector<KindDeclaration> kinds() {
        std::vector<KindDeclaration> all(engine_kinds().begin(), engine_kinds().end());
        all.insert(all.end(), webhook_kinds().begin(), webhook_kinds().end());
        return all;
    }
    Async<void> stumble() {
        if (after > 0ns) co_await clock_.sleep_for(after);
        if (cancelled) throw boost::system::system_error(boost::asio::error::operation_aborted);
        if (throws) throw std::runtime_error("broken");
    }

    std::unique_ptr<Store> inner_;
    Clock& clock_;
};

class Told : public Observer {
public:
    void on_log(LogLevel, std::string_view message, const json::object&) override { lines.emplace_back(message); }
    void on_progress(const Progress&) override { ++progress; }
    void on_planned(const PlannedRecord&) override { ++planned; }
    void on_finished(const Execution&) override { ++finished; }

    std::vector<std::string> lines;
    int progress = 0;
    int planned = 0;
    int finished = 0;
};

struct World {
    SimLoop loop;
    SimClock clock{loop};
    std::unique_ptr<Random> random = make_seeded_random(7);
    Runtime runtime{loop.executor(), &clock, random.get()};
    Metrics metrics{runtime, "1.2.3"};
    ToyStore store{clock};

    std::string scrape() { return loop.run(metrics.scrape()); }
};

// The value of a series, with its labels as they are written; nan when there is none.
double value_of(const std::string& text, const std::string& series) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
    return std::nan("");
}

std::size_t lines_of(const std::string& text, const std::string& beginning) {
    std::istringstream lines(text);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(beginning)) ++count;
    return count;
}

Execution execution_with(SyncStatus status, std::chrono::milliseconds duration) {
    Execution execution;
    execution.status = status;
    execution.trigger = Trigger::schedule;
    execution.tenant_id = tenant;
    execution.counters = {10, 1, 2, 3, 4, 5, 6};
    execution.started_at = SimClock::epoch();
    execution.completed_at = SimClock::epoch() + duration;
    return execution;
}

Integration shard_integration() {
    Integration integration;
    integration.id = integration_id;
    integration.tenant_id = tenant;
    integration.provider_name = "toy";
    EntityMapping mapping;
    mapping.id = "contacts";
    mapping.external_entity = "contact"; // the toy system is a set of local shards, too
    mapping.shard_type_id = "copy";
    FieldMapping field;
    field.external_field = "name";
    field.shard_field = "name";
    mapping.field_mappings = {field};
    integration.sync.entity_mappings = {mapping};
    return integration;
}

} // namespace

TEST_CASE("what a process is, and that nothing has happened yet, is told from the start") {
    World world;
    const std::string text = world.scrape();
    CHECK(value_of(text, "castiel_sync_build_info{version=\"1.2.3\"}") == 1);
    CHECK(value_of(text, "castiel_sync_log_lines_total{level=\"error\"}") == 0);
    CHECK(value_of(text, "castiel_sync_records_total{outcome=\"failed\"}") == 0);
    CHECK(value_of(text, "process_start_time_seconds") ==
          std::chrono::duration<double>(SimClock::epoch().time_since_epoch()).count());
    CHECK(lines_of(text, "castiel_sync_streams") == 0); // no store is watched
}

TEST_CASE("executions count by status and trigger, their records by outcome") {
    World world;
    Told told;
    MetricsObserver observer(world.metrics, &told);
    observer.on_finished(execution_with(SyncStatus::completed, 2s));
    observer.on_finished(execution_with(SyncStatus::completed, -2s)); // a clock that was put back
    observer.on_finished(execution_with(SyncStatus::failed, 2h));
    observer.on_log(LogLevel::warning, "careful", {});
    observer.on_planned(PlannedRecord());
    const Execution running;
    observer.on_progress(Progress{running, std::nullopt});
    CHECK(told.lines == std::vector<std::string>{"careful"});
    CHECK(told.finished == 3);
    CHECK(told.planned == 1);
    CHECK(told.progress == 1);
    MetricsObserver last(world.metrics, nullptr);
    last.on_log(LogLevel::warning, "again", {});

    const std::string text = world.scrape();
    CHECK(value_of(text, "castiel_sync_executions_total{status=\"completed\",trigger=\"schedule\"}") == 2);
    CHECK(value_of(text, "castiel_sync_executions_total{status=\"failed\",trigger=\"schedule\"}") == 1);
    CHECK(value_of(text, "castiel_sync_records_total{outcome=\"created\"}") == 3);
    CHECK(value_of(text, "castiel_sync_records_total{outcome=\"skipped\"}") == 12);
    CHECK(value_of(text, "castiel_sync_records_total{outcome=\"failed\"}") == 15);
    CHECK(value_of(text, "castiel_sync_conflicts_recorded_total") == 18);
    CHECK(value_of(text, "castiel_sync_execution_duration_seconds_sum{status=\"completed\"}") == 2);
    CHECK(value_of(text, "castiel_sync_execution_duration_seconds_bucket{status=\"failed\",le=\"3600\"}") == 0);
    CHECK(value_of(text, "castiel_sync_log_lines_total{level=\"warning\"}") == 2);
    CHECK(text.find(tenant) == std::string::npos);
}

TEST_CASE("calls to the store are timed by operation and result, and their answers pass unchanged") {
    World world;
    const auto metered = make_metered_store(world.store, world.metrics, world.clock);
    const auto read = [&] { return world.loop.run(metered->read(tenant, "task", {"none"})); };
    world.store.after = 2ms;
    CHECK(read()->size() == 1);
    Query query;
    CHECK(world.loop.run(metered->query(tenant, "task", query))->documents.empty());
    CHECK(world.loop.run(metered->scan("task", query))->documents.empty());
    Document document;
    document.kind = "cancellation";
    document.id = "one";
    document.body = "{}";
    CHECK(world.loop.run(metered->commit(tenant, {put(document)}))->etags.size() == 1);
    CHECK(metered->limits().max_writes == world.store.limits().max_writes);
    world.store.fault = Error(ErrorCode::unavailable, "down");
    CHECK(read().error() == Error(ErrorCode::unavailable, "down"));
    world.store.fault.reset();
    world.store.cancelled = true;
    CHECK_THROWS_AS(read(), boost::system::system_error);
    world.store.cancelled = false;
    world.store.throws = true;
    CHECK_THROWS_AS(read(), std::runtime_error);

    const std::string text = world.scrape();
    const std::string name = "castiel_sync_store_call_duration_seconds";
    for (const char* result : {"ok", "unavailable", "cancelled", "internal"}) {
        const std::string labels = "operation=\"read\",result=\"" + std::string(result) + "\"";
        CHECK(value_of(text, name + "_count{" + labels + "}") == 1);
        CHECK(value_of(text, name + "_sum{" + labels + "}") == doctest::Approx(0.002));
        CHECK(value_of(text, name + "_bucket{" + labels + ",le=\"0.0025\"}") == 1);
        CHECK(value_of(text, name + "_bucket{" + labels + ",le=\"0.001\"}") == 0);
    }
    for (const char* call : {"query", "commit", "scan"})
        CHECK(value_of(text, name + "_count{operation=\"" + call + "\",result=\"ok\"}") == 1);
}

TEST_CASE("a whole sync through metered parts: store, adapters, events and gauges tell of it") {
    World world;
    const auto store = make_metered_store(world.store, world.metrics, world.clock);
    RecordingSink recording;
    const auto sink = make_metered_sink(recording, world.metrics);
    Told told;
    MetricsObserver observer(world.metrics, &told);
    AdapterRegistry adapters;
    AdapterDescription description;
    description.name = "toy";
    adapters.add(description,
                 make_metered_adapters("toy", local_shards_factory(world.store), world.metrics, world.clock));
    const auto catalog = make_fixed_catalog({shard_integration()});
    EngineParts parts;
    parts.runtime = world.runtime;
    parts.store = store.get();
    parts.adapters = &adapters;
    parts.shards = make_metered_adapters("shards", local_shards_factory(*store), world.metrics, world.clock);
    parts.catalog = catalog.get();
    parts.events = sink.get();
    parts.observer = &observer;
    parts.instance = "test";
    Engine engine(std::move(parts));
    SyncRequest request;
    request.tenant_id = tenant;
    request.integration_id = integration_id;
    const auto executions = world.loop.run(engine.run(request));
    REQUIRE_MESSAGE(executions.has_value(), executions.error().message);
    REQUIRE(executions->size() == 1);
    CHECK(told.finished == 1);

    world.metrics.watch(world.store);
    world.loop.run_for(10min);
    const std::string text = world.scrape();
    CHECK(lines_of(text, "castiel_sync_adapter_call_duration_seconds_count{adapter=\"toy\",operation=\"pull\"") >= 1);
    CHECK(lines_of(text, "castiel_sync_adapter_call_duration_seconds_count{adapter=\"shards\"") >= 1);
    CHECK(value_of(text, "castiel_sync_events_published_total") >= 1);
    CHECK(value_of(text, "castiel_sync_event_publish_failures_total") == 0);
    CHECK(value_of(text, "castiel_sync_streams") == 1);
    CHECK(value_of(text, "castiel_sync_streams_running") == 0);
    CHECK(value_of(text, "castiel_sync_slots_in_use") == 0);
    CHECK(value_of(text, "castiel_sync_outbox_events") == 0);
    CHECK(value_of(text, "castiel_sync_streams_latched{rail=\"max_deletes\"}") == 0);
    CHECK(value_of(text, "castiel_sync_survey_complete") == 1);
    CHECK(value_of(text, "castiel_sync_stream_oldest_age_seconds") == doctest::Approx(600).epsilon(0.01));
    CHECK(value_of(text, "castiel_sync_stream_age_seconds_bucket{le=\"300\"}") == 0);
    CHECK(value_of(text, "castiel_sync_stream_age_seconds_bucket{le=\"900\"}") == 1);
    for (const std::string& secret : {tenant, integration_id})
        CHECK(text.find(secret) == std::string::npos);

    const std::string stream_id = world.loop.run(engine.list_streams(tenant))->front().stream_id;
    CHECK(world.loop.run(engine.pause_stream(tenant, stream_id)).has_value());
    world.loop.run_for(1min);
    const std::string paused = world.scrape();
    CHECK(value_of(paused, "castiel_sync_streams_paused") == 1);
    CHECK(value_of(paused, "castiel_sync_stream_age_seconds_count") == 0);
}

TEST_CASE("I22, I23: attempts at webhooks count by endpoint, whose id is all that is told of it") {
    World world;
    const Sealer sealer = Sealer::make({Sealer::make_key(*world.random)}).value();
    const auto transport = std::make_shared<ScriptedTransport>([](const HttpCall& call) -> Result<HttpAnswer> {
        return text_answer(call.url.find("good") == std::string::npos ? 500 : 204, "canary-answer");
    });
    WebhooksParts with;
    with.runtime = world.runtime;
    with.store = &world.store;
    with.sealer = &sealer;
    Webhooks webhooks(std::move(with));
    WebhookDispatcherParts parts;
    parts.runtime = world.runtime;
    parts.store = &world.store;
    parts.sealer = &sealer;
    parts.transport = transport;
    parts.instance = "test";
    WebhookDispatcher dispatcher(std::move(parts));
    world.metrics.watch(dispatcher);
    world.metrics.watch(world.store);
    std::vector<std::string> ids;
    for (const char* host : {"good", "bad"}) {
        WebhookSettings settings;
        settings.integration_id = integration_id;
        settings.url = std::string("https://") + host + ".canary.test/canary-path";
        settings.events = {"*"};
        ids.push_back(world.loop.run(webhooks.create(tenant, settings, "", "")).value().webhook.webhook_id);
        REQUIRE(world.loop.run(webhooks.test(tenant, ids.back())).has_value());
    }
    world.loop.spawn(dispatcher.run());
    world.loop.run_for(1s);
    const std::string text = world.scrape();
    const auto ended = [&](const std::string& id, const std::string& result) {
        const std::string labels = "{result=\"" + result + "\",webhook_id=\"" + id + "\"}";
        return value_of(text, "castiel_sync_webhook_endpoint_attempts_total" + labels);
    };
    CHECK(ended(ids[0], "delivered") == 1);
    CHECK(ended(ids[0], "failed") == 0);
    CHECK(ended(ids[1], "failed") == 1);
    CHECK(ended("other", "failed") == 0);
    CHECK(value_of(text, "castiel_sync_webhook_attempts_total{result=\"delivered\"}") == 1);
    CHECK(value_of(text, "castiel_sync_webhook_attempts_total{result=\"failed\"}") == 1);
    CHECK(value_of(text, "castiel_sync_webhook_attempts_begun_total") == 2);
    CHECK(value_of(text, "castiel_sync_webhook_requests_in_flight") == 0);
    CHECK(value_of(text, "castiel_sync_webhook_lanes") == 0);
    CHECK(value_of(text, "castiel_sync_webhooks_active") == 2);
    CHECK(value_of(text, "castiel_sync_webhooks_failing") == 1);
    CHECK(value_of(text, "castiel_sync_webhooks_disabled{reason=\"gone\"}") == 0);
    CHECK(value_of(text, "castiel_sync_webhook_deliveries_waiting") == 1);
    for (const std::string& secret : {tenant, integration_id, std::string("canary")})
        CHECK(text.find(secret) == std::string::npos);
    world.loop.run(dispatcher.stop(1s));
}

TEST_CASE("scrapes do not load the store: its figures are kept for some seconds") {
    World world;
    world.metrics.watch(world.store);
    (void)world.scrape();
    const int once = world.store.scans;
    CHECK(once == 4);
    world.loop.run_for(14s);
    CHECK(value_of(world.scrape(), "castiel_sync_survey_age_seconds") == 14);
    CHECK(world.store.scans == once);
    world.loop.run_for(1s);
    CHECK(value_of(world.scrape(), "castiel_sync_survey_age_seconds") == 0);
    CHECK(world.store.scans == 2 * once);
}

TEST_CASE("a store that fails or hangs takes no scrape with it") {
    World world;
    world.metrics.watch(world.store);
    world.store.fault = Error(ErrorCode::unavailable, "down");
    const std::string failed = world.scrape();
    CHECK(lines_of(failed, "castiel_sync_streams ") == 0);
    CHECK(value_of(failed, "castiel_sync_survey_failures_total") == 1);
    world.store.fault.reset();
    CHECK(value_of(world.scrape(), "castiel_sync_streams") == 0);

    world.loop.run_for(20s);
    world.store.after = 1h;
    world.store.scans = 0;
    const auto begin = world.loop.now();
    const std::string late = world.scrape();
    CHECK(world.loop.now() - begin == 2s);
    CHECK(value_of(late, "castiel_sync_streams") == 0);
    CHECK(value_of(late, "castiel_sync_survey_age_seconds") == 22);
    (void)world.scrape();
    CHECK(world.store.scans == 1); // the one that hangs
}

TEST_CASE("the server's own counts are taken over") {
    World world;
    HttpServerCounters counters;
    counters.open_connections = 3;
    counters.open_streams = 2;
    counters.refused = {{400, 5}, {503, 7}};
    counters.idle_timeouts = 11;
    counters.write_timeouts = 13;
    world.metrics.watch_server([&] { return counters; });
    const std::string text = world.scrape();
    CHECK(value_of(text, "castiel_sync_http_open_connections") == 3);
    CHECK(value_of(text, "castiel_sync_http_open_streams") == 2);
    CHECK(value_of(text, "castiel_sync_http_refusals_total{status=\"503\"}") == 7);
    CHECK(value_of(text, "castiel_sync_http_timeouts_total{kind=\"idle\"}") == 11);
    CHECK(value_of(text, "castiel_sync_http_timeouts_total{kind=\"write\"}") == 13);
}

TEST_CASE("no client makes series of its own") {
    World world;
    for (int i = 0; i < 10'000; ++i)
        world.metrics.count_request("M" + std::to_string(i), "", 404, 1ms);
    const std::string text = world.scrape();
    CHECK(value_of(text, "http_requests_total{method=\"other\",route=\"unmatched\",status=\"404\"}") == 10'000);
    CHECK(lines_of(text, "http_requests_total{") == 1);
}

namespace {

// One series at least of everything there is.
std::string text_of_everything() {
    World world;
    auto authentication = Authentication::make({});
    const Scheduler scheduler{SchedulerParts()};
    WebhookDispatcherParts parts;
    parts.runtime = world.runtime;
    const WebhookDispatcher dispatcher(std::move(parts));
    world.metrics.watch(world.store);
    world.metrics.watch(*authentication);
    world.metrics.watch(scheduler);
    world.metrics.watch(dispatcher);
    world.metrics.watch_server([] {
        HttpServerCounters counters;
        counters.refused = {{400, 5}};
        return counters;
    });
    world.metrics.count_request("GET", "/health", 200, 1ms);
    world.metrics.count_execution(execution_with(SyncStatus::completed, 2s));
    world.metrics.count_call(StoreCall::read, std::nullopt, 1ms);
    world.metrics.count_call("toy", AdapterCall::pull, ErrorCode::throttled, 1ms);
    return world.scrape();
}

} // namespace

TEST_CASE("docs/metrics.md names every metric, and no other") {
    std::ifstream file("docs/metrics.md");
    const std::string page((std::istreambuf_iterator<char>(file)), {});
    std::set<std::string> told;
    std::istringstream lines(text_of_everything());
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("# TYPE ")) told.insert(line.substr(7, line.find(' ', 7) - 7));
    CHECK(told.size() > 30);
    std::set<std::string> named;
    for (std::size_t mark = page.find("\n## "); (mark = page.find('`', mark)) != std::string::npos;) {
        const std::size_t end = page.find('`', mark + 1);
        const std::string word = page.substr(mark + 1, end - mark - 1);
        if (word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos &&
            (word.starts_with("castiel_sync_") || word.starts_with("http_") || word.starts_with("process_")))
            named.insert(word);
        mark = end + 1;
    }
    CHECK(named == told);
}

#ifdef CASTIEL_SYNC_PROMTOOL
TEST_CASE("promtool finds nothing to say about the text") {
    std::string file = "/tmp/castiel-sync-metrics-XXXXXX";
    const int descriptor = mkstemp(file.data());
    REQUIRE(descriptor >= 0);
    close(descriptor);
    std::ofstream(file) << text_of_everything();
    const std::string command = std::string(CASTIEL_SYNC_PROMTOOL) + " check metrics < " + file + " 2>&1";
    std::FILE* pipe = popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string said;
    for (int letter = std::fgetc(pipe); letter != EOF; letter = std::fgetc(pipe))
        said += static_cast<char>(letter);
    const int status = pclose(pipe);
    std::remove(file.c_str());
    CHECK_MESSAGE(status == 0, said);
    CHECK(said == "");
}
#endif

// What a delivery costs, with every attempt on record, and what endpoints that hang do to the others.
//
//   bench_webhooks --url http://127.0.0.1:PORT/ --hanging http://127.0.0.1:PORT/ [--deliveries N] [--endpoints N]
//                  [--share PERCENT] [--in-flight N] [--store sqlite|memory] [--folder F]
//
// Deliveries are fanned out to the endpoints first; then one dispatcher sends all of them, SQLite holding each attempt
// before its first byte and each answer after it. Counted is the time from the first request to the last answer of the
// endpoints that do not hang, and this process's CPU in it. "waiting" is the memory with all of them waiting.
#include "common.hpp"

#include <castiel_sync/blocking.hpp>
#include <castiel_sync/http/client.hpp>
#include <castiel_sync/stores/memory.hpp>
#include <castiel_sync/stores/sqlite.hpp>
#include <castiel_sync/webhooks/dispatcher.hpp>
#include <castiel_sync/webhooks/webhooks.hpp>

#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

using namespace castiel_sync;
using namespace castiel_sync::bench;
namespace asio = boost::asio;

namespace {

struct Options {
    std::string url, hanging;
    std::size_t deliveries = 100'000;
    std::size_t endpoints = 50;
    std::size_t share = 0; // of endpoints that hang, in percent
    std::size_t in_flight = 50;
    std::string store = "sqlite";
    std::string folder = "/tmp";
};

Options read_options(int count, char** arguments) {
    Options options;
    for (int at = 1; at + 1 < count; at += 2) {
        const std::string name = arguments[at], value = arguments[at + 1];
        const auto number = [&] { return std::strtoull(value.c_str(), nullptr, 10); };
        if (name == "--url") options.url = value;
        else if (name == "--hanging") options.hanging = value;
        else if (name == "--deliveries") options.deliveries = number();
        else if (name == "--endpoints") options.endpoints = number();
        else if (name == "--share") options.share = number();
        else if (name == "--in-flight") options.in_flight = number();
        else if (name == "--store") options.store = value;
        else if (name == "--folder") options.folder = value;
        else fail("unknown option " + name);
    }
    if (options.url.empty() || (options.share > 0 && options.hanging.empty())) fail("say --url and --hanging");
    return options;
}

// Notes how long requests to the endpoints that answer take, and tells when all of them have been answered.
class Watch final : public HttpTransport {
public:
    Watch(std::shared_ptr<HttpTransport> inner, Clock& clock, const std::string& url)
        : inner_(std::move(inner)), clock_(clock), url_(url) {}

    Async<Result<HttpAnswer>> send(HttpCall call) override {
        if (!call.url.starts_with(url_)) co_return co_await inner_->send(std::move(call));
        const auto begun = clock_.monotonic();
        if (first_ == begun.zero()) first_ = begun;
        auto answer = co_await inner_->send(std::move(call));
        last_ = clock_.monotonic();
        took_.push_back(last_ - begun);
        if (answer && answer->status / 100 == 2) ++delivered_;
        co_return answer;
    }

    [[nodiscard]] std::size_t delivered() const { return delivered_; }
    [[nodiscard]] double seconds() const { return std::chrono::duration<double>(last_ - first_).count(); }
    [[nodiscard]] double milliseconds_of(double quantile) {
        if (took_.empty()) return 0;
        std::sort(took_.begin(), took_.end());
        const auto at = static_cast<std::size_t>(quantile * static_cast<double>(took_.size() - 1));
        return std::chrono::duration<double, std::milli>(took_[at]).count();
    }

private:
    std::shared_ptr<HttpTransport> inner_;
    Clock& clock_;
    std::string url_;
    std::chrono::nanoseconds first_{0}, last_{0};
    std::vector<std::chrono::nanoseconds> took_;
    std::size_t delivered_ = 0;
};

template <class T>
T must(Result<T> result) {
    if (!result) fail(result.error().message);
    return std::move(*result);
}

Async<void> fan_out(Webhooks& webhooks, Store& store, const Options& options, Runtime runtime) {
    for (std::size_t i = 0; i < options.endpoints; ++i) {
        WebhookSettings settings;
        settings.integration_id = integration_id;
        const bool hangs = i * 100 < options.share * options.endpoints;
        settings.url = hangs ? options.hanging : options.url;
        settings.events = {"*"};
        settings.max_in_flight = options.in_flight;
        (void)must(co_await webhooks.create(tenant, std::move(settings), "", ""));
    }
    const std::size_t events = options.deliveries / options.endpoints;
    for (std::size_t made = 0; made < events;) {
        std::vector<Event> page;
        for (; page.size() < 50 && made < events; ++made) {
            Event event;
            event.id = make_uuid(*runtime.random);
            event.type = "integration.sync.completed";
            event.timestamp = runtime.clock->now();
            event.tenant_id = tenant;
            event.stream_id = "0123456789abcdef";
            event.sequence = made + 1;
            event.data = json::object{{"taskId", make_uuid(*runtime.random)},
                                      {"executionId", make_uuid(*runtime.random)},
                                      {"integrationId", integration_id},
                                      {"entityType", "contacts"},
                                      {"recordsProcessed", 1000},
                                      {"recordsCreated", 10},
                                      {"recordsUpdated", 20},
                                      {"recordsDeleted", 0},
                                      {"recordsSkipped", 970},
                                      {"recordsFailed", 0},
                                      {"conflicts", 0},
                                      {"hasMore", false}};
            page.push_back(std::move(event));
        }
        auto writes = must(co_await webhooks.writes_for(tenant, std::move(page)));
        (void)must(co_await store.commit(tenant, std::move(writes)));
    }
}

Async<void> until_delivered(const Watch& watch, std::size_t wanted, WebhookDispatcher& dispatcher, Clock& clock,
                            double& cpu) {
    for (int i = 0; i < 12'000 && watch.delivered() < wanted; ++i)
        co_await clock.sleep_for(std::chrono::milliseconds(10));
    cpu = cpu_seconds();
    co_await dispatcher.stop(std::chrono::milliseconds(500));
}

} // namespace

int main(int count, char** arguments) {
    const Options options = read_options(count, arguments);
    asio::io_context loop(1);
    asio::thread_pool store_thread(1), names(2);
    const auto clock = make_system_clock(loop.get_executor());
    const auto random = make_system_random();
    const Runtime runtime{loop.get_executor(), clock.get(), random.get()};
    const std::string file = options.folder + "/bench-webhooks.db";
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(file + end);
    std::unique_ptr<Store> store;
    if (options.store == "memory") {
        store = make_memory_store(*clock, webhook_kinds());
    } else {
        SqliteOptions sqlite;
        sqlite.path = file;
        sqlite.kinds = webhook_kinds();
        auto opened = open_sqlite_store(std::move(sqlite));
        if (!opened) fail(opened.error().message);
        store = bridge(std::move(opened.value()), store_thread.get_executor());
    }
    const Sealer sealer = must(Sealer::make({Sealer::make_key(*random)}));
    EgressOptions egress;
    egress.allow_http = true;
    egress.allow_networks = {"127.0.0.0/8"};
    for (const std::string& url : {options.url, options.hanging})
        if (!url.empty()) egress.allowed_ports.push_back(must(parse_http_url(url)).port);
    const EgressPolicy policy = must(EgressPolicy::make(egress));
    WebhooksParts parts;
    parts.runtime = runtime;
    parts.store = store.get();
    parts.sealer = &sealer;
    parts.egress = policy;
    Webhooks webhooks(std::move(parts));
    const auto rethrow = [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
    };
    asio::co_spawn(loop, fan_out(webhooks, *store, options, runtime), rethrow);
    loop.run();
    loop.restart();

    HttpClientOptions client;
    client.egress = policy;
    client.blocking = names.get_executor();
    client.max_connections_per_host = 5000;
    client.max_idle_connections = 5000;
    auto transport = make_http_client(loop.get_executor(), std::move(client));
    if (!transport) fail(transport.error().message);
    const auto watch = std::make_shared<Watch>(*transport, *clock, options.url);
    WebhookDispatcherParts sending;
    sending.runtime = runtime;
    sending.store = store.get();
    sending.sealer = &sealer;
    sending.transport = watch;
    sending.limits.max_in_flight_per_tenant = 100'000;
    sending.instance = "bench";
    WebhookDispatcher dispatcher(std::move(sending));
    const std::size_t hanging = (options.share * options.endpoints + 99) / 100;
    const std::size_t wanted = options.deliveries / options.endpoints * (options.endpoints - hanging);
    reset_peak();
    const double cpu_before = cpu_seconds();
    double cpu_after = cpu_before;
    asio::co_spawn(loop, dispatcher.run(), rethrow);
    asio::co_spawn(loop, until_delivered(*watch, wanted, dispatcher, *clock, cpu_after), rethrow);
    loop.run();
    store_thread.join();
    names.join();

    const double seconds = watch->seconds();
    const auto delivered = static_cast<double>(watch->delivered());
    fmt::print("| {} | {} | {} % | {:.0f} | {:.1f} | {:.1f} | {:.1f} | {:.0f} |\n", options.store, watch->delivered(),
               options.share, delivered / seconds, (cpu_after - cpu_before) / delivered * 1e6,
               watch->milliseconds_of(0.5), watch->milliseconds_of(0.99), peak_mebibytes());
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(file + end);
    return watch->delivered() == wanted ? 0 : 1;
}

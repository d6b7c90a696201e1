// What reading and writing a REST system costs: the adapter of a description against a server, beside a bare loop that
// sends the same requests and looks at nothing.
//
//   bench_rest pull --url URL --entity E --description FILE|fixture [--page N] [--server PID]...
//   bench_rest push --url URL --entity E --description FILE [--records N] [--server PID]...
//   bench_rest many [--streams N] [--latency-ms N] [--records N]
//
// pull  Reads the entity from its beginning to its end: by blocking sockets without looking at the answers ("bare"),
//       through the client alone ("client"), by the adapter ("adapter"), and as an engine's first copy into memory
//       ("engine"). CPU is this process's; the server's is read from /proc where its process is named.
// push  Creates, updates and deletes records through the adapter.
// many  Streams at once, each an integration of its own that copies its records, on one thread, from a server of this
//       program's own in another process that answers each request only after the latency.
#include "common.hpp"

#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/adapters/rest.hpp>
#include <castiel_sync/castiel_sync.hpp>
#include <castiel_sync/http/client.hpp>
#include <castiel_sync/http/server.hpp>
#include <castiel_sync/stores/sqlite.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

using namespace castiel_sync;
using namespace castiel_sync::bench;
namespace asio = boost::asio;

namespace {

// Pages by number, as files that a web server sends: /contacts/1.json …
constexpr std::string_view fixture = R"({
  "name": "fixture", "summary": "Pages of records as files",
  "settings": {"baseUrl": {"type": "string"}}, "baseUrl": "{settings.baseUrl}", "check": {"path": "/"},
  "entities": {"*": {"id": "id",
    "list": {"path": "/{entity}/{page}.json", "paging": {"type": "page"}, "records": "items", "total": "total",
             "pageSize": {"default": PAGE, "most": PAGE}},
    "get": {"path": "/{entity}/{id}"}}}})";

struct Options {
    std::string command;
    std::string url;
    std::string entity = "contacts";
    std::string description = "fixture";
    std::size_t page = 100;
    std::size_t records = 1000;
    std::size_t streams = 1000;
    int latency_ms = 200;
    std::vector<int> servers;
};

Options read_options(int count, char** arguments) {
    Options options;
    if (count < 2) fail("say pull, push or many");
    options.command = arguments[1];
    for (int at = 2; at + 1 < count; at += 2) {
        const std::string name = arguments[at];
        const std::string value = arguments[at + 1];
        const auto number = [&] { return std::strtoull(value.c_str(), nullptr, 10); };
        if (name == "--url")
            options.url = value;
        else if (name == "--entity")
            options.entity = value;
        else if (name == "--description")
            options.description = value;
        else if (name == "--page")
            options.page = number();
        else if (name == "--records")
            options.records = number();
        else if (name == "--streams")
            options.streams = number();
        else if (name == "--latency-ms")
            options.latency_ms = static_cast<int>(number());
        else if (name == "--server")
            options.servers.push_back(static_cast<int>(number()));
        else
            fail("unknown option " + name);
    }
    return options;
}

// User and system time of other processes, from the 14th and 15th member of their stat.
double cpu_of(const std::vector<int>& processes) {
    double seconds = 0;
    for (const int process : processes) {
        std::ifstream file(fmt::format("/proc/{}/stat", process));
        std::string text((std::istreambuf_iterator<char>(file)), {});
        std::istringstream rest(text.substr(std::min(text.rfind(')') + 1, text.size())));
        std::string skipped;
        for (int i = 0; i < 11; ++i)
            rest >> skipped;
        double user = 0;
        double system = 0;
        rest >> user >> system;
        seconds += (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
    }
    return seconds;
}

class RecordedCalls final : public HttpTransport {
public:
    explicit RecordedCalls(std::shared_ptr<HttpTransport> inner) : inner_(std::move(inner)) {}
    Async<Result<HttpAnswer>> send(HttpCall call) override {
        calls.push_back(call);
        auto answer = co_await inner_->send(std::move(call));
        if (answer) bytes += answer->body.size();
        co_return answer;
    }
    std::vector<HttpCall> calls;
    std::size_t bytes = 0;

private:
    std::shared_ptr<HttpTransport> inner_;
};

struct Place {
    std::string host;
    std::string port;
    std::string target;
};

Place place_of(const std::string& url) {
    auto parsed = parse_http_url(url);
    if (!parsed) fail(parsed.error().message);
    return {parsed->host, std::to_string(parsed->port), parsed->target};
}

// One request after the other over one kept connection; answers must tell their length.
class BareLoop {
public:
    std::size_t run(const std::vector<HttpCall>& calls) {
        asio::io_context context;
        asio::ip::tcp::socket socket(context);
        const Place place = place_of(calls.front().url);
        asio::connect(socket, asio::ip::tcp::resolver(context).resolve(place.host, place.port));
        socket.set_option(asio::ip::tcp::no_delay(true));
        std::string received;
        std::size_t bytes = 0;
        for (const HttpCall& call : calls) {
            asio::write(socket,
                        asio::buffer(fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n\r\n",
                                                 call.method, place_of(call.url).target, place.host)));
            const std::size_t head = asio::read_until(socket, asio::dynamic_buffer(received), "\r\n\r\n");
            std::string lower = received.substr(0, head);
            for (char& c : lower)
                c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            const std::size_t at = lower.find("content-length:");
            if (at == std::string::npos) fail("an answer does not tell its length");
            const std::size_t length = std::strtoull(lower.c_str() + at + 15, nullptr, 10);
            if (received.size() < head + length)
                asio::read(socket, asio::dynamic_buffer(received),
                           asio::transfer_exactly(head + length - received.size()));
            bytes += length;
            received.erase(0, head + length);
        }
        return bytes;
    }
};

class Bench {
public:
    explicit Bench(const Options& options) : options_(options) {
        HttpClientOptions client;
        EgressOptions egress;
        egress.allow_http = true;
        egress.allow_networks = {"127.0.0.0/8"};
        if (!options.url.empty()) egress.allowed_ports = {parse_http_url(options.url).value().port};
        client.egress = EgressPolicy::make(egress).value();
        client.max_connections_per_host = 4096;
        client.max_idle_connections = 4096;
        client.blocking = names_.get_executor();
        transport_ = make_http_client(loop_.get_executor(), std::move(client)).value();
        runtime_ = Runtime{loop_.get_executor(), clock_.get(), random_.get()};
        std::string text(fixture);
        for (std::size_t at = text.find("PAGE"); at != std::string::npos; at = text.find("PAGE"))
            text.replace(at, 4, std::to_string(options.page));
        describe_as(text, "fixture");
    }
    ~Bench() {
        store_.reset();
        names_.join();
    }

    // A description as JSON, as `castiel-sync adapters` can't write it: bench/rest/run turns YAML into JSON.
    void use(const std::string& file) {
        if (file == "fixture") return;
        std::ifstream stream(file);
        describe_as(std::string((std::istreambuf_iterator<char>(stream)), {}), file);
    }

    [[nodiscard]] std::unique_ptr<Adapter> adapter(std::shared_ptr<HttpTransport> transport) const {
        AdapterContext context;
        context.runtime = runtime_;
        context.entity = options_.entity;
        context.settings = {{"baseUrl", options_.url}};
        RestParts parts;
        parts.transport = std::move(transport);
        return rest_factory(description_, parts)(context).value();
    }

    Async<std::size_t> pull_all(std::unique_ptr<Adapter> adapter) {
        std::size_t records = 0;
        std::string cursor;
        for (bool more = true; more;) {
            PullRequest request;
            request.entity = options_.entity;
            request.cursor = std::move(cursor);
            request.max_records = options_.page;
            auto page = co_await adapter->pull(std::move(request));
            if (!page) fail(page.error().message);
            records += page->records.size();
            cursor = std::move(page->next);
            more = page->has_more;
        }
        co_return records;
    }

    Async<std::size_t> send_all(const std::vector<HttpCall>& calls) {
        std::size_t bytes = 0;
        for (const HttpCall& call : calls) {
            HttpCall copy = call;
            auto answer = co_await transport_->send(std::move(copy));
            if (!answer) fail(answer.error().message);
            bytes += answer->body.size();
        }
        co_return bytes;
    }

    void pull() {
        auto recorded = std::make_shared<RecordedCalls>(transport_);
        const std::size_t records = wait(loop_, pull_all(adapter(recorded)));
        if (records == 0) fail("the entity is empty");
        fmt::print("{} records, {} requests, {:.1f} MB of answers\n\n", records, recorded->calls.size(),
                   static_cast<double>(recorded->bytes) / 1e6);
        fmt::print("{:10} {:>12} {:>10} {:>18} {:>18} {:>8}\n", "", "records/s", "of bare", "our CPU us/record",
                   "server us/record", "MiB");
        bare_rate_ = 0;
        row("bare", records, [&] { BareLoop().run(recorded->calls); });
        row("client", records, [&] { (void)wait(loop_, send_all(recorded->calls)); });
        row("adapter", records, [&] { (void)wait(loop_, pull_all(adapter(transport_))); });
        row("engine", records, [&] { copy(records); });
    }

    void push() {
        use(options_.description);
        const std::unique_ptr<Adapter> system = adapter(transport_);
        const std::size_t most = system->capabilities().max_push_records;
        fmt::print("{} records, {} in a push\n\n", options_.records, most);
        fmt::print("{:10} {:>12} {:>18} {:>18}\n", "", "records/s", "our CPU us/record", "server us/record");
        std::vector<Record> written(options_.records);
        const auto act = [&](PushItem::Action action) {
            for (std::size_t begin = 0; begin < options_.records; begin += most) {
                PushRequest request;
                request.entity = options_.entity;
                const std::size_t end = std::min(begin + most, options_.records);
                for (std::size_t index = begin; index < end; ++index)
                    request.items.push_back(item(action, index, written[index]));
                auto outcomes = wait(loop_, system->push(std::move(request)));
                if (!outcomes) fail(outcomes.error().message);
                for (std::size_t index = begin; index < end; ++index) {
                    const PushOutcome& outcome = (*outcomes)[index - begin];
                    if (outcome.status != PushOutcome::Status::applied)
                        fail(outcome.error ? outcome.error->message : "a record was not written");
                    if (action == PushItem::Action::create) written[index].id = outcome.id;
                    written[index].version = outcome.version;
                }
            }
        };
        push_row("create", [&] { act(PushItem::Action::create); });
        push_row("update", [&] { act(PushItem::Action::update); });
        push_row("delete", [&] { act(PushItem::Action::remove); });
    }

    // The adapters alone: what is waited for, and what answers hold.
    void many_pulls() {
        std::size_t records = 0;
        const auto pulled = [&](std::exception_ptr thrown, std::size_t count) {
            if (thrown) std::rethrow_exception(thrown);
            records += count;
        };
        const double before = peak_mebibytes();
        const Measured measured = measure([&] {
            for (std::size_t index = 0; index < options_.streams; ++index)
                asio::co_spawn(loop_, pull_all(adapter(transport_)), pulled);
            loop_.restart();
            loop_.run();
        });
        tell_many("pulls", records, measured, before);
    }

    // Every stream is another tenant's, so that no tenant's slots keep them from running at once.
    void many(std::uint16_t port) {
        std::vector<Integration> integrations;
        for (std::size_t index = 0; index < options_.streams; ++index) {
            Integration one = make_integration("fixture", {{"baseUrl", fmt::format("http://127.0.0.1:{}", port)}},
                                               "contacts", "contact", false);
            one.sync.direction = Direction::inbound;
            one.tenant_id = fmt::format("7b1f0f0e-6f0a-4c58-8a37-{:012}", index);
            one.id = fmt::format("7d3c5f5e-0a0e-4b57-9c1e-{:012}", index);
            integrations.push_back(std::move(one));
        }
        // Records that are kept in memory would be counted as the streams'.
        const std::string folder = fmt::format("bench-rest-{}", ::getpid());
        std::filesystem::create_directory(folder);
        SqliteOptions sqlite;
        sqlite.path = folder + "/store.db";
        sqlite.kinds = engine_kinds();
        auto opened = open_sqlite_store(std::move(sqlite));
        if (!opened) fail(opened.error().message);
        store_ = bridge(std::move(*opened), names_.get_executor());
        make_engine(integrations);
        std::size_t completed = 0;
        const auto finished = [&](std::exception_ptr thrown, Result<std::vector<Execution>> executions) {
            if (thrown) std::rethrow_exception(thrown);
            if (!executions) fail(executions.error().message);
            for (const Execution& execution : *executions) {
                if (execution.status != SyncStatus::completed)
                    fail(execution.error ? execution.error->message : "a run did not complete");
                completed += execution.counters.created;
            }
        };
        const double before = peak_mebibytes();
        const Measured measured = measure([&] {
            for (const Integration& integration : integrations) {
                SyncRequest request;
                request.tenant_id = integration.tenant_id;
                request.integration_id = integration.id;
                asio::co_spawn(loop_, engine_->run(std::move(request)), finished);
            }
            loop_.restart();
            loop_.run();
        });
        tell_many("syncs", completed, measured, before);
        engine_.reset();
        store_.reset();
        std::filesystem::remove_all(folder);
    }

private:
    void describe_as(const std::string& text, const std::string& name) {
        auto document = parse_json(text);
        if (!document) fail(name + ": " + document.error().message);
        auto parsed = parse_rest_description(*document);
        if (!parsed.description) fail(name + ": " + parsed.faults.front().path + " " + parsed.faults.front().message);
        description_ = parsed.description;
    }

    void tell_many(const std::string& what, std::size_t records, const Measured& measured, double before) const {
        fmt::print("{} {} at once, {} ms latency: {} records in {:.2f} s, {:.2f} s of CPU ({:.0f} us/record), "
                   "peak {:.0f} MiB (before: {:.0f})\n",
                   options_.streams, what, options_.latency_ms, records, measured.wall, measured.cpu,
                   measured.cpu / static_cast<double>(records) * 1e6, measured.peak, before);
    }

    template <class Work>
    void row(const std::string& name, std::size_t records, Work work) {
        const double server = cpu_of(options_.servers);
        const Measured measured = measure(work);
        const double count = static_cast<double>(records);
        const double rate = count / measured.wall;
        if (bare_rate_ == 0) bare_rate_ = rate;
        fmt::print("{:10} {:12.0f} {:9.0f}% {:18.1f} {:18.1f} {:8.0f}\n", name, rate, rate / bare_rate_ * 100,
                   measured.cpu / count * 1e6, (cpu_of(options_.servers) - server) / count * 1e6, measured.peak);
    }

    template <class Work>
    void push_row(const std::string& name, Work work) {
        const double server = cpu_of(options_.servers);
        const Measured measured = measure(work);
        const double count = static_cast<double>(options_.records);
        fmt::print("{:10} {:12.0f} {:18.1f} {:18.1f}\n", name, count / measured.wall, measured.cpu / count * 1e6,
                   (cpu_of(options_.servers) - server) / count * 1e6);
    }

    [[nodiscard]] PushItem item(PushItem::Action action, std::size_t index, const Record& written) const {
        PushItem made;
        made.action = action;
        made.id = written.id;
        made.expected_version = written.version;
        made.idempotency_key = action == PushItem::Action::create ? make_ordered_uuid(clock_->now(), *random_)
                                                                  : "key " + std::to_string(index);
        if (action == PushItem::Action::remove) return made;
        made.fields = make_record(index, action == PushItem::Action::create ? 0 : 1, true);
        made.fields.erase("id");
        if (action == PushItem::Action::update) made.fields["id"] = written.id;
        return made;
    }

    void make_engine(std::vector<Integration> integrations) {
        registry_ = AdapterRegistry();
        RestParts parts;
        parts.transport = transport_;
        registry_.add(describe(*description_), rest_factory(description_, parts));
        catalog_ = make_fixed_catalog(std::move(integrations));
        EngineParts engine;
        engine.runtime = runtime_;
        engine.store = store_.get();
        engine.adapters = &registry_;
        engine.shards = local_shards_factory(*store_);
        engine.catalog = catalog_.get();
        engine.limits.max_records_per_sync = 10'000'000;
        engine_ = std::make_unique<Engine>(std::move(engine));
    }

    void copy(std::size_t records) {
        std::vector<Integration> one;
        one.push_back(make_integration(describe(*description_).name, {{"baseUrl", options_.url}}, options_.entity,
                                       "contact", false));
        one.front().sync.direction = Direction::inbound;
        store_ = make_memory_store(*clock_, engine_kinds());
        make_engine(std::move(one));
        const Execution execution = run_once(loop_, *engine_);
        if (execution.counters.created != records) fail("not every record was created");
        engine_.reset();
    }

    Options options_;
    asio::io_context loop_{1};
    asio::thread_pool names_{1};
    std::unique_ptr<Clock> clock_ = make_system_clock(loop_.get_executor());
    std::unique_ptr<Random> random_ = make_seeded_random(1);
    Runtime runtime_;
    std::shared_ptr<HttpTransport> transport_;
    std::shared_ptr<const RestDescription> description_;
    std::unique_ptr<Store> store_;
    AdapterRegistry registry_;
    std::unique_ptr<IntegrationCatalog> catalog_;
    std::unique_ptr<Engine> engine_;
    double bare_rate_ = 0;
};

// Two pages of a listing, and each record by itself, after the latency.
struct SlowServer {
    Options options;
    std::vector<std::string> pages;

    explicit SlowServer(Options given) : options(std::move(given)) {
        const std::size_t half = (options.records + 1) / 2;
        for (std::size_t page = 0; page < 2; ++page) {
            json::array items;
            for (std::size_t index = page * half; index < std::min(options.records, (page + 1) * half); ++index)
                items.push_back(make_record(index, 0, false));
            pages.push_back(to_json(json::object{{"total", options.records}, {"items", std::move(items)}}));
        }
    }

    static Async<HttpResponse> answer(const SlowServer& server, HttpRequest request) {
        asio::steady_timer timer(co_await asio::this_coro::executor,
                                 std::chrono::milliseconds(server.options.latency_ms));
        co_await timer.async_wait(asio::use_awaitable);
        HttpResponse response;
        response.headers.add("Content-Type", "application/json");
        if (request.target.ends_with(".json"))
            response.body = request.target.ends_with("/1.json") ? server.pages[0] : server.pages[1];
        else
            response.body = to_json(make_record(std::strtoull(request.target.c_str() + 11, nullptr, 10), 0, false));
        co_return response;
    }

    [[noreturn]] void serve(int told) const {
        asio::io_context loop(1);
        HttpServerOptions server;
        server.max_connections = 4096;
        HttpServer http(
            loop.get_executor(), server, [this](HttpRequest request) { return answer(*this, std::move(request)); },
            [](unsigned status, const std::string& message) {
                HttpResponse response;
                response.status = status;
                response.body = message;
                return response;
            });
        const std::uint16_t port = http.listen().value();
        if (::write(told, &port, sizeof(port)) != sizeof(port)) std::_Exit(1);
        asio::co_spawn(loop, http.run(), asio::detached);
        loop.run();
        std::_Exit(0);
    }
};

void run_many(const Options& options) {
    int ends[2];
    if (::pipe(ends) != 0) fail("no pipe");
    const pid_t server = ::fork();
    if (server < 0) fail("can't start a process");
    if (server == 0) SlowServer(options).serve(ends[1]);
    std::uint16_t port = 0;
    if (::read(ends[0], &port, sizeof(port)) != sizeof(port)) fail("the server did not start");
    Options mine = options;
    mine.page = (options.records + 1) / 2;
    mine.url = fmt::format("http://127.0.0.1:{}", port);
    apart([&] { Bench(mine).many_pulls(); });
    apart([&] { Bench(mine).many(port); });
    ::kill(server, SIGTERM);
    ::waitpid(server, nullptr, 0);
}

} // namespace

int main(int count, char** arguments) {
    const Options options = read_options(count, arguments);
    if (options.command == "many") {
        run_many(options);
        return 0;
    }
    Bench bench(options);
    bench.use(options.description);
    if (options.command == "pull")
        bench.pull();
    else if (options.command == "push")
        bench.push();
    else
        fail("say pull, push or many");
    return 0;
}

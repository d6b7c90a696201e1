// The engine in a host that has a loop and work of its own: it shares the loop, tells its progress, and ends when asked
// to. What it had done by then stays done, and the next run goes on from there.
#include <castiel_sync/adapters/jsonl.hpp>
#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/castiel_sync.hpp>
#include <castiel_sync/system_runtime.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <utility>

namespace asio = boost::asio;
using namespace castiel_sync;

namespace {

const std::string tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";

const std::string configuration = R"({
  "id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001",
  "providerName": "jsonl", "settings": {"path": "embedded_crm"},
  "syncConfig": {"syncEnabled": true, "syncDirection": "inbound", "entityMappings": [{
    "externalEntity": "contacts", "shardTypeId": "contact",
    "fieldMappings": [{"externalField": "name", "shardField": "name"}]}]}})";

void fill_crm() {
    std::filesystem::create_directories("embedded_crm");
    std::ofstream contacts("embedded_crm/contacts.jsonl");
    for (int number = 1; number <= 200; ++number)
        contacts << R"({"id": )" << number << R"(, "name": "Contact )" << number << "\"}\n";
}

// Called inside the engine's work: it notes what it hears and returns at once.
class Watcher final : public Observer {
public:
    std::function<void(std::uint64_t)> on_records; // set by main

    void on_progress(const Progress& progress) override {
        if (on_records) on_records(progress.execution.counters.processed);
    }
    void on_log(LogLevel level, std::string_view message, const json::object&) override {
        if (level >= LogLevel::warning) std::cerr << message << '\n';
    }
};

// The host's other work: anything else that runs on the loop. Here it only counts its turns.
void work_on(asio::io_context& loop, const bool& done, std::uint64_t& turns) {
    ++turns;
    if (!done) asio::post(loop, [&] { work_on(loop, done, turns); });
}

// Runs a sync beside the host's work; `cancel` ends it early.
Execution sync(asio::io_context& loop, Engine& engine, asio::cancellation_signal& cancel) {
    SyncRequest request;
    request.tenant_id = tenant;
    request.integration_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";
    bool done = false;
    std::uint64_t turns = 0;
    std::exception_ptr thrown;
    Result<std::vector<Execution>> executions = Error();
    const auto finish = [&](std::exception_ptr exception, Result<std::vector<Execution>> result) {
        done = true;
        thrown = exception;
        executions = std::move(result);
    };
    asio::co_spawn(loop, engine.run(std::move(request)), asio::bind_cancellation_slot(cancel.slot(), finish));
    work_on(loop, done, turns);
    loop.restart();
    loop.run(); // a service never leaves its loop; the example does, to tell what happened
    if (thrown) std::rethrow_exception(thrown);
    std::cout << "the host worked meanwhile: " << (turns > 2 ? "yes" : "no") << '\n';
    return executions.value().at(0);
}

} // namespace

int main() {
    fill_crm();
    asio::io_context loop;
    asio::thread_pool files(1);
    SystemRuntime machine(loop.get_executor());
    auto store = make_memory_store(machine.clock());
    AdapterRegistry adapters;
    adapters.add(jsonl_description(), jsonl_factory(files.get_executor()));
    auto catalog = make_fixed_catalog({parse_integration(parse_json(configuration).value(), true).integration.value()});
    auto events = make_log_event_sink([](std::string_view) {}, "host", "1");
    Watcher watcher;
    EngineParts parts;
    parts.runtime = machine.runtime();
    parts.store = store.get();
    parts.adapters = &adapters;
    parts.shards = local_shards_factory(*store);
    parts.catalog = catalog.get();
    parts.events = events.get();
    parts.observer = &watcher;
    parts.limits.page_records = 10; // small pages: progress, and chances to stop, come often
    Engine engine(std::move(parts));

    // The first run is stopped after some pages. The signal is sent from the loop, not from inside the observer.
    asio::cancellation_signal cancel;
    bool asked = false;
    watcher.on_records = [&](std::uint64_t records) {
        if (records < 50 || std::exchange(asked, true)) return;
        asio::post(loop, [&] { cancel.emit(asio::cancellation_type::terminal); });
    };
    const Execution first = sync(loop, engine, cancel);
    std::cout << "first run: " << to_string(first.status) << ", "
              << (first.counters.processed < 200 ? "not all" : "all") << " of 200 records\n";

    const Execution second = sync(loop, engine, cancel);
    std::cout << "second run: " << to_string(second.status) << ", together "
              << first.counters.created + second.counters.created << " created\n";
}

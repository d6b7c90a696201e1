// A first sync. A CRM keeps contacts in a folder, one JSON object per line; Castiel's shards are kept in memory here.
// One run makes both sides equal, in both directions, and says what it did.
#include <castiel_sync/adapters/jsonl.hpp>
#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/castiel_sync.hpp>
#include <castiel_sync/system_runtime.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <vector>

namespace asio = boost::asio;
using namespace castiel_sync;

namespace {

const std::string tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";

// A tenant's use of the CRM: which adapter, with which settings, and which fields correspond.
const std::string configuration = R"({
  "id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001",
  "providerName": "jsonl", "settings": {"path": "first_sync_crm"},
  "syncConfig": {"syncEnabled": true, "syncDirection": "bidirectional", "entityMappings": [{
    "externalEntity": "contacts", "shardTypeId": "contact", "matchKeys": ["email"],
    "fieldMappings": [{"externalField": "mail", "shardField": "email", "transform": "lowercase"},
                      {"externalField": "name.full", "shardField": "name"}]}]}})";

// What people have entered so far: two contacts in the CRM, and one of them, with another one, in Castiel.
Async<void> fill_both_sides(LocalShards& shards) {
    std::filesystem::create_directories("first_sync_crm");
    std::ofstream("first_sync_crm/contacts.jsonl")
        << R"({"id": 1, "mail": "Ada@Example.org", "name": {"full": "Ada Lovelace"}, "vip": true})" << '\n'
        << R"({"id": 2, "mail": "grace@example.org", "name": {"full": "Grace Hopper"}})" << '\n';
    Shard ada, alan;
    ada.shard_type_id = alan.shard_type_id = "contact";
    ada.structured_data = {{"email", "ada@example.org"}, {"name", "Ada Lovelace"}, {"score", 7}};
    alan.structured_data = {{"email", "alan@example.org"}, {"name", "Alan Turing"}};
    std::vector<Shard> both{ada, alan};
    (co_await shards.put_many(std::move(both))).value();
}

Async<void> first_sync(Engine& engine, LocalShards& shards) {
    co_await fill_both_sides(shards);

    SyncRequest request;
    request.tenant_id = tenant;
    request.integration_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";
    auto executions = co_await engine.run(std::move(request)); // one per mapped entity
    for (const Execution& execution : executions.value())
        std::cout << execution.entity_type << ": " << to_string(execution.status) << ", " << execution.counters.created
                  << " created, " << execution.counters.conflicts << " conflicts\n";

    auto page = co_await shards.list("contact", 100, "");
    std::set<std::string> lines;
    for (const Shard& shard : page.value().items)
        lines.insert("  " + to_canonical_json(shard.structured_data) + "\n");
    std::cout << "Castiel now holds\n";
    for (const std::string& line : lines) std::cout << line;
}

} // namespace

int main() {
    // The host's own: its loop, and a thread for what blocks. The library starts none.
    asio::io_context loop;
    asio::thread_pool files(1);
    SystemRuntime machine(loop.get_executor());

    // What an engine is built from. Nothing is global; everything here outlives the engine.
    auto store = make_memory_store(machine.clock());
    AdapterRegistry adapters;
    adapters.add(jsonl_description(), jsonl_factory(files.get_executor()));
    auto catalog = make_fixed_catalog({parse_integration(parse_json(configuration).value(), true).integration.value()});
    auto events = make_log_event_sink([](std::string_view) {}, "first-sync", "1"); // nobody listens here
    EngineParts parts;
    parts.runtime = machine.runtime();
    parts.store = store.get();
    parts.adapters = &adapters;
    parts.shards = local_shards_factory(*store);
    parts.catalog = catalog.get();
    parts.events = events.get();
    Engine engine(std::move(parts));

    LocalShards shards(machine.runtime(), *store, tenant);
    auto done = asio::co_spawn(loop, first_sync(engine, shards), asio::use_future);
    loop.run();
    done.get(); // throws what went wrong

    std::cout << "The CRM's file now holds\n" << std::ifstream("first_sync_crm/contacts.jsonl").rdbuf();
}

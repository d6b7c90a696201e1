// A store of your own: the conformance kit checks it, then an engine keeps everything in it.
// The store is in sealed_store.cpp.
#include "sealed_store.hpp"

#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/castiel_sync.hpp>
#include <castiel_sync/testing/recording_sink.hpp>
#include <castiel_sync/testing/sim_clock.hpp>
#include <castiel_sync/testing/simulated_system.hpp>
#include <castiel_sync/testing/store_conformance.hpp>

#include <iostream>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

const std::string tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
const std::string key = "correct horse battery staple";

// Makes the stores that the kit examines. It may claim "clock" and "reopen", where it can offer them.
class SealedHarness final : public StoreHarness {
public:
    explicit SealedHarness(Clock& clock) : clock_(clock) {}

    Async<Store*> fresh() override {
        below_ = make_memory_store(clock_, store_conformance_kinds());
        store_ = std::make_unique<SealedStore>(*below_, key);
        co_return store_.get();
    }
    [[nodiscard]] bool has(std::string_view) const override { return false; }

private:
    Clock& clock_;
    std::unique_ptr<Store> below_, store_;
};

Integration contacts_integration() {
    auto document = parse_json(R"({
        "id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001",
        "providerName": "crm", "settings": {},
        "syncConfig": {"syncEnabled": true, "syncDirection": "inbound", "entityMappings": [{
            "externalEntity": "contacts", "shardTypeId": "contact",
            "fieldMappings": [{"externalField": "name", "shardField": "name"}]}]}})");
    return parse_integration(document.value(), true).integration.value();
}

bool holds(SimLoop& loop, Store& store, std::string_view text) {
    bool found = false;
    for (const KindDeclaration& kind : engine_kinds())
        for (const ScannedDocument& scanned : loop.run(store.scan(kind.kind, Query())).value().documents)
            found = found || scanned.document.body.find(text) != std::string::npos;
    return found;
}

} // namespace

int main() {
    SimLoop loop;
    SimClock clock(loop);
    const auto random = make_seeded_random(1);
    const Runtime runtime{loop.executor(), &clock, random.get()};

    SealedHarness harness(clock);
    const std::vector<Finding> findings = loop.run(run_store_conformance(harness));
    if (!conforms(findings)) std::cerr << describe(findings);
    std::cout << "conformance kit: " << (conforms(findings) ? "conforms" : "fails") << '\n';

    const auto below = make_memory_store(clock);
    SealedStore store(*below, key);
    SimulatedSystemOptions options;
    options.name = "crm";
    SimulatedSystem crm(loop, options);
    crm.create("contacts", {{"name", "Ada Lovelace"}});
    AdapterRegistry adapters;
    adapters.add(crm.describe(), crm.factory("sync"));
    const auto catalog = make_fixed_catalog({contacts_integration()});
    RecordingSink events;
    EngineParts parts;
    parts.runtime = runtime;
    parts.store = &store;
    parts.adapters = &adapters;
    parts.shards = local_shards_factory(store);
    parts.catalog = catalog.get();
    parts.events = &events;
    Engine engine(std::move(parts));

    SyncRequest request;
    request.tenant_id = tenant;
    request.integration_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";
    for (const Execution& execution : loop.run(engine.run(request)).value())
        std::cout << execution.entity_type << ": " << to_string(execution.status) << ", " << execution.counters.created
                  << " created\n";
    std::cout << "Ada is in the store: " << (holds(loop, store, "Ada") ? "yes" : "no")
              << ", readable at rest: " << (holds(loop, *below, "Ada") ? "yes" : "no") << '\n';
    return conforms(findings) ? 0 : 1;
}

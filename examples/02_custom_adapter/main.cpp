// An adapter of your own: first the conformance kit says whether the engine can rely on it, then it syncs.
// The adapter is in crm_adapter.cpp.
#include "crm_adapter.hpp"

#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/castiel_sync.hpp>
#include <castiel_sync/testing/adapter_conformance.hpp>
#include <castiel_sync/testing/recording_sink.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <algorithm>
#include <iostream>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

const std::string tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
const std::string integration = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";

// How the kit reaches a system that it may fill and empty at will. The hooks that are not overridden do their work
// through the adapter itself.
class CrmHarness final : public AdapterHarness {
public:
    CrmHarness(Runtime runtime, Crm& crm) : runtime_(runtime), crm_(crm) {}

    [[nodiscard]] Runtime runtime() const override { return runtime_; }
    [[nodiscard]] std::unique_ptr<Adapter> make_adapter() const override { return std::make_unique<CrmAdapter>(crm_); }
    Async<Result<>> reset() override {
        crm_ = Crm();
        co_return Result<>();
    }

private:
    Runtime runtime_;
    Crm& crm_;
};

Integration contacts_integration() {
    auto document = parse_json(R"({
        "id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001",
        "providerName": "example-crm", "settings": {},
        "syncConfig": {"syncEnabled": true, "syncDirection": "bidirectional", "entityMappings": [{
            "externalEntity": "contacts", "shardTypeId": "contact", "matchKeys": ["email"],
            "fieldMappings": [{"externalField": "mail", "shardField": "email"},
                              {"externalField": "name", "shardField": "name"}]}]}})");
    return parse_integration(document.value(), true).integration.value();
}

bool passes_the_kit(SimLoop& loop, const Runtime& runtime) {
    Crm crm;
    CrmHarness harness(runtime, crm);
    const std::vector<Finding> findings =
        loop.run(run_conformance<AdapterHarness>(harness, adapter_conformance_cases()));
    if (!conforms(findings)) std::cerr << describe(findings);
    const auto passed = std::count_if(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.status == Finding::Status::passed;
    });
    std::cout << "conformance kit: " << (conforms(findings) ? "conforms" : "fails") << ", "
              << (passed > 20 ? "more than 20 cases passed" : "too few cases ran") << '\n';
    return conforms(findings);
}

} // namespace

int main() {
    SimLoop loop; // one thread, virtual time: good for tests; a service uses its io_context
    SimClock clock(loop);
    const auto random = make_seeded_random(1);
    const Runtime runtime{loop.executor(), &clock, random.get()};
    if (!passes_the_kit(loop, runtime)) return 1;

    Crm crm;
    crm.contacts["contact-1"] = {{{"mail", "ada@example.org"}, {"name", "Ada Lovelace"}, {"vip", true}}, 1};
    crm.last_revision = 1;
    AdapterRegistry adapters; // under the name that integrations use as their providerName
    adapters.add(crm_description(), [&crm](const AdapterContext&) -> Result<std::unique_ptr<Adapter>> {
        return std::make_unique<CrmAdapter>(crm); // yours reads context.settings and context.credentials
    });

    const auto store = make_memory_store(clock);
    const auto catalog = make_fixed_catalog({contacts_integration()});
    RecordingSink events;
    EngineParts parts;
    parts.runtime = runtime;
    parts.store = store.get();
    parts.adapters = &adapters;
    parts.shards = local_shards_factory(*store);
    parts.catalog = catalog.get();
    parts.events = &events;
    Engine engine(std::move(parts));

    LocalShards shards(runtime, *store, tenant);
    Shard grace;
    grace.shard_type_id = "contact";
    grace.structured_data = {{"email", "grace@example.org"}, {"name", "Grace Hopper"}};
    grace = loop.run(shards.put(grace, "")).value();

    SyncRequest request;
    request.tenant_id = tenant;
    request.integration_id = integration;
    loop.run(engine.run(request)).value();
    grace.structured_data["name"] = "Rear Admiral Grace Hopper";
    loop.run(shards.put(grace, "")).value();
    loop.run(engine.run(request)).value();

    std::cout << "the CRM now holds\n";
    for (const auto& [id, contact] : crm.contacts) std::cout << "  " << id << ' ' << to_json(contact.fields) << '\n';
    std::cout << "and Castiel " << loop.run(shards.list("contact", 10, "")).value().items.size() << " contacts\n";
}

// Two people edit one contact at the same time, one in the CRM and one in Castiel. Edits of different fields are both
// kept; one field has a strategy of ours; one nobody can decide, so it waits for a person.
#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/castiel_sync.hpp>
#include <castiel_sync/testing/recording_sink.hpp>
#include <castiel_sync/testing/sim_clock.hpp>
#include <castiel_sync/testing/simulated_system.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

const std::string tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
const std::string integration = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";

Integration contacts_integration() {
    auto document = parse_json(R"({
        "id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001",
        "providerName": "crm", "settings": {},
        "syncConfig": {"syncEnabled": true, "syncDirection": "bidirectional", "entityMappings": [{
            "externalEntity": "contacts", "shardTypeId": "contact", "matchKeys": ["email"],
            "fieldMappings": [{"externalField": "mail", "shardField": "email"},
                              {"externalField": "name", "shardField": "name"},
                              {"externalField": "phone", "shardField": "phone"},
                              {"externalField": "stage", "shardField": "stage",
                               "strategy": "custom", "customStrategy": "furthest_stage"}]}]}})");
    return parse_integration(document.value(), true).integration.value();
}

// The stage further on wins: a deal is not taken back by somebody who had not heard of it. Pure, as every strategy: the
// same conflict, the same answer. Whatever it does not know it leaves to a person.
std::optional<json::value> furthest_stage(const FieldConflict& conflict) {
    static constexpr std::array<std::string_view, 3> stages{"lead", "customer", "partner"};
    const auto place = [](const std::optional<json::value>& value) {
        return value && value->is_string() ? std::find(stages.begin(), stages.end(), value->as_string()) : stages.end();
    };
    const auto source = place(conflict.source), target = place(conflict.target);
    if (source == stages.end() || target == stages.end()) return std::nullopt;
    return json::value(*std::max(source, target));
}

std::string text(const std::optional<json::value>& value) { return value ? to_json(*value) : "nothing"; }

} // namespace

int main() {
    SimLoop loop;
    SimClock clock(loop);
    const auto random = make_seeded_random(1);
    const Runtime runtime{loop.executor(), &clock, random.get()};
    const auto store = make_memory_store(clock);
    const auto catalog = make_fixed_catalog({contacts_integration()});
    SimulatedSystemOptions options;
    options.name = "crm";
    options.capabilities.writable = options.capabilities.conditional_writes = true;
    SimulatedSystem crm(loop, options);
    AdapterRegistry adapters;
    adapters.add(crm.describe(), crm.factory("sync"));
    ConflictStrategies strategies;
    strategies.add("furthest_stage", furthest_stage);
    RecordingSink events;
    EngineParts parts;
    parts.runtime = runtime;
    parts.store = store.get();
    parts.adapters = &adapters;
    parts.shards = local_shards_factory(*store);
    parts.catalog = catalog.get();
    parts.events = &events;
    parts.strategies = &strategies;
    Engine engine(std::move(parts));
    LocalShards shards(runtime, *store, tenant);
    SyncRequest request;
    request.tenant_id = tenant;
    request.integration_id = integration;

    const std::string id = crm.create(
        "contacts", {{"mail", "ada@example.org"}, {"name", "Ada"}, {"phone", "1"}, {"stage", "lead"}});
    loop.run(engine.run(request)).value();

    loop.run_for(std::chrono::hours(1)); // virtual: it takes no time
    // Both edit.
    crm.edit("contacts", id, {{"mail", "ada@example.org"}, {"name", "Ada King"}, {"phone", "1"}, {"stage", "partner"}});
    Shard shard = loop.run(shards.list("contact", 10, "")).value().items.at(0);
    shard.structured_data["name"] = "Ada Lovelace";
    shard.structured_data["phone"] = "2";
    shard.structured_data["stage"] = "customer";
    loop.run(shards.put(shard, shard.etag)).value();
    loop.run(engine.run(request)).value();
    std::cout << "after both edits, the CRM: " << to_canonical_json(*crm.find("contacts", id)) << '\n';

    // What waits, and its answer, which is written to both sides.
    loop.run_for(std::chrono::hours(1));
    ListRequest list;
    list.tenant_id = tenant;
    list.state = "open";
    for (const Conflict& conflict : loop.run(engine.list_conflicts(list)).value().items) {
        for (const ConflictField& field : conflict.fields)
            std::cout << "open: " << field.field << " was " << text(field.base) << ", is " << text(field.source)
                      << " in the CRM and " << text(field.target) << " in Castiel\n";
        ConflictResolution answer;
        answer.choice = ConflictResolution::Choice::values;
        answer.values = {{"name", "Ada King, Countess of Lovelace"}};
        answer.actor = "grace";
        loop.run(engine.resolve_conflict(tenant, conflict.conflict_id, answer)).value();
    }
    std::cout << "after the answer, the CRM: " << to_canonical_json(*crm.find("contacts", id)) << '\n';
    shard = loop.run(shards.list("contact", 10, "")).value().items.at(0);
    std::cout << "and Castiel: " << to_canonical_json(shard.structured_data) << '\n';

    // Why a field has its value, newest first.
    for (const JournalEntry& entry : loop.run(engine.history(tenant, "contacts", id, 100, "")).value().items)
        for (const JournalChange& change : entry.changes)
            std::cout << entry.action << (entry.written == Side::source ? " in the CRM: " : " in Castiel: ")
                      << change.field << " " << text(change.before) << " → " << text(change.after) << " by "
                      << change.rule << '\n';
}

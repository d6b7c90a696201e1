// A small world for engine tests: two simulated systems, a memory store, one engine, virtual time.
#pragma once

#include <castiel_sync/castiel_sync.hpp>
#include <castiel_sync/testing/recording_sink.hpp>
#include <castiel_sync/testing/sim_clock.hpp>
#include <castiel_sync/testing/simulated_system.hpp>
#include <engine/documents.hpp>

#include "trouble.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync::testing {

inline const std::string tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
inline const std::string integration_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";

// Everything a well-behaved system can do.
inline AdapterCapabilities able(bool feed) {
    AdapterCapabilities capabilities;
    capabilities.writable = true;
    capabilities.change_feed = feed;
    capabilities.reports_deletions = feed;
    capabilities.conditional_writes = true;
    capabilities.conditional_deletes = true;
    capabilities.idempotent_creates = true;
    capabilities.finds_by_idempotency_key = true;
    return capabilities;
}

inline SimulatedSystemOptions system_options(std::string name, AdapterCapabilities capabilities) {
    SimulatedSystemOptions options;
    options.name = std::move(name);
    options.capabilities = capabilities;
    return options;
}

// contacts ↔ contact with name, mail → email and tags, matched by email, both ways.
inline Integration contacts_integration() {
    auto parsed = parse_integration(*parse_json(R"({
        "id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01",
        "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001",
        "providerName": "crm",
        "settings": {},
        "syncConfig": {
            "syncEnabled": true,
            "syncDirection": "bidirectional",
            "entityMappings": [{
                "externalEntity": "contacts",
                "shardTypeId": "contact",
                "matchKeys": ["email"],
                "fieldMappings": [
                    {"externalField": "mail", "shardField": "email", "transform": "lowercase"},
                    {"externalField": "name", "shardField": "name"},
                    {"externalField": "phone", "shardField": "phone"},
                    {"externalField": "tags", "shardField": "tags", "strategy": "union", "unordered": true}
                ]
            }]
        }
    })"), true);
    for (const auto& fault : parsed.faults) MESSAGE(fault.path << ": " << fault.message);
    REQUIRE(parsed.integration.has_value());
    return std::move(*parsed.integration);
}

// A contact names its company by id.
inline Integration contacts_of_companies() {
    auto parsed = parse_integration(*parse_json(R"({
        "id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001",
        "providerName": "crm", "settings": {},
        "syncConfig": {"syncDirection": "bidirectional", "entityMappings": [
            {"externalEntity": "contacts", "shardTypeId": "contact", "fieldMappings": [
                {"externalField": "name", "shardField": "name"},
                {"externalField": "company", "shardField": "companyId", "reference": "companies"}]},
            {"externalEntity": "companies", "shardTypeId": "company", "fieldMappings": [
                {"externalField": "title", "shardField": "title"}]}]}})"), true);
    for (const auto& fault : parsed.faults) MESSAGE(fault.path << ": " << fault.message);
    REQUIRE(parsed.integration.has_value());
    return std::move(*parsed.integration);
}

class PlanObserver final : public Observer {
public:
    std::vector<PlannedRecord> planned;
    std::vector<std::string> logged;
    void on_planned(const PlannedRecord& record) override { planned.push_back(record); }
    void on_log(LogLevel, std::string_view message, const json::object&) override { logged.emplace_back(message); }
};

struct World {
    SimLoop loop;
    SimClock clock{loop};
    std::unique_ptr<Random> random = make_seeded_random(7);
    std::unique_ptr<Store> store = make_memory_store(clock);
    Process process;
    Fates commits;
    WiredStore wired_store{*store, commits, process};
    Wire to_source;
    Wire to_target;
    SimulatedSystem source;
    SimulatedSystem target;
    RecordingSink sink;
    PlanObserver observer;
    AdapterRegistry registry;
    std::unique_ptr<IntegrationCatalog> catalog;
    ConflictStrategies strategies;
    std::unique_ptr<Engine> engine;
    EngineLimits limits;

    explicit World(Integration integration = contacts_integration(), AdapterCapabilities source_can = able(false),
                   AdapterCapabilities target_can = able(true))
        : World(std::move(integration), system_options("crm", source_can), system_options("shards", target_can)) {}
    World(Integration integration, SimulatedSystemOptions source_options, SimulatedSystemOptions target_options)
        : source(loop, std::move(source_options)), target(loop, std::move(target_options)) {
        limits.max_records_per_sync = 100'000;
        registry.add(source.describe(), wired(source, to_source));
        use(std::move(integration));
    }
    ~World() { loop.destroy(); }

    AdapterFactory wired(SimulatedSystem& system, Wire& wire) {
        return [&](const AdapterContext&) -> Result<std::unique_ptr<Adapter>> {
            return std::unique_ptr<Adapter>(std::make_unique<WiredAdapter>(system.connect("sync"), wire, process));
        };
    }

    // From now on the integration is this one.
    void use(Integration integration) {
        std::vector<Integration> all;
        all.push_back(std::move(integration));
        catalog = make_fixed_catalog(std::move(all));
        rebuild();
    }

    void rebuild() {
        EngineParts parts;
        parts.runtime = Runtime{loop.executor(), &clock, random.get()};
        parts.store = &wired_store;
        parts.adapters = &registry;
        parts.shards = wired(target, to_target);
        parts.catalog = catalog.get();
        parts.events = &sink;
        parts.strategies = &strategies;
        parts.observer = &observer;
        parts.limits = limits;
        parts.instance = "test";
        engine = std::make_unique<Engine>(std::move(parts));
    }

    SyncRequest request() const {
        SyncRequest request;
        request.tenant_id = tenant;
        request.integration_id = integration_id;
        return request;
    }

    // One run of the first (and mostly only) stream.
    Execution sync() { return sync(request()); }
    Execution sync(SyncRequest with) {
        auto executions = loop.run(engine->run(std::move(with)));
        REQUIRE_MESSAGE(executions.has_value(), executions.error().message);
        REQUIRE_FALSE(executions->empty());
        Execution execution = executions->back();
        if (execution.error) INFO(execution.error->message);
        return execution;
    }
    Execution sync_well() {
        Execution execution = sync();
        if (execution.error) FAIL(execution.error->message);
        REQUIRE(execution.status == SyncStatus::completed);
        return execution;
    }

    // A run in which the process dies, as a fate says; afterwards another one is there, and the dead one's hold on the
    // stream has run out.
    void sync_and_die() { REQUIRE(sync_and_perhaps_die()); }
    // The same where the run may end before its fate strikes. Answers whether it did strike; everything goes well then.
    bool sync_and_perhaps_die() {
        try {
            loop.run(engine->run(request()));
        } catch (const ProcessDied&) {
        }
        const bool died = std::exchange(process.dead, false);
        heal();
        rebuild();
        loop.run_for(std::chrono::minutes(5));
        return died;
    }
    // From now on everything goes well.
    void heal() { commits = to_source.pushes = to_target.pushes = Fates(); }

    json::object only(SimulatedSystem& system, const std::string& entity) const {
        const auto ids = system.ids(entity);
        REQUIRE(ids.size() == 1);
        return *system.find(entity, ids.front());
    }
    json::object contact() { return only(source, "contacts"); }
    json::object shard() { return only(target, "contact"); }
    json::object contact_fields(std::size_t i) const { return *source.find("contacts", source.ids("contacts").at(i)); }
    ListRequest all() const {
        ListRequest list;
        list.tenant_id = tenant;
        return list;
    }
    std::string source_id() { return source.ids("contacts").front(); }
    std::string target_id() { return target.ids("contact").front(); }

    // What the store holds, whoever tells otherwise.
    template <class T>
    std::vector<T> stored(std::string kind) {
        Query query;
        query.limit = 1000;
        auto page = loop.run(store->query(tenant, std::move(kind), std::move(query)));
        REQUIRE(page.has_value());
        REQUIRE(page->continuation.empty());
        std::vector<T> items;
        for (const auto& document : page->documents) {
            auto item = from_document<T>(document);
            REQUIRE(item.has_value());
            items.push_back(std::move(*item));
        }
        return items;
    }
    std::vector<Link> live_links() {
        auto links = stored<Link>("link");
        std::erase_if(links, [](const Link& link) { return link.state != Link::State::live; });
        return links;
    }
    std::vector<JournalEntry> journal(std::string_view action, Side written = Side::target) {
        auto entries = stored<JournalEntry>("journal");
        std::erase_if(entries, [&](const JournalEntry& entry) {
            return entry.action != action || entry.written != written;
        });
        return entries;
    }
    std::vector<Event> events(std::string_view type) const {
        auto events = sink.distinct();
        std::erase_if(events, [&](const Event& event) { return event.type != type; });
        return events;
    }

    std::vector<Conflict> conflicts(std::string state = "open") {
        ListRequest list;
        list.tenant_id = tenant;
        list.state = std::move(state);
        auto page = loop.run(engine->list_conflicts(list));
        REQUIRE(page.has_value());
        return page->items;
    }
    std::vector<ParkedRecord> parked() {
        ListRequest list;
        list.tenant_id = tenant;
        auto page = loop.run(engine->list_parked(list));
        REQUIRE(page.has_value());
        return page->items;
    }
    StreamSummary stream() {
        auto streams = loop.run(engine->list_streams(tenant));
        REQUIRE(streams.has_value());
        REQUIRE(streams->size() == 1);
        return streams->front();
    }
};

inline json::object person(const char* mail, const char* name) { return {{"mail", mail}, {"name", name}}; }

inline std::vector<std::string> create_people(World& world, int count) {
    std::vector<std::string> ids;
    for (int i = 0; i < count; ++i)
        ids.push_back(world.source.create("contacts", person(fmt::format("p{}@x", i).c_str(), "N")));
    return ids;
}

// Nothing but what is known of a create itself can tell whose record it made.
inline Integration without_match_keys() {
    Integration integration = contacts_integration();
    integration.sync.entity_mappings[0].match_keys.clear();
    return integration;
}

inline AdapterCapabilities creates(bool idempotent, bool found_by_key) {
    AdapterCapabilities capabilities = able(true);
    capabilities.idempotent_creates = idempotent;
    capabilities.finds_by_idempotency_key = found_by_key;
    return capabilities;
}

} // namespace castiel_sync::testing

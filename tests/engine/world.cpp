#include "world.hpp"

namespace castiel_sync::testing {

SimulatedSystemOptions system_options(std::string name, AdapterCapabilities capabilities) {
    SimulatedSystemOptions options;
    options.name = std::move(name);
    options.capabilities = capabilities;
    return options;
}

AdapterCapabilities able(bool feed) {
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

Integration contacts_integration() {
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

Integration contacts_of_companies() {
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

std::vector<std::string> create_people(World& world, int count) {
    std::vector<std::string> ids;
    for (int i = 0; i < count; ++i)
        ids.push_back(world.source.create("contacts", person(fmt::format("p{}@x", i).c_str(), "N")));
    return ids;
}

Integration without_match_keys() {
    Integration integration = contacts_integration();
    integration.sync.entity_mappings[0].match_keys.clear();
    return integration;
}

AdapterCapabilities creates(bool idempotent, bool found_by_key) {
    AdapterCapabilities capabilities = able(true);
    capabilities.idempotent_creates = idempotent;
    capabilities.finds_by_idempotency_key = found_by_key;
    return capabilities;
}

World::World(Integration integration, AdapterCapabilities source_can, AdapterCapabilities target_can)
    : World(std::move(integration), system_options("crm", source_can), system_options("shards", target_can)) {}

World::World(Integration integration, SimulatedSystemOptions source_options, SimulatedSystemOptions target_options)
    : source(loop, std::move(source_options)), target(loop, std::move(target_options)) {
    limits.max_records_per_sync = 100'000;
    registry.add(source.describe(), wired(source, to_source));
    use(std::move(integration));
}

World::~World() { loop.destroy(); }

AdapterFactory World::wired(SimulatedSystem& system, Wire& wire) {
    return [&](const AdapterContext& context) -> Result<std::unique_ptr<Adapter>> {
        auto direct = system.connect("sync", context.budget);
        return std::unique_ptr<Adapter>(std::make_unique<WiredAdapter>(std::move(direct), wire, process));
    };
}

void World::use(Integration integration) {
    std::vector<Integration> all;
    all.push_back(std::move(integration));
    catalog = make_fixed_catalog(std::move(all));
    rebuild();
}

void World::rebuild() { engine = make_engine("test"); }

std::unique_ptr<Engine> World::make_engine(std::string instance) {
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
    parts.instance = std::move(instance);
    return std::make_unique<Engine>(std::move(parts));
}

SyncRequest World::request() const {
    SyncRequest request;
    request.tenant_id = tenant;
    request.integration_id = integration_id;
    return request;
}

Execution World::sync(SyncRequest with) {
    auto executions = loop.run(engine->run(std::move(with)));
    REQUIRE_MESSAGE(executions.has_value(), executions.error().message);
    REQUIRE_FALSE(executions->empty());
    Execution execution = executions->back();
    if (execution.error) INFO(execution.error->message);
    return execution;
}

Execution World::sync_well() {
    Execution execution = sync();
    if (execution.error) FAIL(execution.error->message);
    REQUIRE(execution.status == SyncStatus::completed);
    return execution;
}

bool World::sync_and_perhaps_die() {
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

void World::deliver() {
    REQUIRE(to_target.under_way.size() == 1);
    loop.run(deliver_all());
}

Async<void> World::deliver_all() {
    auto adapter = target.connect("sync");
    for (auto& request : std::exchange(to_target.under_way, {})) {
        const auto arrived = co_await adapter->push(std::move(request));
        CHECK(arrived.has_value());
    }
}

json::object World::only(SimulatedSystem& system, const std::string& entity) const {
    const auto ids = system.ids(entity);
    REQUIRE(ids.size() == 1);
    return *system.find(entity, ids.front());
}

std::vector<Document> World::documents(std::string kind) {
    Query query;
    query.limit = 1000;
    auto page = loop.run(store->query(tenant, std::move(kind), std::move(query)));
    REQUIRE(page.has_value());
    REQUIRE(page->continuation.empty());
    return std::move(page->documents);
}

std::vector<Link> World::live_links() {
    auto links = stored<Link>("link");
    std::erase_if(links, [](const Link& link) { return link.state != Link::State::live; });
    return links;
}

std::vector<Event> World::events(std::string_view type) const {
    auto events = sink.distinct();
    std::erase_if(events, [&](const Event& event) { return event.type != type; });
    return events;
}

std::vector<ParkedRecord> World::parked() {
    ListRequest list;
    list.tenant_id = tenant;
    auto page = loop.run(engine->list_parked(list));
    REQUIRE(page.has_value());
    return page->items;
}

StreamSummary World::stream() {
    auto streams = loop.run(engine->list_streams(tenant));
    REQUIRE(streams.has_value());
    REQUIRE(streams->size() == 1);
    return streams->front();
}

std::vector<JournalEntry> World::journal(std::string_view action, Side written) {
    auto entries = stored<JournalEntry>("journal");
    for (const Link& link : stored<Link>("link"))
        if (auto made = made_entry(link, "")) entries.push_back(std::move(*made));
    std::erase_if(entries, [&](const JournalEntry& entry) {
        return entry.action != action || entry.written != written;
    });
    return entries;
}

std::vector<Conflict> World::conflicts(std::string state) {
    ListRequest list;
    list.tenant_id = tenant;
    list.state = std::move(state);
    auto page = loop.run(engine->list_conflicts(list));
    REQUIRE(page.has_value());
    return page->items;
}

} // namespace castiel_sync::testing

// Real input: the subdivisions and languages of the Debian package iso-codes, as two-way streams between a folder of
// JSON Lines and local shards in SQLite, edited on both sides. Nothing of their names, gaps and scripts is massaged.
#include <castiel_sync/adapters/jsonl.hpp>
#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/castiel_sync.hpp>
#include <castiel_sync/stores/sqlite.hpp>
#include <castiel_sync/testing/recording_sink.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

using namespace castiel_sync;
using castiel_sync::testing::RecordingSink;
using castiel_sync::testing::SimClock;
using castiel_sync::testing::SimLoop;

namespace {

const std::string tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
const std::string integration_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";

std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    REQUIRE_MESSAGE(in.good(), path.string());
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

// Records by id, as the file holds them.
using Rows = std::map<std::string, json::object>;

void write_rows(const std::filesystem::path& path, const Rows& rows) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    for (const auto& [id, row] : rows) out << to_json(row) << "\n";
    REQUIRE(out.good());
}

Rows read_rows(const std::filesystem::path& path) {
    Rows rows;
    std::istringstream lines(read_file(path));
    for (std::string line; std::getline(lines, line);) {
        auto row = parse_json_object(line);
        REQUIRE(row.has_value());
        std::string id(row->at("id").as_string());
        rows.emplace(std::move(id), std::move(*row));
    }
    return rows;
}

Rows iso_rows(const char* file, const char* list, const char* id_member) {
    auto document = parse_json_object(read_file(std::string("/usr/share/iso-codes/json/") + file),
                                      JsonLimits{64, 64 * 1024 * 1024});
    REQUIRE_MESSAGE(document.has_value(), document.error().message);
    Rows rows;
    for (const auto& entry : document->at(list).as_array()) {
        json::object row = entry.as_object();
        std::string id(row.at(id_member).as_string());
        row["id"] = id;
        rows.emplace(std::move(id), std::move(row));
    }
    return rows;
}

struct World {
    std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("castiel-iso-" + std::to_string(::getpid()));
    SimLoop loop;
    SimClock clock{loop};
    std::unique_ptr<Random> random = make_seeded_random(3);
    std::unique_ptr<Store> store;
    RecordingSink sink;
    AdapterRegistry registry;
    std::unique_ptr<IntegrationCatalog> catalog;
    std::unique_ptr<Engine> engine;

    World() {
        std::filesystem::remove_all(folder);
        std::filesystem::create_directories(folder);
        SqliteOptions options;
        options.path = (folder / "store.db").string();
        auto opened = open_sqlite_store(std::move(options));
        REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
        store = bridge(std::move(*opened), loop.executor());
        registry.add(jsonl_description(), jsonl_factory(loop.executor()));
        auto parsed = parse_integration(*parse_json(R"({
            "id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001",
            "providerName": "jsonl", "settings": {"path": ")" + folder.string() + R"("},
            "syncConfig": {"syncDirection": "bidirectional", "entityMappings": [
                {"externalEntity": "subdivisions", "shardTypeId": "subdivision", "matchKeys": ["code"],
                 "fieldMappings": [
                    {"externalField": "code", "shardField": "code"},
                    {"externalField": "name", "shardField": "name"},
                    {"externalField": "type", "shardField": "kind"},
                    {"externalField": "parent", "shardField": "parentCode"},
                    {"externalField": "note", "shardField": "note"}]},
                {"externalEntity": "languages", "shardTypeId": "language", "matchKeys": ["code"],
                 "fieldMappings": [
                    {"externalField": "alpha_3", "shardField": "code"},
                    {"externalField": "name", "shardField": "name"},
                    {"externalField": "scope", "shardField": "scope",
                     "values": {"I": "individual", "M": "macrolanguage", "S": "special"}},
                    {"externalField": "inverted_name", "shardField": "invertedName"},
                    {"externalField": "note", "shardField": "note"}]}]}})"), true);
        for (const auto& fault : parsed.faults) MESSAGE(fault.path << ": " << fault.message);
        REQUIRE(parsed.integration.has_value());
        std::vector<Integration> all{*parsed.integration};
        catalog = make_fixed_catalog(std::move(all));
        EngineParts parts;
        parts.runtime = Runtime{loop.executor(), &clock, random.get()};
        parts.store = store.get();
        parts.adapters = &registry;
        parts.shards = local_shards_factory(*store);
        parts.catalog = catalog.get();
        parts.events = &sink;
        parts.limits.max_records_per_sync = 1'000'000;
        engine = std::make_unique<Engine>(std::move(parts));
    }
    ~World() {
        loop.destroy();
        engine.reset();
        store.reset();
        std::filesystem::remove_all(folder);
    }

    SyncCounters sync() {
        SyncRequest request;
        request.tenant_id = tenant;
        request.integration_id = integration_id;
        auto executions = loop.run(engine->run(request));
        REQUIRE_MESSAGE(executions.has_value(), executions.error().message);
        SyncCounters total;
        for (const auto& execution : *executions) {
            REQUIRE_MESSAGE(execution.status == SyncStatus::completed,
                            (execution.error ? execution.error->message : std::string()));
            CHECK_FALSE(execution.has_more);
            total.created += execution.counters.created;
            total.updated += execution.counters.updated;
            total.deleted += execution.counters.deleted;
            total.failed += execution.counters.failed;
            total.conflicts += execution.counters.conflicts;
        }
        return total;
    }

    std::map<std::string, Shard> shards(const char* type) {
        LocalShards local(Runtime{loop.executor(), &clock, random.get()}, *store, tenant);
        std::map<std::string, Shard> all;
        std::string continuation;
        do {
            auto page = loop.run(local.list(type, 1000, continuation));
            REQUIRE_MESSAGE(page.has_value(), page.error().message);
            for (auto& shard : page->items) {
                std::string code(shard.structured_data.at("code").as_string());
                all.emplace(std::move(code), std::move(shard));
            }
            continuation = page->continuation;
        } while (!continuation.empty());
        return all;
    }
    void put(Shard shard) {
        LocalShards local(Runtime{loop.executor(), &clock, random.get()}, *store, tenant);
        auto done = loop.run(local.put(std::move(shard), ""));
        REQUIRE_MESSAGE(done.has_value(), done.error().message);
    }
};

// Both sides hold the same, by a comparison that shares nothing with the mapping.
void check_equal(const Rows& rows, const std::map<std::string, Shard>& shards, const char* code,
                 const std::map<std::string, std::string>& fields) {
    REQUIRE(rows.size() == shards.size());
    for (const auto& [id, row] : rows) {
        const auto found = shards.find(std::string(row.at(code).as_string()));
        REQUIRE(found != shards.end());
        for (const auto& [external, field] : fields) {
            const json::value* left = row.if_contains(external);
            const json::value* right = found->second.structured_data.if_contains(field);
            REQUIRE((left == nullptr) == (right == nullptr));
            if (!left) continue;
            if (field == "scope") continue; // a value table
            REQUIRE(*left == *right);
        }
    }
}

} // namespace

TEST_CASE("the world's subdivisions and languages converge with edits on both sides (I1, I2, I9, I14)") {
    World world;
    Rows subdivisions = iso_rows("iso_3166-2.json", "3166-2", "code");
    Rows languages = iso_rows("iso_639-3.json", "639-3", "alpha_3");
    CHECK(subdivisions.size() > 5'000);
    CHECK(languages.size() > 7'800);
    // One half begins over there: it has to be matched, not doubled.
    write_rows(world.folder / "languages.jsonl", languages);
    write_rows(world.folder / "subdivisions.jsonl", subdivisions);
    int seeded = 0;
    for (const auto& [id, row] : subdivisions) {
        if (++seeded > 300) break;
        Shard shard;
        shard.shard_type_id = "subdivision";
        shard.structured_data = {{"code", row.at("code")}, {"name", row.at("name")}, {"local", "kept"}};
        world.put(std::move(shard));
    }
    const SyncCounters first = world.sync();
    CHECK(first.failed == 0);
    CHECK(first.conflicts == 0);
    CHECK(first.created == subdivisions.size() + languages.size() - 300);
    const std::map<std::string, std::string> subdivision_fields{
        {"name", "name"}, {"type", "kind"}, {"parent", "parentCode"}, {"note", "note"}};
    const std::map<std::string, std::string> language_fields{
        {"name", "name"}, {"scope", "scope"}, {"inverted_name", "invertedName"}, {"note", "note"}};
    check_equal(read_rows(world.folder / "subdivisions.jsonl"), world.shards("subdivision"), "code",
                subdivision_fields);
    check_equal(read_rows(world.folder / "languages.jsonl"), world.shards("language"), "alpha_3", language_fields);
    const SyncCounters idle = world.sync();
    CHECK(idle.created + idle.updated + idle.deleted + idle.conflicts == 0);

    // Every 50th: a note from one side and another name from the other; every 500th both write the same field.
    Rows edited = read_rows(world.folder / "subdivisions.jsonl");
    auto shards = world.shards("subdivision");
    std::size_t number = 0, merged = 0, disputed = 0;
    for (auto& [id, row] : edited) {
        if (++number % 50 != 0) continue;
        Shard& shard = shards.at(id);
        row["name"] = std::string(row.at("name").as_string()) + " — neu " + id;
        if (number % 500 == 0) {
            shard.structured_data["name"] = "other " + id;
            ++disputed;
        } else {
            shard.structured_data["note"] = "note of " + id;
            ++merged;
        }
        world.put(shard);
    }
    write_rows(world.folder / "subdivisions.jsonl", edited);
    const SyncCounters second = world.sync();
    CHECK(second.updated == merged);
    CHECK(second.conflicts == disputed);
    CHECK(second.failed == 0);
    const Rows after = read_rows(world.folder / "subdivisions.jsonl");
    shards = world.shards("subdivision");
    number = 0;
    for (const auto& [id, row] : after) {
        if (++number % 50 != 0) continue;
        const auto& data = shards.at(id).structured_data;
        if (number % 500 == 0) {
            CHECK(row.at("name").as_string() != data.at("name").as_string()); // both edits are still there
        } else {
            CHECK(row.at("note").as_string() == "note of " + id);
            CHECK(data.at("name") == row.at("name"));
        }
        if (number <= 300) CHECK(data.at("local").as_string() == "kept");
    }
    const SyncCounters third = world.sync();
    CHECK(third.created + third.updated + third.deleted + third.conflicts == 0);
    CHECK(world.sink.faults().empty());
}

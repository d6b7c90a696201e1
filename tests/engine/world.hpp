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
AdapterCapabilities able(bool feed);

SimulatedSystemOptions system_options(std::string name, AdapterCapabilities capabilities);

// contacts ↔ contact with name, mail → email and tags, matched by email, both ways.
Integration contacts_integration();

// A contact names its company by id.
Integration contacts_of_companies();

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
                   AdapterCapabilities target_can = able(true));
    World(Integration integration, SimulatedSystemOptions source_options, SimulatedSystemOptions target_options);
    ~World();

    AdapterFactory wired(SimulatedSystem& system, Wire& wire);

    // From now on the integration is this one.
    void use(Integration integration);

    void rebuild();
    // One more instance on the same store and systems.
    std::unique_ptr<Engine> make_engine(std::string instance);

    SyncRequest request() const;

    // One run of the first (and mostly only) stream.
    Execution sync() { return sync(request()); }
    Execution sync(SyncRequest with);
    Execution sync_well();

    // A run in which the process dies, as a fate says; afterwards another one is there, and the dead one's hold on the
    // stream has run out.
    void sync_and_die() { REQUIRE(sync_and_perhaps_die()); }
    // The same where the run may end before its fate strikes. Answers whether it did strike; everything goes well then.
    bool sync_and_perhaps_die();
    // What was late on its way to the target arrives, while no run is under way; or in the middle of one.
    void deliver();
    Async<void> deliver_all();
    // From now on everything goes well.
    void heal() {
        commits = to_source.pushes = to_target.pushes = Fates();
        wired_store.unreadable = 0;
    }

    json::object only(SimulatedSystem& system, const std::string& entity) const;
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
    std::vector<Document> documents(std::string kind);
    template <class T>
    std::vector<T> stored(std::string kind) {
        std::vector<T> items;
        for (const auto& document : documents(std::move(kind))) {
            auto item = from_document<T>(document);
            REQUIRE(item.has_value());
            items.push_back(std::move(*item));
        }
        return items;
    }
    std::vector<Link> live_links();
    std::vector<JournalEntry> journal(std::string_view action, Side written = Side::target);
    std::vector<Event> events(std::string_view type) const;

    std::vector<Conflict> conflicts(std::string state = "open");
    std::vector<ParkedRecord> parked();
    StreamSummary stream();
};

inline json::object person(const char* mail, const char* name) { return {{"mail", mail}, {"name", name}}; }

std::vector<std::string> create_people(World& world, int count);

// Nothing but what is known of a create itself can tell whose record it made.
Integration without_match_keys();

AdapterCapabilities creates(bool idempotent, bool found_by_key);

} // namespace castiel_sync::testing

#include "golden_runs.hpp"

#include <boost/json/serialize.hpp>

#include <utility>

namespace simulation {
namespace {

using cs::Direction;
using cs::Strategy;
using cs::testing::SimulatedSystem;
using cs::testing::SimulatedSystemOptions;
using namespace std::chrono_literals;

const std::string contacts = "contacts"; // on the source
const std::string contact = "contact";   // on the target

SimulatedSystemOptions able(std::string name, bool feed) {
    SimulatedSystemOptions options;
    options.name = std::move(name);
    auto& can = options.capabilities;
    can.writable = can.conditional_writes = can.conditional_deletes = can.idempotent_creates = true;
    can.change_feed = can.reports_deletions = feed;
    can.max_page_records = can.max_fetch_records = can.max_push_records = 3;
    return options;
}

FieldPlan field(const char* external, const char* shard, FieldKind kind, std::optional<Strategy> strategy = {}) {
    FieldPlan plan;
    plan.external = external;
    plan.shard = shard;
    plan.kind = kind;
    plan.strategy = strategy;
    return plan;
}

// Nodes run at the even minutes; users act at the odd ones, or before everything.
Scenario quiet_world(Direction direction, std::vector<FieldPlan> fields) {
    Scenario scenario;
    scenario.seed = 1;
    scenario.direction = scenario.integration.sync.direction = direction;
    EntityPlan entity;
    entity.external = contacts;
    entity.shard = contact;
    entity.fields = std::move(fields);
    for (FieldPlan& plan : entity.fields) {
        plan.to_source = scenario.flows_to(Side::source);
        plan.to_target = scenario.flows_to(Side::target);
    }
    scenario.entities.push_back(std::move(entity));
    scenario.source = able("crm", true);
    scenario.target = able("shards", true);
    cs::RailLimits& rails = scenario.integration.sync.rails;
    rails.max_deletes = 1000;
    rails.max_delete_share = 1.0;
    rails.stop_on_empty_side = rails.stop_on_all_changed = false;
    scenario.faults = false;
    scenario.limits.page_records = 3;
    scenario.limits.lease_duration = 20s;
    scenario.longest_idle = 2min;
    scenario.longest_restart = 30s;
    scenario.safety_time = 5min; // two runs
    return scenario;
}

// The user acts on the record that is there; when the fault has kept it away so far, there is nothing to act on.
std::string id_of(const SimulatedSystem& system, const std::string& entity, const std::string& group) {
    for (const std::string& id : system.ids(entity))
        if (json::serialize(*system.find(entity, id)).find('@' + group + '#') != std::string::npos) return id;
    return {};
}

void edit(SimulatedSystem& system, const std::string& entity, const std::string& group, const char* path,
          json::value value) {
    const std::string id = id_of(system, entity, group);
    if (id.empty()) return;
    json::object fields = *system.find(entity, id);
    fields[path] = std::move(value);
    system.edit(entity, id, std::move(fields));
}

void remove(SimulatedSystem& system, const std::string& entity, const std::string& group) {
    system.remove(entity, id_of(system, entity, group));
}

GoldenRun first_sync() {
    GoldenRun run;
    run.name = "first_sync";
    run.scenario = quiet_world(Direction::inbound,
                               {field("name", "title", FieldKind::text), field("size", "size", FieldKind::number)});
    run.scenario.source = able("crm", false);
    run.script = {
        {0min,
         [](SimulatedSystem& source, SimulatedSystem&) {
             source.create(contacts, {{"name", "ada@g1#u1;"}, {"size", 5'000'002}});
             source.create(contacts, {{"name", "bob@g2#u3;"}, {"size", 5'000'004}});
             source.create(contacts, {{"name", "cy@g3#u5;"}});
             source.create(contacts, {{"name", "dan@g4#u6;"}, {"size", 5'000'007}, {"unmapped", "u1"}});
         }},
        {3min,
         [](SimulatedSystem& source, SimulatedSystem&) {
             edit(source, contacts, "g2", "name", "bert@g2#u8;");
             source.create(contacts, {{"name", "eve@g5#u9;"}});
         }},
    };
    run.engine_writes = 6;
    return run;
}

GoldenRun two_way() {
    GoldenRun run;
    run.name = "two_way";
    run.scenario =
        quiet_world(Direction::bidirectional, {field("name", "title", FieldKind::text),
                                               field("note", "note", FieldKind::text, Strategy::source_wins),
                                               field("tags", "tags", FieldKind::list, Strategy::union_),
                                               field("visits", "visits", FieldKind::counter, Strategy::add_delta)});
    run.scenario.entities.front().fields[2].unordered = true;
    run.scenario.safety_time = 7min;
    run.script = {
        {0min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             source.create(contacts, {{"name", "ada@g1#u1;"}, {"note", "x@g1#u2;"}});
             source.create(contacts, {{"name", "bob@g2#u3;"}, {"note", "x@g2#u4;"}});
             source.create(contacts, {{"name", "cy@g3#u5;"}, {"visits", 10}});
             target.create(contact, {{"title", "dan@g4#u6;"}, {"tags", {"tag@g4#u7;"}}, {"visits", 20}});
         }},
        {3min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             // Different fields; the same field under a rule; the same field and nobody who could decide.
             edit(source, contacts, "g1", "name", "adele@g1#u8;");
             edit(target, contact, "g1", "note", "y@g1#u9;");
             edit(source, contacts, "g2", "note", "y@g2#u10;");
             edit(target, contact, "g2", "note", "z@g2#u11;");
             edit(source, contacts, "g3", "name", "cyd@g3#u12;");
             edit(target, contact, "g3", "title", "cyr@g3#u13;");
             edit(source, contacts, "g4", "visits", 23);
             edit(target, contact, "g4", "visits", 24);
             edit(source, contacts, "g4", "tags", {"tag@g4#u7;", "tag@g4#u14;"});
             edit(target, contact, "g4", "tags", {"tag@g4#u15;", "tag@g4#u7;"});
         }},
        {5min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             edit(target, contact, "g1", "title", "ada again@g1#u16;");
             edit(source, contacts, "g2", "name", "bert@g2#u17;");
             edit(target, contact, "g2", "title", "bert@g2#u17;");
             edit(source, contacts, "g3", "note", "while in conflict@g3#u18;");
         }},
    };
    run.engine_writes = 12;
    run.conflicts = 2;
    return run;
}

// Deletions on both sides, of records that nobody or somebody edited meanwhile.
GoldenRun deletions(std::string name, bool feed, cs::DeleteStrategy rule) {
    GoldenRun run;
    run.name = std::move(name);
    run.scenario = quiet_world(Direction::bidirectional, {field("name", "title", FieldKind::text)});
    run.scenario.source = able("crm", feed);
    run.scenario.integration.sync.delete_conflict_resolution = rule;
    run.scenario.safety_time = 7min;
    run.script = {
        {0min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             for (const char* value : {"ada@g1#u1;", "bob@g2#u2;", "cy@g3#u3;", "dan@g4#u4;", "eve@g5#u5;"})
                 source.create(contacts, {{"name", value}});
             target.create(contact, {{"title", "fay@g6#u6;"}});
         }},
        {3min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             remove(source, contacts, "g1");
             remove(target, contact, "g2");
             remove(source, contacts, "g3");
             edit(target, contact, "g3", "title", "cyd@g3#u7;");
             remove(source, contacts, "g4");
             remove(target, contact, "g4");
         }},
        {5min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             edit(source, contacts, "g5", "name", "eva@g5#u8;");
             remove(target, contact, "g5");
             remove(target, contact, "g6");
         }},
    };
    run.engine_writes = 9;
    run.conflicts = rule == cs::DeleteStrategy::manual ? 2 : 0;
    return run;
}

// First contact of two sides that both hold records already.
GoldenRun match_keys() {
    GoldenRun run;
    run.name = "match_keys";
    run.scenario = quiet_world(Direction::bidirectional,
                               {field("name", "title", FieldKind::text), field("note", "note", FieldKind::text),
                                field("mail", "email", FieldKind::text)});
    run.scenario.entities.front().match_keys = true;
    run.scenario.source = able("crm", false);
    run.script = {
        {0min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             source.create(contacts, {{"name", "ada@g1#u1;"}, {"note", "x@g1#u2;"}, {"mail", "g1@example.org"}});
             target.create(contact, {{"title", "ada@g1#u1;"}, {"email", "g1@example.org"}});
             source.create(contacts, {{"name", "bob@g2#u3;"}, {"mail", "g2@example.org"}});
             target.create(contact, {{"title", "bert@g2#u4;"}, {"note", "y@g2#u5;"}, {"email", "g2@example.org"}});
             source.create(contacts, {{"name", "cy@g3#u6;"}, {"mail", "g3@example.org"}});
             target.create(contact, {{"title", "dan@g4#u7;"}, {"email", "g4@example.org"}});
             source.create(contacts, {{"name", "eve@g5#u8;"}, {"mail", "g5@example.org"}});
             target.create(contact, {{"title", "eva@g5#u9;"}, {"email", "g5@example.org"}});
             target.create(contact, {{"title", "evi@g5#u10;"}, {"email", "g5@example.org"}});
         }},
        {3min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             source.create(contacts, {{"name", "fay@g6#u11;"}, {"mail", "g6@example.org"}});
             target.create(contact, {{"title", "fay@g6#u11;"}, {"email", "g6@example.org"}});
             edit(target, contact, "g3", "note", "z@g3#u12;");
         }},
    };
    run.engine_writes = 5;
    run.conflicts = 2;
    return run;
}

// A record cap that takes several executions, while users go on.
GoldenRun capped() {
    GoldenRun run;
    run.name = "capped";
    run.scenario = quiet_world(Direction::bidirectional, {field("name", "title", FieldKind::text)});
    run.scenario.source = able("crm", false);
    run.scenario.limits.max_records_per_sync = 2;
    run.scenario.safety_time = 11min;
    run.script = {
        {0min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             for (const char* value : {"ada@g1#u1;", "bob@g2#u2;", "cy@g3#u3;"})
                 source.create(contacts, {{"name", value}});
             target.create(contact, {{"title", "dan@g4#u4;"}});
             target.create(contact, {{"title", "eve@g5#u5;"}});
         }},
        {3min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             edit(source, contacts, "g1", "name", "adele@g1#u6;");
             edit(target, contact, "g5", "title", "eva@g5#u7;");
         }},
        {7min, [](SimulatedSystem& source, SimulatedSystem&) { remove(source, contacts, "g2"); }},
    };
    run.engine_writes = 7;
    return run;
}

// Outbound to a system that can do nothing to help: no versions, no keys, no feed.
GoldenRun plain_system() {
    GoldenRun run;
    run.name = "plain_system";
    run.scenario = quiet_world(Direction::outbound, {field("name", "title", FieldKind::text)});
    run.scenario.source = able("crm", false);
    auto& can = run.scenario.source.capabilities;
    can.conditional_writes = can.conditional_deletes = can.idempotent_creates = false;
    run.script = {
        {0min,
         [](SimulatedSystem&, SimulatedSystem& target) {
             for (const char* value : {"ada@g1#u1;", "bob@g2#u2;", "cy@g3#u3;"})
                 target.create(contact, {{"title", value}});
         }},
        {3min,
         [](SimulatedSystem&, SimulatedSystem& target) {
             edit(target, contact, "g1", "title", "adele@g1#u4;");
             remove(target, contact, "g2");
             target.create(contact, {{"title", "dan@g4#u5;"}});
         }},
    };
    run.engine_writes = 6;
    return run;
}

// Creates that can be found again by their key, but only after a while.
GoldenRun slow_search() {
    GoldenRun run;
    run.name = "slow_search";
    run.scenario = quiet_world(Direction::bidirectional, {field("name", "title", FieldKind::text)});
    auto& can = run.scenario.source.capabilities;
    can.idempotent_creates = false;
    can.finds_by_idempotency_key = true;
    can.read_lag = 30s;
    run.scenario.source.hides_versions = true;
    run.script = {
        {0min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             source.create(contacts, {{"name", "ada@g1#u1;"}});
             target.create(contact, {{"title", "bob@g2#u2;"}});
             target.create(contact, {{"title", "cy@g3#u3;"}});
         }},
        {3min,
         [](SimulatedSystem& source, SimulatedSystem& target) {
             edit(target, contact, "g2", "title", "bert@g2#u4;");
             edit(source, contacts, "g3", "name", "cyd@g3#u5;");
         }},
    };
    run.engine_writes = 5;
    return run;
}

} // namespace

std::vector<GoldenRun> golden_runs() {
    std::vector<GoldenRun> runs;
    runs.push_back(first_sync());
    runs.push_back(two_way());
    runs.push_back(deletions("deletions", false, cs::DeleteStrategy::manual));
    runs.push_back(deletions("deletions_by_feed", true, cs::DeleteStrategy::update_wins));
    runs.push_back(match_keys());
    runs.push_back(capped());
    runs.push_back(plain_system());
    runs.push_back(slow_search());
    for (GoldenRun& run : runs)
        complete_integration(run.scenario);
    return runs;
}

} // namespace simulation

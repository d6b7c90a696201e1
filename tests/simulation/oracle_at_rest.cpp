// What must hold once faults are over and both sides have converged.
#include "oracle.hpp"

#include <boost/json/parse.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace simulation {
namespace {

std::string text_at(const cs::Document& document, std::size_t i) {
    const auto* value = i < document.index.size() ? std::get_if<std::string>(&document.index[i]) : nullptr;
    return value ? *value : std::string();
}

} // namespace

void Oracle::check_at_rest(const cs::testing::RecordingSink& events) const {
    check_lost_writes();
    check_resurrections();
    check_duplicates();
    check_counters();
    check_conflicts(events);
    check_executions(events);
    for (const std::string& fault : events.faults()) report_("I15", fault);
}

void Oracle::check_lost_writes() const {
    const auto traceless = [this](const ValueNode& node) { // null, empty lists and match keys can't be told apart
        const Traces traces = traces_in(text(node.value));
        return scenario_.entities[node.where.entity].fields[node.field].kind == FieldKind::counter ||
               (traces.tags.empty() && traces.numbers.empty());
    };
    Traces unsettled; // writes that wait until their record can be read again
    for (const auto& [id, intent] : mirror_.documents("intent")) {
        const Traces traces = traces_in(intent.body);
        unsettled.tags.insert(unsettled.tags.end(), traces.tags.begin(), traces.tags.end());
        unsettled.numbers.insert(unsettled.numbers.end(), traces.numbers.begin(), traces.numbers.end());
    }
    const auto waits = [&](const ValueNode& node) {
        const auto among = [](const auto& all) {
            return [&all](const auto one) { return std::find(all.begin(), all.end(), one) != all.end(); };
        };
        const Traces traces = traces_in(text(node.value));
        return std::all_of(traces.tags.begin(), traces.tags.end(), among(unsettled.tags)) &&
               std::all_of(traces.numbers.begin(), traces.numbers.end(), among(unsettled.numbers));
    };
    const auto kept = [&](const ValueNode& node) {
        return mirror_.keeps(node) || traceless(node) || waits(node);
    };
    for (const NodeId id : ledger_.lost_writes(kept)) {
        const ValueNode& node = ledger_.node(id);
        const FieldPlan& plan = scenario_.entities[node.where.entity].fields[node.field];
        report_("I2", fmt::format("the value {} that a user wrote to {} of {} at {:.1f} s is lost: nobody overwrote it "
                                  "knowingly, and neither a conflict nor the journal keeps it",
                                  text(node.value), plan.path(node.where.side), to_string(node.where),
                                  std::chrono::duration<double>(node.at).count()));
    }
}

void Oracle::check_resurrections() const {
    for (const auto& [name, group] : ledger_.groups()) {
        if (group.duplicated()) continue;
        for (const RecordKey& key : group.records) {
            const RecordState& removed = *ledger_.find(key);
            if (!removed.removed_by_user || group.last_user_change > removed.removed_at) continue;
            if (removed.removed_unconfirmed) continue; // to the engine the other side's edit was news still
            // Made by a create that nobody answered, and deleted before it was asked for: no look-up by key finds it.
            if (!removed.made_by_user && !mirror_.was_linked(key) &&
                scenario_.system(key.side).capabilities.finds_by_idempotency_key)
                continue;
            if (chosen_by_person(key)) continue;       // nor is it known whether it had reached this side
            if (kept_by_person(key)) continue;         // after a crash had hidden that the two sides agreed
            // Had the deleting user seen everything that lived on the other side?
            std::vector<NodeId> seen;
            for (const auto& node : removed.fields)
                if (node) seen.push_back(*node);
            const auto known = ledger_.ancestry(seen, false); // the engine can't know that they had the same value
            const auto was_seen = [&](NodeId id) { return known.contains(id) || !ledger_.node(id).by_user; };
            bool all_seen = true;
            for (const RecordKey& other : group.records)
                for (const auto& node : ledger_.find(other)->fields) {
                    if (!node) continue;
                    // A sum or a union holds the edits that it is made of.
                    const ValueNode& whole = ledger_.node(*node);
                    const auto parts = whole.by_user ? std::vector<NodeId>() : whole.parents;
                    all_seen = all_seen && was_seen(*node) && std::all_of(parts.begin(), parts.end(), was_seen);
                }
            if (!all_seen) continue;
            for (const RecordKey& other : group.records)
                if (other.side == key.side && other != key && ledger_.find(other)->exists &&
                    !ledger_.find(other)->made_by_user)
                    report_("I4", fmt::format("{} was deleted by a user, nobody edited it since, and it is back as {}",
                                              to_string(key), to_string(other)));
        }
    }
}

bool Oracle::reads(const RecordKey& key) const {
    return scenario_.flows_to(cs::other(key.side));
}

// Creates that may have happened, where neither a key nor a look-up can tell: each is flagged (I6).
std::int64_t Oracle::unknown_creates(const Group& group) const {
    return std::count_if(group.records.begin(), group.records.end(), [&](const RecordKey& origin) {
        const auto& can = scenario_.system(cs::other(origin.side)).capabilities;
        return !can.idempotent_creates && !can.finds_by_idempotency_key && mirror_.was_possible_duplicate(origin);
    });
}

void Oracle::check_duplicates() const {
    for (const auto& [name, group] : ledger_.groups())
        for (const std::size_t side : {0, 1}) {
            const auto made = static_cast<std::int64_t>(group.made_by_engine[side]);
            // One copy for each record that users made over there, one more for each deletion that an edit outlived.
            const auto due = static_cast<std::int64_t>(group.made_by_users[1 - side] + group.removed_by_users[side]);
            if (made <= due) continue;
            // What a lost create made and users then edited is a new record to everybody, and is copied back once.
            // One that was on its way while its sender lost the stream can't be called back either (I19).
            const auto late = static_cast<std::int64_t>(group.made_too_late[0] + group.made_too_late[1]);
            const std::int64_t bound = 2 * unknown_creates(group) + late;
            if (made - due > bound)
                report_("I6", fmt::format("{} copies of {} were created on the {}; {} were due, and at most {} more "
                                          "could not be helped",
                                          made, name, to_string(side == 0 ? Side::source : Side::target), due, bound));
        }
}

// Was a sum about this record asked for, because a lost write may have been in it?
bool Oracle::chosen_by_person(const RecordKey& key) const {
    for (const auto& [id, document] : mirror_.documents("conflict"))
        if (document.body.find("unknown_outcome") != std::string::npos &&
            document.body.find('"' + key.id + '"') != std::string::npos)
            return true;
    return false;
}

bool Oracle::kept_by_person(const RecordKey& key) const {
    for (const auto& [id, document] : mirror_.documents("conflict"))
        if (document.body.find("\"resolvedBy\":\"ada\"") != std::string::npos &&
            document.body.find(key.side == Side::source ? "\"delete_update\"" : "\"update_delete\"") !=
                std::string::npos &&
            document.body.find('"' + key.id + '"') != std::string::npos)
            return true;
    return false;
}

// A person chose one of two sums, and with it what the other one's users had added.
bool Oracle::settled_by_person(const RecordKey& key, std::size_t field) const {
    const std::string& name = scenario_.entities[key.entity].fields[field].shard;
    for (const auto& [id, document] : mirror_.documents("conflict")) {
        if (document.body.find("\"resolvedBy\":\"ada\"") == std::string::npos) continue;
        const json::value body = json::parse(document.body);
        if (body.at(key.side == Side::source ? "sourceId" : "targetId").get_string() != key.id) continue;
        for (const json::value& one : body.at("fields").get_array())
            if (one.at("field").get_string() == name) return true;
    }
    return false;
}

// Counters under add_delta: every user's amount counts exactly once.
void Oracle::check_counters() const {
    const auto& sync = scenario_.integration.sync;
    if (scenario_.direction != cs::Direction::bidirectional) return;
    if (sync.conflict_resolution && *sync.conflict_resolution != cs::Strategy::merge) return;
    for (const auto& system : {scenario_.source, scenario_.target})
        if (!system.capabilities.conditional_writes || !system.capabilities.conditional_deletes) return;
    for (const auto& [name, group] : ledger_.groups())
        for (const auto& [field, counter] : group.counters) {
            if (counter.tainted || group.duplicated()) continue;
            // A copy that nobody could tell for one is a record of its own, with a sum of its own.
            if (unknown_creates(group) > 0) continue;
            // An amount that waits with a parked record is in no other record's sum yet.
            if (std::any_of(group.records.begin(), group.records.end(),
                            [&](const RecordKey& key) { return mirror_.mentions("parked", key); }))
                continue;
            for (const RecordKey& key : group.records) {
                if (in_conflict(key, field) || chosen_by_person(key) || settled_by_person(key, field)) continue;
                const auto present = value(key, field);
                if (present && !same(*present, json::value(counter.expected)))
                    report_("I2", fmt::format("the counter {} of {} is {}; the users' amounts add up to {}",
                                              scenario_.entities[key.entity].fields[field].shard, to_string(key),
                                              text(present), counter.expected));
            }
        }
}

void Oracle::check_conflicts(const cs::testing::RecordingSink& events) const {
    std::map<std::string, std::size_t> told;
    for (const cs::Event& event : events.distinct())
        if (event.type == "integration.conflict.detected")
            ++told[std::string(event.data.at("conflictId").get_string())];
    std::set<std::string> keys;
    for (const auto& [id, document] : mirror_.documents("conflict")) {
        const json::value parsed = json::parse(document.body);
        const json::object& body = parsed.get_object();
        const std::string state = text_at(document, 4);
        const bool automatic = state == "auto_resolved";
        const std::string key = text_at(document, 0) + "|" + text_at(document, 3) + "|" +
                                (automatic ? "auto|" : "open|") +
                                text(body.at("type")) + text(body.at("baseData")) + text(body.at("sourceVersion")) +
                                text(body.at("targetVersion")) + text(body.at("sourceId")) + text(body.at("targetId")) +
                                text(body.at("candidates"));
        if (!keys.insert(key).second)
            report_("I8", fmt::format("conflict {} is recorded twice for the same base and versions", id));
        // Versions that are made of the content come back with it, and so does the conflict: that is told anew.
        const bool once = !scenario_.by_rest || told[id] == 0;
        if (!automatic && once && told[id] != 1)
            report_("I8", fmt::format("conflict {} ({}, {}) was told by {} events", id, text(body.at("type")), state,
                                      told[id]));
        if (state != "open" || text(body.at("type")) != "\"update_update\"") continue;
        for (const json::value& named : body.at("fields").get_array()) {
            const json::object& field = named.get_object();
            const auto side = [&](const char* name) {
                const json::value* value = field.if_contains(name);
                return value ? std::optional(*value) : std::nullopt;
            };
            const auto entity = mirror_.entity_of_stream(text_at(document, 0));
            std::size_t number = 0;
            const auto& plans = scenario_.entities[*entity].fields;
            while (number < plans.size() && plans[number].shard != field.at("field").get_string()) ++number;
            if (number == plans.size()) {
                report_("I9", fmt::format("conflict {} is about an unknown field {}", id, text(field.at("field"))));
                continue;
            }
            const bool unordered = plans[number].unordered;
            const auto source = side("source"), target = side("target"), base = side("base");
            // Two users may have made the same of a sum, or one of them and a write that was not answered.
            const bool uncertain = text(field.at("rule")) == "\"unknown_outcome\"";
            if (same(source, target, unordered) && !uncertain)
                report_("I9",
                        fmt::format("conflict {} stands open, but the sides agree on {}", id, plans[number].shard));
            else if (base && !uncertain &&
                     (same(source, base, unordered) || same(target, base, unordered)) &&
                     (!scenario_.integration.sync.conflict_resolution ||
                      *scenario_.integration.sync.conflict_resolution == cs::Strategy::merge))
                report_("I9",
                        fmt::format("conflict {} stands open, but only one side changed {}", id, plans[number].shard));
            const RecordKey at_source{Side::source, *entity, std::string(body.at("sourceId").get_string())};
            const RecordKey at_target{Side::target, *entity, std::string(body.at("targetId").get_string())};
            if (mirror_.mentions("parked", at_source) || mirror_.mentions("parked", at_target)) continue;
            const RecordState *one = ledger_.find(at_source), *other = ledger_.find(at_target);
            const bool untold = (one && !one->exists && !tells_deletions(Side::source)) ||
                                (other && !other->exists && !tells_deletions(Side::target));
            if (untold || !reads(at_source) || !reads(at_target)) continue; // refreshed when somebody looks
            if (!same(source, value(at_source, number), unordered) ||
                !same(target, value(at_target, number), unordered))
                report_("I9", fmt::format("conflict {} shows {} and {} for {}, but the sides hold {} and {}", id,
                                          text(source), text(target), plans[number].shard,
                                          text(value(at_source, number)), text(value(at_target, number))));
        }
    }
    for (const auto& [id, times] : told)
        if (!mirror_.documents("conflict").contains(id))
            report_("I15", fmt::format("an event tells of conflict {}, which was never recorded", id));
}

void Oracle::check_executions(const cs::testing::RecordingSink& events) const {
    std::map<std::string, std::size_t> began, ended;
    for (const cs::Event& event : events.distinct()) {
        if (event.type == "integration.sync.started") ++began[event.correlation_id];
        if (event.type == "integration.sync.completed" || event.type == "integration.sync.failed")
            ++ended[event.correlation_id];
    }
    for (const auto& [id, execution] : mirror_.executions()) {
        if (execution.status == "running" || execution.status == "pending")
            report_("I16", fmt::format("execution {} is still {}", id, execution.status));
        if (ended[id] != 1)
            report_("I16", fmt::format("execution {} ({}) has {} terminal events", id, execution.status, ended[id]));
        if (began[id] != 1) report_("I16", fmt::format("execution {} has {} events of its start", id, began[id]));
    }
}

} // namespace simulation

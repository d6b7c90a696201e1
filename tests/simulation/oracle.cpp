// Continuous checks (I10, I38) and the comparison of the two sides (I1). The checks at rest are in oracle_at_rest.cpp.
#include "oracle.hpp"

#include <boost/json/parse.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace simulation {

using cs::Strategy;

Oracle::Oracle(const Scenario& scenario, const Ledger& ledger, const StoreMirror& mirror,
               cs::testing::SimulatedSystem& source, cs::testing::SimulatedSystem& target, Report report)
    : scenario_(scenario), ledger_(ledger), mirror_(mirror), systems_{&source, &target}, report_(std::move(report)) {}

// A feed without tombstones never says that a record is gone, and an incremental feed never implies it.
bool Oracle::tells_deletions(Side side) const {
    const auto& can = scenario_.system(side).capabilities;
    return !can.change_feed || can.reports_deletions;
}

std::optional<json::value> Oracle::value(const RecordKey& key, std::size_t field) const {
    const EntityPlan& plan = scenario_.entities[key.entity];
    const json::object* fields = system(key.side).find(plan.name(key.side), key.id);
    if (!fields) return std::nullopt;
    return get(*fields, plan.fields[field].path(key.side));
}

// Empty: what users did to this record is on the other side, or is kept where somebody will see it.
std::string Oracle::unaccounted(const RecordKey& key, const RecordState& record) const {
    const Side far = cs::other(key.side);
    if (!scenario_.flows_to(far)) return {};
    for (const char* kind : {"parked", "conflict", "candidate", "deletion"})
        if (mirror_.mentions(kind, key)) return {};
    for (const LinkMirror* link : mirror_.links_of(key)) // a pair is parked under the side that could not be read last
        if (mirror_.mentions("parked", RecordKey{far, key.entity, link->id(far)})) return {};
    if (system(key.side).broken(scenario_.entities[key.entity].name(key.side), key.id))
        return fmt::format("{} can't be read and is not parked", to_string(key));
    if (!record.exists) return unaccounted_removal(key);
    const auto links = mirror_.links_of(key);
    if (links.empty())
        return fmt::format("{} was made or changed by a user and is neither linked nor kept", to_string(key));
    for (const LinkMirror* link : links) {
        if (!link->state.empty()) continue; // parted by a rule
        const RecordKey partner{far, key.entity, link->id(far)};
        if (mirror_.mentions("parked", partner) || mirror_.mentions("deletion", partner)) continue;
        const RecordState* other = ledger_.find(partner);
        if (!other) return fmt::format("{} is linked to {}, which never existed", to_string(key), to_string(partner));
        for (std::size_t i = 0; i < record.fields.size(); ++i)
            if (auto fault = unaccounted_field(key, record, partner, i); !fault.empty()) return fault;
    }
    return {};
}

std::string Oracle::unaccounted_removal(const RecordKey& key) const {
    const Side far = cs::other(key.side);
    if (!tells_deletions(key.side)) return {};
    for (const LinkMirror* link : mirror_.links_of(key)) {
        if (!link->state.empty()) continue;
        const RecordKey partner{far, key.entity, link->id(far)};
        const RecordState* other = ledger_.find(partner);
        if (!other || !other->exists || mirror_.mentions("parked", partner) || mirror_.mentions("conflict", partner))
            continue;
        return fmt::format("{} was removed by a user; {} still lives, and nothing is held or decided", to_string(key),
                           to_string(partner));
    }
    return {};
}

std::string Oracle::unaccounted_field(const RecordKey& key, const RecordState& record, const RecordKey& partner_key,
                                      std::size_t field) const {
    const RecordState& partner = *ledger_.find(partner_key);
    const FieldPlan& plan = scenario_.entities[key.entity].fields[field];
    const bool to_far = key.side == Side::source ? plan.to_target : plan.to_source;
    const bool to_here = key.side == Side::source ? plan.to_source : plan.to_target;
    if (!to_far || plan.kind == FieldKind::counter || !record.fields[field]) return {};
    const ValueNode& mine = ledger_.node(*record.fields[field]);
    if (!mine.by_user || !(mine.where == key) || !mine.value || mine.value->is_null()) return {};
    if (partner.fields[field]) {
        const ValueNode& theirs = ledger_.node(*partner.fields[field]);
        if (same(theirs.value, mine.value, plan.unordered)) return {};
        if (ledger_.descends_from(*partner.fields[field], *record.fields[field])) return {};
        for (const NodeId id : ledger_.earlier_equals(*record.fields[field])) // put back: no edit to be noticed
            if (ledger_.descends_from(*partner.fields[field], id)) return {};
        // Where the field flows one way only, a rule may let the other side's own edit stand, and nothing is written.
        if (!to_here && theirs.by_user && theirs.where.side != key.side) return {};
        if (!to_here && whole_records_win() && edited(partner_key)) return {};
    } else {
        // It was there, or a rule had let their own value stand, and a user over there took it away: what is absent
        // erases nothing here.
        const auto& emptied = ledger_.groups().at(record.group).emptied;
        if (partner.emptied.contains(field) && std::any_of(emptied.begin(), emptied.end(), [&](NodeId id) {
                const ValueNode& taken = ledger_.node(id);
                const bool their_own = !to_here && taken.by_user && taken.where.side != key.side;
                return taken.field == field && (their_own || same(taken.value, mine.value, plan.unordered) ||
                                                ledger_.descends_from(id, *record.fields[field]));
            }))
            return {};
    }
    if (mirror_.keeps(mine)) return {};
    return fmt::format(
        "{}'s {} = {}, set by a user, is neither on the other side ({}) nor kept in a conflict or journal",
        to_string(key), plan.path(key.side), text(mine.value),
        partner.fields[field] ? text(ledger_.node(*partner.fields[field]).value) : "absent");
}

void Oracle::check_cursor(const StreamMirror& stream, Side side, std::uint64_t after, std::uint64_t up_to) const {
    for (const auto& [key, record] : ledger_.records()) {
        if (key.side != side || key.entity != stream.entity || record.user_position <= after ||
            record.user_position > up_to)
            continue;
        if (!record.exists && stream.listing[side == Side::source ? 0 : 1]) continue;
        if (auto fault = unaccounted(key, record); !fault.empty())
            report_("I10", fmt::format("the cursor passed {} (position {} of {}): {}", to_string(key),
                                       record.user_position, up_to, fault));
    }
}

void Oracle::check_completed_run(const std::string& stream_id, nanoseconds began) const {
    const auto stream = mirror_.streams().find(stream_id);
    if (stream == mirror_.streams().end()) return;
    for (const auto& [key, record] : ledger_.records()) {
        if (key.entity != stream->second.entity || record.user_position == 0 || record.user_changed_at >= began)
            continue;
        if (stream->second.latched) continue;
        if (auto fault = unaccounted(key, record); !fault.empty())
            report_("I38", fmt::format("a run that began after the change says completed, but {}", fault));
    }
}

bool Oracle::in_conflict(const RecordKey& key, std::size_t field) const {
    if (!mirror_.mentions("conflict", key)) return false;
    const std::string& name = scenario_.entities[key.entity].fields[field].shard;
    const std::string quoted = '"' + key.id + '"';
    for (const auto& [id, document] : mirror_.documents("conflict")) {
        const auto* state = std::get_if<std::string>(&document.index[4]);
        if (!state || (*state != "open" && *state != "ignored") || document.body.find(quoted) == std::string::npos)
            continue;
        const json::value body = json::parse(document.body);
        for (const json::value& named : body.get_object().at("fields").get_array()) {
            const auto& conflicting = named.get_object().at("field").get_string();
            if (conflicting.empty() || conflicting == name) return true; // empty: the whole record
        }
        if (body.get_object().at("fields").get_array().empty()) return true;
    }
    return false;
}

// A rule for whole records lets one side's record stand with all its fields.
bool Oracle::whole_records_win() const {
    const auto& rule = scenario_.integration.sync.conflict_resolution;
    return rule && *rule != Strategy::merge;
}

bool Oracle::edited(const RecordKey& key) const {
    return ledger_.find(key)->user_changed_tick > 0;
}

// May the value at `to` stay as it is, though `from` differs and the field flows only from there?
bool Oracle::left_alone(const RecordKey& from, const RecordKey& to, std::size_t field) const {
    const RecordState* here = ledger_.find(from);
    const RecordState* there = ledger_.find(to);
    if (!here || !there || !here->fields[field] || !there->fields[field]) return true;
    const auto& sync = scenario_.integration.sync;
    // A copy that a lost create made and a user edited is found by its key at best: a first contact.
    if (sync.initial_strategy && mirror_.was_possible_duplicate(from)) return true;
    const ValueNode& standing = ledger_.node(*there->fields[field]);
    if (whole_records_win() && edited(to)) return true;
    if (!standing.by_user || standing.where.side != to.side) return false;
    const bool flows_by_default = !sync.conflict_resolution || *sync.conflict_resolution == Strategy::merge;
    if (!flows_by_default || sync.initial_strategy) return true;
    // By default the flowing side wins whenever both changed: only a later edit over there can stand, or one against a
    // value that was put back.
    return !ledger_.earlier_equals(*here->fields[field]).empty() || standing.at > ledger_.node(*here->fields[field]).at;
}

bool Oracle::may_differ(const RecordKey& source, const RecordKey& target, std::size_t field) const {
    if (in_conflict(source, field) || in_conflict(target, field)) return true;
    const FieldPlan& plan = scenario_.entities[source.entity].fields[field];
    const auto at_source = value(source, field), at_target = value(target, field);
    const RecordState* one = ledger_.find(source);
    const RecordState* other = ledger_.find(target);
    if (!one || !other) return false;
    if (!plan.to_source && !plan.to_target) return true;
    const auto null = [](const std::optional<json::value>& v) { return v && v->is_null(); };
    if (!at_source) return !plan.to_source || null(at_target) || one->emptied.contains(field);
    if (!at_target) return !plan.to_target || null(at_source) || other->emptied.contains(field);
    if (plan.to_source && plan.to_target) return false;
    if (null(at_source) || null(at_target)) return true;
    return plan.to_target ? left_alone(source, target, field) : left_alone(target, source, field);
}

void Oracle::compare_pair(const RecordKey& source, const RecordKey& target, std::vector<std::string>& faults) const {
    const EntityPlan& plan = scenario_.entities[source.entity];
    for (std::size_t i = 0; i < plan.fields.size(); ++i) {
        const auto at_source = value(source, i), at_target = value(target, i);
        if (same(at_source, at_target, plan.fields[i].unordered) || may_differ(source, target, i)) continue;
        faults.push_back(fmt::format("{} and {}: {} = {} but {} = {}", to_string(source), to_string(target),
                                     plan.fields[i].external, text(at_source), plan.fields[i].shard, text(at_target)));
    }
}

void Oracle::judge_single(const RecordKey& key, std::vector<std::string>& faults) const {
    const Side far = cs::other(key.side);
    if (!scenario_.flows_to(far)) return;
    const auto links = mirror_.links_of(key);
    if (links.empty()) {
        // It waits for a row that shares its key and can't be read.
        if (mirror_.mentions("candidate", key))
            for (const RecordKey& other : ledger_.groups().at(ledger_.find(key)->group).records)
                if (mirror_.mentions("parked", other)) return;
        faults.push_back(fmt::format("{} has no counterpart and no link", to_string(key)));
        return;
    }
    const auto& sync = scenario_.integration.sync;
    for (const LinkMirror* link : links) {
        const RecordState* partner = ledger_.find(RecordKey{far, key.entity, link->id(far)});
        if (link->state.empty()) {
            // Its partner is gone. That must not be news that the stream had to carry here.
            if (scenario_.flows_to(key.side) && tells_deletions(far))
                faults.push_back(fmt::format("{} lives, its partner {} is gone, and nothing was decided",
                                             to_string(key), link->id(far)));
            continue;
        }
        const bool one_way = scenario_.direction != cs::Direction::bidirectional;
        const bool may_part = sync.delete_conflict_resolution == cs::DeleteStrategy::unlink ||
                              !sync.propagate_deletions || one_way || rejected_latch_;
        if (!may_part || !partner || partner->exists)
            faults.push_back(fmt::format("{} was parted from {} against the rules", to_string(key), link->id(far)));
    }
}

std::vector<std::string> Oracle::differences() const {
    std::vector<std::string> faults;
    for (std::size_t entity = 0; entity < scenario_.entities.size(); ++entity)
        for (const Side side : {Side::source, Side::target})
            for (const std::string& id : system(side).ids(scenario_.entities[entity].name(side))) {
                const RecordKey key{side, entity, id};
                if (mirror_.mentions("parked", key)) continue;
                bool paired = false;
                for (const LinkMirror* link : mirror_.links_of(key)) {
                    const Side far = cs::other(side);
                    const RecordKey partner{far, entity, link->id(far)};
                    if (!system(far).find(scenario_.entities[entity].name(far), partner.id)) continue;
                    paired = true;
                    if (side == Side::source && link->state.empty() && !mirror_.mentions("parked", partner))
                        compare_pair(key, partner, faults);
                }
                if (!paired && !mirror_.mentions("conflict", key) && !mirror_.mentions("deletion", key))
                    judge_single(key, faults);
            }
    return faults;
}

} // namespace simulation

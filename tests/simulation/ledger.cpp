#include "ledger.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace simulation {
namespace {

std::size_t at(Side side) { return side == Side::source ? 0 : 1; }

// "word@g7#u12;" → "g7"
std::string group_named_by(std::string_view text) {
    const auto begin = text.find("@g");
    const auto end = begin == std::string_view::npos ? begin : text.find('#', begin);
    return end == std::string_view::npos ? std::string() : std::string(text.substr(begin + 1, end - begin - 1));
}

} // namespace

std::string to_string(const RecordKey& key) {
    return fmt::format("{} {} of entity {}", to_string(key.side), key.id, key.entity);
}

Ledger::Ledger(const Scenario& scenario, Report report) : scenario_(scenario), report_(std::move(report)) {}

std::optional<std::size_t> Ledger::entity_of(Side side, std::string_view name) const {
    for (std::size_t i = 0; i < scenario_.entities.size(); ++i)
        if (scenario_.entities[i].name(side) == name) return i;
    return std::nullopt;
}

const RecordState* Ledger::find(const RecordKey& key) const {
    const auto record = records_.find(key);
    return record == records_.end() ? nullptr : &record->second;
}

std::vector<RecordKey> Ledger::partners(const RecordKey& key) const {
    std::vector<RecordKey> partners;
    const RecordState* record = find(key);
    if (!record) return partners;
    for (const RecordKey& other : groups_.at(record->group).records)
        if (other.side != key.side) partners.push_back(other);
    return partners;
}

std::string Ledger::group_of(const RecordKey& key, const json::object& fields) const {
    const auto& plans = scenario_.entities[key.entity].fields;
    for (const FieldPlan& field : plans)
        if (auto group = group_named_by(text(get(fields, field.path(key.side)))); !group.empty()) return group;
    return {};
}

NodeId Ledger::add_node(const RecordKey& key, Group& group, std::size_t field, std::optional<json::value> value,
                        nanoseconds when, std::vector<NodeId> parents, bool by_user) {
    ValueNode node;
    node.field = field;
    node.where = key;
    node.value = std::move(value);
    node.at = when;
    node.parents = std::move(parents);
    node.by_user = by_user;
    node.tick = ++tick_;
    nodes_.push_back(std::move(node));
    if (group.nodes.size() <= field) group.nodes.resize(field + 1);
    group.nodes[field].push_back(nodes_.size() - 1);
    return nodes_.size() - 1;
}

void Ledger::wrote(Side side, const SystemWrite& write) {
    const auto entity = entity_of(side, write.entity);
    if (!entity) return report_("I3", fmt::format("a write to the unknown entity {}", write.entity));
    const RecordKey key{side, *entity, write.id};
    if (write.by_user()) {
        ++user_writes_;
        last_user_write_ = write.at;
        user_wrote(key, write);
    } else {
        ++engine_writes_;
        if (writes_of_.size() <= *entity) writes_of_.resize(*entity + 1);
        WriteCounts& counts = writes_of_[*entity];
        switch (write.kind) {
        case SystemWrite::Kind::create: ++counts.created; break;
        case SystemWrite::Kind::update: ++counts.updated; break;
        case SystemWrite::Kind::remove: ++counts.removed; break;
        }
        engine_wrote(key, write);
    }
}

void Ledger::read(Side side, const std::string& actor, const std::string& entity, const std::string& id) {
    const auto number = entity_of(side, entity);
    if (!number) return;
    const auto record = records_.find(RecordKey{side, *number, id});
    if (record != records_.end()) record->second.last_read[actor] = ++tick_;
}

void Ledger::user_wrote(RecordKey key, const SystemWrite& write) {
    const auto& plans = scenario_.entities[key.entity].fields;
    if (write.kind == SystemWrite::Kind::create) {
        RecordState record;
        record.group = group_of(key, write.after);
        record.made_by_user = true;
        record.fields.resize(plans.size());
        Group& group = groups_[record.group];
        group.records.push_back(key);
        ++group.made_by_users[at(key.side)];
        if (group.records.size() > 1)
            for (auto& [field, counter] : group.counters) counter.tainted = true;
        records_.insert_or_assign(key, std::move(record));
    }
    RecordState& record = records_.at(key);
    Group& group = groups_.at(record.group);
    record.user_position = write.position;
    record.user_changed_at = group.last_user_change = write.at;
    record.user_changed_tick = ++tick_;
    if (write.kind == SystemWrite::Kind::remove) {
        record.exists = false;
        record.removed_by_user = true;
        record.removed_at = write.at;
        for (std::size_t i = 0; i < plans.size() && base_reader_; ++i)
            if (record.fields[i] && !(nodes_[*record.fields[i]].where == key && nodes_[*record.fields[i]].by_user) &&
                !same(base_reader_(key, i), nodes_[*record.fields[i]].value, plans[i].unordered))
                record.removed_unconfirmed = true;
        ++group.removed_by_users[at(key.side)];
        for (auto& [field, counter] : group.counters) counter.tainted = true;
        return;
    }
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const auto before = get(write.before, plans[i].path(key.side));
        const auto after = get(write.after, plans[i].path(key.side));
        if (same(before, after)) continue;
        if (plans[i].kind == FieldKind::counter) {
            Counter& counter = group.counters[i];
            if (!after || !after->is_int64() || (before && !before->is_int64()))
                counter.tainted = true;
            else
                counter.expected += after->get_int64() - (before ? before->get_int64() : 0);
            if (!before && write.kind != SystemWrite::Kind::create) counter.tainted = true;
            // A sum that the engine has sent just then stands for the engine's, whoever wrote it.
            if (after && attempted_ && attempted_(key, i, *after)) counter.tainted = true;
            // The same sum on both sides is agreement to everybody, whoever added what.
            for (const NodeId other : present(group, i))
                if (nodes_[other].where.side != key.side && same(nodes_[other].value, after)) counter.tainted = true;
        }
        if (!after) {
            record.emptied.insert(i);
            if (record.fields[i]) group.emptied.push_back(*record.fields[i]);
            record.last_seen[i] = record.fields[i];
            record.fields[i].reset();
            continue;
        }
        std::vector<NodeId> seen;
        if (record.fields[i]) seen.push_back(*record.fields[i]);
        else if (record.last_seen[i]) seen.push_back(*record.last_seen[i]);
        const NodeId id = add_node(key, group, i, after, write.at, std::move(seen), true);
        record.fields[i] = id;
        for (const NodeId other : present(group, i))
            if (nodes_[other].by_user && nodes_[other].where.side != key.side &&
                same(nodes_[other].value, after, plans[i].unordered)) {
                nodes_[id].twins.push_back(other);
                nodes_[other].twins.push_back(id);
            }
    }
}

std::vector<NodeId> Ledger::present(const Group& group, std::size_t field) const {
    std::vector<NodeId> nodes;
    for (const RecordKey& key : group.records) {
        const RecordState& record = records_.at(key);
        if (record.exists && record.fields[field]) nodes.push_back(*record.fields[field]);
    }
    return nodes;
}

std::optional<NodeId> Ledger::trace(const RecordKey& key, Group& group, std::size_t field, const json::value& value,
                                    nanoseconds now) {
    const FieldPlan& rules = plan(key, field);
    if (group.nodes.size() <= field) group.nodes.resize(field + 1);
    const auto& known = group.nodes[field];
    const auto equal = [&](NodeId id) { return same(nodes_[id].value, value, rules.unordered); };
    // The other side's present value first, then whatever was last written of this value.
    for (const NodeId id : present(group, field))
        if (nodes_[id].where.side != key.side && equal(id)) return id;
    for (auto id = known.rbegin(); id != known.rend(); ++id)
        if (equal(*id)) return *id;
    const bool combines = rules.kind == FieldKind::counter || rules.strategy == cs::Strategy::union_;
    if (!combines) return std::nullopt;
    if (rules.kind == FieldKind::list) {
        if (!value.is_array()) return std::nullopt;
        for (const json::value& element : value.get_array()) {
            const bool written = std::any_of(known.begin(), known.end(), [&](NodeId id) {
                const auto& list = nodes_[id].value;
                return list && list->is_array() &&
                       std::any_of(list->get_array().begin(), list->get_array().end(),
                                   [&](const json::value& candidate) { return same(candidate, element); });
            });
            if (!written) return std::nullopt;
        }
    } else if (!value.is_number()) {
        return std::nullopt;
    }
    return add_node(key, group, field, value, now, present(group, field), false);
}

// Did the engine write over a user's value that its process had not read?
void Ledger::check_overwriting(const RecordKey& key, RecordState& record, const SystemWrite& write, std::size_t field,
                               bool removal) {
    if (!record.fields[field]) return;
    ValueNode& overwritten = nodes_[*record.fields[field]];
    if (!overwritten.by_user || !(overwritten.where == key)) return;
    // Somebody put back what both sides had agreed on, and nothing of the way there was ever read: no edit to be seen.
    if (base_reader_ && same(base_reader_(key, field), overwritten.value, plan(key, field).unordered)) {
        overwritten.excused = true;
        return;
    }
    const auto read = record.last_read.find(write.actor);
    if (read != record.last_read.end() && read->second > overwritten.tick) return;
    const auto& can = scenario_.system(key.side).capabilities;
    if (removal ? !can.conditional_deletes : !can.conditional_writes) {
        overwritten.excused = true;
        return;
    }
    report_("I2", fmt::format("{} blindly {} {}, whose {} a user had set to {} meanwhile", write.actor,
                              removal ? "removed" : "overwrote", to_string(key), plan(key, field).path(key.side),
                              text(overwritten.value)));
}

// What the mapping does not name belongs to the system alone.
void Ledger::check_unmapped(const RecordKey& key, const RecordState& record, const SystemWrite& write) {
    json::object before = write.before, after = write.after;
    for (const FieldPlan& field : scenario_.entities[key.entity].fields) {
        erase(before, field.path(key.side));
        erase(after, field.path(key.side));
    }
    for (json::object* object : {&before, &after})
        for (const char* parent : {"info", "data"})
            if (const auto* nested = object->if_contains(parent); nested && nested->is_object() &&
                                                                  nested->get_object().empty())
                object->erase(parent);
    if (same(json::value(before), json::value(after))) return;
    const auto read = record.last_read.find(write.actor);
    const bool unread = read == record.last_read.end() || read->second < record.user_changed_tick;
    if (unread && !scenario_.system(key.side).capabilities.conditional_writes) return;
    report_("I3", fmt::format("{} changed unmapped members of {}: {} became {}", write.actor, to_string(key),
                              text(json::value(before)), text(json::value(after))));
}

void Ledger::engine_removed(const RecordKey& key, RecordState& record, const SystemWrite& write) {
    for (std::size_t i = 0; i < record.fields.size(); ++i) check_overwriting(key, record, write, i, true);
    record.exists = false;
    const auto others = partners(key);
    const bool justified = std::any_of(others.begin(), others.end(),
                                       [&](const RecordKey& other) { return records_.at(other).removed_by_user; });
    if (!justified)
        report_("I5", fmt::format("{} removed {} ({}), though nobody had deleted its partner", write.actor,
                                  to_string(key), record.group));
}

void Ledger::engine_wrote(RecordKey key, const SystemWrite& write) {
    const auto& plans = scenario_.entities[key.entity].fields;
    if (write.kind == SystemWrite::Kind::create) {
        RecordState record;
        record.group = group_of(key, write.after);
        record.fields.resize(plans.size());
        const auto group = groups_.find(record.group);
        if (group == groups_.end())
            return report_("I3", fmt::format("{} created {} out of nothing: {}", write.actor, to_string(key),
                                             text(json::value(write.after))));
        group->second.records.push_back(key);
        ++group->second.made_by_engine[at(key.side)];
        if (owns_ && !owns_(write.actor, key.entity)) ++group->second.made_too_late[at(key.side)];
        records_.insert_or_assign(key, std::move(record));
    }
    const auto found = records_.find(key);
    if (found == records_.end()) return;
    RecordState& record = found->second;
    if (write.kind == SystemWrite::Kind::remove) return engine_removed(key, record, write);
    Group& group = groups_.at(record.group);
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const auto before = get(write.before, plans[i].path(key.side));
        const auto after = get(write.after, plans[i].path(key.side));
        if (same(before, after)) continue;
        check_overwriting(key, record, write, i, false);
        if (!after) {
            if (!record.fields[i] || !nodes_[*record.fields[i]].excused)
                report_("I3", fmt::format("{} took {} away from {}: absent must never erase", write.actor,
                                          plans[i].path(key.side), to_string(key)));
            record.fields[i].reset();
            continue;
        }
        record.fields[i] = trace(key, group, i, *after, write.at);
        if (!record.fields[i])
            report_("I3", fmt::format("{} wrote {} = {} to {} ({}), which no user wrote there", write.actor,
                                      plans[i].path(key.side), text(after), to_string(key), record.group));
    }
    if (write.kind == SystemWrite::Kind::update) check_unmapped(key, record, write);
}

std::unordered_set<NodeId> Ledger::ancestry(const std::vector<NodeId>& of, bool twins) const {
    std::unordered_set<NodeId> seen;
    std::vector<NodeId> pending = of;
    while (!pending.empty()) {
        const NodeId id = pending.back();
        pending.pop_back();
        if (!seen.insert(id).second) continue;
        pending.insert(pending.end(), nodes_[id].parents.begin(), nodes_[id].parents.end());
        if (twins) pending.insert(pending.end(), nodes_[id].twins.begin(), nodes_[id].twins.end());
    }
    return seen;
}

std::vector<NodeId> Ledger::earlier_equals(NodeId id) const {
    std::vector<NodeId> equals;
    for (const NodeId earlier : ancestry({id}, false))
        if (earlier != id &&
            same(nodes_[earlier].value, nodes_[id].value, plan(nodes_[id].where, nodes_[id].field).unordered))
            equals.push_back(earlier);
    return equals;
}

bool Ledger::descends_from(NodeId descendant, NodeId ancestor) const {
    return ancestry({descendant}).contains(ancestor);
}

// It stands there after all, or a user put it back, whatever became of it then.
bool Ledger::written_again(const Group& group, NodeId id, const std::unordered_set<NodeId>& alive) const {
    const auto equal = [&](NodeId other) {
        return same(nodes_[other].value, nodes_[id].value, plan(nodes_[id].where, nodes_[id].field).unordered);
    };
    const auto standing = present(group, nodes_[id].field);
    if (std::any_of(standing.begin(), standing.end(), equal)) return true;
    const auto& nodes = group.nodes[nodes_[id].field];
    return std::any_of(nodes.begin(), nodes.end(), [&](NodeId other) {
        const ValueNode& node = nodes_[other];
        return node.by_user && node.where == nodes_[id].where && node.tick > nodes_[id].tick && alive.contains(other) &&
               equal(other);
    });
}

std::vector<NodeId> Ledger::lost_writes(const std::function<bool(const ValueNode&)>& kept) const {
    std::vector<NodeId> lost;
    for (const auto& [name, group] : groups_) {
        std::vector<NodeId> roots = group.emptied;
        for (const RecordKey& key : group.records) {
            const RecordState& record = records_.at(key);
            if (!record.exists && !record.removed_by_user) continue;
            for (const auto& node : record.fields)
                if (node) roots.push_back(*node);
        }
        for (const auto& nodes : group.nodes)
            for (const NodeId id : nodes)
                if (nodes_[id].by_user && (nodes_[id].excused || kept(nodes_[id]))) roots.push_back(id);
        const auto alive = ancestry(roots);
        for (const auto& nodes : group.nodes)
            for (const NodeId id : nodes)
                if (nodes_[id].by_user && !alive.contains(id) && !written_again(group, id, alive)) lost.push_back(id);
    }
    return lost;
}

} // namespace simulation

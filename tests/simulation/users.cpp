#include "users.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace simulation {

Users::Users(const Scenario& scenario, cs::testing::SimulatedSystem& source, cs::testing::SimulatedSystem& target,
             const Ledger& ledger)
    : scenario_(scenario), systems_{&source, &target}, ledger_(ledger), dice_(scenario.seed * 2 + 0x75736572),
      writer_(scenario.direction == cs::Direction::outbound ? Side::target : Side::source) {}

json::value Users::new_value(FieldKind kind, const std::string& group) {
    static const std::vector<std::string> words{"ada", "grace", "Zürich", "a \"quoted\" word", "x", "行", ""};
    const std::uint64_t number = ++writes_;
    switch (kind) {
    case FieldKind::text: return json::value(fmt::format("{}@{}#u{};", dice_.one_of(words), group, number));
    case FieldKind::number: return static_cast<std::int64_t>(5'000'000 + number);
    case FieldKind::counter: return static_cast<std::int64_t>(dice_.below(100));
    case FieldKind::list: {
        json::array list;
        for (std::uint64_t i = dice_.below(4); i > 0; --i)
            list.emplace_back(fmt::format("tag@{}#u{};", group, ++writes_));
        return list;
    }
    }
    return nullptr;
}

json::value Users::changed_list(const std::optional<json::value>& list, const std::string& group) {
    if (!list || !list->is_array()) return new_value(FieldKind::list, group);
    json::array changed = list->get_array();
    if (!changed.empty() && dice_.percent(40))
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(dice_.below(changed.size())));
    else
        changed.emplace_back(fmt::format("tag@{}#u{};", group, ++writes_));
    return changed;
}

json::object Users::new_record(Side side, std::size_t entity, const std::string& group, const std::string& key) {
    json::object record;
    const EntityPlan& plan = scenario_.entities[entity];
    for (std::size_t i = 0; i < plan.fields.size(); ++i) {
        if (plan.match_keys && i + 1 == plan.fields.size())
            set(record, plan.fields[i].path(side), json::value(key + "@example.org"));
        else if (i == 0 || !dice_.percent(10))
            set(record, plan.fields[i].path(side), new_value(plan.fields[i].kind, group));
    }
    if (dice_.percent(50)) record["unmapped"] = fmt::format("u{}", dice_.below(1000));
    return record;
}

void Users::populate() {
    for (std::size_t i = 0; i < scenario_.users.initial_records; ++i) create();
}

void Users::create() {
    const auto entity = static_cast<std::size_t>(dice_.below(scenario_.entities.size()));
    const EntityPlan& plan = scenario_.entities[entity];
    std::string group = fmt::format("g{}", ++groups_);
    if (plan.match_keys && groups_ > 1 && dice_.percent(scenario_.users.duplicates)) {
        const std::string other = fmt::format("g{}", 1 + dice_.below(groups_ - 1));
        const auto known = ledger_.groups().find(other);
        if (known != ledger_.groups().end() && known->second.records.front().entity == entity) group = other;
    }
    const Side side = any_side();
    system(side).create(plan.name(side), new_record(side, entity, group, group));
    if (!plan.match_keys || !dice_.percent(scenario_.users.twins)) return;
    const Side twin = cs::other(side);
    system(twin).create(plan.name(twin), new_record(twin, entity, group, group));
}

void Users::change_field(json::object& fields, Side side, std::size_t entity, std::size_t field,
                         const std::string& group, const std::string& id) {
    const FieldPlan& plan = scenario_.entities[entity].fields[field];
    const std::string& path = plan.path(side);
    const auto present = get(fields, path);
    if (plan.kind == FieldKind::counter) {
        const bool counts = present && present->is_int64();
        set(fields, path, counts ? json::value(present->get_int64() + static_cast<std::int64_t>(dice_.between(1, 9)))
                                 : new_value(plan.kind, group));
        return;
    }
    if (field != 0 && dice_.percent(scenario_.users.nulls)) {
        if (dice_.percent(30))
            erase(fields, path);
        else
            set(fields, path, nullptr);
        return;
    }
    if (dice_.percent(scenario_.users.reverts)) {
        // Back to what this record held once: it looks like an old echo, and is an edit all the same.
        const auto& nodes = ledger_.groups().at(group).nodes;
        std::vector<NodeId> earlier;
        if (field < nodes.size())
            for (const NodeId node : nodes[field])
                if (ledger_.node(node).where.side == side && ledger_.node(node).where.id == id &&
                    ledger_.node(node).value)
                    earlier.push_back(node);
        if (!earlier.empty()) {
            set(fields, path, *ledger_.node(dice_.one_of(earlier)).value);
            return;
        }
    }
    set(fields, path, plan.kind == FieldKind::list ? changed_list(present, group) : new_value(plan.kind, group));
}

void Users::edit(Side side, std::size_t entity, const std::string& id) {
    const EntityPlan& plan = scenario_.entities[entity];
    const json::object* present = system(side).find(plan.name(side), id);
    const RecordState* record = ledger_.find(RecordKey{side, entity, id});
    if (!present || !record) return;
    json::object fields = *present;
    const std::string group = record->group;
    if (dice_.percent(15)) fields["unmapped"] = fmt::format("u{}", dice_.below(1000));
    const std::size_t editable = plan.fields.size() - (plan.match_keys ? 1 : 0);
    for (std::uint64_t i = dice_.percent(70) ? 1 : dice_.between(0, 3); i > 0; --i)
        change_field(fields, side, entity, static_cast<std::size_t>(dice_.below(editable)), group, id);
    system(side).edit(plan.name(side), id, std::move(fields));
}

// Two people make the same correction on both sides: no conflict, nothing to write.
void Users::edit_both_alike(std::size_t entity) {
    const EntityPlan& plan = scenario_.entities[entity];
    const auto ids = system(Side::source).ids(plan.external);
    if (ids.empty()) return;
    const RecordKey source{Side::source, entity, dice_.one_of(ids)};
    const auto partners = ledger_.partners(source);
    const RecordState* record = ledger_.find(source);
    if (!record || partners.empty() || !system(Side::target).find(plan.shard, partners.front().id)) return;
    const auto field = static_cast<std::size_t>(dice_.below(plan.fields.size() - (plan.match_keys ? 1 : 0)));
    if (plan.fields[field].kind == FieldKind::counter) return;
    const json::value value = new_value(plan.fields[field].kind, record->group);
    for (const RecordKey& key : {source, partners.front()}) {
        json::object fields = *system(key.side).find(plan.name(key.side), key.id);
        set(fields, plan.fields[field].path(key.side), value);
        system(key.side).edit(plan.name(key.side), key.id, std::move(fields));
    }
}

void Users::act() {
    const auto entity = static_cast<std::size_t>(dice_.below(scenario_.entities.size()));
    const Side side = any_side();
    const EntityPlan& plan = scenario_.entities[entity];
    const auto ids = system(side).ids(plan.name(side));
    if (ids.empty() || dice_.percent(15)) return create();
    const std::string& id = dice_.one_of(ids);
    if (dice_.percent(scenario_.users.deletions)) {
        system(side).remove(plan.name(side), id);
        return;
    }
    if (dice_.percent(scenario_.users.broken_rows)) {
        system(side).set_broken(plan.name(side), id, true);
        return;
    }
    if (scenario_.users.edits_target && dice_.percent(5)) return edit_both_alike(entity);
    edit(side, entity, id);
}

void Users::meddle(Side side, std::size_t entity, const std::string& id) {
    if (side != writer_ && !scenario_.users.edits_target) return;
    if (dice_.percent(scenario_.users.deletions / 2))
        system(side).remove(scenario_.entities[entity].name(side), id);
    else
        edit(side, entity, id);
}

void Users::mend() {
    for (std::size_t entity = 0; entity < scenario_.entities.size(); ++entity)
        for (const Side side : {Side::source, Side::target}) {
            const std::string& name = scenario_.entities[entity].name(side);
            for (const std::string& id : system(side).ids(name))
                if (system(side).broken(name, id) && dice_.percent(75)) system(side).set_broken(name, id, false);
        }
}

} // namespace simulation

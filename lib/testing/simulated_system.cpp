// The system itself: rows, users, and what an outsider may ask. Its adapter is in simulated_adapter.cpp.
#include <castiel_sync/testing/simulated_system.hpp>

#include <fmt/format.h>

#include <utility>

namespace castiel_sync::testing {

SimulatedSystem::SimulatedSystem(SimLoop& loop, SimulatedSystemOptions options)
    : loop_(loop), options_(std::move(options)) {}

AdapterDescription SimulatedSystem::describe() const {
    AdapterDescription description;
    description.name = options_.name;
    description.summary = "A simulated system in memory.";
    return description;
}

std::string SimulatedSystem::create(const std::string& entity, json::object fields) {
    const std::uint64_t number = entities_[entity].next_id++;
    std::string id = options_.integer_ids ? fmt::format("{}", number) : fmt::format("{}-{:05}", options_.name, number);
    change(entity, id, SystemWrite::Kind::create, std::move(fields), "", "");
    return id;
}

bool SimulatedSystem::edit(const std::string& entity, const std::string& id, json::object fields) {
    if (!find(entity, id)) return false;
    change(entity, id, SystemWrite::Kind::update, std::move(fields), "", "");
    return true;
}

bool SimulatedSystem::remove(const std::string& entity, const std::string& id) {
    if (!find(entity, id)) return false;
    change(entity, id, SystemWrite::Kind::remove, {}, "", "");
    return true;
}

bool SimulatedSystem::set_broken(const std::string& entity, const std::string& id, bool broken) {
    const json::object* fields = find(entity, id);
    if (!fields) return false;
    json::object same = *fields;
    change(entity, id, SystemWrite::Kind::update, std::move(same), "", "");
    entities_[entity].rows[id].broken = broken;
    return true;
}

const SimulatedSystem::Row* SimulatedSystem::find_row(const std::string& entity, const std::string& id) const {
    const auto rows = entities_.find(entity);
    if (rows == entities_.end()) return nullptr;
    const auto row = rows->second.rows.find(id);
    return row == rows->second.rows.end() ? nullptr : &row->second;
}

const json::object* SimulatedSystem::find(const std::string& entity, const std::string& id) const {
    const Row* row = find_row(entity, id);
    return !row || row->deleted ? nullptr : &row->fields;
}

bool SimulatedSystem::broken(const std::string& entity, const std::string& id) const {
    return find(entity, id) && entities_.find(entity)->second.rows.at(id).broken;
}

std::vector<std::string> SimulatedSystem::ids(const std::string& entity) const {
    std::vector<std::string> ids;
    const auto rows = entities_.find(entity);
    if (rows == entities_.end()) return ids;
    for (const auto& [id, row] : rows->second.rows)
        if (!row.deleted) ids.push_back(id);
    return ids;
}

std::vector<std::string> SimulatedSystem::entities() const {
    std::vector<std::string> names;
    for (const auto& [name, entity] : entities_) names.push_back(name);
    return names;
}

std::uint64_t SimulatedSystem::position(const std::string& entity, const std::string& id) const {
    const Row* row = find_row(entity, id);
    return row ? row->position : 0;
}

void SimulatedSystem::change(const std::string& entity, const std::string& id, SystemWrite::Kind kind,
                             json::object fields, const std::string& actor, const std::string& idempotency_key) {
    Entity& rows = entities_[entity];
    Row& row = rows.rows[id];
    SystemWrite write;
    write.kind = kind;
    write.actor = actor;
    write.entity = entity;
    write.id = id;
    write.idempotency_key = idempotency_key;
    write.position = ++position_;
    write.at = loop_.now();
    write.before = std::move(row.fields);
    write.after = fields;
    rows.changes.erase(row.position);
    row.fields = std::move(fields);
    row.position = position_;
    row.deleted = kind == SystemWrite::Kind::remove;
    row.broken = false;
    if (!row.deleted || options_.capabilities.reports_deletions) rows.changes.emplace(position_, id);
    if (options_.tells_modified_at) {
        const Timestamp now = SimClock::epoch() + options_.clock_skew +
                              std::chrono::floor<std::chrono::milliseconds>(loop_.now());
        row.modified_at = options_.coarse_times ? Timestamp(std::chrono::floor<std::chrono::seconds>(now)) : now;
    }
    if (on_write_) on_write_(write);
}

} // namespace castiel_sync::testing

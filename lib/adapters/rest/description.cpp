#include <adapters/rest/description.hpp>

#include <algorithm>

namespace castiel_sync {

bool RestRequest::uses(std::string_view variable) const {
    const auto in = [&](const auto& members) {
        return std::any_of(members.begin(), members.end(),
                           [&](const auto& member) { return member.second.uses(variable); });
    };
    if (path.uses(variable) || in(query) || in(headers)) return true;
    if (!body) return false;
    const std::vector<std::string> names = body->names();
    return std::find(names.begin(), names.end(), variable) != names.end();
}

bool RestWrite::uses(std::string_view variable) const {
    return request.uses(variable) ||
           std::any_of(set.begin(), set.end(), [&](const auto& member) { return member.second.uses(variable); });
}

AdapterCapabilities RestEntity::capabilities() const {
    // A push of items that go one by one has to end within half a lease, however slow each answer is.
    constexpr std::size_t one_by_one = 50;
    AdapterCapabilities can;
    can.writable = create || update || remove;
    can.change_feed = changes.has_value();
    can.reports_deletions = changes && (deleted || changes->rows.deleted_row);
    can.conditional_writes = update && update->is_conditional();
    can.conditional_deletes = remove && remove->is_conditional();
    can.idempotent_creates = create && (create->idempotent || create->id_is_key);
    can.finds_by_idempotency_key = find || (create && create->id_is_key);
    if (find) can.read_lag = find->lag;
    can.max_page_records = list ? list->largest_page : changes->rows.largest_page;
    if (list && changes) can.max_page_records = std::min(can.max_page_records, changes->rows.largest_page);
    can.max_fetch_records = get_many ? std::max(get_many->most, one_by_one) : one_by_one;
    can.max_push_records = batch ? batch->most : one_by_one;
    return can;
}

const RestEntity* RestDescription::find(std::string_view entity) const {
    const RestEntity* any = nullptr;
    for (const RestEntity& each : entities) {
        if (each.name == entity) return &each;
        if (each.name == "*") any = &each;
    }
    return any;
}

json::object with_defaults(const RestDescription& description, json::object settings) {
    const auto* properties = description.settings_schema.if_contains("properties");
    if (properties == nullptr) return settings;
    for (const auto& member : properties->get_object()) {
        const json::value* otherwise = member.value().get_object().if_contains("default");
        if (otherwise != nullptr && !settings.contains(member.key())) settings.emplace(member.key(), *otherwise);
    }
    return settings;
}

AdapterDescription describe(const RestDescription& description) {
    AdapterDescription described;
    described.name = description.name;
    described.summary = description.summary;
    described.settings_schema = description.settings_schema;
    if (description.find("*") == nullptr) described.entities = entity_names(description);
    described.hooks = description.hooks;
    if (description.entities.size() == 1) described.capabilities = description.entities.front().capabilities();
    return described;
}

std::optional<AdapterCapabilities> capabilities_of(const RestDescription& description, std::string_view entity) {
    const RestEntity* found = description.find(entity);
    if (found == nullptr) return std::nullopt;
    return found->capabilities();
}

std::vector<std::string> entity_names(const RestDescription& description) {
    std::vector<std::string> names;
    for (const RestEntity& entity : description.entities)
        names.push_back(entity.name);
    return names;
}

} // namespace castiel_sync

#include <webhooks/hook_hint.hpp>

#include <castiel_sync/record.hpp>
#include <castiel_sync/sync_task.hpp>
#include <core/path.hpp>

#include <algorithm>

namespace castiel_sync {
namespace {

// A text, or a whole number as a record's id is written. Empty: there is none at this path.
std::string named_at(const std::string& path, const json::object& body) {
    const auto parsed = Path::parse(path);
    const json::value* value = parsed ? parsed->find(body) : nullptr;
    if (value == nullptr) return {};
    std::string text;
    if (value->is_string()) text = value->get_string();
    if (value->is_int64() || value->is_uint64()) text = to_json(*value);
    return text.size() <= max_record_id_bytes ? text : std::string();
}

bool maps(const Integration& integration, std::string_view entity) {
    const auto& mappings = integration.sync.entity_mappings;
    return std::any_of(mappings.begin(), mappings.end(), [entity](const EntityMapping& mapping) {
        return mapping.enabled && mapping.external_entity == entity;
    });
}

void add_once(std::vector<std::string>& list, std::string text) {
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(std::move(text));
}

} // namespace

std::optional<HookHint> read_hook_hint(const HookDescription& description, const Integration& integration,
                                       std::string_view body) {
    const HookHint anything;
    if (description.entity.empty() && description.id.empty()) return anything;
    auto parsed = parse_json(body);
    if (!parsed) return anything;
    if (!parsed->is_array()) {
        json::array one;
        one.push_back(std::move(*parsed));
        *parsed = std::move(one);
    }
    const json::array& parts = parsed->get_array();
    if (parts.empty() || parts.size() > max_named_records) return anything;
    std::vector<std::string> entities;
    HookHint hint;
    bool names_each = !description.id.empty();
    for (const json::value& part : parts) {
        if (!part.is_object()) return anything;
        if (!description.entity.empty()) {
            std::string entity = named_at(description.entity, part.get_object());
            if (entity.empty()) return anything;
            if (!maps(integration, entity)) continue;
            add_once(entities, std::move(entity));
        }
        std::string id;
        if (names_each) id = named_at(description.id, part.get_object());
        if (id.empty()) names_each = false;
        else add_once(hint.source_ids, std::move(id));
    }
    if (!description.entity.empty() && entities.empty()) return std::nullopt;
    if (entities.size() == 1) hint.entity = std::move(entities.front());
    if (!names_each) hint.source_ids.clear();
    return hint;
}

} // namespace castiel_sync

#include <core/task_order.hpp>

#include <algorithm>

namespace castiel_sync {
namespace {

bool refers_to(const EntityMapping& mapping, const std::string& entity) {
    return std::any_of(mapping.field_mappings.begin(), mapping.field_mappings.end(),
                       [&](const FieldMapping& field) { return field.reference == entity; });
}

} // namespace

Result<std::vector<std::size_t>> order_by_reference(const std::vector<EntityMapping>& mappings) {
    std::vector<std::size_t> order;
    std::vector<bool> placed(mappings.size(), false);
    while (order.size() < mappings.size()) {
        const std::size_t before = order.size();
        for (std::size_t i = 0; i < mappings.size(); ++i) {
            if (placed[i]) continue;
            bool ready = true;
            for (std::size_t parent = 0; parent < mappings.size() && ready; ++parent)
                ready = placed[parent] || parent == i || !refers_to(mappings[i], mappings[parent].external_entity);
            if (!ready) continue;
            placed[i] = true;
            order.push_back(i);
        }
        if (order.size() > before) continue;
        std::string names;
        for (std::size_t i = 0; i < mappings.size(); ++i)
            if (!placed[i]) names += (names.empty() ? "" : ", ") + mappings[i].external_entity;
        return Error(ErrorCode::invalid_configuration,
                     "these entities refer to each other in a cycle: " + names + "; remove one of the references");
    }
    return order;
}

} // namespace castiel_sync

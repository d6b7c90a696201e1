#include <castiel_sync/adapter.hpp>

#include <fmt/format.h>

#include <utility>

namespace castiel_sync {

void AdapterRegistry::add(AdapterDescription description, AdapterFactory factory) {
    std::string name = description.name;
    entries_.insert_or_assign(std::move(name), Entry{std::move(description), std::move(factory)});
}

const AdapterDescription* AdapterRegistry::find(std::string_view name) const {
    const auto entry = entries_.find(name);
    return entry == entries_.end() ? nullptr : &entry->second.description;
}

std::vector<AdapterDescription> AdapterRegistry::list() const {
    std::vector<AdapterDescription> descriptions;
    descriptions.reserve(entries_.size());
    for (const auto& [name, entry] : entries_)
        descriptions.push_back(entry.description);
    return descriptions;
}

Result<std::unique_ptr<Adapter>> AdapterRegistry::make(std::string_view name, const AdapterContext& context) const {
    const auto entry = entries_.find(name);
    if (entry != entries_.end()) return entry->second.factory(context);
    std::string known;
    for (const auto& [other, unused] : entries_)
        known += known.empty() ? other : ", " + other;
    return Error(ErrorCode::invalid_configuration,
                 fmt::format("there is no adapter named \"{}\"; {}", name,
                             known.empty() ? "none is registered" : "registered are: " + known));
}

} // namespace castiel_sync

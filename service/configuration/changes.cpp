#include "changes.hpp"

#include "located.hpp"

#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace castiel_sync::service {
namespace {

using Name = std::pair<std::string_view, std::string_view>; // tenant and id

// As they were written: a default that is spelled out counts as a change, which does no harm.
struct Written {
    const Integration* integration = nullptr;
    const json::value* document = nullptr;
};

std::map<Name, Written> written_integrations(const Configuration& configuration) {
    std::map<Name, Written> found;
    const json::value* documents = configuration.document.get_object().if_contains("integrations");
    for (std::size_t i = 0; i < configuration.integrations.size(); ++i) {
        const Integration& each = configuration.integrations[i];
        found[{each.tenant_id, each.id}] = {&each, &documents->get_array().at(i)};
    }
    return found;
}

std::set<std::string> changed_adapters(const Configuration& before, const Configuration& after) {
    const auto described = [](const Configuration& configuration) {
        std::map<std::string, const json::value*> documents;
        for (std::size_t i = 0; i < configuration.descriptions.size(); ++i)
            documents[describe(*configuration.descriptions[i]).name] = &configuration.description_documents.at(i);
        return documents;
    };
    const auto then = described(before);
    const auto now = described(after);
    std::set<std::string> changed;
    for (const auto& [name, document] : now) {
        const auto old_one = then.find(name);
        if (old_one == then.end() || *old_one->second != *document) changed.insert(name);
    }
    for (const auto& [name, document] : then)
        if (!now.contains(name)) changed.insert(name);
    return changed;
}

void compare_keys(const std::string& path, const json::value* before, const json::value* after,
                  std::set<std::string>& changed) {
    const auto* one = before != nullptr ? before->if_object() : nullptr;
    const auto* other = after != nullptr ? after->if_object() : nullptr;
    if ((one == nullptr && before != nullptr) || (other == nullptr && after != nullptr)) {
        if (before == nullptr || after == nullptr || *before != *after) changed.insert(path);
        return;
    }
    std::set<std::string_view> names;
    for (const auto* object : {one, other})
        if (object != nullptr)
            for (const auto& member : *object)
                names.insert(member.key());
    for (const std::string_view name : names) {
        if (path.empty() && name == "integrations") continue;
        compare_keys(member_path(path, name), one != nullptr ? one->if_contains(name) : nullptr,
                     other != nullptr ? other->if_contains(name) : nullptr, changed);
    }
}

} // namespace

ConfigurationChanges compare(const Configuration& before, const Configuration& after) {
    ConfigurationChanges changes;
    const auto old_ones = written_integrations(before);
    const auto new_ones = written_integrations(after);
    for (const auto& [name, now] : new_ones) {
        const auto old_one = old_ones.find(name);
        if (old_one == old_ones.end())
            changes.added.push_back(*now.integration);
        else if (*old_one->second.document != *now.document)
            changes.changed.push_back(*now.integration);
    }
    for (const auto& [name, then] : old_ones)
        if (!new_ones.contains(name)) changes.removed.push_back(*then.integration);
    std::set<std::string> keys;
    compare_keys("", &before.document, &after.document, keys);
    changes.keys.assign(keys.begin(), keys.end());
    const std::set<std::string> adapters = changed_adapters(before, after);
    changes.adapters.assign(adapters.begin(), adapters.end());
    return changes;
}

} // namespace castiel_sync::service

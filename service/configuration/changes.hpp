// What differs between two configurations.
#pragma once

#include "configuration.hpp"

#include <string>
#include <vector>

namespace castiel_sync::service {

struct ConfigurationChanges {
    // By tenant and id: one that went to another tenant has gone here and come there.
    std::vector<Integration> added;
    std::vector<Integration> changed; // as they are now
    std::vector<Integration> removed;
    std::vector<std::string> keys; // of everything else, by key path, in alphabetical order
    std::vector<std::string> adapters; // whose descriptions came, went or read otherwise, by name

    ConfigurationChanges() = default;
    [[nodiscard]] bool empty() const {
        return added.empty() && changed.empty() && removed.empty() && keys.empty() && adapters.empty();
    }
};

[[nodiscard]] ConfigurationChanges compare(const Configuration& before, const Configuration& after);

} // namespace castiel_sync::service

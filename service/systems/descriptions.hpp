// Descriptions of REST systems in YAML: those that come with this build, and files.
#pragma once

#include "configuration/located.hpp"

#include <castiel_sync/adapters/rest.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::service {

struct LoadedDescription {
    std::string source; // the file as it was named, or "adapters/couchdb.yaml (built in)"
    std::string text;
    std::shared_ptr<const RestDescription> description; // null when there is a fault
    json::value document;
    std::vector<Fault> faults;
    std::vector<Fault> notices;
};

[[nodiscard]] LoadedDescription read_description(std::string text, std::string source);
// A file that can't be read is a fault, too.
[[nodiscard]] LoadedDescription load_description(const std::string& file);

// Of this build, by name; none has a fault.
[[nodiscard]] const std::vector<LoadedDescription>& ready_descriptions();

} // namespace castiel_sync::service

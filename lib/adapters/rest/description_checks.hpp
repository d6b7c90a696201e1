// What can't be said of a description member by member: contradictions, and what is missing for what is there.
#pragma once

#include <adapters/rest/description.hpp>

#include <vector>

namespace castiel_sync {

void check_description(const RestDescription& description, std::vector<ConfigurationFault>& faults);

} // namespace castiel_sync

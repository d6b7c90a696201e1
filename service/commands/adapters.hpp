// What the commands about adapters share.
#pragma once

#include "systems/descriptions.hpp"
#include "session.hpp"

#include <string>
#include <vector>

namespace castiel_sync::service {

// Of this build and of the configuration.
[[nodiscard]] std::vector<LoadedDescription> known_descriptions(const Session& session);

// What an adapter can and can't promise, in lines for people.
[[nodiscard]] std::string promises(const AdapterCapabilities& can);

} // namespace castiel_sync::service

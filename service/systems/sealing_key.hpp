// The key that webhooks' secrets are sealed with.
#pragma once

#include "configuration/configuration.hpp"

#include <castiel_sync/runtime.hpp>
#include <castiel_sync/webhooks/sealing.hpp>

namespace castiel_sync::service {

// Of the configuration; else of the file `<storage.path>.key`, which is made with the first store and is readable by
// this user alone. A store that does not last needs no key that does.
[[nodiscard]] Result<Sealer> make_sealer(const Configuration& configuration, Random& random, bool lasts);

} // namespace castiel_sync::service

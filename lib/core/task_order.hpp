// In which order the entities of an integration are synced: referenced ones first. Pure.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/integration.hpp>

#include <cstddef>
#include <vector>

namespace castiel_sync {

// Indexes into `mappings`; otherwise in the order given. A reference to oneself is fine; a cycle between different
// entities is invalid_configuration and names it.
[[nodiscard]] Result<std::vector<std::size_t>> order_by_reference(const std::vector<EntityMapping>& mappings);

} // namespace castiel_sync

// A store in memory, for tests and for hosts that need no durability. Keeps every promise of Store but durability.
#pragma once

#include <castiel_sync/runtime.hpp>
#include <castiel_sync/store.hpp>

#include <memory>
#include <span>

namespace castiel_sync {

// `clock` (borrowed) decides about expiry.
[[nodiscard]] std::unique_ptr<Store> make_memory_store(Clock& clock,
                                                       std::span<const KindDeclaration> kinds = engine_kinds());

} // namespace castiel_sync

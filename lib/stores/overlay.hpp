// A store on top of another one: reads see both, writes stay in memory, and the base is never written. What a preview
// runs on.
#pragma once

#include <castiel_sync/runtime.hpp>
#include <castiel_sync/store.hpp>

#include <memory>
#include <span>

namespace castiel_sync {

// Keeps every promise of Store but durability, as long as nobody but this store's user relies on what others write to
// `base` meanwhile: a document that was written here hides the base's for good.
// `base` and `clock` are borrowed. `base` must have been opened with these kinds, and must not be an overlay itself
// (both would give out the same etags). `clock` should be the one that decides about expiry in `base`.
[[nodiscard]] std::unique_ptr<Store> make_overlay_store(Store& base, Clock& clock,
                                                        std::span<const KindDeclaration> kinds = engine_kinds());

} // namespace castiel_sync

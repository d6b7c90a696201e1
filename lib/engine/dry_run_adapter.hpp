// An adapter that reads through and writes nowhere: previews run the real engine against it.
#pragma once

#include <castiel_sync/adapter.hpp>

#include <memory>

namespace castiel_sync {

// Pushes are answered as applied and remembered, so that a later fetch in the same preview sees them.
[[nodiscard]] std::unique_ptr<Adapter> make_dry_run_adapter(std::unique_ptr<Adapter> adapter);

} // namespace castiel_sync

// Several requests at once, and no more than so many.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/runtime.hpp>

#include <cstddef>
#include <functional>

namespace castiel_sync {

// Calls work(0) … work(count - 1), at most `width` at a time, in this order; completes when all have. `work` is kept by
// the caller until then. Cancellation reaches every call under way, and no further one begins. What one throws is
// thrown when all have ended.
Async<void> in_parallel(Runtime runtime, std::size_t count, std::size_t width,
                        const std::function<Async<void>(std::size_t)>& work);

} // namespace castiel_sync

// A store whose faults are told to the log: its path, its disk and its broker are no client's business.
#pragma once

#include <castiel_sync/observer.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/store.hpp>

#include <functional>
#include <memory>
#include <string_view>

namespace castiel_sync::service {

// Passes every call on. Of an error that is the store's own fault (unavailable, out_of_space, unknown_outcome,
// corrupted, internal, and invalid_configuration, which becomes unavailable: no request can mend it) only the class
// remains; `log` gets what it said, at most once in ten seconds for each class.
// Threading: as `inner`, which is borrowed, as the clock is.
[[nodiscard]] std::unique_ptr<Store> make_discreet_store(
    Store& inner, Clock& clock, std::function<void(LogLevel, std::string_view, const json::object&)> log);

} // namespace castiel_sync::service

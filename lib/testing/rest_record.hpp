// How a SimulatedRestServer writes records. Private to lib/testing.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/json.hpp>

#include <string>

namespace castiel_sync::testing {

// "broken" for a row that can't be read.
[[nodiscard]] json::value rest_record(const FetchedRecord& fetched);
[[nodiscard]] json::value rest_id(const std::string& id, bool integer);

} // namespace castiel_sync::testing

// Exact arithmetic on JSON numbers, by their shortest decimal form. Pure.
#pragma once

#include <castiel_sync/json.hpp>

#include <optional>

namespace castiel_sync {

// source + target - base, exactly; nullopt when one is not a number or the result can't be carried exactly.
[[nodiscard]] std::optional<json::value> add_exactly(const json::value& source, const json::value& target,
                                                     const json::value& base);

// -1, 0 or 1 by value; both must be numbers.
[[nodiscard]] int compare_numbers(const json::value& left, const json::value& right);

} // namespace castiel_sync

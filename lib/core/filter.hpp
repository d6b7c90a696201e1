// Filters: reading them from JSON and checking them. `matches` is in mapping.hpp. Pure.
#pragma once

#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

[[nodiscard]] std::string_view to_string(Filter::Operator op) noexcept;
[[nodiscard]] std::optional<Filter::Operator> parse_filter_operator(std::string_view text) noexcept;

// Value shapes and paths; `path` leads to the list of filters.
void check_filters(const std::vector<Filter>& filters, const std::string& path,
                   std::vector<ConfigurationFault>& faults);

} // namespace castiel_sync

// Wall-clock points in time, with the millisecond grain of the platform's wire format.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {

using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

// ISO-8601 in UTC with milliseconds: 2026-11-23T06:02:11.042Z.
[[nodiscard]] std::string to_string(Timestamp time);

// Strict ISO-8601 date-time with `Z` or a numeric offset; the fraction is optional and cut to milliseconds.
// A date-time without zone, or a day that does not exist, is nullopt.
[[nodiscard]] std::optional<Timestamp> parse_timestamp(std::string_view text);

} // namespace castiel_sync

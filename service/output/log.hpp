// The log, on standard error: one JSON object per line, or lines for people.
#pragma once

#include <castiel_sync/json.hpp>
#include <castiel_sync/observer.hpp>

#include <string_view>

namespace castiel_sync::service {

enum class LogFormat { human, json };

// Process-wide, like standard error itself; called once, before the first line. Below `least` nothing is written.
void start_log(LogFormat format, LogLevel least);

// From the next line on.
void set_log_level(LogLevel least);
[[nodiscard]] bool would_log(LogLevel level);

void log(LogLevel level, std::string_view message, const json::object& fields = {});

} // namespace castiel_sync::service

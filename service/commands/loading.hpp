// From the command line to a configuration and to the level of the log: at the start, and at every reload of serve.
#pragma once

#include "arguments.hpp"
#include "configuration/configuration.hpp"

#include <optional>

namespace castiel_sync::service {

[[nodiscard]] LoadRequest load_request(const CommonArguments& common);

// Faults as errors and notices as warnings, each with its place.
void report(const LoadedConfiguration& loaded);
// One line each, with file, line and key.
void report_faults(const std::vector<Fault>& faults, LogLevel level);

// LOG_LEVEL before --quiet before what a file says.
[[nodiscard]] LogLevel least_log_level(const CommonArguments& common, std::optional<LogLevel> configured);
[[nodiscard]] bool logs_json(const CommonArguments& common);

} // namespace castiel_sync::service

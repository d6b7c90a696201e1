#include "loading.hpp"

#include "output/log.hpp"
#include "session.hpp"

namespace castiel_sync::service {

void report_faults(const std::vector<Fault>& faults, LogLevel level) {
    for (const Fault& fault : faults)
        log(level, to_string(fault),
            {{"source", fault.place.source}, {"line", fault.place.line}, {"keyPath", fault.path}});
}

LoadRequest load_request(const CommonArguments& common) {
    LoadRequest request;
    request.files = common.config_files;
    request.environment = process_environment();
    request.adapters = adapter_descriptions();
    return request;
}

void report(const LoadedConfiguration& loaded) {
    report_faults(loaded.notices, LogLevel::warning);
    report_faults(loaded.faults, LogLevel::error);
}

bool logs_json(const CommonArguments& common) { return common.json || process_environment()("LOG_FORMAT") == "json"; }

LogLevel least_log_level(const CommonArguments& common, std::optional<LogLevel> configured) {
    const bool in_environment = !process_environment()("LOG_LEVEL").value_or("").empty();
    if (common.quiet && !in_environment) return LogLevel::error;
    if (configured) return *configured;
    // People see what happened in the summary; a machine reads the log for it.
    return logs_json(common) ? LogLevel::info : LogLevel::warning;
}

} // namespace castiel_sync::service

#include "invoke.hpp"

#include "commands.hpp"

#include "output/log.hpp"
#include "output/text.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <utility>

namespace castiel_sync::service {
namespace {

LogLevel log_level(const CommonArguments& common, LogFormat format) {
    const auto wanted = process_environment()("LOG_LEVEL").value_or("");
    if (wanted == "debug") return LogLevel::debug;
    if (wanted == "info") return LogLevel::info;
    if (wanted == "warning") return LogLevel::warning;
    if (wanted == "error" || common.quiet) return LogLevel::error;
    // People see what happened in the summary; a machine reads the log for it.
    return format == LogFormat::json ? LogLevel::info : LogLevel::warning;
}

void report_faults(const std::vector<Fault>& faults, LogLevel level) {
    for (const Fault& fault : faults)
        log(level, to_string(fault),
            {{"source", fault.place.source}, {"line", fault.place.line}, {"keyPath", fault.path}});
}

ExitCode print_version(Console& console) {
    if (console.json())
        console.print_json({{"name", "castiel-sync"}, {"version", CASTIEL_SYNC_VERSION}});
    else
        console.print_line("castiel-sync " CASTIEL_SYNC_VERSION);
    return ExitCode::done;
}

ExitCode run_command(Invocation invocation, Console& console) {
    LoadRequest request;
    request.files = invocation.common.config_files;
    request.environment = process_environment();
    request.adapters = adapter_descriptions();
    LoadedConfiguration loaded = load_configuration(request);
    report_faults(loaded.notices, LogLevel::warning);
    report_faults(loaded.faults, LogLevel::error);
    if (!loaded.configuration) {
        console.log(LogLevel::error,
                    "the configuration has " + counted(loaded.faults.size(), "fault") + "; nothing was done");
        return ExitCode::usage;
    }
    Session session(std::move(*loaded.configuration), invocation.common, console);
    auto command = std::visit(
        [&](auto& arguments) -> Async<ExitCode> {
            if constexpr (std::is_same_v<std::decay_t<decltype(arguments)>, VersionArguments>)
                return Async<ExitCode>();
            else
                return execute(session, std::move(arguments));
        },
        invocation.command);
    return session.drive(std::move(command));
}

} // namespace

ExitCode invoke(int count, const char* const* arguments) {
    ParsedArguments parsed = parse_arguments(count, arguments);
    if (!parsed.valid) {
        std::fputs(parsed.text.c_str(), parsed.exit_code == 0 ? stdout : stderr);
        return static_cast<ExitCode>(parsed.exit_code);
    }
    // A reader that goes away must not kill a run between two steps; finish() reports it.
    std::signal(SIGPIPE, SIG_IGN);
    const CommonArguments& common = parsed.invocation.common;
    const bool json_log = common.json || process_environment()("LOG_FORMAT") == "json";
    const LogFormat format = json_log ? LogFormat::json : LogFormat::human;
    start_log(format, log_level(common, format));
    Console console(common.json, common.quiet);
    ExitCode code = ExitCode::failed;
    try {
        code = std::holds_alternative<VersionArguments>(parsed.invocation.command)
                   ? print_version(console)
                   : run_command(std::move(parsed.invocation), console);
    } catch (const std::exception& error) {
        console.log(LogLevel::error, std::string("internal error: ") + error.what());
    }
    return console.finish() ? code : graver(code, ExitCode::failed);
}

} // namespace castiel_sync::service

#include "invoke.hpp"

#include "commands.hpp"
#include "hangups.hpp"
#include "loading.hpp"

#include "output/log.hpp"
#include "output/text.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <utility>

namespace castiel_sync::service {
namespace {

ExitCode print_version(Console& console) {
    if (console.json())
        console.print_json({{"name", "castiel-sync"}, {"version", CASTIEL_SYNC_VERSION}});
    else
        console.print_line("castiel-sync " CASTIEL_SYNC_VERSION);
    return ExitCode::done;
}

ExitCode run_command(Invocation invocation, Console& console) {
    LoadedConfiguration loaded = load_configuration(load_request(invocation.common));
    if (loaded.configuration) set_log_level(least_log_level(invocation.common, loaded.configuration->log_level));
    report(loaded);
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
    // To serve, a hang-up says that its configuration has changed.
    if (std::holds_alternative<ServeArguments>(parsed.invocation.command)) mask_hangups(SIG_BLOCK);
    start_log(logs_json(common) ? LogFormat::json : LogFormat::human, least_log_level(common, std::nullopt));
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

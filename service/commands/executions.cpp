#include "listing.hpp"

#include "output/text.hpp"

#include <fmt/format.h>

namespace castiel_sync::service {
namespace {

std::string duration(const Execution& execution) {
    if (!execution.completed_at) return "";
    return fmt::format("{:.1f} s",
                       std::chrono::duration<double>(*execution.completed_at - execution.started_at).count());
}

void print_execution(Console& console, const Execution& execution) {
    const SyncCounters& counters = execution.counters;
    const auto line = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) console.print_line(fmt::format("{:13} {}", name, printable(value)));
    };
    line("execution", execution.execution_id);
    line("task", execution.task_id);
    line("integration", execution.integration_id);
    line("entity", execution.entity_type);
    line("direction", to_string(execution.direction));
    line("trigger", to_string(execution.trigger));
    line("status", std::string(to_string(execution.status)) + (execution.has_more ? ", more is pending" : ""));
    line("started", shown(execution.started_at));
    line("took", duration(execution));
    line("records",
         fmt::format("{} read; {} created, {} updated, {} deleted, {} unchanged, {} parked", counters.processed,
                     counters.created, counters.updated, counters.deleted, counters.skipped, counters.failed));
    line("conflicts", fmt::to_string(counters.conflicts));
    if (execution.error) line("error", execution.error->message);
}

} // namespace

Async<ExitCode> execute(Session& session, ExecutionsListArguments arguments) {
    auto executions = co_await collect<Execution>(session, arguments, &Engine::list_executions);
    if (!executions) co_return fail(session, executions.error());
    if (print_as_json(session, executions->items)) co_return ExitCode::done;
    Table table({"id", "started", "took", "entity", "direction", "status", "records", "created", "updated", "deleted",
                 "parked", "conflicts"});
    for (const std::size_t column : {6, 7, 8, 9, 10, 11})
        table.align_right(column);
    for (const Execution& each : executions->items)
        table.add({short_id(each.execution_id), shown(each.started_at), duration(each), each.entity_type,
                   std::string(to_string(each.direction)), std::string(to_string(each.status)),
                   fmt::to_string(each.counters.processed), fmt::to_string(each.counters.created),
                   fmt::to_string(each.counters.updated), fmt::to_string(each.counters.deleted),
                   fmt::to_string(each.counters.failed), fmt::to_string(each.counters.conflicts)});
    print_table(session, table, "No executions.", executions->more);
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, ExecutionsShowArguments arguments) {
    auto opened = open_for_tenant(session);
    if (!opened) co_return fail(session, opened.error());
    auto id = co_await find_id<Execution>(session, *opened, arguments.id, "execution", &Engine::list_executions,
                                          &Execution::execution_id);
    if (!id) co_return fail(session, id.error());
    auto execution = co_await session.engine().find_execution(*opened, *id);
    if (!execution) co_return fail(session, execution.error());
    if (session.console().json())
        session.console().print_json(to_json_object(*execution));
    else
        print_execution(session.console(), *execution);
    co_return ExitCode::done;
}

} // namespace castiel_sync::service

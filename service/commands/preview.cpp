// preview: the plan of a run, record by record. Nothing is written, also no store where there is none yet.
#include "commands.hpp"

#include "output/text.hpp"

#include <fmt/format.h>

#include <limits>
#include <map>

namespace castiel_sync::service {
namespace {

std::string field_line(const PlannedField& field) {
    // What a record of one side becomes is what people look for; the base tells who changed it.
    std::string line = fmt::format("  {}: source {}, target {}", field.field, shown(field.source), shown(field.target));
    if (field.base) line += ", base " + shown(field.base);
    if (field.result) line += " → " + shown(field.result);
    return printable(line);
}

class PlanPrinter : public Observer {
public:
    PlanPrinter(Console& console, bool all) : console_(console), all_(all) {}

    void on_planned(const PlannedRecord& planned) override {
        if (console_.json()) return console_.print_json(to_json_object(planned));
        ++counts_[planned.entity_type][planned.action];
        if (console_.quiet() || (planned.action == "skip" && !all_)) return;
        std::string line = fmt::format("{:8} {}", planned.action, planned.entity_type);
        if (!planned.source_id.empty()) line += " " + planned.source_id;
        if (!planned.shard_id.empty()) line += " ↔ " + planned.shard_id;
        if (!planned.reason.empty()) line += "  (" + planned.reason + ")";
        console_.print_line(printable(line));
        for (const PlannedField& field : planned.fields)
            console_.print_line(field_line(field));
    }

    void summarize() {
        if (console_.json() || console_.quiet()) return;
        for (const auto& [entity, actions] : counts_) {
            std::string line = entity + ":";
            for (const auto& [action, count] : actions)
                line += fmt::format(" {} {}", count, action);
            console_.print_line(printable(line));
        }
        if (counts_.empty()) console_.print_line("Nothing to do.");
    }

private:
    Console& console_;
    bool all_;
    std::map<std::string, std::map<std::string, std::size_t>> counts_; // by entity, by action
};

} // namespace

Async<ExitCode> execute(Session& session, PreviewArguments arguments) {
    auto integrations = session.integrations(arguments.sync.integration);
    if (!integrations) co_return fail(session, integrations.error());
    if (auto opened = session.open_store(Session::Missing::pretend); !opened) co_return fail(session, opened.error());
    // The plan of the whole run, not of its first execution.
    session.limits().max_records_per_sync = std::numeric_limits<std::int64_t>::max();
    PlanPrinter plan(session.console(), arguments.all);
    ExitCode code = ExitCode::done;
    for (const Integration& integration : *integrations) {
        SyncRequest request;
        request.tenant_id = integration.tenant_id;
        request.integration_id = integration.id;
        request.direction = parse_direction(arguments.sync.direction);
        request.entity = arguments.sync.entity;
        auto executions = co_await session.engine().preview(std::move(request), plan);
        if (!executions) {
            code = graver(code, fail(session, executions.error()));
            continue;
        }
        for (const Execution& execution : *executions)
            if (execution.error) code = graver(code, fail(session, *execution.error));
        if (session.stop_requested()) break;
    }
    plan.summarize();
    co_return code;
}

} // namespace castiel_sync::service

// preview: the plan of a run, record by record. Nothing is written, also no store where there is none yet.
#include "commands.hpp"

#include "output/text.hpp"

#include <fmt/format.h>

#include <limits>
#include <map>

namespace castiel_sync::service {
namespace {

bool same(const std::optional<json::value>& left, const std::optional<json::value>& right) {
    return left && right ? equal_values(*left, *right) : left.has_value() == right.has_value();
}

// What changes, seen from the side that changes; "" when neither does.
std::string field_line(const PlannedRecord& planned, const PlannedField& field) {
    if (planned.action == "conflict" && !field.result)
        return fmt::format("  {}: source {}, shard {}, last agreed on {}", field.field, shown(field.source),
                           shown(field.target), shown(field.base));
    if (planned.action == "create") return fmt::format("  {}: {}", field.field, shown(field.result));
    std::string line;
    if (!same(field.source, field.result))
        line = fmt::format("source {} → {}", shown(field.source), shown(field.result));
    if (!same(field.target, field.result))
        line += fmt::format("{}shard {} → {}", line.empty() ? "" : ", ", shown(field.target), shown(field.result));
    return line.empty() ? line : fmt::format("  {}: {}", field.field, line);
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
            if (const std::string changes = field_line(planned, field); !changes.empty())
                console_.print_line(printable(changes));
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
    auto integrations = session.integrations(arguments.sync.integration, arguments.sync.entity);
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
        for (const Execution& execution : *executions) {
            if (execution.error) code = graver(code, fail(session, *execution.error));
            if (execution.has_more)
                session.console().log(LogLevel::warning,
                                      execution.entity_type + ": the plan ends at the integration's maxRecordsPerSync");
        }
        if (session.stop_requested()) break;
    }
    plan.summarize();
    co_return code;
}

} // namespace castiel_sync::service

#include "listing.hpp"

#include "output/text.hpp"

#include <fmt/format.h>

namespace castiel_sync::service {
namespace {

std::string record_of(const Conflict& conflict) {
    if (conflict.source_id.empty() && conflict.target_id.empty())
        return fmt::format("{} records", conflict.candidates.size());
    if (conflict.target_id.empty()) return conflict.source_id;
    return conflict.source_id.empty() ? conflict.target_id : conflict.source_id + " ↔ " + short_id(conflict.target_id);
}

std::string fields_of(const Conflict& conflict) {
    std::string names;
    for (const ConflictField& field : conflict.fields)
        names.append(names.empty() ? "" : ", ") += field.field;
    return names;
}

// Both sides beside each other. A deletion has no fields; then the survivor's are shown.
Table side_by_side(const Conflict& conflict) {
    const bool decided = conflict.state == ConflictState::resolved || conflict.state == ConflictState::auto_resolved;
    std::vector<std::string> heading{"field", "base", "source", "target"};
    if (decided) heading.emplace_back("result");
    if (conflict.state == ConflictState::auto_resolved) heading.emplace_back("decided by");
    Table table(std::move(heading), 60);
    for (const ConflictField& field : conflict.fields)
        table.add({field.field, shown(field.base), shown(field.source), shown(field.target), shown(field.result),
                   field.rule});
    if (!conflict.fields.empty()) return table;
    const json::object& present = conflict.source_data.empty() ? conflict.target_data : conflict.source_data;
    const auto value_in = [](const json::object& data, std::string_view name) {
        const json::value* value = data.if_contains(name);
        return value == nullptr ? std::string("–") : to_json(*value);
    };
    for (const auto& field : present)
        table.add({std::string(field.key()), value_in(conflict.base_data, field.key()),
                   value_in(conflict.source_data, field.key()), value_in(conflict.target_data, field.key())});
    return table;
}

std::string side_state(const json::object& data, const std::string& id, std::string_view noun) {
    if (id.empty()) return fmt::format("no {}", noun);
    return fmt::format("{} {}{}", noun, id, data.empty() ? " (deleted)" : "");
}

void print_conflict(Session& session, const Conflict& conflict) {
    Console& console = session.console();
    const auto line = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) console.print_line(fmt::format("{:9} {}", name, printable(value)));
    };
    line("conflict", conflict.conflict_id);
    line("what", fmt::format("{}, {}", to_string(conflict.type), to_string(conflict.state)));
    line("entity", conflict.entity_type);
    if (conflict.candidates.empty()) {
        line("source", side_state(conflict.source_data, conflict.source_id, "record"));
        line("target", side_state(conflict.target_data, conflict.target_id, "shard"));
    }
    for (const std::string& candidate : conflict.candidates)
        line("candidate", candidate);
    line("since", shown(conflict.created_at));
    if (conflict.resolved_at) line("resolved", shown(*conflict.resolved_at) + " by " + conflict.resolved_by);
    line("note", conflict.note);
    const Table table = side_by_side(conflict);
    if (!table.empty()) console.print("\n" + table.text());
    if (conflict.state != ConflictState::open) return;
    const std::string resolve = session.hint("conflicts resolve " + short_id(conflict.conflict_id));
    if (conflict.type == ConflictType::ambiguous_match)
        return console.tell("\nResolve: " + resolve + " --link SOURCE TARGET, or --separate");
    console.tell("\nResolve: " + resolve + " --source, or --target" +
                 (conflict.fields.empty() ? "" : ", or --value " + printable(conflict.fields.front().field) + "=…"));
}

Async<Result<std::string>> find_conflict_id(Session& session, std::string tenant, std::string typed) {
    co_return co_await find_id<Conflict>(session, std::move(tenant), std::move(typed), "conflict",
                                         &Engine::list_conflicts, &Conflict::conflict_id);
}

Result<ConflictResolution> read_resolution(const ConflictsResolveArguments& arguments) {
    ConflictResolution resolution;
    resolution.note = arguments.note;
    resolution.actor = arguments.actor;
    if (arguments.source) {
        resolution.choice = ConflictResolution::Choice::source;
    } else if (arguments.target) {
        resolution.choice = ConflictResolution::Choice::target;
    } else if (arguments.separate) {
        resolution.choice = ConflictResolution::Choice::separate;
    } else if (!arguments.link.empty()) {
        resolution.choice = ConflictResolution::Choice::link;
        resolution.source_id = arguments.link.at(0);
        resolution.target_id = arguments.link.at(1);
    } else {
        resolution.choice = ConflictResolution::Choice::values;
        auto values = parse_assignments(arguments.values);
        if (!values) return values.error();
        resolution.values = std::move(*values);
    }
    return resolution;
}

ExitCode answer(Session& session, const Result<Conflict>& conflict) {
    if (!conflict) return fail(session, conflict.error());
    if (session.console().json())
        session.console().print_json(to_json_object(*conflict));
    else
        session.console().tell("The conflict " + short_id(conflict->conflict_id) + " is " +
                               std::string(to_string(conflict->state)) + ".");
    return ExitCode::done;
}

} // namespace

Async<ExitCode> execute(Session& session, ConflictsListArguments arguments) {
    const bool known = arguments.state == "all" || parse_conflict_state(arguments.state).has_value();
    if (!known) {
        const Error error(ErrorCode::invalid_request,
                          "--state must be open, auto_resolved, resolved, superseded, ignored or all");
        co_return fail(session, error);
    }
    auto conflicts = co_await collect<Conflict>(session, arguments, &Engine::list_conflicts);
    if (!conflicts) co_return fail(session, conflicts.error());
    if (print_as_json(session, conflicts->items)) co_return ExitCode::done;
    Table table({"id", "since", "entity", "record", "type", "state", "fields"});
    for (const Conflict& each : conflicts->items)
        table.add({short_id(each.conflict_id), shown(each.created_at), each.entity_type, record_of(each),
                   std::string(to_string(each.type)), std::string(to_string(each.state)), fields_of(each)});
    print_table(session, table, arguments.state == "open" ? "No open conflicts." : "No conflicts.", conflicts->more);
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, ConflictsShowArguments arguments) {
    auto tenant = open_for_tenant(session);
    if (!tenant) co_return fail(session, tenant.error());
    auto id = co_await find_conflict_id(session, *tenant, arguments.id);
    if (!id) co_return fail(session, id.error());
    auto conflict = co_await session.engine().find_conflict(*tenant, *id);
    if (!conflict) co_return fail(session, conflict.error());
    if (session.console().json())
        session.console().print_json(to_json_object(*conflict));
    else
        print_conflict(session, *conflict);
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, ConflictsResolveArguments arguments) {
    auto resolution = read_resolution(arguments);
    if (!resolution) co_return fail(session, resolution.error());
    auto tenant = open_for_tenant(session);
    if (!tenant) co_return fail(session, tenant.error());
    auto id = co_await find_conflict_id(session, *tenant, arguments.id);
    if (!id) co_return fail(session, id.error());
    auto conflict = co_await session.engine().resolve_conflict(*tenant, *id, std::move(*resolution));
    if (!conflict && conflict.error().code == ErrorCode::stale)
        session.console().log(LogLevel::warning,
                              "a side moved since; look again: " + session.hint("conflicts show " + short_id(*id)));
    co_return answer(session, conflict);
}

Async<ExitCode> execute(Session& session, ConflictsIgnoreArguments arguments) {
    auto tenant = open_for_tenant(session);
    if (!tenant) co_return fail(session, tenant.error());
    auto id = co_await find_conflict_id(session, *tenant, arguments.id);
    if (!id) co_return fail(session, id.error());
    auto conflict = co_await session.engine().ignore_conflict(*tenant, *id, arguments.actor);
    co_return answer(session, conflict);
}

} // namespace castiel_sync::service

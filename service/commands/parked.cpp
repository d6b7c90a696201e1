#include "listing.hpp"

#include "output/text.hpp"

namespace castiel_sync::service {
namespace {

Async<Result<std::string>> find_parked_id(Session& session, std::string tenant, std::string typed) {
    co_return co_await find_id<ParkedRecord>(session, std::move(tenant), std::move(typed), "parked record",
                                             &Engine::list_parked, &ParkedRecord::parked_id);
}

// What a retry came to: gone from the list, or still parked and why.
ExitCode report_retry(Session& session, const std::string& id, const std::optional<ParkedRecord>& still) {
    if (session.console().json()) {
        json::object line{{"parkedId", id}, {"parked", still.has_value()}};
        if (still) line["record"] = to_json_object(*still);
        session.console().print_json(line);
    } else if (!still) {
        session.console().tell(short_id(id) + " went through.");
    } else {
        session.console().tell(short_id(id) + " is still parked: " + printable(still->reason.message));
    }
    return still ? ExitCode::waiting : ExitCode::done;
}

} // namespace

Async<ExitCode> execute(Session& session, ParkedListArguments arguments) {
    auto parked = co_await collect<ParkedRecord>(session, arguments, &Engine::list_parked);
    if (!parked) co_return fail(session, parked.error());
    if (print_as_json(session, parked->items)) co_return ExitCode::done;
    Table table({"id", "since", "entity", "side", "record", "place", "why"}, 100);
    for (const ParkedRecord& each : parked->items)
        table.add({short_id(each.parked_id), shown(each.parked_at), each.entity_type, std::string(to_string(each.side)),
                   each.record_id, each.place, (each.discarded ? "set aside: " : "") + each.reason.message});
    print_table(session, table, "No parked records.", parked->more);
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, ParkedRetryArguments arguments) {
    auto values = parse_assignments(arguments.values);
    if (!values) co_return fail(session, values.error());
    if (!values->empty() && arguments.ids.size() > 1) {
        const Error error(ErrorCode::invalid_request, "--value goes with one record");
        co_return fail(session, error);
    }
    auto tenant = open_for_tenant(session);
    if (!tenant) co_return fail(session, tenant.error());
    ExitCode code = ExitCode::done;
    for (const std::string& typed : arguments.ids) {
        auto id = co_await find_parked_id(session, *tenant, typed);
        if (!id) {
            code = graver(code, fail(session, id.error()));
            continue;
        }
        json::object chosen = *values;
        auto still = co_await session.engine().retry_parked(*tenant, *id, std::move(chosen));
        code = graver(code, still ? report_retry(session, *id, *still) : fail(session, still.error()));
    }
    co_return code;
}

Async<ExitCode> execute(Session& session, ParkedDiscardArguments arguments) {
    auto tenant = open_for_tenant(session);
    if (!tenant) co_return fail(session, tenant.error());
    ExitCode code = ExitCode::done;
    for (const std::string& typed : arguments.ids) {
        auto id = co_await find_parked_id(session, *tenant, typed);
        if (!id) {
            code = graver(code, fail(session, id.error()));
            continue;
        }
        auto discarded = co_await session.engine().discard_parked(*tenant, *id);
        if (!discarded)
            code = graver(code, fail(session, discarded.error()));
        else
            session.console().tell(short_id(*id) + " is set aside until it changes.");
    }
    co_return code;
}

} // namespace castiel_sync::service

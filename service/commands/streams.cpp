// streams and their latches.
#include "listing.hpp"

#include "output/text.hpp"

#include <fmt/format.h>

namespace castiel_sync::service {
namespace {

std::string state_of(const StreamSummary& stream) {
    if (stream.latch) return "held by " + std::string(to_string(stream.latch->rail));
    if (stream.paused) return "paused";
    if (stream.running) return "running";
    return stream.caught_up ? "caught up" : "more is pending";
}

// By id, by the beginning of it, or by the entity's name where only one stream has it.
Result<std::string> choose_stream(const std::vector<StreamSummary>& streams, const std::string& typed) {
    std::vector<std::string> ids;
    std::vector<std::string> of_entity;
    for (const StreamSummary& stream : streams) {
        ids.push_back(stream.stream_id);
        if (stream.entity_type == typed) of_entity.push_back(stream.stream_id);
    }
    if (of_entity.size() == 1) return of_entity.front();
    if (of_entity.size() > 1)
        return Error(ErrorCode::invalid_request, "several streams sync " + typed + "; give an id of `streams list`");
    return choose_id(ids, typed, "stream");
}

} // namespace

Async<ExitCode> execute(Session& session, StreamsListArguments) {
    auto tenant = open_for_tenant(session);
    if (!tenant) co_return fail(session, tenant.error());
    auto streams = co_await session.engine().list_streams(*tenant);
    if (!streams) co_return fail(session, streams.error());
    if (print_as_json(session, *streams)) co_return ExitCode::done;
    Table table({"id", "entity", "shard type", "links", "conflicts", "parked", "last run", "state"});
    for (const std::size_t column : {3, 4, 5})
        table.align_right(column);
    for (const StreamSummary& each : *streams)
        table.add({short_id(each.stream_id), each.entity_type, each.shard_type_id, fmt::to_string(each.links),
                   fmt::to_string(each.open_conflicts), fmt::to_string(each.parked),
                   each.last_run_at ? shown(*each.last_run_at) : "never", state_of(each)});
    print_table(session, table, "No streams: nothing was synced yet.", false);
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, StreamsSetArguments arguments) {
    auto tenant = open_for_tenant(session);
    if (!tenant) co_return fail(session, tenant.error());
    auto streams = co_await session.engine().list_streams(*tenant);
    if (!streams) co_return fail(session, streams.error());
    auto id = choose_stream(*streams, arguments.id);
    if (!id) co_return fail(session, id.error());
    Result<> done;
    std::string_view told;
    switch (arguments.action) {
    case StreamsSetArguments::Action::pause:
        done = co_await session.engine().pause_stream(*tenant, *id);
        told = "is paused.";
        break;
    case StreamsSetArguments::Action::resume:
        done = co_await session.engine().resume_stream(*tenant, *id);
        told = "goes on with the next run.";
        break;
    case StreamsSetArguments::Action::reset:
        done = co_await session.engine().reset_stream(*tenant, *id);
        told = "reads both sides from the beginning in the next run.";
        break;
    }
    if (!done) co_return fail(session, done.error());
    session.console().tell(fmt::format("The stream {} {}", short_id(*id), told));
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, LatchesListArguments) {
    auto tenant = open_for_tenant(session);
    if (!tenant) co_return fail(session, tenant.error());
    auto streams = co_await session.engine().list_streams(*tenant);
    if (!streams) co_return fail(session, streams.error());
    std::vector<Latch> latches;
    for (StreamSummary& stream : *streams)
        if (stream.latch) latches.push_back(std::move(*stream.latch));
    if (print_as_json(session, latches)) co_return ExitCode::done;
    Table table({"id", "since", "entity", "rail", "would write", "why", "for example"}, 80);
    for (const Latch& each : latches) {
        std::string examples;
        for (const std::string& example : each.examples)
            examples.append(examples.empty() ? "" : ", ") += example;
        table.add({short_id(each.latch_id), shown(each.tripped_at), each.entity_type, std::string(to_string(each.rail)),
                   each.flow == Side::source ? "the source" : "the shards", each.reason, examples});
    }
    print_table(session, table, "No latches: no safety rail holds a stream.", false);
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, LatchesDecideArguments arguments) {
    auto tenant = open_for_tenant(session);
    if (!tenant) co_return fail(session, tenant.error());
    auto streams = co_await session.engine().list_streams(*tenant);
    if (!streams) co_return fail(session, streams.error());
    std::vector<std::string> ids;
    for (const StreamSummary& stream : *streams)
        if (stream.latch) ids.push_back(stream.latch->latch_id);
    auto id = choose_id(ids, arguments.id, "latch");
    if (!id) co_return fail(session, id.error());
    Result<> done;
    if (arguments.approve)
        done = co_await session.engine().approve_latch(*tenant, *id, arguments.actor);
    else
        done = co_await session.engine().reject_latch(*tenant, *id, arguments.actor);
    if (!done) co_return fail(session, done.error());
    session.console().tell(arguments.approve ? "Approved: the next run does what was held back." : "Rejected.");
    co_return ExitCode::done;
}

} // namespace castiel_sync::service

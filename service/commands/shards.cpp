// shards list|get|put|delete: the local shards, one at a time.
#include "shard_documents.hpp"

#include "commands.hpp"

#include "output/text.hpp"

#include <castiel_sync/adapters/local_shards.hpp>

#include <algorithm>

namespace castiel_sync::service {
namespace {

// Opens the store and finds the tenant; the shards live until the command ends.
Result<LocalShards> open_shards(Session& session, Session::Missing when_missing) {
    auto tenant = session.tenant();
    if (!tenant) return tenant.error();
    if (auto opened = session.open_store(when_missing); !opened) return opened.error();
    return LocalShards(session.runtime(), session.store(), std::move(*tenant));
}

Error no_shard(const std::string& type, const std::string& id) {
    return Error(ErrorCode::not_found, "there is no shard " + id + " of the type " + type);
}

} // namespace

Async<ExitCode> execute(Session& session, ShardsListArguments arguments) {
    auto shards = open_shards(session, Session::Missing::refuse);
    if (!shards) co_return fail(session, shards.error());
    Console& console = session.console();
    Table table({"id", "revision", "updated", "data"}, 80);
    std::string continuation;
    std::size_t count = 0;
    do {
        auto page =
            co_await shards->list(arguments.type, std::min<std::size_t>(arguments.limit - count, 500), continuation);
        if (!page) co_return fail(session, page.error());
        for (const Shard& shard : page->items) {
            if (console.json())
                console.print_json(to_json_object(shard));
            else
                table.add({shard.id, std::to_string(shard.revision), shown(shard.updated_at),
                           to_json(shard.structured_data)});
            ++count;
        }
        continuation = std::move(page->continuation);
    } while (!continuation.empty() && count < arguments.limit);
    if (!table.empty()) console.print(table.text());
    if (count == 0) console.tell("No shards of the type " + printable(arguments.type) + ".");
    if (!continuation.empty()) console.tell("There are more; see --limit and `shards export`.");
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, ShardsGetArguments arguments) {
    auto shards = open_shards(session, Session::Missing::refuse);
    if (!shards) co_return fail(session, shards.error());
    auto shard = co_await shards->get(arguments.type, arguments.id);
    if (!shard) co_return fail(session, shard.error());
    if (!*shard || (*shard)->status == "deleted") co_return fail(session, no_shard(arguments.type, arguments.id));
    session.console().print_json(to_json_object(**shard));
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, ShardsPutArguments arguments) {
    auto shards = open_shards(session, Session::Missing::create);
    if (!shards) co_return fail(session, shards.error());
    auto assignments = parse_assignments(arguments.assignments);
    if (!assignments) co_return fail(session, assignments.error());
    auto tenant = session.tenant();
    if (!tenant) co_return fail(session, tenant.error());
    Shard shard;
    std::string expected_etag;
    if (!arguments.file.empty()) {
        auto read = read_shard_file(arguments.file, arguments.type, arguments.id, *tenant);
        if (!read) co_return fail(session, read.error());
        shard = std::move(*read);
    } else if (assignments->empty() || arguments.type.empty()) {
        const Error error(ErrorCode::invalid_request,
                          "give --file FILE, or --type T with one --set PATH=VALUE or more");
        co_return fail(session, error);
    } else {
        shard.id = arguments.id;
        shard.shard_type_id = arguments.type;
        if (!arguments.id.empty()) {
            auto present = co_await shards->get(arguments.type, arguments.id);
            if (!present) co_return fail(session, present.error());
            if (!*present || (*present)->status == "deleted")
                co_return fail(session, no_shard(arguments.type, arguments.id));
            shard = std::move(**present);
            expected_etag = shard.etag;
        }
        for (auto& assignment : *assignments) {
            auto set = assign(shard.structured_data, assignment.key(), std::move(assignment.value()));
            if (!set) co_return fail(session, set.error());
        }
    }
    auto written = co_await shards->put(std::move(shard), std::move(expected_etag));
    if (!written) co_return fail(session, written.error());
    session.console().print_json(to_json_object(*written));
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, ShardsDeleteArguments arguments) {
    auto shards = open_shards(session, Session::Missing::refuse);
    if (!shards) co_return fail(session, shards.error());
    auto removed = co_await shards->remove(arguments.type, arguments.id, "");
    if (!removed) co_return fail(session, removed.error());
    if (!*removed) co_return fail(session, no_shard(arguments.type, arguments.id));
    session.console().tell("Deleted " + printable(arguments.id) + ".");
    co_return ExitCode::done;
}

Async<ExitCode> execute(Session& session, ShardsExportArguments arguments) {
    auto shards = open_shards(session, Session::Missing::refuse);
    if (!shards) co_return fail(session, shards.error());
    co_return co_await export_shards(session, *shards, std::move(arguments));
}

Async<ExitCode> execute(Session& session, ShardsImportArguments arguments) {
    auto shards = open_shards(session, Session::Missing::create);
    if (!shards) co_return fail(session, shards.error());
    co_return co_await import_shards(session, *shards, std::move(arguments));
}

} // namespace castiel_sync::service

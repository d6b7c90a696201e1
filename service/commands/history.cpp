#include "listing.hpp"

#include "output/text.hpp"

#include <fmt/format.h>

namespace castiel_sync::service {
namespace {

// "updated the shard": what happened, seen from the side that was written.
std::string deed(const JournalEntry& entry) {
    const std::string_view side = entry.written == Side::source ? "the source record" : "the shard";
    if (entry.action == "linked" || entry.action == "unlinked")
        return fmt::format("{} {} and {}", entry.action, entry.source_id, short_id(entry.target_id));
    return fmt::format("{} {} {}", entry.action, side,
                       entry.written == Side::source ? entry.source_id : short_id(entry.target_id));
}

void print_entry(Console& console, const JournalEntry& entry) {
    console.print_line(printable(fmt::format("{}  {} {}  (execution {})", shown(entry.at), entry.actor, deed(entry),
                                             short_id(entry.execution_id))));
    for (const JournalChange& change : entry.changes) {
        std::string line = fmt::format("    {}: {} → {}", change.field, shown(change.before), shown(change.after));
        if (!change.rule.empty()) line += fmt::format("  [{}]", change.rule);
        console.print_line(printable(line));
    }
}

} // namespace

Async<ExitCode> execute(Session& session, HistoryArguments arguments) {
    std::string entity = arguments.entity;
    std::string record = arguments.record;
    if (entity.empty()) {
        const auto slash = record.find('/');
        if (slash == std::string::npos || slash == 0 || slash + 1 == record.size()) {
            const Error error(ErrorCode::invalid_request, "write the record as <entity>/<id>, or give --entity");
            co_return fail(session, error);
        }
        entity = record.substr(0, slash);
        record = record.substr(slash + 1);
    }
    auto tenant = open_for_tenant(session);
    if (!tenant) co_return fail(session, tenant.error());
    std::string cursor;
    std::size_t count = 0;
    do {
        const std::size_t limit = std::min<std::size_t>(arguments.limit - count, 500);
        auto page = co_await session.engine().history(*tenant, entity, record, limit, cursor);
        if (!page) co_return fail(session, page.error());
        count += page->items.size();
        if (!print_as_json(session, page->items))
            for (const JournalEntry& entry : page->items)
                print_entry(session.console(), entry);
        cursor = std::move(page->next_cursor);
    } while (!cursor.empty() && count < arguments.limit);
    if (count == 0) session.console().tell("No history of " + printable(record) + " in " + printable(entity) + ".");
    if (!cursor.empty()) session.console().tell("There is more; see --limit.");
    co_return ExitCode::done;
}

} // namespace castiel_sync::service

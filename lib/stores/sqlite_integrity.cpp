#include <castiel_sync/stores/sqlite.hpp>

#include "stores/sqlite_rows.hpp"
#include "stores/sqlite_schema.hpp"

#include <fmt/format.h>

namespace castiel_sync {
namespace {

constexpr std::chrono::milliseconds busy_timeout{10'000};
constexpr int max_findings = 10;

Result<> check_pages(SqliteConnection& connection) {
    auto statement = connection.prepare(fmt::format("PRAGMA integrity_check({})", max_findings));
    if (!statement) return statement.error();
    std::string findings;
    for (;;) {
        auto row = statement->step();
        if (!row) return row.error();
        if (!*row) break;
        if (statement->text(0) != "ok") findings += (findings.empty() ? "" : "; ") + std::string(statement->text(0));
    }
    if (findings.empty()) return {};
    return Error(ErrorCode::corrupted, fmt::format("{}: the file is damaged: {}. Stop using it and restore it from a "
                                                   "backup.",
                                                   connection.path(), findings));
}

Result<> check_rows(SqliteConnection& connection, const SqliteKind& kind) {
    auto statement = connection.prepare(kind.read_all);
    if (!statement) return statement.error();
    for (;;) {
        auto row = statement->step();
        if (!row) return row.error();
        if (!*row) return {};
        const std::int64_t partition = statement->number(statement->columns() - 1);
        if (auto document = decode_row(connection, kind, partition, *statement); !document) return document.error();
    }
}

} // namespace

Result<> check_sqlite_integrity(const std::string& path) {
    if (auto prepared = prepare_sqlite_file(path, true); !prepared) return prepared;
    SqliteConnection::Options options;
    options.path = path;
    options.read_only = true;
    options.busy_timeout = busy_timeout;
    auto opened = SqliteConnection::open(options);
    if (!opened) return opened.error();
    SqliteConnection& connection = **opened;
    if (auto ours = check_sqlite_owner(connection); !ours) return ours;
    if (auto checked = check_pages(connection); !checked) return checked;
    auto kinds = read_sqlite_kinds(connection);
    if (!kinds) return kinds.error();
    for (const KindDeclaration& declaration : *kinds)
        if (auto checked = check_rows(connection, SqliteKind(declaration)); !checked) return checked;
    return {};
}

} // namespace castiel_sync

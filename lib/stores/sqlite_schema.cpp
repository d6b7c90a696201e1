#include "stores/sqlite_schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace castiel_sync {
namespace {

Error misconfigured(const SqliteConnection& connection, std::string_view why) {
    return Error(ErrorCode::invalid_configuration, fmt::format("{}: {}", connection.path(), why));
}

Result<std::int64_t> ask_number(SqliteConnection& connection, const std::string& sql) {
    auto statement = connection.prepare(sql);
    if (!statement) return statement.error();
    auto row = statement->step();
    if (!row) return row.error();
    return *row ? statement->number(0) : 0;
}

Result<std::vector<std::string>> ask_texts(SqliteConnection& connection, const std::string& sql,
                                           std::string_view parameter) {
    auto statement = connection.prepare(sql);
    if (!statement) return statement.error();
    statement->bind(1, parameter);
    std::vector<std::string> texts;
    for (;;) {
        auto row = statement->step();
        if (!row) return row.error();
        if (!*row) return texts;
        texts.emplace_back(statement->text(0));
    }
}

constexpr auto table_columns = "SELECT name FROM pragma_table_info(?)";

enum class Ownership { empty, ours };

Result<Ownership> identify(SqliteConnection& connection) {
    const auto tables = ask_number(connection, "SELECT count(*) FROM sqlite_schema");
    if (!tables) return tables.error();
    const auto application = ask_number(connection, "PRAGMA application_id");
    if (!application) return application.error();
    const auto version = ask_number(connection, "PRAGMA user_version");
    if (!version) return version.error();
    if (*tables == 0 && *application == 0 && *version == 0) return Ownership::empty;
    if (*application != sqlite_application_id)
        return misconfigured(connection, fmt::format("this is an SQLite database of another program (application id "
                                                     "{}, {} tables and indexes): name another file",
                                                     *application, *tables));
    if (*version > sqlite_schema_version)
        return misconfigured(connection,
                             fmt::format("written with schema version {} by a newer castiel_sync; this one knows "
                                         "versions up to {}: run the newer one, or name another file",
                                         *version, sqlite_schema_version));
    if (*version < 1)
        return Error(ErrorCode::corrupted, fmt::format("{}: schema version {} never existed; this version writes {}: "
                                                       "restore the file from a backup",
                                                       connection.path(), *version, sqlite_schema_version));
    return Ownership::ours;
}

std::vector<std::string> sorted(std::vector<std::string> texts) {
    std::sort(texts.begin(), texts.end());
    return texts;
}

std::string list(const std::vector<std::string>& texts) {
    std::string joined;
    for (const std::string& text : texts) joined += (joined.empty() ? "" : ", ") + text;
    return joined.empty() ? "none" : joined;
}

std::vector<std::string> stored_fields(const std::vector<std::string>& columns) {
    static const std::set<std::string_view> own{"row", "partition", "id", "etag", "expires_at", "checksum", "body"};
    std::vector<std::string> fields;
    std::copy_if(columns.begin(), columns.end(), std::back_inserter(fields),
                 [](const std::string& column) { return !own.contains(column); });
    return fields;
}

// The statements that make the file hold these kinds; empty when it does.
class Migration {
public:
    [[nodiscard]] static Result<std::vector<std::string>> plan(SqliteConnection& connection, const SqliteKinds& kinds) {
        auto owner = identify(connection);
        if (!owner) return owner.error();
        std::vector<std::string> statements;
        if (*owner == Ownership::empty) add_base(statements);
        for (const auto& [name, kind] : kinds)
            if (auto added = add_kind(connection, kind, statements); !added) return added.error();
        return statements;
    }

private:
    static void add_base(std::vector<std::string>& statements) {
        statements.push_back(fmt::format("PRAGMA application_id={}", sqlite_application_id));
        statements.push_back(fmt::format("PRAGMA user_version={}", sqlite_schema_version));
        statements.emplace_back(
            "CREATE TABLE castiel_partition (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)");
        // The number of the last commit, which is also the etag of all that it wrote. It only ever grows.
        statements.emplace_back("CREATE TABLE castiel_commit (row INTEGER PRIMARY KEY CHECK (row=1), "
                                "last INTEGER NOT NULL)");
        statements.emplace_back("INSERT INTO castiel_commit VALUES (1,0)");
    }

    static Result<> add_kind(SqliteConnection& connection, const SqliteKind& kind,
                             std::vector<std::string>& statements) {
        const KindDeclaration& declaration = *kind.declaration;
        auto columns = ask_texts(connection, table_columns, declaration.kind);
        if (!columns) return columns.error();
        bool make_table = columns->empty();
        const std::vector<std::string> fields = stored_fields(*columns);
        if (!make_table && sorted(fields) != sorted(declaration.fields)) {
            const auto rows = ask_number(connection, fmt::format("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT 1)",
                                                                 quote_name(declaration.kind)));
            if (!rows) return rows.error();
            // The values of a new field are known to whoever writes the documents, never to the store.
            if (*rows > 0)
                return misconfigured(connection,
                                     fmt::format("documents of the kind {} are stored with the index fields {}, and "
                                                 "this program declares {}: open the file with the version that wrote "
                                                 "it, or remove these documents with it first",
                                                 declaration.kind, list(fields), list(declaration.fields)));
            statements.push_back(fmt::format("DROP TABLE {}", quote_name(declaration.kind)));
            make_table = true;
        }
        if (make_table) statements.push_back(kind.create_table);
        auto indexes = ask_texts(connection, "SELECT name FROM pragma_index_list(?)", declaration.kind);
        if (!indexes) return indexes.error();
        for (const auto& [name, sql] : kind.create_indexes)
            if (make_table || std::find(indexes->begin(), indexes->end(), name) == indexes->end())
                statements.push_back(sql);
        return {};
    }
};

Result<> use_write_ahead_log(SqliteConnection& connection) {
    // SQLite does not wait when another process opens the same new file at this moment. Step by step, as long as a
    // commit would wait.
    constexpr std::chrono::milliseconds step{10};
    for (auto waited = std::chrono::milliseconds{0};; waited += step) {
        auto mode = connection.ask("PRAGMA journal_mode");
        if (mode && *mode != "wal") mode = connection.ask("PRAGMA journal_mode=WAL");
        if (mode && *mode == "wal") return {};
        if (mode)
            return misconfigured(connection, fmt::format("write-ahead logging does not work here (journal mode {}): "
                                                         "put the file on a local disk",
                                                         mode->value_or("unknown")));
        // After any other failure this connection would say "wal" and write a rollback journal all the same.
        const int code = connection.last_code() & 0xFF;
        const bool busy = code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_PROTOCOL;
        if (!busy || waited >= connection.busy_timeout()) return mode.error();
        sqlite3_sleep(static_cast<int>(step.count()));
    }
}

} // namespace

Result<> check_sqlite_owner(SqliteConnection& connection) {
    // All of it from one moment: another process may be making the file right now.
    auto transaction = SqliteTransaction::begin(connection, SqliteTransaction::Kind::read);
    if (!transaction) return transaction.error();
    auto owner = identify(connection);
    if (!owner) return owner.error();
    return transaction->commit();
}

Result<> configure_sqlite(SqliteConnection& connection, bool synchronous_full, bool read_only) {
    if (!read_only) {
        // Of a new file only. Rows near 1 KB fill larger pages better, and a commit writes fewer of them.
        if (auto set = connection.execute("PRAGMA page_size=8192"); !set) return set;
        if (auto used = use_write_ahead_log(connection); !used) return used;
    }
    const std::string settings[] = {
        fmt::format("PRAGMA synchronous={}", synchronous_full ? "FULL" : "NORMAL"),
        "PRAGMA cache_size=-8192",              // 8 MiB, whatever the file's size
        "PRAGMA mmap_size=0",                   // mapped pages would count as this process's memory
        "PRAGMA journal_size_limit=67108864",   // a huge commit does not leave a huge log behind
        "PRAGMA wal_autocheckpoint=2000",       // 16 MiB: a page written by several commits is copied once
        "PRAGMA cell_size_check=ON",            // damaged pages are found when read, not when split
        read_only ? "PRAGMA query_only=ON" : "PRAGMA query_only=OFF",
    };
    for (const std::string& setting : settings)
        if (auto set = connection.execute(setting); !set) return set;
    return {};
}

Result<> prepare_sqlite_schema(SqliteConnection& connection, const SqliteKinds& kinds, bool read_only) {
    // Looks first without a writer's lock: most opens change nothing, and shall not wait for one.
    auto look = SqliteTransaction::begin(connection, SqliteTransaction::Kind::read);
    if (!look) return look.error();
    auto statements = Migration::plan(connection, kinds);
    if (!statements) return statements.error();
    if (auto looked = look->commit(); !looked) return looked;
    if (statements->empty()) return {};
    if (read_only)
        return misconfigured(connection, "it lacks tables or indexes of this version, and read_only forbids making "
                                         "them: open it once for writing");
    auto transaction = SqliteTransaction::begin(connection, SqliteTransaction::Kind::write);
    if (!transaction) return transaction.error();
    statements = Migration::plan(connection, kinds);
    if (!statements) return statements.error();
    for (const std::string& statement : *statements)
        if (auto done = connection.execute(statement); !done) return done;
    return transaction->commit();
}

Result<std::vector<KindDeclaration>> read_sqlite_kinds(SqliteConnection& connection) {
    auto tables = ask_texts(connection, "SELECT name FROM sqlite_schema WHERE type=? AND name NOT GLOB 'castiel_*' "
                                        "AND name NOT GLOB 'sqlite_*' ORDER BY name",
                            "table");
    if (!tables) return tables.error();
    std::vector<KindDeclaration> kinds;
    for (const std::string& table : *tables) {
        auto columns = ask_texts(connection, table_columns, table);
        if (!columns) return columns.error();
        kinds.push_back({table, stored_fields(*columns), {}});
    }
    return kinds;
}

} // namespace castiel_sync

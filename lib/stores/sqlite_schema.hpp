// What a store's file looks like: how it is made, and how a file is told to be one.
#pragma once

#include "stores/sqlite_connection.hpp"
#include "stores/sqlite_sql.hpp"

#include <map>
#include <string>
#include <vector>

namespace castiel_sync {

// Written to the file's header, so that `file` and other programs can tell whose it is: "CSyS".
inline constexpr std::int64_t sqlite_application_id = 0x43537953;
// Raised when a file written by this version can't be understood by the version before.
inline constexpr std::int64_t sqlite_schema_version = 1;

using SqliteKinds = std::map<std::string, SqliteKind, std::less<>>;

// Makes missing folders (0700) and the file (0600) before SQLite would, with the process's umask.
[[nodiscard]] Result<> prepare_sqlite_file(const std::string& path, bool read_only);

// Refuses files of other programs and of newer versions, before anything in them is changed.
[[nodiscard]] Result<> check_sqlite_owner(SqliteConnection& connection);

// Adds what these kinds lack. Changes nothing when read_only.
[[nodiscard]] Result<> prepare_sqlite_schema(SqliteConnection& connection, const SqliteKinds& kinds, bool read_only);

// Settings of the connection and of the file: WAL and how durable a commit is.
[[nodiscard]] Result<> configure_sqlite(SqliteConnection& connection, bool synchronous_full, bool read_only);

// The kinds that a file holds, as its tables tell.
[[nodiscard]] Result<std::vector<KindDeclaration>> read_sqlite_kinds(SqliteConnection& connection);

} // namespace castiel_sync

// Documents as rows. Every row carries a checksum of all that it holds: a bit that flips on the disk is told as
// `corrupted` and never becomes somebody's data. (SQLite itself guards its log, not the pages of its file.)
#pragma once

#include "stores/sqlite_connection.hpp"
#include "stores/sqlite_sql.hpp"

#include <cstdint>

namespace castiel_sync {

[[nodiscard]] std::int64_t checksum_of(const SqliteKind& kind, std::int64_t partition, std::int64_t etag,
                                       const Document& document);

// The row that the statement stands on, as `read` and make_selects answer it.
[[nodiscard]] Result<Document> decode_row(const SqliteConnection& connection, const SqliteKind& kind,
                                          std::int64_t partition, const SqliteStatement& statement);

} // namespace castiel_sync

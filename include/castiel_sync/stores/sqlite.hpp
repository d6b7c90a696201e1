// A store in one SQLite file: WAL, synchronous=FULL, one table per kind. Target castiel_sync::sqlite.
#pragma once

#include <castiel_sync/blocking.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/store.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace castiel_sync {

struct SqliteOptions {
    std::string path;                              // missing folders are made; ":memory:" is refused
    std::chrono::milliseconds busy_timeout{10'000}; // how long a commit waits for another process's
    bool read_only = false;
    bool synchronous_full = true;                  // false: synchronous=NORMAL, for measurements only
    std::string vfs;                               // name of an SQLite VFS, empty for the default (tests put faults in one)
    std::function<Timestamp()> now;                // decides about expiry; empty: the machine's clock
    std::span<const KindDeclaration> kinds = engine_kinds();

    SqliteOptions() = default;
};

// Blocking. Errors at open, each naming the path and what to do: not a database, written by a newer version (its
// schema number and ours), locked, corrupted, unreadable, disk full.
// Use it through bridge(), on an executor with one thread.
[[nodiscard]] Result<std::shared_ptr<BlockingStore>> open_sqlite_store(SqliteOptions options);

// PRAGMA integrity_check over the whole file, for tests and operators. Blocking.
[[nodiscard]] Result<> check_sqlite_integrity(const std::string& path);

} // namespace castiel_sync

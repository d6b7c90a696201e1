// A store in one SQLite file: WAL, synchronous=FULL, one table per kind. Target castiel_sync::sqlite.
//
// Groups.      Up to 128 commits, and 1 MiB, that wait for the store's thread share one transaction (blocking.hpp).
// Sharing.     Several processes may use one file at once, each with these functions, on one machine's local disk.
// Declarations. New kinds and new indexes are added at open. A kind that holds documents can't change its index fields:
//              only the program that wrote the documents knows the values; such an open is invalid_configuration.
// Damage.      Every document carries a checksum, verified when read: a damaged one is `corrupted`, never an answer.
//              Damage to indexes is found by check_sqlite_integrity only.
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
    std::string vfs; // name of an SQLite VFS, empty for the default (tests put faults in one)
    std::function<Timestamp()> now;                // decides about expiry; empty: the machine's clock
    std::span<const KindDeclaration> kinds = engine_kinds();

    SqliteOptions() = default;
};

// Blocking. Errors at open, each naming the path and what to do: not a database, damaged (corrupted); another
// program's, written by a newer version (its schema number and ours), a folder, not writable (invalid_configuration);
// held by another process for longer than busy_timeout (unavailable); disk full (out_of_space). Use it through
// bridge(), on an executor with one thread.
[[nodiscard]] Result<std::shared_ptr<BlockingStore>> open_sqlite_store(SqliteOptions options);

// Reads the whole file: SQLite's own integrity check, and the checksum of every document. For tests and operators; the
// file may be in use. Blocking.
[[nodiscard]] Result<> check_sqlite_integrity(const std::string& path);

} // namespace castiel_sync

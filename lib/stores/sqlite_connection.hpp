// One SQLite connection: statements by their text, errors as values that name the file.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/store.hpp>

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace castiel_sync {

class SqliteConnection;

// A prepared statement, borrowed from its connection until this goes away. Texts that were bound must live as long.
class SqliteStatement {
public:
    SqliteStatement(const SqliteConnection& connection, std::shared_ptr<sqlite3_stmt> statement)
        : connection_(&connection), statement_(std::move(statement)) {}
    SqliteStatement(SqliteStatement&&) noexcept = default;
    SqliteStatement& operator=(SqliteStatement&&) = delete;
    ~SqliteStatement() { reset(); }

    // Ready for the next round of bind and step; keeps what is bound.
    void reset();

    void bind(int parameter, std::int64_t number);
    void bind(int parameter, std::string_view text); // any bytes, NUL included
    void bind_null(int parameter);
    void bind(int parameter, const IndexValue& value);
    void bind(int parameter, std::optional<Timestamp> time);

    // True: a row is there. False: done.
    [[nodiscard]] Result<bool> step();
    // For statements without rows, or whose rows do not matter.
    [[nodiscard]] Result<> run();

    [[nodiscard]] std::int64_t number(int column) const;
    [[nodiscard]] std::string_view text(int column) const; // until the next step or reset
    [[nodiscard]] bool is_null(int column) const;
    [[nodiscard]] Result<IndexValue> value(int column) const;
    [[nodiscard]] int columns() const;

private:
    const SqliteConnection* connection_;
    std::shared_ptr<sqlite3_stmt> statement_; // shared with the connection's cache
};

class SqliteConnection {
public:
    struct Options {
        std::string path;
        std::string vfs;
        bool read_only = false;
        std::chrono::milliseconds busy_timeout{0};
    };

    [[nodiscard]] static Result<std::unique_ptr<SqliteConnection>> open(const Options& options);
    ~SqliteConnection();
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    // Kept for the next time.
    [[nodiscard]] Result<SqliteStatement> prepare(const std::string& sql);
    // One statement without parameters, whose rows do not matter.
    [[nodiscard]] Result<> execute(const std::string& sql);
    // The first column of the first row; nullopt without a row.
    [[nodiscard]] Result<std::optional<std::string>> ask(const std::string& sql);

    [[nodiscard]] std::int64_t changed_rows() const;
    [[nodiscard]] bool in_transaction() const;
    // Makes durable what its log holds by now, whoever wrote it.
    [[nodiscard]] Result<> synchronise_log();
    // Somebody moved, replaced or deleted the file: what is written now would be lost.
    [[nodiscard]] bool has_moved() const;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::chrono::milliseconds busy_timeout() const noexcept { return busy_timeout_; }

    // The last failure on this connection, for a call that answered `code`.
    [[nodiscard]] Error error(int code) const;
    [[nodiscard]] int last_code() const;

private:
    struct Kept {
        std::shared_ptr<sqlite3_stmt> statement;
        std::uint64_t last_used = 0;
    };

    SqliteConnection(std::string path, std::chrono::milliseconds busy_timeout)
        : path_(std::move(path)), busy_timeout_(busy_timeout) {}

    std::string path_;
    std::chrono::milliseconds busy_timeout_;
    sqlite3* handle_ = nullptr;
    std::unordered_map<std::string, Kept> statements_; // by their text
    std::uint64_t uses_ = 0;
};

// Rolls back unless it was committed.
class SqliteTransaction {
public:
    enum class Kind { read, write };

    [[nodiscard]] static Result<SqliteTransaction> begin(SqliteConnection& connection, Kind kind);
    SqliteTransaction(SqliteTransaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
    SqliteTransaction& operator=(SqliteTransaction&&) = delete;
    ~SqliteTransaction();

    // A part of it, one at a time, that can be undone alone. After an error there may be no transaction any more.
    [[nodiscard]] Result<> begin_part();
    [[nodiscard]] Result<> keep_part();
    [[nodiscard]] Result<> undo_part();

    // unknown_outcome when nobody can tell whether it is durable.
    [[nodiscard]] Result<> commit();

private:
    explicit SqliteTransaction(SqliteConnection& connection) : connection_(&connection) {}

    [[nodiscard]] Result<> run(const std::string& sql);

    SqliteConnection* connection_;
};

} // namespace castiel_sync

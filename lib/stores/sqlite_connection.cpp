#include "stores/sqlite_connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace castiel_sync {
namespace {

// A page of queries with conditions of every shape stays well below this.
constexpr std::size_t max_kept_statements = 256;

bool is_space_errno(int number) { return number == ENOSPC || number == EDQUOT; }

// The texts of strerror are not thread-safe by contract; glibc's variant with a buffer is.
std::string describe_errno(int number) {
    char buffer[128] = {};
    return strerror_r(number, buffer, sizeof buffer);
}

} // namespace

void SqliteStatement::reset() {
    if (statement_) sqlite3_reset(statement_.get());
}

// Binding fails only for a wrong parameter number or out of memory; step then misses the value, and a missing value
// violates NOT NULL, so that nothing wrong is ever written.
void SqliteStatement::bind(int parameter, std::int64_t number) {
    sqlite3_bind_int64(statement_.get(), parameter, number);
}

void SqliteStatement::bind(int parameter, std::string_view text) {
    const char* data = text.data() == nullptr ? "" : text.data();
    sqlite3_bind_text64(statement_.get(), parameter, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void SqliteStatement::bind_null(int parameter) { sqlite3_bind_null(statement_.get(), parameter); }

void SqliteStatement::bind(int parameter, const IndexValue& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value))
        bind(parameter, *number);
    else if (const auto* text = std::get_if<std::string>(&value))
        bind(parameter, std::string_view(*text));
    else
        bind_null(parameter);
}

void SqliteStatement::bind(int parameter, std::optional<Timestamp> time) {
    if (time)
        bind(parameter, std::int64_t{time->time_since_epoch().count()});
    else
        bind_null(parameter);
}

Result<bool> SqliteStatement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return connection_->error(code);
}

Result<> SqliteStatement::run() {
    for (;;) {
        auto row = step();
        if (!row) return row.error();
        if (!*row) break;
    }
    reset();
    return {};
}

std::int64_t SqliteStatement::number(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string_view SqliteStatement::text(int column) const {
    const unsigned char* data = sqlite3_column_text(statement_.get(), column);
    if (data == nullptr) return {};
    return {reinterpret_cast<const char*>(data),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool SqliteStatement::is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

Result<IndexValue> SqliteStatement::value(int column) const {
    switch (sqlite3_column_type(statement_.get(), column)) {
    case SQLITE_NULL: return IndexValue{};
    case SQLITE_INTEGER: return IndexValue{number(column)};
    case SQLITE_TEXT: return IndexValue{std::string(text(column))};
    default:
        return Error(ErrorCode::corrupted,
                     fmt::format("{}: the column {} holds a value of a type that is never written",
                                 connection_->path(), sqlite3_column_name(statement_.get(), column)));
    }
}

int SqliteStatement::columns() const { return sqlite3_column_count(statement_.get()); }

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const Options& options) {
    std::unique_ptr<SqliteConnection> connection(new SqliteConnection(options.path, options.busy_timeout));
    const int flags = (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    const char* vfs = options.vfs.empty() ? nullptr : options.vfs.c_str();
    const int code = sqlite3_open_v2(options.path.c_str(), &connection->handle_, flags, vfs);
    if (code != SQLITE_OK) return connection->error(code);
    sqlite3_busy_timeout(connection->handle_, static_cast<int>(options.busy_timeout.count()));
    sqlite3_db_config(connection->handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(connection->handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    return connection;
}

SqliteConnection::~SqliteConnection() {
    statements_.clear();
    sqlite3_close_v2(handle_);
}

Result<SqliteStatement> SqliteConnection::prepare(const std::string& sql) {
    const auto kept = statements_.find(sql);
    if (kept != statements_.end()) {
        kept->second.last_used = ++uses_;
        return SqliteStatement(*this, kept->second.statement);
    }
    sqlite3_stmt* prepared = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &prepared, nullptr);
    if (code != SQLITE_OK) return error(code);
    std::shared_ptr<sqlite3_stmt> statement(prepared, sqlite3_finalize);
    if (statements_.size() >= max_kept_statements)
        statements_.erase(std::min_element(statements_.begin(), statements_.end(), [](const auto& l, const auto& r) {
            return l.second.last_used < r.second.last_used;
        }));
    statements_.emplace(sql, Kept{statement, ++uses_});
    return SqliteStatement(*this, std::move(statement));
}

Result<> SqliteConnection::execute(const std::string& sql) {
    const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return error(code);
    return {};
}

Result<std::optional<std::string>> SqliteConnection::ask(const std::string& sql) {
    auto statement = prepare(sql);
    if (!statement) return statement.error();
    auto row = statement->step();
    if (!row) return row.error();
    if (!*row) return std::optional<std::string>();
    std::optional<std::string> answer(statement->text(0));
    // Some pragmas answer first and do it afterwards.
    if (auto done = statement->run(); !done) return done.error();
    return answer;
}

std::int64_t SqliteConnection::changed_rows() const { return sqlite3_changes64(handle_); }

bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

Result<> SqliteConnection::synchronise_log() {
    sqlite3_file* log = nullptr;
    const int found = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (found != SQLITE_OK) return error(found);
    if (log == nullptr || log->pMethods == nullptr) return {};
    const int code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    if (code == SQLITE_OK) return {};
    int system = 0;
    log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &system);
    const bool full = is_space_errno(system);
    return Error(full ? ErrorCode::out_of_space : ErrorCode::unavailable,
                 fmt::format("{}: its log can't be made durable: {}{} (SQLite {}). {}", path_, sqlite3_errstr(code),
                             system == 0 ? "" : ": " + describe_errno(system), code,
                             full ? "Free space on its disk, then run again: nothing was lost."
                                  : "The disk failed: check it (system log), then try again."));
}

bool SqliteConnection::has_moved() const {
    int moved = 0;
    const int code = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return code == SQLITE_OK && moved != 0;
}

int SqliteConnection::last_code() const { return sqlite3_extended_errcode(handle_); }

Error SqliteConnection::error(int code) const {
    // SQLite keeps the number of an earlier failure when a later one has none.
    const bool from_system = (code & 0xFF) == SQLITE_IOERR || (code & 0xFF) == SQLITE_CANTOPEN;
    const int system = handle_ != nullptr && from_system ? sqlite3_system_errno(handle_) : 0;
    const std::string said =
        handle_ == nullptr ? std::string(sqlite3_errstr(code)) : std::string(sqlite3_errmsg(handle_));
    const std::string cause = system == 0 ? said : fmt::format("{}: {}", said, describe_errno(system));
    const auto make = [&](ErrorCode category, std::string_view advice) {
        return Error(category, fmt::format("{}: {} (SQLite {}). {}", path_, cause, code, advice));
    };
    switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return make(ErrorCode::unavailable,
                    fmt::format("Another process held the file for longer than {} ms: try again, or end that process.",
                                busy_timeout_.count()));
    case SQLITE_FULL:
        return make(ErrorCode::out_of_space, "Free space on its disk, then run again: nothing was lost.");
    case SQLITE_NOTADB:
        return make(ErrorCode::corrupted, "This is no SQLite database, or its first page is damaged: name another "
                                          "file, or restore this one from a backup.");
    case SQLITE_CORRUPT:
        return make(ErrorCode::corrupted, "The file is damaged: stop using it and restore it from a backup.");
    case SQLITE_READONLY:
        return make(ErrorCode::invalid_configuration,
                    "The file or its folder can't be written: mend the permissions, or name another file.");
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return make(ErrorCode::invalid_configuration, "Mend the permissions, or name another file.");
    case SQLITE_CANTOPEN:
        if (is_space_errno(system))
            return make(ErrorCode::out_of_space, "Free space on its disk, then run again: nothing was lost.");
        if (system == EMFILE || system == ENFILE)
            return make(ErrorCode::unavailable, "Too many files are open: raise the limit, or close some.");
        return make(ErrorCode::invalid_configuration,
                    "Check that the folder exists and that this user may read and write both it and the file.");
    case SQLITE_IOERR:
        if (is_space_errno(system))
            return make(ErrorCode::out_of_space, "Free space on its disk, then run again: nothing was lost.");
        if (code == SQLITE_IOERR_SHORT_READ || code == SQLITE_IOERR_CORRUPTFS || code == SQLITE_IOERR_DATA)
            return make(ErrorCode::corrupted, "The file is damaged: stop using it and restore it from a backup.");
        return make(ErrorCode::unavailable, "The disk failed: check it (system log), then try again.");
    case SQLITE_NOMEM: return make(ErrorCode::unavailable, "Memory is short: try again when there is more.");
    case SQLITE_TOOBIG: return make(ErrorCode::invalid_request, "A document is larger than SQLite can hold.");
    default: return make(ErrorCode::internal, "This is a bug: please report it with this message.");
    }
}

Result<SqliteTransaction> SqliteTransaction::begin(SqliteConnection& connection, Kind kind) {
    auto statement = connection.prepare(kind == Kind::read ? "BEGIN" : "BEGIN IMMEDIATE");
    if (!statement) return statement.error();
    if (auto begun = statement->run(); !begun) return begun.error();
    return SqliteTransaction(connection);
}

SqliteTransaction::~SqliteTransaction() {
    if (connection_ == nullptr || !connection_->in_transaction()) return;
    // A rollback that fails leaves the transaction to SQLite, which ends it with the connection.
    if (auto rollback = connection_->prepare("ROLLBACK")) (void)rollback->run();
}

Result<> SqliteTransaction::run(const std::string& sql) {
    auto statement = connection_->prepare(sql);
    if (!statement) return statement.error();
    return statement->run();
}

Result<> SqliteTransaction::begin_part() { return run("SAVEPOINT part"); }

Result<> SqliteTransaction::keep_part() { return run("RELEASE part"); }

Result<> SqliteTransaction::undo_part() {
    if (auto undone = run("ROLLBACK TO part"); !undone) return undone;
    return run("RELEASE part"); // it goes on to exist, empty
}

Result<> SqliteTransaction::commit() {
    auto statement = connection_->prepare("COMMIT");
    if (!statement) return statement.error();
    auto committed = statement->run();
    if (committed) return committed;
    Error error = committed.error();
    // These may strike after the last page was written: then the transaction may yet come to light.
    const int code = connection_->last_code() & 0xFF;
    if (code == SQLITE_IOERR || code == SQLITE_NOMEM)
        error = Error(ErrorCode::unknown_outcome, "Whether this commit happened is unknown. " + error.message);
    return error;
}

} // namespace castiel_sync

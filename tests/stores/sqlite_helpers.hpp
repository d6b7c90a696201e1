// Short spellings for tests of the blocking SQLite store.
#pragma once

#include "stores/store_fixtures.hpp"

#include <sqlite3.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

namespace castiel_sync::testing {

inline const std::string item_kind = "conformance_item";
inline const std::string other_kind = "conformance_other";

inline SqliteOptions options_for(const std::string& path) {
    SqliteOptions options;
    options.path = path;
    options.kinds = store_conformance_kinds();
    options.synchronous_full = false;
    options.busy_timeout = std::chrono::milliseconds(50);
    return options;
}

inline std::shared_ptr<BlockingStore> open_store(const std::string& path) {
    auto opened = open_sqlite_store(options_for(path));
    if (!opened) FAIL(opened.error().message);
    return *opened;
}

inline Document document(std::string id, std::string body = "{}", IndexValue category = {}) {
    Document made;
    made.kind = item_kind;
    made.id = std::move(id);
    made.body = std::move(body);
    made.index.resize(4);
    made.index[0] = std::move(category);
    return made;
}

inline Result<CommitReceipt> commit(BlockingStore& store, Write write, const std::string& partition = "p") {
    return store.commit(partition, {std::move(write)});
}

// A body, or what tells a long one from every other.
inline std::string brief(const std::string& body) {
    if (body.size() <= 40) return body;
    return body.substr(0, 8) + "#" + std::to_string(std::hash<std::string>()(body));
}

// "id=body" of every item of the partition, joined by spaces; an error as its code.
inline std::string contents(BlockingStore& store, const std::string& partition = "p") {
    Query query;
    query.limit = 1000;
    const auto page = store.query(partition, item_kind, query);
    if (!page) return std::string(castiel_sync::to_string(page.error().code));
    std::string text;
    for (const Document& found : page->documents)
        text += (text.empty() ? "" : " ") + found.id + "=" + brief(found.body);
    return text;
}

// A plain connection, to play the other program.
class RawDatabase {
public:
    explicit RawDatabase(const std::string& path) { REQUIRE(sqlite3_open(path.c_str(), &handle_) == SQLITE_OK); }
    ~RawDatabase() { sqlite3_close(handle_); }
    RawDatabase(const RawDatabase&) = delete;
    RawDatabase& operator=(const RawDatabase&) = delete;

    void execute(const std::string& sql) {
        char* message = nullptr;
        const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, &message);
        const std::string said = message ? message : "";
        sqlite3_free(message);
        REQUIRE_MESSAGE(code == SQLITE_OK, said);
    }

    std::int64_t number(const std::string& sql) {
        sqlite3_stmt* statement = nullptr;
        REQUIRE(sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
        REQUIRE(sqlite3_step(statement) == SQLITE_ROW);
        const std::int64_t number = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        return number;
    }

private:
    sqlite3* handle_ = nullptr;
};

inline std::string read_bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// What a crash of the machine's process leaves: the file and its log, without the shared memory beside it.
inline std::string copy_as_crashed(const std::string& path, const std::string& target) {
    std::filesystem::copy_file(path, target, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::remove(target + "-shm");
    std::filesystem::remove(target + "-wal");
    if (std::filesystem::exists(path + "-wal")) std::filesystem::copy_file(path + "-wal", target + "-wal");
    return target;
}

} // namespace castiel_sync::testing

#include "stores/sqlite_helpers.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <iterator>
#include <optional>

using namespace castiel_sync;
using namespace castiel_sync::testing;
namespace fs = std::filesystem;

namespace {

Error open_error(const SqliteOptions& options) {
    const auto opened = open_sqlite_store(options);
    REQUIRE_FALSE(opened.has_value());
    return opened.error();
}

// The error, and that it names the file and says something to do.
Error open_error(const std::string& path) {
    Error error = open_error(options_for(path));
    CHECK_MESSAGE(error.message.find(path) != std::string::npos, error.message);
    return error;
}

bool mentions(const Error& error, const std::string& text) { return error.message.find(text) != std::string::npos; }

// Root may write everywhere, so these tests step down for a while.
class AsNobody {
public:
    AsNobody() : stepped_(::geteuid() == 0 && ::seteuid(65534) == 0) {}
    ~AsNobody() {
        if (stepped_ && ::seteuid(0) != 0) std::abort();
    }
    AsNobody(const AsNobody&) = delete;
    AsNobody& operator=(const AsNobody&) = delete;

private:
    bool stepped_;
};

unsigned permissions(const fs::path& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777;
}

} // namespace

TEST_CASE("missing folders are made for their owner only, and so is the file") {
    TemporaryFolder folder;
    const mode_t mask = ::umask(0);
    const std::string path = folder.file("a/b/store.db");
    {
        const auto store = open_store(path);
        REQUIRE(commit(*store, put(document("x"))).has_value());
        CHECK(permissions(path) == 0600);
        CHECK(permissions(path + "-wal") == 0600);
    }
    ::umask(mask);
    CHECK(permissions(folder.path() / "a") == 0700);
    CHECK(permissions(folder.path() / "a/b") == 0700);
    CHECK(check_sqlite_integrity(path).has_value());
}

TEST_CASE("a database in memory is refused") {
    for (const char* path : {"", ":memory:"}) {
        const Error error = open_error(options_for(path));
        CHECK(error.code == ErrorCode::invalid_configuration);
    }
}

TEST_CASE("a path that looks like a URI is a file name") {
    TemporaryFolder folder;
    const fs::path before = fs::current_path();
    fs::current_path(folder.path());
    const auto opened = open_sqlite_store(options_for("file:store.db?mode=memory"));
    fs::current_path(before);
    CHECK(opened.has_value());
    CHECK(fs::exists(folder.path() / "file:store.db?mode=memory"));
}

TEST_CASE("paths that can't be a file are refused") {
    TemporaryFolder folder;
    CHECK(mentions(open_error(folder.path().string()), "directory"));
    write_bytes(folder.file("plain"), "text");
    const std::string below = folder.file("plain/store.db");
    const Error error = open_error(options_for(below));
    CHECK(error.code == ErrorCode::invalid_configuration);
    CHECK(mentions(error, folder.file("plain")));
}

TEST_CASE("a file that is no database is refused and left alone") {
    TemporaryFolder folder;
    const std::string path = folder.file("notes.txt");
    write_bytes(path, std::string(5000, 'n'));
    CHECK(open_error(path).code == ErrorCode::corrupted);
    CHECK(read_bytes(path) == std::string(5000, 'n'));
    CHECK(check_sqlite_integrity(path).error().code == ErrorCode::corrupted);
}

TEST_CASE("another program's database is refused and left alone") {
    TemporaryFolder folder;
    const std::string path = folder.file("theirs.db");
    RawDatabase(path).execute("CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    const std::string before = read_bytes(path);
    const Error error = open_error(path);
    CHECK(error.code == ErrorCode::invalid_configuration);
    CHECK(mentions(error, "another program"));
    CHECK(read_bytes(path) == before);
}

TEST_CASE("I40 a newer schema is refused with both numbers and without damage") {
    TemporaryFolder folder;
    const std::string path = folder.file("store.db");
    open_store(path);
    RawDatabase(path).execute("PRAGMA user_version=7; PRAGMA wal_checkpoint(TRUNCATE)");
    const std::string before = read_bytes(path);
    const Error error = open_error(path);
    CHECK(error.code == ErrorCode::invalid_configuration);
    CHECK(mentions(error, "version 7"));
    CHECK(mentions(error, "up to 1"));
    CHECK(read_bytes(path) == before);
}

TEST_CASE("a truncated file is told as corrupted") {
    TemporaryFolder folder;
    const std::string path = folder.file("store.db");
    {
        const auto store = open_store(path);
        for (int i = 0; i < 50; ++i)
            REQUIRE(commit(*store, put(document(std::to_string(i), std::string(900, 'x')))).has_value());
    }
    const std::string whole = read_bytes(path);
    write_bytes(path, whole.substr(0, whole.size() / 2 / 4096 * 4096));
    CHECK(open_error(path).code == ErrorCode::corrupted);
    write_bytes(path, whole.substr(0, 50));
    CHECK(open_error(path).code == ErrorCode::corrupted);
}

TEST_CASE("a database that another process holds for itself is unavailable") {
    TemporaryFolder folder;
    const std::string path = folder.file("store.db");
    RawDatabase holder(path);
    holder.execute("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE t (x)");
    CHECK(open_error(path).code == ErrorCode::unavailable);
}

TEST_CASE("a file or a folder that may not be written is refused by name, and nothing is left behind") {
    TemporaryFolder folder;
    const std::string path = folder.file("store.db");
    REQUIRE(commit(*open_store(path), put(document("a"))).has_value());
    const std::string before = read_bytes(path);
    const auto refused = [&](const std::string& opened) {
        REQUIRE(::chmod(folder.path().c_str(), 0555) == 0);
        std::optional<Error> error;
        {
            const AsNobody nobody;
            error = open_error(options_for(opened));
        }
        REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
        CHECK(error->code == ErrorCode::invalid_configuration);
        CHECK_MESSAGE(mentions(*error, opened), error->message);
    };
    SUBCASE("the file") { REQUIRE(::chmod(path.c_str(), 0444) == 0); }
    SUBCASE("the folder, in which the log must be made") { REQUIRE(::chmod(path.c_str(), 0666) == 0); }
    refused(path);
    refused(folder.file("new.db"));
    CHECK(read_bytes(path) == before);
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
    CHECK(contents(*open_store(path)) == "a={}");
}

TEST_CASE("read_only reads and never writes") {
    TemporaryFolder folder;
    const std::string path = folder.file("store.db");
    SqliteOptions read_only = options_for(path);
    read_only.read_only = true;
    CHECK(open_error(read_only).code == ErrorCode::invalid_configuration);
    CHECK_FALSE(fs::exists(path));
    REQUIRE(commit(*open_store(path), put(document("a"))).has_value());
    const auto opened = open_sqlite_store(read_only);
    REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
    CHECK(contents(**opened) == "a={}");
    CHECK(commit(**opened, put(document("b"))).error().code == ErrorCode::invalid_configuration);
    CHECK(contents(**opened) == "a={}");
}

TEST_CASE("new kinds and indexes are added when a store is opened") {
    TemporaryFolder folder;
    SqliteOptions options = options_for(folder.file("store.db"));
    const std::vector<KindDeclaration> old_kinds{{item_kind, {"category", "rank", "label", "note"}, {}}};
    options.kinds = old_kinds;
    {
        const auto store = open_sqlite_store(options);
        REQUIRE(store.has_value());
        REQUIRE(commit(**store, put(document("a", "{}", "x"))).has_value());
        Document unknown;
        unknown.kind = other_kind;
        unknown.id = "b";
        CHECK(commit(**store, put(unknown)).error().code == ErrorCode::invalid_request);
    }
    const auto store = open_store(options.path);
    CHECK(contents(*store) == "a={}");
    Document known;
    known.kind = other_kind;
    known.id = "b";
    CHECK(commit(*store, put(known)).has_value());
    RawDatabase raw(options.path);
    CHECK(raw.number("SELECT count(*) FROM sqlite_schema WHERE name='conformance_item:category,rank'") == 1);
}

TEST_CASE("changed index fields of stored documents need a migration; of none they do not") {
    TemporaryFolder folder;
    SqliteOptions options = options_for(folder.file("store.db"));
    auto stored = open_store(options.path);
    REQUIRE(commit(*stored, put(document("a", "{}", "x"))).has_value());
    stored.reset();

    const std::vector<KindDeclaration> reordered{{item_kind, {"note", "label", "rank", "category"}, {}}};
    options.kinds = reordered;
    {
        const auto store = open_sqlite_store(options);
        REQUIRE_MESSAGE(store.has_value(), store.error().message);
        const auto read = (*store)->read("p", item_kind, {"a"});
        REQUIRE_MESSAGE(read.has_value(), read.error().message);
        CHECK((*read)[0]->index == std::vector<IndexValue>{{}, {}, {}, "x"}); // by name, not by place
    }
    const std::vector<KindDeclaration> changed{{item_kind, {"category", "size"}, {}},
                                               {other_kind, {"size"}, {{{"size"}}}}};
    options.kinds = changed;
    const Error error = open_error(options);
    CHECK(error.code == ErrorCode::invalid_configuration);
    CHECK(mentions(error, item_kind));
    CHECK(mentions(error, "size"));
    REQUIRE(commit(*open_store(options.path), castiel_sync::remove(item_kind, "a")).has_value());
    const auto store = open_sqlite_store(options);
    CHECK_MESSAGE(store.has_value(), store.error().message);
}

TEST_CASE("declarations that a store can't carry are refused") {
    TemporaryFolder folder;
    SqliteOptions options = options_for(folder.file("store.db"));
    const std::vector<std::vector<KindDeclaration>> faulty{
        {{"Upper", {}, {}}},        {{"castiel_x", {}, {}}},     {{"a b", {}, {}}},
        {{"k", {"body"}, {}}},      {{"k", {"x", "x"}, {}}},     {{"k", {"x\""}, {}}},
        {{"k", {"x"}, {{{"y"}}}}},  {{"k", {"x"}, {{{}}}}},      {{"k", {}, {}}, {"k", {}, {}}},
        {{"", {}, {}}},
    };
    for (const auto& kinds : faulty) {
        options.kinds = kinds;
        CHECK(open_error(options).code == ErrorCode::invalid_configuration);
    }
}

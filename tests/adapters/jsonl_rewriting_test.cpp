// The file is replaced as a whole or not at all, and nobody's edit is lost to it.
#include "jsonl_folder.hpp"

#include <core/hashes.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

using namespace castiel_sync;
using namespace castiel_sync::testing;

using Status = PushOutcome::Status;

namespace {

constexpr std::string_view two_lines = "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":1}\n";

// A disk that is full from this many bytes of a file on.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        rlimit limit = before_;
        limit.rlim_cur = bytes;
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int);
};

} // namespace

TEST_CASE("a reader sees the old file until it sees the new one") {
    JsonlFolder folder;
    folder.write(two_lines);
    JsonlHooks hooks;
    std::string seen;
    Listing listed;
    hooks.before_rename = [&] {
        seen = folder.read();
        listed = list(*folder.adapter());
    };
    const auto outcomes = pushed(*folder.adapter(hooks), {update("a", R"({"id":"a","n":2})"), removal("b")});
    CHECK(outcomes[0].status == Status::applied);
    CHECK(seen == two_lines);
    CHECK(listed.records.size() == 2);
    CHECK(folder.read() == "{\"id\":\"a\",\"n\":2}\n");
    CHECK(folder.others().empty());
}

TEST_CASE("what is appended behind half a line end completes it and leaves the line before it alone") {
    JsonlFolder folder;
    folder.write("{\"id\":\"a\"}\n{\"id\":\"b\"}\r");
    const auto adapter = folder.adapter();
    const std::string version = list(*adapter).records.at("b").version;
    const auto outcomes = pushed(*adapter, {create("key", R"({"n":1})")});
    REQUIRE(outcomes[0].status == Status::applied);
    CHECK(folder.read() == "{\"id\":\"a\"}\n{\"id\":\"b\"}\r\n{\"id\":\"" + outcomes[0].id + "\",\"n\":1}\n");
    CHECK(list(*adapter).records.at("b").version == version);
    CHECK(list(*folder.adapter()).records.at("b").version == version); // who reads the file anew sees no change
}

TEST_CASE("half a line end behind an over-long line is completed as well") {
    JsonlFolder folder;
    JsonlOptions options = folder.options();
    options.max_line_bytes = 64;
    const std::string before = "{\"id\":\"a\"}\n" + std::string(70, 'x') + "\r";
    folder.write(before);
    const auto outcomes = pushed(*make_jsonl_adapter(options), {create("key", R"({"n":1})")});
    REQUIRE(outcomes[0].status == Status::applied);
    CHECK(folder.read() == before + "\n{\"id\":\"" + outcomes[0].id + "\",\"n\":1}\n");
}

TEST_CASE("an over-long line keeps its place in a listing, whatever is edited before it") {
    JsonlFolder folder;
    JsonlOptions options = folder.options();
    options.max_line_bytes = 64;
    const auto adapter = [&] { return make_jsonl_adapter(options); };
    folder.write("{\"id\":\"a\"}\n" + std::string(65, 'x') + "\n" + std::string(70, 'y') + "\n{\"id\":\"b\"}\n");
    std::vector<std::string> met;
    std::string cursor;
    for (bool more = true; more;) {
        const auto page = pull(*adapter(), 1, cursor).value(); // each page by a process of its own
        for (const Record& record : page.records)
            met.push_back(record.id);
        for (const RecordFault& fault : page.faults)
            met.push_back(fault.place);
        cursor = page.next;
        more = page.has_more;
        const std::string fields = R"({"id":"a","n":)" + std::to_string(met.size() * 1'000'000) + "}";
        REQUIRE(pushed(*adapter(), {update("a", fields)})[0].status == Status::applied);
    }
    std::sort(met.begin(), met.end());
    CHECK(met == std::vector<std::string>{"a", "b", "contacts.jsonl:2", "contacts.jsonl:3"});
}

TEST_CASE("a line that comes to stand first is read as who reads the file anew reads it") {
    JsonlFolder folder;
    folder.write("{\"id\":\"a\"}\n\xef\xbb\xbf{\"id\":\"b\"}\n"); // the second of two files kept its byte order mark
    const auto adapter = folder.adapter();
    CHECK(list(*adapter).faults.size() == 1);
    REQUIRE(pushed(*adapter, {removal("a")})[0].status == Status::applied);
    CHECK(list(*folder.adapter()).records.count("b") == 1);
    CHECK(list(*adapter).records.count("b") == 1);
}

TEST_CASE("a last line with half a line end is edited and removed as a whole") {
    JsonlFolder folder;
    folder.write("{\"id\":\"a\"}\n{\"id\":\"b\"}\r");
    CHECK(pushed(*folder.adapter(), {update("b", R"({"id":"b","n":1})")})[0].status == Status::applied);
    CHECK(folder.read() == "{\"id\":\"a\"}\n{\"id\":\"b\",\"n\":1}\r");
    CHECK(pushed(*folder.adapter(), {removal("b")})[0].status == Status::applied);
    CHECK(folder.read() == "{\"id\":\"a\"}\n");
}

TEST_CASE("I2: an edit made while the new file is being written is not overwritten") {
    JsonlFolder folder;
    folder.write(two_lines);
    int calls = 0;
    JsonlHooks hooks;
    std::string expected;
    SUBCASE("a line appended in place") {
        hooks.before_replacing = [&] {
            if (++calls == 1) folder.append("{\"id\":\"c\"}\n");
        };
        expected = "{\"id\":\"a\",\"n\":2}\n{\"id\":\"b\",\"n\":1}\n{\"id\":\"c\"}\n";
    }
    SUBCASE("another line changed in place, with the same length, a moment after the last change") {
        hooks.before_replacing = [&] {
            if (++calls == 1) folder.write("{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":7}\n");
        };
        expected = "{\"id\":\"a\",\"n\":2}\n{\"id\":\"b\",\"n\":7}\n";
    }
    SUBCASE("the file replaced by another one") {
        hooks.before_replacing = [&] {
            if (++calls == 1) folder.replace("{\"id\":\"b\",\"n\":8}\n{\"id\":\"a\",\"n\":1}\n");
        };
        expected = "{\"id\":\"b\",\"n\":8}\n{\"id\":\"a\",\"n\":2}\n";
    }
    SUBCASE("the file edited before its lines are looked at") {
        hooks.before_lines_are_read = [&] {
            if (++calls == 1) folder.write("{\"id\":\"b\",\"n\":3}\n{\"id\":\"a\",\"n\":1}\n");
        };
        expected = "{\"id\":\"b\",\"n\":3}\n{\"id\":\"a\",\"n\":2}\n";
    }
    const auto outcomes = pushed(*folder.adapter(hooks), {update("a", R"({"id":"a","n":2})")});
    CHECK(outcomes[0].status == Status::applied);
    CHECK(folder.read() == expected);
    CHECK(folder.others().empty());
}

TEST_CASE("I2: an edit of the very record that is being written makes the write stale") {
    JsonlFolder folder;
    folder.write(two_lines);
    int calls = 0;
    JsonlHooks hooks;
    hooks.before_replacing = [&] {
        if (++calls == 1) folder.write("{\"id\":\"a\",\"n\":5}\n{\"id\":\"b\",\"n\":1}\n");
    };
    const auto adapter = folder.adapter(hooks);
    const std::string version = list(*adapter).records.at("a").version;
    const auto outcomes = pushed(*adapter, {update("a", R"({"id":"a","n":2})", version), removal("b")});
    CHECK(outcomes[0].status == Status::stale);
    CHECK(outcomes[1].status == Status::applied);
    CHECK(folder.read() == "{\"id\":\"a\",\"n\":5}\n");
}

TEST_CASE("a file that is edited all the time is left alone in the end") {
    JsonlFolder folder;
    folder.write(two_lines);
    JsonlHooks hooks;
    hooks.before_replacing = [&] { folder.append("\n"); };
    const auto outcomes = push(*folder.adapter(hooks), {update("a", R"({"id":"a","n":2})")});
    REQUIRE(outcomes.has_error());
    CHECK(outcomes.error().code == ErrorCode::unavailable);
    CHECK(outcomes.error().message.find("contacts.jsonl") != std::string::npos);
    CHECK(folder.read().starts_with(two_lines));
    CHECK(folder.others().empty());
}

TEST_CASE("a full disk leaves the old file, no temporary one, and says what to do") {
    JsonlFolder folder;
    const std::string content =
        std::string(two_lines) + "{\"id\":\"big\",\"x\":\"" + std::string(300'000, 'x') + "\"}\n";
    folder.write(content);
    const auto adapter = folder.adapter();
    {
        const FileSizeLimit limit(100'000);
        const auto outcomes = push(*adapter, {update("a", R"({"id":"a","n":2})")});
        REQUIRE(outcomes.has_error());
        CHECK(outcomes.error().code == ErrorCode::out_of_space);
        CHECK(outcomes.error().message.find(folder.file().string()) != std::string::npos);
    }
    CHECK(folder.read() == content);
    CHECK(folder.others().empty());
    CHECK(pushed(*adapter, {update("a", R"({"id":"a","n":2})")})[0].status == Status::applied);
}

TEST_CASE("a folder that may not be written is forbidden, and its file stays") {
    JsonlFolder folder;
    folder.write(two_lines);
    ::chmod(folder.file().c_str(), 0666);
    ::chmod(folder.path().c_str(), 0555);
    const bool root = ::geteuid() == 0;
    if (root) REQUIRE(::seteuid(65534) == 0);
    const auto adapter = folder.adapter();
    const auto page = pull(*adapter);
    const auto outcomes = push(*adapter, {update("a", R"({"id":"a","n":2})")});
    if (root) REQUIRE(::seteuid(0) == 0);
    ::chmod(folder.path().c_str(), 0700);
    CHECK(page.has_value());
    REQUIRE(outcomes.has_error());
    CHECK(outcomes.error().code == ErrorCode::forbidden);
    CHECK(outcomes.error().message.find(folder.path().string()) != std::string::npos);
    CHECK(folder.read() == two_lines);
}

TEST_CASE("a rename that fails leaves the old file") {
    JsonlFolder folder;
    folder.write(two_lines);
    JsonlHooks hooks;
    hooks.before_rename = [&] {
        for (const std::string& name : folder.others())
            std::filesystem::remove(folder.path() / name);
    };
    const auto outcomes = push(*folder.adapter(hooks), {update("a", R"({"id":"a","n":2})")});
    REQUIRE(outcomes.has_error());
    CHECK(outcomes.error().message.find("contacts.jsonl") != std::string::npos);
    CHECK(folder.read() == two_lines);
}

TEST_CASE("what a killed process left behind is removed by the next push, and nothing else is") {
    JsonlFolder folder;
    folder.write(two_lines);
    for (const char* name : {".castiel-sync-4711.tmp", "mine.tmp", ".castiel-sync-notes"})
        std::ofstream(folder.path() / name) << "x";
    pushed(*folder.adapter(), {update("a", R"({"id":"a","n":2})")});
    auto others = folder.others();
    std::sort(others.begin(), others.end());
    CHECK(others == std::vector<std::string>{".castiel-sync-notes", "mine.tmp"});
}

TEST_CASE("mode and links of the file are kept") {
    JsonlFolder folder;
    const auto real = folder.path() / "real";
    std::filesystem::create_directory(real);
    std::ofstream(real / "data.txt") << two_lines;
    ::chmod((real / "data.txt").c_str(), 0640);
    std::filesystem::create_symlink(real / "data.txt", folder.file());
    pushed(*folder.adapter(), {removal("a")});
    CHECK(std::filesystem::is_symlink(folder.file()));
    CHECK(folder.read() == "{\"id\":\"b\",\"n\":1}\n");
    struct stat status {};
    REQUIRE(::stat((real / "data.txt").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0640);
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(real))
        files += entry.path().filename() == ".castiel-sync.lock" ? 0 : 1;
    CHECK(files == 1);
}

TEST_CASE("writers of one folder take turns, and no record of either is lost") {
    JsonlFolder folder;
    folder.write("");
    constexpr int pushes = 15;
    const auto write_many = [&](const std::string& name) {
        const auto adapter = folder.adapter();
        for (int i = 0; i < pushes; ++i) {
            PushRequest request;
            request.entity = "contacts";
            request.items.push_back(create(name + std::to_string(i), "{}"));
            if (!adapter->push(request)) return;
        }
    };
    std::thread other([&] { write_many("x"); });
    write_many("y");
    other.join();
    CHECK(list(*folder.adapter()).records.size() == 2 * pushes);
    CHECK(folder.others().empty());
}

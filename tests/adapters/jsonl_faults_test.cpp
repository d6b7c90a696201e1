#include "jsonl_folder.hpp"

#include <core/json_text.hpp>

#include <sys/resource.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

struct BadLine {
    const char* name;
    std::string line;
    std::string id;      // as far as the line says it
    std::string message; // part of it
};

const std::vector<BadLine>& bad_lines() {
    static const std::vector<BadLine> lines{
        {"not JSON", "garbage", "", "unexpected character"},
        {"cut off", "{\"id\":\"x\",\"name\":\"Ad", "", "the text ends"},
        {"two objects", "{\"id\":\"x\"}{\"id\":\"y\"}", "", "after the end"},
        {"a trailing comma", "{\"id\":\"x\",}", "", "unexpected"},
        {"an array", "[1,2]", "", "an object is expected"},
        {"a string", "\"text\"", "", "an object is expected"},
        {"an empty object", "{}", "", "has no \"id\""},
        {"no id", "{\"name\":\"x\"}", "", "has no \"id\""},
        {"an id in a nested object only", "{\"x\":{\"id\":\"y\"}}", "", "has no \"id\""},
        {"an empty id", "{\"id\":\"\"}", "", "is empty"},
        {"a boolean id", "{\"id\":true}", "", "kind bool"},
        {"a null id", "{\"id\":null}", "", "kind null"},
        {"a fractional id", "{\"id\":1.5}", "", "kind double"},
        {"an exponent in the id", "{\"id\":1e3}", "", "kind double"},
        {"an array as id", "{\"id\":[1]}", "", "kind array"},
        {"an object as id", "{\"id\":{\"a\":1}}", "", "kind object"},
        {"an id with a leading zero", "{\"id\":007}", "", "unexpected"},
        {"an id beyond 64 bits", "{\"id\":123456789012345678901}", "", "exactly"},
        {"an id over 512 bytes", "{\"id\":\"" + std::string(513, 'x') + "\"}", "", "at most 512"},
        {"an id with U+0000", "{\"id\":\"a\\u0000b\"}", "", "U+0000"},
        {"the id twice", "{\"id\":\"x\",\"id\":\"y\"}", "", "second member named"},
        {"the id twice, once escaped", "{\"id\":\"x\",\"i\\u0064\":\"y\"}", "", "second member named"},
        {"another member twice", "{\"id\":\"x\",\"a\":1,\"a\":2}", "x", "second member named"},
        {"invalid UTF-8", "{\"id\":\"x\",\"name\":\"\xc3\x28\"}", "x", "UTF-8"},
        {"invalid UTF-8 in the id", "{\"id\":\"\xff\"}", "", "UTF-8"},
        {"an overlong form", "{\"id\":\"x\",\"name\":\"\xc0\xaf\"}", "x", "UTF-8"},
        {"a lone surrogate", "{\"id\":\"x\",\"name\":\"\\ud800\"}", "x", "surrogate"},
        {"a surrogate encoded as UTF-8", "{\"id\":\"x\",\"name\":\"\xed\xa0\x80\"}", "x", "UTF-8"},
        {"a NUL byte", std::string("{\"id\":\"x\",\"name\":\"a\0b\"}", 23), "x", "control character 0x00"},
        {"a NUL byte outside", std::string("{\"id\":\"x\"}\0", 11), "", "after the end"},
        {"a raw tab in a text", "{\"id\":\"x\",\"name\":\"a\tb\"}", "x", "control character 0x09"},
        {"an inexact number", "{\"id\":\"x\",\"n\":0.1234567890123456789}", "x", "exactly"},
        {"an integer beyond 64 bits", "{\"id\":\"x\",\"n\":12345678901234567890123}", "x", "exactly"},
        {"a number out of range", "{\"id\":\"x\",\"n\":1e400}", "x", "exactly"},
        {"NaN", "{\"id\":\"x\",\"n\":NaN}", "x", "unexpected"},
        {"nested too deep", "{\"id\":\"x\",\"n\":" + std::string(100, '[') + std::string(100, ']') + "}", "x",
         "deeper"},
        {"a comment", "{\"id\":\"x\"} // note", "", "after the end"},
    };
    return lines;
}

} // namespace

TEST_CASE("a bad line is told with its place and what to do, and the other lines flow") {
    for (const BadLine& bad : bad_lines()) {
        CAPTURE(bad.name);
        JsonlFolder folder;
        folder.write("{\"id\":\"before\"}\n\n" + bad.line + "\n{\"id\":\"after\"}\n");
        const Listing listing = list(*folder.adapter());
        CHECK(listing.records.size() == 2);
        CHECK(listing.records.contains("before"));
        CHECK(listing.records.contains("after"));
        REQUIRE(listing.faults.size() == 1);
        const RecordFault& fault = listing.faults.front();
        CHECK(fault.id == bad.id);
        CHECK(fault.place == "contacts.jsonl:3");
        CHECK(fault.error.code == ErrorCode::invalid_record);
        CHECK(fault.error.message.starts_with("contacts.jsonl:3: "));
        CAPTURE(fault.error.message);
        CHECK(fault.error.message.find(bad.message) != std::string::npos);
        CHECK_FALSE(fault.payload.empty());
        CHECK(is_utf8(fault.payload));
    }
}

TEST_CASE("an id on several lines makes all of them faults: nobody knows which one is right") {
    JsonlFolder folder;
    folder.write("{\"id\":42,\"n\":1}\n{\"id\":\"other\"}\n{\"id\":\"42\",\"n\":2}\n{\"n\":3,\"id\":42}\n");
    const Listing listing = list(*folder.adapter());
    CHECK(listing.records.size() == 1);
    REQUIRE(listing.faults.size() == 3);
    for (const RecordFault& fault : listing.faults) {
        CHECK(fault.id == "42");
        CHECK(fault.error.message.find("1, 3, 4") != std::string::npos);
    }
}

TEST_CASE("a line over maxLineBytes is a fault, and the lines around it flow") {
    JsonlFolder folder;
    JsonlOptions options = folder.options();
    options.max_line_bytes = 2000;
    const std::string exact = "{\"id\":\"exact\",\"x\":\"" + std::string(2000 - 21, 'x') + "\"}";
    REQUIRE(exact.size() == 2000);
    for (const char* line_end : {"\n", "\r\n"}) {
        for (const std::size_t size : {2001UL, 3000UL, 5'000'000UL}) {
            std::string line = "{\"id\":\"long\",\"x\":\"" + std::string(size, 'x');
            line.resize(size - 2);
            line += "\"}";
            for (const bool last : {false, true}) {
                CAPTURE(size);
                CAPTURE(last);
                const std::string end = line_end;
                folder.write(last ? exact + end + line : line + end + exact + end);
                const auto adapter = make_jsonl_adapter(options);
                const Listing listing = list(*adapter);
                CHECK(listing.records.contains("exact"));
                REQUIRE(listing.faults.size() == 1);
                CHECK(listing.faults[0].place == (last ? "contacts.jsonl:2" : "contacts.jsonl:1"));
                CHECK(listing.faults[0].error.message.find("maxLineBytes") != std::string::npos);
                CHECK(listing.faults[0].payload.size() <= 64 * 1024);
                CHECK(listing.faults[0].payload.starts_with("{\"id\":\"long\""));
            }
        }
    }
}

TEST_CASE("I35: a line of 100 MB is skipped without loading it") {
    JsonlFolder folder;
    folder.write("{\"id\":\"before\"}\n");
    std::filesystem::resize_file(folder.file(), 100'000'000);
    folder.append("\n{\"id\":\"after\"}\n");
    rusage before{};
    ::getrusage(RUSAGE_SELF, &before);
    const auto adapter = folder.adapter();
    const Listing listing = list(*adapter);
    rusage after{};
    ::getrusage(RUSAGE_SELF, &after);
    CHECK(listing.records.size() == 2);
    REQUIRE(listing.faults.size() == 1);
    CHECK(listing.faults[0].place == "contacts.jsonl:2");
    CHECK(listing.faults[0].payload.size() <= 64 * 1024);
    CHECK(after.ru_maxrss - before.ru_maxrss < 60 * 1024); // KiB

    // It is carried along by a write, too.
    const auto outcomes = pushed(*adapter, {update("after", "{\"id\":\"after\",\"x\":1}")});
    CHECK(outcomes[0].status == PushOutcome::Status::applied);
    CHECK(std::filesystem::file_size(folder.file()) == 100'000'016 + 6);
    ::getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_maxrss - before.ru_maxrss < 60 * 1024);
}

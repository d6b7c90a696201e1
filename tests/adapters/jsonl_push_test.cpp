// What a push comes to, item by item, and which bytes it leaves.
#include "jsonl_folder.hpp"

#include <core/hashes.hpp>

#include <sys/stat.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;

using Status = PushOutcome::Status;

namespace {

std::string line_of(const std::string& key, const std::string& rest) {
    return "{\"id\":\"" + id_from_key(key) + "\"" + rest + "}";
}

} // namespace

TEST_CASE("what a push does not touch stays as it is, byte for byte") {
    JsonlFolder folder;
    const std::string garbage = "  garbage \xff here\r\n";
    folder.write("\xef\xbb\xbf{\"id\": \"a\" , \"n\": 1.0}\r\n\r\n" + garbage +
                 "{\"id\":\"b\"}\n{\"id\":\"c\"}\r\n{ \"id\":\"d\" }");
    const auto outcomes =
        pushed(*folder.adapter(), {update("b", R"({"id":"b","n":2})"), removal("c"), create("k", R"({"z":1,"a":2})")});
    for (const PushOutcome& outcome : outcomes)
        CHECK(outcome.status == Status::applied);
    CHECK(folder.read() == "\xef\xbb\xbf{\"id\": \"a\" , \"n\": 1.0}\r\n\r\n" + garbage +
                               "{\"id\":\"b\",\"n\":2}\n{ \"id\":\"d\" }\r\n" + line_of("k", ",\"z\":1,\"a\":2") +
                               "\r\n");
}

TEST_CASE("the end of the file is kept, or mended where a line is added") {
    JsonlFolder folder;
    const auto after = [&](std::string_view content, std::vector<PushItem> items) {
        folder.write(content);
        pushed(*folder.adapter(), std::move(items));
        return folder.read();
    };
    const std::string added = line_of("k", "");
    CHECK(after("{\"id\":1}\n{\"id\":2}", {update("2", R"({"id":2,"n":1})")}) == "{\"id\":1}\n{\"id\":2,\"n\":1}");
    CHECK(after("{\"id\":1}\n{\"id\":2}", {removal("2")}) == "{\"id\":1}\n");
    CHECK(after("{\"id\":1}\n{\"id\":2}", {removal("2"), create("k", "{}")}) == "{\"id\":1}\n" + added + "\n");
    CHECK(after("{\"id\":1}\n{\"id\":2}", {create("k", "{}")}) == "{\"id\":1}\n{\"id\":2}\n" + added + "\n");
    CHECK(after("", {create("k", "{}")}) == added + "\n");
    CHECK(after("\xef\xbb\xbf", {create("k", "{}")}) == "\xef\xbb\xbf" + added + "\n");
    CHECK(after("{\"id\":1}", {removal("1")}).empty());
    CHECK(after("\xef\xbb\xbf{\"id\":1}\r\n", {removal("1")}) == "\xef\xbb\xbf");
    CHECK(after("{\"id\":1}\n  ", {create("k", "{}")}) == "{\"id\":1}\n  \n" + added + "\n");
}

TEST_CASE("a create puts the id first, keeps the order of its fields and tells what it stored") {
    JsonlFolder folder;
    folder.write("");
    const auto adapter = folder.adapter();
    const auto outcomes = pushed(*adapter, {create("k", R"({"b":1,"updatedAt":"2026-01-01T00:00:00Z","a":[null]})")});
    REQUIRE(outcomes[0].status == Status::applied);
    CHECK(outcomes[0].id == id_from_key("k"));
    CHECK_FALSE(outcomes[0].integer_id);
    CHECK(outcomes[0].modified_at == parse_timestamp("2026-01-01T00:00:00Z"));
    REQUIRE(outcomes[0].fields.has_value());
    const Listing listing = list(*adapter);
    const Record& record = listing.records.at(outcomes[0].id);
    CHECK(*outcomes[0].fields == record.fields);
    CHECK(outcomes[0].version == record.version);
    CHECK(to_json(record.fields).starts_with("{\"id\":\"" + outcomes[0].id + "\",\"b\":1,\"updatedAt\""));
}

TEST_CASE("fields that would change the record's id are refused, and the type of an id is kept") {
    JsonlFolder folder;
    folder.write("{\"id\":42}\n{\"id\":\"a\"}\n");
    const auto adapter = folder.adapter();
    const auto outcomes =
        pushed(*adapter, {update("42", R"({"id":"42"})"), update("42", R"({"id":43})"), update("a", R"({"id":null})"),
                          create("k", R"({"id":"mine"})"), update("a", R"({"n":1})"), update("42", R"({"n":1})")});
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(outcomes[i].status == Status::rejected);
        REQUIRE(outcomes[i].error.has_value());
        CHECK(outcomes[i].error->message.find("id") != std::string::npos);
    }
    CHECK(outcomes[4].status == Status::applied);
    CHECK(outcomes[5].status == Status::applied);
    CHECK(outcomes[5].integer_id);
    CHECK(folder.read() == "{\"id\":42,\"n\":1}\n{\"id\":\"a\",\"n\":1}\n");
}

TEST_CASE("I2: a write decided on another state of the line is stale and changes nothing") {
    JsonlFolder folder;
    folder.write("{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":1}\n");
    const auto adapter = folder.adapter();
    const Listing seen = list(*adapter);
    folder.replace("{\"id\":\"b\",\"n\":1}\n{\"id\":\"a\",\"n\":2}\n");
    struct stat before {};
    REQUIRE(::stat(folder.file().c_str(), &before) == 0);
    auto outcomes =
        pushed(*adapter, {update("a", R"({"id":"a","n":9})", seen.records.at("a").version),
                          removal("a", seen.records.at("a").version), update("gone", "{}", "1"), removal("gone", "1")});
    CHECK(outcomes[0].status == Status::stale);
    CHECK(outcomes[1].status == Status::stale);
    CHECK(outcomes[2].status == Status::absent);
    CHECK(outcomes[3].status == Status::applied);
    struct stat after {};
    REQUIRE(::stat(folder.file().c_str(), &after) == 0);
    CHECK(after.st_ino == before.st_ino); // nothing to write: the file was not even replaced
    outcomes = pushed(*adapter, {update("b", R"({"id":"b","n":9})", seen.records.at("b").version)});
    CHECK(outcomes[0].status == Status::applied);
    CHECK(folder.read() == "{\"id\":\"b\",\"n\":9}\n{\"id\":\"a\",\"n\":2}\n");
}

TEST_CASE("items on one record see what those before them did") {
    JsonlFolder folder;
    folder.write("{\"id\":\"a\",\"n\":1}\n");
    const auto adapter = folder.adapter();
    const std::string first = list(*adapter).records.at("a").version;
    const std::string made = id_from_key("k");
    const auto outcomes =
        pushed(*adapter, {update("a", R"({"id":"a","n":2})", first), update("a", R"({"id":"a","n":3})", first),
                          create("k", R"({"n":1})"), create("k", R"({"n":1})"), update(made, R"({"n":2})"),
                          removal("a"), update("a", R"({"id":"a"})"), create("l", "{}"), removal(id_from_key("l"))});
    const Status expected[]{Status::applied, Status::stale,  Status::applied, Status::applied, Status::applied,
                            Status::applied, Status::absent, Status::applied, Status::applied};
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        CAPTURE(i);
        CHECK(outcomes[i].status == expected[i]);
    }
    CHECK(outcomes[2].id == outcomes[3].id);
    CHECK(folder.read() == "{\"id\":\"" + made + "\",\"n\":2}\n");
}

TEST_CASE("I6: a create repeated after a crash finds the record, edited or not") {
    JsonlFolder folder;
    folder.write("");
    const auto first = pushed(*folder.adapter(), {create("k", R"({"n":1})")});
    const auto again = pushed(*folder.adapter(), {create("k", R"({"n":1})")});
    CHECK(again[0].status == Status::applied);
    CHECK(again[0].version == first[0].version);
    folder.write("{\"id\":\"" + first[0].id + "\",\"n\":2}\n");
    const auto edited = pushed(*folder.adapter(), {create("k", R"({"n":1})")});
    CHECK(edited[0].status == Status::applied);
    // The version of what was created: the edit will differ from it.
    CHECK(edited[0].version == first[0].version);
    REQUIRE(edited[0].fields.has_value());
    CHECK(edited[0].fields->at("n") == 2);
    CHECK(folder.read() == "{\"id\":\"" + first[0].id + "\",\"n\":2}\n");
}

TEST_CASE("I6: a create repeated behind an update of the same push tells what that wrote") {
    JsonlFolder folder;
    folder.write("");
    const auto adapter = folder.adapter();
    const std::string id = id_from_key("k");
    const auto check = [&](const std::vector<PushOutcome>& outcomes) {
        REQUIRE(outcomes.back().fields.has_value());
        CHECK(outcomes.back().fields->at("n") == 2);
    };
    check(pushed(*adapter, {create("k", R"({"n":1})"), update(id, R"({"n":2})"), create("k", R"({"n":1})")}));
    folder.write("{\"id\":\"" + id + "\",\"n\":5}\n");
    check(pushed(*adapter, {update(id, R"({"n":2})"), create("k", R"({"n":1})")}));
}

TEST_CASE("nobody writes to a record that can't be told from another") {
    JsonlFolder folder;
    const std::string content = "{\"id\":1}\n{\"id\":\"1\"}\n{\"id\":\"broken\",\"n\":NaN}\ngarbage\n";
    folder.write(content);
    const auto outcomes = pushed(*folder.adapter(), {update("1", R"({"id":1,"n":1})"), removal("1"),
                                                     update("broken", R"({"id":"broken"})"), removal("broken"),
                                                     update("gone", R"({"id":"gone"})"), removal("gone")});
    for (const PushOutcome& outcome : outcomes) {
        CHECK(outcome.status == Status::rejected);
        REQUIRE(outcome.error.has_value());
        CHECK(outcome.error->message.find("contacts.jsonl") != std::string::npos);
    }
    CHECK(folder.read() == content);
}

TEST_CASE("a record that could not be read back is not written, and hinders no other") {
    JsonlFolder folder;
    folder.write("");
    JsonlOptions options = folder.options();
    options.max_line_bytes = 2000;
    const auto adapter = make_jsonl_adapter(options);
    std::vector<PushItem> items{create("ok", "{}"),    create("long", "{}"), create("deep", "{}"),
                                create("bytes", "{}"), create("", "{}"),     update("", "{}")};
    items[1].fields["text"] = std::string(2000, 'x');
    json::value nested = 1;
    for (int i = 0; i < 100; ++i)
        nested = json::array{nested};
    items[2].fields["nested"] = nested;
    items[3].fields["text"] = "\xff";
    const auto outcomes = pushed(*adapter, std::move(items));
    CHECK(outcomes[0].status == Status::applied);
    for (std::size_t i = 1; i < outcomes.size(); ++i) {
        CHECK(outcomes[i].status == Status::rejected);
        CHECK(outcomes[i].error.has_value());
    }
    CHECK(folder.read() == line_of("ok", "") + "\n");
}

TEST_CASE("an adapter that has written lists what a new one lists") {
    for (const std::string start : {"", "\xef\xbb\xbf", "\r\n", "garbage\n", "{\"id\":\"first\"}"}) {
        JsonlFolder folder;
        folder.write(start);
        const auto adapter = folder.adapter();
        for (std::size_t round = 0; round < 12; ++round) {
            std::vector<PushItem> items;
            for (std::size_t i = 0; i < 20; ++i) {
                const std::string key = std::to_string((round * 7 + i * 3) % 40);
                const std::string fields = "{\"t\":\"" + std::string((round * 31 + i * 17) % 50, 'x') + "\"}";
                if ((round + i) % 3 == 0)
                    items.push_back(removal(id_from_key(key)));
                else if ((round + i) % 3 == 1)
                    items.push_back(update(id_from_key(key), fields));
                else
                    items.push_back(create(key, fields));
            }
            pushed(*adapter, std::move(items));
            const Listing mine = list(*adapter, 7);
            const Listing fresh = list(*folder.adapter(), 7);
            REQUIRE(mine.records.size() == fresh.records.size());
            for (const auto& [id, record] : fresh.records)
                REQUIRE(mine.records.at(id).version == record.version);
            REQUIRE(mine.faults.size() == fresh.faults.size());
            for (std::size_t i = 0; i < fresh.faults.size(); ++i)
                REQUIRE(mine.faults[i].place == fresh.faults[i].place);
        }
    }
}

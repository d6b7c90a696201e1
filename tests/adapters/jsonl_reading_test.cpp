#include "jsonl_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

// Root may read everything, so these tests step down for a while.
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

std::string numbered(int number, std::string_view text = "x") {
    return "{\"id\":\"r" + std::to_string(number) + "\",\"t\":\"" + std::string(text) + "\"}\n";
}

} // namespace

TEST_CASE("an id is a string or an integer, and its type is kept") {
    JsonlFolder folder;
    folder.write("{\"id\":\"a\"}\n{\"id\":42}\n{\"id\":-7}\n{\"id\":18446744073709551615}\n{\"id\":\"\\u00e9\"}\n"
                 "{\"name\":\"id last\",\"x\":{\"id\":\"nested\"},\"id\":\"z\"}\n");
    const Listing listing = list(*folder.adapter());
    CHECK(listing.faults.empty());
    REQUIRE(listing.records.size() == 6);
    CHECK_FALSE(listing.records.at("a").integer_id);
    CHECK(listing.records.at("42").integer_id);
    CHECK(listing.records.at("-7").integer_id);
    CHECK(listing.records.at("18446744073709551615").integer_id);
    CHECK(listing.records.contains("\xc3\xa9"));
    CHECK(listing.records.contains("z"));
}

TEST_CASE("a byte order mark, CRLF, blank lines and a missing last line end are tolerated") {
    JsonlFolder folder;
    folder.write("\xef\xbb\xbf{\"id\":\"a\"}\r\n\r\n   \n\t{\"id\":\"b\"} \n\n{\"id\":\"c\"}");
    const Listing listing = list(*folder.adapter());
    CHECK(listing.faults.empty());
    CHECK(listing.records.size() == 3);
}

TEST_CASE("an empty file is an empty side") {
    JsonlFolder folder;
    for (const char* content : {"", "\xef\xbb\xbf", "\n", "\r\n \n"}) {
        folder.write(content);
        const auto page = pull(*folder.adapter());
        REQUIRE(page.has_value());
        CHECK(page->records.empty());
        CHECK(page->faults.empty());
        CHECK_FALSE(page->has_more);
        CHECK_FALSE(page->next.empty());
        CHECK(page->listing);
        CHECK(page->total == 0);
    }
}

TEST_CASE("I38: what can't be read is an error that names the path, never an empty page") {
    JsonlFolder folder;
    const auto adapter = folder.adapter();
    const auto check_error = [&](ErrorCode code) {
        const auto page = pull(*adapter);
        REQUIRE(page.has_error());
        CHECK(page.error().code == code);
        CHECK(page.error().message.find("contacts.jsonl") != std::string::npos);
        const auto fetched = fetch(*adapter, {"a"});
        REQUIRE(fetched.has_error());
        CHECK(fetched.error().code == code);
        CHECK(push(*adapter, {create("k", "{}")}).has_error());
    };
    SUBCASE("a missing file") { check_error(ErrorCode::invalid_configuration); }
    SUBCASE("a folder in its place") {
        std::filesystem::create_directory(folder.file());
        check_error(ErrorCode::invalid_configuration);
    }
    SUBCASE("a pipe in its place, which nobody writes") {
        REQUIRE(::mkfifo(folder.file().c_str(), 0600) == 0);
        check_error(ErrorCode::invalid_configuration);
    }
    SUBCASE("a link that leads nowhere") {
        std::filesystem::create_symlink("nowhere", folder.file());
        check_error(ErrorCode::invalid_configuration);
    }
    SUBCASE("a file without the right to read it") {
        folder.write("{\"id\":\"a\"}\n");
        ::chmod(folder.path().c_str(), 0755);
        ::chmod(folder.file().c_str(), 0000);
        const AsNobody nobody;
        check_error(ErrorCode::forbidden);
    }
    SUBCASE("a missing folder") {
        std::filesystem::remove_all(folder.path());
        check_error(ErrorCode::invalid_configuration);
        CHECK(adapter->check().error().code == ErrorCode::invalid_configuration);
    }
    SUBCASE("a folder without the right to enter it") {
        folder.write("{\"id\":\"a\"}\n");
        ::chmod(folder.path().c_str(), 0000);
        {
            const AsNobody nobody;
            check_error(ErrorCode::forbidden);
            CHECK(adapter->check().error().code == ErrorCode::forbidden);
        }
        ::chmod(folder.path().c_str(), 0700);
    }
}

TEST_CASE("an entity's name never leads out of the folder") {
    JsonlFolder folder;
    folder.write("{\"id\":\"a\"}\n");
    const std::string long_name(201, 'x');
    const auto adapter = folder.adapter();
    for (const std::string& entity : {std::string(), std::string("../contacts"), std::string("a/contacts"),
                                      std::string(".hidden"), std::string("a\0b", 3), std::string("a\nb"), long_name}) {
        PullRequest request;
        request.entity = entity;
        const auto page = adapter->pull(request);
        REQUIRE(page.has_error());
        CHECK(page.error().code == ErrorCode::invalid_configuration);
    }
}

TEST_CASE("updatedAt is told when it is a valid time, and harmless when not") {
    JsonlFolder folder;
    folder.write("{\"id\":1,\"updatedAt\":\"2026-11-23T06:02:11.042Z\"}\n{\"id\":2,\"updatedAt\":\"yesterday\"}\n"
                 "{\"id\":3,\"updatedAt\":17}\n{\"id\":4}\n");
    const Listing listing = list(*folder.adapter());
    CHECK(listing.faults.empty());
    CHECK(listing.records.at("1").modified_at == parse_timestamp("2026-11-23T06:02:11.042Z"));
    CHECK_FALSE(listing.records.at("2").modified_at.has_value());
    CHECK_FALSE(listing.records.at("3").modified_at.has_value());
    CHECK_FALSE(listing.records.at("4").modified_at.has_value());
}

TEST_CASE("a listing goes on after the file was rewritten in another order: what stays is met exactly once") {
    JsonlFolder folder;
    std::string content;
    for (int i = 0; i < 100; ++i)
        content += numbered(i);
    folder.write(content);
    std::set<std::string> met;
    std::string cursor;
    int round = 0;
    for (bool more = true; more; ++round) {
        // Another process each time; lines go, come, change and turn around between the pages.
        auto page = pull(*folder.adapter(), 7, cursor);
        REQUIRE(page.has_value());
        CHECK(page->total == (round == 0 ? 100 : 99));
        for (const Record& record : page->records)
            CHECK(met.insert(record.id).second);
        cursor = page->next;
        more = page->has_more;
        content.clear();
        for (int i = 99; i > 0; --i)
            content += numbered(i, std::string(static_cast<std::size_t>(round), 'y'));
        folder.replace(content);
    }
    for (int i = 1; i < 100; ++i)
        CHECK(met.contains("r" + std::to_string(i)));
}

TEST_CASE("faults have their place in a listing too, and each is told once") {
    JsonlFolder folder;
    std::string content;
    for (int i = 0; i < 10; ++i)
        content += numbered(i) + "garbage\n" + "other garbage " + std::to_string(i) + "\n{\"id\":\"twice\"}\n";
    folder.write(content);
    for (const std::size_t size : {1, 2, 3, 7, 100}) {
        const Listing listing = list(*folder.adapter(), size);
        CHECK(listing.records.size() == 10);
        std::set<std::string> places;
        for (const RecordFault& fault : listing.faults)
            CHECK(places.insert(fault.place).second);
        CHECK(places.size() == 30);
    }
}

TEST_CASE("a page stays small when lines are large") {
    JsonlFolder folder;
    std::string content;
    for (int i = 0; i < 6; ++i)
        content += numbered(i, std::string(3 * 1024 * 1024, 'x'));
    folder.write(content);
    const auto page = pull(*folder.adapter());
    REQUIRE(page.has_value());
    CHECK(page->records.size() == 2);
    CHECK(page->has_more);
    CHECK(list(*folder.adapter()).records.size() == 6);
}

TEST_CASE("a file that changes under the reader gives the old state or the new one, never half a record") {
    JsonlFolder folder;
    std::string before;
    std::string after;
    for (int i = 0; i < 200; ++i) {
        before += numbered(i, "old-old-old");
        after += numbered(i, "new");
    }
    folder.write(before);
    int calls = 0;
    JsonlHooks hooks;
    SUBCASE("truncated") {
        hooks.before_lines_are_read = [&] {
            if (++calls == 1) std::filesystem::resize_file(folder.file(), before.size() / 2 + 5);
        };
    }
    SUBCASE("truncated to nothing") {
        hooks.before_lines_are_read = [&] {
            if (++calls == 1) folder.write("");
        };
    }
    SUBCASE("written anew in place") {
        hooks.before_lines_are_read = [&] {
            if (++calls == 1) folder.write(after);
        };
    }
    SUBCASE("written in place with the same length and other lines") {
        std::string mixed = after;
        mixed.resize(before.size() - 1, ' ');
        mixed += '\n';
        hooks.before_lines_are_read = [&folder, &calls, mixed] {
            if (++calls == 1) folder.write(mixed);
        };
    }
    SUBCASE("replaced") {
        hooks.before_lines_are_read = [&] {
            if (++calls == 1) folder.replace(after);
        };
    }
    const Listing listing = list(*folder.adapter(hooks));
    std::set<std::string> texts;
    for (const auto& [id, record] : listing.records)
        texts.insert(std::string(record.fields.at("t").as_string()));
    CHECK(calls > 1);
    CHECK(texts.size() <= 1);
    for (const RecordFault& fault : listing.faults) // only the half line that the file now really ends with
        CHECK(fault.place ==
              "contacts.jsonl:" +
                  std::to_string(std::count(before.begin(),
                                            before.begin() + static_cast<std::ptrdiff_t>(before.size() / 2 + 5), '\n') +
                                 1));
}

TEST_CASE("a file that never holds still is unavailable, and the message names it") {
    JsonlFolder folder;
    folder.write(numbered(1));
    JsonlHooks hooks;
    int calls = 0;
    hooks.before_lines_are_read = [&] { folder.append(numbered(100 + ++calls)); };
    const auto adapter = folder.adapter(hooks);
    const auto page = pull(*adapter);
    REQUIRE(page.has_error());
    CHECK(page.error().code == ErrorCode::unavailable);
    CHECK(page.error().message.find(folder.file().string()) != std::string::npos);
    CHECK(calls < 20);
}

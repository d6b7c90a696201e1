#include <adapters/rest/cursor.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

using namespace castiel_sync;

namespace {

std::string any_text() {
    std::string text;
    for (const int letter : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 128)))
        text += static_cast<char>(letter);
    return text;
}

json::value any_scalar() {
    switch (*rc::gen::inRange(0, 5)) {
    case 0:
        return nullptr;
    case 1:
        return *rc::gen::arbitrary<std::int64_t>();
    case 2:
        return *rc::gen::arbitrary<std::uint64_t>();
    case 3:
        return *rc::gen::arbitrary<bool>();
    default:
        return json::string(any_text());
    }
}

std::optional<Timestamp> any_time() {
    if (*rc::gen::arbitrary<bool>()) return std::nullopt;
    return Timestamp(std::chrono::milliseconds(*rc::gen::inRange<std::int64_t>(0, 4'102'444'800'000)));
}

std::uint64_t any_count() { return *rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 40U); }

RestCursor any_cursor() {
    RestCursor cursor;
    cursor.feed = *rc::gen::arbitrary<bool>();
    cursor.position = any_scalar();
    cursor.at = any_scalar();
    cursor.pages = any_count();
    cursor.size = any_count();
    cursor.skip = any_count();
    cursor.restarts = any_count();
    const int anchors = *rc::gen::inRange(0, 4);
    for (int i = 0; i < anchors; ++i)
        cursor.anchors.push_back(any_text());
    if (*rc::gen::arbitrary<bool>()) cursor.total = any_count();
    cursor.mark = any_text();
    cursor.last = any_text();
    cursor.began = any_time();
    cursor.newest = any_time();
    return cursor;
}

} // namespace

TEST_CASE("a cursor survives being kept") {
    CHECK(rc::check([] {
        const RestCursor cursor = any_cursor();
        const std::string written = cursor.write("here").value();
        const auto read = RestCursor::parse(written);
        RC_ASSERT(read.has_value());
        RC_ASSERT(read->write("here").value() == written);
        RC_ASSERT(read->feed == cursor.feed);
        RC_ASSERT(equal_values(read->at, cursor.at));
        RC_ASSERT(equal_values(read->position, cursor.position));
        RC_ASSERT(read->anchors == cursor.anchors);
        RC_ASSERT(read->total == cursor.total);
        RC_ASSERT(read->began == cursor.began);
    }));
}

TEST_CASE("a cursor is never empty, so that the engine can't take it for the beginning") {
    CHECK_FALSE(RestCursor().write("here").value().empty());
}

TEST_CASE("text that was not written here is expired, whatever it is") {
    const std::string deep(10'000, '[');
    for (const std::string& text : {std::string("x"), std::string("{}"), std::string("[]"), std::string("null"), deep,
                                    std::string(R"({"rest":"other"})"), std::string(R"({"rest":7})"),
                                    std::string(R"({"rest":"list","at":{"a":1}})"),
                                    std::string(R"({"rest":"list","position":[1]})"),
                                    std::string(R"({"rest":"list","skip":-1})"),
                                    std::string(R"({"rest":"list","skip":1.5})"),
                                    std::string(R"({"rest":"list","size":"5"})"),
                                    std::string(R"({"rest":"list","total":null})"),
                                    std::string(R"({"rest":"list","anchors":"a"})"),
                                    std::string(R"({"rest":"list","anchors":[1]})"),
                                    std::string(R"({"rest":"list","mark":1})"),
                                    std::string(R"({"rest":"feed","began":"yesterday"})"),
                                    std::string(R"({"rest":"list"} more)"),
                                    R"({"rest":"list","at":")" + std::string(100'000, 'x') + "\"}"}) {
        CAPTURE(text.substr(0, 60));
        const auto read = RestCursor::parse(text);
        REQUIRE(read.has_error());
        CHECK(read.error().code == ErrorCode::cursor_expired);
    }
}

TEST_CASE("a cursor that could not be read back is not written") {
    RestCursor cursor;
    cursor.at = json::string(std::string(65'000, 'x'));
    CHECK(RestCursor::parse(cursor.write("here").value()).has_value());
    cursor.last = std::string(512, 'x'); // an id is no longer than that
    for (const bool of_feed : {false, true}) {
        if (of_feed) std::swap(cursor.at, cursor.position);
        const auto refused = cursor.write("GET https://crm.test/contacts");
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == ErrorCode::unsupported);
        const std::string& message = refused.error().message;
        CHECK(message.starts_with("GET https://crm.test/contacts: with "));
        CHECK((message.find("position of the feed") != std::string::npos) == of_feed);
        CHECK((message.find("next page") == std::string::npos) == of_feed);
        CHECK(message.find("at most 65536 are kept") != std::string::npos);
    }
}

TEST_CASE("any bytes for a cursor are read or expired") {
    CHECK(rc::check([] {
        std::string text = any_cursor().write("here").value();
        const auto place = *rc::gen::inRange<std::size_t>(0, text.size());
        text[place] = static_cast<char>(*rc::gen::inRange(0, 256));
        const auto read = RestCursor::parse(text);
        RC_ASSERT(read.has_value() || read.error().code == ErrorCode::cursor_expired);
    }));
}

TEST_CASE("a walk that comes back is noticed, whatever the length of the circle and of the way to it") {
    for (int length = 1; length <= 20; ++length)
        for (const int before : {0, 1, 2, 7, 20}) {
            CAPTURE(length);
            CAPTURE(before);
            RestCursor cursor;
            int pages = 0;
            bool noticed = false;
            while (!noticed && pages < 1000) {
                const int place = pages < before ? pages : before + (pages - before) % length;
                ++cursor.pages;
                noticed = goes_in_circles(cursor, json::value(place));
                ++pages;
            }
            CHECK(noticed);
            CHECK(pages <= 4 * (length + before) + 4);
        }
}

TEST_CASE("a walk that comes back is noticed although its cursor is written down between the pages") {
    CHECK(rc::check([] {
        const int length = *rc::gen::inRange(1, 21);
        std::string kept = RestCursor().write("here").value();
        for (int page = 0; page < 200; ++page) {
            RestCursor cursor = RestCursor::parse(kept).value();
            ++cursor.pages;
            if (goes_in_circles(cursor, json::string(fmt::format("token {}", page % length)))) return;
            kept = cursor.write("here").value();
        }
        RC_FAIL("it went on");
    }));
}

TEST_CASE("a walk that goes on is no circle") {
    RestCursor cursor;
    for (int page = 0; page < 10'000; ++page) {
        ++cursor.pages;
        REQUIRE_FALSE(goes_in_circles(cursor, json::value(page)));
    }
}

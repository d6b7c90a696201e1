#include <castiel_sync/json.hpp>
#include <core/json_number.hpp>
#include <core/json_text.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <string_view>
#include <utility>

using namespace castiel_sync;
using namespace std::string_view_literals;

namespace {

struct Refusal {
    std::string_view text;
    std::size_t byte;
    std::string_view reason;
};

void check_refused(const Refusal& refusal, const JsonLimits& limits = {}) {
    CAPTURE(refusal.text);
    const auto parsed = parse_json(refusal.text, limits);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == ErrorCode::invalid_record);
    CAPTURE(parsed.error().message);
    CHECK(parsed.error().message.starts_with("JSON, byte " + std::to_string(refusal.byte) + ": "));
    CHECK(parsed.error().message.find(refusal.reason) != std::string::npos);
}

} // namespace

TEST_CASE("numbers that 64 bits or a double carry exactly are read as they are") {
    const std::pair<std::string_view, std::string_view> examples[] = {
        {"0", "0"},
        {"-0", "-0.0"},
        {"-0.0", "-0.0"},
        {"0.1", "0.1"},
        {"1.50", "1.5"},
        {"1.0", "1.0"},
        {"1e3", "1000.0"},
        {"1E+3", "1000.0"},
        {"12.5e-1", "1.25"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"123456789012345678", "123456789012345678"},
        {"9007199254740993", "9007199254740993"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"18446744073709551615", "18446744073709551615"},
        {"10000000000000000000000", "1e+22"},
        {"123456789012345.6", "123456789012345.6"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"5e-324", "5e-324"},
        {"0e400", "0.0"},
        {"0.000000000000000000000000000000000000000000000", "0.0"},
        {"100000000000000000000000000000e-29", "1.0"},
    };
    for (const auto& [text, carried] : examples) {
        CAPTURE(text);
        const auto parsed = parse_json(text);
        REQUIRE(parsed.has_value());
        CHECK(to_json(*parsed) == carried);
    }
}

TEST_CASE("numbers that would be rounded are refused at their first byte") {
    for (const std::string_view number :
         {"0.1234567890123456789", "12345678901234567890123", "1e400", "-1e400", "1e-400", "18446744073709551616",
          "-9223372036854775809", "9007199254740993.0", "900719925474099.35e1", "0.10000000000000001", "4.9e-324",
          "1e99999999999", "1e-99999999999", "1.00000000000000000000000000000000000001"}) {
        check_refused({number, 0, "send it as a string"});
        check_refused({"{\"a\": " + std::string(number) + "}", 6, "send it as a string"});
    }
}

TEST_CASE("an integer of more digits than a double holds is no exact double, however short its text") {
    CHECK(exact_double("9007199254740992") == 9007199254740992.0);
    CHECK_FALSE(exact_double("9007199254740993"));
    CHECK_FALSE(exact_double("-9007199254740993"));
}

TEST_CASE("a member named twice in one object is refused at the second name") {
    check_refused({R"({"a":1,"a":2})", 7, "second member named \"a\""});
    check_refused({R"({"a":1,"\u0061":1})", 7, "second member named \"a\""});
    check_refused({R"([{"x":{"b":1,"c\"\\":2, "c\"\\" : 3}}])", 24, "second member"});
    check_refused({R"({"a":{"b":1,"b":2},"a":1})", 12, "second member named \"b\""});
    CHECK(parse_json(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})").has_value());
}

TEST_CASE("a long name in a message is cut between characters") {
    std::string name = "a"; // so that the 200th byte is in the middle of one
    for (int count = 0; count < 150; ++count)
        name += "ä";
    const auto parsed = parse_json("{\"" + name + "\":1,\"" + name + "\":2}");
    REQUIRE(parsed.has_error());
    CHECK(is_utf8(parsed.error().message));
}

TEST_CASE("depth and size have limits") {
    const std::string deepest = std::string(64, '[') + std::string(64, ']');
    CHECK(parse_json(deepest).has_value());
    check_refused({"[" + deepest + "]", 64, "nested deeper than 64"});
    check_refused({std::string(5'000'000, '['), 64, "nested deeper than 64"});
    check_refused({R"({"a":{}})", 5, "nested deeper than 1 "}, {1, 100});
    CHECK(parse_json("[[],[[]]]", {3, 9}).has_value());
    check_refused({"[1, 2]", 5, "has 6 bytes; at most 5"}, {64, 5});
}

TEST_CASE("text that is not UTF-8 is refused where it stops to be") {
    check_refused({"\"\xff\"", 1, "UTF-8"});
    check_refused({"\"ab\xc3\"", 3, "UTF-8"});
    check_refused({"\"ab\xe2\x82\"", 3, "UTF-8"});
    check_refused({"\"\xc0\x80\"", 1, "UTF-8"});
    check_refused({"\"\xed\xa0\x80\"", 1, "UTF-8"});
    check_refused({"\"\xf4\x90\x80\x80\"", 1, "UTF-8"});
    check_refused({"{\"\xff\":1}", 2, "UTF-8"});
    check_refused({"\xef\xbb\xbf{}", 0, "byte order mark"});
}

TEST_CASE("half a surrogate pair is refused, a whole one is read") {
    check_refused({R"("\ud800")", 7, "surrogate"});
    check_refused({R"("\ud800x")", 7, "surrogate"});
    check_refused({R"("\udc00")", 7, "surrogate"});
    check_refused({R"("\ud800\ud800")", 9, "surrogate"});
    check_refused({R"("\ud800\n")", 8, ""});
    CHECK(parse_json(R"("\ud83d\ude00")").value() == "\xf0\x9f\x98\x80");
}

TEST_CASE("raw control characters are refused, escaped ones are read") {
    check_refused({"\"a\tb\"", 2, "0x09"});
    check_refused({"\"a\nb\"", 2, "0x0a"});
    check_refused({"\"a\0b\""sv, 2, "0x00"});
    check_refused({"\"a\x1f\"", 2, "0x1f"});
    check_refused({"{\"a\x01\":1}", 3, "0x01"});
    check_refused({"\0"sv, 0, "0x00"});
    CHECK(parse_json(R"("\u0000\t")").value() == json::string("\0\t"sv));
}

TEST_CASE("nothing but one value and white space is taken") {
    check_refused({"", 0, "ends before"});
    check_refused({" \n", 2, "ends before"});
    check_refused({"{} x", 3, "after the end"});
    check_refused({"{}{}", 2, "after the end"});
    check_refused({"{\"a\":1}\0"sv, 7, "after the end"});
    check_refused({"01", 1, "after the end"});
    CHECK(parse_json(" \t\r\n{ \"a\" : [ 1 , 2 ] } \n").has_value());
}

TEST_CASE("what looks like JSON and is not is refused") {
    check_refused({"[1,]", 3, "']'"});
    check_refused({R"({"a":1,})", 7, "'}'"});
    check_refused({"{a:1}", 1, "'a'"});
    check_refused({"'a'", 0, "'''"});
    check_refused({"/**/1", 0, "'/'"});
    check_refused({"[1", 2, "ends before"});
    check_refused({"\"abc", 4, "ends before"});
    check_refused({R"({"a")", 4, "ends before"});
    check_refused({"nul", 3, "ends before"});
    check_refused({"True", 0, "'T'"});
    check_refused({"NaN", 0, "'N'"});
    check_refused({"-Infinity", 1, "'I'"});
    check_refused({"1.", 2, "ends before"});
    check_refused({"[1.]", 3, "']'"});
    check_refused({".5", 0, "'.'"});
    check_refused({"+1", 0, "'+'"});
    check_refused({R"("\x")", 2, "'x'"});
    check_refused({R"("\u12g4")", 5, "hexadecimal"});
}

TEST_CASE("a refused text leaves nothing behind for the next one") {
    check_refused({R"({"a":[1,2,{"b":"unfinish)", 24, "ends before"});
    CHECK(to_json(parse_json(R"({"c":[3]})").value()) == R"({"c":[3]})");
    check_refused({"[[[[", 4, "ends before"});
    CHECK(parse_json("[[]]", {2, 100}).has_value());
}

TEST_CASE("strings and names with escapes come whole, however long") {
    const std::string long_text(70'000, 'x');
    const std::string text =
        "{\"" + long_text + "\\n" + long_text + "\":\"" + long_text + "\\u00e9" + long_text + "\"}";
    const auto parsed = parse_json_object(text).value();
    CHECK(parsed.at(long_text + "\n" + long_text) == json::string(long_text + "\xc3\xa9" + long_text));
    const std::string large = "[" + text + "," + text + "]";
    CHECK(parse_json(large).value().as_array().size() == 2);
}

TEST_CASE("text that must be an object says what it is instead") {
    CHECK(parse_json_object("{}").value().empty());
    CHECK(parse_json_object(" [1]").error().message == "JSON, byte 1: an object is expected, this is of kind array");
    CHECK(parse_json_object("{").error().code == ErrorCode::invalid_record);
}

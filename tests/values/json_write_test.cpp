#include <castiel_sync/json.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <string_view>
#include <utility>

using namespace castiel_sync;

TEST_CASE("a double is written in its shortest exact form and stays a double") {
    const std::pair<double, std::string_view> examples[] = {
        {0.1, "0.1"},
        {1.0, "1.0"},
        {-2.5, "-2.5"},
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {100000.0, "100000.0"},
        {0.00001, "0.00001"},
        {1.234e-6, "1.234e-06"},
        {1e300, "1e+300"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {0.1 + 0.2, "0.30000000000000004"},
        {9007199254740991.0, "9007199254740991.0"},
        {4503599627370495.5, "4503599627370495.5"},
        {123456789012345680000.0, "1.2345678901234568e+20"},
    };
    for (const auto& [value, expected] : examples) {
        CAPTURE(expected);
        CHECK(to_json(value) == expected);
    }
}

TEST_CASE("integers are written in full") {
    CHECK(to_json(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
    CHECK(to_json(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
}

TEST_CASE("a number that is not finite is refused, not replaced") {
    for (const double value : {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()}) {
        CHECK_THROWS_AS((void)to_json(json::array{value}), ErrorException);
        CHECK_THROWS_AS((void)to_canonical_json(value), ErrorException);
    }
    CHECK(to_json("the writer is usable afterwards") == "\"the writer is usable afterwards\"");
}

TEST_CASE("only what must be escaped is escaped, at every distance from the start") {
    using namespace std::string_literals;
    const std::pair<std::string, std::string> examples[] = {
        {"\"", "\\\""},
        {"\\", "\\\\"},
        {"\b", "\\b"},
        {"\f", "\\f"},
        {"\n", "\\n"},
        {"\r", "\\r"},
        {"\t", "\\t"},
        {"/", "/"},
        {"\x7f", "\x7f"},
        {"\0"s, "\\u0000"},
        {"\x1f", "\\u001f"},
        {"\xc3\xa9", "\xc3\xa9"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"\xff", "\xef\xbf\xbd"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (const auto& [raw, escaped] : examples) {
        for (std::size_t distance = 0; distance < 18; ++distance) {
            const std::string before(distance, 'x');
            CAPTURE(escaped);
            CAPTURE(distance);
            CHECK(to_json(json::string(before + raw + "y")) == "\"" + before + escaped + "y\"");
        }
    }
}

TEST_CASE("members keep their order, and append adds to what is there") {
    const json::value value{{"b", 1}, {"a", json::array{nullptr, true, false, json::object{}, json::array{}}}};
    std::string text = "data: ";
    append_json(text, value);
    CHECK(text == R"(data: {"b":1,"a":[null,true,false,{},[]]})");
}

TEST_CASE("the canonical form sorts members by bytes at every depth and has one form for one number") {
    const auto value =
        parse_json(R"({"b":1.0,"a":{"z":[1e2,-0.0],"Z":0,"é":null,"aa":1,"a":18446744073709551615},"":1.5})");
    CHECK(to_canonical_json(value.value()) ==
          R"({"":1.5,"a":{"Z":0,"a":18446744073709551615,"aa":1,"z":[100,0],"é":null},"b":1})");
}

TEST_CASE("a text larger than the room kept between calls is written whole") {
    const std::string large(1'000'000, 'x');
    CHECK(to_json(json::array{json::string(large), json::string(large)}).size() == 2'000'007);
    CHECK(to_json(1) == "1");
}

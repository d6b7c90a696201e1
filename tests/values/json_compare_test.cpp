#include <castiel_sync/json.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

using namespace castiel_sync;

namespace {

json::value parsed(std::string_view text) { return parse_json(text).value(); }

} // namespace

TEST_CASE("numbers are equal by value, whatever kind carries them") {
    for (const auto& [left, right] : {std::pair<std::string_view, std::string_view>{"1", "1.0"},
                                      {"1", "1e0"},
                                      {"0", "-0"},
                                      {"0.0", "-0.0"},
                                      {"1000", "1e3"},
                                      {"9223372036854775808", "9223372036854775808"},
                                      {"-9223372036854775808", "-9223372036854775808"}}) {
        CAPTURE(left);
        CHECK(equal_values(parsed(left), parsed(right)));
        CHECK(equal_values(parsed(right), parsed(left)));
        CHECK(to_canonical_json(parsed(left)) == to_canonical_json(parsed(right)));
    }
    CHECK(equal_values(json::value(std::int64_t{1}), json::value(std::uint64_t{1})));
    CHECK(equal_values(json::value(0x1p63), json::value(std::uint64_t{1} << 63)));
    CHECK(equal_values(json::value(-0x1p63), json::value(std::numeric_limits<std::int64_t>::min())));
}

TEST_CASE("integers that a double would confuse are different") {
    const std::pair<json::value, json::value> pairs[] = {
        {std::int64_t{9007199254740993}, 9007199254740992.0},
        {std::numeric_limits<std::int64_t>::max(), 0x1p63},
        {std::numeric_limits<std::uint64_t>::max(), 0x1p64},
        {(std::uint64_t{1} << 63) + 1, 0x1p63},
        {std::int64_t{-1}, std::numeric_limits<std::uint64_t>::max()},
        {std::int64_t{1}, 1.0000000000000002},
        {std::int64_t{0}, 5e-324},
    };
    for (const auto& [left, right] : pairs) {
        CAPTURE(to_json(left));
        CHECK_FALSE(equal_values(left, right));
        CHECK_FALSE(equal_values(right, left));
        CHECK(to_canonical_json(left) != to_canonical_json(right));
    }
}

TEST_CASE("members count in any order, elements in theirs, kinds never mix") {
    CHECK(equal_values(parsed(R"({"a":1,"b":{"c":2,"d":3}})"), parsed(R"({"b":{"d":3.0,"c":2},"a":1})")));
    CHECK_FALSE(equal_values(parsed(R"({"a":1})"), parsed(R"({"a":1,"b":null})")));
    CHECK_FALSE(equal_values(parsed(R"({"a":1,"b":2})"), parsed(R"({"a":1,"c":2})")));
    CHECK_FALSE(equal_values(parsed("[1,2]"), parsed("[2,1]")));
    CHECK_FALSE(equal_values(parsed("[1]"), parsed("[1,1]")));
    CHECK_FALSE(equal_values(parsed("1"), parsed("\"1\"")));
    CHECK_FALSE(equal_values(parsed("0"), parsed("false")));
    CHECK_FALSE(equal_values(parsed("null"), parsed("\"\"")));
    CHECK_FALSE(equal_values(parsed("[]"), parsed("{}")));
}

TEST_CASE("unordered: a top-level list is a multiset, lists inside it are not") {
    CHECK(equal_unordered(parsed(R"([1,{"a":2,"b":3},1.0])"), parsed(R"([1,1,{"b":3,"a":2}])")));
    CHECK_FALSE(equal_unordered(parsed("[1,1,2]"), parsed("[1,2,2]")));
    CHECK_FALSE(equal_unordered(parsed("[1,2]"), parsed("[1,2,2]")));
    CHECK_FALSE(equal_unordered(parsed("[[1,2]]"), parsed("[[2,1]]")));
    CHECK_FALSE(equal_unordered(parsed(R"({"a":[1,2]})"), parsed(R"({"a":[2,1]})")));
    CHECK(equal_unordered(parsed("\"x\""), parsed("\"x\"")));
}

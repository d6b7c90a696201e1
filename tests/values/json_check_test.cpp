#include <core/json_text.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <string_view>

using namespace castiel_sync;

namespace {

std::string fault_of(const json::value& value) {
    const auto checked = check_json(value);
    return checked ? "" : checked.error().message;
}

json::value nested(std::size_t levels) {
    json::value value;
    for (std::size_t level = 0; level < levels; ++level) {
        json::array outer;
        outer.push_back(std::move(value));
        value = std::move(outer);
    }
    return value;
}

} // namespace

TEST_CASE("UTF-8 is judged as the standard does") {
    for (const std::string_view text :
         {"", "plain ascii, longer than eight bytes", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
          "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "eight by\xe2\x82\xactes"}) {
        CAPTURE(text);
        CHECK(is_utf8(text));
    }
    for (const std::string_view text :
         {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xe2\x82", "\xe2\x41\xac",
          "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
          "\xfe", "\xff", "eight by\xffte"}) {
        CAPTURE(text.size());
        CHECK_FALSE(is_utf8(text));
    }
}

TEST_CASE("a hand-made value that JSON can't carry is named by its path") {
    const double infinite = std::numeric_limits<double>::infinity();
    CHECK(fault_of(json::value{{"a", json::array{1, {{"b", infinite}}}}}).starts_with("a.1.b: this number"));
    CHECK(fault_of(json::value{{"name", "\xff"}}).starts_with("name: this text"));
    CHECK(fault_of(json::value{{"a", json::object{{"\xff", 1}}}}).starts_with("a: a member's name"));
    CHECK(fault_of(std::numeric_limits<double>::quiet_NaN()).starts_with("the value: this number"));
    CHECK(fault_of(nested(65)).find("nested too deep") != std::string::npos);
    CHECK(check_json(json::value{"\xff"}).error().code == ErrorCode::invalid_record);
}

TEST_CASE("a value that JSON carries passes") {
    CHECK(fault_of(json::value{{"a", json::array{1, 1.5, nullptr, true, "\xe2\x82\xac"}}}).empty());
    CHECK(fault_of(nested(64)).empty());
    CHECK(parse_json(to_json(nested(64))).has_value());
}

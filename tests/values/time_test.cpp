#include <castiel_sync/time.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string_view>
#include <utility>

using namespace castiel_sync;
using namespace std::chrono_literals;

namespace {

constexpr Timestamp at(std::int64_t milliseconds) { return Timestamp{std::chrono::milliseconds{milliseconds}}; }

} // namespace

TEST_CASE("a time is written in UTC with milliseconds, on both sides of 1970") {
    CHECK(to_string(at(1795413731042)) == "2026-11-23T06:02:11.042Z");
    CHECK(to_string(at(0)) == "1970-01-01T00:00:00.000Z");
    CHECK(to_string(at(-1)) == "1969-12-31T23:59:59.999Z");
    CHECK(to_string(at(951782400000)) == "2000-02-29T00:00:00.000Z");
}

TEST_CASE("a time beyond four digits of year is written as the nearest that has them") {
    CHECK(to_string(Timestamp::max()) == "9999-12-31T23:59:59.999Z");
    CHECK(to_string(Timestamp::min()) == "0000-01-01T00:00:00.000Z");
}

TEST_CASE("a date-time with Z or an offset is read") {
    const std::pair<std::string_view, std::int64_t> examples[] = {
        {"2026-11-23T06:02:11.042Z", 1795413731042},      {"2026-11-23T06:02:11Z", 1795413731000},
        {"2026-11-23T06:02:11.5Z", 1795413731500},        {"2026-11-23T06:02:11.0429999999Z", 1795413731042},
        {"2026-11-23T07:32:11.042+01:30", 1795413731042}, {"2026-11-23T07:32:11.042+0130", 1795413731042},
        {"2026-11-22T22:02:11.042-08", 1795413731042},    {"2026-11-23T06:02:11.042-00:00", 1795413731042},
        {"2024-02-29T00:00:00Z", 1709164800000},          {"1969-12-31T23:59:59.999Z", -1},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
    };
    for (const auto& [text, expected] : examples) {
        CAPTURE(text);
        CHECK(parse_timestamp(text) == at(expected));
    }
}

TEST_CASE("anything but a whole date-time with a zone is refused") {
    for (const std::string_view text : {"",
                                        "2026-11-23",
                                        "2026-11-23T06:02:11",
                                        "2026-11-23T06:02Z",
                                        "2026-11-23 06:02:11Z",
                                        "2026-11-23T06:02:11z",
                                        "2026-11-23T06:02:11.Z",
                                        "2026-11-23T06:02:11.042Z ",
                                        " 2026-11-23T06:02:11.042Z",
                                        "2026-11-23T06:02:11ZZ",
                                        "2026-02-29T00:00:00Z",
                                        "2026-04-31T00:00:00Z",
                                        "2026-00-01T00:00:00Z",
                                        "2026-13-01T00:00:00Z",
                                        "2026-01-00T00:00:00Z",
                                        "2026-01-01T24:00:00Z",
                                        "2026-01-01T00:60:00Z",
                                        "2026-01-01T00:00:60Z",
                                        "2026-01-01T00:00:00+24:00",
                                        "2026-01-01T00:00:00+01:60",
                                        "2026-01-01T00:00:00+1:00",
                                        "2026-01-01T00:00:00+01:",
                                        "2026-01-01T00:00:00+",
                                        "2026-01-01T00:00:00+01:00:00",
                                        "+2026-01-01T00:00:00Z",
                                        "02026-01-01T00:00:00Z",
                                        "2026-1-01T00:00:00Z",
                                        "2026-01-01T0 :00:00Z",
                                        "0000-01-01T00:00:00+01:00",
                                        "9999-12-31T23:59:59-01:00"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_timestamp(text));
    }
}

TEST_CASE("every time that four digits of year can say is read back as written") {
    CHECK(rc::check("parse_timestamp(to_string(t)) == t", [] {
        const Timestamp time = at(*rc::gen::inRange<std::int64_t>(-62167219200000, 253402300800000));
        RC_ASSERT(parse_timestamp(to_string(time)) == time);
    }));
}

#include <core/cron.hpp>

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

using namespace castiel_sync;

namespace {

// What fires after `after`, in turn; or what was wrong.
std::vector<std::string> firings(std::string_view text, std::string_view zone_name, std::string_view after,
                                 std::size_t count) {
    const auto zone = TimeZone::find(zone_name);
    REQUIRE(zone.has_value());
    const auto expression = CronExpression::parse(text);
    REQUIRE(expression.has_value());
    auto time = parse_timestamp(after);
    REQUIRE(time.has_value());
    std::vector<std::string> all;
    while (all.size() < count) {
        const auto next = next_after(*expression, *time, *zone);
        all.push_back(next ? to_string(*next) : next.error().message);
        if (!next) break;
        time = *next;
    }
    return all;
}

void check(std::string_view text, std::string_view zone, std::string_view after,
           std::initializer_list<std::string_view> expected) {
    const auto found = firings(text, zone, after, expected.size());
    std::vector<std::string> wanted;
    for (const std::string_view time : expected)
        wanted.push_back(std::string(time) + ":00.000Z");
    INFO(text << " in " << zone);
    CHECK(found == wanted);
}

} // namespace

TEST_CASE("strictly after, to the millisecond") {
    check("* * * * *", "UTC", "2026-11-23T06:00:00Z", {"2026-11-23T06:01", "2026-11-23T06:02"});
    check("* * * * *", "UTC", "2026-11-23T05:59:59.999Z", {"2026-11-23T06:00"});
    check("* * * * *", "UTC", "2026-11-23T06:00:00.001Z", {"2026-11-23T06:01"});
    check("0 6 * * *", "UTC", "2026-11-23T06:00:00Z", {"2026-11-24T06:00"});
    check("59 23 31 12 *", "UTC", "1969-12-31T23:58:30Z", {"1969-12-31T23:59", "1970-12-31T23:59"});
}

TEST_CASE("ends of hours, days, months and years") {
    check("*/20 * * * *", "UTC", "2026-12-31T23:25:00Z", {"2026-12-31T23:40", "2027-01-01T00:00", "2027-01-01T00:20"});
    check("30 22 * * *", "UTC", "2026-12-31T22:30:00Z", {"2027-01-01T22:30"});
    check("0 0 31 * *", "UTC", "2026-01-31T00:00:00Z",
          {"2026-03-31T00:00", "2026-05-31T00:00", "2026-07-31T00:00", "2026-08-31T00:00", "2026-10-31T00:00",
           "2026-12-31T00:00"});
    check("0 12 1 1,7 *", "UTC", "2026-07-01T12:00:00Z", {"2027-01-01T12:00", "2027-07-01T12:00"});
    check("@yearly", "UTC", "2026-05-01T00:00:00Z", {"2027-01-01T00:00", "2028-01-01T00:00"});
    check("@weekly", "UTC", "2026-12-24T00:00:00Z", {"2026-12-27T00:00", "2027-01-03T00:00"});
    check("45-50/5 6,18 * * 1-5", "UTC", "2026-11-27T18:46:00Z",
          {"2026-11-27T18:50", "2026-11-30T06:45", "2026-11-30T06:50"});
}

TEST_CASE("29 February, also on a Sunday and over 2100") {
    check("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", {"2028-02-29T00:00", "2032-02-29T00:00"});
    check("0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z", {"2104-02-29T00:00"});
    // The longest gap: */7 is Sunday, and begins with a star, so both have to fit.
    check("0 0 29 2 */7", "UTC", "2026-01-01T00:00:00Z",
          {"2032-02-29T00:00", "2060-02-29T00:00", "2088-02-29T00:00", "2128-02-29T00:00"});
}

TEST_CASE("either day where both are restricted, both where one begins with a star") {
    check("0 0 13 * 5", "UTC", "2026-11-01T00:00:00Z",
          {"2026-11-06T00:00", "2026-11-13T00:00", "2026-11-20T00:00", "2026-11-27T00:00", "2026-12-04T00:00",
           "2026-12-11T00:00", "2026-12-13T00:00"});
    check("0 0 */13 * 5", "UTC", "2026-01-01T00:00:00Z", {"2026-02-27T00:00", "2026-03-27T00:00", "2026-05-01T00:00"});
    check("0 0 31 2 1", "UTC", "2026-02-01T00:00:00Z", {"2026-02-02T00:00", "2026-02-09T00:00"});
}

TEST_CASE("a zone without changes of clocks") {
    check("0 6 * * *", "Asia/Kathmandu", "2026-11-23T00:14:59Z", {"2026-11-23T00:15", "2026-11-24T00:15"});
    check("@hourly", "Asia/Kathmandu", "2026-11-23T00:00:00Z", {"2026-11-23T00:15", "2026-11-23T01:15"});
    check("0 0 1 1 *", "Asia/Kathmandu", "2030-01-01T00:00:00Z", {"2030-12-31T18:15", "2031-12-31T18:15"});
    check("0 0 29 2 *", "Asia/Kathmandu", "2037-06-01T00:00:00Z", {"2040-02-28T18:15"});
}

// 2027-03-28T01:00Z: 02:00 becomes 03:00. 2027-10-31T01:00Z: 03:00 becomes 02:00.
TEST_CASE("Europe/Berlin: what is skipped runs at the jump, once") {
    check("30 2 * * *", "Europe/Berlin", "2027-03-27T00:00:00Z",
          {"2027-03-27T01:30", "2027-03-28T01:00", "2027-03-29T00:30"});
    check("0,15,30,45 2 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", {"2027-03-28T01:00", "2027-03-29T00:00"});
    // With what comes at that moment anyhow.
    check("0 2,3 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", {"2027-03-28T01:00", "2027-03-29T00:00"});
    check("30 2,3 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z",
          {"2027-03-28T01:00", "2027-03-28T01:30", "2027-03-29T00:30"});
    check("0 3 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", {"2027-03-28T01:00", "2027-03-29T01:00"});
    check("30 1 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", {"2027-03-28T00:30", "2027-03-28T23:30"});
    check("30 2 28 3 *", "Europe/Berlin", "2027-01-01T00:00:00Z", {"2027-03-28T01:00", "2028-03-28T00:30"});
}

TEST_CASE("Europe/Berlin: what comes twice runs the first time") {
    check("30 2 * * *", "Europe/Berlin", "2027-10-30T00:00:00Z",
          {"2027-10-30T00:30", "2027-10-31T00:30", "2027-11-01T01:30"});
    check("0 2,3 * * *", "Europe/Berlin", "2027-10-30T22:00:00Z",
          {"2027-10-31T00:00", "2027-10-31T02:00", "2027-11-01T01:00"});
    // Asked in the second hour, all of whose readings have fired.
    check("0,30 2,3 * * *", "Europe/Berlin", "2027-10-31T01:10:00Z",
          {"2027-10-31T02:00", "2027-10-31T02:30", "2027-11-01T01:00"});
    check("30 2 31 10 *", "Europe/Berlin", "2027-10-31T00:30:00Z", {"2028-10-31T01:30"});
}

TEST_CASE("Europe/Berlin: a wildcard goes on evenly") {
    check("*/30 * * * *", "Europe/Berlin", "2027-03-28T00:15:00Z",
          {"2027-03-28T00:30", "2027-03-28T01:00", "2027-03-28T01:30"});
    check("*/30 * * * *", "Europe/Berlin", "2027-10-31T00:15:00Z",
          {"2027-10-31T00:30", "2027-10-31T01:00", "2027-10-31T01:30", "2027-10-31T02:00"});
    check("*/30 2 * * *", "Europe/Berlin", "2027-10-30T22:00:00Z",
          {"2027-10-31T00:00", "2027-10-31T00:30", "2027-10-31T01:00", "2027-10-31T01:30", "2027-11-01T01:00"});
    check("*/30 2 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", {"2027-03-29T00:00"}); // there is no such minute
    CHECK(firings("*/15 * * * *", "Europe/Berlin", "2027-10-30T21:59:59Z", 101).back() == "2027-10-31T23:00:00.000Z");
}

// 2027-03-14T07:00Z: 02:00 becomes 03:00. 2027-11-07T06:00Z: 02:00 becomes 01:00.
TEST_CASE("America/New_York") {
    check("30 2 * * *", "America/New_York", "2027-03-13T12:00:00Z", {"2027-03-14T07:00", "2027-03-15T06:30"});
    check("30 1 * * *", "America/New_York", "2027-11-07T00:00:00Z", {"2027-11-07T05:30", "2027-11-08T06:30"});
    check("@hourly", "America/New_York", "2027-11-07T04:30:00Z",
          {"2027-11-07T05:00", "2027-11-07T06:00", "2027-11-07T07:00"});
    check("0 0 * * SUN", "America/New_York", "2027-11-01T00:00:00Z", {"2027-11-07T04:00", "2027-11-14T05:00"});
}

// Half an hour. 2027-10-02T15:30Z: 02:00 becomes 02:30. 2027-04-03T15:00Z: 02:00 becomes 01:30.
TEST_CASE("Australia/Lord_Howe") {
    check("15 2 * * *", "Australia/Lord_Howe", "2027-10-02T00:00:00Z", {"2027-10-02T15:30", "2027-10-03T15:15"});
    check("45 2 * * *", "Australia/Lord_Howe", "2027-10-02T00:00:00Z", {"2027-10-02T15:45", "2027-10-03T15:45"});
    check("45 1 * * *", "Australia/Lord_Howe", "2027-04-03T00:00:00Z", {"2027-04-03T14:45", "2027-04-04T15:15"});
    check("*/30 * * * *", "Australia/Lord_Howe", "2027-04-03T14:15:00Z",
          {"2027-04-03T14:30", "2027-04-03T15:00", "2027-04-03T15:30"});
}

// The clocks are put forward at midnight (2026-09-06T04:00Z): the day begins at one.
TEST_CASE("America/Santiago: midnight itself is skipped") {
    check("@daily", "America/Santiago", "2026-09-05T12:00:00Z", {"2026-09-06T04:00", "2026-09-07T03:00"});
}

// 30 December 2011 was left out.
TEST_CASE("Pacific/Apia: a whole day is skipped") {
    check("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z",
          {"2011-12-29T22:00", "2011-12-30T10:00", "2011-12-30T22:00", "2011-12-31T22:00"});
    check("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", {"2011-12-30T10:00", "2012-12-29T22:00"});
}

TEST_CASE("what lies beyond the zone's known rules is told") {
    check("0 0 29 2 *", "Europe/Berlin", "2030-01-01T00:00:00Z", {"2032-02-28T23:00", "2036-02-28T23:00"});
    const auto found = firings("0 0 29 2 *", "Europe/Berlin", "2036-06-01T00:00:00Z", 1);
    CHECK(found.front().find("after 2037") != std::string::npos);
    CHECK(found.front().find("Europe/Berlin") != std::string::npos);
}

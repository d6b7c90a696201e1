#include <castiel_sync/http/retry_after.hpp>

#include <core/http_date.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>

using namespace castiel_sync;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

// Sun, 06 Nov 1994 08:49:37 GMT, the moment that RFC 9110 writes in three ways.
const Timestamp moment = std::chrono::sys_days{std::chrono::year{1994} / 11 / 6} + 8h + 49min + 37s;

std::optional<milliseconds> read(std::string value, Timestamp now = moment) {
    HttpHeaders headers;
    headers.add("Content-Type", "text/plain");
    headers.add("retry-after", std::move(value));
    return read_retry_after(headers, now);
}

} // namespace

TEST_CASE("seconds are read as they are") {
    CHECK(read("0") == 0ms);
    CHECK(read("120") == 120s);
    CHECK(read(" 7\t") == 7s);
    CHECK(read("007") == 7s);
}

TEST_CASE("numbers of any length stay within the limit and never overflow") {
    CHECK(read("315360000") == max_retry_after);
    CHECK(read("1000000000") == max_retry_after);
    CHECK(read("9223372036854775807") == max_retry_after);
    CHECK(read("18446744073709551616") == max_retry_after);
    CHECK(read(std::string(10'000, '9')) == max_retry_after);
    CHECK(read(std::string(10'000, '0') + "5") == 5s);
}

TEST_CASE("what is no time asks for nothing") {
    for (const char* garbage : {"",
                                " ",
                                "-5",
                                "+5",
                                "1.5",
                                "1,5",
                                "5s",
                                "5 s",
                                "0x10",
                                "soon",
                                "1e3",
                                "120, 240",
                                "NaN",
                                "\xff\xfe",
                                "٣",
                                "Thu, 01 Jan 1970",
                                "1994-11-06T08:49:37Z",
                                "Sun, 06 Nov 1994 08:49:37",
                                "Sun, 06 Nov 1994 08:49:37 PST",
                                "Sun, 06 Nov 1994 08:49:37 GMT ;",
                                "sun, 06 nov 1994 08:49:37 gmt",
                                "Sun, 6 Nov 1994 08:49:37 GMT",
                                "Sun, 31 Feb 1994 08:49:37 GMT",
                                "Sun, 06 Nov 1994 24:00:00 GMT",
                                "Sun, 06 Nov 1994 08:60:37 GMT",
                                "Sun, 00 Nov 1994 08:49:37 GMT",
                                "Sun, 06 Nox 1994 08:49:37 GMT",
                                "Sun, 06-Nov-94 08:49:37 GMT",
                                "Sunday, 06-Nov-1994 08:49:37 GMT",
                                "Sun Nov  6 08:49:37 94",
                                "Sun Nov 006 08:49:37 1994",
                                "Sun Nov  6 08:49:37 1994 GMT"}) {
        CAPTURE(garbage);
        CHECK(read(garbage) == std::nullopt);
    }
    CHECK(read(std::string("5\0", 2)) == std::nullopt);
    CHECK(read_retry_after(HttpHeaders(), moment) == std::nullopt);
}

TEST_CASE("all three forms of a date say the same moment") {
    for (const char* date :
         {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
        CAPTURE(date);
        CHECK(read(date, moment - 90s) == 90s);
        CHECK(read(date, moment - 250ms) == 250ms);
        CHECK(read(date, moment) == 0ms);
        CHECK(read(date, moment + 1h) == 0ms);
        CHECK(read(date, moment - std::chrono::days(4'000)) == max_retry_after);
    }
    CHECK(read("Sun Nov 16 08:49:37 1994", moment) == std::chrono::days(10));
    CHECK(read("Fri, 06 Nov 1994 08:49:38 GMT", moment) == 1s); // it was a Sunday
    CHECK(read("Sun, 06 Nov 1994 08:49:60 GMT", moment) == 23s);
}

TEST_CASE("two digits of year are the nearest such year that is at most 50 years ahead") {
    const auto year_of = [](const char* date, int now) {
        const auto time = parse_http_date(date, std::chrono::sys_days{std::chrono::year{now} / 6 / 1});
        REQUIRE(time);
        return static_cast<int>(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(*time)).year());
    };
    CHECK(year_of("Sunday, 06-Nov-94 08:49:37 GMT", 2026) == 1994);
    CHECK(year_of("Sunday, 06-Nov-27 08:49:37 GMT", 2026) == 2027);
    CHECK(year_of("Sunday, 06-Nov-76 08:49:37 GMT", 2026) == 2076);
    CHECK(year_of("Sunday, 06-Nov-77 08:49:37 GMT", 2026) == 1977);
    CHECK(year_of("Sunday, 06-Nov-00 08:49:37 GMT", 2099) == 2100);
    CHECK(year_of("Sunday, 06-Nov-49 08:49:37 GMT", 2099) == 2149);
    CHECK(year_of("Sunday, 06-Nov-50 08:49:37 GMT", 2099) == 2050);
}

TEST_CASE("a date that was written is read as it was") {
    CHECK(to_http_date(moment + 999ms) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(rc::check([] {
        const Timestamp time{std::chrono::seconds(*rc::gen::inRange<std::int64_t>(-60'000'000'000, 250'000'000'000))};
        RC_ASSERT(parse_http_date(to_http_date(time), moment) == time);
    }));
}

TEST_CASE("of several headers the first one counts") {
    HttpHeaders headers;
    headers.add("Retry-After", "3");
    headers.add("Retry-After", "60");
    CHECK(read_retry_after(headers, moment) == 3s);
}

#include <core/cron.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

using namespace castiel_sync;

namespace {

CronExpression parsed(std::string_view text) {
    auto expression = CronExpression::parse(text);
    INFO(text);
    REQUIRE_MESSAGE(expression.has_value(), expression.error().message);
    return *expression;
}

std::string refusal(std::string_view text) {
    const auto expression = CronExpression::parse(text);
    if (expression) return "";
    CHECK(expression.error().code == ErrorCode::invalid_configuration);
    return expression.error().message;
}

bool tells(const std::string& message, std::string_view part) { return message.find(part) != std::string::npos; }

std::uint64_t bits(std::initializer_list<unsigned> values) {
    std::uint64_t all = 0;
    for (const unsigned value : values)
        all |= std::uint64_t{1} << value;
    return all;
}

std::uint64_t range(unsigned first, unsigned last) {
    std::uint64_t all = 0;
    for (unsigned value = first; value <= last; ++value)
        all |= std::uint64_t{1} << value;
    return all;
}

} // namespace

TEST_CASE("a star is every value") {
    const CronExpression expression = parsed("* * * * *");
    CHECK(expression.minutes == range(0, 59));
    CHECK(expression.hours == range(0, 23));
    CHECK(expression.days == range(1, 31));
    CHECK(expression.months == range(1, 12));
    CHECK(expression.weekdays == range(0, 6));
    CHECK(expression.wildcard);
    CHECK(!expression.either_day);
}

TEST_CASE("values, lists, ranges and steps") {
    CHECK(parsed("5 * * * *").minutes == bits({5}));
    CHECK(parsed("05 * * * *").minutes == bits({5}));
    CHECK(parsed("1,2,59 * * * *").minutes == bits({1, 2, 59}));
    CHECK(parsed("10-13 * * * *").minutes == range(10, 13));
    CHECK(parsed("7-7 * * * *").minutes == bits({7}));
    CHECK(parsed("*/15 * * * *").minutes == bits({0, 15, 30, 45}));
    CHECK(parsed("1-30/5 * * * *").minutes == bits({1, 6, 11, 16, 21, 26}));
    CHECK(parsed("5/10 * * * *").minutes == bits({5, 15, 25, 35, 45, 55}));
    CHECK(parsed("0/15,7,20-22 * * * *").minutes == bits({0, 7, 15, 20, 21, 22, 30, 45}));
    CHECK(parsed("*/60 * * * *").minutes == bits({0}));
    CHECK(parsed("0 */24 * * *").hours == bits({0}));
    CHECK(parsed("0 0 */10 * *").days == bits({1, 11, 21, 31}));
    CHECK(parsed("0 0 1 */5 *").months == bits({1, 6, 11}));
    CHECK(parsed("\t 0  6\t* *  1-5 ") == parsed("0 6 * * 1-5"));
}

TEST_CASE("names in any case, and two Sundays") {
    CHECK(parsed("0 0 1 jan,Feb,DEC *").months == bits({1, 2, 12}));
    CHECK(parsed("0 0 1 mar-jun/2 *").months == bits({3, 5}));
    CHECK(parsed("0 0 * * mon-FRI").weekdays == range(1, 5));
    CHECK(parsed("0 0 * * 7").weekdays == bits({0}));
    CHECK(parsed("0 0 * * 5-7").weekdays == bits({0, 5, 6}));
    CHECK(parsed("0 0 * * SAT-SUN").weekdays == bits({0, 6}));
    CHECK(parsed("0 0 * * SUN-TUE").weekdays == bits({0, 1, 2}));
    CHECK(parsed("0 0 * * 0-7").weekdays == range(0, 6));
    CHECK(parsed("0 0 * * */2").weekdays == bits({0, 2, 4, 6}));
    CHECK(parsed("0 0 * * 1/2").weekdays == bits({1, 3, 5}));
    CHECK(parsed("0 0 * * 7/2").weekdays == bits({0}));
}

TEST_CASE("words for the usual ones") {
    CHECK(parsed("@hourly") == parsed("0 * * * *"));
    CHECK(parsed("@daily") == parsed("0 0 * * *"));
    CHECK(parsed("@Midnight") == parsed("0 0 * * *"));
    CHECK(parsed("@weekly") == parsed("0 0 * * SUN"));
    CHECK(parsed(" @monthly ") == parsed("0 0 1 * *"));
    CHECK(parsed("@yearly") == parsed("0 0 1 JAN *"));
    CHECK(parsed("@annually") == parsed("@yearly"));
    for (const std::string_view word : {"@reboot", "@every 5m", "@", "@dailyx"})
        CHECK_MESSAGE(refusal(word) != "", word);
    CHECK(tells(refusal("@reboot"), "use @hourly"));
}

TEST_CASE("a day fits either field when both are restricted") {
    CHECK(parsed("0 0 1 * 1").either_day);
    CHECK(!parsed("0 0 1 * *").either_day);
    CHECK(!parsed("0 0 * * 1").either_day);
    CHECK(!parsed("0 0 */2 * 1").either_day);
    CHECK(parsed("0 0 1/2 * 1").either_day);
}

TEST_CASE("only minute and hour make a wildcard") {
    CHECK(parsed("*/5 2 * * *").wildcard);
    CHECK(parsed("30 * * * *").wildcard);
    CHECK(!parsed("0,30 2 * * *").wildcard);
    CHECK(!parsed("0/5 2 1 1 1").wildcard);
}

TEST_CASE("a fault names the field and what it may hold") {
    CHECK(refusal("60 * * * *") == "'60' in the field minute is not understood; allowed are 0 to 59, *, lists (1,3), "
                                   "ranges (1-5) and steps (*/2)");
    CHECK(tells(refusal("* 24 * * *"), "in the field hour is not understood; allowed are 0 to 23"));
    CHECK(tells(refusal("* * 0 * *"), "'0' in the field day of month is not understood; allowed are 1 to 31"));
    CHECK(tells(refusal("* * 32 * *"), "day of month"));
    CHECK(tells(refusal("* * * 13 *"), "in the field month is not understood; allowed are 1 to 12, JAN to DEC"));
    CHECK(tells(refusal("* * * MON *"), "'MON' in the field month"));
    CHECK(tells(refusal("* * * * 8"), "in the field day of week is not understood; allowed are 0 to 7, SUN to SAT"));
    CHECK(tells(refusal("* * * * MONDAY"), "day of week"));
    CHECK(tells(refusal("*/0 * * * *"), "'*/0' in the field minute has a step that is not 1 to 60"));
    CHECK(tells(refusal("*/90 * * * *"), "step"));
    CHECK(tells(refusal("* */25 * * *"), "step that is not 1 to 24"));
    CHECK(tells(refusal("* * * * */8"), "step that is not 1 to 7"));
    CHECK(tells(refusal("30-10 * * * *"), "'30-10' in the field minute runs backwards"));
    CHECK(tells(refusal("* * * * FRI-MON"), "runs backwards"));
    CHECK(tells(refusal("* * * NOV-FEB *"), "runs backwards"));
}

TEST_CASE("what other crons know and this one does not") {
    for (const std::string_view text : {"* * ? * *", "* * L * *", "* * 15W * *", "* * * * 5#3", "* * * * 5L",
                                        "H * * * *", "~ * * * *", "1~5 * * * *", "* * * * !1"})
        CHECK_MESSAGE(tells(refusal(text), "is not understood"), text);
}

TEST_CASE("nonsense within a field") {
    for (const std::string_view text : {", * * * *",
                                        "1, * * * *",
                                        ",1 * * * *",
                                        "1,,2 * * * *",
                                        "- * * * *",
                                        "1- * * * *",
                                        "-1 * * * *",
                                        "1-2-3 * * * *",
                                        "/ * * * *",
                                        "/5 * * * *",
                                        "*/ * * * *",
                                        "*/5/5 * * * *",
                                        "*-5 * * * *",
                                        "** * * * *",
                                        "+1 * * * *",
                                        "1.5 * * * *",
                                        "0x1 * * * *",
                                        "001 * * * *",
                                        "99999999999999999999 * * * *",
                                        "*/+5 * * * *",
                                        "*/-5 * * * *",
                                        "\xc3\xa4 * * * *"})
        CHECK_MESSAGE(tells(refusal(text), "in the field minute"), text);
}

TEST_CASE("there are five fields") {
    for (const std::string_view text :
         {"", " ", "0 6 * *", "0 0 6 * * 1-5", "0 6 * * 1-5 2026", "0 6 * * 1 - 5", "@daily @daily"})
        CHECK_MESSAGE(tells(refusal(text), "five fields"), text);
    CHECK(tells(refusal(std::string(201, '*')), "longer than 200"));
    CHECK(tells(refusal("* * * * *\n"), "day of week"));
}

TEST_CASE("an expression that never fires is refused") {
    CHECK(tells(refusal("0 0 31 2 *"), "never fires: no month '2' has a day '31'"));
    CHECK(tells(refusal("0 0 30,31 FEB *"), "never fires"));
    CHECK(tells(refusal("0 0 31 2,4,6,9,11 *"), "never fires"));
    CHECK(tells(refusal("0 0 31 2 */2"), "never fires"));
    CHECK(refusal("0 0 29 2 *") == "");
    CHECK(refusal("0 0 31 2 1") == ""); // on Mondays
    CHECK(refusal("0 0 31 2,3 *") == "");
}

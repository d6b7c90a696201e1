// The same schedules, found by looking at every minute.
#include <castiel_sync/runtime.hpp>
#include <core/cron.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace castiel_sync;
using std::chrono::days;
using std::chrono::minutes;

namespace {

struct DrawnField {
    std::string text;
    std::set<unsigned> values;
};

DrawnField draw_field(unsigned first, unsigned last, int density) {
    DrawnField field;
    const int parts = *rc::gen::inRange(1, density + 1);
    for (int part = 0; part < parts; ++part) {
        if (part > 0) field.text += ',';
        const unsigned from = *rc::gen::inRange(first, last + 1);
        const unsigned to = *rc::gen::inRange(from, last + 1);
        const unsigned step = *rc::gen::inRange(1U, last - first + 2);
        const auto add = [&](unsigned begin, unsigned end, unsigned by) {
            for (unsigned value = begin; value <= end; value += by)
                field.values.insert(value);
        };
        const std::string by = "/" + std::to_string(step);
        switch (*rc::gen::inRange(0, 7)) {
        case 0:
            field.text += "*", add(first, last, 1);
            break;
        case 1:
            field.text += "*" + by, add(first, last, step);
            break;
        case 2:
            field.text += std::to_string(from) + by, add(from, last, step);
            break;
        case 3:
            field.text += std::to_string(from) + "-" + std::to_string(to), add(from, to, 1);
            break;
        case 4:
            field.text += std::to_string(from) + "-" + std::to_string(to) + by, add(from, to, step);
            break;
        default:
            field.text += std::to_string(from), add(from, from, 1);
        }
    }
    return field;
}

struct Drawn {
    std::array<DrawnField, 5> fields;

    [[nodiscard]] std::string text() const {
        std::string all = fields[0].text;
        for (std::size_t place = 1; place < fields.size(); ++place)
            all += " " + fields[place].text;
        return all;
    }

    [[nodiscard]] bool starts_with_star(std::size_t place) const { return fields[place].text.front() == '*'; }

    [[nodiscard]] bool fits(LocalTime reading) const {
        const auto day = std::chrono::floor<days>(reading);
        const std::chrono::year_month_day date(day);
        const auto minute = static_cast<unsigned>(std::chrono::duration_cast<minutes>(reading - day).count());
        const bool by_date = fields[2].values.contains(static_cast<unsigned>(date.day()));
        const bool by_weekday = fields[4].values.contains(std::chrono::weekday(day).c_encoding());
        const bool restricted = !starts_with_star(2) && !starts_with_star(4);
        return fields[0].values.contains(minute % 60) && fields[1].values.contains(minute / 60) &&
               fields[3].values.contains(static_cast<unsigned>(date.month())) &&
               (restricted ? by_date || by_weekday : by_date && by_weekday);
    }
};

Drawn draw() {
    // Near the hours in which clocks change, most of the time.
    Drawn drawn;
    drawn.fields[0] = draw_field(0, 59, 3);
    drawn.fields[1] = *rc::gen::arbitrary<bool>() ? draw_field(0, 3, 2) : draw_field(0, 23, 3);
    if (drawn.fields[1].text.find_first_of("*/") != std::string::npos) drawn.fields[1] = draw_field(0, 23, 3);
    drawn.fields[2] = draw_field(1, 31, 4);
    drawn.fields[3] = draw_field(1, 12, 4);
    drawn.fields[4] = draw_field(0, 6, 3);
    return drawn;
}

LocalTime read_clock(const TimeZone& zone, Timestamp time) {
    const auto offset = zone.offset_at(time);
    REQUIRE(offset.has_value());
    return LocalTime(time.time_since_epoch() + offset->from_utc);
}

// Minute by minute: what the clock reads now, or, without wildcard, all that it reads for the first time.
std::vector<Timestamp> look_at_every_minute(const Drawn& drawn, const TimeZone& zone, Timestamp from, Timestamp until) {
    const bool wildcard = drawn.starts_with_star(0) || drawn.starts_with_star(1);
    std::vector<Timestamp> found;
    LocalTime read = read_clock(zone, from - days(2));
    for (Timestamp time = from - days(2); time < until; time += minutes(1)) {
        const LocalTime reading = read_clock(zone, time);
        bool fires = wildcard && drawn.fits(reading);
        for (; !wildcard && read <= reading; read += minutes(1))
            fires = fires || drawn.fits(read);
        if (fires && time > from) found.push_back(time);
    }
    return found;
}

constexpr std::array<std::string_view, 6> zones{
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago"};

// Noon before clocks change somewhere, and days on which they don't.
constexpr std::array<std::string_view, 8> noons{"2027-03-27T12:00:00Z", "2027-10-30T12:00:00Z", "2027-03-13T12:00:00Z",
                                                "2027-11-06T12:00:00Z", "2027-10-02T00:00:00Z", "2027-04-02T12:00:00Z",
                                                "2026-09-05T12:00:00Z", "2027-12-30T12:00:00Z"};

} // namespace

TEST_CASE("next_after finds what looking at every minute finds") {
    CHECK(rc::check([] {
        const Drawn drawn = draw();
        const auto expression = CronExpression::parse(drawn.text());
        if (!expression) {
            RC_ASSERT(expression.error().message.find("never fires") != std::string::npos);
            RC_DISCARD("never fires");
        }
        const auto zone = TimeZone::find(zones[*rc::gen::inRange<std::size_t>(0, zones.size())]);
        const Timestamp from = *parse_timestamp(noons[*rc::gen::inRange<std::size_t>(0, noons.size())]) +
                               minutes(*rc::gen::inRange(-600, 600));
        const Timestamp until = from + days(3);
        std::vector<Timestamp> found;
        Timestamp time = from;
        while (true) {
            const auto next = next_after(*expression, time, *zone);
            RC_ASSERT(next.has_value());
            RC_ASSERT(*next > time);
            if (*next >= until) break;
            found.push_back(*next);
            time = *next;
        }
        RC_LOG() << drawn.text() << " in " << zone->name() << " from " << to_string(from) << "\n";
        RC_ASSERT(found == look_at_every_minute(drawn, *zone, from, until));
    }));
}

TEST_CASE("next_after does not depend on where one asks from") {
    CHECK(rc::check([] {
        const auto expression = CronExpression::parse(draw().text());
        if (!expression) RC_DISCARD("never fires");
        const auto zone = TimeZone::find(zones[*rc::gen::inRange<std::size_t>(0, zones.size())]);
        const Timestamp from = *parse_timestamp(noons[*rc::gen::inRange<std::size_t>(0, noons.size())]);
        const auto next = next_after(*expression, from, *zone);
        if (!next) RC_DISCARD("not before 2037");
        const auto gap = (*next - from).count();
        const auto between = std::chrono::milliseconds(*rc::gen::inRange<std::int64_t>(0, gap));
        RC_ASSERT(next_after(*expression, from + between, *zone).value() == *next);
    }));
}

#include <core/cron.hpp>

#include <core/json_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::year_month_day;

constexpr std::size_t longest_expression = 200;
constexpr std::size_t field_count = 5;
constexpr days farthest{41 * 366};

constexpr std::array<std::string_view, 12> month_names{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                       "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> weekday_names{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

struct Field {
    std::string_view name;
    unsigned first;
    unsigned last;    // of * and of an open range
    unsigned largest; // that may be written
    std::span<const std::string_view> names = {};
};

const std::array<Field, field_count> fields{{{"minute", 0, 59, 59},
                                             {"hour", 0, 23, 23},
                                             {"day of month", 1, 31, 31},
                                             {"month", 1, 12, 12, month_names},
                                             {"day of week", 0, 6, 7, weekday_names}}};

struct Shorthand {
    std::string_view name;
    std::string_view meaning;
};

constexpr std::array<Shorthand, 7> shorthands{{{"@hourly", "0 * * * *"},
                                               {"@daily", "0 0 * * *"},
                                               {"@midnight", "0 0 * * *"},
                                               {"@weekly", "0 0 * * 0"},
                                               {"@monthly", "0 0 1 * *"},
                                               {"@yearly", "0 0 1 1 *"},
                                               {"@annually", "0 0 1 1 *"}}};

bool equal_in_any_case(std::string_view left, std::string_view right) {
    const auto upper = [](char letter) {
        return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
    };
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [&](char a, char b) { return upper(a) == upper(b); });
}

Error fault(std::string message) { return Error(ErrorCode::invalid_configuration, std::move(message)); }

Error field_fault(const Field& field, std::string_view written, std::string_view reason) {
    std::string allowed = fmt::format("{} to {}", field.first, field.largest);
    if (!field.names.empty()) allowed += fmt::format(", {} to {}", field.names.front(), field.names.back());
    return fault(fmt::format("'{}' in the field {} {}; allowed are {}, *, lists (1,3), ranges (1-5) and steps (*/2)",
                             excerpt(written), field.name, reason, allowed));
}

std::optional<unsigned> read_number(std::string_view text) {
    unsigned number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || text.size() > 2) return std::nullopt;
    return number;
}

std::optional<unsigned> read_value(const Field& field, std::string_view text) {
    for (std::size_t place = 0; place < field.names.size(); ++place)
        if (equal_in_any_case(text, field.names[place])) return field.first + static_cast<unsigned>(place);
    const auto number = read_number(text);
    if (!number || *number < field.first || *number > field.largest) return std::nullopt;
    return number;
}

// One part of a list, as bits.
Result<std::uint64_t> read_part(const Field& field, std::string_view part) {
    const std::size_t slash = part.find('/');
    const std::string_view range = part.substr(0, slash);
    unsigned step = 1;
    if (slash != std::string_view::npos) {
        const unsigned count = field.last - field.first + 1;
        const auto number = read_number(part.substr(slash + 1));
        if (!number || *number < 1 || *number > count)
            return field_fault(field, part, fmt::format("has a step that is not 1 to {}", count));
        step = *number;
    }
    unsigned first = field.first;
    unsigned last = field.last;
    const std::size_t dash = range.find('-');
    if (range != "*") {
        const std::string_view end = dash == std::string_view::npos ? "" : range.substr(dash + 1);
        const auto from = read_value(field, range.substr(0, dash));
        const auto to = dash == std::string_view::npos ? from : read_value(field, end);
        if (!from || !to) return field_fault(field, part, "is not understood");
        first = *from;
        last = *to;
        if (dash == std::string_view::npos && slash != std::string_view::npos) last = std::max(first, field.last);
        if (last == 0 && first != 0 && equal_in_any_case(end, "SUN")) last = 7; // MON-SUN
        if (first > last) return field_fault(field, part, "runs backwards, write it as two ranges");
    }
    std::uint64_t bits = 0;
    for (unsigned value = first; value <= last; value += step)
        bits |= std::uint64_t{1} << value;
    return bits;
}

Result<std::uint64_t> read_field(const Field& field, std::string_view text) {
    std::uint64_t bits = 0;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find(',', start), text.size());
        const auto part = read_part(field, text.substr(start, end - start));
        if (!part) return part.error();
        bits |= *part;
        start = end + 1;
    }
    return bits;
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> words;
    for (std::size_t start = text.find_first_not_of(" \t"); start < text.size();) {
        const std::size_t end = std::min(text.find_first_of(" \t", start), text.size());
        words.push_back(text.substr(start, end - start));
        start = text.find_first_not_of(" \t", end);
    }
    return words;
}

bool ever_fires(const CronExpression& expression) {
    if (expression.either_day) return true; // each month has all days of the week
    constexpr std::array<unsigned, 12> lengths{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (unsigned month = 1; month <= lengths.size(); ++month)
        if ((expression.months >> month & 1) != 0 &&
            static_cast<unsigned>(std::countr_zero(expression.days)) <= lengths[month - 1])
            return true;
    return false;
}

bool fits_day(const CronExpression& expression, year_month_day date, local_days day) {
    const bool by_date = (expression.days >> static_cast<unsigned>(date.day()) & 1) != 0;
    const bool by_weekday = (expression.weekdays >> std::chrono::weekday(day).c_encoding() & 1) != 0;
    return expression.either_day ? by_date || by_weekday : by_date && by_weekday;
}

// The first reading of a local clock in [from, until), a whole minute, that fits.
std::optional<LocalTime> next_reading(const CronExpression& expression, LocalTime from, LocalTime until) {
    const LocalTime start = std::chrono::ceil<minutes>(from);
    local_days day = std::chrono::floor<days>(start);
    for (minutes earliest = std::chrono::duration_cast<minutes>(start - day); day < until; earliest = minutes{0}) {
        const year_month_day date(day);
        if ((expression.months >> static_cast<unsigned>(date.month()) & 1) == 0) {
            day = local_days(date.year() / date.month() / std::chrono::last) + days(1);
            continue;
        }
        if (fits_day(expression, date, day)) {
            auto hour = static_cast<unsigned>(earliest.count() / 60);
            auto minute = static_cast<unsigned>(earliest.count() % 60);
            for (; hour < 24; ++hour, minute = 0) {
                if ((expression.hours >> hour & 1) == 0) continue;
                const std::uint64_t rest = expression.minutes >> minute;
                if (rest == 0) continue;
                const LocalTime reading = day + hours(hour) + minutes(minute + std::countr_zero(rest));
                return reading < until ? std::optional(reading) : std::nullopt;
            }
        }
        day += days(1);
    }
    return std::nullopt;
}

LocalTime read_clock(Timestamp time, std::chrono::seconds from_utc) {
    return LocalTime(time.time_since_epoch() + from_utc);
}

Timestamp moment_of(LocalTime reading, std::chrono::seconds from_utc) {
    return Timestamp(reading.time_since_epoch() - from_utc);
}

} // namespace

Result<CronExpression> CronExpression::parse(std::string_view text) {
    if (text.size() > longest_expression) return fault("is longer than 200 characters");
    std::vector<std::string_view> words = split(text);
    if (words.size() == 1 && words.front().starts_with('@')) {
        const auto known = std::find_if(shorthands.begin(), shorthands.end(), [&](const Shorthand& each) {
            return equal_in_any_case(each.name, words.front());
        });
        if (known == shorthands.end())
            return fault(fmt::format("'{}' is not known; use @hourly, @daily, @midnight, @weekly, @monthly, @yearly, "
                                     "@annually, or five fields",
                                     excerpt(words.front())));
        words = split(known->meaning);
    }
    if (words.size() != field_count)
        return fault("must have five fields: minute, hour, day, month, weekday, as in '0 6 * * 1-5'");
    std::array<std::uint64_t, field_count> bits{};
    for (std::size_t place = 0; place < field_count; ++place) {
        const auto read = read_field(fields[place], words[place]);
        if (!read) return read.error();
        bits[place] = *read;
    }
    constexpr std::uint64_t other_sunday = 1 << 7;
    CronExpression expression;
    expression.minutes = bits[0];
    expression.hours = static_cast<std::uint32_t>(bits[1]);
    expression.days = static_cast<std::uint32_t>(bits[2]);
    expression.months = static_cast<std::uint32_t>(bits[3]);
    expression.weekdays = static_cast<std::uint32_t>((bits[4] & ~other_sunday) | (bits[4] & other_sunday) >> 7);
    expression.either_day = !words[2].starts_with('*') && !words[4].starts_with('*');
    expression.wildcard = words[0].starts_with('*') || words[1].starts_with('*');
    if (!ever_fires(expression))
        return fault(fmt::format("never fires: no month '{}' has a day '{}'; correct the day of month or the month",
                                 excerpt(words[3]), excerpt(words[2])));
    return expression;
}

// Between two changes of the clocks, readings and moments differ by a constant. `reached` is the reading up to which
// everything has fired: it stays ahead after clocks were put back, and falls behind when they are put forward.
Result<Timestamp> next_after(const CronExpression& expression, Timestamp after, const TimeZone& zone) {
    const Timestamp limit = after + farthest;
    // Early enough to know what came before a change: no clock is put back by as much.
    const Timestamp start = after - days(2);
    std::optional<LocalTime> reached;
    for (Timestamp moment = start; moment < limit;) {
        const auto period = zone.period_at(moment);
        if (!period)
            return fault(fmt::format("the schedule fires next after 2037, for which the clocks' changes in {} are not "
                                     "known; choose a time that comes more often, or UTC",
                                     zone.name()));
        const Timestamp end = std::min(period->end, limit);
        const LocalTime begin_reading = read_clock(moment, period->from_utc);
        const LocalTime end_reading = read_clock(end, period->from_utc);
        LocalTime from = expression.wildcard ? begin_reading : reached.value_or(begin_reading);
        if (moment <= after) from = std::max(from, read_clock(after + milliseconds(1), period->from_utc));
        if (const auto reading = next_reading(expression, from, end_reading))
            return std::max(moment, moment_of(*reading, period->from_utc));
        reached = std::max(reached.value_or(end_reading), end_reading);
        moment = end;
    }
    return fault("the schedule does not fire within 41 years");
}

} // namespace castiel_sync

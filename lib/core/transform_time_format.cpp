#include <core/transform_time_format.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <span>

namespace castiel_sync {
namespace {

using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 12> month_names{"January",   "February", "March",    "April",
                                                       "May",       "June",     "July",     "August",
                                                       "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> weekday_names{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                        "Thursday", "Friday", "Saturday"};
constexpr std::size_t short_name = 3;

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }
char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter; }

bool take(std::string_view& rest, char expected) {
    if (rest.empty() || rest.front() != expected) return false;
    rest.remove_prefix(1);
    return true;
}

// `least` to `most` digits.
bool take_number(std::string_view& rest, std::size_t least, std::size_t most, int& value) {
    std::size_t count = 0;
    value = 0;
    while (count < most && count < rest.size() && is_digit(rest[count]))
        value = value * 10 + (rest[count++] - '0');
    rest.remove_prefix(count);
    return count >= least;
}

bool take_fraction(std::string_view& rest, milliseconds& value) {
    constexpr std::size_t most_digits = 9;
    std::size_t count = 0;
    int read = 0;
    for (; count < most_digits && count < rest.size() && is_digit(rest[count]); ++count)
        if (count < 3) read = read * 10 + (rest[count] - '0');
    for (std::size_t i = count; i < 3; ++i)
        read *= 10;
    rest.remove_prefix(count);
    value = milliseconds(read);
    return count > 0;
}

// Z, +hh, +hhmm or +hh:mm.
bool take_offset(std::string_view& rest, minutes& offset) {
    offset = minutes(0);
    if (take(rest, 'Z') || take(rest, 'z')) return true;
    const bool west = take(rest, '-');
    if (!west && !take(rest, '+')) return false;
    int whole_hours = 0, whole_minutes = 0;
    if (!take_number(rest, 2, 2, whole_hours)) return false;
    const bool colon = take(rest, ':');
    if ((colon || (!rest.empty() && is_digit(rest.front()))) && !take_number(rest, 2, 2, whole_minutes)) return false;
    if (whole_hours > 23 || whole_minutes > 59) return false;
    offset = hours(whole_hours) + minutes(whole_minutes);
    if (west) offset = -offset;
    return true;
}

bool take_name(std::string_view& rest, std::span<const std::string_view> names, std::size_t length, int& index) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::string_view name = names[i].substr(0, length);
        if (rest.size() < name.size() ||
            !std::equal(name.begin(), name.end(), rest.begin(), [](char a, char b) { return lower(a) == lower(b); }))
            continue;
        rest.remove_prefix(name.size());
        index = static_cast<int>(i);
        return true;
    }
    return false;
}

std::optional<local_days> to_day(int year, int month, int day) {
    const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                              std::chrono::day(static_cast<unsigned>(day))};
    if (year < 1 || !date.ok()) return std::nullopt;
    return local_days(date);
}

// At least `width` digits.
void append_number(std::string& out, std::int64_t value, std::size_t width) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    const auto count = static_cast<std::size_t>(end - digits);
    for (std::size_t place = count; place < width; ++place)
        out += '0';
    out.append(digits, count);
}

void append_offset(std::string& out, minutes offset, std::string_view colon) {
    const auto size = std::chrono::abs(offset).count();
    out += offset < minutes(0) ? '-' : '+';
    append_number(out, size / 60, 2);
    out += colon;
    append_number(out, size % 60, 2);
}

Error format_fault(std::string what) {
    return {ErrorCode::invalid_configuration,
            what + "; known are %Y %m %d %H %M %S %f (fraction) %I %p %b %B %a %A %z %:z %F %T %%, and %-d and so on "
                   "for numbers without leading zero"};
}

} // namespace

struct TimeFormat::Reading {
    int year = 0, month = 0, day = 0, weekday = -1, hour = 0, hour12 = 0, minute = 0, second = 0;
    bool twelve_hours = false, afternoon = false;
    milliseconds fraction{};
    std::optional<minutes> offset;
};

std::optional<TimeFormat::Part> TimeFormat::part_of(char letter) {
    switch (letter) {
    case 'Y': return Part::year;
    case 'm': return Part::month;
    case 'B': return Part::month_name;
    case 'b': return Part::month_short;
    case 'd': return Part::day;
    case 'A': return Part::weekday;
    case 'a': return Part::weekday_short;
    case 'H': return Part::hour;
    case 'I': return Part::hour12;
    case 'p': return Part::half;
    case 'M': return Part::minute;
    case 'S': return Part::second;
    case 'f': return Part::fraction;
    case 'z': return Part::offset;
    default: return std::nullopt;
    }
}

bool TimeFormat::has(Part part) const {
    return std::any_of(items_.begin(), items_.end(), [part](const Item& item) { return item.part == part; });
}

Result<TimeFormat> TimeFormat::parse(std::string_view format) {
    constexpr std::size_t longest = 128;
    if (format.size() > longest) return format_fault("the format is too long");
    std::string expanded(format);
    for (const auto& [whole, parts] : {std::pair("%F", "%Y-%m-%d"), std::pair("%T", "%H:%M:%S")})
        for (std::size_t at = 0; (at = expanded.find('%', at)) != std::string::npos; at += 2)
            if (expanded.compare(at, 2, whole) == 0) expanded.replace(at, 2, parts);

    TimeFormat result;
    std::string_view rest = expanded;
    while (!rest.empty()) {
        Item item;
        if (!take(rest, '%')) {
            item.literal = rest.front();
        } else if (rest.starts_with('%')) {
            item.literal = '%';
        } else {
            item.padded = !take(rest, '-');
            const bool colon = item.padded && take(rest, ':');
            const auto part = rest.empty() ? std::nullopt : part_of(rest.front());
            const bool number = part && (*part == Part::month || *part == Part::day || *part == Part::hour ||
                                         *part == Part::hour12);
            if (!part || (colon && *part != Part::offset) || (!item.padded && !number))
                return format_fault(fmt::format("the format has an unknown specifier in '{}'", format));
            item.part = colon ? Part::offset_colon : *part;
            if (result.has(item.part)) return format_fault(fmt::format("'{}' gives a part twice", format));
        }
        rest.remove_prefix(1);
        result.items_.push_back(item);
    }
    if (auto complete = result.check(); !complete) return complete.error();
    result.has_time_ = result.has(Part::hour) || result.has(Part::hour12);
    result.has_offset_ = result.has(Part::offset) || result.has(Part::offset_colon);
    result.certain_ = result.is_certain();
    result.grain_ = result.has(Part::fraction) ? milliseconds(1)
                    : result.has(Part::second) ? milliseconds(seconds(1))
                    : result.has(Part::minute) ? milliseconds(minutes(1))
                                               : milliseconds(hours(1));
    return result;
}

Result<> TimeFormat::check() const {
    const int months = has(Part::month) + has(Part::month_name) + has(Part::month_short);
    const int hour_parts = has(Part::hour) + has(Part::hour12);
    if (!has(Part::year) || months != 1 || !has(Part::day))
        return format_fault("a format needs a year, one month and a day");
    if (hour_parts > 1 || has(Part::hour12) != has(Part::half))
        return format_fault("a format has either %H or %I with %p");
    if ((has(Part::minute) && hour_parts == 0) || (has(Part::second) && !has(Part::minute)) ||
        (has(Part::fraction) && !has(Part::second)))
        return format_fault("a format that has minutes needs hours, seconds need minutes, and a fraction seconds");
    if (has(Part::offset) + has(Part::offset_colon) > hour_parts)
        return format_fault("a format has one offset, and only with a time");
    return {};
}

bool TimeFormat::read_item(const Item& item, std::string_view& rest, Reading& reading) {
    const std::size_t least = item.padded ? 2 : 1;
    switch (item.part) {
    case Part::literal: return take(rest, item.literal);
    case Part::year: return take_number(rest, 4, 4, reading.year);
    case Part::month: return take_number(rest, least, 2, reading.month);
    case Part::day: return take_number(rest, least, 2, reading.day);
    case Part::month_name:
    case Part::month_short:
        if (!take_name(rest, month_names, item.part == Part::month_name ? std::string_view::npos : short_name,
                       reading.month))
            return false;
        ++reading.month;
        return true;
    case Part::weekday: return take_name(rest, weekday_names, std::string_view::npos, reading.weekday);
    case Part::weekday_short: return take_name(rest, weekday_names, short_name, reading.weekday);
    case Part::hour: return take_number(rest, least, 2, reading.hour);
    case Part::hour12:
        reading.twelve_hours = true;
        return take_number(rest, least, 2, reading.hour12) && reading.hour12 >= 1 && reading.hour12 <= 12;
    case Part::half: {
        if (rest.size() < 2 || lower(rest[1]) != 'm' || (lower(rest[0]) != 'a' && lower(rest[0]) != 'p')) return false;
        reading.afternoon = lower(rest[0]) == 'p';
        rest.remove_prefix(2);
        return true;
    }
    case Part::minute: return take_number(rest, 2, 2, reading.minute);
    case Part::second: return take_number(rest, 2, 2, reading.second);
    case Part::fraction: return take_fraction(rest, reading.fraction);
    case Part::offset:
    case Part::offset_colon: {
        minutes offset{};
        if (!take_offset(rest, offset)) return false;
        reading.offset = offset;
        return true;
    }
    }
    return false;
}

std::optional<ClockReading> TimeFormat::read(std::string_view text) const {
    Reading reading;
    for (const Item& item : items_)
        if (!read_item(item, text, reading)) return std::nullopt;
    if (!text.empty()) return std::nullopt;
    if (reading.twelve_hours) reading.hour = reading.hour12 % 12 + (reading.afternoon ? 12 : 0);
    const auto day = to_day(reading.year, reading.month, reading.day);
    if (!day || reading.hour > 23 || reading.minute > 59 || reading.second > 59) return std::nullopt;
    if (reading.weekday >= 0 && std::chrono::weekday(*day).c_encoding() != static_cast<unsigned>(reading.weekday))
        return std::nullopt;
    return ClockReading{*day + hours(reading.hour) + minutes(reading.minute) + seconds(reading.second) +
                            reading.fraction,
                        reading.offset};
}

// A number of open length that digits follow could be read as another: 1 11 and 11 1 under %-d%-m.
bool TimeFormat::is_certain() const {
    for (std::size_t i = 0; i + 1 < items_.size(); ++i) {
        const Item& item = items_[i];
        const Item& next = items_[i + 1];
        const bool open = !item.padded || item.part == Part::fraction;
        const bool digits = next.part == Part::literal ? is_digit(next.literal) : !is_name(next.part);
        if (open && digits) return false;
    }
    return true;
}

bool TimeFormat::is_name(Part part) {
    return part == Part::month_name || part == Part::month_short || part == Part::weekday ||
           part == Part::weekday_short || part == Part::half || part == Part::offset || part == Part::offset_colon;
}

std::string TimeFormat::write(LocalTime local, minutes offset) const {
    const local_days day = std::chrono::floor<std::chrono::days>(local);
    const year_month_day date{day};
    const std::chrono::hh_mm_ss clock{local - day};
    const auto month = static_cast<unsigned>(date.month());
    const auto weekday = std::chrono::weekday(day).c_encoding();
    const auto hour = clock.hours().count();
    std::string text;
    for (const Item& item : items_) {
        const std::size_t width = item.padded ? 2 : 1;
        switch (item.part) {
        case Part::literal: text += item.literal; break;
        case Part::year: append_number(text, static_cast<int>(date.year()), 4); break;
        case Part::month: append_number(text, month, width); break;
        case Part::month_name: text += month_names[month - 1]; break;
        case Part::month_short: text += month_names[month - 1].substr(0, short_name); break;
        case Part::day: append_number(text, static_cast<unsigned>(date.day()), width); break;
        case Part::weekday: text += weekday_names[weekday]; break;
        case Part::weekday_short: text += weekday_names[weekday].substr(0, short_name); break;
        case Part::hour: append_number(text, hour, width); break;
        case Part::hour12: append_number(text, hour % 12 == 0 ? 12 : hour % 12, width); break;
        case Part::half: text += hour < 12 ? "AM" : "PM"; break;
        case Part::minute: append_number(text, clock.minutes().count(), 2); break;
        case Part::second: append_number(text, clock.seconds().count(), 2); break;
        case Part::fraction: append_number(text, clock.subseconds().count(), 3); break;
        case Part::offset: append_offset(text, offset, ""); break;
        case Part::offset_colon: append_offset(text, offset, ":"); break;
        }
    }
    return text;
}

std::optional<local_days> read_iso_day(std::string_view text) {
    int year = 0, month = 0, day = 0;
    if (!take_number(text, 4, 4, year) || !take(text, '-') || !take_number(text, 2, 2, month) || !take(text, '-') ||
        !take_number(text, 2, 2, day) || !text.empty())
        return std::nullopt;
    return to_day(year, month, day);
}

std::optional<ClockReading> read_iso_time(std::string_view text) {
    constexpr std::size_t day_bytes = 10;
    if (text.size() < day_bytes) return std::nullopt;
    const auto day = read_iso_day(text.substr(0, day_bytes));
    text.remove_prefix(day_bytes);
    int hour = 0, minute = 0, second = 0;
    milliseconds fraction{};
    if (!day || !(take(text, 'T') || take(text, 't') || take(text, ' '))) return std::nullopt;
    if (!take_number(text, 2, 2, hour) || !take(text, ':') || !take_number(text, 2, 2, minute)) return std::nullopt;
    if (take(text, ':')) {
        if (!take_number(text, 2, 2, second)) return std::nullopt;
        if (take(text, '.') && !take_fraction(text, fraction)) return std::nullopt;
    }
    ClockReading reading{*day + hours(hour) + minutes(minute) + seconds(second) + fraction, std::nullopt};
    if (!text.empty()) {
        minutes offset{};
        if (!take_offset(text, offset)) return std::nullopt;
        reading.offset = offset;
    }
    if (!text.empty() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
    return reading;
}

std::string write_iso_day(local_days day) {
    const year_month_day date{day};
    std::string text;
    append_number(text, static_cast<int>(date.year()), 4);
    text += '-';
    append_number(text, static_cast<unsigned>(date.month()), 2);
    text += '-';
    append_number(text, static_cast<unsigned>(date.day()), 2);
    return text;
}

std::string write_iso_time(LocalTime local, minutes offset) {
    const local_days day = std::chrono::floor<std::chrono::days>(local);
    const std::chrono::hh_mm_ss clock{local - day};
    std::string text = write_iso_day(day);
    text += 'T';
    append_number(text, clock.hours().count(), 2);
    text += ':';
    append_number(text, clock.minutes().count(), 2);
    text += ':';
    append_number(text, clock.seconds().count(), 2);
    text += '.';
    append_number(text, clock.subseconds().count(), 3);
    append_offset(text, offset, ":");
    return text;
}

bool is_writable_year(LocalTime local) noexcept {
    constexpr LocalTime first = local_days(std::chrono::year(1) / 1 / 1);
    constexpr LocalTime end = local_days(std::chrono::year(10000) / 1 / 1);
    return local >= first && local < end;
}

} // namespace castiel_sync

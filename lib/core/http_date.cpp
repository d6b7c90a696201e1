#include <core/http_date.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

namespace castiel_sync {
namespace {

constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> long_weekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                        "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Reads the text from left to right; once something does not fit, everything after it fails too.
class DateReader {
public:
    explicit DateReader(std::string_view text) : rest_(text) {}

    void expect(std::string_view expected) {
        valid_ = valid_ && rest_.starts_with(expected);
        if (valid_) rest_.remove_prefix(expected.size());
    }

    int number(std::size_t digits) {
        const auto is_digit = [](char character) { return character >= '0' && character <= '9'; };
        valid_ = valid_ && rest_.size() >= digits && std::ranges::all_of(rest_.substr(0, digits), is_digit);
        if (!valid_) return 0;
        int value = 0;
        for (const char digit : rest_.substr(0, digits))
            value = value * 10 + (digit - '0');
        rest_.remove_prefix(digits);
        return value;
    }

    // The asctime form pads with a space.
    int padded_day() {
        if (!rest_.starts_with(' ')) return number(2);
        rest_.remove_prefix(1);
        return number(1);
    }

    unsigned name(std::span<const std::string_view> names) {
        for (std::size_t place = 0; valid_ && place < names.size(); ++place)
            if (rest_.starts_with(names[place])) {
                rest_.remove_prefix(names[place].size());
                return static_cast<unsigned>(place);
            }
        valid_ = false;
        return 0;
    }

    std::chrono::seconds time() {
        const int hour = number(2);
        expect(":");
        const int minute = number(2);
        expect(":");
        const int second = number(2);
        valid_ = valid_ && hour <= 23 && minute <= 59 && second <= 60;
        return std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
    }

    [[nodiscard]] bool finished() const { return valid_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool valid_ = true;
};

std::optional<Timestamp> make_time(int year, unsigned month, int day, std::chrono::seconds time) {
    const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month + 1},
                                           std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok()) return std::nullopt;
    return Timestamp(std::chrono::sys_days{date} + time);
}

std::optional<Timestamp> parse_fixed(std::string_view text) {
    DateReader reader(text);
    reader.name(weekdays);
    reader.expect(", ");
    const int day = reader.number(2);
    reader.expect(" ");
    const unsigned month = reader.name(months);
    reader.expect(" ");
    const int year = reader.number(4);
    reader.expect(" ");
    const auto time = reader.time();
    reader.expect(" GMT");
    return reader.finished() ? make_time(year, month, day, time) : std::nullopt;
}

std::optional<Timestamp> parse_rfc850(std::string_view text, Timestamp now) {
    DateReader reader(text);
    reader.name(long_weekdays);
    reader.expect(", ");
    const int day = reader.number(2);
    reader.expect("-");
    const unsigned month = reader.name(months);
    reader.expect("-");
    const int short_year = reader.number(2);
    reader.expect(" ");
    const auto time = reader.time();
    reader.expect(" GMT");
    if (!reader.finished()) return std::nullopt;
    const std::chrono::year_month_day today{std::chrono::floor<std::chrono::days>(now)};
    const int latest = static_cast<int>(today.year()) + 50;
    int year = latest - (latest % 100) + short_year;
    if (year > latest) year -= 100;
    return make_time(year, month, day, time);
}

std::optional<Timestamp> parse_asctime(std::string_view text) {
    DateReader reader(text);
    reader.name(weekdays);
    reader.expect(" ");
    const unsigned month = reader.name(months);
    reader.expect(" ");
    const int day = reader.padded_day();
    reader.expect(" ");
    const auto time = reader.time();
    reader.expect(" ");
    const int year = reader.number(4);
    return reader.finished() ? make_time(year, month, day, time) : std::nullopt;
}

} // namespace

std::optional<Timestamp> parse_http_date(std::string_view text, Timestamp now) {
    if (const auto time = parse_fixed(text)) return time;
    if (const auto time = parse_rfc850(text, now)) return time;
    return parse_asctime(text);
}

std::string to_http_date(Timestamp time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", weekdays[std::chrono::weekday(day).c_encoding()],
                       static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                       static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                       clock.seconds().count());
}

} // namespace castiel_sync

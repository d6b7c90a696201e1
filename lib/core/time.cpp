#include <castiel_sync/time.hpp>

#include <algorithm>
#include <cstdint>

namespace castiel_sync {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::year_month_day;

// What four digits of year can say.
constexpr Timestamp earliest = sys_days{std::chrono::year{0} / 1 / 1};
constexpr Timestamp latest = sys_days{std::chrono::year{9999} / 12 / 31} + hours{24} - milliseconds{1};

void put_number(char* text, unsigned value, int digits) {
    for (int place = digits; place-- > 0; value /= 10)
        text[place] = static_cast<char>('0' + value % 10);
}

// Reads the text from left to right; once something does not fit, everything after it fails too.
class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    bool take(char expected) {
        if (!valid_ || rest_.empty() || rest_.front() != expected) return false;
        rest_.remove_prefix(1);
        return true;
    }

    void expect(char expected) { valid_ = take(expected); }

    int number(std::size_t digits) {
        if (!valid_ || rest_.size() < digits || !std::all_of(rest_.begin(), rest_.begin() + digits, is_digit)) {
            valid_ = false;
            return 0;
        }
        int value = 0;
        for (std::size_t place = 0; place < digits; ++place)
            value = value * 10 + (rest_[place] - '0');
        rest_.remove_prefix(digits);
        return value;
    }

    // One or more digits after the point, cut to milliseconds.
    milliseconds fraction() {
        std::int64_t value = 0;
        std::size_t digits = 0;
        for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), ++digits)
            if (digits < 3) value = value * 10 + (rest_.front() - '0');
        if (digits == 0) valid_ = false;
        for (; digits < 3; ++digits)
            value *= 10;
        return milliseconds{value};
    }

    // Z, +hh, +hhmm or +hh:mm; the offset of local time from UTC.
    minutes zone() {
        if (take('Z')) return minutes{0};
        const bool west = take('-');
        if (!west) expect('+');
        const int whole_hours = number(2);
        int whole_minutes = 0;
        if (!rest_.empty()) {
            take(':');
            whole_minutes = number(2);
        }
        if (whole_hours > 23 || whole_minutes > 59) valid_ = false;
        const minutes offset = hours{whole_hours} + minutes{whole_minutes};
        return west ? -offset : offset;
    }

    [[nodiscard]] bool finished() const { return valid_ && rest_.empty(); }

private:
    static bool is_digit(char character) { return character >= '0' && character <= '9'; }

    std::string_view rest_;
    bool valid_ = true;
};

} // namespace

std::string to_string(Timestamp time) {
    // Beyond four digits of year there is no form that every reader understands: the nearest one that there is.
    const Timestamp shown = std::clamp(time, earliest, latest);
    const sys_days day = std::chrono::floor<days>(shown);
    const year_month_day date{day};
    const std::chrono::hh_mm_ss clock{shown - day};
    std::string text = "0000-00-00T00:00:00.000Z";
    put_number(&text[0], static_cast<unsigned>(static_cast<int>(date.year())), 4);
    put_number(&text[5], static_cast<unsigned>(date.month()), 2);
    put_number(&text[8], static_cast<unsigned>(date.day()), 2);
    put_number(&text[11], static_cast<unsigned>(clock.hours().count()), 2);
    put_number(&text[14], static_cast<unsigned>(clock.minutes().count()), 2);
    put_number(&text[17], static_cast<unsigned>(clock.seconds().count()), 2);
    put_number(&text[20], static_cast<unsigned>(clock.subseconds().count()), 3);
    return text;
}

std::optional<Timestamp> parse_timestamp(std::string_view text) {
    Reader reader(text);
    const int year = reader.number(4);
    reader.expect('-');
    const int month = reader.number(2);
    reader.expect('-');
    const int day = reader.number(2);
    reader.expect('T');
    const int hour = reader.number(2);
    reader.expect(':');
    const int minute = reader.number(2);
    reader.expect(':');
    const int second = reader.number(2);
    const milliseconds fraction = reader.take('.') ? reader.fraction() : milliseconds{0};
    const minutes offset = reader.zone();
    if (!reader.finished() || hour > 23 || minute > 59 || second > 59) return std::nullopt;

    const year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                              std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok()) return std::nullopt;
    const Timestamp time = sys_days{date} + hours{hour} + minutes{minute} + seconds{second} + fraction - offset;
    if (time < earliest || time > latest) return std::nullopt;
    return time;
}

} // namespace castiel_sync

#include <core/transform_decimal.hpp>

#include <core/json_number.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace castiel_sync {
namespace {

constexpr std::size_t max_number_bytes = 400;
constexpr int max_exponent = 400; // beyond any double, on either side

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

void normalise(DecimalNumber& number) {
    const std::size_t first = number.digits.find_first_not_of('0');
    if (first == std::string::npos) {
        number = {};
        return;
    }
    const std::size_t last = number.digits.find_last_not_of('0');
    number.exponent += static_cast<int>(number.digits.size() - 1 - last);
    number.digits = number.digits.substr(first, last + 1 - first);
}

// Reads digits, and group marks where the style has them: 1.234.567, never 12.34.
bool read_whole(std::string_view& rest, const DecimalStyle& style, std::string& digits) {
    constexpr std::size_t group_digits = 3;
    bool grouped = false;
    std::size_t run = 0;
    for (;;) {
        if (!rest.empty() && is_digit(rest.front())) {
            digits += rest.front();
            rest.remove_prefix(1);
            ++run;
            continue;
        }
        if (grouped && run != group_digits) return false;
        if (run == 0) return false;
        if (style.group.empty() || !rest.starts_with(style.group)) return true;
        if (!grouped && run > group_digits) return false;
        rest.remove_prefix(style.group.size());
        grouped = true;
        run = 0;
    }
}

bool read_exponent(std::string_view rest, int& exponent) {
    if (rest.starts_with('+')) rest.remove_prefix(1);
    int read = 0;
    const auto outcome = std::from_chars(rest.data(), rest.data() + rest.size(), read);
    if (outcome.ec != std::errc{} || outcome.ptr != rest.data() + rest.size()) return false;
    if (read > max_exponent || read < -max_exponent) return false;
    exponent = read;
    return true;
}

std::string plain_digits(const DecimalNumber& number, char point, int decimals) {
    const int count = static_cast<int>(number.digits.size());
    const int whole = count + number.exponent; // digits before the point; negative: zeros behind it
    const auto digit = [&](int place) {
        return place >= 0 && place < count ? number.digits[static_cast<std::size_t>(place)] : '0';
    };
    std::string text = number.negative ? "-" : "";
    if (whole <= 0) text += '0';
    for (int place = 0; place < whole; ++place)
        text += digit(place);
    const int fraction = std::max(-number.exponent, decimals);
    if (fraction > 0) text += point;
    for (int place = whole; place < whole + fraction; ++place)
        text += digit(place);
    return text;
}

} // namespace

std::optional<DecimalNumber> to_decimal_number(const json::value& value) {
    char text[64];
    std::to_chars_result end{};
    if (const auto* integer = value.if_int64())
        end = std::to_chars(text, text + sizeof(text), *integer);
    else if (const auto* natural = value.if_uint64())
        end = std::to_chars(text, text + sizeof(text), *natural);
    else if (const auto* real = value.if_double(); real != nullptr && std::isfinite(*real))
        end = std::to_chars(text, text + sizeof(text), *real, std::chars_format::scientific);
    else
        return std::nullopt;
    return read_decimal_number({text, static_cast<std::size_t>(end.ptr - text)}, {});
}

std::optional<DecimalNumber> read_decimal_number(std::string_view text, const DecimalStyle& style) {
    if (text.size() > max_number_bytes) return std::nullopt;
    DecimalNumber number;
    number.negative = text.starts_with('-');
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    if (!read_whole(text, style, number.digits)) return std::nullopt;
    int exponent = 0;
    if (text.starts_with(style.point)) {
        text.remove_prefix(1);
        const std::size_t before = number.digits.size();
        while (!text.empty() && is_digit(text.front())) {
            number.digits += text.front();
            text.remove_prefix(1);
        }
        if (number.digits.size() == before) return std::nullopt;
        number.exponent = -static_cast<int>(number.digits.size() - before);
    }
    if (text.starts_with('e') || text.starts_with('E')) {
        if (!read_exponent(text.substr(1), exponent)) return std::nullopt;
        text = {};
    }
    if (!text.empty()) return std::nullopt;
    number.exponent += exponent;
    normalise(number);
    return number;
}

std::optional<json::value> to_exact_number(const DecimalNumber& number) {
    constexpr int max_integer_digits = 20;
    if (number.digits.empty()) return json::value(std::int64_t{0});
    std::string text = (number.negative ? "-" : "") + number.digits;
    if (number.exponent >= 0 && static_cast<int>(number.digits.size()) + number.exponent <= max_integer_digits) {
        std::string whole = text;
        for (int zero = 0; zero < number.exponent; ++zero)
            whole += '0';
        const char* end = whole.data() + whole.size();
        std::int64_t integer = 0;
        if (std::from_chars(whole.data(), end, integer).ec == std::errc{}) return json::value(integer);
        std::uint64_t natural = 0;
        if (!number.negative && std::from_chars(whole.data(), end, natural).ec == std::errc{})
            return json::value(natural);
    }
    text += 'e' + std::to_string(number.exponent);
    const auto real = exact_double(text);
    if (!real) return std::nullopt;
    return json::value(*real);
}

std::optional<std::string> write_decimal_number(const DecimalNumber& number, const DecimalStyle& style) {
    // Where JavaScript and JSON writers change to an exponent, too.
    constexpr int most_whole_digits = 21, most_leading_zeros = 6;
    if (style.decimals) {
        if (-number.exponent > *style.decimals) return std::nullopt;
        return plain_digits(number, style.point, *style.decimals);
    }
    const int whole_digits = static_cast<int>(number.digits.size()) + number.exponent;
    if (number.digits.empty() || (whole_digits <= most_whole_digits && whole_digits > -most_leading_zeros))
        return plain_digits(number, style.point, 0);
    std::string text = number.negative ? "-" : "";
    text += number.digits.front();
    if (number.digits.size() > 1) text.append(1, style.point).append(number.digits.substr(1));
    return text + 'e' + std::to_string(whole_digits - 1);
}

DecimalNumber round_decimal_number(DecimalNumber number, int decimals) {
    const int surplus = -number.exponent - decimals;
    if (number.digits.empty() || surplus <= 0) return number;
    const auto cut = static_cast<std::size_t>(surplus);
    if (cut > number.digits.size()) return {};
    const bool up = number.digits[number.digits.size() - cut] >= '5';
    number.digits.erase(number.digits.size() - cut);
    number.exponent = -decimals;
    if (up) {
        std::size_t place = number.digits.size();
        while (place > 0 && number.digits[place - 1] == '9')
            number.digits[--place] = '0';
        if (place == 0)
            number.digits.insert(0, 1, '1');
        else
            ++number.digits[place - 1];
    }
    normalise(number);
    return number;
}

} // namespace castiel_sync

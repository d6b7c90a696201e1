#include <core/json_number.hpp>

#include <castiel_sync/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace castiel_sync {
namespace {

// Any decimal of so many digits survives the way through a normal double, so it needs no closer look.
constexpr std::size_t always_exact_digits = std::numeric_limits<double>::digits10;

// A number as 0.d1d2d3… × 10^exponent without zeros at either end of its digits, which stay in the text: `first` to
// `last`, with at most one point among them. Zero has none.
struct Normalised {
    std::string_view digits;
    std::size_t count = 0;
    std::int64_t exponent = 0;
};

// Exponents that no double reaches are all alike: the number is out of range before they are compared.
std::int64_t read_exponent(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    std::int64_t exponent = 0;
    const auto outcome = std::from_chars(text.data(), text.data() + text.size(), exponent);
    constexpr std::int64_t unreachable = 1'000'000'000'000;
    if (outcome.ec != std::errc{}) exponent = text.starts_with('-') ? -unreachable : unreachable;
    return std::clamp(exponent, -unreachable, unreachable);
}

Normalised normalise(std::string_view text) {
    if (text.starts_with('-')) text.remove_prefix(1);
    const std::size_t mark = std::min(text.find_first_of("eE"), text.size());
    const std::string_view mantissa = text.substr(0, mark);

    const std::size_t first = std::min(mantissa.find_first_of("123456789"), mantissa.size());
    if (first == mantissa.size()) return {};
    const std::size_t last = mantissa.find_last_of("123456789");
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());

    Normalised number;
    number.digits = mantissa.substr(first, last + 1 - first);
    number.count = number.digits.size() - (first < point && point < last ? 1 : 0);
    number.exponent =
        first < point ? static_cast<std::int64_t>(point - first) : -static_cast<std::int64_t>(first - point - 1);
    if (mark < text.size()) number.exponent += read_exponent(text.substr(mark + 1));
    return number;
}

// The common case: at most 15 digits and a small power of ten. Both are exact doubles, so one division rounds once and
// gives the nearest double.
std::optional<double> short_decimal(std::string_view text) {
    constexpr std::array<double, 16> powers{1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                            1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    if (text.size() > always_exact_digits + 1) return std::nullopt;
    std::int64_t digits = 0;
    std::size_t decimals = 0;
    bool fraction = false;
    for (const char character : text) {
        if (character == '.') {
            fraction = true;
        } else if (character >= '0' && character <= '9') {
            digits = digits * 10 + (character - '0');
            decimals += fraction ? 1 : 0;
        } else {
            return std::nullopt;
        }
    }
    if (digits >= 1'000'000'000'000'000) return std::nullopt;
    const double value = static_cast<double>(digits) / powers[decimals];
    return negative ? -value : value;
}

bool same_number(const Normalised& left, const Normalised& right) {
    if (left.count != right.count || left.exponent != right.exponent) return false;
    auto other = right.digits.begin();
    for (const char digit : left.digits) {
        if (digit == '.') continue;
        if (*other == '.') ++other;
        if (digit != *other++) return false;
    }
    return true;
}

} // namespace

std::optional<double> exact_double(std::string_view text) {
    if (const auto value = short_decimal(text)) return value;
    const Normalised written = normalise(text);
    if (written.count == 0) return text.starts_with('-') ? -0.0 : 0.0;

    double value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || value == 0 || !std::isfinite(value))
        return std::nullopt;
    if (written.count <= always_exact_digits && std::isnormal(value)) return value;

    char shortest[32];
    const auto printed = std::to_chars(shortest, shortest + sizeof(shortest), value, std::chars_format::scientific);
    const std::string_view carried(shortest, static_cast<std::size_t>(printed.ptr - shortest));
    if (!same_number(written, normalise(carried))) return std::nullopt;
    return value;
}

char* write_double(char* out, double value) {
    if (!std::isfinite(value))
        throw ErrorException(Error(ErrorCode::invalid_record,
                                   "a number is infinite or not a number, which JSON can't carry; leave it out"));
    // Beyond 2^53 the positional form would show digits that the shortest form does not have.
    constexpr double positional_end = 9007199254740992.0;
    const double size = std::abs(value);
    const bool positional = size == 0 || (size >= 1e-5 && size < positional_end);
    char* end = std::to_chars(out, out + double_text_bytes, value,
                              positional ? std::chars_format::fixed : std::chars_format::scientific)
                    .ptr;
    if (!positional || std::find(out, end, '.') != end) return end;
    *end++ = '.';
    *end++ = '0';
    return end;
}

std::optional<std::int64_t> as_int64(double value) noexcept {
    constexpr double end = 9223372036854775808.0; // 2^63
    if (!(value >= -end && value < end) || std::trunc(value) != value) return std::nullopt;
    return static_cast<std::int64_t>(value);
}

std::optional<std::uint64_t> as_uint64(double value) noexcept {
    constexpr double end = 18446744073709551616.0; // 2^64
    if (!(value >= 0 && value < end) || std::trunc(value) != value) return std::nullopt;
    return static_cast<std::uint64_t>(value);
}

} // namespace castiel_sync

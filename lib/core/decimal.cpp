#include <core/decimal.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

namespace castiel_sync {
namespace {

__extension__ typedef __int128 Integer128; // not ISO C++, present in every compiler we build with

// mantissa · 10^exponent. 128 bits hold any 64-bit integer and any shortest double times a common power of ten of
// ordinary size; what does not fit is not carried.
struct Decimal {
    Integer128 mantissa = 0;
    int exponent = 0;
};

constexpr Integer128 largest = (Integer128{1} << 120);

std::optional<Decimal> to_decimal(const json::value& value) {
    if (!value.is_number()) return std::nullopt;
    const std::string text = to_json(value);
    Decimal result;
    bool negative = false, after_point = false;
    std::size_t i = 0;
    if (i < text.size() && text[i] == '-') negative = true, ++i;
    for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
        if (text[i] == '.') {
            after_point = true;
            continue;
        }
        if (result.mantissa > largest / 10) return std::nullopt;
        result.mantissa = result.mantissa * 10 + (text[i] - '0');
        if (after_point) --result.exponent;
    }
    if (i < text.size()) result.exponent += std::stoi(text.substr(i + 1));
    if (negative) result.mantissa = -result.mantissa;
    return result;
}

// Brings the value to a smaller exponent.
bool scale_down(Decimal& decimal, int exponent) {
    while (decimal.exponent > exponent) {
        if (decimal.mantissa > largest / 10 || decimal.mantissa < -largest / 10) return false;
        decimal.mantissa *= 10;
        --decimal.exponent;
    }
    return true;
}

std::string digits(Integer128 value) {
    const bool negative = value < 0;
    std::string text;
    do {
        const int digit = static_cast<int>(value % 10);
        text.insert(text.begin(), static_cast<char>('0' + (digit < 0 ? -digit : digit)));
        value /= 10;
    } while (value != 0);
    if (negative) text.insert(text.begin(), '-');
    return text;
}

} // namespace

std::optional<json::value> add_exactly(const json::value& source, const json::value& target, const json::value& base) {
    auto a = to_decimal(source), b = to_decimal(target), c = to_decimal(base);
    if (!a || !b || !c) return std::nullopt;
    const int exponent = std::min({a->exponent, b->exponent, c->exponent});
    if (!scale_down(*a, exponent) || !scale_down(*b, exponent) || !scale_down(*c, exponent)) return std::nullopt;
    Integer128 sum = a->mantissa + b->mantissa - c->mantissa;
    int power = exponent;
    while (power < 0 && sum % 10 == 0) sum /= 10, ++power;
    std::string text = digits(sum);
    if (power != 0) {
        text += 'e';
        text += std::to_string(power);
    }
    auto value = parse_json(text);
    if (!value) return std::nullopt;
    return std::move(*value);
}

int compare_numbers(const json::value& left, const json::value& right) {
    if (left.is_double() && right.is_double()) {
        const double l = left.get_double(), r = right.get_double();
        return l < r ? -1 : (l > r ? 1 : 0);
    }
    if (!left.is_double() && !right.is_double()) {
        const bool left_negative = left.is_int64() && left.get_int64() < 0;
        const bool right_negative = right.is_int64() && right.get_int64() < 0;
        if (left_negative != right_negative) return left_negative ? -1 : 1;
        if (left_negative) {
            const auto l = left.get_int64(), r = right.get_int64();
            return l < r ? -1 : (l > r ? 1 : 0);
        }
        const auto magnitude = [](const json::value& v) {
            return v.is_uint64() ? v.get_uint64() : static_cast<std::uint64_t>(v.get_int64());
        };
        const auto l = magnitude(left), r = magnitude(right);
        return l < r ? -1 : (l > r ? 1 : 0);
    }
    // long double holds every 64-bit integer and every double exactly on the platforms we build for (x87, quad).
    const auto widen = [](const json::value& v) -> long double {
        if (v.is_double()) return v.get_double();
        if (v.is_uint64()) return static_cast<long double>(v.get_uint64());
        return static_cast<long double>(v.get_int64());
    };
    static_assert(std::numeric_limits<long double>::digits >= 64);
    const long double l = widen(left), r = widen(right);
    return l < r ? -1 : (l > r ? 1 : 0);
}

} // namespace castiel_sync

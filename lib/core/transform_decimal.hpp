// Numbers by their decimal digits: text ↔ number and rounding without binary surprises. Pure.
#pragma once

#include <castiel_sync/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {

// ±digits × 10^exponent, without zeros at either end of the digits. Zero has no digits.
struct DecimalNumber {
    bool negative = false;
    std::string digits;
    int exponent = 0;
};

struct DecimalStyle {
    char point = '.';
    std::string group;             // between groups of three digits, read and never written; empty: none
    std::optional<int> decimals;   // write exactly so many; refuse a number that has more
};

// The shortest decimal form of a finite JSON number; nullopt for anything else.
[[nodiscard]] std::optional<DecimalNumber> to_decimal_number(const json::value& value);

// nullopt when the text is no number in this style, or its exponent is beyond any double.
[[nodiscard]] std::optional<DecimalNumber> read_decimal_number(std::string_view text, const DecimalStyle& style);

// The integer or the double that carries it exactly; nullopt when none does.
[[nodiscard]] std::optional<json::value> to_exact_number(const DecimalNumber& number);

// Plain digits where that is readable, with an exponent otherwise; nullopt when `decimals` are too few.
[[nodiscard]] std::optional<std::string> write_decimal_number(const DecimalNumber& number, const DecimalStyle& style);

// Half away from zero.
[[nodiscard]] DecimalNumber round_decimal_number(DecimalNumber number, int decimals);

} // namespace castiel_sync

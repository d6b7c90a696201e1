// Numbers of JSON text: what a double carries exactly, and its shortest exact form. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace castiel_sync {

// The double whose shortest decimal form has the digits and the exponent of this text; nullopt when there is none.
// The text must be a number by the grammar of JSON.
[[nodiscard]] std::optional<double> exact_double(std::string_view text);

inline constexpr std::size_t double_text_bytes = 32;

// Writes the shortest form that reads as the same double, always with a point or an exponent: 0.1, 1.0, 1e+300. Needs
// room for double_text_bytes; answers the end. Throws ErrorException for infinities and NaN, which JSON can't say.
[[nodiscard]] char* write_double(char* out, double value);

// The integer that this double equals, where 64 bits hold it.
[[nodiscard]] std::optional<std::int64_t> as_int64(double value) noexcept;
[[nodiscard]] std::optional<std::uint64_t> as_uint64(double value) noexcept;

} // namespace castiel_sync

// Base64 of RFC 4648. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {

inline constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
inline constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

[[nodiscard]] std::string to_base64(std::string_view bytes, std::string_view alphabet = base64_alphabet);

// Of the standard alphabet, padded, in its one spelling. nullopt: it is not that.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

} // namespace castiel_sync

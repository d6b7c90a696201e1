// SHA-256, and what is made with it: signatures, and comparisons that take the same time whatever differs. Pure.
#pragma once

#include <string>
#include <string_view>

namespace castiel_sync {

[[nodiscard]] std::string sha256(std::string_view text);                              // 32 bytes
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view content); // 32 bytes
[[nodiscard]] std::string hexadecimal(std::string_view bytes);                        // in lower case

// Whether they are equal; how long it takes tells nothing of the secret, not even its length.
[[nodiscard]] bool equals_secret(std::string_view given, std::string_view secret);

} // namespace castiel_sync

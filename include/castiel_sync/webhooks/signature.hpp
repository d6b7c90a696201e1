// Signatures of Standard Webhooks 1.0 (https://www.standardwebhooks.com), symmetric form: HMAC-SHA256 over
// `id.timestamp.body`. Any library that knows the standard verifies ours.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/time.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace castiel_sync {

// `whsec_` and the base64 of 32 random bytes. Only with a Random whose bits may become secrets (make_system_random).
[[nodiscard]] std::string make_webhook_secret(Random& random);

// The key in a secret: 24 to 64 bytes. invalid_request: it is none; the message holds nothing of it.
[[nodiscard]] Result<std::string> parse_webhook_secret(std::string_view secret);

// `v1,` and the base64 of the signature. `timestamp` in seconds since 1970, as the header webhook-timestamp holds it.
[[nodiscard]] std::string sign_webhook(std::string_view key, std::string_view id, std::int64_t timestamp,
                                       std::string_view body);

} // namespace castiel_sync

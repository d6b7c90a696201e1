// Tokens for tests, made without any of what verifies them: OpenSSL's one-shot HMAC, and a base64url of its own.
#pragma once

#include <castiel_sync/time.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>

namespace castiel_sync::tokens {

inline const std::string secret = "a secret of the tests, which has 32 bytes and more";
inline const std::string other_secret = "another one, which is as long as it has to be too";
inline const std::string tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
inline constexpr std::string_view plain_header = R"({"alg":"HS256","typ":"JWT"})";

// 2026-11-23T06:00:00Z, and an hour later.
inline constexpr Timestamp now{std::chrono::seconds(1'795'413'600)};
inline constexpr Timestamp in_an_hour = now + std::chrono::hours(1);
inline const std::string plain_claims = R"({"sub":"anna","tenantId":")" + tenant + R"(","exp":1795417200})";

inline std::string base64url(std::string_view bytes) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 6) {
        unsigned digit = 0;
        for (std::size_t next = bit; next < bit + 6; ++next) {
            const bool set =
                next / 8 < bytes.size() && (static_cast<unsigned char>(bytes[next / 8]) >> (7 - next % 8) & 1) != 0;
            digit = digit << 1 | (set ? 1U : 0U);
        }
        text += alphabet[digit];
    }
    return text;
}

inline std::string hmac(const EVP_MD* hash, std::string_view key, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    HMAC(hash, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), bytes.data(), &size);
    return {reinterpret_cast<const char*>(bytes.data()), size};
}

// The first two parts as they are given.
inline std::string sign(const std::string& text, std::string_view key = secret) {
    return text + "." + base64url(hmac(EVP_sha256(), key, text));
}

inline std::string make_token(std::string_view claims, std::string_view header = plain_header,
                              std::string_view key = secret) {
    return sign(base64url(header) + "." + base64url(claims), key);
}

} // namespace castiel_sync::tokens

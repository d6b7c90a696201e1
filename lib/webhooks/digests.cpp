#include <webhooks/digests.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

namespace castiel_sync {
namespace {

using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

std::string checked(bool calculated, const Digest& digest, unsigned size) {
    if (!calculated)
        throw std::runtime_error("OpenSSL could not calculate SHA-256; see that its default provider is there");
    return std::string(reinterpret_cast<const char*>(digest.data()), size);
}

} // namespace

std::string sha256(std::string_view text) {
    Digest digest{};
    unsigned size = 0;
    const int done = EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
    return checked(done == 1, digest, size);
}

std::string hmac_sha256(std::string_view key, std::string_view content) {
    Digest digest{};
    unsigned size = 0;
    const unsigned char* done =
        HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(content.data()), content.size(), digest.data(), &size);
    return checked(done != nullptr, digest, size);
}

std::string hexadecimal(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const char byte : bytes) {
        const auto value = static_cast<unsigned char>(byte);
        text += digits[value >> 4];
        text += digits[value & 15];
    }
    return text;
}

bool equals_secret(std::string_view given, std::string_view secret) {
    const std::string one = sha256(given), other = sha256(secret);
    return CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

} // namespace castiel_sync

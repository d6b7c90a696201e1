#include "hash.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace castiel_sync::service {

std::string sha256(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("OpenSSL can't compute SHA-256");
    std::string hexadecimal;
    for (unsigned i = 0; i < size; ++i)
        hexadecimal += fmt::format("{:02x}", digest[i]);
    return hexadecimal;
}

} // namespace castiel_sync::service

#include <castiel_sync/webhooks/sealing.hpp>

#include <core/hexadecimal.hpp>
#include <core/base64.hpp>
#include <webhooks/random_bytes.hpp>

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <new>
#include <stdexcept>

namespace castiel_sync {
namespace {

// version.key.base64(nonce, ciphertext, tag)
constexpr std::string_view version = "1";
constexpr std::size_t key_bytes = 32;
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

Cipher new_cipher() {
    Cipher cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    if (!cipher) throw std::bad_alloc();
    return cipher;
}

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

void require(int worked) {
    if (worked != 1)
        throw std::runtime_error("OpenSSL could not calculate AES-256-GCM; see that its default provider is there");
}

std::string name_of_key(std::string_view key) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    require(EVP_Digest(key.data(), key.size(), digest.data(), &size, EVP_sha256(), nullptr));
    std::string name;
    for (std::size_t i = 0; i < 4; ++i) append_hexadecimal(name, digest[i], 2);
    return name;
}

} // namespace

Result<Sealer> Sealer::make(const std::vector<std::string>& keys) {
    if (keys.empty()) return Error(ErrorCode::invalid_configuration, "no key to seal secrets with");
    std::vector<Key> read;
    for (const std::string& text : keys) {
        auto bytes = from_base64(text);
        if (!bytes || bytes->size() != key_bytes)
            return Error(ErrorCode::invalid_configuration,
                         "a key to seal secrets with is the base64 of 32 bytes, such as `openssl rand -base64 32` "
                         "prints");
        std::string name = name_of_key(*bytes);
        read.push_back({std::move(name), std::move(*bytes)});
    }
    return Sealer(std::move(read));
}

std::string Sealer::make_key(Random& random) { return to_base64(random_bytes(key_bytes, random)); }

std::string Sealer::seal(std::string_view secret, std::string_view context, Random& random) const {
    const Key& key = keys_.front();
    const std::string nonce = random_bytes(nonce_bytes, random);
    const Cipher cipher = new_cipher();
    int written = 0;
    std::string text(secret.size(), '\0');
    std::string tag(tag_bytes, '\0');
    require(EVP_EncryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), bytes_of(std::string_view(key.bytes)),
                                bytes_of(std::string_view(nonce)), nullptr));
    require(EVP_EncryptUpdate(cipher.get(), nullptr, &written, bytes_of(context), static_cast<int>(context.size())));
    require(EVP_EncryptUpdate(cipher.get(), bytes_of(text), &written, bytes_of(secret),
                              static_cast<int>(secret.size())));
    require(EVP_EncryptFinal_ex(cipher.get(), bytes_of(text) + written, &written));
    require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag.data()));
    return std::string(version) + "." + key.name + "." + to_base64(nonce + text + tag);
}

Result<std::string> Sealer::open(std::string_view sealed, std::string_view context) const {
    const Error damaged(ErrorCode::corrupted, "a sealed secret does not open: it was changed, or belongs elsewhere");
    const auto first = sealed.find('.');
    const auto second = first == sealed.npos ? first : sealed.find('.', first + 1);
    if (second == sealed.npos || sealed.substr(0, first) != version) return damaged;
    const std::string_view name = sealed.substr(first + 1, second - first - 1);
    const auto bytes = from_base64(sealed.substr(second + 1));
    if (!bytes || bytes->size() < nonce_bytes + tag_bytes) return damaged;
    const std::string_view nonce = std::string_view(*bytes).substr(0, nonce_bytes);
    const std::string_view text =
        std::string_view(*bytes).substr(nonce_bytes, bytes->size() - nonce_bytes - tag_bytes);
    std::string tag = bytes->substr(bytes->size() - tag_bytes);
    for (const Key& key : keys_) {
        if (key.name != name) continue;
        const Cipher cipher = new_cipher();
        int written = 0;
        std::string secret(text.size(), '\0');
        require(EVP_DecryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), bytes_of(std::string_view(key.bytes)),
                                    bytes_of(nonce), nullptr));
        require(EVP_DecryptUpdate(cipher.get(), nullptr, &written, bytes_of(context),
                                  static_cast<int>(context.size())));
        require(EVP_DecryptUpdate(cipher.get(), bytes_of(secret), &written, bytes_of(text),
                                  static_cast<int>(text.size())));
        require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data()));
        if (EVP_DecryptFinal_ex(cipher.get(), bytes_of(secret) + written, &written) != 1) return damaged;
        return secret;
    }
    return Error(ErrorCode::invalid_configuration,
                 "a secret was sealed by the key " + std::string(name) + ", which the configuration does not hold");
}

} // namespace castiel_sync

#include "token.hpp"

#include "uuid.hpp"

#include <castiel_sync/json.hpp>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

namespace castiel_sync::service {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t mac_bytes = 32;
constexpr JsonLimits token_limits{.max_depth = 16, .max_bytes = max_token_bytes};

// 9999-12-31T23:59:59Z: more than that is a number of milliseconds, or nonsense.
constexpr std::int64_t latest_second = 253'402'300'799;

Error refused(const char* reason) { return Error(ErrorCode::unauthenticated, reason); }

constexpr std::uint8_t no_digit = 0xff;

constexpr std::array<std::uint8_t, 256> digit_values() {
    std::array<std::uint8_t, 256> values{};
    values.fill(no_digit);
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (std::size_t value = 0; value < alphabet.size(); ++value)
        values[static_cast<std::uint8_t>(alphabet[value])] = static_cast<std::uint8_t>(value);
    return values;
}

// base64url without padding. Bits that no byte takes must be zero, or one text would have several spellings.
std::optional<std::string> decode_base64url(std::string_view text) {
    static constexpr std::array<std::uint8_t, 256> values = digit_values();
    if (text.size() % 4 == 1) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t pending = 0;
    int bits = 0;
    for (const char letter : text) {
        const std::uint8_t value = values[static_cast<std::uint8_t>(letter)];
        if (value == no_digit) return std::nullopt;
        pending = pending << 6 | value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(pending >> bits & 0xff);
            pending &= (1U << bits) - 1;
        }
    }
    if (pending != 0) return std::nullopt;
    return bytes;
}

bool is_text(const json::value* member, std::string_view wanted) {
    const json::string* text = member == nullptr ? nullptr : member->if_string();
    return text != nullptr && std::string_view(text->data(), text->size()) == wanted;
}

bool is_jwt_in_any_case(const json::value& type) {
    constexpr std::string_view wanted = "jwt";
    const json::string* text = type.if_string();
    return text != nullptr && std::equal(text->begin(), text->end(), wanted.begin(), wanted.end(),
                                         [](char letter, char lower) { return (letter | 0x20) == lower; });
}

Result<void> check_header(std::string_view encoded) {
    const auto text = decode_base64url(encoded);
    if (!text) return refused("the token's header is not base64url; send the token as it was issued");
    const auto header = parse_json_object(*text, token_limits);
    if (!header) return refused("the token's header is not a JSON object; send the token as it was issued");
    if (!is_text(header->if_contains("alg"), "HS256"))
        return refused("the token's algorithm is not HS256; only tokens with that signature are accepted");
    for (const std::string_view name : {"crit", "b64", "zip", "enc"})
        if (header->contains(name))
            return refused("the token's header asks for an extension (crit, b64, zip or enc), none of which is "
                           "supported; send a plain token");
    if (const json::value* type = header->if_contains("typ"); type != nullptr && !is_jwt_in_any_case(*type))
        return refused("the token's header has a typ other than JWT; send an access token of the platform");
    return {};
}

// A NumericDate: seconds since 1970, with or without fraction.
std::optional<Timestamp> read_time(const json::value& claim) {
    if (const std::int64_t* seconds = claim.if_int64()) {
        if (*seconds < 0 || *seconds > latest_second) return std::nullopt;
        return Timestamp(std::chrono::seconds(*seconds));
    }
    const double* seconds = claim.if_double();
    if (seconds == nullptr || !(*seconds >= 0 && *seconds <= static_cast<double>(latest_second))) return std::nullopt;
    return Timestamp(milliseconds(static_cast<std::int64_t>(std::floor(*seconds * 1000))));
}

Result<Timestamp> check_times(const json::object& claims, Timestamp now) {
    const json::value* end = claims.if_contains("exp");
    if (end == nullptr) return refused("the token has no claim exp; only tokens that expire are accepted");
    const auto expires_at = read_time(*end);
    if (!expires_at) return refused("the token's claim exp is not a number of seconds since 1970, or is out of range");
    if (now >= *expires_at) return refused("the token has expired; log in again");
    for (const std::string_view name : {"nbf", "iat"}) {
        const json::value* claim = claims.if_contains(name);
        if (claim == nullptr) continue;
        const auto begin = read_time(*claim);
        if (!begin)
            return refused("the token's claim nbf or iat is not a number of seconds since 1970, or is out of range");
        if (*begin > now + clock_leeway)
            return refused("the token is not valid yet (nbf or iat lies in the future); compare the clocks of this "
                           "machine and of the one that issued it");
    }
    return *expires_at;
}

Result<std::string> find_actor(const json::object& claims) {
    for (const std::string_view name : {"sub", "userId", "serviceId"}) {
        const json::value* claim = claims.if_contains(name);
        if (claim == nullptr || claim->is_null()) continue;
        const json::string* text = claim->if_string();
        if (text == nullptr) return refused("the token's claim sub, userId or serviceId is not text");
        if (text->empty()) continue;
        // The name goes into journals and logs.
        const bool printable = std::none_of(text->begin(), text->end(), [](char letter) {
            return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
        });
        if (text->size() > max_actor_bytes || !printable)
            return refused("the token's claim sub, userId or serviceId is longer than 255 bytes or holds control "
                           "characters");
        return std::string(text->data(), text->size());
    }
    return std::string("unknown");
}

Result<Identity> read_claims(std::string_view encoded, Timestamp now) {
    const auto text = decode_base64url(encoded);
    if (!text) return refused("the token's payload is not base64url; send the token as it was issued");
    const auto claims = parse_json_object(*text, token_limits);
    if (!claims) return refused("the token's payload is not a JSON object with each claim once and each number exact");
    const auto expires_at = check_times(*claims, now);
    if (!expires_at) return expires_at.error();
    if (const json::value* type = claims->if_contains("type"); type != nullptr && !is_text(type, "access"))
        return refused("the token's type is not access; send an access token");
    const json::value* tenant = claims->if_contains("tenantId");
    const json::string* tenant_text = tenant == nullptr ? nullptr : tenant->if_string();
    auto tenant_id = tenant_text == nullptr ? std::nullopt : parse_uuid({tenant_text->data(), tenant_text->size()});
    if (!tenant_id) return refused("the token's claim tenantId is missing or not a UUID; choose a tenant and log in");
    auto actor = find_actor(*claims);
    if (!actor) return actor.error();
    return Identity{std::move(*tenant_id), std::move(*actor), *expires_at};
}

Error crypto_fault() {
    return Error(ErrorCode::internal,
                 "OpenSSL could not calculate HMAC-SHA256; see that its default provider is there");
}

} // namespace

Result<TokenVerifier> TokenVerifier::make(const std::vector<std::string>& secrets) {
    if (secrets.empty())
        return Error(ErrorCode::invalid_configuration, "there is no secret to verify tokens with; set jwt.secret");
    const std::unique_ptr<EVP_MAC, void (*)(EVP_MAC*)> algorithm(EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr),
                                                                 &EVP_MAC_free);
    if (algorithm == nullptr) return crypto_fault();
    char hash[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, 0),
                                     OSSL_PARAM_construct_end()};
    TokenVerifier verifier;
    for (const std::string& secret : secrets) {
        if (secret.size() < min_secret_bytes)
            return Error(ErrorCode::invalid_configuration,
                         "a secret of jwt.secret is shorter than 32 bytes; take at least 32, drawn at random");
        Mac mac(EVP_MAC_CTX_new(algorithm.get()), &EVP_MAC_CTX_free);
        if (mac == nullptr || EVP_MAC_init(mac.get(), reinterpret_cast<const unsigned char*>(secret.data()),
                                           secret.size(), parameters) != 1)
            return crypto_fault();
        verifier.macs_.push_back(std::move(mac));
    }
    return verifier;
}

// Every secret is tried and every comparison is made to its end, so that time tells neither how much of a signature was
// right nor which secret it was made with.
Result<bool> TokenVerifier::is_signed(std::string_view text, std::string_view signature) {
    bool matches = false;
    for (const Mac& mac : macs_) {
        std::array<unsigned char, mac_bytes> expected{};
        std::size_t size = 0;
        const bool calculated =
            EVP_MAC_init(mac.get(), nullptr, 0, nullptr) == 1 && // again with the same secret
            EVP_MAC_update(mac.get(), reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1 &&
            EVP_MAC_final(mac.get(), expected.data(), &size, expected.size()) == 1 && size == expected.size();
        if (!calculated) return crypto_fault();
        matches |= CRYPTO_memcmp(expected.data(), signature.data(), expected.size()) == 0;
    }
    return matches;
}

Result<Identity> TokenVerifier::verify(std::string_view token, Timestamp now) {
    if (token.size() > max_token_bytes) return refused("the token is longer than 8 KiB");
    const std::size_t first = token.find('.');
    const std::size_t last = token.rfind('.');
    if (first == last || token.find('.', first + 1) != last)
        return refused("the token does not have three parts with points between them; send it as it was issued");
    const auto signature = decode_base64url(token.substr(last + 1));
    if (!signature || signature->size() != mac_bytes)
        return refused("the token's signature is not 32 bytes as base64url; send the token as it was issued");
    if (const auto header = check_header(token.substr(0, first)); !header) return header.error();
    const auto genuine = is_signed(token.substr(0, last), *signature);
    if (!genuine) return genuine.error();
    if (!*genuine) return refused("the token's signature is not by a secret of this service; log in again");
    return read_claims(token.substr(first + 1, last - first - 1), now);
}

} // namespace castiel_sync::service

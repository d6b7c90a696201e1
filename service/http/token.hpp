// The platform's tokens: JSON web tokens (RFC 7519) as compact JWS (RFC 7515), signed with HMAC-SHA256 and nothing
// else.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/time.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct evp_mac_ctx_st; // OpenSSL's EVP_MAC_CTX

namespace castiel_sync::service {

// Who asks, for whom.
struct Identity {
    std::string tenant_id; // a UUID in lower case
    std::string actor;
    Timestamp expires_at;

    friend bool operator==(const Identity&, const Identity&) = default;
};

inline constexpr std::size_t max_token_bytes = 8 * 1024;
inline constexpr std::size_t max_actor_bytes = 255; // what OpenID Connect allows a `sub`; a cut name would name another
inline constexpr std::size_t min_secret_bytes = 32; // RFC 7518 §3.2: as long as the hash, or guessing pays

// How far the issuer's clock may be ahead of ours, for `nbf` and `iat`. There is none for `exp`: tokens live for
// minutes at least, so a client gains nothing by the last second, and an end is an end for caches too.
inline constexpr std::chrono::seconds clock_leeway{60};

// Verifies tokens by any of some secrets.
//
// Accepted: a header with `alg` HS256, `typ` absent or JWT, and no `crit`, `b64`, `zip` or `enc`, which change what the
// bytes mean; a signature by one of the secrets; claims that are a JSON object with a number `exp` in the future,
// `nbf` and `iat` (where present) not in the future, `type` absent or "access", and a UUID `tenantId`. The actor is
// the first of `sub`, `userId`, `serviceId` that is there, else "unknown". base64url and JSON are read strictly, so
// that one token has one spelling and one meaning.
//
// `type` is not required: of the platform's own tokens neither those of users nor those of services carry it.
//
// Threading: one caller at a time; the MAC contexts are reused.
class TokenVerifier {
public:
    // invalid_configuration when there is no secret, or one that is too short. Secrets are bytes.
    [[nodiscard]] static Result<TokenVerifier> make(const std::vector<std::string>& secrets);

    // unauthenticated when the token is not accepted. Messages are fixed texts: nothing of a token or secret is in
    // them.
    [[nodiscard]] Result<Identity> verify(std::string_view token, Timestamp now);

private:
    using Mac = std::unique_ptr<evp_mac_ctx_st, void (*)(evp_mac_ctx_st*)>;

    TokenVerifier() = default;

    [[nodiscard]] Result<bool> is_signed(std::string_view text, std::string_view signature);

    std::vector<Mac> macs_; // one per secret, which it holds
};

} // namespace castiel_sync::service

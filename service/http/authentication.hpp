// Who a request comes from, by its headers.
#pragma once

#include "token.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace castiel_sync::service {

// All values of one header, in the order they came; none when it is absent.
using HeaderValues = std::span<const std::string_view>;

// What was verified lately, so that a busy client costs no HMAC. Bounded in entries and bytes; the entry that was not
// used for longest goes, roughly.
class TokenCache {
public:
    explicit TokenCache(std::size_t capacity) : half_(capacity / 2) {}

    // An answer is given only between the moment at which the token was verified and its end: a clock that was put back
    // asks again, and so does what has expired.
    [[nodiscard]] std::optional<Identity> find(std::string_view token, Timestamp now);
    void add(std::string_view token, const Identity& identity, Timestamp now);
    [[nodiscard]] std::size_t size() const noexcept { return recent_.size() + older_.size(); }

private:
    struct Entry {
        std::string signature;
        Identity identity;
        Timestamp verified_at;
    };
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    // By header and payload. The signature, which alone is secret, is compared in constant time.
    using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

    void make_room();

    std::size_t half_;
    Entries recent_; // once it is half of all, the older ones are forgotten and it takes their place
    Entries older_;
};

// With secrets, a request needs one `Authorization: Bearer …` with a valid token (unauthenticated else), and one
// `X-Tenant-ID` (unauthenticated when absent) that is a UUID and the token's tenant (forbidden else). Without secrets,
// which only a service on loopback may be, the tenant is the header's and the actor is "anonymous".
//
// Threading: one caller at a time.
class Authentication {
public:
    struct Options {
        std::vector<std::string> secrets;  // any of them may have signed; none: no tokens
        std::size_t cached_tokens = 2'048; // of at most 2 KiB each; 0: none
    };

    [[nodiscard]] static Result<Authentication> make(const Options& options);

    // From the next request on. Nothing that only the old ones verified is remembered; after an error, they still hold.
    [[nodiscard]] Result<> set_secrets(const std::vector<std::string>& secrets);

    [[nodiscard]] Result<Identity> authenticate(HeaderValues authorization, HeaderValues tenant_id, Timestamp now);

    [[nodiscard]] bool needs_token() const noexcept { return verifier_.has_value(); }
    // For metrics.
    [[nodiscard]] std::uint64_t verifications() const noexcept { return verifications_; }
    [[nodiscard]] std::size_t cached_tokens() const noexcept { return cache_.size(); }

private:
    explicit Authentication(std::size_t cached_tokens) : cached_tokens_(cached_tokens), cache_(cached_tokens) {}

    [[nodiscard]] Result<Identity> identify(std::string_view token, Timestamp now);

    std::optional<TokenVerifier> verifier_; // nullopt: no tokens
    std::size_t cached_tokens_;
    TokenCache cache_;
    std::uint64_t verifications_ = 0;
};

} // namespace castiel_sync::service

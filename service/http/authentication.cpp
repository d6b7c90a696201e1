#include "authentication.hpp"

#include "uuid.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace castiel_sync::service {
namespace {

constexpr std::size_t largest_cached_token = 2 * 1024;

// RFC 9110 §11: the scheme in any case, and at least one space.
Result<std::string_view> bearer_token(HeaderValues authorization) {
    if (authorization.empty())
        return Error(ErrorCode::unauthenticated, "the header Authorization is missing; send 'Authorization: Bearer' "
                                                 "with an access token");
    if (authorization.size() > 1)
        return Error(ErrorCode::unauthenticated, "the header Authorization came more than once; send it once");
    constexpr std::string_view scheme = "bearer ";
    std::string_view value = authorization.front();
    const bool fits = value.size() > scheme.size() &&
                      std::equal(scheme.begin(), scheme.end(), value.begin(), [](char wanted, char letter) {
                          return letter == wanted || (letter >= 'A' && letter <= 'Z' && (letter | 0x20) == wanted);
                      });
    if (!fits) return Error(ErrorCode::unauthenticated, "the header Authorization is not 'Bearer' and an access token");
    value.remove_prefix(std::min(value.find_first_not_of(' ', scheme.size()), value.size()));
    return value;
}

Result<std::string> tenant_of(HeaderValues tenant_id) {
    if (tenant_id.empty())
        return Error(ErrorCode::unauthenticated, "the header X-Tenant-ID is missing; send the UUID of a tenant");
    auto tenant = tenant_id.size() == 1 ? parse_uuid(tenant_id.front()) : std::nullopt;
    if (!tenant)
        return Error(ErrorCode::forbidden, "the header X-Tenant-ID is not one UUID; send the UUID of a tenant");
    return std::move(*tenant);
}

} // namespace

std::optional<Identity> TokenCache::find(std::string_view token, Timestamp now) {
    const std::size_t end = token.rfind('.');
    if (end == std::string_view::npos || token.size() > largest_cached_token) return std::nullopt;
    const std::string_view text = token.substr(0, end);
    const std::string_view signature = token.substr(end + 1);
    auto entry = recent_.find(text);
    if (entry == recent_.end()) {
        const auto older = older_.find(text);
        if (older == older_.end()) return std::nullopt;
        auto node = older_.extract(older);
        make_room();
        entry = recent_.insert(std::move(node)).position;
    }
    const Entry& known = entry->second;
    if (now >= known.identity.expires_at) {
        recent_.erase(entry);
        return std::nullopt;
    }
    if (now < known.verified_at || signature.size() != known.signature.size() ||
        CRYPTO_memcmp(signature.data(), known.signature.data(), signature.size()) != 0)
        return std::nullopt;
    return known.identity;
}

void TokenCache::add(std::string_view token, const Identity& identity, Timestamp now) {
    const std::size_t end = token.rfind('.');
    if (half_ == 0 || end == std::string_view::npos || token.size() > largest_cached_token) return;
    make_room();
    recent_.insert_or_assign(std::string(token.substr(0, end)),
                             Entry{std::string(token.substr(end + 1)), identity, now});
}

void TokenCache::make_room() {
    if (recent_.size() < half_) return;
    older_ = std::exchange(recent_, {});
}

Result<Authentication> Authentication::make(const Options& options) {
    Authentication authentication(options.cached_tokens);
    if (auto set = authentication.set_secrets(options.secrets); !set) return set.error();
    return authentication;
}

Result<> Authentication::set_secrets(const std::vector<std::string>& secrets) {
    std::optional<TokenVerifier> verifier;
    if (!secrets.empty()) {
        auto made = TokenVerifier::make(secrets);
        if (!made) return made.error();
        verifier = std::move(*made);
    }
    verifier_ = std::move(verifier);
    cache_ = TokenCache(cached_tokens_);
    return {};
}

Result<Identity> Authentication::authenticate(HeaderValues authorization, HeaderValues tenant_id, Timestamp now) {
    if (!verifier_) {
        auto tenant = tenant_of(tenant_id);
        if (!tenant) return tenant.error();
        return Identity{std::move(*tenant), "anonymous", Timestamp::max()};
    }
    const auto token = bearer_token(authorization);
    if (!token) return token.error();
    auto identity = identify(*token, now);
    if (!identity) return identity;
    const auto tenant = tenant_of(tenant_id);
    if (!tenant) return tenant.error();
    if (*tenant != identity->tenant_id)
        return Error(ErrorCode::forbidden, "the header X-Tenant-ID is not the tenant of the token; send that tenant's "
                                           "UUID, or a token for this one");
    return identity;
}

Result<Identity> Authentication::identify(std::string_view token, Timestamp now) {
    if (auto known = cache_.find(token, now)) return std::move(*known);
    ++verifications_;
    auto identity = verifier_->verify(token, now);
    if (identity) cache_.add(token, *identity, now);
    return identity;
}

} // namespace castiel_sync::service

#include <castiel_sync/webhooks/signature.hpp>

#include <core/base64.hpp>
#include <webhooks/digests.hpp>
#include <webhooks/random_bytes.hpp>

#include <fmt/format.h>

namespace castiel_sync {
namespace {

constexpr std::string_view secret_prefix = "whsec_";
constexpr std::size_t made_bytes = 32;
constexpr std::size_t least_bytes = 24;
constexpr std::size_t most_bytes = 64;

} // namespace

std::string make_webhook_secret(Random& random) {
    return std::string(secret_prefix) + to_base64(random_bytes(made_bytes, random));
}

Result<std::string> parse_webhook_secret(std::string_view secret) {
    if (!secret.starts_with(secret_prefix))
        return Error(ErrorCode::invalid_request, "a webhook's secret begins with \"whsec_\"");
    auto key = from_base64(secret.substr(secret_prefix.size()));
    if (!key) return Error(ErrorCode::invalid_request, "what follows \"whsec_\" in a webhook's secret is base64");
    if (key->size() < least_bytes || key->size() > most_bytes)
        return Error(ErrorCode::invalid_request,
                     fmt::format("a webhook's secret has {} to {} bytes, this one {}", least_bytes, most_bytes,
                                 key->size()));
    return std::string(*key); // moved, g++ 12 takes it for a read past its end
}

std::string sign_webhook(std::string_view key, std::string_view id, std::int64_t timestamp, std::string_view body) {
    std::string content;
    content.reserve(id.size() + body.size() + 24);
    content.append(id).append(".").append(std::to_string(timestamp)).append(".").append(body);
    return "v1," + to_base64(hmac_sha256(key, content));
}

} // namespace castiel_sync

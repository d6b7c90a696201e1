#include <webhooks/hook_verification.hpp>

#include <castiel_sync/webhooks/signature.hpp>
#include <core/base64.hpp>
#include <webhooks/digests.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::size_t longest_delivery_id = 256;

Error refused(std::string why) { return {ErrorCode::unauthenticated, "a hook is refused: " + std::move(why)}; }

// nullptr: there is none, or there are several, of which somebody else may have added one.
const std::string* the_only(const HttpHeaders& headers, std::string_view name) {
    return headers.count(name) == 1 ? headers.find(name) : nullptr;
}

bool is_delivery_id(std::string_view text) {
    return !text.empty() && text.size() <= longest_delivery_id &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
    return number;
}

// A signed time, as the header holds it. Too old is a repetition by whoever overheard it; too new would be one later.
template <class Unit>
bool is_now(std::string_view text, Timestamp now) {
    const auto then = whole_number(text);
    const std::int64_t here = std::chrono::floor<Unit>(now.time_since_epoch()).count();
    constexpr std::int64_t window = std::chrono::duration_cast<Unit>(hook_window).count();
    return then && *then >= here - window && *then <= here + window;
}

// All are compared, so that the time it takes does not tell which one came close.
bool any_equals(const std::vector<std::string>& given, const std::vector<std::string>& secrets,
                const std::function<std::string(const std::string&)>& signature_by) {
    bool equal = false;
    for (const std::string& secret : secrets) {
        const std::string signature = signature_by(secret);
        if (signature.empty()) continue; // no secret of this scheme
        for (const std::string& each : given)
            equal = equals_secret(each, signature) || equal;
    }
    return equal;
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::string body_id(const HookCall& call) { return "sha256:" + hexadecimal(sha256(call.body)); }

// By a header that no signature covers: whoever repeats the body under another name only has it looked at again.
std::string header_id(const HookCall& call, std::string_view name, std::string otherwise) {
    const std::string* id = the_only(call.headers, name);
    return id != nullptr && is_delivery_id(*id) ? *id : std::move(otherwise);
}

std::string standard_signature(const std::string& secret, std::string_view id, std::int64_t timestamp,
                               std::string_view body) {
    const bool whole = secret.starts_with("whsec_");
    const auto key = parse_webhook_secret(whole ? secret : "whsec_" + secret);
    return key ? sign_webhook(*key, id, timestamp, body) : std::string();
}

Result<std::string> verify_standard(const std::vector<std::string>& secrets, const HookCall& call, Timestamp now) {
    const std::string prefix = call.headers.find("webhook-signature") != nullptr ? "webhook-" : "svix-";
    const std::string* id = the_only(call.headers, prefix + "id");
    const std::string* time = the_only(call.headers, prefix + "timestamp");
    const std::string* signatures = the_only(call.headers, prefix + "signature");
    if (id == nullptr || time == nullptr || signatures == nullptr)
        return refused("it needs one webhook-id, one webhook-timestamp and one webhook-signature");
    // With a dot in it, another id and time would have the same signature.
    if (!is_delivery_id(*id) || id->find('.') != std::string::npos) return refused("webhook-id is no id");
    const auto timestamp = whole_number(*time);
    if (!timestamp || std::to_string(*timestamp) != *time || !is_now<std::chrono::seconds>(*time, now))
        return refused("webhook-timestamp is more than 5 minutes away, or no number of seconds");
    const bool equal = any_equals(split(*signatures, ' '), secrets, [&](const std::string& secret) {
        return standard_signature(secret, *id, *timestamp, call.body);
    });
    if (!equal) return refused("webhook-signature holds none that is by a secret of the integration");
    return *id;
}

Result<std::string> verify_github(const std::vector<std::string>& secrets, const HookCall& call) {
    const std::string* signature = the_only(call.headers, "X-Hub-Signature-256");
    if (signature == nullptr) return refused("it needs one X-Hub-Signature-256");
    if (!any_equals({*signature}, secrets, [&](const std::string& secret) {
            return "sha256=" + hexadecimal(hmac_sha256(secret, call.body));
        }))
        return refused("X-Hub-Signature-256 is not by a secret of the integration");
    return header_id(call, "X-GitHub-Delivery", body_id(call));
}

Result<std::string> verify_stripe(const std::vector<std::string>& secrets, const HookCall& call, Timestamp now) {
    const std::string* header = the_only(call.headers, "Stripe-Signature");
    if (header == nullptr) return refused("it needs one Stripe-Signature");
    std::string time;
    std::vector<std::string> signatures;
    for (const std::string& part : split(*header, ',')) {
        if (part.starts_with("v1=")) signatures.push_back(part.substr(3));
        if (!part.starts_with("t=")) continue;
        if (!time.empty()) return refused("Stripe-Signature holds two times");
        time = part.substr(2);
    }
    if (!is_now<std::chrono::seconds>(time, now))
        return refused("the time in Stripe-Signature is more than 5 minutes away, or none");
    if (!any_equals(signatures, secrets, [&](const std::string& secret) {
            return hexadecimal(hmac_sha256(secret, time + "." + call.body));
        }))
        return refused("Stripe-Signature holds no v1 that is by a secret of the integration");
    return body_id(call);
}

// HubSpot signs the URL with these characters as themselves.
std::string decoded_for_hubspot(std::string_view url) {
    constexpr std::array<std::pair<std::string_view, char>, 12> characters{
        {{"3A", ':'}, {"2F", '/'}, {"3F", '?'}, {"40", '@'}, {"21", '!'}, {"24", '$'},
         {"27", '\''}, {"28", '('}, {"29", ')'}, {"2A", '*'}, {"2C", ','}, {"3B", ';'}}};
    std::string decoded;
    for (std::size_t at = 0; at < url.size(); ++at) {
        decoded += url[at];
        if (url[at] != '%' || url.size() - at < 3) continue;
        std::string code(url.substr(at + 1, 2));
        std::transform(code.begin(), code.end(), code.begin(),
                       [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c; });
        const auto known = std::find_if(characters.begin(), characters.end(),
                                        [&code](const auto& each) { return each.first == code; });
        if (known == characters.end()) continue;
        decoded.back() = known->second;
        at += 2;
    }
    return decoded;
}

Result<std::string> verify_hubspot(const std::vector<std::string>& secrets, const HookCall& call, Timestamp now) {
    const std::string* signature = the_only(call.headers, "X-HubSpot-Signature-v3");
    const std::string* time = the_only(call.headers, "X-HubSpot-Request-Timestamp");
    if (signature == nullptr || time == nullptr)
        return refused("it needs one X-HubSpot-Signature-v3 and one X-HubSpot-Request-Timestamp");
    if (!is_now<std::chrono::milliseconds>(*time, now))
        return refused("X-HubSpot-Request-Timestamp is more than 5 minutes away, or no number of milliseconds");
    const std::string content = call.method + decoded_for_hubspot(call.url) + call.body + *time;
    if (!any_equals({*signature}, secrets,
                    [&](const std::string& secret) { return to_base64(hmac_sha256(secret, content)); }))
        return refused("X-HubSpot-Signature-v3 is not by a secret of the integration");
    return body_id(call);
}

Result<std::string> verify_slack(const std::vector<std::string>& secrets, const HookCall& call, Timestamp now) {
    const std::string* signature = the_only(call.headers, "X-Slack-Signature");
    const std::string* time = the_only(call.headers, "X-Slack-Request-Timestamp");
    if (signature == nullptr || time == nullptr)
        return refused("it needs one X-Slack-Signature and one X-Slack-Request-Timestamp");
    if (!is_now<std::chrono::seconds>(*time, now))
        return refused("X-Slack-Request-Timestamp is more than 5 minutes away, or no number of seconds");
    if (!any_equals({*signature}, secrets, [&](const std::string& secret) {
            return "v0=" + hexadecimal(hmac_sha256(secret, "v0:" + *time + ":" + call.body));
        }))
        return refused("X-Slack-Signature is not by a secret of the integration");
    return body_id(call);
}

Result<std::string> verify_shopify(const std::vector<std::string>& secrets, const HookCall& call) {
    const std::string* signature = the_only(call.headers, "X-Shopify-Hmac-Sha256");
    if (signature == nullptr) return refused("it needs one X-Shopify-Hmac-Sha256");
    if (!any_equals({*signature}, secrets,
                    [&](const std::string& secret) { return to_base64(hmac_sha256(secret, call.body)); }))
        return refused("X-Shopify-Hmac-Sha256 is not by a secret of the integration");
    return header_id(call, "X-Shopify-Webhook-Id", body_id(call));
}

// Bodies of these may say the same every time ("look again"), so a body is no name for its hook.
std::string unsigned_id(const HookCall& call) { return header_id(call, "webhook-id", ""); }

Result<std::string> verify_token(const std::string& name, const std::vector<std::string>& secrets,
                                 const HookCall& call) {
    const std::string* token = the_only(call.headers, name);
    if (token == nullptr) return refused("it needs one " + name);
    if (!any_equals({*token}, secrets, [](const std::string& secret) { return secret; }))
        return refused(name + " is no token of the integration");
    return unsigned_id(call);
}

Result<std::string> verify(const HookDescription& description, const std::vector<std::string>& secrets,
                           const HookCall& call, Timestamp now) {
    using Scheme = HookDescription::Scheme;
    switch (description.scheme) {
    case Scheme::standard: return verify_standard(secrets, call, now);
    case Scheme::github: return verify_github(secrets, call);
    case Scheme::stripe: return verify_stripe(secrets, call, now);
    case Scheme::hubspot_v3: return verify_hubspot(secrets, call, now);
    case Scheme::slack: return verify_slack(secrets, call, now);
    case Scheme::shopify: return verify_shopify(secrets, call);
    case Scheme::token: return verify_token(description.header, secrets, call);
    case Scheme::none: return unsigned_id(call);
    }
    return refused("its scheme is unknown");
}

} // namespace

std::vector<std::string> hook_secrets(const json::object& credentials) {
    std::vector<std::string> secrets;
    const auto add = [&secrets](const json::value& value) {
        if (value.is_string() && !value.get_string().empty()) secrets.emplace_back(value.get_string());
    };
    if (const json::value* one = credentials.if_contains("webhookSecret")) add(*one);
    const json::value* several = credentials.if_contains("webhookSecrets");
    if (several != nullptr && several->is_array())
        for (const json::value& each : several->get_array()) add(each);
    return secrets;
}

Result<VerifiedHook> verify_hook(const HookDescription& description, const std::vector<std::string>& secrets,
                                 const HookCall& call, Timestamp now) {
    auto id = verify(description, secrets, call, now);
    if (!id) return id.error();
    VerifiedHook hook;
    hook.delivery_id = std::move(*id);
    hook.verified = description.scheme != HookDescription::Scheme::none;
    return hook;
}

} // namespace castiel_sync

#include <adapters/rest/token_request.hpp>

#include <adapters/rest/authentication.hpp>
#include <castiel_sync/http/retry_after.hpp>
#include <core/json_marks.hpp>
#include <core/json_text.hpp>
#include <core/base64.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::size_t largest_answer = 1024 * 1024;
constexpr double longest_lifetime_s = 10.0 * 365 * 24 * 3600;

struct Client {
    std::string id;
    std::optional<std::string> secret; // absent: a public client, which only names itself

    Client() = default;
};

Result<Client> client_of(const RestAuthentication& described, const json::object& variables) {
    Client client;
    auto id = fill_credential(described.client_id, variables);
    if (!id) return id.error();
    client.id = std::move(*id);
    const auto secret = described.client_secret.fill(variables, UrlPart::none);
    const bool is_public = secret && !*secret && described.grant == RestAuthentication::Grant::refresh_token;
    if (is_public) return client;
    auto filled = fill_credential(described.client_secret, variables);
    if (!filled) return filled.error();
    client.secret = std::move(*filled);
    return client;
}

// RFC 6749, 2.3.1: each encoded as in a form, so that a colon in one of them separates nothing.
std::string basic_pair(const Client& client) {
    return percent_encoded(client.id) + ":" + percent_encoded(*client.secret);
}

void add_field(std::string& form, std::string_view name, std::string_view value) {
    if (!form.empty()) form += '&';
    form.append(percent_encoded(name)).append("=").append(percent_encoded(value));
}

// RFC 6749, appendix A. What a header can't hold would be another header, or another request.
bool is_visible(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

std::string_view text_in(const json::object& object, std::string_view name) {
    const json::value* member = object.if_contains(name);
    return member != nullptr && member->is_string() ? std::string_view(member->get_string()) : std::string_view();
}

// A number, or a number as text, as some write it. Nothing else is worth refusing a good token for.
std::optional<std::chrono::seconds> read_lifetime(const json::value* member) {
    if (member == nullptr) return std::nullopt;
    double seconds = 0;
    if (member->is_number()) {
        seconds = member->to_number<double>();
    } else if (const auto* text = member->if_string()) {
        const auto [end, fault] = std::from_chars(text->data(), text->data() + text->size(), seconds);
        if (fault != std::errc() || end != text->data() + text->size()) return std::nullopt;
    }
    if (!(seconds >= 1)) return std::nullopt;
    return std::chrono::seconds(static_cast<std::int64_t>(std::min(seconds, longest_lifetime_s)));
}

Error corrupted(std::string_view place, std::string_view why) {
    return Error(ErrorCode::corrupted, fmt::format("{} {}", place, why));
}

Result<GrantedToken> read_granted(std::string_view place, const json::object& body) {
    const json::value* member = body.if_contains("access_token");
    if (member == nullptr || !member->is_string())
        return corrupted(place, "answered without an access_token; is authentication.tokenUrl right?");
    GrantedToken token;
    token.text = std::string(member->get_string());
    if (!is_visible(token.text))
        return corrupted(place, "answered an access_token that is empty or holds characters that no token has; it is "
                                "not used");
    const json::value* type = body.if_contains("token_type");
    std::string kind(text_in(body, "token_type"));
    for (char& c : kind)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (type != nullptr && kind != "bearer")
        return corrupted(place, "answered a token_type other than Bearer, which is the only one that is known here");
    token.lifetime = read_lifetime(body.if_contains("expires_in"));
    return token;
}

struct Refusal {
    std::string_view name;
    ErrorCode code;
    std::string_view advice;
};

constexpr std::array<Refusal, 9> refusals{{
    {"invalid_client", ErrorCode::unauthenticated,
     "the client's id or secret is wrong or has expired; mend the secret that credentialSecretName leads to"},
    {"invalid_grant", ErrorCode::unauthenticated,
     "the refresh token has expired, was withdrawn or was replaced elsewhere; connect the account anew and put the new "
     "token into the secret that credentialSecretName leads to"},
    {"unauthorized_client", ErrorCode::unauthenticated,
     "the client may not use this grant; allow it where the client is registered"},
    {"access_denied", ErrorCode::unauthenticated, "connect the account anew, and agree to what is asked"},
    {"invalid_scope", ErrorCode::invalid_configuration, "mend authentication.scope in the adapter's description"},
    {"unsupported_grant_type", ErrorCode::invalid_configuration,
     "mend authentication.grant in the adapter's description"},
    {"invalid_request", ErrorCode::invalid_configuration, "mend authentication in the adapter's description"},
    {"temporarily_unavailable", ErrorCode::unavailable, "it is tried again"},
    {"server_error", ErrorCode::unavailable, "it is tried again"},
}};

Refusal refusal_of(unsigned status, std::string_view error) {
    if (status == 429) return {"", ErrorCode::throttled, "it is tried again later"};
    if (status >= 500 || status == 408) return {"", ErrorCode::unavailable, "it is tried again"};
    const auto known =
        std::find_if(refusals.begin(), refusals.end(), [&](const Refusal& each) { return each.name == error; });
    if (known != refusals.end()) return *known;
    if (status == 401 || status == 403)
        return {"", ErrorCode::unauthenticated, "mend the secret that credentialSecretName leads to"};
    if (status >= 300 && status < 400)
        return {"", ErrorCode::invalid_configuration,
                "redirects are not followed, since credentials would go with them: mend authentication.tokenUrl"};
    return {"", ErrorCode::invalid_configuration, "is authentication.tokenUrl right?"};
}

TokenAnswer refused(std::string_view place, const HttpAnswer& answer, const json::object& body, const Secrets& secrets,
                    Timestamp now) {
    const std::string_view name = text_in(body, "error");
    const bool says_success = answer.status < 300; // some say everything with 200
    const Refusal refusal = refusal_of(says_success ? 400 : answer.status, name);
    std::string message = fmt::format("{} answered {}", place, answer.status);
    for (const std::string_view part : {name, text_in(body, "error_description")})
        if (!part.empty()) message.append(": ").append(excerpt(secrets.scrub(part), 300));
    message.append("; ").append(refusal.advice);
    if (refusal.code == ErrorCode::unauthenticated) message += clock_hint(answer.headers, now);
    TokenAnswer told(Error(refusal.code, std::move(message)));
    told.invalid_grant = refusal.name == "invalid_grant";
    if (refusal.code == ErrorCode::unavailable || refusal.code == ErrorCode::throttled) {
        Error error = told.granted.error();
        error.retry_after = read_retry_after(answer.headers, now);
        told.granted = std::move(error);
    }
    return told;
}

} // namespace

Result<HttpCall> token_call(const RestDescription& description, const json::object& variables,
                            std::string_view refresh_token) {
    const RestAuthentication& described = description.authentication;
    HttpCall call;
    call.method = "POST";
    auto url = described.token_url.fill(variables, UrlPart::none);
    if (!url) return url.error();
    if (!*url)
        return Error(ErrorCode::invalid_configuration,
                     fmt::format("a variable of \"{}\" has no value; set it in the integration's settings",
                                 described.token_url.written()));
    call.url = std::move(**url);
    auto client = client_of(described, variables);
    if (!client) return client.error();
    add_field(call.body, "grant_type", refresh_token.empty() ? "client_credentials" : "refresh_token");
    if (!refresh_token.empty()) add_field(call.body, "refresh_token", refresh_token);
    if (!described.scope.empty()) add_field(call.body, "scope", described.scope);
    if (described.client_in_body || !client->secret) {
        add_field(call.body, "client_id", client->id);
        if (client->secret) add_field(call.body, "client_secret", *client->secret);
    } else {
        call.headers.set("Authorization", "Basic " + to_base64(basic_pair(*client)));
    }
    for (const auto& [name, text] : described.parameters) {
        auto filled = text.fill(variables, UrlPart::none);
        if (!filled) return filled.error();
        if (*filled) add_field(call.body, name, **filled);
    }
    call.headers.set("Accept", "application/json");
    call.headers.set("Content-Type", "application/x-www-form-urlencoded");
    call.timeout = description.timeout;
    call.max_answer_bytes = largest_answer;
    return call;
}

Secrets token_secrets(const RestDescription& description, const json::object& variables,
                      std::string_view refresh_token) {
    const json::value* credentials = variables.if_contains("credentials");
    const bool known = credentials != nullptr && credentials->is_object();
    Secrets secrets = known ? Secrets(credentials->get_object()) : Secrets();
    secrets.add(refresh_token);
    const auto client = client_of(description.authentication, variables);
    if (client && client->secret) secrets.add(basic_pair(*client));
    return secrets;
}

TokenAnswer read_token_answer(std::string_view place, const HttpAnswer& answer, const Secrets& secrets,
                              Timestamp now) {
    // By the lenient reader: a number that nothing carries exactly must not cost the refresh token beside it.
    const auto parsed = parse_json_marking(answer.body);
    const json::object* body = parsed ? parsed->if_object() : nullptr;
    const bool success = answer.status >= 200 && answer.status < 300;
    const json::object nothing;
    if (!success) return refused(place, answer, body != nullptr ? *body : nothing, secrets, now);
    if (body == nullptr) return TokenAnswer(corrupted(place, "answered with a body that is no JSON object"));
    if (!text_in(*body, "error").empty() && !body->contains("access_token"))
        return refused(place, answer, *body, secrets, now);
    TokenAnswer read;
    read.granted = read_granted(place, *body);
    if (const std::string_view fresh = text_in(*body, "refresh_token"); is_visible(fresh)) read.refresh_token = fresh;
    return read;
}

Error token_error(Error error) {
    if (error.code == ErrorCode::unknown_outcome) error.code = ErrorCode::unavailable;
    return error;
}

} // namespace castiel_sync

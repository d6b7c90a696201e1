#include <net/masking.hpp>

#include <core/http_syntax.hpp>

#include <algorithm>
#include <array>

namespace castiel_sync {
namespace {

// As one may write it: access_token, accessToken, Access-Token.
std::string plain_name(std::string_view name) {
    std::string plain;
    for (const char character : name)
        if (character != '_' && character != '-') plain += lower(character);
    return plain;
}

bool is_secret_member(std::string_view name) {
    static constexpr std::array<std::string_view, 19> names{
        "accesstoken",     "refreshtoken", "idtoken",    "authtoken", "sessiontoken", "token",  "clientsecret",
        "secret",          "secretkey",    "privatekey", "password",  "passwd",       "apikey", "assertion",
        "clientassertion", "sessionid",    "signature",  "sig",       "authorization"};
    return std::ranges::find(names, plain_name(name)) != names.end();
}

} // namespace

bool is_secret_header(std::string_view name) {
    static constexpr std::array<std::string_view, 11> parts{"authorization", "cookie", "token",          "secret",
                                                            "password",      "apikey", "signature",      "credential",
                                                            "session",       "xauth",  "subscriptionkey"};
    const std::string plain = plain_name(name);
    return std::ranges::any_of(parts, [&](std::string_view part) { return plain.find(part) != std::string::npos; });
}

void add_sent_secrets(Secrets& secrets, const HttpHeaders& headers) {
    // A shorter one may as well be a word ("none", "v2"), and would make a recording unreadable.
    constexpr std::size_t shortest = 8;
    const auto add = [&](std::string_view value) {
        if (value.size() >= shortest) secrets.add(value);
    };
    for (const HttpHeader& header : headers) {
        if (!is_secret_header(header.name)) continue;
        const std::string_view value = header.value;
        add(value);
        const std::size_t space = value.find(' ');
        if (space != std::string_view::npos && is_token(value.substr(0, space))) add(value.substr(space + 1));
    }
}

std::string mask_header(std::string_view name, std::string_view value, const Secrets& secrets) {
    if (is_secret_header(name)) return std::string(Secrets::mark);
    return equal_without_case(name, "Location") ? mask_url(value, secrets) : secrets.scrub(value);
}

std::string mask_form(std::string_view form, const Secrets& secrets) {
    std::string masked;
    while (true) {
        const std::size_t end = form.find('&');
        const std::string_view pair = form.substr(0, end);
        const std::size_t equals = pair.find('=');
        masked += pair.substr(0, equals);
        if (equals != std::string_view::npos) {
            masked += '=';
            masked += is_secret_member(pair.substr(0, equals)) ? Secrets::mark : pair.substr(equals + 1);
        }
        if (end == std::string_view::npos) break;
        masked += '&';
        form.remove_prefix(end + 1);
    }
    return secrets.scrub(masked);
}

std::string mask_url(std::string_view url, const Secrets& secrets) {
    const std::size_t query = url.find('?');
    if (query == std::string_view::npos) return secrets.scrub(url);
    return secrets.scrub(url.substr(0, query)) + "?" + mask_form(url.substr(query + 1), secrets);
}

json::value mask_json(const json::value& value, const Secrets& secrets) {
    if (const auto* array = value.if_array()) {
        json::array masked;
        for (const json::value& element : *array)
            masked.push_back(mask_json(element, secrets));
        return masked;
    }
    if (const auto* object = value.if_object()) {
        json::object masked;
        for (const auto& member : *object) {
            const bool hidden =
                !member.value().is_null() && !member.value().is_bool() && is_secret_member(member.key());
            masked[secrets.scrub(member.key())] =
                hidden ? json::value(Secrets::mark) : mask_json(member.value(), secrets);
        }
        return masked;
    }
    if (const auto* text = value.if_string()) return json::value(secrets.scrub(*text));
    // A secret made of digits may be sent as a number.
    if (value.is_number() && secrets.scrub(to_json(value)) != to_json(value)) return json::value(Secrets::mark);
    return value;
}

} // namespace castiel_sync

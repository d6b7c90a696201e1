#include "rest_request.hpp"

#include <castiel_sync/json.hpp>
#include <castiel_sync/testing/scripted_transport.hpp>

#include <fmt/format.h>

#include <charconv>
#include <system_error>

namespace castiel_sync::testing {
namespace {

std::string percent_decode(std::string_view text, bool form) {
    std::string decoded;
    for (std::size_t place = 0; place < text.size(); ++place) {
        unsigned value = 0;
        const char* digits = text.data() + place + 1;
        if (text[place] == '%' && place + 2 < text.size() &&
            std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
            decoded += static_cast<char>(value);
            place += 2;
        } else {
            decoded += form && text[place] == '+' ? ' ' : text[place];
        }
    }
    return decoded;
}

void add_parameters(RestRequest& request, std::string_view query) {
    while (!query.empty()) {
        const std::size_t end = query.find('&');
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
        const std::size_t equals = pair.find('=');
        const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
        request.parameters[percent_decode(pair.substr(0, equals), true)] = percent_decode(value, true);
    }
}

} // namespace

const std::string* RestRequest::parameter(std::string_view name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? nullptr : &found->second;
}

Result<std::uint64_t> RestRequest::number(std::string_view name, std::uint64_t otherwise) const {
    const std::string* text = parameter(name);
    if (!text) return otherwise;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc{} || end != text->data() + text->size())
        return Error(ErrorCode::invalid_request, fmt::format("{} is not a number", name));
    return value;
}

std::optional<RestRequest> parse_rest_request(const HttpCall& call, std::string_view base_url) {
    std::string_view url = call.url;
    RestRequest request;
    request.method = call.method;
    request.headers = &call.headers;
    request.body = call.body;
    if (const std::size_t query = url.find('?'); query != std::string_view::npos) {
        add_parameters(request, url.substr(query + 1));
        url = url.substr(0, query);
    }
    request.url = url;
    if (!url.starts_with(base_url)) return std::nullopt;
    url.remove_prefix(base_url.size());
    if (!url.starts_with('/')) return std::nullopt;
    url.remove_prefix(1);
    const std::size_t slash = url.find('/');
    request.entity = percent_decode(url.substr(0, slash), false);
    if (slash != std::string_view::npos) {
        url.remove_prefix(slash + 1);
        if (url.empty() || url.find('/') != std::string_view::npos) return std::nullopt;
        request.id = percent_decode(url, false);
    }
    if (request.entity.empty()) return std::nullopt;
    return request;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    std::string encoded;
    for (const char byte : text)
        if (unreserved.find(byte) != std::string_view::npos)
            encoded += byte;
        else
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(byte));
    return encoded;
}

HttpAnswer rest_error(unsigned status, std::string_view code, std::string_view message) {
    return json_answer(status, {{"error", {{"code", code}, {"message", message}}}});
}

} // namespace castiel_sync::testing

#include <castiel_sync/http/egress.hpp>

#include <core/http_syntax.hpp>

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace castiel_sync {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t max_url_bytes = 32 * 1024;
constexpr std::size_t max_name_bytes = 253;
constexpr std::size_t max_label_bytes = 63;

bool is_digit(char character) { return character >= '0' && character <= '9'; }

bool is_hexadecimal(char character) {
    return is_digit(character) || (lower(character) >= 'a' && lower(character) <= 'f');
}

// Never with the URL itself, which may hold secrets.
Error refusal(std::string_view reason) {
    return {ErrorCode::invalid_request,
            fmt::format("The URL is refused: {}. It has to look like https://host/path?query.", reason)};
}

// What a resolver may take for the last number of an IPv4 address: 1, 017, 0x7f.
bool ends_in_number(std::string_view name) {
    const std::string_view last = name.substr(name.rfind('.') + 1);
    if (std::ranges::all_of(last, is_digit)) return true;
    return last.starts_with("0x") && std::ranges::all_of(last.substr(2), is_hexadecimal);
}

bool is_label(std::string_view label) {
    if (label.empty() || label.size() > max_label_bytes || label.front() == '-' || label.back() == '-') return false;
    return std::ranges::all_of(label, [](char character) {
        return (character >= 'a' && character <= 'z') || is_digit(character) || character == '-' || character == '_';
    });
}

bool is_name(std::string_view name) {
    if (name.size() > max_name_bytes) return false;
    for (std::size_t begin = 0; begin <= name.size();) {
        const std::size_t end = std::min(name.find('.', begin), name.size());
        if (!is_label(name.substr(begin, end - begin))) return false;
        begin = end + 1;
    }
    return true;
}

// Four decimal numbers without leading zeros.
bool is_ipv4(std::string_view text) {
    std::size_t numbers = 0;
    for (std::size_t begin = 0; begin <= text.size(); ++numbers) {
        const std::size_t end = std::min(text.find('.', begin), text.size());
        const std::string_view number = text.substr(begin, end - begin);
        if (number.empty() || number.size() > 3 || !std::ranges::all_of(number, is_digit)) return false;
        if (number.size() > 1 && number.front() == '0') return false;
        if (number.size() == 3 && number > "255") return false;
        begin = end + 1;
    }
    return numbers == 4;
}

Result<std::string> parse_ipv6(std::string_view text) {
    const bool written_so = std::ranges::all_of(text, [](char c) { return is_hexadecimal(c) || c == ':' || c == '.'; });
    boost::system::error_code problem;
    const ip::address_v6 address = ip::make_address_v6(std::string(text), problem);
    if (problem || !written_so) return refusal("what stands in brackets is no IPv6 address, or has a zone");
    return address.to_string();
}

Result<std::string> parse_host(std::string_view text) {
    if (text.empty()) return refusal("it has no host");
    if (text.front() == '[') return parse_ipv6(text.substr(1, text.size() - 2));
    std::string host(text);
    std::ranges::transform(host, host.begin(), lower);
    if (host.ends_with('.')) return refusal("its host ends with a dot");
    if (ends_in_number(host)) {
        if (is_ipv4(host)) return host;
        return refusal("its host ends in a number, and is no IPv4 address of four decimal numbers");
    }
    if (is_name(host)) return host;
    return refusal("its host is no name of the DNS; international names are written as xn--…");
}

Result<std::uint16_t> parse_port(std::string_view digits) {
    unsigned port = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    const bool whole = problem == std::errc() && end == digits.data() + digits.size();
    if (!whole || port == 0 || port > 65535 || digits.front() == '0')
        return refusal("its port is no number from 1 to 65535");
    return static_cast<std::uint16_t>(port);
}

bool is_dot_segment(std::string_view segment) {
    std::size_t dots = 0;
    while (!segment.empty()) {
        const bool escaped = segment.size() >= 3 && segment[0] == '%' && segment[1] == '2' &&
                             (segment[2] == 'e' || segment[2] == 'E');
        if (!escaped && segment.front() != '.') return false;
        segment.remove_prefix(escaped ? 3 : 1);
        ++dots;
    }
    return dots == 1 || dots == 2;
}

std::optional<std::string_view> fault_of_target(std::string_view target) {
    // Whoever stands in between may take /contacts/.. for another resource.
    std::string_view path = target.substr(0, target.find('?'));
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::string_view segment = path.substr(0, path.find('/'));
        if (is_dot_segment(segment)) return "its path holds the segment . or ..";
        path.remove_prefix(segment.size());
    }
    for (std::size_t place = 0; place < target.size(); ++place) {
        if (target[place] != '%') continue;
        if (place + 2 >= target.size() || !is_hexadecimal(target[place + 1]) || !is_hexadecimal(target[place + 2]))
            return "a % in it is not followed by two hexadecimal digits";
    }
    return std::nullopt;
}

// https://… or http://…, in any case. Answers what stands behind it, or nothing.
std::optional<std::string_view> skip_scheme(std::string_view text, bool& secure) {
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!equal_without_case(text.substr(0, scheme.size()), scheme)) continue;
        secure = scheme == "https://";
        return text.substr(scheme.size());
    }
    return std::nullopt;
}

struct Authority {
    std::string_view host; // with brackets
    std::optional<std::string_view> port;

    Authority() = default;
};

Result<Authority> split_authority(std::string_view text) {
    Authority parts;
    std::size_t host_end = text.find(':');
    if (text.starts_with('[')) {
        const std::size_t bracket = text.find(']');
        if (bracket == std::string_view::npos) return refusal("its IPv6 address has no closing bracket");
        host_end = bracket + 1;
        if (host_end < text.size() && text[host_end] != ':')
            return refusal("something that is no port follows the IPv6 address");
    }
    parts.host = text.substr(0, host_end);
    if (host_end < text.size()) parts.port = text.substr(host_end + 1);
    return parts;
}

} // namespace

std::string HttpUrl::authority() const {
    std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
    if (port != (secure ? 443 : 80)) text.append(":").append(std::to_string(port));
    return text;
}

Result<HttpUrl> parse_http_url(std::string_view text) {
    if (text.size() > max_url_bytes) return refusal(fmt::format("it has more than {} bytes", max_url_bytes));
    if (text.find('#') != std::string_view::npos) return refusal("it has a fragment");
    if (!all_of(text, target_character) || text.find('\\') != std::string_view::npos)
        return refusal("it has white space, a backslash or another character that must be percent-encoded");
    HttpUrl url;
    const std::optional<std::string_view> rest = skip_scheme(text, url.secure);
    if (!rest) return refusal("it does not begin with https:// or http://");
    const std::size_t authority_end = std::min(rest->find_first_of("/?"), rest->size());
    const std::string_view authority = rest->substr(0, authority_end);
    if (authority.find('@') != std::string_view::npos) return refusal("it has a user name or a password");
    const Result<Authority> parts = split_authority(authority);
    if (!parts) return parts.error();
    Result<std::string> host = parse_host(parts->host);
    if (!host) return host.error();
    url.host = *std::move(host);
    url.port = url.secure ? 443 : 80;
    if (parts->port) {
        const Result<std::uint16_t> port = parse_port(*parts->port);
        if (!port) return port.error();
        url.port = *port;
    }
    const std::string_view target = rest->substr(authority_end);
    if (const auto fault = fault_of_target(target)) return refusal(*fault);
    if (!target.starts_with('/'))
        url.target.append(target);
    else
        url.target = target;
    return url;
}

} // namespace castiel_sync

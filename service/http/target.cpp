#include "target.hpp"

#include <algorithm>
#include <cstdint>

namespace castiel_sync::service {
namespace {

// RFC 3986: what stands for itself in a segment.
bool stands_for_itself(char byte) {
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9')) return true;
    constexpr std::string_view marks = "-._~!$&'()*+,;=:@";
    return std::ranges::find(marks, byte) != marks.end();
}

// In a query, "/" and "?" do as well; and what browsers leave as it is in practice is read as it is.
bool stands_in_query(char byte) { return byte > ' ' && byte < '\x7f' && byte != '#'; }

int digit_of(char byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

template <class StandsForItself>
Decoded decode(std::string_view written, bool plus_is_space, StandsForItself stands_for_itself) {
    Decoded decoded;
    decoded.text.reserve(written.size());
    for (std::size_t at = 0; at < written.size(); ++at) {
        const char byte = written[at];
        if (byte == '%') {
            const int high = at + 2 < written.size() ? digit_of(written[at + 1]) : -1;
            const int low = at + 2 < written.size() ? digit_of(written[at + 2]) : -1;
            if (high < 0 || low < 0) {
                decoded.fault = "holds a % that two hexadecimal digits don't follow; write %25 for the sign itself";
                return decoded;
            }
            decoded.text += static_cast<char>(high * 16 + low);
            at += 2;
        } else if (byte == '+' && plus_is_space) {
            decoded.text += ' ';
        } else if (stands_for_itself(byte)) {
            decoded.text += byte;
        } else {
            decoded.fault = "holds a character that must be percent-encoded";
            return decoded;
        }
    }
    if (decoded.text.find('\0') != std::string::npos)
        decoded.fault = "holds the character U+0000";
    else if (!is_valid_utf8(decoded.text))
        decoded.fault = "is not UTF-8";
    return decoded;
}

} // namespace

Decoded decode_segment(std::string_view written) {
    Decoded decoded = decode(written, false, stands_for_itself);
    if (!decoded.fault.empty()) return decoded;
    if (decoded.text.find('/') != std::string::npos) decoded.fault = "holds an escaped slash";
    if (decoded.text == "." || decoded.text == "..") decoded.fault = "is a step in a path, not a name";
    return decoded;
}

std::string encode_segment(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string written;
    for (const char byte : text) {
        if (stands_for_itself(byte)) {
            written += byte;
            continue;
        }
        const auto number = static_cast<unsigned char>(byte);
        written.append({'%', digits[number / 16U], digits[number % 16U]});
    }
    return written;
}

Decoded decode_query(std::string_view written) { return decode(written, true, stands_in_query); }

std::vector<QueryPart> split_query(std::string_view query) {
    std::vector<QueryPart> parts;
    for (std::size_t start = 0; start < query.size();) {
        const std::size_t end = std::min(query.find('&', start), query.size());
        const std::size_t sign = std::min(query.find('=', start), end);
        const std::size_t value = std::min(sign + 1, end);
        if (end > start) parts.push_back({query.substr(start, sign - start), query.substr(value, end - value)});
        start = end + 1;
    }
    return parts;
}

std::optional<std::vector<std::string_view>> split_path(std::string_view path) {
    if (path.empty() || path.front() != '/') return std::nullopt;
    std::vector<std::string_view> segments;
    for (std::size_t start = 1;;) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        segments.push_back(path.substr(start, end - start));
        if (end == path.size()) return segments;
        start = end + 1;
    }
}

bool is_valid_utf8(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = [&](std::size_t place) -> std::uint32_t {
            return place < text.size() ? static_cast<unsigned char>(text[place]) : 0U;
        };
        const std::uint32_t first = byte(at);
        if (first < 0x80) {
            ++at;
            continue;
        }
        const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
        if (first < 0xC2 || first > 0xF4) return false;
        std::uint32_t point = first & (0xFFU >> (length + 1));
        for (std::size_t place = at + 1; place < at + length; ++place) {
            if ((byte(place) & 0xC0U) != 0x80U) return false;
            point = (point << 6U) | (byte(place) & 0x3FU);
        }
        constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (point < least[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
        at += length;
    }
    return true;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
    const auto lower = [](char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : byte; };
    return std::ranges::equal(left, right, {}, lower, lower);
}

std::string_view without_spaces_around(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_json_in_utf8(std::string_view content_type) noexcept {
    const std::size_t end = std::min(content_type.find(';'), content_type.size());
    if (!equal_ignoring_case(without_spaces_around(content_type.substr(0, end)), "application/json")) return false;
    if (end == content_type.size()) return true;
    std::string_view parameter = without_spaces_around(content_type.substr(end + 1));
    constexpr std::string_view name = "charset=";
    if (parameter.empty()) return true;
    if (!equal_ignoring_case(parameter.substr(0, name.size()), name)) return false;
    parameter.remove_prefix(name.size());
    return equal_ignoring_case(parameter, "utf-8") || equal_ignoring_case(parameter, "\"utf-8\"");
}

} // namespace castiel_sync::service

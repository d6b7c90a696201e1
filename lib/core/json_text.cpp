#include <core/json_text.hpp>

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

namespace castiel_sync {
namespace {

// A fault and the way to it, which is written down on the way back: a value without fault costs no text.
struct Fault {
    std::string path;
    std::string_view what;
};

std::optional<Fault> find_fault(const json::object& object, std::size_t depth_left);

std::optional<Fault> find_fault(const json::array& array, std::size_t depth_left);

std::optional<Fault> find_fault(const json::value& value, std::size_t depth_left) {
    switch (value.kind()) {
    case json::kind::string:
        if (!is_utf8(value.get_string())) return Fault{"", "this text is not valid UTF-8"};
        return std::nullopt;
    case json::kind::double_:
        if (!std::isfinite(value.get_double())) return Fault{"", "this number is infinite or not a number"};
        return std::nullopt;
    case json::kind::array:
        return find_fault(value.get_array(), depth_left);
    case json::kind::object:
        return find_fault(value.get_object(), depth_left);
    default:
        return std::nullopt;
    }
}

std::optional<Fault> find_fault(const json::array& array, std::size_t depth_left) {
    if (depth_left == 0) return Fault{"", "nested too deep"};
    for (std::size_t place = 0; place < array.size(); ++place) {
        auto fault = find_fault(array[place], depth_left - 1);
        if (!fault) continue;
        fault->path.insert(0, fmt::format(".{}", place));
        return fault;
    }
    return std::nullopt;
}

std::optional<Fault> find_fault(const json::object& object, std::size_t depth_left) {
    if (depth_left == 0) return Fault{"", "nested too deep"};
    for (const auto& member : object) {
        if (!is_utf8(member.key())) return Fault{"", "a member's name is not valid UTF-8"};
        auto fault = find_fault(member.value(), depth_left - 1);
        if (!fault) continue;
        fault->path.insert(0, fmt::format(".{}", std::string_view(member.key())));
        return fault;
    }
    return std::nullopt;
}

Result<> to_result(const std::optional<Fault>& fault) {
    if (!fault) return {};
    const std::string_view path = fault->path.empty() ? "the value" : std::string_view(fault->path).substr(1);
    return Error(ErrorCode::invalid_record,
                 fmt::format("{}: {}, which JSON can't carry; convert it where it is read", path, fault->what));
}

// Many bytes at a time: most texts are ASCII only.
std::size_t ascii_length(std::string_view text) noexcept {
    std::size_t place = 0;
    for (; place + 32 <= text.size(); place += 32) {
        std::array<std::uint64_t, 4> bytes{};
        std::memcpy(bytes.data(), text.data() + place, 32);
        if ((bytes[0] | bytes[1] | bytes[2] | bytes[3]) & 0x8080808080808080) break;
    }
    for (; place + 8 <= text.size(); place += 8) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, text.data() + place, 8);
        if (bytes & 0x8080808080808080) break;
    }
    while (place < text.size() && static_cast<unsigned char>(text[place]) < 0x80)
        ++place;
    return place;
}

} // namespace

// Refused: forms longer than needed, surrogates, numbers past U+10FFFF, sequences that are cut off.
std::size_t utf8_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t place) -> unsigned {
        return place < text.size() ? static_cast<unsigned char>(text[place]) : 0U;
    };
    const auto continues = [&](std::size_t place) { return (byte(place) & 0xc0U) == 0x80U; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    const unsigned second = byte(1);
    if (!continues(1)) return 0;
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (!continues(2)) return 0;
    if (lead == 0xe0) return second >= 0xa0 ? 3 : 0;
    if (lead == 0xed) return second <= 0x9f ? 3 : 0;
    if (lead >= 0xe1 && lead <= 0xef) return 3;
    if (!continues(3)) return 0;
    if (lead == 0xf0) return second >= 0x90 ? 4 : 0;
    if (lead == 0xf4) return second <= 0x8f ? 4 : 0;
    return lead >= 0xf1 && lead <= 0xf3 ? 4 : 0;
}

bool is_utf8(std::string_view text) noexcept {
    for (;;) {
        text.remove_prefix(ascii_length(text));
        if (text.empty()) return true;
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
}

Result<> check_json(const json::value& value, std::size_t max_depth) { return to_result(find_fault(value, max_depth)); }

Result<> check_json(const json::object& object, std::size_t max_depth) {
    return to_result(find_fault(object, max_depth));
}

std::string_view excerpt(std::string_view text, std::size_t bytes) noexcept {
    if (text.size() <= bytes) return text;
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U)
        --bytes;
    return text.substr(0, bytes);
}

} // namespace castiel_sync

#include <core/base64.hpp>

#include <cstdint>

namespace castiel_sync {

std::string to_base64(std::string_view bytes, std::string_view alphabet) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t place = 0; place < bytes.size(); place += 3) {
        const std::string_view group = bytes.substr(place, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i)
            bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0u);
        for (std::size_t i = 0; i < 4; ++i)
            text += i <= group.size() ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
    }
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string_view digits = text;
    for (int padding = 0; padding < 2 && digits.ends_with('='); ++padding)
        digits.remove_suffix(1);
    std::string bytes;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char digit : digits) {
        const std::size_t value = base64_alphabet.find(digit);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        bytes += static_cast<char>(bits >> held & 0xff);
    }
    // Bits that no byte takes must be zero, or one text would have several spellings.
    if (to_base64(bytes) != text) return std::nullopt;
    return bytes;
}

} // namespace castiel_sync

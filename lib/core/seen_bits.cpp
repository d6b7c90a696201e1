#include <core/seen_bits.hpp>

#include <castiel_sync/json.hpp>

namespace castiel_sync {

std::optional<SeenBits> SeenBits::parse(std::string_view body, std::uint64_t pass) {
    SeenBits seen;
    if (body.empty()) return seen;
    auto object = parse_json_object(body);
    if (!object) return std::nullopt;
    const auto* stored_pass = object->if_contains("pass");
    const auto* text = object->if_contains("bits");
    if (!stored_pass || !stored_pass->is_number() || !text || !text->is_string()) return std::nullopt;
    json::error_code error;
    if (stored_pass->to_number<std::uint64_t>(error) != pass || error) return seen;
    const auto& digits = text->get_string();
    if (digits.size() != size / 4) return std::nullopt;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const char c = digits[i];
        unsigned value = 0;
        if (c >= '0' && c <= '9')
            value = static_cast<unsigned>(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = static_cast<unsigned>(c - 'a') + 10;
        else
            return std::nullopt;
        for (std::size_t bit = 0; bit < 4; ++bit)
            if (value >> bit & 1U) seen.bits_.set(i * 4 + bit);
    }
    return seen;
}

std::string SeenBits::to_body(std::uint64_t pass) const {
    std::string digits(size / 4, '0');
    for (std::size_t i = 0; i < digits.size(); ++i) {
        unsigned value = 0;
        for (std::size_t bit = 0; bit < 4; ++bit) value |= bits_.test(i * 4 + bit) ? 1U << bit : 0U;
        digits[i] = "0123456789abcdef"[value];
    }
    return "{\"pass\":" + std::to_string(pass) + ",\"bits\":\"" + digits + "\"}";
}

bool SeenBits::set(std::size_t bit) {
    const bool fresh = !bits_.test(bit);
    bits_.set(bit);
    return fresh;
}

} // namespace castiel_sync

#include <core/hexadecimal.hpp>

#include <algorithm>
#include <string_view>

namespace castiel_sync {

void append_hexadecimal(std::string& out, std::uint64_t value, int digits) {
    constexpr std::string_view alphabet = "0123456789abcdef";
    char text[16];
    for (int place = digits; place-- > 0; value >>= 4) text[place] = alphabet[value & 0xf];
    out.append(text, static_cast<std::size_t>(digits));
}

std::string uuid_text(std::uint64_t high, std::uint64_t low, unsigned version) {
    high = (high & ~0xf000ULL) | std::uint64_t{version} << 12;
    low = (low & ~0xc000000000000000ULL) | 0x8000000000000000ULL;
    std::string uuid;
    uuid.reserve(36);
    append_hexadecimal(uuid, high >> 32, 8);
    uuid += '-';
    append_hexadecimal(uuid, high >> 16, 4);
    uuid += '-';
    append_hexadecimal(uuid, high, 4);
    uuid += '-';
    append_hexadecimal(uuid, low >> 48, 4);
    uuid += '-';
    append_hexadecimal(uuid, low, 12);
    return uuid;
}

std::string ordered_uuid_text(Timestamp time, std::uint64_t place, std::uint64_t bits) {
    const auto milliseconds = static_cast<std::uint64_t>(time.time_since_epoch().count());
    return uuid_text(milliseconds << 16 | (place & 0x0fffULL), bits, 7);
}

bool is_uuid(std::string_view text) noexcept {
    constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    return text.size() == form.size() &&
           std::equal(text.begin(), text.end(), form.begin(), [](char letter, char shape) {
               const bool hexadecimal = (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f') ||
                                        (letter >= 'A' && letter <= 'F');
               return shape == '-' ? letter == '-' : hexadecimal;
           });
}

} // namespace castiel_sync

#include "uuid.hpp"

#include <algorithm>

namespace castiel_sync::service {

bool is_uuid(std::string_view text) noexcept {
    constexpr std::string_view shape = "00000000-0000-0000-0000-000000000000";
    return text.size() == shape.size() && std::ranges::equal(text, shape, [](char c, char form) {
               const bool hexadecimal = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
               return form == '-' ? c == '-' : hexadecimal;
           });
}

std::optional<std::string> parse_uuid(std::string_view text) {
    if (!is_uuid(text)) return std::nullopt;
    std::string uuid(text);
    for (char& c : uuid)
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    return uuid;
}

} // namespace castiel_sync::service

// UUIDs as people, tokens and headers write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync::service {

// 8-4-4-4-12 hexadecimal digits in either case; what is kept and compared is lower case.
[[nodiscard]] bool is_uuid(std::string_view text) noexcept;
[[nodiscard]] std::optional<std::string> parse_uuid(std::string_view text);

} // namespace castiel_sync::service

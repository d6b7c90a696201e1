// SHA-256, as hexadecimal digits.
#pragma once

#include <string>
#include <string_view>

namespace castiel_sync::service {

[[nodiscard]] std::string sha256(std::string_view text);

} // namespace castiel_sync::service

// Numbers in hexadecimal digits, and UUIDs, which are written in them.
#pragma once

#include <castiel_sync/time.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace castiel_sync {

// The last `digits` (1 to 16) of the number, in lower case.
void append_hexadecimal(std::string& out, std::uint64_t value, int digits = 16);

// RFC 9562: all bits as given but the version (1 to 8) and the variant.
[[nodiscard]] std::string uuid_text(std::uint64_t high, std::uint64_t low, unsigned version);

// Of version 7: by time, then by place (its last 12 bits), then by `bits`.
[[nodiscard]] std::string ordered_uuid_text(Timestamp time, std::uint64_t place, std::uint64_t bits);

// 36 characters, in either case.
[[nodiscard]] bool is_uuid(std::string_view text) noexcept;

} // namespace castiel_sync

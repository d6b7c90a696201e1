// Hashes that ids and versions are derived from. Not for secrets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace castiel_sync {

[[nodiscard]] std::uint64_t hash64(std::string_view text) noexcept;

// 128 bits as 32 hexadecimal digits.
[[nodiscard]] std::string hash128(std::string_view text);

// What a create with this idempotency key is called, however often it is sent: the key itself where it is a UUID, else
// the same bits as a UUID of version 8.
[[nodiscard]] std::string id_from_key(std::string_view idempotency_key);

} // namespace castiel_sync

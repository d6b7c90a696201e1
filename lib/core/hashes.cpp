#include <core/hashes.hpp>

#include <core/hexadecimal.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace castiel_sync {

std::uint64_t hash64(std::string_view text) noexcept { return XXH3_64bits(text.data(), text.size()); }

std::string hash128(std::string_view text) {
    const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
    std::string digits;
    append_hexadecimal(digits, hash.high64);
    append_hexadecimal(digits, hash.low64);
    return digits;
}

std::string id_from_key(std::string_view idempotency_key) {
    if (is_uuid(idempotency_key)) return std::string(idempotency_key);
    const XXH128_hash_t hash = XXH3_128bits(idempotency_key.data(), idempotency_key.size());
    return uuid_text(hash.high64, hash.low64, 8);
}

} // namespace castiel_sync

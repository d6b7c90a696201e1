#include <adapters/hashes.hpp>

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace castiel_sync {

std::uint64_t hash64(std::string_view text) noexcept { return XXH3_64bits(text.data(), text.size()); }

std::string hash128(std::string_view text) {
    const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
    return fmt::format("{:016x}{:016x}", std::uint64_t{hash.high64}, std::uint64_t{hash.low64});
}

std::string id_from_key(std::string_view idempotency_key) {
    const XXH128_hash_t hash = XXH3_128bits(idempotency_key.data(), idempotency_key.size());
    const std::uint64_t high = (hash.high64 & ~0xf000ULL) | 0x8000ULL;
    const std::uint64_t low = (hash.low64 & ~0xc000000000000000ULL) | 0x8000000000000000ULL;
    return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xffff,
                       low >> 48, low & 0xffffffffffffULL);
}

} // namespace castiel_sync

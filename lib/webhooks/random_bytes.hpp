// Bytes out of a Random.
#pragma once

#include <castiel_sync/runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace castiel_sync {

[[nodiscard]] inline std::string random_bytes(std::size_t count, Random& random) {
    std::string bytes;
    bytes.reserve(count + 8);
    while (bytes.size() < count) {
        std::uint64_t word = random.next();
        for (int i = 0; i < 8; ++i, word >>= 8) bytes += static_cast<char>(word & 0xff);
    }
    bytes.resize(count);
    return bytes;
}

} // namespace castiel_sync

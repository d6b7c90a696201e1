// A chunk of the bitmap that says which links a listing has met. Pure.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {

class SeenBits {
public:
    static constexpr std::int64_t size = 2048; // 512 hexadecimal digits: a small row

    // Bits that belong to an earlier pass are forgotten; an empty body is an empty chunk. nullopt: malformed.
    [[nodiscard]] static std::optional<SeenBits> parse(std::string_view body, std::uint64_t pass);
    [[nodiscard]] std::string to_body(std::uint64_t pass) const;

    // True when the bit was not set before.
    bool set(std::size_t bit);
    [[nodiscard]] bool test(std::size_t bit) const { return bits_.test(bit); }

private:
    std::bitset<size> bits_;
};

} // namespace castiel_sync

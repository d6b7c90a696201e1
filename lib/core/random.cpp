#include <castiel_sync/runtime.hpp>

#include <stdexcept>
#include <string_view>

namespace castiel_sync {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, integer arithmetic only, the same on every platform.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() override {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31);
    }

private:
    std::uint64_t state_;
};

void append_hexadecimal(std::string& out, std::uint64_t value, int digits) {
    constexpr std::string_view alphabet = "0123456789abcdef";
    for (int digit = digits - 1; digit >= 0; --digit)
        out += alphabet[(value >> (4 * digit)) & 0xf];
}

// In five groups.
std::string uuid_text(std::uint64_t high, std::uint64_t low) {
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

std::uint64_t with_variant(std::uint64_t low) { return (low & ~0xc000000000000000ULL) | 0x8000000000000000ULL; }

} // namespace

std::uint64_t uniform(Random& random, std::uint64_t bound) {
    if (bound == 0) throw std::invalid_argument("uniform: the bound must be greater than 0");
    // The lowest 2^64 mod bound values would make small results a little more likely; draw again instead.
    const std::uint64_t biased = (0 - bound) % bound;
    std::uint64_t drawn = random.next();
    while (drawn < biased)
        drawn = random.next();
    return drawn % bound;
}

std::string make_uuid(Random& random) {
    const std::uint64_t high = (random.next() & ~0xf000ULL) | 0x4000ULL; // version 4
    return uuid_text(high, with_variant(random.next()));
}

std::string make_ordered_uuid(Timestamp now, Random& random) {
    const auto milliseconds = static_cast<std::uint64_t>(now.time_since_epoch().count());
    const std::uint64_t high = milliseconds << 16 | 0x7000ULL | (random.next() & 0x0fffULL); // version 7
    return uuid_text(high, with_variant(random.next()));
}

std::unique_ptr<Random> make_seeded_random(std::uint64_t seed) { return std::make_unique<SeededRandom>(seed); }

} // namespace castiel_sync

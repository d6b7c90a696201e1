#include <castiel_sync/runtime.hpp>

#include <core/hexadecimal.hpp>

#include <stdexcept>

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
    const std::uint64_t high = random.next();
    return uuid_text(high, random.next(), 4);
}

std::string make_ordered_uuid(Timestamp now, Random& random) {
    const std::uint64_t place = random.next();
    return ordered_uuid_text(now, place, random.next());
}

std::unique_ptr<Random> make_seeded_random(std::uint64_t seed) { return std::make_unique<SeededRandom>(seed); }

} // namespace castiel_sync

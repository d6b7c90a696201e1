// Draws for scenarios and users, in integer arithmetic only, so that a seed means the same everywhere.
#pragma once

#include <castiel_sync/runtime.hpp>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

namespace simulation {

class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_(castiel_sync::make_seeded_random(seed)) {}

    [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return castiel_sync::uniform(*random_, bound); }
    [[nodiscard]] std::uint64_t between(std::uint64_t least, std::uint64_t most) {
        return least + below(most - least + 1);
    }
    [[nodiscard]] bool percent(std::uint64_t chance) { return below(100) < chance; }
    [[nodiscard]] std::uint64_t bits() { return random_->next(); }

    template <class T>
    [[nodiscard]] T one_of(std::initializer_list<T> choices) {
        return *(choices.begin() + static_cast<std::ptrdiff_t>(below(choices.size())));
    }
    template <class T>
    [[nodiscard]] const T& one_of(const std::vector<T>& choices) {
        return choices[static_cast<std::size_t>(below(choices.size()))];
    }
    [[nodiscard]] std::chrono::nanoseconds up_to(std::chrono::nanoseconds longest) {
        return std::chrono::nanoseconds{
            static_cast<std::int64_t>(below(static_cast<std::uint64_t>(longest.count()) + 1))};
    }

private:
    std::unique_ptr<castiel_sync::Random> random_;
};

} // namespace simulation

// What a simulated disk suffers, as the scenario's plan and dice of its own decide.
#pragma once

#include "dice.hpp"
#include "scenario.hpp"

#include "support/simulated_disk.hpp"

#include <castiel_sync/testing/sim_clock.hpp>

namespace simulation {

class DiskTroubles {
public:
    DiskTroubles(const DiskPlan& plan, std::uint64_t seed, cs::testing::SimLoop& loop)
        : plan_(plan), dice_(seed), loop_(loop) {}

    [[nodiscard]] cs::testing::DiskFault next(cs::testing::DiskCall call);
    void heal() { healed_ = true; }

private:
    [[nodiscard]] bool strikes(std::uint32_t per_million) { return dice_.below(1'000'000) < per_million; }
    [[nodiscard]] cs::testing::DiskFault failure(int code);

    const DiskPlan plan_;
    Dice dice_;
    cs::testing::SimLoop& loop_;
    nanoseconds full_until_{};
    bool healed_ = false;
};

} // namespace simulation

// Golden runs: short worlds in which everything is fixed, systems, rules and what users do, so that one call can be
// failed in them and nothing else differs.
#pragma once

#include "scenario.hpp"
#include "world.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace simulation {

struct GoldenRun {
    std::string name;
    Scenario scenario;
    Script script;
    // What a run without faults must reach at least; else it does not show what it is for.
    std::uint64_t engine_writes = 0;
    std::uint64_t conflicts = 0;
};

[[nodiscard]] std::vector<GoldenRun> golden_runs();

} // namespace simulation

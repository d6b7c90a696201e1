// What the sweep can do to one call, and the plan that does it to exactly one (or to all from that one on).
#pragma once

#include "scenario.hpp"

#include <castiel_sync/testing/fault_plan.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace simulation {

// A kind of fault, and one of its faces where it has two.
struct SweptFault {
    std::string_view name;
    cs::testing::Fault fault;
};

[[nodiscard]] const std::vector<SweptFault>& swept_faults();

struct SweptCall {
    std::string resource;
    std::uint64_t number = 0; // from 1
    cs::testing::Operation operation = cs::testing::Operation::read;
};

// Does this fault make a difference to this call that no other one makes, and can it be survived?
[[nodiscard]] bool makes_sense(const SweptFault& swept, const SweptCall& call, bool lasting, const Scenario& scenario);

class SweepPlan final : public cs::testing::FaultPlan {
public:
    // Without a fault it only counts.
    SweepPlan();
    // Strikes this call, and with `lasting` all of the resource that follow.
    SweepPlan(const SweptCall& call, const cs::testing::Fault& fault, bool lasting);

    [[nodiscard]] cs::testing::Fault next(const cs::testing::Call& call) override;
    void heal() override;

    // Up to the end of the faults: what was called, in order, by resource.
    [[nodiscard]] const std::map<std::string, std::vector<cs::testing::Operation>, std::less<>>& calls() const {
        return calls_;
    }
    [[nodiscard]] bool struck() const { return fault_.struck(); }

private:
    cs::testing::NthCallFault fault_;
    std::map<std::string, std::vector<cs::testing::Operation>, std::less<>> calls_;
    bool healed_ = false;
};

} // namespace simulation

// What the sweep can do to one call, and the plan that does it to exactly one (or to all from that one on), or to two.
#pragma once

#include "scenario.hpp"

#include <castiel_sync/testing/fault_plan.hpp>

#include <cstdint>
#include <deque>
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

struct Strike {
    SweptCall call;
    SweptFault swept;
    bool lasting = false; // all of the resource that follow as well
};

// Does this fault make a difference to this call that no other one makes, and can it be survived?
[[nodiscard]] bool makes_sense(const SweptFault& swept, const SweptCall& call, bool lasting, const Scenario& scenario);

class SweepPlan final : public cs::testing::FaultPlan {
public:
    using Calls = std::map<std::string, std::vector<cs::testing::Operation>, std::less<>>;

    // Without a strike it only counts.
    explicit SweepPlan(const std::vector<Strike>& strikes = {});

    [[nodiscard]] cs::testing::Fault next(const cs::testing::Call& call) override;
    void heal() override;

    // Up to the end of the faults: what was called, in order, by resource.
    [[nodiscard]] const Calls& calls() const { return calls_; }
    // Of these, how many of a resource had been made when the first strike fell.
    [[nodiscard]] std::size_t calls_before(std::string_view resource) const;
    [[nodiscard]] bool all_struck() const;

private:
    std::deque<cs::testing::NthCallFault> faults_;
    Calls calls_;
    Calls before_;
    bool healed_ = false;
};

} // namespace simulation

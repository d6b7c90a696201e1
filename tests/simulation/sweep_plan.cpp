#include "sweep_plan.hpp"

#include <limits>
#include <utility>

namespace simulation {

using cs::testing::Call;
using cs::testing::Fault;
using cs::testing::Operation;
using namespace std::chrono_literals;

namespace {

SweptFault swept(std::string_view name, Fault::Kind kind, bool variant = false) {
    SweptFault swept;
    swept.name = name;
    swept.fault.kind = kind;
    swept.fault.variant = variant;
    swept.fault.lateness = 150s; // when the lease is over, and the next run has been and gone
    return swept;
}

} // namespace

const std::vector<SweptFault>& swept_faults() {
    using Kind = Fault::Kind;
    static const std::vector<SweptFault> faults{
        swept("refused", Kind::refused),
        swept("refused_items", Kind::refused, true),
        swept("throttled", Kind::throttled),
        swept("request_lost", Kind::request_lost),
        swept("answer_lost", Kind::answer_lost),
        swept("answer_lost_items", Kind::answer_lost, true),
        swept("late", Kind::late),
        swept("duplicated", Kind::duplicated),
        swept("duplicated_second_answer", Kind::duplicated, true),
        swept("stale", Kind::stale),
        swept("partial", Kind::partial),
        swept("partial_items", Kind::partial, true),
        swept("repeated", Kind::repeated),
        swept("cursor_expired", Kind::cursor_expired),
        swept("crash_before", Kind::crash_before),
        swept("crash_after", Kind::crash_after),
    };
    return faults;
}

bool makes_sense(const SweptFault& swept, const Call& call, const Scenario& scenario) {
    const Operation operation = call.operation;
    const bool push = operation == Operation::push;
    if (call.resource == "catalog")
        return swept.name == "refused" || swept.fault.kind == Fault::Kind::crash_before;
    const auto& can = scenario.system(call.resource == "source" ? cs::Side::source : cs::Side::target).capabilities;
    switch (swept.fault.kind) {
    case Fault::Kind::none: return false;
    case Fault::Kind::refused: return push || !swept.fault.variant;
    case Fault::Kind::throttled:
    case Fault::Kind::crash_before: return true;
    case Fault::Kind::request_lost:
    case Fault::Kind::crash_after: return has_effect(operation);
    case Fault::Kind::answer_lost: return push || (has_effect(operation) && !swept.fault.variant);
    // What arrives minutes late, or twice, does harm that no engine could prevent, unless the system itself can tell.
    case Fault::Kind::late:
        return operation == Operation::commit ||
               (push && can.conditional_writes && can.conditional_deletes && can.idempotent_creates);
    case Fault::Kind::duplicated:
        return (push && can.idempotent_creates) || (operation == Operation::publish && !swept.fault.variant);
    case Fault::Kind::stale: return push || operation == Operation::commit;
    case Fault::Kind::partial:
        if (swept.fault.variant) return push || operation == Operation::fetch;
        return push || operation == Operation::publish; // half a page read is no page: the same as refused
    case Fault::Kind::repeated:
    case Fault::Kind::cursor_expired: return operation == Operation::pull;
    }
    return false;
}

SweepPlan::SweepPlan(std::string resource, std::uint64_t number, const Fault& fault, bool lasting)
    : fault_(std::move(resource), number, fault, lasting ? std::numeric_limits<std::uint64_t>::max() : 1) {}

Fault SweepPlan::next(const Call& call) {
    if (!healed_) calls_[std::string(call.resource)].push_back(call.operation);
    return fault_.next(call);
}

void SweepPlan::heal() {
    healed_ = true;
    fault_.heal();
}

} // namespace simulation

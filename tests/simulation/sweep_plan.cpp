#include "sweep_plan.hpp"

#include <algorithm>
#include <limits>

namespace simulation {

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

bool makes_sense(const SweptFault& swept, const SweptCall& call, bool lasting, const Scenario& scenario) {
    using Kind = Fault::Kind;
    const Kind kind = swept.fault.kind;
    const bool push = call.operation == Operation::push, pull = call.operation == Operation::pull;
    const bool commit = call.operation == Operation::commit, effect = has_effect(call.operation);
    if (swept.fault.variant) {
        if (kind == Kind::partial) return push || call.operation == Operation::fetch;
        if (!push) return false;
    }
    const auto& can = scenario.system(call.resource == "source" ? cs::Side::source : cs::Side::target).capabilities;
    switch (kind) {
    case Kind::none:
        return false;
    case Kind::refused:
        return true;
    case Kind::throttled:
        return push || pull || call.operation == Operation::fetch; // of a store: as refused
    case Kind::request_lost:
    case Kind::answer_lost:
        return effect;
    // What arrives minutes late, or twice, does harm that no engine could prevent, unless the system itself can tell.
    case Kind::late:
        return commit || (push && can.conditional_writes && can.conditional_deletes && can.idempotent_creates);
    case Kind::duplicated:
        return (push && can.idempotent_creates) || call.operation == Operation::publish;
    case Kind::stale:
        return push || commit;
    case Kind::partial:
        return push || call.operation == Operation::publish; // half a page is no page: as refused
    case Kind::repeated:
    case Kind::cursor_expired:
        return pull;
    // Between two effects it is all the same when the process dies, and after an effect it dies by crash_after.
    case Kind::crash_before:
        return call.number == 1 || (lasting && effect);
    case Kind::crash_after:
        return effect;
    // Of requests, and nothing here makes any.
    case Kind::server_error:
    case Kind::html_body:
    case Kind::error_body:
        return false;
    }
    return false;
}

SweepPlan::SweepPlan(const std::vector<Strike>& strikes) {
    for (const Strike& strike : strikes)
        faults_.emplace_back(strike.call.resource, strike.call.number, strike.swept.fault,
                             strike.lasting ? std::numeric_limits<std::uint64_t>::max() : 1);
}

Fault SweepPlan::next(const cs::testing::Call& call) {
    if (!healed_) calls_[std::string(call.resource)].push_back(call.operation);
    Fault fault;
    for (auto& planned : faults_) // each of them counts every call
        if (const Fault one = planned.next(call); one.kind != Fault::Kind::none) fault = one;
    if (before_.empty() && !faults_.empty() && faults_.front().struck()) before_ = calls_;
    return fault;
}

void SweepPlan::heal() {
    healed_ = true;
    for (auto& planned : faults_)
        planned.heal();
}

std::size_t SweepPlan::calls_before(std::string_view resource) const {
    const auto found = before_.find(resource);
    return found == before_.end() ? 0 : found->second.size();
}

bool SweepPlan::all_struck() const {
    return std::all_of(faults_.begin(), faults_.end(), [](const auto& planned) { return planned.struck(); });
}

} // namespace simulation

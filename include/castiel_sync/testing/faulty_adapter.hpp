// An adapter as one process of a simulation sees it: slow, throttled, unsure of what happened, or the moment the
// process dies.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/testing/fault_plan.hpp>
#include <castiel_sync/testing/simulated_process.hpp>

#include <memory>
#include <string>

namespace castiel_sync::testing {

// `inner` is shared with calls that arrive late. `process` and `plan` are borrowed. The plan knows this wrapper as
// `resource`.
[[nodiscard]] std::unique_ptr<Adapter> make_faulty_adapter(SimulatedProcess& process, std::shared_ptr<Adapter> inner,
                                                           FaultPlan& plan, std::string resource);

} // namespace castiel_sync::testing

// A store as one process of a simulation sees it: slow, refusing, lying low, or the moment the process dies.
#pragma once

#include <castiel_sync/store.hpp>
#include <castiel_sync/testing/fault_plan.hpp>
#include <castiel_sync/testing/simulated_process.hpp>

#include <memory>
#include <string>

namespace castiel_sync::testing {

// `inner` is shared with calls that arrive late, after the process that sent them is gone. `process` and `plan` are
// borrowed. The plan knows this wrapper as `resource`.
[[nodiscard]] std::unique_ptr<Store> make_faulty_store(SimulatedProcess& process, std::shared_ptr<Store> inner,
                                                       FaultPlan& plan, std::string resource = "store");

} // namespace castiel_sync::testing

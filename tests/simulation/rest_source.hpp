// The external system of a scenario as a REST service, reached by the adapter of a description: the real adapter over a
// transport that fails as transports do.
#pragma once

#include "scenario.hpp"

#include <castiel_sync/adapters/rest.hpp>
#include <castiel_sync/testing/simulated_process.hpp>
#include <castiel_sync/testing/simulated_rest_server.hpp>

#include <memory>

namespace simulation {

// What a description can promise of the system, and what goes wrong with requests besides. Called before the
// simulation begins, since everybody judges by the scenario.
void reach_by_rest(Scenario& scenario);

class RestSource {
public:
    // Everything is borrowed.
    RestSource(cs::testing::SimulatedSystem& system, const Scenario& scenario, cs::testing::SimulatedProcess& process,
               cs::testing::FaultPlan& plan);

    [[nodiscard]] cs::Result<std::unique_ptr<cs::Adapter>> make(const cs::AdapterContext& context) const;

private:
    cs::AdapterFactory factory_;
};

} // namespace simulation

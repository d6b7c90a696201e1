// A node: one process with its own engine, clocks, and wrapped connections to everything it shares with the others.
#pragma once

#include "world.hpp"

#include <castiel_sync/event.hpp>
#include <castiel_sync/scheduler.hpp>
#include <castiel_sync/testing/faulty_adapter.hpp>
#include <castiel_sync/testing/faulty_store.hpp>

#include <memory>
#include <string>

namespace simulation {

class Node {
public:
    Node(World& world, std::size_t number, std::string name);
    ~Node();

    // Opens the store and makes the engine.
    [[nodiscard]] cs::Result<> begin();

    World& world;
    const std::size_t number;
    cs::testing::SimulatedProcess process;
    bool driving = false;

    [[nodiscard]] cs::Engine& engine() { return *engine_; }

    // A scheduler on this engine; with schedules, or only for the tasks that are there. Replaces one that has stopped.
    cs::Scheduler& begin_scheduling(bool schedules);
    [[nodiscard]] cs::Scheduler* scheduler() { return scheduler_.get(); } // null: it has none

private:
    [[nodiscard]] cs::AdapterFactory factory(Side side);

    std::unique_ptr<cs::Random> random_;
    std::shared_ptr<cs::Store> witness_;
    std::unique_ptr<cs::Store> store_;
    cs::AdapterRegistry adapters_;
    std::unique_ptr<cs::IntegrationCatalog> catalog_;
    std::unique_ptr<cs::EventSink> events_;
    std::unique_ptr<cs::Observer> observer_; // only while tracing, or where schedulers run
    std::unique_ptr<cs::Engine> engine_;
    std::unique_ptr<cs::Scheduler> scheduler_;
};

// A catalog that fails like everything else.
[[nodiscard]] std::unique_ptr<cs::IntegrationCatalog> make_faulty_catalog(cs::testing::SimulatedProcess& process,
                                                                          cs::Integration integration,
                                                                          cs::testing::FaultPlan& plan);

// The wrappers that break an engine on purpose; both answer `inner` when the canary does not concern them.
[[nodiscard]] std::shared_ptr<cs::Adapter> break_adapter(Canary canary, Side side, std::shared_ptr<cs::Adapter> inner);
[[nodiscard]] std::shared_ptr<cs::Store> break_store(Canary canary, std::shared_ptr<cs::Store> inner);

} // namespace simulation

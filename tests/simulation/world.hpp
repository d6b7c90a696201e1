// The world of one simulation: a loop, two systems with their users, one store, and the nodes that run the real engine
// against them while things go wrong; and the phases of a run: safety, heal, quiesce, verify (fault model §5).
#pragma once

#include "disk_stores.hpp"
#include "oracle.hpp"
#include "scenario.hpp"
#include "situations.hpp"
#include "store_mirror.hpp"
#include "task_watch.hpp"
#include "trace.hpp"
#include "users.hpp"

#include <castiel_sync/engine.hpp>
#include <castiel_sync/testing/fault_plan.hpp>
#include <castiel_sync/testing/recording_sink.hpp>
#include <castiel_sync/testing/sim_clock.hpp>
#include <castiel_sync/testing/simulated_process.hpp>
#include <castiel_sync/testing/simulated_system.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace simulation {

// Engines that are broken on purpose: a harness that does not notice them is worth nothing.
enum class Canary {
    none,
    lying_target,     // every second push of a run is acknowledged and not done
    blind_target,     // versions are ignored: another's edit is overwritten
    forgetful_store,  // commits are acknowledged, links are dropped
    eager_cursor,     // pages lose a row, and the cursor moves on
    double_create,    // creates are done twice
    lying_disk,       // says that it synchronised, and did not
};
inline constexpr Canary canaries[] = {Canary::lying_target, Canary::blind_target, Canary::forgetful_store,
                                      Canary::eager_cursor, Canary::double_create,
                                      Canary::lying_disk};
[[nodiscard]] std::string_view to_string(Canary canary);

// What users do at fixed moments, instead of the scenario's random users.
struct ScriptStep {
    nanoseconds at{};
    std::function<void(cs::testing::SimulatedSystem& source, cs::testing::SimulatedSystem& target)> act;
};
using Script = std::vector<ScriptStep>;

struct WorldOptions {
    Trace::Mode trace = Trace::Mode::off;
    std::string show; // kinds whose documents the trace tells whole
    Canary canary = Canary::none;
    cs::testing::FaultPlan* plan = nullptr; // instead of the scenario's own random faults; borrowed
    const Script* script = nullptr; // borrowed; nodes then run and restart after the longest waits, in a fixed rhythm

    WorldOptions() = default;
};

struct WorldReport {
    std::vector<std::string> violations;
    std::vector<std::string> trace_tail;
    std::uint64_t trace_hash = 0;
    nanoseconds virtual_time{};
    std::uint64_t steps = 0;
    std::uint64_t runs = 0;
    std::uint64_t user_writes = 0;
    std::uint64_t engine_writes = 0;
    std::uint64_t commits = 0;
    std::uint64_t crashes = 0;
    std::uint64_t conflicts = 0;
    std::uint64_t resolved = 0;
    std::uint64_t parked = 0;
    std::uint64_t on_disk = 0; // worlds whose store was on a simulated disk
    cs::testing::DiskCounts disk;
    SituationCounts situations{};
    std::array<std::uint64_t, cs::testing::Fault::kinds> faults{};
};

class Node;

class World {
public:
    World(const Scenario& scenario, WorldOptions options);
    ~World();

    // All phases, once.
    WorldReport run();

private:
    friend class Node;

    void listen();
    void schedule_users();
    [[nodiscard]] nanoseconds wait(nanoseconds longest) { return options_.script ? longest : troubles_.up_to(longest); }
    void schedule_troubles();
    void schedule_disk_troubles();
    void start_node(std::size_t number);
    void node_crashed(Node& node);
    void restart_later(std::size_t number);
    void committed(const std::string& node, const std::vector<cs::Write>& writes);
    // The node's own connection, or the store that all nodes share.
    [[nodiscard]] cs::Result<std::shared_ptr<cs::Store>> open_store(cs::testing::SimulatedProcess& process);
    void check_cap(const cs::Execution& run);
    void check_rate();
    void note_runs(Node& node, nanoseconds began, bool resumed, const cs::Result<std::vector<cs::Execution>>& runs);

    void safety_phase();
    void heal_phase();
    void quiesce_phase();
    void verify_phase();
    void resolution_phase();

    // Where schedulers run:
    void execution_ended(Node& node, const cs::Execution& execution);
    cs::Async<void> ask_for_tasks(Node& node);
    cs::Async<void> ask_for_one(Node& node);
    cs::Async<void> change_one(Node& node);
    [[nodiscard]] cs::SyncRequest task_request();
    cs::Async<void> stop_scheduler(Node& node, std::shared_ptr<bool> stopped);
    cs::Async<void> stop_schedulers();
    void schedule_restarts();
    cs::Async<void> restart(Node& node);
    cs::Async<void> finish_tasks();

    cs::Async<void> drive(Node& node);
    cs::Async<void> wait_for_drivers();
    cs::Async<void> settle(std::string purpose);
    cs::Async<bool> run_round(Node& node);
    void check_counters(const cs::Execution& run, const std::vector<Ledger::WriteCounts>& before);
    cs::Async<void> run_to_an_end(Node& node, cs::SyncRequest request, std::vector<cs::Execution>& ended);
    cs::Async<void> judge_latches(Node& node);
    cs::Async<void> resolve_conflicts(std::size_t& deletions_met);
    [[nodiscard]] bool can_be_chosen(const cs::Conflict& conflict, Side side) const;
    cs::Async<void> publish(Node& node);
    [[nodiscard]] Node& healthy_node();
    [[nodiscard]] bool may_fail() const { return phase_ == Phase::safety; }
    [[nodiscard]] cs::SyncRequest request() const;

    enum class Phase { safety, quiesce };

    const Scenario scenario_;
    const WorldOptions options_;
    cs::testing::SimLoop loop_;
    Trace trace_;
    Violations violations_;
    Ledger ledger_;
    StoreMirror mirror_;
    Situations situations_;
    TaskWatch tasks_;
    cs::testing::SimulatedSystem source_;
    cs::testing::SimulatedSystem target_;
    Oracle oracle_;
    Users users_;
    Dice troubles_;
    Dice persons_; // who resolve conflicts and judge latches
    Dice askers_;  // who ask for tasks
    cs::testing::SimClock store_clock_;
    std::shared_ptr<cs::Store> store_;  // in memory, or
    std::unique_ptr<DiskStores> disk_;
    std::shared_ptr<cs::testing::RecordingSink> events_;
    std::unique_ptr<cs::testing::RandomFaults> random_faults_;
    cs::testing::FaultPlan* plan_ = nullptr;
    std::vector<std::unique_ptr<Node>> nodes_;       // dead ones too: their coroutines lie about until the end
    std::vector<Node*> alive_;
    Phase phase_ = Phase::safety;
    std::size_t driving_ = 0;
    std::deque<nanoseconds> requests_; // to the external system, within the last minute
    bool rounds_wrote_ = false;
    WorldReport report_;
};

} // namespace simulation

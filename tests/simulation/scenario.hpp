// A scenario: everything that one seed decides before its simulation begins. Each seed draws its own subset of
// directions, strategies, capabilities, sizes and faults ("swarm"), so that no two look alike.
#pragma once

#include <castiel_sync/scheduler.hpp>
#include <castiel_sync/engine.hpp>
#include <castiel_sync/testing/fault_plan.hpp>
#include <castiel_sync/testing/simulated_system.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace simulation {

namespace cs = castiel_sync;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

enum class FieldKind {
    text,    // "word@g7#u12;": the pair it belongs to and the user write that made it
    number,  // unique: 5,000,000 and the number of the user write
    list,    // of such texts
    counter, // users add small amounts to what they see
};

struct FieldPlan {
    std::string external;
    std::string shard;
    FieldKind kind = FieldKind::text;
    bool to_source = true;
    bool to_target = true;
    bool unordered = false;
    std::optional<cs::Strategy> strategy;

    [[nodiscard]] const std::string& path(cs::Side side) const {
        return side == cs::Side::source ? external : shard;
    }
};

struct EntityPlan {
    std::string external;
    std::string shard;
    std::vector<FieldPlan> fields; // the first is a text that is never empty; with match keys the last is the key
    bool match_keys = false;

    [[nodiscard]] const std::string& name(cs::Side side) const { return side == cs::Side::source ? external : shard; }
};

struct UserHabits {
    std::size_t initial_records = 5;  // on each side together
    std::size_t actions = 20;         // during the safety phase
    bool edits_target = true;
    std::uint32_t deletions = 10;     // per cent of the actions
    std::uint32_t twins = 0;          // per cent of the creations made on both sides under one key
    std::uint32_t duplicates = 0;     // per cent of the creations that repeat an existing key
    std::uint32_t nulls = 0;          // per cent of the edits
    std::uint32_t reverts = 10;
    std::uint32_t broken_rows = 0;    // per cent of the actions
    std::uint32_t meddling = 0;       // per cent of the engine's pushes that a user's edit of the same record precedes
};

// The SQLite store on a simulated disk, in place of the store in memory.
struct DiskPlan {
    int checkpoint_after = 0; // pages of the log; 0: as the store asks
    // In a million calls:
    std::uint32_t deaths = 0;
    std::uint32_t power_failures = 0;
    std::uint32_t full = 0;
    std::uint32_t read_errors = 0;
    std::uint32_t short_reads = 0;
    std::uint32_t write_errors = 0;
    std::uint32_t sync_errors = 0;
    nanoseconds longest_full{};        // zero: a single write
    std::size_t power_losses = 0;      // between calls
    std::size_t holders = 0;           // other programs that hold the file for a while
    nanoseconds longest_hold{};
};

// Schedulers run what is due, and users ask for tasks, besides those who run the integration themselves.
struct TaskPlan {
    cs::SchedulerLimits limits;
    std::uint32_t runs = 0;      // per cent of what is asked for: runs of the whole integration, at once
    std::uint32_t events = 0;    // tasks that name records
    std::uint32_t held = 0;      // of the tasks: created first, and let go later
    std::uint32_t cancelled = 0; // of the occasions to do so
    std::size_t restarts = 0;    // of nodes, by operators: what runs may end, or is handed over
};

struct Scenario {
    std::uint64_t seed = 0;
    bool scheduled = false;
    TaskPlan tasks; // drawn in any case
    bool by_rest = false; // the external system is a REST service; see rest_source.hpp
    bool on_disk = false;
    DiskPlan disk; // drawn in any case
    cs::Direction direction = cs::Direction::bidirectional;
    cs::Integration integration;
    std::vector<EntityPlan> entities;
    cs::testing::SimulatedSystemOptions source;
    cs::testing::SimulatedSystemOptions target;
    UserHabits users;

    bool faults = true;
    std::map<std::string, cs::testing::FaultRates, std::less<>> fault_rates;
    std::size_t nodes = 1;
    cs::EngineLimits limits;
    nanoseconds safety_time{};
    nanoseconds longest_idle{};       // between two runs of one node
    nanoseconds longest_restart{};
    nanoseconds longest_pause{};      // zero: none
    milliseconds widest_skew{};       // zero: all clocks agree
    milliseconds widest_jump{};
    bool heal_one_node_only = false;
    bool tight_rails = false;

    [[nodiscard]] const cs::testing::SimulatedSystemOptions& system(cs::Side side) const {
        return side == cs::Side::source ? source : target;
    }
    [[nodiscard]] bool flows_to(cs::Side side) const {
        return direction == cs::Direction::bidirectional ||
               (direction == cs::Direction::inbound) == (side == cs::Side::target);
    }
};

[[nodiscard]] Scenario draw_scenario(std::uint64_t seed);

// Gives the scenario's integration its names, and the mappings that the entities' plans ask for.
void complete_integration(Scenario& scenario);

[[nodiscard]] std::string describe(const Scenario& scenario);

} // namespace simulation

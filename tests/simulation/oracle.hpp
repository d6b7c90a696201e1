// The oracle: judges the engine by what users wrote, what the systems saw and what the store accepted; never by what
// the engine says of itself. Written from the fault model's list of invariants.
#pragma once

#include "ledger.hpp"
#include "store_mirror.hpp"

#include <castiel_sync/testing/recording_sink.hpp>
#include <castiel_sync/testing/simulated_system.hpp>

#include <array>
#include <map>
#include <string>
#include <vector>

namespace simulation {

class Oracle {
public:
    using Report = Ledger::Report;

    Oracle(const Scenario& scenario, const Ledger& ledger, const StoreMirror& mirror,
           cs::testing::SimulatedSystem& source, cs::testing::SimulatedSystem& target, Report report);

    // I10, after every commit that moves a feed's cursor: what users had changed up to there is accounted for.
    void check_cursor(const StreamMirror& stream, Side side, std::uint64_t after, std::uint64_t up_to) const;

    // I38: a run that says "completed, nothing more" accounted for all that users had changed before it began.
    void check_completed_run(const std::string& stream_id, nanoseconds began) const;

    // I1: what still differs between the sides and has no excuse. One line each.
    [[nodiscard]] std::vector<std::string> differences() const;

    // What must hold once the sides have converged: I2, I4, I6, I8, I9, I15, I16, and sums of counters.
    void check_at_rest(const cs::testing::RecordingSink& events) const;

    // A push whose fate the engine could not know may have created this group's record twice.

    // A person rejected a latch: deletions that it held were dropped, and their records parted.
    void note_rejected_latch() { rejected_latch_ = true; }

private:
    [[nodiscard]] std::string unaccounted(const RecordKey& key, const RecordState& record) const;
    [[nodiscard]] std::string unaccounted_removal(const RecordKey& key) const;
    [[nodiscard]] bool whole_records_win() const;
    [[nodiscard]] bool edited(const RecordKey& key) const;
    // Does the stream read this side, so that it notices what moves there?
    [[nodiscard]] bool reads(const RecordKey& key) const;
    [[nodiscard]] std::int64_t unknown_creates(const Group& group) const;
    [[nodiscard]] bool chosen_by_person(const RecordKey& key) const;
    [[nodiscard]] bool kept_by_person(const RecordKey& key) const; // a record whose deletion a person took back
    [[nodiscard]] bool settled_by_person(const RecordKey& key, std::size_t field) const;
    [[nodiscard]] std::string unaccounted_field(const RecordKey& key, const RecordState& record,
                                                const RecordKey& partner_key, std::size_t field) const;
    [[nodiscard]] bool tells_deletions(Side side) const;

    void compare_pair(const RecordKey& source, const RecordKey& target, std::vector<std::string>& faults) const;
    [[nodiscard]] bool may_differ(const RecordKey& source, const RecordKey& target, std::size_t field) const;
    [[nodiscard]] bool left_alone(const RecordKey& from, const RecordKey& to, std::size_t field) const;
    void judge_single(const RecordKey& key, std::vector<std::string>& faults) const;
    [[nodiscard]] bool in_conflict(const RecordKey& key, std::size_t field) const;
    [[nodiscard]] std::optional<json::value> value(const RecordKey& key, std::size_t field) const;

    void check_lost_writes() const;
    void check_resurrections() const;
    void check_duplicates() const;
    void check_counters() const;
    void check_conflicts(const cs::testing::RecordingSink& events) const;
    void check_executions(const cs::testing::RecordingSink& events) const;

    [[nodiscard]] cs::testing::SimulatedSystem& system(Side side) const {
        return *systems_[side == Side::source ? 0 : 1];
    }

    const Scenario& scenario_;
    const Ledger& ledger_;
    const StoreMirror& mirror_;
    std::array<cs::testing::SimulatedSystem*, 2> systems_;
    Report report_;
    bool rejected_latch_ = false;
};

} // namespace simulation

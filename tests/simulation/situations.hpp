// Situations worth reaching. A range of seeds that never reaches one of them tests less than it seems to.
#pragma once

#include "ledger.hpp"
#include "store_mirror.hpp"

#include <castiel_sync/adapter.hpp>

#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace simulation {

enum class Situation {
    crash_after_push,
    lease_lost_in_push,
    stale_then_conflict,
    recovery_interrupted,
    echo_after_foreign_edit,
    own_writes_passed_over,
    // Only where schedulers run:
    task_taken_up,
    task_handed_over,
    task_cancelled_in_work,
    task_joined,
    budget_used,
    // Only with the store on a disk:
    death_in_commit,
    death_in_opening,
    opening_refused,
    unknown_commit,
    commit_came_to_light,
    commit_vanished,
    commit_on_full_disk,
    commit_on_busy_file,
    torn_write,
    power_loss_in_checkpoint,
    commits_together,
};
inline constexpr std::size_t situations = 22;
[[nodiscard]] std::string_view to_string(Situation situation);
[[nodiscard]] constexpr bool needs_disk(Situation situation) { return situation >= Situation::death_in_commit; }

using SituationCounts = std::array<std::uint64_t, situations>;

class Situations {
public:
    Situations(const Ledger& ledger, const StoreMirror& mirror) : ledger_(ledger), mirror_(mirror) {}

    void reach(Situation situation) { ++counts_[static_cast<std::size_t>(situation)]; }
    [[nodiscard]] const SituationCounts& counts() const { return counts_; }

    void wrote(Side side, const SystemWrite& write);
    void read(Side side, const std::string& entity, const std::string& id);
    void push_begins(const std::string& node, Side side, const std::string& entity);
    void push_ended(const std::string& node, Side side, const std::string& entity,
                    const std::vector<std::string>& stale_ids);
    void committed(const std::string& node, const std::vector<cs::Write>& writes); // after the mirror heard of it
    void died(const std::string& node);

private:
    enum class Author { engine, user_after_engine };

    const Ledger& ledger_;
    const StoreMirror& mirror_;
    SituationCounts counts_{};
    std::set<std::string> unrecorded_; // nodes that wrote somewhere and have not committed since
    std::map<std::string, std::multiset<std::size_t>> pushing_; // entities, by node
    std::map<std::string, std::string> owners_;  // nodes, by stream
    std::map<std::string, std::string> intents_; // the nodes that made them, by id
    std::set<RecordKey> stale_;
    std::map<RecordKey, Author> echoes_;
};

} // namespace simulation

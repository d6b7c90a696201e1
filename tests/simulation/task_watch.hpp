// What becomes of tasks: every commit that touches one, and what its users were told.
#pragma once

#include "scenario.hpp"
#include "situations.hpp"

#include <castiel_sync/store.hpp>
#include <castiel_sync/sync_task.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace simulation {

class TaskWatch {
public:
    using Report = std::function<void(std::string_view invariant, std::string message)>;

    TaskWatch(const Scenario& scenario, Situations& reached, Report report);

    void committed(const std::string& node, const std::vector<cs::Write>& writes);

    // A user was answered: this task, which asks for (at least) what he asked for.
    void accepted(const cs::SyncRequest& asked, const cs::SyncTask& answer);
    void cancelled(const cs::SyncTask& answer);

    [[nodiscard]] bool names_records(const std::string& task_id) const;
    [[nodiscard]] const std::vector<std::string>& accepted_ids() const { return accepted_in_order_; }
    // Tasks that somebody still has to run.
    [[nodiscard]] std::size_t unfinished() const;
    // When nothing is due any more: every accepted task is there, and has ended or is held.
    void check_at_end() const;

private:
    struct Task {
        std::string status;
        std::string node; // that committed it last
        bool held = false;
        bool attended = false;
        bool scheduled = false;
        bool begun = false;
        bool handed_over = false; // its process has stopped in the middle of it
        std::set<std::string> source_ids;
        std::set<std::string> target_ids;

        [[nodiscard]] bool asks_for_all() const { return source_ids.empty() && target_ids.empty(); }
    };
    struct Promise {
        std::set<std::string> source_ids;
        std::set<std::string> target_ids;
        bool all = false; // not only some records
        bool cancelled = false;
    };

    [[nodiscard]] static Task read(const cs::Document& document);
    void committed_task(const std::string& node, const cs::Document& document, const std::vector<cs::Write>& writes);
    void check_interval(const std::string& id, const std::vector<cs::Write>& writes);

    const Scenario& scenario_;
    Situations& situations_;
    Report report_;
    std::map<std::string, Task> tasks_;
    std::map<std::string, Promise> promises_;
    std::vector<std::string> accepted_in_order_;
    std::optional<cs::Timestamp> last_start_;
};

} // namespace simulation

// The real SQLite store on one simulated disk: a connection for every node, and what must be found there whenever
// somebody died.
#pragma once

#include "disk_troubles.hpp"
#include "scenario.hpp"
#include "situations.hpp"
#include "store_content.hpp"

#include "support/simulated_disk.hpp"

#include <castiel_sync/blocking.hpp>
#include <castiel_sync/stores/sqlite.hpp>
#include <castiel_sync/testing/sim_clock.hpp>
#include <castiel_sync/testing/simulated_process.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct sqlite3;

namespace simulation {

struct DiskHooks {
    std::function<void(std::string_view invariant, std::string message)> report;
    std::function<void(const std::string& text)> note;
    // A commit that nobody was told about turns out to have happened.
    std::function<void(const std::string& node, const std::vector<cs::Write>& writes)> came_to_light;
    // Every process has to die.
    std::function<void()> power_lost;
};

class DiskStores {
public:
    DiskStores(const Scenario& scenario, cs::testing::SimLoop& loop, cs::testing::SimClock& clock,
               Situations& reached, DiskHooks hooks);
    ~DiskStores();

    // The store as this process, which must outlive it, has opened it.
    [[nodiscard]] cs::Result<std::shared_ptr<cs::Store>> open(cs::testing::SimulatedProcess& process);
    void died(const std::string& process);
    void lose_power();
    // Another program begins to write and takes its time.
    void hold(nanoseconds duration);
    void heal();
    void lie_about_synchronisation() { disk_.lie_about_synchronisation(); } // a canary
    // The files hold what they must, now.
    void look(std::string_view when);

    [[nodiscard]] std::uint64_t digest() const { return disk_.digest(); }
    [[nodiscard]] const cs::testing::DiskCounts& counts() const { return disk_.counts(); }

private:
    friend class NodeStore;
    struct Waiting { // a commit on its way
        std::string partition;
        std::vector<cs::Write> writes;
        std::optional<cs::Result<cs::CommitReceipt>> answer;
        bool heard = false;    // by whoever called
        bool given_up = false; // whoever called was cancelled: it happens all the same
    };
    struct Connection {
        std::shared_ptr<cs::BlockingStore> store;
        std::vector<std::shared_ptr<Waiting>> waiting; // called in one moment: one transaction, as of the real bridge
        std::vector<std::shared_ptr<Waiting>> answered; // and perhaps not heard yet
        bool unsettled = false; // the last commit's outcome is unknown
    };

    [[nodiscard]] cs::SqliteOptions options(std::string vfs) const;
    template <class Outcome>
    void answered(cs::testing::SimulatedProcess& process, const cs::Result<Outcome>& outcome);
    void commit_waiting(cs::testing::SimulatedProcess& process);
    void committed(cs::testing::SimulatedProcess& process, const Waiting& one);
    void give_up(cs::testing::SimulatedProcess& process, Waiting& one);
    void power_lost();
    void process_ended(cs::testing::SimulatedProcess& process);
    void drop(const std::string& process);
    [[nodiscard]] cs::Result<StoreContent> read_everything(const std::string& vfs, bool live) const;
    void forget_uncertain();
    void compare(const StoreContent& found, std::string_view when, bool live);
    [[nodiscard]] std::vector<std::size_t> explain(const StoreContent& found) const;
    [[nodiscard]] cs::Result<> check_pages(const std::string& vfs) const;

    void release(std::string name); // a copy: it outlives its entry

    cs::testing::SimLoop& loop_;
    cs::testing::SimClock& clock_;
    Situations& situations_;
    DiskHooks hooks_;
    cs::testing::SimulatedDisk disk_;
    DiskTroubles troubles_;
    bool prepared_ = false;           // an opening has succeeded, so the tables are there
    std::uint64_t power_losses_ = 0; // that everybody knows of
    std::map<std::string, Connection> connections_;
    std::map<std::string, sqlite3*> holders_;
    std::size_t programs_ = 0;
    StoreContent content_;
    std::vector<StoreContent::Commit> uncertain_; // each may come to light after a crash, until another one is accepted
};

} // namespace simulation

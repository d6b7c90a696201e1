#include "disk_stores.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace simulation {

using cs::testing::SimulatedDisk;
using cs::testing::SimulatedProcess;

namespace {

constexpr const char* path = "/simulated/store.db";

} // namespace

// One process's view of the store. A dead process gets no answer, also not to the call that it died in.
class NodeStore final : public cs::Store {
public:
    NodeStore(DiskStores& stores, SimulatedProcess& process) : stores_(stores), process_(process) {}

    [[nodiscard]] cs::StoreLimits limits() const override { return cs::StoreLimits(); }

    cs::Async<cs::Result<std::vector<std::optional<cs::Document>>>> read(std::string partition, std::string kind,
                                                                         std::vector<std::string> ids) override {
        co_await process_.pass();
        auto answer = store().read(partition, kind, ids);
        stores_.answered(process_, answer);
        co_await process_.pass();
        co_return answer;
    }
    cs::Async<cs::Result<cs::DocumentPage>> query(std::string partition, std::string kind, cs::Query query) override {
        co_await process_.pass();
        auto answer = store().query(partition, kind, query);
        stores_.answered(process_, answer);
        co_await process_.pass();
        co_return answer;
    }
    cs::Async<cs::Result<cs::ScanPage>> scan(std::string kind, cs::Query query) override {
        co_await process_.pass();
        auto answer = store().scan(kind, query);
        stores_.answered(process_, answer);
        co_await process_.pass();
        co_return answer;
    }
    cs::Async<cs::Result<cs::CommitReceipt>> commit(std::string partition, std::vector<cs::Write> writes) override {
        co_await process_.pass();
        auto mine = std::make_shared<DiskStores::Waiting>();
        mine->partition = std::move(partition);
        mine->writes = std::move(writes);
        stores_.connections_.at(process_.name()).waiting.push_back(mine);
        // The disk is still busy with another one, and more come meanwhile. Whoever goes on first commits for all.
        try {
            co_await process_.pass_after(milliseconds{5});
        } catch (...) {
            stores_.give_up(process_, *mine);
            throw;
        }
        if (!mine->answer) stores_.commit_waiting(process_);
        co_await process_.pass();
        if (!mine->answer) throw std::logic_error("a commit has no answer");
        mine->heard = true;
        co_return std::move(*mine->answer);
    }

private:
    [[nodiscard]] cs::BlockingStore& store() { return *stores_.connections_.at(process_.name()).store; }

    DiskStores& stores_;
    SimulatedProcess& process_;
};

DiskStores::DiskStores(const Scenario& scenario, cs::testing::SimLoop& loop, cs::testing::SimClock& clock,
                       Situations& reached, DiskHooks hooks)
    : loop_(loop), clock_(clock), situations_(reached), hooks_(std::move(hooks)),
      disk_(scenario.seed * 2 + 0x6469736b), troubles_(scenario.disk, scenario.seed * 2 + 0x646973ff, loop) {
    cs::testing::seed_sqlite_randomness(scenario.seed);
    disk_.set_clock([this] { return std::int64_t{clock_.now().time_since_epoch().count()}; });
    disk_.set_checkpoint_after(scenario.disk.checkpoint_after);
    disk_.set_faults([this](cs::testing::DiskCall call) { return troubles_.next(call); });
}

DiskStores::~DiskStores() {
    while (!holders_.empty()) release(holders_.begin()->first);
}

cs::SqliteOptions DiskStores::options(std::string vfs) const {
    cs::SqliteOptions options;
    options.path = path;
    options.vfs = std::move(vfs);
    options.busy_timeout = milliseconds{0}; // the engine repeats, and time is virtual
    options.now = [this] { return clock_.now(); };
    return options;
}

cs::Result<std::shared_ptr<cs::Store>> DiskStores::open(SimulatedProcess& process) {
    auto opened = cs::open_sqlite_store(options(disk_.vfs_for(process.name())));
    Connection& connection = connections_[process.name()];
    if (opened) connection.store = std::move(*opened);
    if (!disk_.lives(process.name())) {
        situations_.reach(Situation::death_in_opening);
        process_ended(process);
        return cs::Error(cs::ErrorCode::unavailable, "the process died while it opened the store");
    }
    if (!opened) {
        drop(process.name());
        return opened.error();
    }
    prepared_ = true;
    look("after opening");
    return std::shared_ptr<cs::Store>(std::make_shared<NodeStore>(*this, process));
}

void DiskStores::drop(const std::string& process) {
    if (const auto connection = connections_.find(process); connection != connections_.end()) {
        // It died between a commit and its answer.
        for (const auto& one : connection->second.answered)
            if (!one->heard && !one->given_up && *one->answer) hooks_.came_to_light(process, one->writes);
        connections_.erase(connection);
    }
    disk_.bury(process);
}

void DiskStores::died(const std::string& process) {
    if (!connections_.contains(process)) return;
    disk_.kill(process);
    drop(process);
    look("after a crash");
}

void DiskStores::process_ended(SimulatedProcess& process) {
    if (disk_.counts().power_losses > power_losses_) return power_lost();
    drop(process.name());
    look("after a crash within a call");
    process.crash();
}

void DiskStores::lose_power() {
    disk_.fail_power();
    power_lost();
}

void DiskStores::power_lost() {
    power_losses_ = disk_.counts().power_losses;
    while (!connections_.empty()) drop(std::string(connections_.begin()->first));
    while (!holders_.empty()) release(holders_.begin()->first);
    look("after a power loss");
    hooks_.power_lost();
}

void DiskStores::hold(nanoseconds duration) {
    const std::string name = fmt::format("program{}", ++programs_);
    const std::string vfs = disk_.vfs_for(name, SimulatedDisk::Role::spared);
    sqlite3* handle = nullptr;
    const int opened = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, vfs.c_str());
    holders_.emplace(name, handle);
    if (opened != SQLITE_OK || sqlite3_exec(handle, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) != SQLITE_OK)
        return release(name);
    hooks_.note(fmt::format("{} holds the file for {} ms", name, duration / std::chrono::milliseconds{1}));
    loop_.after(duration, [this, name] { release(name); });
}

void DiskStores::release(std::string name) {
    const auto holder = holders_.find(name);
    if (holder == holders_.end()) return;
    sqlite3_close(holder->second);
    holders_.erase(holder);
    disk_.bury(name);
}

void DiskStores::heal() {
    troubles_.heal();
    while (!holders_.empty()) release(holders_.begin()->first);
}

template <class Outcome>
void DiskStores::answered(SimulatedProcess& process, const cs::Result<Outcome>& outcome) {
    Connection& connection = connections_.at(process.name());
    const bool told = outcome || (outcome.error().code != cs::ErrorCode::unavailable &&
                                  outcome.error().code != cs::ErrorCode::unknown_outcome &&
                                  outcome.error().code != cs::ErrorCode::out_of_space);
    // Whoever is told what the store holds after a commit of unknown outcome may rely on it.
    if (told && std::exchange(connection.unsettled, false)) forget_uncertain();
    if (!disk_.lives(process.name())) process_ended(process);
}

void DiskStores::commit_waiting(SimulatedProcess& process) {
    Connection& connection = connections_.at(process.name());
    const auto waiting = std::exchange(connection.waiting, {});
    if (waiting.size() == 1) {
        waiting[0]->answer = connection.store->commit(waiting[0]->partition, waiting[0]->writes);
    } else {
        situations_.reach(Situation::commits_together);
        std::vector<cs::CommitCall> calls(waiting.size());
        for (std::size_t i = 0; i < waiting.size(); ++i) {
            calls[i].partition = waiting[i]->partition;
            calls[i].writes = waiting[i]->writes;
        }
        auto answers = connection.store->commit_many(calls);
        for (std::size_t i = 0; i < waiting.size(); ++i) waiting[i]->answer = std::move(answers[i]);
    }
    std::erase_if(connection.answered, [](const auto& one) { return one->heard; });
    if (disk_.lives(process.name()))
        connection.answered.insert(connection.answered.end(), waiting.begin(), waiting.end());
    for (const auto& one : waiting) committed(process, *one);
    // What the last of a group was told is known last.
    answered(process, *waiting.back()->answer);
}

void DiskStores::give_up(SimulatedProcess& process, Waiting& one) {
    one.given_up = true;
    if (one.answer && *one.answer) hooks_.came_to_light(process.name(), one.writes);
}

void DiskStores::committed(SimulatedProcess& process, const Waiting& one) {
    Connection& connection = connections_.at(process.name());
    const auto& receipt = *one.answer;
    const std::vector<cs::Write>& writes = one.writes;
    const bool lives = disk_.lives(process.name());
    StoreContent::Commit commit{process.name(), one.partition, writes};
    if (!receipt) hooks_.note(fmt::format("a commit of {} fails: {}", process.name(), receipt.error().message));
    if (!lives) situations_.reach(Situation::death_in_commit);
    if (receipt) {
        content_.apply(commit);
        forget_uncertain();
        if (!lives || one.given_up) {
            situations_.reach(Situation::commit_came_to_light);
            hooks_.came_to_light(process.name(), writes);
        }
    } else if (lives && receipt.error().code == cs::ErrorCode::out_of_space) {
        situations_.reach(Situation::commit_on_full_disk);
    } else if (lives && receipt.error().code == cs::ErrorCode::unavailable && !holders_.empty()) {
        situations_.reach(Situation::commit_on_busy_file);
    } else if (!lives || receipt.error().code == cs::ErrorCode::unknown_outcome) {
        if (lives) situations_.reach(Situation::unknown_commit);
        uncertain_.push_back(std::move(commit));
        connection.unsettled = true;
    }
}

void DiskStores::forget_uncertain() {
    if (!uncertain_.empty()) hooks_.note(fmt::format("{} unanswered commits have not happened", uncertain_.size()));
    for (std::size_t i = 0; i < uncertain_.size(); ++i) situations_.reach(Situation::commit_vanished);
    uncertain_.clear();
}

void DiskStores::look(std::string_view when) {
    const bool live = disk_.in_use();
    // Until somebody was told that the file is there, it may lack its tables, and only a writer can make them.
    if (live && !prepared_) return;
    // Recovery is left to whoever comes next; what it will find is found on a copy.
    const auto copy = live ? nullptr : disk_.clone();
    SimulatedDisk& seen = live ? disk_ : *copy;
    const std::string vfs = seen.vfs_for("observer", SimulatedDisk::Role::observer);
    if (auto found = read_everything(vfs, live); found) compare(*found, when, live);
    else hooks_.report("I30", fmt::format("{}: {}", when, found.error().message));
    seen.bury("observer");
}

cs::Result<StoreContent> DiskStores::read_everything(const std::string& vfs, bool live) const {
    cs::SqliteOptions how = options(vfs);
    how.read_only = live;
    auto opened = cs::open_sqlite_store(std::move(how));
    if (!opened) return opened.error();
    if (auto checked = check_pages(vfs); !checked) return checked.error();
    return StoreContent::of(**opened);
}

void DiskStores::compare(const StoreContent& found, std::string_view when, bool live) {
    const std::string difference = content_.difference_from(found, clock_.now());
    if (difference.empty()) {
        // What no recovery finds now, none ever will.
        if (!live) forget_uncertain();
        return;
    }
    const std::vector<std::size_t> happened = explain(found);
    if (happened.empty())
        return hooks_.report("I30",
                             fmt::format("{}, the store does not hold what it acknowledged: {}", when, difference));
    const auto uncertain = std::exchange(uncertain_, {});
    for (const std::size_t i : happened) {
        const StoreContent::Commit& commit = uncertain[i];
        if (!live) {
            // Nobody was shown it yet, so the next power loss may still undo it.
            uncertain_.push_back(commit);
            continue;
        }
        content_.apply(commit);
        situations_.reach(Situation::commit_came_to_light);
        hooks_.note(fmt::format("a commit of {} comes to light {}", commit.node, when));
        hooks_.came_to_light(commit.node, commit.writes);
    }
}

// Which of the uncertain commits must have happened, in their order; empty: none of them explain what was found. Those
// that shared a transaction come together, and a stale one among them does not.
std::vector<std::size_t> DiskStores::explain(const StoreContent& found) const {
    constexpr std::size_t most = 10; // a thousand attempts
    const std::size_t judged = std::min(uncertain_.size(), most), first = uncertain_.size() - judged;
    std::vector<std::size_t> chosen;
    for (std::size_t set = 1; set < std::size_t{1} << judged; ++set) {
        StoreContent with = content_;
        chosen.clear();
        for (std::size_t i = 0; i < judged; ++i) {
            if ((set >> i & 1) == 0) continue;
            with.apply(uncertain_[first + i]);
            chosen.push_back(first + i);
        }
        if (with.difference_from(found, clock_.now()).empty()) return chosen;
    }
    chosen.clear();
    return chosen;
}

cs::Result<> DiskStores::check_pages(const std::string& vfs) const {
    sqlite3* handle = nullptr;
    std::string findings;
    const auto collect = [](void* texts, int columns, char** values, char**) {
        for (int i = 0; i < columns; ++i)
            *static_cast<std::string*>(texts) += std::string(values[i] ? values[i] : "NULL") + " ";
        return 0;
    };
    int code = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READONLY, vfs.c_str());
    if (code == SQLITE_OK)
        code = sqlite3_exec(handle, "PRAGMA integrity_check; PRAGMA foreign_key_check", collect, &findings, nullptr);
    sqlite3_close(handle);
    if (code != SQLITE_OK)
        return cs::Error(cs::ErrorCode::corrupted, fmt::format("the integrity check fails with {}", code));
    if (findings != "ok ") return cs::Error(cs::ErrorCode::corrupted, "the integrity check says: " + findings);
    return {};
}

} // namespace simulation

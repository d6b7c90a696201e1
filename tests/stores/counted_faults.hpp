// A simulated disk that fails at one call after the other, and stores on it.
#pragma once

#include "stores/sqlite_helpers.hpp"
#include "support/simulated_disk.hpp"

#include <string>

namespace castiel_sync::testing {

// What to fail. Calls are counted from the making of CountedFaults on.
struct FaultPlan {
    enum class Call { read, write, sync, change }; // change: write, sync and truncate
    Call call = Call::change;
    int at = 1;           // the number of the first call that fails; 0: none, they are only counted
    bool lasting = false; // and all that follow it
    DiskFault fault;
};

// While it lives, the disk fails as planned.
class CountedFaults {
public:
    CountedFaults(SimulatedDisk& disk, const FaultPlan& plan) : disk_(disk), plan_(plan) {
        disk_.set_faults([this](DiskCall call) { return next(call); });
    }
    ~CountedFaults() { end(); }
    CountedFaults(const CountedFaults&) = delete;
    CountedFaults& operator=(const CountedFaults&) = delete;

    void end() { disk_.set_faults({}); }
    [[nodiscard]] bool have_struck() const { return struck_; }
    [[nodiscard]] int counted_calls() const { return calls_; }

private:
    [[nodiscard]] bool counts(DiskCall call) const {
        switch (plan_.call) {
        case FaultPlan::Call::read: return call == DiskCall::read;
        case FaultPlan::Call::write: return call == DiskCall::write;
        case FaultPlan::Call::sync: return call == DiskCall::sync;
        case FaultPlan::Call::change: break;
        }
        return call == DiskCall::write || call == DiskCall::sync || call == DiskCall::truncate;
    }
    DiskFault next(DiskCall call) {
        if (!counts(call)) return {};
        ++calls_;
        const bool strikes = plan_.at > 0 && (plan_.lasting ? calls_ >= plan_.at : calls_ == plan_.at);
        if (!strikes) return {};
        struck_ = true;
        return plan_.fault;
    }

    SimulatedDisk& disk_;
    FaultPlan plan_;
    bool struck_ = false;
    int calls_ = 0;
};

inline SqliteOptions options_on(SimulatedDisk& disk, const std::string& process) {
    SqliteOptions options = options_for("/simulated/store.db");
    options.vfs = disk.vfs_for(process);
    options.synchronous_full = true;
    options.busy_timeout = std::chrono::milliseconds(0);
    return options;
}

inline std::shared_ptr<BlockingStore> open_on(SimulatedDisk& disk, const std::string& process) {
    auto opened = open_sqlite_store(options_on(disk, process));
    if (!opened) FAIL(opened.error().message);
    return *opened;
}

// "ok", or what SQLite's own check of the whole file says.
inline std::string integrity_of(SimulatedDisk& disk) {
    sqlite3* handle = nullptr;
    std::string findings;
    const auto collect = [](void* text, int, char** values, char**) {
        *static_cast<std::string*>(text) += values[0];
        return 0;
    };
    int code = sqlite3_open_v2("/simulated/store.db", &handle, SQLITE_OPEN_READWRITE,
                               disk.vfs_for("integrity check").c_str());
    if (code == SQLITE_OK) code = sqlite3_exec(handle, "PRAGMA integrity_check", collect, &findings, nullptr);
    sqlite3_close(handle);
    return code == SQLITE_OK ? findings : std::to_string(code);
}

} // namespace castiel_sync::testing

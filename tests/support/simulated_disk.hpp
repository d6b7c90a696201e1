// A disk in memory for SQLite, shared by simulated processes: what is not synchronised may be lost, reordered and torn
// at 512-byte sectors when the power fails; calls fail, and processes die in the middle of them, when a test says so.
//
// Every process has a VFS of its own, so that the disk knows whose locks go away with whom. Time and randomness are
// the test's: the same calls leave the same bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace castiel_sync::testing {

enum class DiskCall { read, write, sync, truncate, lock };

struct DiskFault {
    enum class Kind {
        none,
        fails,         // with `code`, and without effect
        fails_halfway, // with `code`: half of the bytes were read or written, some of the sectors synchronised
        process_dies,  // somewhere within the call
        power_fails,   // the same, for every process
    };
    Kind kind = Kind::none;
    int code = 0; // SQLite's
};

// Asked before every call of every ordinary process.
using DiskFaults = std::function<DiskFault(DiskCall call)>;

struct DiskCounts {
    std::uint64_t power_losses = 0;
    std::uint64_t power_losses_in_checkpoint = 0; // the database had pages of the log that were not durable yet
    std::uint64_t lost_sectors = 0;
    std::uint64_t torn_sectors = 0; // lost, while another one of the same write survived
    std::uint64_t disk_full = 0;
    std::uint64_t read_errors = 0;
    std::uint64_t short_reads = 0;
    std::uint64_t write_errors = 0;
    std::uint64_t sync_errors = 0;
    std::uint64_t deaths = 0; // of processes, within a call
};

// Threading: one thread. Ownership: must outlive every connection to it.
class SimulatedDisk {
public:
    explicit SimulatedDisk(std::uint64_t seed);
    ~SimulatedDisk();
    SimulatedDisk(const SimulatedDisk&) = delete;
    SimulatedDisk& operator=(const SimulatedDisk&) = delete;

    enum class Role {
        ordinary,
        spared,   // meets no faults
        observer, // neither, and what it synchronises is not more durable than before
    };
    // The name of the VFS through which this process, which is new, sees the disk.
    [[nodiscard]] std::string vfs_for(const std::string& process, Role role = Role::ordinary);

    void set_faults(DiskFaults faults);
    void set_clock(std::function<std::int64_t()> unix_milliseconds);
    // Overrides PRAGMA wal_autocheckpoint, which is too large for any small test. 0: as the connection asks.
    void set_checkpoint_after(int pages);

    // From here on it says that it synchronised, and did not.
    void lie_about_synchronisation();

    // The process is gone without a word: its locks too, but what it wrote stays. Close its connections then, and
    // bury it: what closing did to memory that it shared with others is undone.
    void kill(const std::string& process);
    void bury(const std::string& process);
    [[nodiscard]] bool lives(const std::string& process) const;
    // Does a living process have a file open?
    [[nodiscard]] bool in_use() const;
    // All processes are gone, and what was not synchronised may be.
    void fail_power();

    // The same files for an experiment, with nothing open and everything durable.
    [[nodiscard]] std::unique_ptr<SimulatedDisk> clone() const;
    // Of all names and contents.
    [[nodiscard]] std::uint64_t digest() const;
    [[nodiscard]] const DiskCounts& counts() const;

    struct State;

private:
    std::unique_ptr<State> state_;
};

// SQLite's own randomness, which no VFS decides: from here on the same numbers again.
void seed_sqlite_randomness(std::uint64_t seed);

} // namespace castiel_sync::testing

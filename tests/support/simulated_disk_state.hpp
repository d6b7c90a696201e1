// What a simulated disk is made of, for its own two sources only.
#pragma once

#include "support/simulated_disk.hpp"

#include <castiel_sync/runtime.hpp>

#include <sqlite3.h>

#include <map>
#include <string_view>
#include <vector>

namespace castiel_sync::testing {

struct SharedMemory {
    std::vector<std::unique_ptr<std::string>> regions; // their bytes never move
};

// One sector of a write, or a truncation, that is not durable yet.
struct DiskChange {
    std::uint64_t write = 0; // which write it belongs to
    std::size_t offset = 0;  // truncation: the new size
    std::string bytes;
    bool truncation = false;
};

struct OpenFile;

struct DiskFile {
    std::string name; // empty: temporary
    std::string now;
    std::string durable;
    std::vector<DiskChange> changes;
    bool entry_durable = false; // the folder would know it after a power loss
    bool database = false;
    std::vector<OpenFile*> open;
    std::shared_ptr<SharedMemory> shared;
};

struct DiskProcess {
    struct Remains {
        std::shared_ptr<SharedMemory> memory;
        std::vector<std::string> regions;
    };

    std::string name;
    std::string vfs_name;
    sqlite3_vfs vfs{};
    SimulatedDisk::State* disk = nullptr;
    SimulatedDisk::Role role = SimulatedDisk::Role::ordinary;
    bool alive = true;
    std::vector<Remains> remains; // what others shared with it when it died
};

struct OpenFile {
    DiskProcess* process = nullptr;
    std::shared_ptr<DiskFile> file;
    int level = SQLITE_LOCK_NONE;
    unsigned shared_locks = 0;
    unsigned exclusive_locks = 0;
    std::shared_ptr<SharedMemory> memory;
    sqlite3* connection = nullptr;
    bool synchronises_folder = false; // with its next synchronisation, as SQLite's own VFS does for journals and logs

    [[nodiscard]] bool lives() const { return process->alive; }
};

struct SimulatedDisk::State {
    explicit State(std::uint64_t seed) : random(make_seeded_random(seed)) {}

    std::unique_ptr<Random> random;
    std::map<std::string, std::shared_ptr<DiskFile>> files;
    std::vector<std::shared_ptr<DiskFile>> deleted; // the folder may still know them after a power loss
    std::map<std::string, std::unique_ptr<DiskProcess>> processes;
    DiskFaults faults;
    std::function<std::int64_t()> clock;
    int checkpoint_after = 0;
    bool lies = false; // about synchronisation
    std::uint64_t writes = 0;
    DiskCounts counts;

    [[nodiscard]] bool coin() { return uniform(*random, 2) == 0; }

    [[nodiscard]] DiskFault strike(const DiskProcess& process, DiskCall call);
    // The process or the power fails within a call.
    void end_process(DiskProcess& process, const DiskFault& fault);
    void kill(DiskProcess& process);
    void fail_power();

    void write(DiskFile& file, std::string_view bytes, std::size_t offset);
    void truncate(DiskFile& file, std::size_t size);
    void synchronise(DiskFile& file);
    void synchronise_folder();
    // Some sectors become durable; those that do not never will by themselves, as after a failed fsync.
    void synchronise_halfway(DiskFile& file);
    void remove(const std::string& name, bool durably);

private:
    void settle(DiskFile& file);
    void settle_folder();
};

void fill_vfs(sqlite3_vfs& vfs, DiskProcess& process);

} // namespace castiel_sync::testing

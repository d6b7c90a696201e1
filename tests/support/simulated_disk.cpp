#include "support/simulated_disk_state.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace castiel_sync::testing {
namespace {

constexpr std::size_t sector = 512;

void overwrite(std::string& content, std::string_view bytes, std::size_t offset) {
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
    std::memcpy(content.data() + offset, bytes.data(), bytes.size());
}

void carry_out(std::string& content, const DiskChange& change) {
    if (!change.truncation) overwrite(content, change.bytes, change.offset);
    else if (content.size() > change.offset) content.resize(change.offset);
}

void mix(std::uint64_t& hash, std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    hash = (hash ^ text.size()) * 0x100000001b3ULL;
}

} // namespace

DiskFault SimulatedDisk::State::strike(const DiskProcess& process, DiskCall call) {
    if (!faults || process.role != Role::ordinary) return {};
    const DiskFault fault = faults(call);
    if (fault.kind != DiskFault::Kind::fails && fault.kind != DiskFault::Kind::fails_halfway) return fault;
    if ((fault.code & 0xFF) == SQLITE_FULL) ++counts.disk_full;
    else if (call == DiskCall::read)
        ++(fault.kind == DiskFault::Kind::fails ? counts.read_errors : counts.short_reads);
    else ++(call == DiskCall::sync ? counts.sync_errors : counts.write_errors);
    return fault;
}

void SimulatedDisk::State::end_process(DiskProcess& process, const DiskFault& fault) {
    ++counts.deaths;
    if (fault.kind == DiskFault::Kind::power_fails) fail_power();
    else kill(process);
}

void SimulatedDisk::State::kill(DiskProcess& process) {
    if (!std::exchange(process.alive, false)) return;
    for (const auto& [name, file] : files)
        for (OpenFile* open : file->open) {
            if (open->process != &process) continue;
            open->level = SQLITE_LOCK_NONE;
            open->shared_locks = open->exclusive_locks = 0;
            if (!open->memory) continue;
            DiskProcess::Remains remains{open->memory, {}};
            for (const auto& region : open->memory->regions) remains.regions.push_back(*region);
            process.remains.push_back(std::move(remains));
        }
}

void SimulatedDisk::State::write(DiskFile& file, std::string_view bytes, std::size_t offset) {
    overwrite(file.now, bytes, offset);
    if (file.name.empty()) return;
    ++writes;
    while (!bytes.empty()) {
        const std::size_t length = std::min(bytes.size(), sector - offset % sector);
        file.changes.push_back({writes, offset, std::string(bytes.substr(0, length)), false});
        bytes.remove_prefix(length);
        offset += length;
    }
}

void SimulatedDisk::State::truncate(DiskFile& file, std::size_t size) {
    if (file.now.size() > size) file.now.resize(size);
    if (!file.name.empty()) file.changes.push_back({++writes, size, {}, true});
}

void SimulatedDisk::State::synchronise(DiskFile& file) {
    for (const DiskChange& change : file.changes) carry_out(file.durable, change);
    file.changes.clear();
}

void SimulatedDisk::State::synchronise_folder() {
    deleted.clear();
    for (const auto& [name, file] : files) file->entry_durable = true;
}

void SimulatedDisk::State::synchronise_halfway(DiskFile& file) {
    for (const DiskChange& change : file.changes)
        if (coin()) carry_out(file.durable, change);
    file.changes.clear();
}

void SimulatedDisk::State::remove(const std::string& name, bool durably) {
    const auto found = files.find(name);
    if (found->second->entry_durable && !durably) deleted.push_back(found->second);
    files.erase(found);
    if (durably) synchronise_folder();
}

// What survives of the writes since the last synchronisation: nothing, everything, a beginning, or any of them.
void SimulatedDisk::State::settle(DiskFile& file) {
    const auto style = uniform(*random, 10);
    const std::size_t beginning = static_cast<std::size_t>(uniform(*random, file.changes.size() + 1));
    std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> sectors; // kept and lost, by write
    for (std::size_t i = 0; i < file.changes.size(); ++i) {
        const bool kept = style < 3 ? false : style < 4 ? true : style < 6 ? i < beginning : coin();
        auto& [survivors, losses] = sectors[file.changes[i].write];
        ++(kept ? survivors : losses);
        if (kept) carry_out(file.durable, file.changes[i]);
    }
    for (const auto& [write, fate] : sectors) {
        counts.lost_sectors += fate.second;
        if (fate.first > 0) counts.torn_sectors += fate.second;
    }
    file.changes.clear();
    file.now = file.durable;
    file.shared.reset();
}

void SimulatedDisk::State::settle_folder() {
    std::erase_if(files, [&](const auto& entry) { return !entry.second->entry_durable && coin(); });
    for (auto& file : std::exchange(deleted, {})) {
        settle(*file);
        if (coin()) files.emplace(file->name, file);
    }
    synchronise_folder();
}

void SimulatedDisk::State::fail_power() {
    ++counts.power_losses;
    const bool in_checkpoint = std::any_of(files.begin(), files.end(), [&](const auto& entry) {
        const auto log = files.find(entry.first + "-wal");
        return entry.second->database && !entry.second->changes.empty() && log != files.end() &&
               !log->second->now.empty();
    });
    if (in_checkpoint) ++counts.power_losses_in_checkpoint;
    for (const auto& [name, process] : processes) {
        kill(*process);
        process->remains.clear(); // nobody shares anything any more
    }
    for (const auto& [name, file] : files) settle(*file);
    settle_folder();
}

SimulatedDisk::SimulatedDisk(std::uint64_t seed) : state_(std::make_unique<State>(seed)) {}

SimulatedDisk::~SimulatedDisk() {
    for (const auto& [name, process] : state_->processes) sqlite3_vfs_unregister(&process->vfs);
}

std::string SimulatedDisk::vfs_for(const std::string& name, Role role) {
    static std::uint64_t disks = 0; // several disks may know processes of one name
    auto process = std::make_unique<DiskProcess>();
    process->name = name;
    process->vfs_name = "simulated_disk_" + std::to_string(++disks) + "_" + name;
    process->disk = state_.get();
    process->role = role;
    fill_vfs(process->vfs, *process);
    sqlite3_vfs_register(&process->vfs, 0);
    const std::string vfs = process->vfs_name;
    state_->processes.emplace(name, std::move(process));
    return vfs;
}

void SimulatedDisk::set_faults(DiskFaults faults) { state_->faults = std::move(faults); }

void SimulatedDisk::set_clock(std::function<std::int64_t()> unix_milliseconds) {
    state_->clock = std::move(unix_milliseconds);
}

void SimulatedDisk::set_checkpoint_after(int pages) { state_->checkpoint_after = pages; }

void SimulatedDisk::lie_about_synchronisation() { state_->lies = true; }

void SimulatedDisk::kill(const std::string& process) { state_->kill(*state_->processes.at(process)); }

void SimulatedDisk::bury(const std::string& name) {
    const auto found = state_->processes.find(name);
    if (found == state_->processes.end()) return;
    for (const DiskProcess::Remains& remains : found->second->remains)
        for (std::size_t i = 0; i < remains.regions.size(); ++i)
            std::memcpy(remains.memory->regions[i]->data(), remains.regions[i].data(), remains.regions[i].size());
    sqlite3_vfs_unregister(&found->second->vfs);
    state_->processes.erase(found);
}

bool SimulatedDisk::lives(const std::string& name) const {
    const auto found = state_->processes.find(name);
    return found != state_->processes.end() && found->second->alive;
}

bool SimulatedDisk::in_use() const {
    return std::any_of(state_->files.begin(), state_->files.end(), [](const auto& entry) {
        const auto& open = entry.second->open;
        return std::any_of(open.begin(), open.end(), [](const OpenFile* one) { return one->lives(); });
    });
}

void SimulatedDisk::fail_power() { state_->fail_power(); }

std::unique_ptr<SimulatedDisk> SimulatedDisk::clone() const {
    auto copy = std::make_unique<SimulatedDisk>(0);
    for (const auto& [name, file] : state_->files) {
        auto same = std::make_shared<DiskFile>();
        same->name = name;
        same->now = same->durable = file->now;
        same->entry_durable = true;
        same->database = file->database;
        copy->state_->files.emplace(name, std::move(same));
    }
    copy->state_->clock = state_->clock;
    return copy;
}

std::uint64_t SimulatedDisk::digest() const {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const auto& [name, file] : state_->files) {
        mix(hash, name);
        mix(hash, file->now);
    }
    return hash;
}

const DiskCounts& SimulatedDisk::counts() const { return state_->counts; }

void seed_sqlite_randomness(std::uint64_t seed) {
    // 0 would mean the machine's own randomness.
    sqlite3_initialize();
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(seed | 1), static_cast<sqlite3*>(nullptr));
}

} // namespace castiel_sync::testing

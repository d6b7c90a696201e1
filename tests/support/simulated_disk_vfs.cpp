// The face that a simulated disk shows to SQLite.
#include "support/simulated_disk_state.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace castiel_sync::testing {
namespace {

using Kind = DiskFault::Kind;

// What SQLite allocates for every open file.
struct Handle {
    sqlite3_file base;
    OpenFile* open;
};

OpenFile& opened(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file)->open; }
SimulatedDisk::State& disk_of(const OpenFile& open) { return *open.process->disk; }
DiskProcess& process_of(sqlite3_vfs* vfs) { return *static_cast<DiskProcess*>(vfs->pAppData); }

bool ends(const DiskFault& fault) { return fault.kind == Kind::process_dies || fault.kind == Kind::power_fails; }

int close_file(sqlite3_file* file) {
    OpenFile* open = &opened(file);
    std::erase(open->file->open, open);
    delete open;
    return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* buffer, int count, sqlite3_int64 offset) {
    OpenFile& open = opened(file);
    if (!open.lives()) return SQLITE_IOERR_READ;
    const std::string_view content = open.file->now;
    const auto wanted = static_cast<std::size_t>(count);
    const auto from = std::min(static_cast<std::size_t>(offset), content.size());
    const std::string_view found = content.substr(from, wanted);
    const DiskFault fault = disk_of(open).strike(*open.process, DiskCall::read);
    if (fault.kind == Kind::fails) return fault.code;
    if (fault.kind == Kind::fails_halfway) {
        std::memcpy(buffer, found.data(), found.size() / 2);
        return fault.code;
    }
    if (ends(fault)) {
        disk_of(open).end_process(*open.process, fault);
        return SQLITE_IOERR_READ;
    }
    std::memcpy(buffer, found.data(), found.size());
    std::memset(static_cast<char*>(buffer) + found.size(), 0, wanted - found.size());
    return found.size() == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* buffer, int count, sqlite3_int64 offset) {
    OpenFile& open = opened(file);
    if (!open.lives()) return SQLITE_IOERR_WRITE;
    SimulatedDisk::State& disk = disk_of(open);
    const std::string_view bytes(static_cast<const char*>(buffer), static_cast<std::size_t>(count));
    const auto at = static_cast<std::size_t>(offset);
    const DiskFault fault = disk.strike(*open.process, DiskCall::write);
    if (fault.kind == Kind::fails) return fault.code;
    if (fault.kind == Kind::fails_halfway) {
        disk.write(*open.file, bytes.substr(0, bytes.size() / 2), at);
        return fault.code;
    }
    if (!ends(fault)) {
        disk.write(*open.file, bytes, at);
        return SQLITE_OK;
    }
    const auto done = static_cast<std::size_t>(uniform(*disk.random, 3)) * bytes.size() / 2;
    if (done > 0) disk.write(*open.file, bytes.substr(0, done), at);
    disk.end_process(*open.process, fault);
    return SQLITE_IOERR_WRITE;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    OpenFile& open = opened(file);
    if (!open.lives()) return SQLITE_IOERR_TRUNCATE;
    SimulatedDisk::State& disk = disk_of(open);
    const DiskFault fault = disk.strike(*open.process, DiskCall::truncate);
    if (fault.kind == Kind::fails || fault.kind == Kind::fails_halfway) return fault.code;
    if (!ends(fault) || disk.coin()) disk.truncate(*open.file, static_cast<std::size_t>(size));
    if (!ends(fault)) return SQLITE_OK;
    disk.end_process(*open.process, fault);
    return SQLITE_IOERR_TRUNCATE;
}

int sync_file(sqlite3_file* file, int) {
    OpenFile& open = opened(file);
    if (!open.lives()) return SQLITE_IOERR_FSYNC;
    SimulatedDisk::State& disk = disk_of(open);
    if (open.process->role == SimulatedDisk::Role::observer || disk.lies) return SQLITE_OK;
    const DiskFault fault = disk.strike(*open.process, DiskCall::sync);
    if (fault.kind == Kind::fails) return fault.code;
    if (fault.kind == Kind::fails_halfway) {
        disk.synchronise_halfway(*open.file);
        return fault.code;
    }
    if (!ends(fault) || disk.coin()) {
        disk.synchronise(*open.file);
        if (std::exchange(open.synchronises_folder, false)) disk.synchronise_folder();
    }
    if (!ends(fault)) return SQLITE_OK;
    disk.end_process(*open.process, fault);
    return SQLITE_IOERR_FSYNC;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(opened(file).file->now.size());
    return SQLITE_OK;
}

bool others_hold(const OpenFile& open, int level) {
    const auto& all = open.file->open;
    return std::any_of(all.begin(), all.end(),
                       [&](const OpenFile* other) { return other != &open && other->level >= level; });
}

int lock_file(sqlite3_file* file, int level) {
    OpenFile& open = opened(file);
    if (!open.lives()) return SQLITE_IOERR_LOCK;
    if (open.level >= level) return SQLITE_OK;
    if (level == SQLITE_LOCK_SHARED && others_hold(open, SQLITE_LOCK_PENDING)) return SQLITE_BUSY;
    if (level > SQLITE_LOCK_SHARED && others_hold(open, SQLITE_LOCK_RESERVED)) return SQLITE_BUSY;
    if (level == SQLITE_LOCK_EXCLUSIVE && others_hold(open, SQLITE_LOCK_SHARED)) {
        open.level = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
    }
    open.level = level;
    return SQLITE_OK;
}

int unlock_file(sqlite3_file* file, int level) {
    OpenFile& open = opened(file);
    open.level = std::min(open.level, level);
    return SQLITE_OK;
}

int check_lock(sqlite3_file* file, int* locked) {
    const OpenFile& open = opened(file);
    *locked = open.level >= SQLITE_LOCK_RESERVED || others_hold(open, SQLITE_LOCK_RESERVED) ? 1 : 0;
    return SQLITE_OK;
}

int control_file(sqlite3_file* file, int operation, void* argument) {
    OpenFile& open = opened(file);
    if (operation == SQLITE_FCNTL_PDB) {
        open.connection = *static_cast<sqlite3**>(argument);
        return SQLITE_OK;
    }
    if (operation != SQLITE_FCNTL_PRAGMA || disk_of(open).checkpoint_after == 0) return SQLITE_NOTFOUND;
    if (std::string_view(static_cast<char**>(argument)[1]) != "wal_autocheckpoint") return SQLITE_NOTFOUND;
    sqlite3_wal_autocheckpoint(open.connection, disk_of(open).checkpoint_after);
    return SQLITE_OK;
}

int sector_size(sqlite3_file*) { return 512; }
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

// Whoever comes first finds nothing there, and has to recover from the log.
void attach(OpenFile& open) {
    const auto& all = open.file->open;
    const bool shared = std::any_of(all.begin(), all.end(), [](const OpenFile* other) {
        return other->lives() && other->memory != nullptr;
    });
    if (!shared || !open.file->shared) open.file->shared = std::make_shared<SharedMemory>();
    open.memory = open.file->shared;
}

int map_shared(sqlite3_file* file, int number, int size, int extend, void volatile** memory) {
    OpenFile& open = opened(file);
    *memory = nullptr;
    if (!open.lives()) return SQLITE_IOERR_SHMMAP;
    if (!open.memory) attach(open);
    auto& regions = open.memory->regions;
    const auto wanted = static_cast<std::size_t>(number);
    if (wanted >= regions.size() && extend == 0) return SQLITE_OK;
    while (wanted >= regions.size())
        regions.push_back(std::make_unique<std::string>(static_cast<std::size_t>(size), '\0'));
    *memory = regions[wanted]->data();
    return SQLITE_OK;
}

int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
    OpenFile& open = opened(file);
    if (!open.lives()) return SQLITE_IOERR_SHMLOCK;
    const unsigned mask = ((1U << static_cast<unsigned>(count)) - 1U) << static_cast<unsigned>(offset);
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        open.shared_locks &= ~mask;
        open.exclusive_locks &= ~mask;
    } else {
        const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
        for (const OpenFile* other : open.file->open) {
            if (other == &open || other->memory != open.memory) continue;
            const unsigned held = other->exclusive_locks | (exclusive ? other->shared_locks : 0U);
            if ((held & mask) != 0) return SQLITE_BUSY;
        }
        (exclusive ? open.exclusive_locks : open.shared_locks) |= mask;
    }
    const DiskFault fault = disk_of(open).strike(*open.process, DiskCall::lock);
    if (!ends(fault)) return SQLITE_OK;
    disk_of(open).end_process(*open.process, fault);
    return SQLITE_IOERR_SHMLOCK;
}

void shared_barrier(sqlite3_file*) {}

int unmap_shared(sqlite3_file* file, int) {
    OpenFile& open = opened(file);
    open.shared_locks = open.exclusive_locks = 0;
    open.memory.reset();
    return SQLITE_OK;
}

const sqlite3_io_methods methods = [] {
    sqlite3_io_methods made{};
    made.iVersion = 2;
    made.xClose = close_file;
    made.xRead = read_file;
    made.xWrite = write_file;
    made.xTruncate = truncate_file;
    made.xSync = sync_file;
    made.xFileSize = file_size;
    made.xLock = lock_file;
    made.xUnlock = unlock_file;
    made.xCheckReservedLock = check_lock;
    made.xFileControl = control_file;
    made.xSectorSize = sector_size;
    made.xDeviceCharacteristics = characteristics;
    made.xShmMap = map_shared;
    made.xShmLock = lock_shared;
    made.xShmBarrier = shared_barrier;
    made.xShmUnmap = unmap_shared;
    return made;
}();

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* opened_flags) {
    auto* handle = reinterpret_cast<Handle*>(file);
    handle->base.pMethods = nullptr;
    DiskProcess& process = process_of(vfs);
    if (!process.alive) return SQLITE_IOERR;
    std::shared_ptr<DiskFile> found;
    if (name != nullptr) {
        const auto known = process.disk->files.find(name);
        if (known != process.disk->files.end()) found = known->second;
    }
    if (!found && (flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    if (!found) {
        found = std::make_shared<DiskFile>();
        found->name = name == nullptr ? "" : name;
        found->database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
        found->entry_durable = found->database; // the store makes it so before it opens a file
        if (name != nullptr) process.disk->files.emplace(name, found);
    }
    handle->open = new OpenFile;
    handle->open->process = &process;
    handle->open->file = std::move(found);
    handle->open->synchronises_folder = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    handle->open->file->open.push_back(handle->open);
    handle->base.pMethods = &methods;
    if (opened_flags != nullptr) *opened_flags = flags;
    return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int durably) {
    DiskProcess& process = process_of(vfs);
    if (!process.alive) return SQLITE_IOERR_DELETE;
    if (!process.disk->files.contains(name)) return SQLITE_IOERR_DELETE_NOENT;
    process.disk->remove(name, durably != 0);
    return SQLITE_OK;
}

int access_file(sqlite3_vfs* vfs, const char* name, int flags, int* answer) {
    const auto& files = process_of(vfs).disk->files;
    const auto found = files.find(name);
    // An empty file does not count as one, as in SQLite's own VFS.
    *answer = found != files.end() && (flags != SQLITE_ACCESS_EXISTS || !found->second->now.empty()) ? 1 : 0;
    return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int size, char* path) {
    sqlite3_snprintf(size, path, "%s", name);
    return SQLITE_OK;
}

int random_bytes(sqlite3_vfs* vfs, int count, char* bytes) {
    for (int i = 0; i < count; ++i)
        bytes[i] = static_cast<char>(uniform(*process_of(vfs).disk->random, 256));
    return count;
}

int sleep_not(sqlite3_vfs*, int microseconds) { return microseconds; }

int current_time(sqlite3_vfs* vfs, sqlite3_int64* milliseconds) {
    constexpr sqlite3_int64 unix_epoch = 210'866'760'000'000; // in milliseconds of the Julian day
    const auto& clock = process_of(vfs).disk->clock;
    *milliseconds = unix_epoch + (clock ? clock() : 0);
    return SQLITE_OK;
}

int current_day(sqlite3_vfs* vfs, double* days) {
    sqlite3_int64 milliseconds = 0;
    current_time(vfs, &milliseconds);
    *days = static_cast<double>(milliseconds) / 86'400'000.0;
    return SQLITE_OK;
}

int last_error(sqlite3_vfs*, int, char*) { return 0; }

} // namespace

void fill_vfs(sqlite3_vfs& vfs, DiskProcess& process) {
    vfs.iVersion = 2;
    vfs.szOsFile = sizeof(Handle);
    vfs.mxPathname = 512;
    vfs.zName = process.vfs_name.c_str();
    vfs.pAppData = &process;
    vfs.xOpen = open_file;
    vfs.xDelete = delete_file;
    vfs.xAccess = access_file;
    vfs.xFullPathname = full_path;
    vfs.xRandomness = random_bytes;
    vfs.xSleep = sleep_not;
    vfs.xCurrentTime = current_day;
    vfs.xCurrentTimeInt64 = current_time;
    vfs.xGetLastError = last_error;
}

} // namespace castiel_sync::testing

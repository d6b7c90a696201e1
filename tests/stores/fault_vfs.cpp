#include "stores/fault_vfs.hpp"

#include <sqlite3.h>

#include <cstring>

namespace castiel_sync::testing {
namespace {

struct State {
    FaultPlan plan;
    bool armed = false;
    bool struck = false;
    int calls = 0;
};

State state;

// SQLITE_OK, or the code that this call fails with.
int strike(FaultPlan::Call call) {
    if (!state.armed) return SQLITE_OK;
    const bool any_change = state.plan.call == FaultPlan::Call::change && call != FaultPlan::Call::read;
    const bool counted = state.plan.call == call || any_change;
    if (!counted) return SQLITE_OK;
    ++state.calls;
    if (state.plan.at == 0) return SQLITE_OK;
    const bool fails = state.plan.lasting ? state.calls >= state.plan.at : state.calls == state.plan.at;
    if (!fails) return SQLITE_OK;
    state.struck = true;
    return state.plan.code;
}

struct File {
    sqlite3_file base;
    sqlite3_file* real;
};

sqlite3_vfs* real_vfs() { return sqlite3_vfs_find(nullptr); }
sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real; }

int close_file(sqlite3_file* file) {
    const int code = real(file)->pMethods->xClose(real(file));
    sqlite3_free(real(file));
    return code;
}
int read_file(sqlite3_file* file, void* buffer, int count, sqlite3_int64 offset) {
    if (const int code = strike(FaultPlan::Call::read)) return code;
    return real(file)->pMethods->xRead(real(file), buffer, count, offset);
}
int write_file(sqlite3_file* file, const void* buffer, int count, sqlite3_int64 offset) {
    if (const int code = strike(FaultPlan::Call::write)) {
        if (state.plan.torn) real(file)->pMethods->xWrite(real(file), buffer, count / 2, offset);
        return code;
    }
    return real(file)->pMethods->xWrite(real(file), buffer, count, offset);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    if (const int code = strike(FaultPlan::Call::change)) return code;
    return real(file)->pMethods->xTruncate(real(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
    if (const int code = strike(FaultPlan::Call::sync)) return code;
    return real(file)->pMethods->xSync(real(file), flags);
}
int file_size(sqlite3_file* file, sqlite3_int64* size) { return real(file)->pMethods->xFileSize(real(file), size); }
int lock_file(sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); }
int unlock_file(sqlite3_file* file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
int check_lock(sqlite3_file* file, int* locked) {
    return real(file)->pMethods->xCheckReservedLock(real(file), locked);
}
int control_file(sqlite3_file* file, int operation, void* argument) {
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
int sector_size(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
int characteristics(sqlite3_file* file) { return real(file)->pMethods->xDeviceCharacteristics(real(file)); }
int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, memory);
}
int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
void shared_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
int unmap_shared(sqlite3_file* file, int remove) { return real(file)->pMethods->xShmUnmap(real(file), remove); }

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

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* opened_flags) {
    auto* opened = reinterpret_cast<File*>(file);
    opened->base.pMethods = nullptr;
    opened->real = static_cast<sqlite3_file*>(sqlite3_malloc(real_vfs()->szOsFile));
    std::memset(opened->real, 0, static_cast<std::size_t>(real_vfs()->szOsFile));
    const int code = real_vfs()->xOpen(real_vfs(), name, opened->real, flags, opened_flags);
    if (code != SQLITE_OK) {
        sqlite3_free(opened->real);
        return code;
    }
    opened->base.pMethods = &methods;
    return SQLITE_OK;
}

} // namespace

std::string FaultVfs::name() {
    static sqlite3_vfs vfs = [] {
        sqlite3_vfs made = *real_vfs();
        made.zName = "castiel_sync_faults";
        made.szOsFile = sizeof(File);
        made.pNext = nullptr;
        made.xOpen = open_file;
        return made;
    }();
    static const int registered = sqlite3_vfs_register(&vfs, 0);
    return registered == SQLITE_OK ? vfs.zName : "";
}

void FaultVfs::arm(const FaultPlan& plan) {
    state = State();
    state.plan = plan;
    state.armed = true;
}

void FaultVfs::disarm() { state.armed = false; }

bool FaultVfs::has_struck() { return state.struck; }

int FaultVfs::counted_calls() { return state.calls; }

} // namespace castiel_sync::testing

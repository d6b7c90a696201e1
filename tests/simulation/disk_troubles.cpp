#include "disk_troubles.hpp"

#include <sqlite3.h>

namespace simulation {

using cs::testing::DiskCall;
using cs::testing::DiskFault;
using Kind = DiskFault::Kind;

DiskFault DiskTroubles::failure(int code) {
    return {dice_.percent(50) ? Kind::fails_halfway : Kind::fails, code};
}

DiskFault DiskTroubles::next(DiskCall call) {
    if (healed_) return {};
    if (strikes(plan_.deaths)) return {Kind::process_dies, 0};
    if (strikes(plan_.power_failures)) return {Kind::power_fails, 0};
    switch (call) {
    case DiskCall::read:
        if (strikes(plan_.read_errors)) return {Kind::fails, SQLITE_IOERR_READ};
        if (strikes(plan_.short_reads)) return {Kind::fails_halfway, SQLITE_IOERR_READ};
        return {};
    case DiskCall::write:
        if (loop_.now() < full_until_) return failure(SQLITE_FULL);
        if (strikes(plan_.full)) {
            full_until_ = loop_.now() + dice_.up_to(plan_.longest_full);
            return failure(SQLITE_FULL);
        }
        if (strikes(plan_.write_errors)) return failure(SQLITE_IOERR_WRITE);
        return {};
    case DiskCall::truncate:
        if (strikes(plan_.write_errors)) return {Kind::fails, SQLITE_IOERR_TRUNCATE};
        return {};
    case DiskCall::sync:
        if (strikes(plan_.sync_errors)) return failure(SQLITE_IOERR_FSYNC);
        return {};
    case DiskCall::lock: return {};
    }
    return {};
}

} // namespace simulation

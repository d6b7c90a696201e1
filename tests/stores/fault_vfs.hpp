// A file system for SQLite that fails when a test says so. Everything else goes to the default one.
#pragma once

#include <string>

namespace castiel_sync::testing {

// What to fail. Calls are counted from arm() on.
struct FaultPlan {
    enum class Call { read, write, sync, change }; // change: write, sync and truncate
    Call call = Call::change;
    int at = 1;             // the number of the first call that fails; 0: none, they are only counted
    bool lasting = false;   // and all that follow it
    int code = 0;           // SQLite's
    bool torn = false;      // a failing write still writes its first half
};

// Registered under this name for the rest of the process.
class FaultVfs {
public:
    [[nodiscard]] static std::string name();
    static void arm(const FaultPlan& plan);
    static void disarm();
    [[nodiscard]] static bool has_struck();
    [[nodiscard]] static int counted_calls(); // since arm()
};

} // namespace castiel_sync::testing

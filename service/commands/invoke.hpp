// From the command line to an exit code: the whole program, but for main.
#pragma once

#include "output/console.hpp"

namespace castiel_sync::service {

[[nodiscard]] ExitCode invoke(int count, const char* const* arguments);

} // namespace castiel_sync::service

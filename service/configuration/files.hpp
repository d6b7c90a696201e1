// Text files that people write for castiel-sync.
#pragma once

#include "located.hpp"

#include <optional>
#include <string>
#include <vector>

namespace castiel_sync::service {

// The whole of a file of at most 4 MiB; a fault that names it otherwise.
[[nodiscard]] std::optional<std::string> read_text_file(const std::string& name, std::vector<Fault>& faults);

} // namespace castiel_sync::service

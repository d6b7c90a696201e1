// YAML text → a located JSON document. Everything that JSON can't carry, or that a reader may take for something else
// than its writer meant (a key given twice, an unknown tag), is a fault.
#pragma once

#include "located.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::service {

// Appends to `faults`; what could be read is answered all the same, so that later checks find their faults too.
[[nodiscard]] LocatedDocument read_yaml(const std::string& text, const std::string& source, std::vector<Fault>& faults);

// An unquoted scalar by the YAML 1.2 core schema; nullopt when it is a number that JSON can't carry.
[[nodiscard]] std::optional<json::value> read_plain_scalar(std::string_view text);

} // namespace castiel_sync::service

// ${NAME} and ${NAME:-default} in configuration strings. An empty variable counts as unset. `$${` writes `${`.
#pragma once

#include "located.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync::service {

// The value of an environment variable; nullopt when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Replaces in every string of the document. An unquoted scalar that held a variable is read anew by YAML's rules
// (${PORT} may be a number), unless the schema wants text there; a quoted one stays text.
void interpolate(LocatedDocument& document, const Environment& environment, const json::value& schema,
                 std::vector<Fault>& faults);

// Hides the values of environment variables in a text about, or from, the value at `place`.
[[nodiscard]] std::string without_values(std::string text, const Place& place);
// The same for a fault. Of "must be …, is …" the first half comes from a schema, and may begin as the value does:
// "must be info or warning, is warn".
[[nodiscard]] std::string fault_without_values(std::string message, const Place& place);

} // namespace castiel_sync::service

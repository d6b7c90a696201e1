// What a hook's body says has changed. A hint: whoever follows it reads the records themselves. Pure.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/integration.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// Nothing named: anything may have changed.
struct HookHint {
    std::string entity; // external; empty: any that the integration maps
    std::vector<std::string> source_ids; // empty: any of the entity's records

    HookHint() = default;
};

// nullopt: it names entities, and none that the integration maps. Where a body can't be read, or names more records
// than one task may, the hint is wider, never narrower, than what it says.
[[nodiscard]] std::optional<HookHint> read_hook_hint(const HookDescription& description, const Integration& integration,
                                                     std::string_view body);

} // namespace castiel_sync

// How a difference is decided when both sides changed. Pure values and pure functions.
#pragma once

#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {

// For whole records, and for single fields under `merge`. The last five are for fields only.
enum class Strategy {
    source_wins,
    target_wins,
    newest_wins,         // by modified_at; missing, equal or too close: the tie_break
    merge,               // record level only: field by field
    manual,              // becomes an open conflict
    source_unless_blank, // source wins unless its value is null, "", [] or {}
    target_unless_blank,
    custom,              // a registered ConflictStrategy
    max,                 // numbers, or text by bytes; anything else: open conflict
    min,
    union_,              // lists: what either side added is kept, what either side removed is removed
    add_delta,           // numbers: base + (source - base) + (target - base), exact or open conflict
    concat,              // text: source, separator, target; lists: source's elements, then target's new ones
};

[[nodiscard]] std::string_view to_string(Strategy strategy) noexcept; // union_ is "union"
[[nodiscard]] std::optional<Strategy> parse_strategy(std::string_view text) noexcept;
[[nodiscard]] bool is_field_only(Strategy strategy) noexcept;

// One side deleted the record, the other edited it.
enum class DeleteStrategy {
    source_wins,
    target_wins,
    update_wins, // the edited record is created again on the side that deleted it
    delete_wins,
    unlink,      // both are left as they are and are no longer the same record
    manual,
};

[[nodiscard]] std::string_view to_string(DeleteStrategy strategy) noexcept;
[[nodiscard]] std::optional<DeleteStrategy> parse_delete_strategy(std::string_view text) noexcept;

// What a pluggable strategy sees of one field that both sides changed differently. References live for the call only.
struct FieldConflict {
    std::string_view field;                          // shard field name
    const std::optional<json::value>& base;          // nullopt: the sides never agreed on it
    const std::optional<json::value>& source;        // mapped to shard form; nullopt: absent
    const std::optional<json::value>& target;
    std::optional<Timestamp> source_modified_at;
    std::optional<Timestamp> target_modified_at;
    const json::object& source_fields;               // all mapped fields of each side, by shard field name
    const json::object& target_fields;
};

// Pure: no I/O, no clock, no state; the same conflict gives the same answer. nullopt = defer: an open conflict.
// Anything that needs a person or a network defers. An exception counts as defer and is reported.
using ConflictStrategy = std::function<std::optional<json::value>(const FieldConflict&)>;

// Named, so that executions record which one decided. An object that the host fills; there is no global registry.
class ConflictStrategies {
public:
    void add(std::string name, ConflictStrategy strategy);
    [[nodiscard]] const ConflictStrategy* find(std::string_view name) const;

private:
    std::map<std::string, ConflictStrategy, std::less<>> strategies_;
};

} // namespace castiel_sync

// Conflict: both sides changed in a way that no rule may decide, or that a rule decided and recorded. A value.
#pragma once

#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

enum class ConflictType {
    update_update,     // both sides changed the same field differently
    update_delete,     // source changed, target deleted
    delete_update,     // source deleted, target changed
    ambiguous_match,   // several records share one set of match keys
    unique_key,        // a create or update was refused because another record holds the key
    missing_reference, // a reference whose record exists on one side only, decided by nobody
};

enum class ConflictState {
    open,          // waits for a person; its fields stand still on both sides
    auto_resolved, // a rule decided between two real edits; recorded for the audit
    resolved,      // a person decided, and both sides and the base hold the choice
    superseded,    // the sides moved on: equal now, or a newer conflict took its place
    ignored,       // a person set it aside: it stays as it is until a side changes again
};

[[nodiscard]] std::string_view to_string(ConflictType type) noexcept;
[[nodiscard]] std::optional<ConflictType> parse_conflict_type(std::string_view text) noexcept;
[[nodiscard]] std::string_view to_string(ConflictState state) noexcept;
[[nodiscard]] std::optional<ConflictState> parse_conflict_state(std::string_view text) noexcept;

struct ConflictField {
    std::string field; // shard field
    std::optional<json::value> base;
    std::optional<json::value> source;
    std::optional<json::value> target;
    std::optional<json::value> result; // what was chosen, once it is
    std::string rule;                  // what decided: a strategy's name, custom:<name>, or the resolver

    ConflictField() = default;
};

struct Conflict {
    std::string conflict_id; // derived from (link, base, versions): the same conflict is recorded once (I8)
    std::string tenant_id;
    std::string stream_id;
    std::string integration_id;
    std::string execution_id;
    std::string task_id;
    std::string entity_type;
    ConflictType type = ConflictType::update_update;
    ConflictState state = ConflictState::open;
    std::string link_id;     // empty for ambiguous_match
    std::string source_id;
    std::string target_id;
    std::vector<std::string> candidates; // ambiguous_match: "source:<id>" and "target:<id>"
    std::string match_key;               // ambiguous_match: what they share
    std::string source_version;
    std::string target_version;
    json::object source_data; // mapped fields by shard field name; empty when deleted
    json::object target_data;
    json::object base_data;
    std::vector<ConflictField> fields;
    std::string note;
    std::string resolved_by;
    Timestamp created_at{};
    std::optional<Timestamp> resolved_at;

    Conflict() = default;
};

// The JSON document of the HTTP API and the command line; append_json writes its text at once.
[[nodiscard]] json::object to_json_object(const Conflict& conflict);
void append_json(std::string& out, const Conflict& conflict);

// What a person may answer.
struct ConflictResolution {
    enum class Choice {
        source,   // the source's values (or its deletion)
        target,
        values,   // `values` for the fields they name, required for every field that stands open
        link,     // ambiguous_match: these two (source_id, target_id) are the same record
        separate, // ambiguous_match: they are different records
    };
    Choice choice = Choice::source;
    json::object values; // by shard field
    std::string source_id;
    std::string target_id;
    std::string note;
    std::string actor;

    ConflictResolution() = default;
};

} // namespace castiel_sync

// Stream: (tenant, integration, entity mapping), the unit that owns links, cursors and a checkpoint. And what waits for
// a person on it: latches and parked records; and what its journal tells. Values.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/record.hpp>
#include <castiel_sync/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

enum class Rail { max_deletes, max_updates, empty_side, all_changed, mapping_changed, ping_pong };

[[nodiscard]] std::string_view to_string(Rail rail) noexcept;
[[nodiscard]] std::optional<Rail> parse_rail(std::string_view text) noexcept;

// A rail that tripped: the stream stands still in this flow until a person approves or rejects.
struct Latch {
    std::string latch_id;
    std::string stream_id;
    std::string integration_id;
    std::string entity_type;
    Rail rail = Rail::max_deletes;
    Side flow = Side::target;          // the side that would have been written
    std::string reason;                // with the figures: "142 of 500 linked records would be deleted (limit 100)"
    std::uint64_t count = 0;           // what it would have done
    std::vector<std::string> examples; // ids, at most 20
    std::string execution_id;
    Timestamp tripped_at{};

    Latch() = default;
};

[[nodiscard]] json::object to_json_object(const Latch& latch);
void append_json(std::string& out, const Latch& latch);

struct StreamSummary {
    std::string stream_id;
    std::string integration_id;
    std::string entity_type;    // external entity
    std::string shard_type_id;
    bool paused = false;
    bool running = false;       // a live lease
    std::uint64_t links = 0;
    std::uint64_t open_conflicts = 0;
    std::uint64_t parked = 0;
    bool caught_up = false;     // the last cycle ended; false: more is pending
    std::optional<Latch> latch;
    std::string last_execution_id;
    std::optional<Timestamp> last_run_at;

    StreamSummary() = default;
};

[[nodiscard]] json::object to_json_object(const StreamSummary& stream);
void append_json(std::string& out, const StreamSummary& stream);

struct ParkedRecord {
    std::string parked_id;
    std::string stream_id;
    std::string integration_id;
    std::string entity_type;
    std::string execution_id;
    Side side = Side::source;  // where the record was read
    std::string record_id;     // empty when the row does not say it
    std::string place;         // "contacts.jsonl:17", where the adapter knows
    Error reason;
    std::string field;         // where one field is to blame
    std::string payload;       // the record as read
    json::object sent;         // by shard field, where a create was sent and nobody knows whether it happened
    std::string sent_key;      // the idempotency key of that create
    std::uint64_t attempts = 1;
    bool discarded = false;    // a person set it aside; it comes back when the record changes on its side
    std::string version;       // of the record as read; a record that did not change is not tried again
    std::uint64_t pass = 0;    // the listing that met it last; rows without id end when a later listing does not
    Timestamp parked_at{};

    ParkedRecord() = default;
};

[[nodiscard]] json::object to_json_object(const ParkedRecord& parked);
void append_json(std::string& out, const ParkedRecord& parked);

struct JournalChange {
    std::string field;                 // shard field
    std::optional<json::value> before; // of the side that was written
    std::optional<json::value> after;
    std::string rule;                  // changed_on_source, changed_on_target, newest_wins, resolved_by:ada, …

    JournalChange() = default;
};

// One write that the engine made to one side, or a decision to keep a difference.
struct JournalEntry {
    std::string journal_id;
    std::string stream_id;
    std::string entity_type;
    std::string source_id;
    std::string target_id;
    std::string execution_id;
    std::string actor;    // "sync", or the person who resolved
    Side written = Side::target;
    // created, updated, deleted, linked, unlinked; or attempted: sent without an answer, and overwritten since
    std::string action;
    std::vector<JournalChange> changes;
    Timestamp at{};

    JournalEntry() = default;
};

[[nodiscard]] json::object to_json_object(const JournalEntry& entry);
void append_json(std::string& out, const JournalEntry& entry);

// One line of a plan: what a run would do with a record, writing nothing.
struct PlannedField {
    std::string field;
    std::optional<json::value> base;
    std::optional<json::value> source;
    std::optional<json::value> target;
    std::optional<json::value> result;

    PlannedField() = default;
};

struct PlannedRecord {
    std::string action; // create, update, delete, conflict, skip, park
    std::string entity_type;
    std::string source_id; // empty: none yet
    std::string shard_id;
    std::vector<PlannedField> fields;
    std::string reason;

    PlannedRecord() = default;
};

[[nodiscard]] json::object to_json_object(const PlannedRecord& planned);
void append_json(std::string& out, const PlannedRecord& planned);

} // namespace castiel_sync

// One record of one side, as an adapter reads it. A value.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>

#include <optional>
#include <string>
#include <vector>

namespace castiel_sync {

enum class Side { source, target }; // source = the external system, target = Castiel's shards, whatever flows

[[nodiscard]] constexpr Side other(Side side) noexcept { return side == Side::source ? Side::target : Side::source; }
[[nodiscard]] std::string_view to_string(Side side) noexcept;
[[nodiscard]] std::optional<Side> parse_side(std::string_view text) noexcept;

inline constexpr std::size_t max_record_id_bytes = 512;

struct Record {
    std::string id;                       // 1 to 512 bytes of UTF-8, unique in its entity, stable for the record's life
    bool integer_id = false;              // the system writes this id as a JSON integer; references to it do the same
    json::object fields;                  // everything the system holds, mapped or not; empty for a tombstone
    std::string version;                  // opaque, compared for equality only; changes with every change of content
    std::optional<Timestamp> modified_at; // advisory; used by newest_wins only
    bool deleted = false;                 // a tombstone: the system says that this record is gone

    Record() = default;
};

// A row that the adapter received and can't turn into a Record. It is parked; the rest of the page goes on.
struct RecordFault {
    std::string id;      // empty when the row does not say it
    std::string place;   // where a person finds it: "contacts.jsonl:17"
    Error error;         // invalid_record
    std::string payload; // the row as received, cut to 64 KiB; it may hold personal data, never log it

    RecordFault() = default;
};

} // namespace castiel_sync

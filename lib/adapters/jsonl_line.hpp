// One line of a .jsonl file: which record it holds, the record itself, and the line for a record. Pure.
#pragma once

#include <castiel_sync/adapters/jsonl.hpp>
#include <castiel_sync/record.hpp>

#include <string>
#include <string_view>

namespace castiel_sync {

// What a line says about its id. `text` points into the line or into the scratch string of the call.
struct LineId {
    enum class Kind {
        known,      // this record, whether or not the rest of the line is valid
        invalid,    // an id that no record can have (too long, holds U+0000)
        unreadable, // the line could be any record
    };
    Kind kind = Kind::unreadable;
    std::string_view text;
    bool integer = false;
};

// Looks only as far into the line as the id needs; what it can't judge for certain it parses.
[[nodiscard]] LineId read_line_id(std::string_view line, const JsonlOptions& options, std::string& scratch);

// The record that the line holds, or why it holds none (invalid_record; the caller adds the place).
[[nodiscard]] Result<Record> parse_line(std::string_view line, const JsonlOptions& options);

[[nodiscard]] std::string line_version(std::string_view line);

struct NewLine {
    std::string text;
    Record record; // as it will be read
};

// The line for these fields. The id member is put first when `fields` has none; one that differs in text or type is
// refused, and so is whatever could not be read back (invalid_record).
[[nodiscard]] Result<NewLine> make_line(json::object fields, std::string_view id, bool integer_id,
                                        const JsonlOptions& options);

// The line for a person to look at: cut to 64 KiB, with U+FFFD for what is not UTF-8.
[[nodiscard]] std::string make_payload(std::string_view line);

inline constexpr std::size_t max_payload_bytes = 64 * 1024;
inline constexpr std::size_t max_jsonl_line_bytes = 1024 * 1024 * 1024;

} // namespace castiel_sync

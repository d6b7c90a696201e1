// One state of one .jsonl file: its open descriptor and an index of its lines, 24 bytes each. Blocking.
//
// Lines are listed by (hash of the id, id), an order that neither edits nor rewriting disturb: a listing goes on after
// both, in any later process. A line that can't be a record has its place by the hash of its text.
//
// Wherever the file may have changed under our hands (truncated or written in place), the answer is nullopt: throw the
// snapshot away and take a new one. What is answered is never half a line.
#pragma once

#include <adapters/jsonl_line.hpp>
#include <files/files.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace castiel_sync {

inline constexpr std::string_view byte_order_mark = "\xef\xbb\xbf"; // at the beginning of the file, part of no line

// nullopt: the file changed meanwhile.
template <class T>
using Steady = Result<std::optional<T>>;

class JsonlEntry {
public:
    enum class Kind : std::uint8_t {
        record,     // has a readable id that no other line has; the rest may still be invalid
        duplicate,  // its id stands on several lines
        invalid,    // its id is none that a record can have
        unreadable, // it could be any record
        over_long,  // over max_line_bytes, so unreadable too
    };

    JsonlEntry(Kind kind, std::uint64_t hash, std::uint64_t offset, std::uint32_t length, std::uint32_t line)
        : hash_(hash), place_(offset << 8 | static_cast<std::uint64_t>(kind)), length_(length), line_(line) {}

    [[nodiscard]] Kind kind() const { return static_cast<Kind>(place_ & 0xff); }
    [[nodiscard]] std::uint64_t hash() const { return hash_; }
    [[nodiscard]] std::uint64_t offset() const { return place_ >> 8; }
    [[nodiscard]] std::uint32_t length() const { return length_; } // without line end; cut for over_long
    [[nodiscard]] std::uint32_t line() const { return line_; }     // from 1
    [[nodiscard]] bool has_id() const { return kind() == Kind::record || kind() == Kind::duplicate; }

    void mark_duplicate() { place_ = offset() << 8 | static_cast<std::uint64_t>(Kind::duplicate); }
    [[nodiscard]] JsonlEntry moved_to(std::uint64_t offset, std::uint32_t length, std::uint32_t line) const {
        return {kind(), hash_, offset, length, line};
    }

private:
    std::uint64_t hash_;
    std::uint64_t place_;
    std::uint32_t length_;
    std::uint32_t line_;
};
static_assert(sizeof(JsonlEntry) == 24, "the index of ten million records has to fit into memory");

// Where a listing stands: behind this line.
struct JsonlPosition {
    std::uint64_t hash = 0;
    std::optional<std::string> id; // nullopt: behind the `ordinal`-th of the lines with this hash that are no records
    std::uint64_t ordinal = 0;
};

struct JsonlLine {
    std::string_view text;      // valid until the next read of the snapshot
    std::size_t end_length = 0; // of "\n", "\r\n" or, at the end of the file, "\r" or nothing
};

struct JsonlLookup {
    enum class State { absent, present, duplicate };
    State state = State::absent;
    const JsonlEntry* entry = nullptr; // present
    JsonlLine line;                    // present
    std::string lines;                 // duplicate: "3, 17"
};

// What the index of a rewritten file is derived from, so that it need not be read again.
struct JsonlEdit {
    std::uint64_t offset = 0; // of the line in the old file
    std::uint64_t length = 0; // of its text
    std::uint64_t end_length = 0;
    std::optional<std::string> new_text; // nullopt: removed together with its line end
};

class JsonlSnapshot {
public:
    // `path` is read; `name` stands in messages: "contacts.jsonl".
    [[nodiscard]] static Steady<JsonlSnapshot> take(std::string path, std::string name, const JsonlOptions& options);

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] const FileDescriptor& file() const { return file_; }
    [[nodiscard]] const FileIdentity& identity() const { return identity_; }
    [[nodiscard]] const JsonlOptions& options() const { return options_; }
    [[nodiscard]] const std::vector<JsonlEntry>& entries() const { return entries_; }
    [[nodiscard]] std::uint64_t records() const { return records_; }
    [[nodiscard]] std::string_view line_end() const { return carriage_returns_ ? "\r\n" : "\n"; }
    // With these edits made, the last line has no line end.
    [[nodiscard]] bool ends_within_line(const std::vector<JsonlEdit>& edits) const;
    // What it lacks then.
    [[nodiscard]] std::string_view missing_line_end() const { return ends_within_line_end_ ? "\n" : line_end(); }
    // A line that could be any record, or nullptr.
    [[nodiscard]] const JsonlEntry* unreadable() const;
    [[nodiscard]] std::string place(const JsonlEntry& entry) const;

    // The file that the path names is still in this state.
    [[nodiscard]] Result<bool> is_current() const;
    // The open file is.
    [[nodiscard]] Result<bool> is_untouched() const;

    [[nodiscard]] Steady<JsonlLine> read(const JsonlEntry& entry);
    // The first max_payload_bytes of an over-long line.
    [[nodiscard]] Result<std::string> read_beginning(const JsonlEntry& entry) const;
    [[nodiscard]] Steady<JsonlLookup> find(std::string_view id);
    // Index of the first entry behind the position.
    [[nodiscard]] Steady<std::size_t> seek(const JsonlPosition& position);
    [[nodiscard]] JsonlPosition position_of(std::size_t entry, std::string_view id) const;
    [[nodiscard]] std::string lines_with(const JsonlEntry& duplicate) const;

    // This snapshot as it is once `edits` (in file order) and `appended` (id, text) are in `file`. nullopt also where a
    // line came to stand first whose beginning is a byte order mark there.
    [[nodiscard]] Steady<JsonlSnapshot> rewritten(FileDescriptor file, const std::vector<JsonlEdit>& edits,
                                                  const std::vector<std::pair<std::string, std::string>>& appended) &&;

private:
    friend class JsonlScanner;
    JsonlSnapshot(std::string path, std::string name, const JsonlOptions& options, FileDescriptor file,
                  const FileIdentity& identity)
        : path_(std::move(path)), name_(std::move(name)), options_(options), file_(std::move(file)),
          identity_(identity) {}

    // The id of an entry that has one; its line stays in the buffer.
    [[nodiscard]] Steady<std::string_view> read_id(const JsonlEntry& entry, JsonlLine& line);
    [[nodiscard]] Steady<bool> put_in_order();
    [[nodiscard]] Steady<bool> put_run_in_order(std::size_t begin, std::size_t end);
    void count();

    std::string path_;
    std::string name_;
    JsonlOptions options_;
    FileDescriptor file_;
    FileIdentity identity_;
    std::vector<JsonlEntry> entries_;
    std::uint64_t records_ = 0;
    std::uint32_t lines_ = 0;
    std::uint64_t beginning_ = 0; // 3 behind a byte order mark
    std::optional<std::size_t> unreadable_;
    bool carriage_returns_ = false;
    bool ends_within_line_ = false;
    bool ends_within_line_end_ = false; // between "\r" and "\n"
    std::string buffer_;
    std::string scratch_;
};

} // namespace castiel_sync

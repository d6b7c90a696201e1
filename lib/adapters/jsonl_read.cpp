// Reading: pages of a listing, and records by id.
#include <core/hashes.hpp>
#include <adapters/jsonl_adapter.hpp>

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace castiel_sync {
namespace {

// A page holds no more text than this, but always one line.
constexpr std::uint64_t max_page_text = 8 * 1024 * 1024;

using Kind = JsonlEntry::Kind;

// "1.r.<hash>.<id>" behind a record, "1.o.<hash>.<ordinal>" behind another line.
std::string write_cursor(const JsonlPosition& position) {
    return position.id ? fmt::format("1.r.{:016x}.{}", position.hash, *position.id)
                       : fmt::format("1.o.{:016x}.{}", position.hash, position.ordinal);
}

bool read_number(std::string_view text, int base, std::uint64_t& number) {
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return fault == std::errc() && end == text.data() + text.size();
}

Result<JsonlPosition> read_cursor(std::string_view cursor) {
    constexpr std::size_t head = 4;
    constexpr std::size_t digits = 16;
    JsonlPosition position;
    const bool record = cursor.starts_with("1.r.");
    const bool sized = cursor.size() > head + digits + 1 && cursor[head + digits] == '.';
    if (sized && (record || cursor.starts_with("1.o.")) &&
        read_number(cursor.substr(head, digits), 16, position.hash)) {
        const std::string_view tail = cursor.substr(head + digits + 1);
        if (record) {
            position.id = std::string(tail);
            return position;
        }
        if (read_number(tail, 10, position.ordinal)) return position;
    }
    return Error(ErrorCode::cursor_expired, "this is no cursor of the jsonl adapter; list from the beginning");
}

Error at(const JsonlSnapshot& snapshot, const JsonlEntry& entry, const Error& error) {
    return Error(ErrorCode::invalid_record, fmt::format("{}: {}", snapshot.place(entry), error.message));
}

Error duplicate_error(const JsonlSnapshot& snapshot, std::string_view id, std::string_view lines) {
    return Error(ErrorCode::invalid_record,
                 fmt::format("{}: the id \"{}\" stands on lines {}; keep one of them", snapshot.path(), id, lines));
}

Result<RecordFault> over_long_fault(const JsonlSnapshot& snapshot, const JsonlEntry& entry) {
    auto beginning = snapshot.read_beginning(entry);
    if (!beginning) return beginning.error();
    RecordFault fault;
    fault.place = snapshot.place(entry);
    fault.error = Error(ErrorCode::invalid_record,
                        fmt::format("{}: the line has more than {} bytes; shorten it or raise maxLineBytes",
                                    fault.place, snapshot.options().max_line_bytes));
    fault.payload = make_payload(*beginning);
    return Result<RecordFault>(std::move(fault));
}

// Adds the entry to the page, as a record or as a fault, and answers its id. nullopt: the file changed.
Steady<std::string> add_to_page(JsonlSnapshot& snapshot, const JsonlEntry& entry, RecordPage& page) {
    if (entry.kind() == Kind::over_long) {
        auto fault = over_long_fault(snapshot, entry);
        if (!fault) return fault.error();
        page.faults.push_back(std::move(*fault));
        return std::optional(std::string());
    }
    auto line = snapshot.read(entry);
    if (!line) return line.error();
    if (!*line) return std::optional<std::string>();
    const std::string_view text = (*line)->text;
    std::string id;
    if (entry.has_id()) {
        std::string scratch;
        id = read_line_id(text, snapshot.options(), scratch).text;
        if (hash64(id) != entry.hash()) return std::optional<std::string>();
    }
    RecordFault fault;
    if (entry.kind() == Kind::duplicate) {
        fault.error = duplicate_error(snapshot, id, snapshot.lines_with(entry));
    } else {
        auto record = parse_line(text, snapshot.options());
        // What was no record when the index was made still is none, or the file has changed.
        if (record && !entry.has_id()) return std::optional<std::string>();
        if (record) {
            page.records.push_back(std::move(*record));
            return std::optional(std::move(id));
        }
        fault.error = at(snapshot, entry, record.error());
    }
    fault.id = id;
    fault.place = snapshot.place(entry);
    fault.payload = make_payload(text);
    page.faults.push_back(std::move(fault));
    return std::optional(std::move(id));
}

FetchedRecord unknown(Error error) {
    FetchedRecord fetched;
    fetched.error = std::move(error);
    return fetched;
}

FetchedRecord absent(const JsonlSnapshot& snapshot, const std::string& id) {
    if (const JsonlEntry* line = snapshot.unreadable())
        return unknown(Error(
            ErrorCode::invalid_record,
            fmt::format("{} can't be read and may be the record \"{}\"; mend that line", snapshot.place(*line), id)));
    FetchedRecord fetched;
    fetched.presence = FetchedRecord::Presence::absent;
    return fetched;
}

Steady<FetchedRecord> fetch_one(JsonlSnapshot& snapshot, const std::string& id) {
    auto lookup = snapshot.find(id);
    if (!lookup) return lookup.error();
    if (!*lookup) return std::optional<FetchedRecord>();
    const JsonlLookup& found = **lookup;
    if (found.state == JsonlLookup::State::absent) return std::optional(absent(snapshot, id));
    if (found.state == JsonlLookup::State::duplicate)
        return std::optional(unknown(duplicate_error(snapshot, id, found.lines)));
    auto record = parse_line(found.line.text, snapshot.options());
    if (!record) return std::optional(unknown(at(snapshot, *found.entry, record.error())));
    FetchedRecord fetched;
    fetched.presence = FetchedRecord::Presence::present;
    fetched.record = std::move(*record);
    return std::optional(std::move(fetched));
}

} // namespace

Steady<RecordPage> JsonlAdapter::read_page(JsonlSnapshot& snapshot, const PullRequest& request) const {
    std::size_t begin = 0;
    if (!request.cursor.empty()) {
        auto position = read_cursor(request.cursor);
        if (!position) return position.error();
        auto found = snapshot.seek(*position);
        if (!found) return found.error();
        if (!*found) return std::optional<RecordPage>();
        begin = **found;
    }
    RecordPage page;
    page.listing = true;
    page.total = snapshot.records();
    // The place behind nothing: an ordinal of 0 under the lowest hash.
    page.next = request.cursor.empty() ? write_cursor(JsonlPosition()) : request.cursor;
    const std::size_t limit = std::min(request.max_records, capabilities().max_page_records);
    const auto& entries = snapshot.entries();
    std::uint64_t text = 0;
    std::size_t place = begin;
    std::string id;
    for (; place < entries.size() && place - begin < limit; ++place) {
        text += std::min<std::uint64_t>(entries[place].length(), options_.max_line_bytes);
        if (place > begin && text > max_page_text) break;
        auto added = add_to_page(snapshot, entries[place], page);
        if (!added) return added.error();
        if (!*added) return std::optional<RecordPage>();
        id = std::move(**added);
    }
    page.has_more = place < entries.size();
    if (place > begin) page.next = write_cursor(snapshot.position_of(place - 1, id));
    return std::optional(std::move(page));
}

Steady<std::vector<FetchedRecord>> JsonlAdapter::look_up(JsonlSnapshot& snapshot, const FetchRequest& request) const {
    std::vector<std::string> ids = request.ids;
    for (const std::string& key : request.idempotency_keys)
        ids.push_back(id_from_key(key));
    std::vector<FetchedRecord> answers;
    answers.reserve(ids.size());
    for (const std::string& id : ids) {
        auto answer = fetch_one(snapshot, id);
        if (!answer) return answer.error();
        if (!*answer) return std::optional<std::vector<FetchedRecord>>();
        answers.push_back(std::move(**answer));
    }
    return std::optional(std::move(answers));
}

} // namespace castiel_sync

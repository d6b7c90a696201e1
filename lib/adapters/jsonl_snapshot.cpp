#include <core/hashes.hpp>
#include <adapters/jsonl_snapshot.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace castiel_sync {
namespace {

bool is_record(const JsonlEntry& entry) { return entry.kind() == JsonlEntry::Kind::record; }

bool before(const JsonlEntry& left, const JsonlEntry& right) {
    return std::tuple(left.hash(), !is_record(left), left.offset()) <
           std::tuple(right.hash(), !is_record(right), right.offset());
}

struct ByHash {
    bool operator()(const JsonlEntry& entry, std::uint64_t hash) const { return entry.hash() < hash; }
    bool operator()(std::uint64_t hash, const JsonlEntry& entry) const { return hash < entry.hash(); }
};

} // namespace

const JsonlEntry* JsonlSnapshot::unreadable() const { return unreadable_ ? &entries_[*unreadable_] : nullptr; }

std::string JsonlSnapshot::place(const JsonlEntry& entry) const { return fmt::format("{}:{}", name_, entry.line()); }

bool JsonlSnapshot::ends_within_line(const std::vector<JsonlEdit>& edits) const {
    if (!ends_within_line_ || edits.empty()) return ends_within_line_;
    const JsonlEdit& last = edits.back();
    const bool last_line = last.offset + last.length + last.end_length == identity_.size;
    return last.new_text || !last_line;
}

Result<bool> JsonlSnapshot::is_current() const {
    auto now = identify(path_);
    if (!now) return now.error();
    return *now == identity_;
}

Result<bool> JsonlSnapshot::is_untouched() const {
    auto now = identify(file_, path_);
    if (!now) return now.error();
    return *now == identity_;
}

Steady<JsonlLine> JsonlSnapshot::read(const JsonlEntry& entry) {
    // With the byte before and the line end behind, so that a line which moved is noticed.
    const std::size_t ahead = entry.offset() > beginning_ ? 1 : 0;
    const std::size_t wanted = ahead + entry.length() + 2;
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    auto count = read_at(file_, buffer_.data(), wanted, entry.offset() - ahead, path_);
    if (!count) return count.error();
    const std::string_view bytes(buffer_.data(), *count);
    if (bytes.size() < ahead + entry.length() || (ahead == 1 && bytes.front() != '\n'))
        return std::optional<JsonlLine>();
    const std::string_view behind = bytes.substr(ahead + entry.length());
    JsonlLine line;
    line.text = bytes.substr(ahead, entry.length());
    if (behind.starts_with('\n'))
        line.end_length = 1;
    else if (behind == "\r\n")
        line.end_length = 2;
    else if (behind == "\r" && entry.offset() + entry.length() + 1 == identity_.size)
        line.end_length = 1;
    else if (!behind.empty() || entry.offset() + entry.length() != identity_.size)
        return std::optional<JsonlLine>();
    return std::optional(line);
}

Result<std::string> JsonlSnapshot::read_beginning(const JsonlEntry& entry) const {
    std::string text(max_payload_bytes, '\0');
    auto count = read_at(file_, text.data(), text.size(), entry.offset(), path_);
    if (!count) return count.error();
    text.resize(*count);
    return Result<std::string>(std::move(text));
}

Steady<std::string_view> JsonlSnapshot::read_id(const JsonlEntry& entry, JsonlLine& line) {
    auto found = read(entry);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string_view>();
    line = **found;
    const LineId id = read_line_id(line.text, options_, scratch_);
    if (id.kind != LineId::Kind::known || hash64(id.text) != entry.hash()) return std::optional<std::string_view>();
    return std::optional(id.text);
}

Steady<JsonlLookup> JsonlSnapshot::find(std::string_view id) {
    const auto [begin, end] = std::equal_range(entries_.begin(), entries_.end(), hash64(id), ByHash{});
    for (auto entry = begin; entry != end; ++entry) {
        if (!entry->has_id()) continue;
        JsonlLine line;
        auto found = read_id(*entry, line);
        if (!found) return found.error();
        if (!*found) return std::optional<JsonlLookup>();
        if (**found != id) continue;
        JsonlLookup lookup;
        if (is_record(*entry)) {
            lookup.state = JsonlLookup::State::present;
            lookup.entry = &*entry;
            lookup.line = line;
        } else {
            lookup.state = JsonlLookup::State::duplicate;
            lookup.lines = lines_with(*entry);
        }
        return std::optional(std::move(lookup));
    }
    return std::optional(JsonlLookup());
}

Steady<std::size_t> JsonlSnapshot::seek(const JsonlPosition& position) {
    const auto [begin, end] = std::equal_range(entries_.begin(), entries_.end(), position.hash, ByHash{});
    auto entry = begin;
    std::uint64_t others = 0;
    for (; entry != end; ++entry) {
        if (!is_record(*entry)) {
            if (position.id || ++others > position.ordinal) break;
            continue;
        }
        if (!position.id) continue;
        JsonlLine line;
        auto id = read_id(*entry, line);
        if (!id) return id.error();
        if (!*id) return std::optional<std::size_t>();
        if (**id > *position.id) break;
    }
    return std::optional(static_cast<std::size_t>(entry - entries_.begin()));
}

JsonlPosition JsonlSnapshot::position_of(std::size_t entry, std::string_view id) const {
    JsonlPosition position;
    position.hash = entries_[entry].hash();
    if (is_record(entries_[entry])) {
        position.id = std::string(id);
        return position;
    }
    for (std::size_t place = entry + 1; place-- > 0;) {
        if (entries_[place].hash() != position.hash || is_record(entries_[place])) break;
        ++position.ordinal;
    }
    return position;
}

std::string JsonlSnapshot::lines_with(const JsonlEntry& duplicate) const {
    constexpr std::size_t most = 5;
    const auto [begin, end] = std::equal_range(entries_.begin(), entries_.end(), duplicate.hash(), ByHash{});
    std::string lines;
    std::size_t count = 0;
    for (auto entry = begin; entry != end; ++entry) {
        if (entry->kind() != JsonlEntry::Kind::duplicate || ++count > most) continue;
        if (!lines.empty()) lines += ", ";
        lines += std::to_string(entry->line());
    }
    if (count > most) lines += fmt::format(" and {} more", count - most);
    return lines;
}

Steady<bool> JsonlSnapshot::put_in_order() {
    std::sort(entries_.begin(), entries_.end(), before);
    for (std::size_t begin = 0; begin < entries_.size();) {
        std::size_t end = begin + 1;
        while (end < entries_.size() && entries_[end].hash() == entries_[begin].hash())
            ++end;
        if (end - begin > 1 && is_record(entries_[begin + 1])) {
            auto ordered = put_run_in_order(begin, end);
            if (!ordered || !*ordered) return ordered;
        }
        begin = end;
    }
    count();
    return std::optional(true);
}

// Lines whose ids have one hash: nearly always the same id more than once.
Steady<bool> JsonlSnapshot::put_run_in_order(std::size_t begin, std::size_t end) {
    std::vector<std::pair<std::string, JsonlEntry>> records;
    std::vector<JsonlEntry> others;
    for (std::size_t place = begin; place < end; ++place) {
        if (!is_record(entries_[place])) {
            others.push_back(entries_[place]);
            continue;
        }
        JsonlLine line;
        auto id = read_id(entries_[place], line);
        if (!id) return id.error();
        if (!*id) return std::optional<bool>();
        records.emplace_back(**id, entries_[place]);
    }
    const auto by_id = [](const auto& left, const auto& right) { return left.first < right.first; };
    std::sort(records.begin(), records.end(), by_id);
    std::size_t place = begin;
    for (auto record = records.begin(); record != records.end();) {
        const auto next =
            std::find_if(record, records.end(), [&](const auto& other) { return other.first != record->first; });
        if (next - record == 1) {
            entries_[place++] = record->second;
        } else {
            for (auto duplicate = record; duplicate != next; ++duplicate) {
                duplicate->second.mark_duplicate();
                others.push_back(duplicate->second);
            }
        }
        record = next;
    }
    std::sort(others.begin(), others.end(), before);
    std::copy(others.begin(), others.end(), entries_.begin() + static_cast<std::ptrdiff_t>(place));
    return std::optional(true);
}

void JsonlSnapshot::count() {
    records_ = 0;
    unreadable_.reset();
    for (std::size_t place = 0; place < entries_.size(); ++place) {
        const JsonlEntry& entry = entries_[place];
        if (is_record(entry)) ++records_;
        const bool unreadable =
            entry.kind() == JsonlEntry::Kind::unreadable || entry.kind() == JsonlEntry::Kind::over_long;
        if (unreadable && (!unreadable_ || entry.line() < entries_[*unreadable_].line())) unreadable_ = place;
    }
}

Steady<JsonlSnapshot> JsonlSnapshot::rewritten(FileDescriptor file, const std::vector<JsonlEdit>& edits,
                                               const std::vector<std::pair<std::string, std::string>>& appended) && {
    auto identity = identify(file, path_);
    if (!identity) return identity.error();

    // What has been inserted and removed in front of the n-th edit. Unsigned arithmetic wraps, and back again.
    std::vector<std::uint64_t> shifts(edits.size() + 1, 0);
    std::vector<std::uint32_t> removals(edits.size() + 1, 0);
    for (std::size_t place = 0; place < edits.size(); ++place) {
        const JsonlEdit& edit = edits[place];
        const std::uint64_t gone = edit.new_text ? edit.length : edit.length + edit.end_length;
        shifts[place + 1] = shifts[place] - gone + (edit.new_text ? edit.new_text->size() : 0);
        removals[place + 1] = removals[place] + (edit.new_text ? 0 : 1);
    }

    std::size_t kept = 0;
    for (const JsonlEntry& entry : entries_) {
        const auto edit =
            std::lower_bound(edits.begin(), edits.end(), entry.offset(),
                             [](const JsonlEdit& one, std::uint64_t offset) { return one.offset < offset; });
        const auto place = static_cast<std::size_t>(edit - edits.begin());
        const bool edited = edit != edits.end() && edit->offset == entry.offset();
        if (edited && !edit->new_text) continue;
        const std::uint32_t length = edited ? static_cast<std::uint32_t>(edit->new_text->size()) : entry.length();
        entries_[kept++] = entry.moved_to(entry.offset() + shifts[place], length, entry.line() - removals[place]);
    }
    entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(kept), entries_.end());
    entries_.reserve(kept + appended.size()); // and no more: the index is what memory holds of each line

    std::uint64_t end = identity_.size + shifts.back();
    lines_ -= removals.back();
    ends_within_line_ = ends_within_line(edits);
    for (const auto& [id, text] : appended) {
        if (std::exchange(ends_within_line_, false)) end += missing_line_end().size();
        entries_.emplace_back(JsonlEntry::Kind::record, hash64(id), end, static_cast<std::uint32_t>(text.size()),
                              ++lines_);
        end += text.size() + line_end().size();
    }

    file_ = std::move(file);
    identity_ = *identity;
    char beginning[byte_order_mark.size()];
    auto count = read_at(file_, beginning, sizeof(beginning), 0, path_);
    if (!count) return count.error();
    if (beginning_ == 0 && std::string_view(beginning, *count) == byte_order_mark)
        return std::optional<JsonlSnapshot>();
    auto ordered = put_in_order();
    if (!ordered) return ordered.error();
    if (!*ordered || identity_.size != end) return std::optional<JsonlSnapshot>();
    return std::optional<JsonlSnapshot>(std::move(*this));
}

} // namespace castiel_sync

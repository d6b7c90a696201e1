// The ids of documents, which say what is in them, and the create that a link tells of.
#include <engine/documents.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <utility>

namespace castiel_sync {
namespace {

XXH128_hash_t hash_parts(std::initializer_list<std::string_view> parts) {
    std::string joined;
    for (const auto part : parts) {
        joined += std::to_string(part.size()); // lengths keep ("a","bc") apart from ("ab","c")
        joined += ':';
        joined += part;
    }
    return XXH3_128bits(joined.data(), joined.size());
}

void append_hexadecimal(std::string& out, std::uint64_t value) {
    for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[(value >> shift) & 0xF];
}

} // namespace

std::string make_stream_id(std::string_view integration_id, std::string_view mapping_id) {
    std::string id;
    append_hexadecimal(id, hash_parts({integration_id, mapping_id}).low64);
    return id;
}

std::string hash_of(std::initializer_list<std::string_view> parts) {
    const auto hash = hash_parts(parts);
    std::string text;
    append_hexadecimal(text, hash.high64);
    append_hexadecimal(text, hash.low64);
    return text;
}

std::string uuid_of(std::initializer_list<std::string_view> parts) {
    std::string text = hash_of(parts);
    text[12] = '8'; // version 8: custom, RFC 9562
    text[16] = '8';
    for (const std::size_t position : {8U, 13U, 18U, 23U}) text.insert(position, 1, '-');
    return text;
}

std::string candidate_id(std::string_view stream_id, Side side, std::string_view record_id) {
    return std::string(stream_id) + (side == Side::source ? "-s-" : "-t-") + std::string(record_id);
}
std::string link_id(std::string_view stream_id, std::int64_t ordinal) {
    return fmt::format("{}-{}", stream_id, ordinal);
}
std::string deletion_id(std::string_view stream_id, Side side, std::string_view record_id) {
    return candidate_id(stream_id, side, record_id);
}
std::string parked_id(std::string_view stream_id, Side side, std::string_view record_id, std::string_view payload) {
    return hash_of({stream_id, to_string(side), record_id, record_id.empty() ? payload : std::string_view()});
}

std::string parked_conflict_id(const ParkedRecord& parked) { return uuid_of({"parked", parked.parked_id}); }

std::optional<JournalEntry> made_entry(const Link& link, std::string entity_type) {
    if (!link.made || !link.base) return std::nullopt;
    JournalEntry entry;
    entry.journal_id = link.made->journal_id;
    entry.stream_id = link.stream_id;
    entry.entity_type = std::move(entity_type);
    entry.source_id = link.source_id;
    entry.target_id = link.target_id;
    entry.execution_id = link.made->execution_id;
    entry.actor = link.made->actor;
    entry.written = link.made->written;
    entry.action = "created";
    entry.at = link.made->at;
    for (const auto& member : *link.base) {
        JournalChange change;
        change.field = member.key();
        change.after = member.value();
        change.rule = link.made->rule;
        entry.changes.push_back(std::move(change));
    }
    return entry;
}

std::optional<Link::Made> made_of(const JournalEntry& entry, const Link& link) {
    if (entry.action != "created" || entry.changes.empty() || !link.base) return std::nullopt;
    if (entry.source_id != link.source_id || entry.target_id != link.target_id) return std::nullopt;
    if (entry.changes.size() != link.base->size()) return std::nullopt;
    for (const JournalChange& change : entry.changes) {
        const json::value* held = link.base->if_contains(change.field);
        if (!held || change.before || change.after != *held) return std::nullopt;
        if (change.rule != entry.changes.front().rule) return std::nullopt;
    }
    return Link::Made{entry.journal_id, entry.execution_id, entry.actor, entry.changes.front().rule, entry.written,
                      entry.at};
}

} // namespace castiel_sync

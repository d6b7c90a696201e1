// The ids of documents, which say what is in them, and the create that a link tells of.
#include <engine/documents.hpp>

#include <core/hashes.hpp>

#include <initializer_list>
#include <utility>

namespace castiel_sync {
namespace {

std::string joined(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const auto part : parts) {
        text += std::to_string(part.size()); // lengths keep ("a","bc") apart from ("ab","c")
        text += ':';
        text += part;
    }
    return text;
}

} // namespace

std::string make_stream_id(std::string_view integration_id, std::string_view mapping_id) {
    return hash128(joined({integration_id, mapping_id})).substr(16);
}

std::string hash_of(std::initializer_list<std::string_view> parts) { return hash128(joined(parts)); }

std::string uuid_of(std::initializer_list<std::string_view> parts) { return id_from_key(joined(parts)); }

std::string candidate_id(std::string_view stream_id, Side side, std::string_view record_id) {
    return std::string(stream_id) + (side == Side::source ? "-s-" : "-t-") + std::string(record_id);
}
std::string link_id(std::string_view stream_id, std::int64_t ordinal) {
    std::string id(stream_id);
    id += '-';
    id += std::to_string(ordinal);
    return id;
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

std::optional<LinkCreate> made_by_base(const JournalEntry& entry, const std::string& rule, const Link& link) {
    if (entry.action != "created" || !link.base || link.base->empty()) return std::nullopt;
    if (entry.source_id != link.source_id || entry.target_id != link.target_id) return std::nullopt;
    return LinkCreate{entry.journal_id, entry.execution_id, entry.actor, rule, entry.written, entry.at};
}

std::optional<LinkCreate> made_of(const JournalEntry& entry, const Link& link) {
    if (entry.changes.empty() || !link.base) return std::nullopt;
    if (entry.changes.size() != link.base->size()) return std::nullopt;
    for (const JournalChange& change : entry.changes) {
        const json::value* held = link.base->if_contains(change.field);
        if (!held || change.before || change.after != *held) return std::nullopt;
        if (change.rule != entry.changes.front().rule) return std::nullopt;
    }
    return made_by_base(entry, entry.changes.front().rule, link);
}

} // namespace castiel_sync

// What the codecs of stored documents share: values that stand in several of them, and the way from a value to a
// document and back.
#pragma once

#include <castiel_sync/conflict.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/stream.hpp>
#include <castiel_sync/sync_task.hpp>
#include <core/filter.hpp>
#include <engine/archive.hpp>

#include <boost/json/monotonic_resource.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace castiel_sync {

inline void parse_name(std::string_view text, std::optional<Side>& out) { out = parse_side(text); }
inline void parse_name(std::string_view text, std::optional<Rail>& out) { out = parse_rail(text); }
inline void parse_name(std::string_view text, std::optional<Direction>& out) { out = parse_direction(text); }
inline void parse_name(std::string_view text, std::optional<Trigger>& out) { out = parse_trigger(text); }
inline void parse_name(std::string_view text, std::optional<SyncStatus>& out) { out = parse_sync_status(text); }
inline void parse_name(std::string_view text, std::optional<ErrorCode>& out) { out = parse_error_code(text); }
inline void parse_name(std::string_view text, std::optional<ConflictType>& out) { out = parse_conflict_type(text); }
inline void parse_name(std::string_view text, std::optional<Filter::Operator>& out) {
    out = parse_filter_operator(text);
}

template <class A>
void members(A& a, Error& v) {
    a("code", v.code);
    a("message", v.message);
}

template <class A>
void members(A& a, Filter& v) {
    a("field", v.field);
    a("operator", v.op);
    a("value", v.value);
}

template <class A>
void members(A& a, SyncCounters& v) {
    a("processed", v.processed);
    a("created", v.created);
    a("updated", v.updated);
    a("deleted", v.deleted);
    a("skipped", v.skipped);
    a("failed", v.failed);
    a("conflicts", v.conflicts);
}

template <class T>
std::string body_of(const T& value) {
    return written_text([&value](std::string& text) {
        ArchiveWriter writer(text);
        members(writer, const_cast<T&>(value)); // members only reads here
        writer.finish();
    });
}

template <class T, class... Index>
Document make_document(std::string_view kind, std::string id, const T& value, Index&&... index) {
    Document document;
    document.kind = kind;
    document.id = std::move(id);
    document.index.reserve(sizeof...(index));
    (document.index.emplace_back(std::forward<Index>(index)), ...);
    document.body = body_of(value);
    return document;
}

inline std::int64_t milliseconds(Timestamp time) { return time.time_since_epoch().count(); }

inline Error corrupted(const Document& document, std::string_view what) {
    return {ErrorCode::corrupted, "stored " + document.kind + " \"" + document.id + "\": " + std::string(what)};
}

// Takes the index values of a document; the first that is missing or of the wrong type is the fault.
class IndexReader {
public:
    explicit IndexReader(const Document& document) : document_(document) {}

    std::string text(std::size_t i) {
        const auto* text = at<std::string>(i);
        return text ? *text : std::string();
    }
    std::int64_t number(std::size_t i) {
        const auto* number = at<std::int64_t>(i);
        return number ? *number : 0;
    }
    [[nodiscard]] const Document& document() const { return document_; }
    [[nodiscard]] std::optional<std::size_t> fault() const { return fault_; }

private:
    template <class T>
    const T* at(std::size_t i) {
        const T* value = i < document_.index.size() ? std::get_if<T>(&document_.index[i]) : nullptr;
        if (!value && !fault_) fault_ = i;
        return value;
    }

    const Document& document_;
    std::optional<std::size_t> fault_;
};

template <class T>
Result<T> read(const IndexReader& index, std::string_view body, T value) {
    const Document& document = index.document();
    if (index.fault())
        return corrupted(document, "index value " + std::to_string(*index.fault()) + " is missing or malformed");
    // The tree ends with this call: an arena spares it an allocation for each name and text.
    std::array<unsigned char, 4096> room;
    json::monotonic_resource arena(room.data(), room.size());
    auto object = parse_json_object(body, {}, &arena);
    if (!object) return corrupted(document, object.error().message);
    ArchiveReader reader(*object);
    members(reader, value);
    if (!reader.ok()) return corrupted(document, "member \"" + reader.bad_member() + "\" is missing or malformed");
    return value;
}

template <class T>
Result<T> read(const IndexReader& index, T value) {
    return read(index, index.document().body, std::move(value));
}

// The same for a value whose id is made of what it holds: the document must have that id.
template <class T, class IdOf>
Result<T> read_named(const IndexReader& index, std::string_view body, T value, IdOf id_of) {
    auto result = read(index, body, std::move(value));
    if (result && id_of(*result) != index.document().id)
        return corrupted(index.document(), "it holds what belongs under \"" + id_of(*result) + "\"");
    return result;
}
template <class T, class IdOf>
Result<T> read_named(const IndexReader& index, T value, IdOf id_of) {
    return read_named(index, index.document().body, std::move(value), id_of);
}

} // namespace castiel_sync

#include "stores/store_rules.hpp"

#include <core/hashes.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::size_t max_name_bytes = 64;

Error invalid(std::string message) { return Error(ErrorCode::invalid_request, std::move(message)); }
Error misdeclared(std::string message) { return Error(ErrorCode::invalid_configuration, std::move(message)); }

bool is_name(std::string_view name) {
    const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    return !name.empty() && name.size() <= max_name_bytes && name[0] >= 'a' && name[0] <= 'z' &&
           std::all_of(name.begin(), name.end(), allowed);
}

// Names that stores use for themselves.
bool is_reserved_kind(std::string_view kind) { return kind.starts_with("castiel_") || kind.starts_with("sqlite_"); }

bool is_reserved_field(std::string_view field) {
    constexpr std::string_view reserved[] = {"partition", "id",   "etag", "expires_at",
                                             "body",      "kind", "row",  "checksum"};
    return std::find(std::begin(reserved), std::end(reserved), field) != std::end(reserved);
}

// The length of the well-formed sequence that begins `text`, 0 if there is none (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
std::size_t utf8_sequence(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
        return i < text.size() && byte(i) >= low && byte(i) <= high;
    };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
        const unsigned high = first == 0xED ? 0x9F : 0xBF;
        return continues(1, low, high) && continues(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned low = first == 0xF0 ? 0x90 : 0x80;
        const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
        return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_sequence(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

Result<> check_declaration(const KindDeclaration& declaration) {
    const std::string& kind = declaration.kind;
    if (!is_name(kind) || is_reserved_kind(kind))
        return misdeclared(fmt::format("kind \"{}\": a kind is named by 1 to 64 lower-case letters, digits and "
                                       "underscores, begins with a letter, and not with castiel_ or sqlite_",
                                       kind));
    std::set<std::string_view> fields;
    for (const std::string& field : declaration.fields) {
        if (!is_name(field) || is_reserved_field(field))
            return misdeclared(fmt::format("kind {}: \"{}\" can't name an index field: use 1 to 64 lower-case letters, "
                                           "digits and underscores, and none of the stores' own column names",
                                           kind, field));
        if (!fields.insert(field).second)
            return misdeclared(fmt::format("kind {}: the index field {} is declared twice", kind, field));
    }
    for (const auto& index : declaration.indexes) {
        if (index.fields.empty()) return misdeclared(fmt::format("kind {}: an index names no field", kind));
        std::set<std::string_view> named;
        for (const std::string& field : index.fields)
            if (!fields.contains(field) || !named.insert(field).second)
                return misdeclared(fmt::format("kind {}: an index names {}, which is not a declared field or is named "
                                               "there twice",
                                               kind, field));
    }
    return {};
}

using DocumentName = std::pair<std::string_view, std::string_view>; // kind and id
struct HashOfName {
    std::size_t operator()(const DocumentName& name) const { return hash64(name.second) ^ name.first.size(); }
};

std::string name_write(const Write& write, std::size_t position) {
    return fmt::format("write {} ({} {} \"{}\")", position,
                       write.action == Write::Action::put ? "put" : "remove", write.document.kind, write.document.id);
}

Result<> check_write(const KindCatalog& catalog, const StoreLimits& limits, const Write& write, std::size_t position) {
    const Document& document = write.document;
    const auto refuse = [&](std::string_view why) {
        return invalid(fmt::format("{}: {}", name_write(write, position), why));
    };
    const auto kind = catalog.find(document.kind);
    if (!kind) return refuse(kind.error().message);
    if (document.id.empty() || document.id.size() > max_document_id_bytes)
        return invalid(fmt::format("write {} (kind {}): the id has {} bytes; it must have 1 to {}", position,
                                   document.kind, document.id.size(), max_document_id_bytes));
    if (!is_utf8(document.id))
        return invalid(fmt::format("write {} (kind {}): the id is not valid UTF-8", position, document.kind));
    if (write.precondition == Write::Precondition::etag && document.etag.empty())
        return refuse("asks for the current etag and names none");
    if (write.action == Write::Action::remove)
        return write.precondition == Write::Precondition::absent ? Result<>(refuse("a removal can't ask for absence"))
                                                                 : Result<>();
    if (document.index.size() != (*kind)->fields.size())
        return refuse(fmt::format("has {} index values; the kind declares {}", document.index.size(),
                                  (*kind)->fields.size()));
    if (document.body.size() > limits.max_document_bytes)
        return refuse(fmt::format("the body has {} bytes; this store takes {}", document.body.size(),
                                  limits.max_document_bytes));
    return {};
}

} // namespace

Result<KindCatalog> KindCatalog::make(std::span<const KindDeclaration> kinds) {
    KindCatalog catalog;
    for (const KindDeclaration& declaration : kinds) {
        if (auto checked = check_declaration(declaration); !checked) return checked.error();
        if (!catalog.kinds_.emplace(declaration.kind, declaration).second)
            return misdeclared(fmt::format("the kind {} is declared twice", declaration.kind));
    }
    return catalog;
}

Result<const KindDeclaration*> KindCatalog::find(std::string_view kind) const {
    const auto found = kinds_.find(kind);
    if (found == kinds_.end())
        return invalid(fmt::format("the kind \"{}\" is not declared: add it to the kinds that the store is opened with",
                                   kind));
    return &found->second;
}

Result<> check_partition(std::string_view partition) {
    if (partition.empty() || partition.size() > max_document_id_bytes || !is_utf8(partition))
        return invalid(fmt::format("a partition is named by 1 to {} bytes of UTF-8", max_document_id_bytes));
    return {};
}

Result<> check_writes(const KindCatalog& catalog, const StoreLimits& limits, std::string_view partition,
                      std::span<const Write> writes) {
    if (auto checked = check_partition(partition); !checked) return checked;
    if (writes.size() > limits.max_writes)
        return invalid(fmt::format("a commit of {} writes; this store takes {}: split it", writes.size(),
                                   limits.max_writes));
    std::size_t bytes = 0;
    std::unordered_set<DocumentName, HashOfName> seen;
    seen.reserve(writes.size());
    for (std::size_t i = 0; i < writes.size(); ++i) {
        if (auto checked = check_write(catalog, limits, writes[i], i); !checked) return checked;
        const Document& document = writes[i].document;
        if (!seen.emplace(document.kind, document.id).second)
            return invalid(
                fmt::format("{}: the same document is written twice in one commit", name_write(writes[i], i)));
        if (writes[i].action == Write::Action::put) bytes += document.body.size();
    }
    if (bytes > limits.max_bytes)
        return invalid(fmt::format("a commit of {} bytes of bodies; this store takes {}: split it", bytes,
                                   limits.max_bytes));
    return {};
}

Error stale_write(const Write& write, std::size_t position, std::string_view found) {
    return Error(ErrorCode::stale, fmt::format("{}: {}", name_write(write, position), found));
}

std::optional<Error> check_precondition(const Write& write, std::size_t position, const Document* current) {
    switch (write.precondition) {
    case Write::Precondition::none: return std::nullopt;
    case Write::Precondition::absent:
        if (current == nullptr) return std::nullopt;
        return stale_write(write, position, "it exists already");
    case Write::Precondition::etag:
        if (current == nullptr) return stale_write(write, position, "it does not exist any more");
        if (current->etag == write.document.etag) return std::nullopt;
        return stale_write(write, position, "it has changed since it was read");
    }
    return std::nullopt;
}

} // namespace castiel_sync

#include "stores/sqlite_rows.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fmt/format.h>

#include <cstring>
#include <string>

namespace castiel_sync {
namespace {

void append(std::string& bytes, std::int64_t number) {
    char buffer[sizeof number];
    std::memcpy(buffer, &number, sizeof number);
    bytes.append(buffer, sizeof buffer);
}

void append(std::string& bytes, std::string_view text) {
    append(bytes, static_cast<std::int64_t>(text.size()));
    bytes.append(text);
}

} // namespace

std::int64_t checksum_of(const SqliteKind& kind, std::int64_t partition, std::int64_t etag, const Document& document) {
    std::string head;
    head.reserve(256);
    append(head, partition);
    append(head, etag);
    append(head, document.expires_at ? std::int64_t{1} : std::int64_t{0});
    if (document.expires_at) append(head, std::int64_t{document.expires_at->time_since_epoch().count()});
    append(head, document.id);
    for (const std::size_t field : kind.fields_by_name) {
        const IndexValue& value = document.index[field];
        append(head, static_cast<std::int64_t>(value.index()));
        if (const auto* number = std::get_if<std::int64_t>(&value)) append(head, *number);
        if (const auto* text = std::get_if<std::string>(&value)) append(head, *text);
    }
    const XXH64_hash_t seed = XXH3_64bits(head.data(), head.size());
    return static_cast<std::int64_t>(XXH3_64bits_withSeed(document.body.data(), document.body.size(), seed));
}

Result<Document> decode_row(const SqliteConnection& connection, const SqliteKind& kind, std::int64_t partition,
                            const SqliteStatement& statement) {
    Document document;
    document.kind = kind.declaration->kind;
    document.id = statement.text(sqlite_column::id);
    const std::int64_t etag = statement.number(sqlite_column::etag);
    document.etag = std::to_string(etag);
    if (!statement.is_null(sqlite_column::expires_at))
        document.expires_at = Timestamp(std::chrono::milliseconds(statement.number(sqlite_column::expires_at)));
    document.index.reserve(kind.declaration->fields.size());
    for (std::size_t i = 0; i < kind.declaration->fields.size(); ++i) {
        auto value = statement.value(sqlite_column::first_field + static_cast<int>(i));
        if (!value) return value.error();
        document.index.push_back(std::move(*value));
    }
    document.body = statement.text(sqlite_column::body);
    if (checksum_of(kind, partition, etag, document) != statement.number(sqlite_column::checksum))
        return Error(ErrorCode::corrupted,
                     fmt::format("{}: {} \"{}\" is not what was written: the file is damaged. Stop using it and "
                                 "restore it from a backup.",
                                 connection.path(), document.kind, document.id));
    return document;
}

} // namespace castiel_sync

// What every store checks before it does anything, so that all of them refuse the same things in the same words.
#pragma once

#include <castiel_sync/store.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

inline constexpr std::size_t max_document_id_bytes = 1000;
inline constexpr std::size_t max_query_limit = 1000;
inline constexpr std::size_t max_any_of_values = 1000;

// The kinds a store was opened with.
class KindCatalog {
public:
    // invalid_configuration for a name that a store can't carry, a name given twice, or an index over no such field.
    [[nodiscard]] static Result<KindCatalog> make(std::span<const KindDeclaration> kinds);

    [[nodiscard]] Result<const KindDeclaration*> find(std::string_view kind) const;
    [[nodiscard]] const std::map<std::string, KindDeclaration, std::less<>>& all() const noexcept { return kinds_; }

private:
    std::map<std::string, KindDeclaration, std::less<>> kinds_;
};

// Where a page ended. The next one begins after it, wherever that is by then.
struct Position {
    std::string partition;          // scan only
    std::vector<IndexValue> values; // of the fields of Query::order
    std::string id;
    std::string inner;              // a store that wraps another one keeps that one's continuation here

    Position() = default;
};

// A query whose names are resolved and whose values are checked.
struct CheckedQuery {
    struct Condition {
        std::size_t field;
        castiel_sync::Condition::Comparison comparison;
        std::vector<IndexValue> values; // any_of: sorted, each once
    };
    struct Order {
        std::size_t field;
        bool descending;
    };
    const KindDeclaration* kind = nullptr;
    std::vector<Condition> conditions;
    std::vector<Order> order;
    std::size_t limit = 0;
    std::optional<Position> after;
    std::uint64_t fingerprint = 0; // of everything but limit and continuation: what a continuation belongs to

    CheckedQuery() = default;

    [[nodiscard]] bool matches(const Document& document) const;
    // By order, then by id.
    [[nodiscard]] bool precedes(const Document& left, const Document& right) const;
    [[nodiscard]] bool is_after(const Position& position, const Document& document) const;
    [[nodiscard]] Position position_of(const Document& document) const;
    // The text that a caller hands back to go on after `position`.
    [[nodiscard]] std::string continue_after(const Position& position) const;
};

[[nodiscard]] Result<CheckedQuery> check_query(const KindCatalog& catalog, std::string_view partition,
                                               std::string_view kind, const Query& query);
[[nodiscard]] Result<CheckedQuery> check_scan(const KindCatalog& catalog, std::string_view kind, const Query& query);

[[nodiscard]] Result<> check_partition(std::string_view partition);
[[nodiscard]] Result<> check_writes(const KindCatalog& catalog, const StoreLimits& limits, std::string_view partition,
                                    std::span<const Write> writes);

// The stale error of writes[position], when the document that is there now (null: none) does not meet its precondition.
[[nodiscard]] std::optional<Error> check_precondition(const Write& write, std::size_t position,
                                                      const Document* current);
// `found` says what is there instead: "it does not exist".
[[nodiscard]] Error stale_write(const Write& write, std::size_t position, std::string_view found);

[[nodiscard]] inline bool is_expired(const Document& document, Timestamp now) {
    return document.expires_at && *document.expires_at <= now;
}

} // namespace castiel_sync

// Documents in memory with their declared indexes: what the memory store and the overlay are made of.
#pragma once

#include "stores/store_rules.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// The documents of one kind in one partition. Not copyable: the indexes point at the documents.
class MemoryTable {
public:
    explicit MemoryTable(const KindDeclaration& kind);
    MemoryTable(const MemoryTable&) = delete;
    MemoryTable& operator=(const MemoryTable&) = delete;

    // nullptr when there is none, or it has expired.
    [[nodiscard]] const Document* find(std::string_view id, Timestamp now) const;
    void put(Document document);
    void remove(std::string_view id);

    // The first `limit` visible documents that match, in the query's order, after the query's position.
    [[nodiscard]] std::vector<const Document*> select(const CheckedQuery& query, Timestamp now,
                                                      std::size_t limit) const;

    // Forgets up to `limit` expired documents.
    void remove_expired(Timestamp now, std::size_t limit);

private:
    // A place in an index: after or before every document whose first values are these.
    struct Bound {
        std::span<const IndexValue> values;
        std::string_view id; // looked at only when there is a value for every field
        bool has_id = false;
    };
    struct ByFields {
        using is_transparent = void;
        std::vector<std::size_t> fields;

        bool operator()(const Document* left, const Document* right) const;
        bool operator()(const Document* left, const Bound& right) const;
        bool operator()(const Bound& left, const Document* right) const;

    private:
        [[nodiscard]] int compare(const Document& document, const Bound& bound) const;
    };
    using Index = std::set<const Document*, ByFields>;

    // How a query walks an index: one range for each prefix.
    struct Walk {
        const Index* index = nullptr;
        std::vector<std::vector<IndexValue>> prefixes; // all of one length
        const IndexValue* lowest = nullptr;            // bounds of the field that follows the prefix
        const IndexValue* highest = nullptr;
        bool in_order = false; // the range yields the query's own order

        // How much of the query the index answers by itself.
        [[nodiscard]] std::size_t weight() const;
        [[nodiscard]] Index::const_iterator begin(const std::vector<IndexValue>& prefix,
                                                  const CheckedQuery& query) const;
        // The values that no document of the walk of one prefix goes beyond.
        [[nodiscard]] std::vector<IndexValue> last(const std::vector<IndexValue>& prefix) const;
    };

    [[nodiscard]] Walk plan(const CheckedQuery& query) const;
    [[nodiscard]] static Walk plan_index(const Index& index, const CheckedQuery& query);

    std::map<std::string, Document, std::less<>> documents_;
    std::vector<Index> indexes_; // the first one is by id alone
    std::set<std::pair<Timestamp, std::string>> expiries_;
};

// Tables by kind and partition, made when first written.
class MemoryTables {
public:
    [[nodiscard]] const MemoryTable* find(std::string_view kind, std::string_view partition) const;
    [[nodiscard]] MemoryTable& at(const KindDeclaration& kind, const std::string& partition);

    // The first `limit` visible documents of all partitions that match, by partition and id, after the query's
    // position.
    [[nodiscard]] std::vector<ScannedDocument> scan(const CheckedQuery& query, Timestamp now, std::size_t limit) const;

private:
    using Partitions = std::map<std::string, MemoryTable, std::less<>>;
    std::map<std::string, Partitions, std::less<>> kinds_;
};

// Cuts a page off a selection that was asked for one more than the page holds.
[[nodiscard]] ScanPage make_scan_page(const CheckedQuery& query, std::vector<ScannedDocument> selected);

} // namespace castiel_sync

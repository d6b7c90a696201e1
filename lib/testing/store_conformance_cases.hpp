// The cases by subject, and what they are written with.
#pragma once

#include <castiel_sync/testing/store_conformance.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::testing {

[[nodiscard]] std::vector<StoreCase> store_commit_cases();
[[nodiscard]] std::vector<StoreCase> store_query_cases();
[[nodiscard]] std::vector<StoreCase> store_paging_cases();
[[nodiscard]] std::vector<StoreCase> store_lifetime_cases();

inline const std::string item_kind = "conformance_item";   // fields category, rank, label (indexed) and note (not)
inline const std::string other_kind = "conformance_other"; // no fields
inline const std::string tenant = "tenant-1";
inline const std::string other_tenant = "tenant-2";

[[nodiscard]] Document make_item(std::string id, IndexValue category = {}, IndexValue rank = {}, IndexValue label = {},
                                 IndexValue note = {});
[[nodiscard]] Document make_other(std::string id, std::string body = "{}");

[[nodiscard]] std::vector<Write> one(Write write);
[[nodiscard]] std::vector<std::string> split(std::string_view words); // at spaces

// Queries are built by functions: g++ 12 can't compile braced lists of conditions in an expression that awaits.
[[nodiscard]] Query everything();
[[nodiscard]] Query where(std::string field, IndexValue value);
[[nodiscard]] Query where(std::string field, Condition::Comparison comparison, IndexValue value);
[[nodiscard]] Query where_any_of(std::string field, std::vector<IndexValue> values);
[[nodiscard]] Query with(Query query, Condition condition);
[[nodiscard]] Query ordered(Query query, std::string field, bool descending = false);
[[nodiscard]] Query limited(Query query, std::size_t limit);

Async<CommitReceipt> commit_all(Store& store, std::string partition, std::vector<Write> writes);
// Puts items one commit each, so that a store can't order them by their place in a batch.
Async<void> put_each(Store& store, std::string partition, std::vector<Document> documents);
Async<std::optional<Document>> read_one(Store& store, std::string partition, std::string kind, std::string id);
// The ids of all pages, joined by spaces.
Async<std::string> query_ids(Store& store, std::string partition, Query query);
Async<std::string> scan_ids(Store& store, std::string kind, Query query); // "partition/id", sorted

} // namespace castiel_sync::testing

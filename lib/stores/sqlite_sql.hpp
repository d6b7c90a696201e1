// The SQL text of one kind of document.
#pragma once

#include "stores/store_rules.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// The columns that a read answers: these, then the index fields as declared.
namespace sqlite_column {
inline constexpr int id = 0;
inline constexpr int etag = 1;
inline constexpr int expires_at = 2;
inline constexpr int checksum = 3;
inline constexpr int body = 4;
inline constexpr int first_field = 5;
} // namespace sqlite_column

// The parameters of all writes and of `read`; a statement names those that it needs.
namespace sqlite_parameter {
inline constexpr int partition = 1;
inline constexpr int id = 2;
inline constexpr int now = 3;
inline constexpr int expected_etag = 4;
inline constexpr int etag = 5;
inline constexpr int expires_at = 6;
inline constexpr int checksum = 7;
inline constexpr int body = 8;
inline constexpr int first_field = 9;
} // namespace sqlite_parameter

struct SqliteKind {
    explicit SqliteKind(const KindDeclaration& declaration);

    const KindDeclaration* declaration;
    std::vector<std::size_t> fields_by_name; // the order of the columns may differ from the declared one
    std::string create_table;
    std::map<std::string, std::string> create_indexes; // by the index's name

    std::string read;                // by partition and id, if visible
    std::string put;                 // inserts or replaces
    std::string insert;              // unless there is a visible one: then it changes no row
    std::string replace;             // if the etag is the expected one and visible
    // As put and replace, and only if every index field keeps its value: most updates, and they leave the indexes
    // alone.
    std::string update_body;
    std::string replace_body;
    std::string remove;
    std::string remove_if;           // if the etag is the expected one and visible
    std::string any_expired;
    std::string remove_expired;      // at most as many as the parameter `etag` says
    std::string read_all;            // the columns of a read, then the partition
};

[[nodiscard]] std::string quote_name(std::string_view name);

// Documents by a list of values, in the order of their ids: no index yields them so, and SQLite would sort whole rows.
[[nodiscard]] bool comes_unsorted(const CheckedQuery& query);

// One SELECT of a query, with the values of its parameters in order.
struct SqliteSelect {
    std::string sql;
    std::vector<IndexValue> parameters;
};

// The statements that together answer a query, in the order of their rows. Without a position there is one. After a
// position there is one for each way of being after it: every statement is then a plain range of an index.
// The last parameter, the row limit, is not in `parameters`. A query that comes unsorted has neither order nor limit.
[[nodiscard]] std::vector<SqliteSelect> make_selects(const CheckedQuery& query, std::int64_t partition, Timestamp now);

} // namespace castiel_sync

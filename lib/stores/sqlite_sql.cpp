#include "stores/sqlite_sql.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <initializer_list>
#include <utility>

namespace castiel_sync {
namespace {

using Comparison = Condition::Comparison;

// Absent as a number beyond every time keeps the planner from looking for an index on a condition that holds for
// nearly every row.
constexpr std::string_view visible = R"(ifnull("expires_at",9223372036854775807)>{})";

std::string columns_of(const KindDeclaration& kind) {
    std::string columns = R"("id","etag","expires_at","checksum","body")";
    for (const std::string& field : kind.fields) columns += fmt::format(",{}", quote_name(field));
    return columns;
}

std::string from(const KindDeclaration& kind, std::string_view indexed_by = {}) {
    return fmt::format(R"(SELECT {} FROM {}{} WHERE "partition"=)", columns_of(kind), quote_name(kind.kind), indexed_by);
}

std::string index_name(const KindDeclaration& kind, const KindDeclaration::Index& index) {
    return fmt::format("{}:{}", kind.kind, fmt::join(index.fields, ","));
}

bool has_condition(const CheckedQuery& query, std::string_view field, std::initializer_list<Comparison> comparisons) {
    return std::any_of(query.conditions.begin(), query.conditions.end(), [&](const auto& condition) {
        return query.kind->fields[condition.field] == field &&
               std::find(comparisons.begin(), comparisons.end(), condition.comparison) != comparisons.end();
    });
}

// Whether rows come out of the index sorted as the query wants them, once the first `depth` fields are fixed.
bool yields_order(const CheckedQuery& query, const std::vector<std::string>& fields, std::size_t depth) {
    std::size_t at = depth;
    for (const auto& by : query.order) {
        const std::string& field = query.kind->fields[by.field];
        if (has_condition(query, field, {Comparison::equal})) continue;
        if (at == fields.size() || fields[at] != field || by.descending != query.order.front().descending) return false;
        ++at;
    }
    return at > depth || at == fields.size();
}

// How much of a query an index over these fields answers by itself.
std::size_t weigh_index(const CheckedQuery& query, const std::vector<std::string>& fields) {
    std::size_t depth = 0;
    bool one_range = true;
    for (; depth < fields.size(); ++depth) {
        if (has_condition(query, fields[depth], {Comparison::equal})) continue;
        if (!has_condition(query, fields[depth], {Comparison::any_of})) break;
        one_range = false;
    }
    const bool bounded = depth < fields.size() &&
                         has_condition(query, fields[depth], {Comparison::less, Comparison::less_or_equal,
                                                              Comparison::greater, Comparison::greater_or_equal});
    return depth * 4 + (bounded ? 2 : 0) + (one_range && yields_order(query, fields, depth) ? 1 : 0);
}

// SQLite knows nothing of how values are distributed and likes an index that spares it a sort, even if it then reads
// every document of a tenant. The declared indexes say what is meant, so the choice is made here.
std::string choose_index(const CheckedQuery& query) {
    std::size_t most = weigh_index(query, {});
    std::string chosen = most == 0 ? "" : fmt::format("sqlite_autoindex_{}_1", query.kind->kind); // (partition, id)
    for (const auto& index : query.kind->indexes) {
        const std::size_t weight = weigh_index(query, index.fields);
        if (weight <= most) continue;
        most = weight;
        chosen = index_name(*query.kind, index);
    }
    return chosen.empty() ? "" : fmt::format(" INDEXED BY {}", quote_name(chosen));
}

void add_condition(SqliteSelect& select, const CheckedQuery::Condition& condition, const std::string& column) {
    const auto compare = [&](std::string_view sign) {
        select.sql += fmt::format(" AND {}{}?", column, sign);
        select.parameters.push_back(condition.values[0]);
    };
    // Numbers order before texts, and '' before every other text: these keep a range among values of its own type.
    const bool number = std::holds_alternative<std::int64_t>(condition.values[0]);
    const std::string only_numbers = number ? fmt::format(" AND {}<''", column) : "";
    const std::string only_texts = number ? "" : fmt::format(" AND {}>=''", column);
    switch (condition.comparison) {
    case Comparison::equal:
        if (std::holds_alternative<std::monostate>(condition.values[0]))
            select.sql += fmt::format(" AND {} IS NULL", column);
        else
            compare("=");
        return;
    case Comparison::less: compare("<"); select.sql += only_texts; return;
    case Comparison::less_or_equal: compare("<="); select.sql += only_texts; return;
    case Comparison::greater: compare(">"); select.sql += only_numbers; return;
    case Comparison::greater_or_equal: compare(">="); select.sql += only_numbers; return;
    case Comparison::any_of: break;
    }
    // Sorted: an absent value is the first. The number of parameters is a power of two, so that few texts of
    // statements serve every length.
    const bool or_absent = std::holds_alternative<std::monostate>(condition.values[0]);
    const std::size_t first = or_absent ? 1 : 0;
    const std::size_t count = condition.values.size() - first;
    if (count == 0) {
        select.sql += fmt::format(" AND {} IS NULL", column);
        return;
    }
    select.sql += fmt::format(" AND ({} IN (", column);
    for (std::size_t i = 0; i < std::bit_ceil(count); ++i) {
        select.sql += i == 0 ? "?" : ",?";
        select.parameters.push_back(condition.values[first + std::min(i, count - 1)]);
    }
    select.sql += or_absent ? fmt::format(") OR {} IS NULL)", column) : "))";
}

std::string order_of(const CheckedQuery& query) {
    std::string order = " ORDER BY ";
    for (const auto& by : query.order)
        order += quote_name(query.kind->fields[by.field]) + (by.descending ? " DESC," : ",");
    return order + "\"id\" LIMIT ?";
}

// The statements for the rows that equal the position in the first `level` fields and are after it in the next.
void add_level(std::vector<SqliteSelect>& selects, const CheckedQuery& query, const SqliteSelect& base,
               std::size_t level) {
    const Position& after = *query.after;
    SqliteSelect select = base;
    for (std::size_t i = 0; i < level; ++i) {
        select.sql += fmt::format(" AND {} IS ?", quote_name(query.kind->fields[query.order[i].field]));
        select.parameters.push_back(after.values[i]);
    }
    const auto add = [&](std::string_view condition, const IndexValue* value) {
        selects.push_back(select);
        selects.back().sql += condition;
        if (value != nullptr) selects.back().parameters.push_back(*value);
    };
    if (level == query.order.size()) {
        const IndexValue id = after.id;
        return add(" AND \"id\">?", &id);
    }
    const auto& by = query.order[level];
    const std::string& field = query.kind->fields[by.field];
    if (has_condition(query, field, {Comparison::equal})) return; // no row can be after in a field of one value
    const std::string column = quote_name(field);
    const IndexValue& value = after.values[level];
    const bool absent = std::holds_alternative<std::monostate>(value);
    if (!by.descending) return absent ? add(fmt::format(" AND {} IS NOT NULL", column), nullptr)
                                      : add(fmt::format(" AND {}>?", column), &value);
    if (absent) return;
    add(fmt::format(" AND {}<?", column), &value);
    add(fmt::format(" AND {} IS NULL", column), nullptr);
}

std::string create_table_of(const KindDeclaration& kind) {
    std::string fields;
    // Without a type: SQLite then keeps numbers and texts as they are.
    for (const std::string& field : kind.fields) fields += quote_name(field) + ", ";
    // A rowid table: its leaves hold rows of 1 KB whole, where WITHOUT ROWID would spill them to overflow pages.
    return fmt::format(R"(CREATE TABLE {} ("row" INTEGER PRIMARY KEY, "partition" INTEGER NOT NULL, )"
                       R"("id" TEXT NOT NULL, "etag" INTEGER NOT NULL, "expires_at" INTEGER, )"
                       R"("checksum" INTEGER NOT NULL, {}"body" TEXT NOT NULL, UNIQUE ("partition", "id")))",
                       quote_name(kind.kind), fields);
}

std::map<std::string, std::string> create_indexes_of(const KindDeclaration& kind) {
    std::map<std::string, std::string> indexes;
    const std::string table = quote_name(kind.kind);
    const std::string expiry = kind.kind + ":expires_at";
    indexes[expiry] = fmt::format(R"(CREATE INDEX {} ON {} ("expires_at") WHERE "expires_at" IS NOT NULL)",
                                  quote_name(expiry), table);
    for (const auto& declared : kind.indexes) {
        const std::string name = index_name(kind, declared);
        std::string columns = "\"partition\"";
        for (const std::string& field : declared.fields) columns += fmt::format(",{}", quote_name(field));
        // The id at the end lets a long list of equal values be paged without sorting it for each page.
        indexes[name] = fmt::format(R"(CREATE INDEX {} ON {} ({},"id"))", quote_name(name), table, columns);
    }
    return indexes;
}

} // namespace

bool comes_unsorted(const CheckedQuery& query) {
    return query.order.empty() &&
           std::any_of(query.conditions.begin(), query.conditions.end(),
                       [](const auto& condition) { return condition.comparison == Comparison::any_of; });
}

std::string quote_name(std::string_view name) { return fmt::format("\"{}\"", name); }

SqliteKind::SqliteKind(const KindDeclaration& kind)
    : declaration(&kind), create_table(create_table_of(kind)), create_indexes(create_indexes_of(kind)) {
    using namespace sqlite_parameter;
    for (std::size_t i = 0; i < kind.fields.size(); ++i) fields_by_name.push_back(i);
    std::sort(fields_by_name.begin(), fields_by_name.end(),
              [&](std::size_t left, std::size_t right) { return kind.fields[left] < kind.fields[right]; });
    const std::string table = quote_name(kind.kind);
    const std::string one = fmt::format(R"("partition"=?{} AND "id"=?{})", partition, id);
    const std::string visible_now = fmt::format(fmt::runtime(visible), fmt::format("?{}", now));
    const std::string expected = fmt::format(R"({} AND "etag"=?{} AND {})", one, expected_etag, visible_now);
    const std::string set_body = fmt::format(R"("etag"=?{},"expires_at"=?{},"checksum"=?{},"body"=?{})", etag,
                                             expires_at, checksum, body);
    std::string set_all = set_body;
    std::string names = R"("partition","id","etag","expires_at","checksum","body")";
    std::string values = fmt::format("?{},?{},?{},?{},?{},?{}", partition, id, etag, expires_at, checksum, body);
    std::string same;
    for (std::size_t i = 0; i < kind.fields.size(); ++i) {
        const std::string column = quote_name(kind.fields[i]);
        const int parameter = first_field + static_cast<int>(i);
        set_all += fmt::format(",{}=?{}", column, parameter);
        names += "," + column;
        values += fmt::format(",?{}", parameter);
        same += fmt::format(" AND +{} IS ?{}", column, parameter); // the + keeps this from choosing an index
    }
    const std::string insert_or_set = fmt::format(R"(INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ("partition","id") )"
                                                  "DO UPDATE SET {}",
                                                  table, names, values, set_all);
    read = fmt::format("{}?{} AND \"id\"=?{} AND {}", from(kind), partition, id, visible_now);
    put = insert_or_set;
    insert = fmt::format(R"({} WHERE NOT ({}))", insert_or_set, visible_now);
    replace = fmt::format("UPDATE {} SET {} WHERE {}", table, set_all, expected);
    update_body = fmt::format("UPDATE {} SET {} WHERE {}{}", table, set_body, one, same);
    replace_body = fmt::format("UPDATE {} SET {} WHERE {}{}", table, set_body, expected, same);
    remove = fmt::format("DELETE FROM {} WHERE {}", table, one);
    remove_if = fmt::format("DELETE FROM {} WHERE {}", table, expected);
    any_expired = fmt::format(R"(SELECT 1 FROM {} WHERE "expires_at"<=?{} LIMIT 1)", table, now);
    remove_expired = fmt::format(R"(DELETE FROM {0} WHERE "row" IN (SELECT "row" FROM {0} WHERE "expires_at"<=?{1} )"
                                 R"(ORDER BY "expires_at" LIMIT ?{2}))",
                                 table, now, etag);
    read_all = fmt::format(R"(SELECT {},"partition" FROM {})", columns_of(kind), table);
}

std::vector<SqliteSelect> make_selects(const CheckedQuery& query, std::int64_t partition, Timestamp now) {
    SqliteSelect base;
    base.sql = from(*query.kind, choose_index(query)) + "? AND " + fmt::format(fmt::runtime(visible), "?");
    base.parameters = {partition, std::int64_t{now.time_since_epoch().count()}};
    for (const auto& condition : query.conditions)
        add_condition(base, condition, quote_name(query.kind->fields[condition.field]));
    std::vector<SqliteSelect> selects;
    if (query.after)
        for (std::size_t level = query.order.size() + 1; level-- > 0;) add_level(selects, query, base, level);
    else
        selects.push_back(base);
    if (!comes_unsorted(query))
        for (SqliteSelect& select : selects) select.sql += order_of(query);
    return selects;
}

} // namespace castiel_sync

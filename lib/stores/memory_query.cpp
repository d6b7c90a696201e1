// Queries as every store understands them: checking, matching, order and continuations.
#include "stores/store_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

using Comparison = Condition::Comparison;

Error invalid(std::string message) { return Error(ErrorCode::invalid_request, std::move(message)); }

void append_number(std::string& bytes, std::uint64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>((number >> shift) & 0xFF));
}

void append_text(std::string& bytes, std::string_view text) {
    append_number(bytes, text.size());
    bytes.append(text);
}

void append_value(std::string& bytes, const IndexValue& value) {
    bytes.push_back(static_cast<char>(value.index()));
    if (const auto* number = std::get_if<std::int64_t>(&value))
        append_number(bytes, static_cast<std::uint64_t>(*number));
    else if (const auto* text = std::get_if<std::string>(&value))
        append_text(bytes, *text);
}

// Reads what the functions above wrote. Continuations come back from outside: every length is checked.
class Reader {
public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}

    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }

    std::string_view take(std::uint64_t count) {
        if (failed_ || count > rest_.size()) {
            failed_ = true;
            return {};
        }
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }

    std::uint64_t number() {
        std::uint64_t number = 0;
        for (const char byte : take(8)) number = number << 8 | static_cast<unsigned char>(byte);
        return number;
    }

    std::string text() { return std::string(take(number())); }

    IndexValue value() {
        const std::string_view tag = take(1);
        if (failed_) return {};
        switch (tag[0]) {
        case 0: return std::monostate{};
        case 1: return static_cast<std::int64_t>(number());
        case 2: return text();
        default: failed_ = true; return {};
        }
    }

private:
    std::string_view rest_;
    bool failed_ = false;
};

// FNV-1a. Guards against mistakes, not against attackers: a forged continuation only moves the caller's own page.
std::uint64_t hash(std::string_view bytes) {
    std::uint64_t hash = 0xCBF29CE484222325;
    for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
    return hash;
}

std::string to_hexadecimal(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const char byte : bytes) {
        text.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
        text.push_back(digits[static_cast<unsigned char>(byte) & 15]);
    }
    return text;
}

int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

std::optional<std::string> from_hexadecimal(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = digit_value(text[i]);
        const int low = digit_value(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes.push_back(static_cast<char>(high << 4 | low));
    }
    return bytes;
}

std::optional<Position> parse_continuation(const CheckedQuery& query, std::string_view continuation) {
    const auto bytes = from_hexadecimal(continuation);
    if (!bytes) return std::nullopt;
    Reader reader(*bytes);
    if (reader.number() != query.fingerprint) return std::nullopt;
    Position position;
    position.partition = reader.text();
    for (std::size_t i = 0; i < query.order.size(); ++i) position.values.push_back(reader.value());
    position.id = reader.text();
    position.inner = reader.text();
    if (reader.failed() || !reader.at_end()) return std::nullopt;
    return position;
}

Result<std::size_t> find_field(const KindDeclaration& kind, std::string_view name) {
    const auto found = std::find(kind.fields.begin(), kind.fields.end(), name);
    if (found == kind.fields.end())
        return invalid(fmt::format("\"{}\" is not an index field of the kind {}", name, kind.kind));
    return static_cast<std::size_t>(found - kind.fields.begin());
}

Result<CheckedQuery::Condition> check_condition(const KindDeclaration& kind, const Condition& condition) {
    const auto field = find_field(kind, condition.field);
    if (!field) return field.error();
    CheckedQuery::Condition checked{*field, condition.comparison, condition.values};
    const auto refuse = [&](std::string_view why) {
        return invalid(fmt::format("the condition on {}.{}: {}", kind.kind, condition.field, why));
    };
    if (condition.comparison == Comparison::any_of) {
        if (condition.values.empty() || condition.values.size() > max_any_of_values)
            return refuse(
                fmt::format("any_of takes 1 to {} values, not {}", max_any_of_values, condition.values.size()));
        std::sort(checked.values.begin(), checked.values.end());
        checked.values.erase(std::unique(checked.values.begin(), checked.values.end()), checked.values.end());
        return checked;
    }
    if (condition.values.size() != 1)
        return refuse(fmt::format("takes exactly one value, not {}", condition.values.size()));
    if (condition.comparison != Comparison::equal && std::holds_alternative<std::monostate>(condition.values[0]))
        return refuse("an absent value can only be tested for equality");
    return checked;
}

std::uint64_t fingerprint(const CheckedQuery& query, std::string_view scope, std::string_view partition) {
    std::string bytes;
    append_text(bytes, scope);
    append_text(bytes, partition);
    append_text(bytes, query.kind->kind);
    append_number(bytes, query.conditions.size());
    for (const auto& condition : query.conditions) {
        append_text(bytes, query.kind->fields[condition.field]);
        append_number(bytes, static_cast<std::uint64_t>(condition.comparison));
        append_number(bytes, condition.values.size());
        for (const auto& value : condition.values) append_value(bytes, value);
    }
    append_number(bytes, query.order.size());
    for (const auto& order : query.order) {
        append_text(bytes, query.kind->fields[order.field]);
        append_number(bytes, order.descending ? 1 : 0);
    }
    return hash(bytes);
}

Result<CheckedQuery> check(const KindCatalog& catalog, std::string_view scope, std::string_view partition,
                           std::string_view kind, const Query& query) {
    const auto declaration = catalog.find(kind);
    if (!declaration) return declaration.error();
    if (query.limit == 0 || query.limit > max_query_limit)
        return invalid(fmt::format("a query's limit is 1 to {}, not {}", max_query_limit, query.limit));
    CheckedQuery checked;
    checked.kind = *declaration;
    checked.limit = query.limit;
    for (const Condition& condition : query.conditions) {
        auto checked_condition = check_condition(**declaration, condition);
        if (!checked_condition) return checked_condition.error();
        checked.conditions.push_back(std::move(*checked_condition));
    }
    for (const Order& order : query.order) {
        const auto field = find_field(**declaration, order.field);
        if (!field) return field.error();
        checked.order.push_back({*field, order.descending});
    }
    checked.fingerprint = fingerprint(checked, scope, partition);
    if (!query.continuation.empty()) {
        checked.after = parse_continuation(checked, query.continuation);
        if (!checked.after)
            return invalid(fmt::format("the continuation does not belong to this query of the kind {}: pass the one "
                                       "that this very query answered, or none",
                                       kind));
    }
    return checked;
}

bool holds(const CheckedQuery::Condition& condition, const IndexValue& value) {
    const IndexValue& operand = condition.values[0];
    // Values of different type are never in a relation of size: "less than 5" means numbers.
    const bool comparable = value.index() == operand.index();
    switch (condition.comparison) {
    case Comparison::equal: return value == operand;
    case Comparison::any_of: return std::binary_search(condition.values.begin(), condition.values.end(), value);
    case Comparison::less: return comparable && value < operand;
    case Comparison::less_or_equal: return comparable && value <= operand;
    case Comparison::greater: return comparable && value > operand;
    case Comparison::greater_or_equal: return comparable && value >= operand;
    }
    return false;
}

} // namespace

Result<CheckedQuery> check_query(const KindCatalog& catalog, std::string_view partition, std::string_view kind,
                                 const Query& query) {
    if (auto checked = check_partition(partition); !checked) return checked.error();
    return check(catalog, "query", partition, kind, query);
}

Result<CheckedQuery> check_scan(const KindCatalog& catalog, std::string_view kind, const Query& query) {
    if (!query.order.empty()) return invalid("a scan has no order: leave Query::order empty");
    return check(catalog, "scan", {}, kind, query);
}

bool CheckedQuery::matches(const Document& document) const {
    return std::all_of(conditions.begin(), conditions.end(), [&](const Condition& condition) {
        return holds(condition, document.index[condition.field]);
    });
}

bool CheckedQuery::precedes(const Document& left, const Document& right) const {
    for (const Order& by : order) {
        const IndexValue& left_value = left.index[by.field];
        const IndexValue& right_value = right.index[by.field];
        if (left_value != right_value) return (left_value < right_value) != by.descending;
    }
    return left.id < right.id;
}

bool CheckedQuery::is_after(const Position& position, const Document& document) const {
    for (std::size_t i = 0; i < order.size(); ++i) {
        const IndexValue& value = document.index[order[i].field];
        if (value != position.values[i]) return (value > position.values[i]) != order[i].descending;
    }
    return document.id > position.id;
}

Position CheckedQuery::position_of(const Document& document) const {
    Position position;
    for (const Order& by : order) position.values.push_back(document.index[by.field]);
    position.id = document.id;
    return position;
}

std::string CheckedQuery::continue_after(const Position& position) const {
    std::string bytes;
    append_number(bytes, fingerprint);
    append_text(bytes, position.partition);
    for (const IndexValue& value : position.values) append_value(bytes, value);
    append_text(bytes, position.id);
    append_text(bytes, position.inner);
    return to_hexadecimal(bytes);
}

} // namespace castiel_sync

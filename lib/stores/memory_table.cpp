#include "stores/memory_table.hpp"

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

using Comparison = Condition::Comparison;

// Beyond this many ranges a walk over the whole index is cheaper than looking each one up.
constexpr std::size_t max_ranges = max_any_of_values;

const CheckedQuery::Condition* find_condition(const CheckedQuery& query, std::size_t field, Comparison comparison) {
    for (const auto& condition : query.conditions)
        if (condition.field == field && condition.comparison == comparison) return &condition;
    return nullptr;
}

const IndexValue* find_bound(const CheckedQuery& query, std::size_t field, Comparison open, Comparison closed) {
    const auto* condition = find_condition(query, field, open);
    if (condition == nullptr) condition = find_condition(query, field, closed);
    return condition == nullptr ? nullptr : &condition->values[0];
}

} // namespace

bool MemoryTable::ByFields::operator()(const Document* left, const Document* right) const {
    for (const std::size_t field : fields)
        if (left->index[field] != right->index[field]) return left->index[field] < right->index[field];
    return left->id < right->id;
}

int MemoryTable::ByFields::compare(const Document& document, const Bound& bound) const {
    for (std::size_t i = 0; i < bound.values.size(); ++i) {
        const IndexValue& value = document.index[fields[i]];
        if (value != bound.values[i]) return value < bound.values[i] ? -1 : 1;
    }
    return bound.has_id ? document.id.compare(bound.id) : 0;
}

bool MemoryTable::ByFields::operator()(const Document* left, const Bound& right) const {
    return compare(*left, right) < 0;
}

bool MemoryTable::ByFields::operator()(const Bound& left, const Document* right) const {
    return compare(*right, left) > 0;
}

MemoryTable::MemoryTable(const KindDeclaration& kind) {
    indexes_.emplace_back(ByFields{});
    for (const auto& declared : kind.indexes) {
        ByFields by;
        for (const std::string& name : declared.fields)
            by.fields.push_back(static_cast<std::size_t>(std::find(kind.fields.begin(), kind.fields.end(), name) -
                                                         kind.fields.begin()));
        indexes_.emplace_back(std::move(by));
    }
}

const Document* MemoryTable::find(std::string_view id, Timestamp now) const {
    const auto found = documents_.find(id);
    return found == documents_.end() || is_expired(found->second, now) ? nullptr : &found->second;
}

void MemoryTable::put(Document document) {
    remove(document.id);
    std::string id = document.id;
    const Document& kept = documents_.emplace(std::move(id), std::move(document)).first->second;
    for (Index& index : indexes_) index.insert(&kept);
    if (kept.expires_at) expiries_.emplace(*kept.expires_at, kept.id);
}

void MemoryTable::remove(std::string_view id) {
    const auto found = documents_.find(id);
    if (found == documents_.end()) return;
    const Document& document = found->second;
    for (Index& index : indexes_) index.erase(&document);
    if (document.expires_at) expiries_.erase({*document.expires_at, document.id});
    documents_.erase(found);
}

void MemoryTable::remove_expired(Timestamp now, std::size_t limit) {
    while (limit-- > 0 && !expiries_.empty() && expiries_.begin()->first <= now) {
        const std::string id = expiries_.begin()->second;
        remove(id);
    }
}

MemoryTable::Walk MemoryTable::plan_index(const Index& index, const CheckedQuery& query) {
    const std::vector<std::size_t>& fields = index.key_comp().fields;
    Walk walk;
    walk.index = &index;
    walk.prefixes.emplace_back();
    std::vector<std::size_t> fixed; // fields with one value in the whole walk
    std::size_t depth = 0;
    for (; depth < fields.size(); ++depth) {
        const auto* equal = find_condition(query, fields[depth], Comparison::equal);
        const auto* any_of = equal ? equal : find_condition(query, fields[depth], Comparison::any_of);
        if (any_of == nullptr || walk.prefixes.size() * any_of->values.size() > max_ranges) break;
        if (any_of->values.size() == 1) fixed.push_back(fields[depth]);
        std::vector<std::vector<IndexValue>> longer;
        for (const auto& prefix : walk.prefixes) {
            for (const IndexValue& value : any_of->values) {
                longer.push_back(prefix);
                longer.back().push_back(value);
            }
        }
        walk.prefixes = std::move(longer);
    }
    if (depth < fields.size()) {
        walk.lowest = find_bound(query, fields[depth], Comparison::greater, Comparison::greater_or_equal);
        walk.highest = find_bound(query, fields[depth], Comparison::less, Comparison::less_or_equal);
    }
    if (walk.prefixes.size() > 1) return walk;
    std::size_t at = depth;
    for (const auto& by : query.order) {
        if (std::find(fixed.begin(), fixed.end(), by.field) != fixed.end()) continue;
        if (at == fields.size() || fields[at] != by.field || by.descending) return walk;
        ++at;
    }
    walk.in_order = at == fields.size();
    return walk;
}

MemoryTable::Walk MemoryTable::plan(const CheckedQuery& query) const {
    Walk best = plan_index(indexes_.front(), query);
    for (std::size_t i = 1; i < indexes_.size(); ++i) {
        Walk walk = plan_index(indexes_[i], query);
        if (walk.weight() > best.weight()) best = std::move(walk);
    }
    return best;
}

std::size_t MemoryTable::Walk::weight() const {
    return prefixes.front().size() * 4 + (lowest || highest ? 2 : 0) + (in_order ? 1 : 0);
}

MemoryTable::Index::const_iterator MemoryTable::Walk::begin(const std::vector<IndexValue>& prefix,
                                                            const CheckedQuery& query) const {
    std::vector<IndexValue> values = prefix;
    if (in_order && query.after) {
        const std::vector<std::size_t>& fields = index->key_comp().fields;
        for (std::size_t i = prefix.size(); i < fields.size(); ++i)
            for (std::size_t by = 0; by < query.order.size(); ++by)
                if (query.order[by].field == fields[i]) values.push_back(query.after->values[by]);
        return index->upper_bound(Bound{values, query.after->id, true});
    }
    if (lowest != nullptr) values.push_back(*lowest);
    return index->lower_bound(Bound{values, {}, false});
}

std::vector<IndexValue> MemoryTable::Walk::last(const std::vector<IndexValue>& prefix) const {
    std::vector<IndexValue> values = prefix;
    if (highest != nullptr) values.push_back(*highest);
    return values;
}

std::vector<const Document*> MemoryTable::select(const CheckedQuery& query, Timestamp now, std::size_t limit) const {
    const Walk walk = plan(query);
    std::vector<const Document*> selected;
    for (const auto& prefix : walk.prefixes) {
        const std::vector<IndexValue> last = walk.last(prefix);
        const auto is_past = [&](const Document* document) {
            return walk.index->key_comp()(Bound{last, {}, false}, document);
        };
        for (auto at = walk.begin(prefix, query); at != walk.index->end() && !is_past(*at); ++at) {
            const Document& document = **at;
            if (is_expired(document, now) || !query.matches(document)) continue;
            if (query.after && !query.is_after(*query.after, document)) continue;
            selected.push_back(&document);
            if (walk.in_order && selected.size() == limit) return selected;
        }
    }
    const auto precedes = [&](const Document* left, const Document* right) { return query.precedes(*left, *right); };
    const std::size_t kept = std::min(limit, selected.size());
    std::partial_sort(selected.begin(), selected.begin() + static_cast<std::ptrdiff_t>(kept), selected.end(), precedes);
    selected.resize(kept);
    return selected;
}

const MemoryTable* MemoryTables::find(std::string_view kind, std::string_view partition) const {
    const auto partitions = kinds_.find(kind);
    if (partitions == kinds_.end()) return nullptr;
    const auto table = partitions->second.find(partition);
    return table == partitions->second.end() ? nullptr : &table->second;
}

MemoryTable& MemoryTables::at(const KindDeclaration& kind, const std::string& partition) {
    return kinds_[kind.kind].try_emplace(partition, kind).first->second;
}

std::vector<ScannedDocument> MemoryTables::scan(const CheckedQuery& query, Timestamp now, std::size_t limit) const {
    std::vector<ScannedDocument> selected;
    const auto partitions = kinds_.find(query.kind->kind);
    if (partitions == kinds_.end()) return selected;
    CheckedQuery within = query;
    auto at = query.after ? partitions->second.lower_bound(query.after->partition) : partitions->second.begin();
    for (; at != partitions->second.end() && selected.size() < limit; ++at) {
        if (query.after && at->first != query.after->partition) within.after.reset();
        for (const Document* document : at->second.select(within, now, limit - selected.size()))
            selected.push_back({at->first, *document});
    }
    return selected;
}

ScanPage make_scan_page(const CheckedQuery& query, std::vector<ScannedDocument> selected) {
    ScanPage page;
    page.documents = std::move(selected);
    if (page.documents.size() <= query.limit) return page;
    page.documents.resize(query.limit);
    Position position = query.position_of(page.documents.back().document);
    position.partition = page.documents.back().partition;
    page.continuation = query.continue_after(position);
    return page;
}

} // namespace castiel_sync

#include "testing/store_conformance_cases.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace castiel_sync::testing {

std::span<const KindDeclaration> store_conformance_kinds() {
    static const std::array kinds{
        KindDeclaration{
            item_kind, {"category", "rank", "label", "note"}, {{{"category", "rank"}}, {{"rank"}}, {{"label"}}}},
        KindDeclaration{other_kind, {}, {}},
    };
    return kinds;
}

Async<Store*> StoreHarness::reopen() {
    throw std::logic_error("this harness can't reopen its store, and must not claim the capability \"reopen\"");
    co_return nullptr;
}

Timestamp StoreHarness::now() {
    throw std::logic_error("this harness has no clock, and must not claim the capability \"clock\"");
}

void StoreHarness::advance(std::chrono::milliseconds) { (void)now(); }

std::span<const StoreCase> store_conformance_cases() {
    static const std::vector<StoreCase> cases = [] {
        std::vector<StoreCase> all;
        for (const auto& part :
             {store_commit_cases(), store_query_cases(), store_paging_cases(), store_lifetime_cases()})
            all.insert(all.end(), part.begin(), part.end());
        return all;
    }();
    return cases;
}

Async<std::vector<Finding>> run_store_conformance(StoreHarness& harness, std::vector<Deviation> deviations) {
    return run_conformance<StoreHarness>(harness, store_conformance_cases(), std::move(deviations));
}

Document make_item(std::string id, IndexValue category, IndexValue rank, IndexValue label, IndexValue note) {
    Document document;
    document.kind = item_kind;
    document.body = "{\"id\":\"" + id + "\"}";
    document.id = std::move(id);
    for (IndexValue* value : {&category, &rank, &label, &note}) document.index.push_back(std::move(*value));
    return document;
}

Document make_other(std::string id, std::string body) {
    Document document;
    document.kind = other_kind;
    document.id = std::move(id);
    document.body = std::move(body);
    return document;
}

std::vector<Write> one(Write write) {
    std::vector<Write> writes;
    writes.push_back(std::move(write));
    return writes;
}

std::vector<std::string> split(std::string_view words) {
    std::vector<std::string> parts;
    while (!words.empty()) {
        const std::size_t end = std::min(words.find(' '), words.size());
        parts.emplace_back(words.substr(0, end));
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return parts;
}

Query everything() { return limited(Query(), 1000); }

Query where(std::string field, IndexValue value) {
    return where(std::move(field), Condition::Comparison::equal, std::move(value));
}

Query where(std::string field, Condition::Comparison comparison, IndexValue value) {
    return with(everything(), Condition(std::move(field), comparison, std::move(value)));
}

Query where_any_of(std::string field, std::vector<IndexValue> values) {
    return with(everything(), Condition(std::move(field), std::move(values)));
}

Query with(Query query, Condition condition) {
    query.conditions.push_back(std::move(condition));
    return query;
}

Query ordered(Query query, std::string field, bool descending) {
    query.order.push_back({std::move(field), descending});
    return query;
}

Query limited(Query query, std::size_t limit) {
    query.limit = limit;
    return query;
}

Async<CommitReceipt> commit_all(Store& store, std::string partition, std::vector<Write> writes) {
    const std::size_t count = writes.size();
    auto committed = co_await store.commit(std::move(partition), std::move(writes));
    CommitReceipt receipt = require_value(std::move(committed), "commit");
    require(receipt.etags.size() == count, "a receipt has one etag for each write");
    co_return receipt;
}

Async<void> put_each(Store& store, std::string partition, std::vector<Document> documents) {
    for (Document& document : documents) {
        std::vector<Write> writes = one(put(std::move(document)));
        co_await commit_all(store, partition, std::move(writes));
    }
}

Async<std::optional<Document>> read_one(Store& store, std::string partition, std::string kind, std::string id) {
    std::vector<std::string> ids;
    ids.push_back(id);
    auto read = co_await store.read(std::move(partition), std::move(kind), std::move(ids));
    auto documents = require_value(std::move(read), "read");
    require(documents.size() == 1, "a read of one id answers one element");
    if (documents[0]) require_equal(documents[0]->id, id, "a read answers the document that was asked for");
    co_return std::move(documents[0]);
}

Async<std::string> query_ids(Store& store, std::string partition, Query query) {
    std::string ids;
    for (int pages = 0; pages < 10'000; ++pages) {
        const std::size_t limit = query.limit;
        auto answered = co_await store.query(partition, item_kind, query);
        DocumentPage page = require_value(std::move(answered), "query");
        require(page.documents.size() <= limit, "a page holds no more than the limit");
        for (const Document& document : page.documents) ids += (ids.empty() ? "" : " ") + document.id;
        if (page.continuation.empty()) co_return ids;
        query.continuation = std::move(page.continuation);
    }
    throw ConformanceFailure("a query's pages did not end");
}

Async<std::string> scan_ids(Store& store, std::string kind, Query query) {
    std::vector<std::string> ids;
    for (int pages = 0; pages < 10'000; ++pages) {
        const std::size_t limit = query.limit;
        auto answered = co_await store.scan(kind, query);
        ScanPage page = require_value(std::move(answered), "scan");
        require(page.documents.size() <= limit, "a page holds no more than the limit");
        for (const ScannedDocument& scanned : page.documents)
            ids.push_back(scanned.partition + "/" + scanned.document.id);
        query.continuation = std::move(page.continuation);
        if (query.continuation.empty()) break;
    }
    require(query.continuation.empty(), "a scan's pages end");
    std::sort(ids.begin(), ids.end());
    std::string joined;
    for (const std::string& id : ids) joined += (joined.empty() ? "" : " ") + id;
    co_return joined;
}

} // namespace castiel_sync::testing

#include "testing/store_conformance_cases.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace castiel_sync::testing {
namespace {

using Comparison = Condition::Comparison;

// Documents with absent, numeric and textual values, and many ties.
std::vector<Document> varied_documents(int count) {
    std::vector<Document> documents;
    for (int i = 0; i < count; ++i) {
        const int mixed = i * 7 % count;
        IndexValue rank;
        if (mixed % 3 == 1) rank = mixed / 4;
        if (mixed % 3 == 2) rank = "text-" + std::to_string(mixed / 4);
        documents.push_back(make_item("id-" + std::to_string(100 + mixed), mixed % 2 ? "odd" : "even", rank,
                                      std::to_string(mixed / 3), mixed % 4));
    }
    return documents;
}

std::vector<Query> varied_queries() {
    std::vector<Query> queries;
    queries.push_back(everything());
    queries.push_back(where("category", "odd"));
    queries.push_back(where_any_of("rank", {IndexValue(), IndexValue(2), IndexValue("text-1")}));
    for (const bool descending : {false, true}) {
        queries.push_back(ordered(everything(), "rank", descending));
        queries.push_back(ordered(where("category", "even"), "rank", descending));
        queries.push_back(ordered(ordered(everything(), "category", !descending), "rank", descending));
        queries.push_back(ordered(ordered(everything(), "note", descending), "rank", !descending));
        queries.push_back(ordered(where("rank", Comparison::greater_or_equal, 2), "label", descending));
        queries.push_back(ordered(where("category", "odd"), "category", descending));
    }
    return queries;
}

Async<Finding> pages_make_up_the_whole(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    std::vector<Document> documents = varied_documents(24);
    co_await put_each(store, tenant, std::move(documents));
    const std::vector<Query> queries = varied_queries();
    for (std::size_t i = 0; i < queries.size(); ++i) {
        const std::string whole = co_await query_ids(store, tenant, queries[i]);
        require(!whole.empty(), "each of these queries finds something");
        for (const std::size_t limit : std::vector<std::size_t>{1, 2, 5, 23, 24, 25}) {
            const std::string paged = co_await query_ids(store, tenant, limited(queries[i], limit));
            require_equal(paged, whole, "pages of " + std::to_string(limit) + " make up the whole, query " +
                                            std::to_string(i));
        }
    }
    co_return passed();
}

// Between two pages, documents before and after the page's end are inserted, moved, rewritten and removed.
Async<void> disturb(Store& store, int round) {
    const std::string number = std::to_string(100 + round);
    std::vector<Write> writes;
    writes.push_back(put(make_item("id-" + number + "-new", "odd", round, "5", 1)));
    writes.push_back(put(make_item("early-" + number, {}, {}, "0", 0)));
    writes.push_back(put(make_item("moved-1", round % 2 ? "odd" : "even", 20 - round, "3", 3)));
    writes.push_back(put(make_item("moved-2", "odd", "text-" + std::to_string(round), "7", round % 4)));
    writes.push_back(remove(item_kind, "removed-" + number));
    co_await commit_all(store, tenant, std::move(writes));
}

Async<Finding> untouched_documents_show_once(StoreHarness& harness) {
    const std::vector<Query> queries = varied_queries();
    for (std::size_t i = 0; i < queries.size(); ++i) {
        Store& store = *co_await harness.fresh();
        std::vector<Document> documents = varied_documents(12);
        for (int round = 0; round < 12; ++round)
            documents.push_back(make_item("removed-" + std::to_string(100 + round), "odd", round, "4", 2));
        co_await put_each(store, tenant, std::move(documents));
        const std::string whole = co_await query_ids(store, tenant, queries[i]);
        std::map<std::string, int> expected;
        for (const std::string& id : split(whole))
            if (id.starts_with("id-")) expected[id] = 1;
        std::map<std::string, int> shown;
        Query query = limited(queries[i], 3);
        for (int round = 0; round < 50; ++round) {
            auto answered = co_await store.query(tenant, item_kind, query);
            DocumentPage page = require_value(std::move(answered), "query");
            for (const Document& document : page.documents)
                if (document.id.starts_with("id-") && !document.id.ends_with("-new")) ++shown[document.id];
            query.continuation = std::move(page.continuation);
            if (query.continuation.empty()) break;
            co_await disturb(store, round);
        }
        require(shown == expected, "commits between pages neither repeat nor skip an untouched document, query " +
                                       std::to_string(i));
    }
    co_return passed();
}

Async<Finding> continuations_belong_to_their_query(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    std::vector<Document> documents = varied_documents(12);
    co_await put_each(store, tenant, std::move(documents));
    auto answered = co_await store.query(tenant, item_kind, limited(ordered(everything(), "rank"), 3));
    const std::string continuation = require_value(std::move(answered), "query").continuation;
    require(!continuation.empty(), "there are more pages");
    Query query = limited(ordered(everything(), "rank", true), 3);
    query.continuation = continuation;
    auto refused = co_await store.query(tenant, item_kind, query);
    require_error(refused, ErrorCode::invalid_request, "a continuation of a query with another order");
    query = limited(ordered(where("category", "odd"), "rank"), 3);
    query.continuation = continuation;
    refused = co_await store.query(tenant, item_kind, query);
    require_error(refused, ErrorCode::invalid_request, "a continuation of a query with other conditions");
    query = limited(ordered(everything(), "rank"), 3);
    query.continuation = continuation;
    refused = co_await store.query(other_tenant, item_kind, query);
    require_error(refused, ErrorCode::invalid_request, "a continuation of another partition's query");
    const std::string whole = continuation;
    std::vector<std::string> broken = split("x 00 zz [] {}");
    broken.push_back(whole.substr(0, whole.size() / 2));
    broken.push_back(whole + whole);
    broken.push_back(std::string(100'000, 'f'));
    for (const std::string& text : broken) {
        query.continuation = text;
        refused = co_await store.query(tenant, item_kind, query);
        require_error(refused, ErrorCode::invalid_request, "a continuation that no query answered");
    }
    co_return passed();
}

Async<Finding> a_limit_may_change_between_pages(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    std::vector<Document> documents = varied_documents(12);
    co_await put_each(store, tenant, std::move(documents));
    const std::string whole = co_await query_ids(store, tenant, ordered(everything(), "rank"));
    auto answered = co_await store.query(tenant, item_kind, limited(ordered(everything(), "rank"), 2));
    DocumentPage first = require_value(std::move(answered), "query");
    std::string joined;
    for (const Document& document : first.documents) joined += document.id + " ";
    Query rest = limited(ordered(everything(), "rank"), 7);
    rest.continuation = first.continuation;
    joined += co_await query_ids(store, tenant, rest);
    require_equal(joined, whole, "a query goes on with another limit");
    co_return passed();
}

Async<Finding> scans_see_all_partitions(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    for (const std::string& partition : split("t3 t1 t2")) {
        std::vector<Write> writes;
        for (const std::string& id : split("a b c")) writes.push_back(put(make_item(id, id + partition, 1)));
        writes.push_back(put(make_other("other")));
        writes.push_back(put(make_item("removed")));
        co_await commit_all(store, partition, std::move(writes));
        writes.clear();
        writes.push_back(put(make_item("a", "rewritten")));
        writes.push_back(remove(item_kind, "removed"));
        co_await commit_all(store, partition, std::move(writes));
    }
    const std::string all = "t1/a t1/b t1/c t2/a t2/b t2/c t3/a t3/b t3/c";
    for (const std::size_t limit : std::vector<std::size_t>{1, 2, 3, 4, 8, 9, 10}) {
        auto scanned = co_await scan_ids(store, item_kind, limited(everything(), limit));
        require_equal(scanned, all, "a scan shows each document of each partition once, in pages of " +
                                        std::to_string(limit));
    }
    const std::vector<IndexValue> categories{"bt2", "ct3"};
    auto found = co_await scan_ids(store, item_kind, where_any_of("category", categories));
    require_equal(found, "t2/b t3/c", "a scan takes conditions");
    co_return passed();
}

Async<Finding> scans_survive_commits(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    for (const std::string& partition : split("t1 t2 t3")) {
        std::vector<Write> writes;
        for (int i = 0; i < 6; ++i) writes.push_back(put(make_other("id-" + std::to_string(i))));
        co_await commit_all(store, partition, std::move(writes));
    }
    std::map<std::string, int> shown;
    Query query = limited(everything(), 2);
    for (int round = 0; round < 50; ++round) {
        auto answered = co_await store.scan(other_kind, query);
        ScanPage page = require_value(std::move(answered), "scan");
        for (const ScannedDocument& scanned : page.documents)
            if (scanned.document.id.starts_with("id-")) ++shown[scanned.partition + scanned.document.id];
        query.continuation = std::move(page.continuation);
        if (query.continuation.empty()) break;
        for (const std::string& partition : split("t0 t1 t2 t3 t4")) {
            std::vector<Write> writes;
            writes.push_back(put(make_other("a-" + std::to_string(round))));
            writes.push_back(remove(other_kind, "a-" + std::to_string(round - 1)));
            co_await commit_all(store, partition, std::move(writes));
        }
    }
    const bool each_once = std::all_of(shown.begin(), shown.end(), [](const auto& entry) { return entry.second == 1; });
    require(shown.size() == 18 && each_once, "commits between pages neither repeat nor skip an untouched document");
    co_return passed();
}

} // namespace

std::vector<StoreCase> store_paging_cases() {
    return {
        {"pages make up the whole", "", pages_make_up_the_whole},
        {"commits between pages leave untouched documents shown once", "", untouched_documents_show_once},
        {"a continuation belongs to its query", "", continuations_belong_to_their_query},
        {"a limit may change between pages", "", a_limit_may_change_between_pages},
        {"a scan sees all partitions", "", scans_see_all_partitions},
        {"commits between pages leave a scan whole", "", scans_survive_commits},
    };
}

} // namespace castiel_sync::testing

#include "testing/store_conformance_cases.hpp"

#include <set>
#include <utility>

namespace castiel_sync::testing {
namespace {

using std::chrono::milliseconds;

Document expiring(std::string id, Timestamp when) {
    Document document = make_item(std::move(id), "x", 1);
    document.expires_at = when;
    return document;
}

// Expired long ago for every clock, so that this needs no clock of the harness's.
Async<Finding> expired_is_absent(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    const Timestamp past(milliseconds(1));
    auto receipt = co_await commit_all(store, tenant, one(put(expiring("a", past))));
    auto seen = co_await read_one(store, tenant, item_kind, "a");
    require(!seen, "an expired document can't be read");
    auto found = co_await query_ids(store, tenant, where("category", "x"));
    require_equal(found, "", "an expired document is found by no query");
    found = co_await scan_ids(store, item_kind, everything());
    require_equal(found, "", "an expired document is found by no scan");
    Document next = make_item("a", "y", 2);
    next.etag = receipt.etags[0];
    auto refused = co_await store.commit(tenant, one(replace(next)));
    require_error(refused, ErrorCode::stale, "replace of an expired document");
    refused = co_await store.commit(tenant, one(remove(item_kind, "a", receipt.etags[0])));
    require_error(refused, ErrorCode::stale, "remove of an expired document by its etag");
    auto inserted = co_await commit_all(store, tenant, one(insert(next)));
    require(inserted.etags[0] != receipt.etags[0], "a document in an expired one's place has an etag of its own");
    seen = co_await read_one(store, tenant, item_kind, "a");
    require(seen && !seen->expires_at && seen->index == next.index, "a document can be inserted where one has expired");
    refused = co_await store.commit(tenant, one(insert(next)));
    require_error(refused, ErrorCode::stale, "insert of a document that exists");
    co_return passed();
}

Async<Finding> expiry_follows_the_clock(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    const Timestamp start = harness.now();
    std::vector<Write> writes;
    writes.push_back(put(expiring("soon", start + milliseconds(1000))));
    writes.push_back(put(expiring("later", start + milliseconds(60'000))));
    writes.push_back(put(expiring("kept", start + milliseconds(1000))));
    writes.push_back(put(make_item("for-ever", "x", 1)));
    co_await commit_all(store, tenant, std::move(writes));
    co_await commit_all(store, tenant, one(put(make_item("kept", "x", 1)))); // takes its expiry away
    harness.advance(milliseconds(999));
    auto found = co_await query_ids(store, tenant, where("category", "x"));
    require_equal(found, "for-ever kept later soon", "a document is there until its time");
    harness.advance(milliseconds(1));
    found = co_await query_ids(store, tenant, where("category", "x"));
    require_equal(found, "for-ever kept later", "a document is gone from its time on");
    harness.advance(milliseconds(3'600'000));
    // Commits may clear away what has expired, and must leave everything else.
    for (int i = 0; i < 50; ++i) co_await commit_all(store, tenant, one(put(make_item("written", "x", i))));
    found = co_await query_ids(store, tenant, where("category", "x"));
    require_equal(found, "for-ever kept written", "only what has expired is cleared away");
    co_return passed();
}

Async<Finding> reopen_sees_what_was_committed(StoreHarness& harness) {
    Store* store = co_await harness.fresh();
    std::vector<Write> writes;
    for (const std::string& id : split("a b c")) writes.push_back(insert(make_item(id, "x", 1)));
    co_await commit_all(*store, tenant, std::move(writes));
    writes.clear();
    writes.push_back(put(make_item("a", "changed", 2)));
    writes.push_back(insert(make_item("b")));
    auto refused = co_await store->commit(tenant, std::move(writes));
    require_error(refused, ErrorCode::stale, "a commit with a stale write");
    co_await commit_all(*store, tenant, one(remove(item_kind, "c")));
    co_await commit_all(*store, other_tenant, one(insert(make_other("d", "{\"kept\":true}"))));
    auto before = co_await read_one(*store, tenant, item_kind, "a");
    store = co_await harness.reopen();
    auto found = co_await query_ids(*store, tenant, where("category", "x"));
    require_equal(found, "a b", "a reopened store holds exactly what was committed");
    auto after = co_await read_one(*store, tenant, item_kind, "a");
    require(before && after && before->etag == after->etag && before->body == after->body &&
                before->index == after->index,
            "a document is the same after reopening, its etag included");
    auto other = co_await read_one(*store, other_tenant, other_kind, "d");
    require(other && other->body == "{\"kept\":true}", "every kind and partition is there after reopening");
    Document next = make_item("a", "y", 3);
    next.etag = before->etag;
    co_await commit_all(*store, tenant, one(replace(next)));
    co_return passed();
}

Async<Finding> etags_outlive_reopening(StoreHarness& harness) {
    Store* store = co_await harness.fresh();
    std::set<std::string> etags;
    for (int round = 0; round < 5; ++round) {
        auto receipt = co_await commit_all(*store, tenant, one(insert(make_other("a"))));
        require(etags.insert(receipt.etags[0]).second, "etags are not reused after removal and reopening");
        co_await commit_all(*store, tenant, one(remove(other_kind, "a")));
        store = co_await harness.reopen();
    }
    co_return passed();
}

Async<Finding> continuations_outlive_reopening(StoreHarness& harness) {
    Store* store = co_await harness.fresh();
    std::vector<Write> writes;
    for (const std::string& id : split("a b c d e")) writes.push_back(put(make_item(id, "x", 1)));
    co_await commit_all(*store, tenant, std::move(writes));
    Query query = limited(where("category", "x"), 2);
    auto answered = co_await store->query(tenant, item_kind, query);
    query.continuation = require_value(std::move(answered), "query").continuation;
    store = co_await harness.reopen();
    auto rest = co_await query_ids(*store, tenant, query);
    require_equal(rest, "c d e", "a continuation is good after reopening");
    co_return passed();
}

} // namespace

std::vector<StoreCase> store_lifetime_cases() {
    return {
        {"an expired document is absent", "", expired_is_absent},
        {"expiry follows the clock", "clock", expiry_follows_the_clock},
        {"reopening sees exactly what was committed", "reopen", reopen_sees_what_was_committed},
        {"etags are not reused after reopening", "reopen", etags_outlive_reopening},
        {"a continuation is good after reopening", "reopen", continuations_outlive_reopening},
    };
}

} // namespace castiel_sync::testing

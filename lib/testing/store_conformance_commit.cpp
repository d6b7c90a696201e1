#include "testing/store_conformance_cases.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <set>
#include <utility>

namespace castiel_sync::testing {
namespace {

namespace asio = boost::asio;

Async<Finding> all_or_nothing(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    co_await commit_all(store, tenant, one(insert(make_other("there", "{\"old\":1}"))));
    std::vector<Write> writes;
    writes.push_back(put(make_other("before")));
    writes.push_back(remove(other_kind, "there"));
    writes.push_back(put(make_item("of-another-kind")));
    writes.push_back(replace(make_other("absent")));
    writes.back().document.etag = "1";
    writes.push_back(put(make_other("after")));
    auto refused = co_await store.commit(tenant, std::move(writes));
    require_error(refused, ErrorCode::stale, "a commit whose fourth write is stale");
    for (const std::string& id : split("before absent after")) {
        auto seen = co_await read_one(store, tenant, other_kind, id);
        require(!seen, "nothing of a refused commit was written");
    }
    auto item = co_await read_one(store, tenant, item_kind, "of-another-kind");
    require(!item, "nothing of a refused commit was written, also in other kinds");
    auto there = co_await read_one(store, tenant, other_kind, "there");
    require(there && there->body == "{\"old\":1}", "a removal in a refused commit did not happen");
    co_return passed();
}

Async<Finding> insert_needs_absence(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    auto receipt = co_await commit_all(store, tenant, one(insert(make_other("a", "{\"first\":1}"))));
    auto again = co_await store.commit(tenant, one(insert(make_other("a", "{\"second\":2}"))));
    require_error(again, ErrorCode::stale, "insert of a document that exists");
    auto seen = co_await read_one(store, tenant, other_kind, "a");
    require(seen && seen->body == "{\"first\":1}" && seen->etag == receipt.etags[0],
            "a refused insert changes nothing");
    co_await commit_all(store, tenant, one(remove(other_kind, "a")));
    co_await commit_all(store, tenant, one(insert(make_other("a", "{\"third\":3}"))));
    seen = co_await read_one(store, tenant, other_kind, "a");
    require(seen && seen->body == "{\"third\":3}", "a removed document can be inserted again");
    co_return passed();
}

Async<Finding> replace_needs_the_current_etag(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    auto first = co_await commit_all(store, tenant, one(insert(make_item("a", "x", 1))));
    Document next = make_item("a", "x", 1); // the index fields stay
    next.etag = first.etags[0];
    next.body = "{\"second\":2}";
    auto second = co_await commit_all(store, tenant, one(replace(next)));
    require(second.etags[0] != first.etags[0], "a replaced document has a new etag");
    next.body = "{\"third\":3}";
    auto refused = co_await store.commit(tenant, one(replace(next)));
    require_error(refused, ErrorCode::stale, "replace with the etag before the current one");
    next = make_item("a", "y", 2); // and change
    next.etag = first.etags[0];
    refused = co_await store.commit(tenant, one(replace(next)));
    require_error(refused, ErrorCode::stale, "replace with the etag before the current one, with other index values");
    for (const std::string& etag : split("no-such-etag 0 -1 01 99999999999999999999999")) {
        next.etag = etag;
        refused = co_await store.commit(tenant, one(replace(next)));
        require_error(refused, ErrorCode::stale, "replace with an etag that no commit gave out");
    }
    auto seen = co_await read_one(store, tenant, item_kind, "a");
    require(seen && seen->body == "{\"second\":2}" && seen->etag == second.etags[0],
            "a refused replace changes nothing");
    next.etag = second.etags[0];
    co_await commit_all(store, tenant, one(replace(next)));
    auto ids = co_await query_ids(store, tenant, where("category", "y"));
    require_equal(ids, "a", "a replaced document is found by its new index values");
    ids = co_await query_ids(store, tenant, where("category", "x"));
    require_equal(ids, "", "a replaced document is not found by its old index values");
    Document absent = make_item("b");
    absent.etag = second.etags[0];
    refused = co_await store.commit(tenant, one(replace(absent)));
    require_error(refused, ErrorCode::stale, "replace of a document that does not exist");
    co_return passed();
}

Async<Finding> removals(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    auto first = co_await commit_all(store, tenant, one(insert(make_item("a", "x"))));
    auto second = co_await commit_all(store, tenant, one(put(make_item("a", "x"))));
    auto refused = co_await store.commit(tenant, one(remove(item_kind, "a", first.etags[0])));
    require_error(refused, ErrorCode::stale, "remove with the etag before the current one");
    auto receipt = co_await commit_all(store, tenant, one(remove(item_kind, "a", second.etags[0])));
    require_equal(receipt.etags[0], "", "a removal has no etag in the receipt");
    auto seen = co_await read_one(store, tenant, item_kind, "a");
    require(!seen, "a removed document is absent");
    auto ids = co_await query_ids(store, tenant, where("category", "x"));
    require_equal(ids, "", "a removed document is found by no query");
    refused = co_await store.commit(tenant, one(remove(item_kind, "a", second.etags[0])));
    require_error(refused, ErrorCode::stale, "remove with an etag of a document that is gone");
    co_await commit_all(store, tenant, one(remove(item_kind, "a")));
    co_await commit_all(store, tenant, one(remove(item_kind, "never-there")));
    Write impossible = remove(item_kind, "a");
    impossible.precondition = Write::Precondition::absent;
    refused = co_await store.commit(tenant, one(std::move(impossible)));
    require_error(refused, ErrorCode::invalid_request, "a removal that asks for absence");
    co_return passed();
}

Async<Finding> put_inserts_or_replaces(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    Document document = make_item("a", "x", 1);
    document.expires_at = Timestamp(std::chrono::sys_days(std::chrono::year(2200) / 1 / 1));
    co_await commit_all(store, tenant, one(put(document)));
    auto seen = co_await read_one(store, tenant, item_kind, "a");
    require(seen && seen->expires_at == document.expires_at && seen->index == document.index, "put inserts all of it");
    co_await commit_all(store, tenant, one(put(make_item("a", {}, "one"))));
    seen = co_await read_one(store, tenant, item_kind, "a");
    require(seen && !seen->expires_at && seen->index == make_item("a", {}, "one").index,
            "put replaces all of it, expiry and absent index values included");
    co_return passed();
}

Async<Finding> stale_names_the_write(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    co_await commit_all(store, tenant, one(insert(make_other("taken"))));
    std::vector<Write> writes;
    writes.push_back(insert(make_other("free")));
    writes.push_back(insert(make_other("taken")));
    auto refused = co_await store.commit(tenant, std::move(writes));
    const Error error = require_error(refused, ErrorCode::stale, "a commit with one stale write");
    require(error.message.find("taken") != std::string::npos, "the message of stale names the id of the stale write");
    require(error.message.find("free") == std::string::npos, "the message of stale names no other write");
    co_return passed();
}

Async<Finding> one_document_once_in_a_batch(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    std::vector<Write> writes;
    writes.push_back(put(make_other("a")));
    writes.push_back(remove(other_kind, "a"));
    auto refused = co_await store.commit(tenant, std::move(writes));
    require_error(refused, ErrorCode::invalid_request, "a commit that writes one document twice");
    writes.clear();
    writes.push_back(put(make_other("a")));
    writes.push_back(put(make_item("a")));
    co_await commit_all(store, tenant, std::move(writes));
    co_return passed();
}

Async<Finding> undeclared_kind_is_refused(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    Document document = make_other("a");
    document.kind = "conformance_undeclared";
    auto committed = co_await store.commit(tenant, one(put(document)));
    require_error(committed, ErrorCode::invalid_request, "commit of an undeclared kind");
    std::vector<std::string> ids(1, "a");
    auto read = co_await store.read(tenant, document.kind, std::move(ids));
    require_error(read, ErrorCode::invalid_request, "read of an undeclared kind");
    auto queried = co_await store.query(tenant, document.kind, Query());
    require_error(queried, ErrorCode::invalid_request, "query of an undeclared kind");
    auto scanned = co_await store.scan(document.kind, Query());
    require_error(scanned, ErrorCode::invalid_request, "scan of an undeclared kind");
    Document short_of_values = make_item("a");
    short_of_values.index.pop_back();
    committed = co_await store.commit(tenant, one(put(short_of_values)));
    require_error(committed, ErrorCode::invalid_request, "commit of a document with too few index values");
    co_return passed();
}

Async<Finding> receipt_matches_the_writes(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    std::vector<Write> writes;
    writes.push_back(put(make_other("a")));
    writes.push_back(remove(other_kind, "b"));
    writes.push_back(insert(make_item("c")));
    auto receipt = co_await commit_all(store, tenant, std::move(writes));
    auto a = co_await read_one(store, tenant, other_kind, "a");
    auto c = co_await read_one(store, tenant, item_kind, "c");
    require(a && c && !a->etag.empty() && !c->etag.empty(), "every stored document has an etag");
    require_equal(receipt.etags[0], a->etag, "etags[0] belongs to writes[0]");
    require_equal(receipt.etags[1], "", "a removal has no etag in the receipt");
    require_equal(receipt.etags[2], c->etag, "etags[2] belongs to writes[2]");
    auto empty = co_await store.commit(tenant, std::vector<Write>());
    require(require_value(std::move(empty), "an empty commit").etags.empty(), "an empty commit has an empty receipt");
    co_return passed();
}

Async<Finding> etags_are_never_reused(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    std::set<std::string> etags;
    for (int round = 0; round < 20; ++round) {
        auto inserted = co_await commit_all(store, tenant, one(insert(make_item("a", "x", 1))));
        require(etags.insert(inserted.etags[0]).second, "an inserted document has an etag it never had");
        auto updated = co_await commit_all(store, tenant, one(put(make_item("a", "x", 1))));
        require(etags.insert(updated.etags[0]).second, "a rewritten document has an etag it never had, content aside");
        std::vector<Write> writes;
        writes.push_back(remove(item_kind, "a", updated.etags[0]));
        if (round % 2 == 1) writes.push_back(put(make_item("b"))); // a removal alone must advance the etags too
        co_await commit_all(store, tenant, std::move(writes));
    }
    co_return passed();
}

Async<Finding> one_of_two_commits_wins(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    auto first = co_await commit_all(store, tenant, one(insert(make_other("a"))));
    Document left = make_other("a", "{\"by\":\"left\"}");
    Document right = make_other("a", "{\"by\":\"right\"}");
    left.etag = right.etag = first.etags[0];
    auto executor = co_await asio::this_coro::executor;
    auto left_commit = asio::co_spawn(executor, store.commit(tenant, one(replace(left))), asio::deferred);
    auto right_commit = asio::co_spawn(executor, store.commit(tenant, one(replace(right))), asio::deferred);
    auto both = asio::experimental::make_parallel_group(std::move(left_commit), std::move(right_commit));
    auto [order, left_threw, left_result, right_threw, right_result] =
        co_await both.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    require(!left_threw && !right_threw, "commits that overlap do not throw");
    require(left_result.has_value() != right_result.has_value(), "exactly one of two commits with one etag succeeds");
    require_error(left_result ? right_result : left_result, ErrorCode::stale, "the commit that lost");
    auto seen = co_await read_one(store, tenant, other_kind, "a");
    require(seen && seen->body == (left_result ? left.body : right.body), "the stored document is the winner's");
    co_return passed();
}

Async<Finding> limits_are_enforced(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    const StoreLimits limits = store.limits();
    require(limits.max_writes >= 2 && limits.max_document_bytes >= 1024, "limits leave room for something");
    std::vector<Write> writes;
    for (std::size_t i = 0; i < limits.max_writes; ++i) writes.push_back(insert(make_other(std::to_string(i))));
    co_await commit_all(store, tenant, writes);
    writes.push_back(insert(make_other("one-too-many")));
    auto refused = co_await store.commit(other_tenant, std::move(writes));
    require_error(refused, ErrorCode::invalid_request, "a commit with more writes than limits() says");
    Document document = make_other("large", std::string(limits.max_document_bytes + 1, ' '));
    refused = co_await store.commit(tenant, one(put(document)));
    require_error(refused, ErrorCode::invalid_request, "a document larger than limits() says");
    refused = co_await store.commit(tenant, one(put(make_other(""))));
    require_error(refused, ErrorCode::invalid_request, "an empty id");
    refused = co_await store.commit(tenant, one(put(make_other(std::string(1001, 'i')))));
    require_error(refused, ErrorCode::invalid_request, "an id longer than 1,000 bytes");
    refused = co_await store.commit(tenant, one(put(make_other("broken-\xC3"))));
    require_error(refused, ErrorCode::invalid_request, "an id that is not UTF-8");
    const std::size_t bodies = limits.max_bytes / limits.max_document_bytes + 1;
    if (limits.max_bytes > 128 * 1024 * 1024 || bodies > limits.max_writes) co_return passed();
    writes.clear();
    document.body.pop_back();
    for (std::size_t i = 0; i < bodies; ++i) {
        document.id = "large-" + std::to_string(i);
        writes.push_back(put(document));
    }
    refused = co_await store.commit(tenant, std::move(writes));
    require_error(refused, ErrorCode::invalid_request, "a commit of more bytes than limits() says");
    co_return passed();
}

} // namespace

std::vector<StoreCase> store_commit_cases() {
    return {
        {"a commit happens whole or not at all", "", all_or_nothing},
        {"insert needs absence", "", insert_needs_absence},
        {"replace needs the current etag", "", replace_needs_the_current_etag},
        {"remove takes an etag or none", "", removals},
        {"put inserts or replaces", "", put_inserts_or_replaces},
        {"stale names the write", "", stale_names_the_write},
        {"a batch writes a document once", "", one_document_once_in_a_batch},
        {"an undeclared kind is refused", "", undeclared_kind_is_refused},
        {"a receipt matches its writes", "", receipt_matches_the_writes},
        {"etags are never reused", "", etags_are_never_reused},
        {"one of two commits with one etag wins", "", one_of_two_commits_wins},
        {"limits are enforced", "", limits_are_enforced},
    };
}

} // namespace castiel_sync::testing

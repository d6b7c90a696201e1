#include "testing/store_conformance_cases.hpp"

#include <limits>
#include <utility>

namespace castiel_sync::testing {
namespace {

using Comparison = Condition::Comparison;

std::vector<IndexValue> values(IndexValue first, IndexValue second, IndexValue third = std::monostate()) {
    std::vector<IndexValue> list;
    for (IndexValue* value : {&first, &second, &third}) list.push_back(std::move(*value));
    return list;
}

const std::string with_nul("a\0b", 3);

Async<Finding> reads_answer_in_order(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    std::vector<Write> writes;
    for (const std::string& id : split("c a b")) writes.push_back(put(make_other(id, "{\"of\":\"" + id + "\"}")));
    co_await commit_all(store, tenant, std::move(writes));
    auto read = co_await store.read(tenant, other_kind, split("b nowhere a a c"));
    const auto documents = require_value(std::move(read), "read");
    std::string seen;
    for (const auto& document : documents) seen += document ? document->id + document->body : "-";
    require_equal(seen, "b{\"of\":\"b\"}-a{\"of\":\"a\"}a{\"of\":\"a\"}c{\"of\":\"c\"}",
                  "a read answers one element per id, in the order asked, and nullopt where there is none");
    read = co_await store.read(tenant, other_kind, std::vector<std::string>());
    require(require_value(std::move(read), "an empty read").empty(), "a read of no ids answers nothing");
    co_return passed();
}

Async<Finding> documents_come_back_whole(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    std::vector<Document> documents;
    documents.push_back(make_item("with spaces and /slashes/ and ?#%\\", {}, 0, ""));
    documents.push_back(make_item("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", std::numeric_limits<std::int64_t>::min(),
                                  std::numeric_limits<std::int64_t>::max(), "9223372036854775807", -1));
    documents.push_back(make_item(std::string(1000, 'x'), "1", 1, with_nul));
    documents.push_back(make_item("'; DROP TABLE x; --\"", "\xC3\xA9", "'\"", "%_"));
    documents[0].body = "{\"text\":\"" + std::string(1024 * 1024, 'm') + "\"}";
    documents[1].body = "{\"\xF0\x9F\x98\x80\":\"\\u0000\",\"n\":0.10}  ";
    documents[2].body = std::string("{\"a\":\"\0\"}", 9);
    documents[3].expires_at = Timestamp(std::chrono::milliseconds(7258118400123)); // the year 2200
    for (const Document& document : documents) co_await commit_all(store, tenant, one(insert(document)));
    for (const Document& document : documents) {
        auto seen = co_await read_one(store, tenant, item_kind, document.id);
        require(seen.has_value(), "a document with an odd id is found");
        require(seen->kind == document.kind, "a document comes back with its kind");
        require(seen->body == document.body, "a body comes back byte for byte");
        require(seen->index == document.index, "index values come back with their type and value");
        require(seen->expires_at == document.expires_at, "the expiry comes back to the millisecond");
        auto found = co_await query_ids(
            store, tenant,
            with(where("label", document.index[2]), Condition("category", Comparison::equal, document.index[0])));
        require_equal(found, document.id, "a document is found by exactly its own index values");
    }
    co_return passed();
}

Async<void> put_mixed(Store& store) {
    std::vector<Document> documents;
    documents.push_back(make_item("e", "x", "10"));
    documents.push_back(make_item("b", "x", 10));
    documents.push_back(make_item("a", "x"));
    documents.push_back(make_item("d", "x", ""));
    documents.push_back(make_item("c", "x", 9));
    documents.push_back(make_item("f", "y", -1));
    documents.push_back(make_item("g", "y", "a"));
    co_await put_each(store, tenant, std::move(documents));
}

Async<Finding> equality(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    co_await put_mixed(store);
    auto ids = co_await query_ids(store, tenant, where("rank", 10));
    require_equal(ids, "b", "a number equals that number and no text");
    ids = co_await query_ids(store, tenant, where("rank", "10"));
    require_equal(ids, "e", "a text equals that text and no number");
    ids = co_await query_ids(store, tenant, where("rank", std::monostate()));
    require_equal(ids, "a", "an absent value equals an absent value only");
    ids = co_await query_ids(store, tenant, where("rank", ""));
    require_equal(ids, "d", "an empty text is not an absent value");
    ids = co_await query_ids(store, tenant, where_any_of("rank", values(9, "a", 9)));
    require_equal(ids, "c g", "any_of finds each once, repeated values aside");
    ids = co_await query_ids(store, tenant, where_any_of("rank", values(10, std::monostate(), "no")));
    require_equal(ids, "a b", "any_of may ask for absent values");
    ids = co_await query_ids(store, tenant, where_any_of("rank", std::vector<IndexValue>(1)));
    require_equal(ids, "a", "any_of may ask for absent values alone");
    co_return passed();
}

Async<Finding> many_choices(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    std::vector<Write> writes;
    for (int i = 0; i < 50; ++i) writes.push_back(put(make_item(std::to_string(100 + i), "x", i)));
    co_await commit_all(store, tenant, std::move(writes));
    std::vector<IndexValue> choices;
    for (int i = 0; i < 1000; ++i) choices.emplace_back(47 + i);
    auto ids = co_await query_ids(store, tenant, with(where("category", "x"), Condition("rank", choices)));
    require_equal(ids, "147 148 149", "any_of takes 1,000 values");
    choices.emplace_back(1);
    auto refused = co_await store.query(tenant, item_kind, where_any_of("rank", choices));
    require_error(refused, ErrorCode::invalid_request, "any_of with 1,001 values");
    co_return passed();
}

Async<Finding> ranges_stay_within_a_type(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    co_await put_mixed(store);
    auto ids = co_await query_ids(store, tenant, where("rank", Comparison::less, 10));
    require_equal(ids, "c f", "less than a number: smaller numbers, no absent values");
    ids = co_await query_ids(store, tenant, where("rank", Comparison::less_or_equal, 10));
    require_equal(ids, "b c f", "less than or equal to a number");
    ids = co_await query_ids(store, tenant, where("rank", Comparison::greater, 9));
    require_equal(ids, "b", "greater than a number: larger numbers, no texts");
    ids = co_await query_ids(store, tenant, where("rank", Comparison::greater_or_equal, 9));
    require_equal(ids, "b c", "greater than or equal to a number");
    ids = co_await query_ids(store, tenant, where("rank", Comparison::less, "a"));
    require_equal(ids, "d e", "less than a text: smaller texts, no numbers");
    ids = co_await query_ids(store, tenant, where("rank", Comparison::less_or_equal, "a"));
    require_equal(ids, "d e g", "less than or equal to a text");
    ids = co_await query_ids(store, tenant, where("rank", Comparison::greater, ""));
    require_equal(ids, "e g", "greater than a text");
    ids = co_await query_ids(store, tenant, where("rank", Comparison::greater_or_equal, "10"));
    require_equal(ids, "e g", "greater than or equal to a text");
    auto refused = co_await store.query(tenant, item_kind, where("rank", Comparison::less, std::monostate()));
    require_error(refused, ErrorCode::invalid_request, "a range that begins at an absent value");
    co_return passed();
}

Async<Finding> all_conditions_must_hold(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    std::vector<Document> documents;
    for (int i = 0; i < 10; ++i) {
        const std::string id(1, static_cast<char>('a' + i));
        documents.push_back(make_item(id, i % 2 ? "odd" : "even", i, id, i % 3));
    }
    co_await put_each(store, tenant, std::move(documents));
    auto query = with(where("rank", Comparison::greater, 2), Condition("rank", Comparison::less_or_equal, 8));
    auto ids = co_await query_ids(store, tenant, query);
    require_equal(ids, "d e f g h i", "two conditions on one field make a range");
    ids = co_await query_ids(store, tenant, with(query, Condition("category", Comparison::equal, "even")));
    require_equal(ids, "e g i", "conditions on two fields both hold");
    ids = co_await query_ids(store, tenant, with(query, Condition("note", Comparison::equal, 0)));
    require_equal(ids, "d g", "a field without an index works too");
    query = with(where("rank", Comparison::greater, 8), Condition("rank", Comparison::less, 2));
    ids = co_await query_ids(store, tenant, query);
    require_equal(ids, "", "an empty range finds nothing");
    query = with(where("category", "odd"), Condition("category", Comparison::equal, "even"));
    ids = co_await query_ids(store, tenant, query);
    require_equal(ids, "", "conditions that exclude each other find nothing");
    co_return passed();
}

Async<Finding> order(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    co_await put_mixed(store);
    co_await put_each(store, tenant, std::vector<Document>(1, make_item("B", "x", 10)));
    auto ids = co_await query_ids(store, tenant, everything());
    require_equal(ids, "B a b c d e f g", "without an order: by id, by bytes");
    ids = co_await query_ids(store, tenant, ordered(everything(), "rank"));
    require_equal(ids, "a f c B b d e g", "absent values before numbers before texts; ties by id");
    ids = co_await query_ids(store, tenant, ordered(everything(), "rank", true));
    require_equal(ids, "g e d B b c f a", "descending, with ties still by id ascending");
    ids = co_await query_ids(store, tenant, ordered(ordered(everything(), "category", true), "rank"));
    require_equal(ids, "f g a c B b d e", "the first field decides, the second among its equals");
    ids = co_await query_ids(store, tenant, ordered(where("category", "x"), "rank"));
    require_equal(ids, "a c B b d e", "a condition and an order on one index");
    ids = co_await query_ids(store, tenant, ordered(where("category", "x"), "note", true));
    require_equal(ids, "B a b c d e", "an order by a field that all have equal is by id");
    co_return passed();
}

Async<Finding> texts_compare_by_bytes(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    std::vector<Document> documents;
    documents.push_back(make_item("1", {}, {}, "b"));
    documents.push_back(make_item("2", {}, {}, "B"));
    documents.push_back(make_item("3", {}, {}, "\xC3\xA9"));
    documents.push_back(make_item("4", {}, {}, "ba"));
    documents.push_back(make_item("5", {}, {}, std::string("b\0z", 3)));
    documents.push_back(make_item("6", {}, {}, "z"));
    documents.push_back(make_item("7", {}, {}, "b "));
    co_await put_each(store, tenant, std::move(documents));
    auto ids = co_await query_ids(store, tenant, ordered(everything(), "label"));
    require_equal(ids, "2 1 5 7 4 6 3", "texts order by their bytes: no locale, no case folding, NUL and blanks count");
    ids = co_await query_ids(store, tenant, where("label", "b"));
    require_equal(ids, "1", "equal texts are equal byte for byte");
    co_return passed();
}

Async<Finding> faulty_queries_are_refused(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    auto refused = co_await store.query(tenant, item_kind, limited(everything(), 0));
    require_error(refused, ErrorCode::invalid_request, "a limit of 0");
    refused = co_await store.query(tenant, item_kind, limited(everything(), 1001));
    require_error(refused, ErrorCode::invalid_request, "a limit of 1,001");
    refused = co_await store.query(tenant, item_kind, where("undeclared", 1));
    require_error(refused, ErrorCode::invalid_request, "a condition on a field that is not declared");
    refused = co_await store.query(tenant, item_kind, ordered(everything(), "undeclared"));
    require_error(refused, ErrorCode::invalid_request, "an order by a field that is not declared");
    refused = co_await store.query(tenant, item_kind, where_any_of("rank", std::vector<IndexValue>()));
    require_error(refused, ErrorCode::invalid_request, "any_of without a value");
    Query two_values = where("rank", 1);
    two_values.conditions[0].values.emplace_back(2);
    refused = co_await store.query(tenant, item_kind, two_values);
    require_error(refused, ErrorCode::invalid_request, "equality with two values");
    auto scanned = co_await store.scan(item_kind, ordered(everything(), "rank"));
    require_error(scanned, ErrorCode::invalid_request, "a scan with an order");
    co_return passed();
}

Async<Finding> empty_results(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    auto before = co_await query_ids(store, tenant, everything());
    require_equal(before, "", "a fresh store holds nothing");
    co_await put_mixed(store);
    auto nothing = co_await query_ids(store, tenant, where("category", "z"));
    require_equal(nothing, "", "a query that nothing matches answers nothing");
    auto foreign = co_await query_ids(store, "nobody", everything());
    require_equal(foreign, "", "a partition that was never written holds nothing");
    auto absent = co_await read_one(store, "nobody", item_kind, "a");
    require(!absent, "a partition that was never written holds nothing to read");
    auto scanned = co_await scan_ids(store, other_kind, everything());
    require_equal(scanned, "", "a kind that was never written holds nothing");
    co_return passed();
}

Async<Finding> partitions_are_apart(StoreHarness& harness) {
    Store& store = *co_await harness.fresh();
    auto receipt = co_await commit_all(store, tenant, one(insert(make_item("a", "x", 1))));
    Document foreign = make_item("a", "x", 2);
    foreign.etag = receipt.etags[0];
    auto refused = co_await store.commit(other_tenant, one(replace(foreign)));
    require_error(refused, ErrorCode::stale, "an etag of another partition");
    co_await commit_all(store, other_tenant, one(insert(foreign)));
    co_await commit_all(store, other_tenant, one(insert(make_item("b", "x", 3))));
    auto ids = co_await query_ids(store, tenant, where("category", "x"));
    require_equal(ids, "a", "a query sees its own partition only");
    auto mine = co_await read_one(store, tenant, item_kind, "a");
    auto theirs = co_await read_one(store, other_tenant, item_kind, "a");
    require(mine && theirs && mine->index[1] == IndexValue(1) && theirs->index[1] == IndexValue(2),
            "one id in two partitions is two documents");
    co_await commit_all(store, other_tenant, one(remove(item_kind, "a")));
    mine = co_await read_one(store, tenant, item_kind, "a");
    require(mine.has_value(), "a removal in one partition leaves the other alone");
    co_return passed();
}

} // namespace

std::vector<StoreCase> store_query_cases() {
    return {
        {"reads answer in the order asked", "", reads_answer_in_order},
        {"documents come back whole", "", documents_come_back_whole},
        {"equality and any_of", "", equality},
        {"any_of takes many choices", "", many_choices},
        {"ranges stay within a type", "", ranges_stay_within_a_type},
        {"all conditions must hold", "", all_conditions_must_hold},
        {"order, mixed types and ties", "", order},
        {"texts compare by bytes", "", texts_compare_by_bytes},
        {"faulty queries are refused", "", faulty_queries_are_refused},
        {"empty results", "", empty_results},
        {"partitions are apart", "", partitions_are_apart},
    };
}

} // namespace castiel_sync::testing

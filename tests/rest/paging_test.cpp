// From page to page, without requests: what is asked for next, and when a pass is over.
#include "rest_documents.hpp"

#include <adapters/rest/paging.hpp>

#include <fmt/format.h>

using namespace castiel_sync;
using namespace rest_test;

namespace {

// Pages of at most 3 rows. `list`: further members of the listing.
RestRows rows_of(std::string_view query, std::string_view list) {
    const std::string text = R"({"path": "/contacts", "records": "data", "pageSize": {"most": 3}, "query": )" +
                             std::string(query) + ", " + std::string(list) + "}";
    return *entity_of(with(contacts(), "entities.contacts.list", text)).list;
}

RestRows counted(std::string_view kind, std::string_view more = R"("total": "total")") {
    return rows_of(fmt::format(R"({{"{0}": "{{{0}}}", "limit": "{{limit}}"}})", kind),
                   fmt::format(R"("paging": {{"type": "{}"}}, {})", kind, more));
}

Result<RestPage> page_of(const RestRows& rows, json::value body, HttpHeaders headers = {}) {
    return read_page(rows, entity_of(contacts()), std::move(body), std::move(headers), "GET /contacts");
}

json::value body_with(std::vector<int> ids, json::object members = {}) {
    json::array data;
    for (const int id : ids)
        data.push_back(json::object{{"id", id}});
    members["data"] = std::move(data);
    return members;
}

RestCursor first_cursor() {
    RestCursor cursor;
    cursor.size = 3;
    return cursor;
}

// The next page's place, or "end", or the error.
std::string step(const RestRows& rows, RestCursor& cursor, json::value body, HttpHeaders headers = {}) {
    const auto page = page_of(rows, std::move(body), std::move(headers));
    if (!page) return page.error().message;
    auto next = next_step(rows, cursor, *page, "GET /contacts");
    if (!next) return next.error().message;
    if (!next->at) return "end";
    cursor.at = *next->at;
    return to_json(cursor.at);
}

} // namespace

TEST_CASE("pages are asked for by number, from the first that the description names") {
    RestRows rows = counted("page");
    RestCursor cursor = first_cursor();
    CHECK(page_request(rows, cursor).variables == json::object{{"limit", 3}, {"page", 1}});
    CHECK(step(rows, cursor, body_with({1, 2, 3}, {{"total", 5}})) == "2");
    CHECK(page_request(rows, cursor).variables.at("page") == 2);
    CHECK(step(rows, cursor, body_with({4, 5}, {{"total", 5}})) == "end");
    rows.paging.first = 0;
    cursor = first_cursor();
    CHECK(page_request(rows, cursor).variables.at("page") == 0);
    CHECK(step(rows, cursor, body_with({1, 2, 3}, {{"total", 5}})) == "1");
    CHECK(step(rows, cursor, body_with({4, 5}, {{"total", 5}})) == "end");
}

TEST_CASE("an offset goes on after the rows that came, and asks for the last one once more") {
    const RestRows rows = counted("offset");
    RestCursor cursor = first_cursor();
    cursor.size = 2;
    CHECK(page_request(rows, cursor).variables == json::object{{"limit", 2}, {"offset", 0}});
    CHECK(step(rows, cursor, body_with({1, 2}, {{"total", 5}})) == "2");
    CHECK(page_request(rows, cursor).variables == json::object{{"limit", 3}, {"offset", 1}});
    CHECK(cursor.anchors == std::vector<std::string>{"1", "2"});
    CHECK(step(rows, cursor, body_with({2, 3, 4}, {{"total", 5}})) == "4");
    CHECK(step(rows, cursor, body_with({4, 5}, {{"total", 5}})) == "end");
}

TEST_CASE("without a total, pages by number end with an empty one only") {
    for (const char* kind : {"page", "offset"}) {
        CAPTURE(std::string(kind));
        const RestRows rows = counted(kind, R"("shortPageIsLast": false)");
        RestCursor cursor = first_cursor();
        CHECK(step(rows, cursor, body_with({1})) != "end");
        CHECK(step(rows, cursor, body_with({})) == "end");
    }
}

TEST_CASE("a short page is the last where the description says so") {
    const RestRows rows = counted("page", R"("shortPageIsLast": true)");
    RestCursor cursor = first_cursor();
    CHECK(step(rows, cursor, body_with({1, 2, 3})) == "2");
    CHECK(step(rows, cursor, body_with({4, 5})) == "end");
}

TEST_CASE("a condition on the body ends the pass") {
    const RestRows rows = counted("page", R"("more": {"field": "more", "equals": true})");
    RestCursor cursor = first_cursor();
    CHECK(step(rows, cursor, body_with({1}, {{"more", true}})) == "2");
    CHECK(step(rows, cursor, body_with({2, 3, 4}, {{"more", false}})) == "end");
}

TEST_CASE("a cursor is what the answer names, of any scalar type, in its body or in a header") {
    const RestRows rows = rows_of(R"({"c": "{cursor}"})", R"("paging": {"type": "cursor", "next": "next"})");
    RestCursor cursor = first_cursor();
    CHECK(page_request(rows, cursor).variables.if_contains("cursor") == nullptr);
    CHECK(step(rows, cursor, body_with({1}, {{"next", "t1"}})) == "\"t1\"");
    CHECK(page_request(rows, cursor).variables.at("cursor") == "t1");
    CHECK(step(rows, cursor, body_with({}, {{"next", 17}})) == "17"); // an empty page may have a next one
    CHECK(step(rows, cursor, body_with({2}, {{"next", nullptr}})) == "end");
    const RestRows in_header =
        rows_of(R"({"c": "{cursor}"})", R"("paging": {"type": "cursor", "next": {"header": "X-Next"}})");
    HttpHeaders headers;
    headers.add("X-Next", "h1");
    cursor = first_cursor();
    CHECK(step(in_header, cursor, body_with({1}), headers) == "\"h1\"");
    CHECK(step(in_header, cursor, body_with({1})) == "end");
}

TEST_CASE("false, null and an empty text name no next page") {
    const RestRows rows = rows_of(R"({"c": "{cursor}"})", R"("paging": {"type": "cursor", "next": "next"})");
    for (const json::value& next : {json::value(false), json::value(nullptr), json::value("")}) {
        RestCursor cursor = first_cursor();
        CHECK(step(rows, cursor, body_with({1}, {{"next", next}})) == "end");
    }
}

TEST_CASE("a next page that is an object is a contradiction") {
    const RestRows rows = rows_of(R"({"c": "{cursor}"})", R"("paging": {"type": "cursor", "next": "next"})");
    RestCursor cursor = first_cursor();
    CHECK(step(rows, cursor, body_with({1}, {{"next", {{"a", 1}}}})).find("is an object") != std::string::npos);
}

TEST_CASE("links and next URLs stand for the whole request") {
    const RestRows by_link = rows_of("{}", R"("paging": {"type": "link"})");
    HttpHeaders headers;
    headers.add("Link", R"(<https://crm.test/api/contacts?after=2>; rel="next")");
    RestCursor cursor = first_cursor();
    CHECK(step(by_link, cursor, body_with({1}), headers) == R"("https://crm.test/api/contacts?after=2")");
    CHECK(page_request(by_link, cursor).url == "https://crm.test/api/contacts?after=2");
    CHECK(step(by_link, cursor, body_with({2})) == "end");
    const RestRows by_url = rows_of("{}", R"("paging": {"type": "nextUrl", "next": "links.next"})");
    cursor = first_cursor();
    CHECK(step(by_url, cursor, body_with({1}, {{"links", {{"next", "/api/contacts?p=2"}}}})) ==
          "\"/api/contacts?p=2\"");
    CHECK(page_request(by_url, cursor).url == "/api/contacts?p=2");
}

TEST_CASE("a keyset goes on after the last key, and ends with an empty page") {
    const RestRows rows = rows_of(R"({"after": "{after}"})", R"("paging": {"type": "keyset", "key": "id"})");
    RestCursor cursor = first_cursor();
    CHECK(page_request(rows, cursor).variables.if_contains("after") == nullptr);
    CHECK(step(rows, cursor, body_with({1, 2})) == "2");
    CHECK(page_request(rows, cursor).variables.at("after") == 2);
    CHECK(step(rows, cursor, body_with({})) == "end");
}

TEST_CASE("an inclusive keyset asks for one row more, which is the last one once more") {
    const RestRows rows =
        rows_of(R"({"from": "{after}", "limit": "{limit}"})",
                R"("paging": {"type": "keyset", "key": "id", "inclusive": true})");
    RestCursor cursor = first_cursor();
    cursor.size = 2;
    CHECK(page_request(rows, cursor).size == 2);
    CHECK(step(rows, cursor, body_with({1, 2})) == "2");
    CHECK(page_request(rows, cursor).size == 3);
    CHECK(page_request(rows, cursor).variables.at("limit") == 3);
}

TEST_CASE("a page never asks for more rows than the system gives") {
    RestRows rows = counted("offset");
    RestCursor cursor = first_cursor();
    cursor.at = 3;
    cursor.anchors = {"3"};
    CHECK(page_request(rows, cursor).size == 3); // not 4, although one of them was met
}

TEST_CASE("a page without key to go on from is a contradiction") {
    const RestRows rows = rows_of(R"({"after": "{after}"})", R"("paging": {"type": "keyset", "key": "at"})");
    RestCursor cursor = first_cursor();
    CHECK(step(rows, cursor, body_with({1, 2})).find("paging.key") != std::string::npos);
}

TEST_CASE("I38: an answer without a list is no empty page") {
    const RestRows rows = counted("page");
    for (const char* body : {"{}", R"({"data": null})", R"({"data": {}})", R"({"data": "none"})", "[]", "null", "7",
                             R"({"error": "out of order"})"}) {
        CAPTURE(std::string(body));
        const auto page = page_of(rows, json_of(body));
        REQUIRE(page.has_error());
        CHECK(page.error().code == ErrorCode::corrupted);
    }
    CHECK(page_of(rows, json_of(R"({"data": []})")).has_value());
}

TEST_CASE("a body may be the list itself, and a row may hold its record further down") {
    json::value document = with(contacts(), "entities.contacts.list.records", "");
    document = with(document, "entities.contacts.list.record", "\"doc\"");
    const RestRows rows = *entity_of(document).list;
    const RestPage page = page_of(rows, json_of(R"([{"doc": {"id": 1}}, {"doc": null}, {"other": 1}, 5])")).value();
    CHECK(page.received == 4);
    CHECK(page.rows[0] == json_of(R"({"id": 1})"));
    CHECK(page.ids == std::vector<std::string>{"1", "", "", ""});
    CHECK(page.rows[2].is_null());
}

TEST_CASE("a first page without rows contradicts a total") {
    const RestRows rows = counted("page");
    RestCursor cursor = first_cursor();
    CHECK(step(rows, cursor, body_with({}, {{"total", 5}})).find("tells of 5 records") != std::string::npos);
    cursor = first_cursor();
    CHECK(step(rows, cursor, body_with({}, {{"total", 0}})) == "end");
}

TEST_CASE("a total is a number or its text, and anything else is none") {
    const RestRows rows = counted("page");
    const auto total = [&](json::value value) {
        return total_of(rows, page_of(rows, body_with({}, {{"total", std::move(value)}})).value());
    };
    CHECK(total(7) == 7);
    CHECK(total("7") == 7);
    for (const json::value& other : {json::value(-1), json::value(7.5), json::value("many"), json::value(nullptr),
                                     json::value(json::array{7}), json::value(1e300)})
        CHECK(total(other) == std::nullopt);
}

TEST_CASE("a total that no cursor carries is none, so that the listing can go on") {
    const RestRows rows = counted("page");
    RestCursor cursor = first_cursor();
    CHECK(step(rows, cursor, body_with({1, 2, 3}, {{"total", std::uint64_t{18446744073709551615U}}})) == "2");
    CHECK(RestCursor::parse(cursor.write("here").value()).has_value());
}

TEST_CASE("a pass that never ends is ended") {
    const RestRows rows = counted("page", R"("shortPageIsLast": false)");
    RestCursor cursor = first_cursor();
    cursor.pages = 1'000'000;
    CHECK(step(rows, cursor, body_with({1, 2, 3})).find("has no end") != std::string::npos);
}

TEST_CASE("rows are dropped up to the last one that was met") {
    const std::vector<std::string> anchors{"a", "b", "c"};
    CHECK(rows_to_drop(anchors, {"c", "d"}) == 1);
    CHECK(rows_to_drop(anchors, {"b", "c", "d"}) == 2);
    CHECK(rows_to_drop(anchors, {"b", "d"}) == 1); // c was taken away
    CHECK(rows_to_drop(anchors, {"x", "a", "b", "c", "d"}) == 4); // x was put in before them
    CHECK(rows_to_drop(anchors, {"d", "e"}) == std::nullopt);
    CHECK(rows_to_drop(anchors, {}) == std::nullopt);
}

TEST_CASE("a row that has moved away from the others that were met is no place to go on from") {
    const std::vector<std::string> anchors{"a", "b", "c"};
    CHECK(rows_to_drop(anchors, {"d", "e", "c", "f"}) == std::nullopt);
    CHECK(rows_to_drop(anchors, {"b", "d", "c", "e"}) == 1);
}

// What no system should do and some do: a pull never ends well with fewer records than there are, and always ends.
#include "rest_fixture.hpp"

#include <fmt/format.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace rest_test;

namespace {

json::value row(int id) { return json::object{{"id", id}}; }

json::array rows(int first, int last) {
    json::array list;
    for (int id = first; id <= last; ++id)
        list.push_back(row(id));
    return list;
}

std::string ids(int first, int last) {
    std::string text;
    for (int id = first; id <= last; ++id)
        text.append(text.empty() ? "" : " ").append(std::to_string(id));
    return text;
}

json::value listing(std::string_view list) { return with(contacts(), "entities.contacts.list", list); }

json::value by_cursor(std::string_view more = "") {
    return listing(R"({"path": "/contacts", "query": {"cursor": "{cursor}"}, "records": "data",
                       "paging": {"type": "cursor", "next": "next"})" +
                   std::string(more) + "}");
}

json::value by_url() {
    return listing(R"({"path": "/contacts", "records": "data", "paging": {"type": "nextUrl", "next": "next"}})");
}

json::value by_key(bool inclusive, std::string_view more = "") {
    return listing(fmt::format(R"({{"path": "/contacts", "query": {{"from": "{{after}}", "limit": "{{limit}}"}},
        "records": "data", "pageSize": {{"most": 3}},
        "paging": {{"type": "keyset", "key": "at", "inclusive": {}}}{}}})",
                               inclusive, more));
}

json::value by_sequence(std::string_view more = "") {
    json::value document = with(contacts(), "entities.contacts.list", "");
    return with(document, "entities.contacts.changes",
                R"({"by": "sequence", "path": "/changes", "query": {"since": "{since}"}, "records": "data",
                    "next": "next")" +
                    std::string(more) + "}");
}

json::value by_time() {
    json::value document = with(contacts(), "entities.contacts.modifiedAt", R"({"field": "at"})");
    return with(document, "entities.contacts.changes",
                R"({"by": "timestamp", "path": "/changes", "query": {"since": "{since}", "page": "{page}"},
                    "records": "data", "paging": {"type": "page"}})");
}

HttpAnswer page_of(json::array data, json::object members = {}) {
    members["data"] = std::move(data);
    return json_answer(200, members);
}

HttpAnswer dated(HttpAnswer answer, const char* date = "Sun, 06 Nov 1994 08:49:37 GMT") {
    answer.headers.add("Date", date);
    return answer;
}

// The first answer, and then another one for ever.
Handler after_first(HttpAnswer first, HttpAnswer then) {
    return [=, calls = 0](const HttpCall&) mutable { return calls++ == 0 ? first : then; };
}

} // namespace

TEST_CASE_FIXTURE(Fixture, "I38: whatever is no list of records is an error and never an empty page") {
    const std::vector<std::pair<const char*, HttpAnswer>> answers{
        {"HTML", text_answer(200, "<html><body>Log in</body></html>", "text/html")},
        {"cut JSON", text_answer(200, R"({"data": [{"id": 1}, {"id")", "application/json")},
        {"no body", text_answer(200, "", "application/json")},
        {"white space", text_answer(200, " \r\n", "application/json")},
        {"no content", text_answer(204, "")},
        {"null", text_answer(200, "null", "application/json")},
        {"an error", json_answer(200, {{"error", {{"message", "out of order"}}}})},
        {"an object for the list", json_answer(200, {{"data", {{"1", row(1)}}}})},
        {"null for the list", json_answer(200, {{"data", nullptr}})},
        {"text for the list", json_answer(200, {{"data", "none"}})},
        {"two documents", text_answer(200, R"({"data": []}{"data": []})", "application/json")},
        {"no UTF-8", text_answer(200, "{\"data\": [\"\xff\"]}", "application/json")}};
    for (const auto& [what, answer] : answers) {
        CAPTURE(std::string(what));
        connect(contacts(), [&](const HttpCall&) { return answer; });
        const auto first = pull();
        REQUIRE(first.has_error());
        CHECK(first.error().code == ErrorCode::corrupted);
        CHECK(first.error().message.find("GET https://crm.test/api/contacts") != std::string::npos);
        // The same in the middle of a pass.
        connect(contacts(), after_first(page_of(rows(1, 50)), answer));
        const Pass pass = pull_all(*this, "", 50);
        REQUIRE(pass.error);
        CHECK(pass.error->code == ErrorCode::corrupted);
        CHECK(pass.text() == ids(1, 50));
    }
}

TEST_CASE_FIXTURE(Fixture, "I38: an error that comes with 200 is what its rule says") {
    const json::value document =
        with(contacts(), "answers", R"([{"status": 200, "when": {"field": "ok", "equals": false}, "means": "retry"}])");
    connect(document, [](const HttpCall&) {
        return json_answer(200, {{"ok", false}, {"data", json::array()}, {"error", {{"message", "busy"}}}});
    });
    const auto page = pull();
    REQUIRE(page.has_error());
    CHECK(page.error().code == ErrorCode::unavailable);
    CHECK(page.error().message.find("busy") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "I38: an empty first page that tells of records is an error") {
    const json::value document = with(contacts(), "entities.contacts.list.total", "\"total\"");
    connect(document, [](const HttpCall&) { return page_of({}, {{"total", 7}}); });
    REQUIRE(pull().has_error());
    CHECK(pull().error().code == ErrorCode::corrupted);
}

TEST_CASE_FIXTURE(Fixture, "an empty system is an empty page") {
    connect(contacts(), [](const HttpCall&) { return page_of({}); });
    const auto page = pull();
    REQUIRE(page.has_value());
    CHECK(page->records.empty());
    CHECK(page->listing);
    CHECK_FALSE(page->has_more);
    CHECK_FALSE(page->next.empty());
}

TEST_CASE_FIXTURE(Fixture, "a page that names itself as the next one is refused") {
    connect(by_cursor(), [](const HttpCall&) { return page_of(rows(1, 1), {{"next", "t"}}); });
    const Pass pass = pull_all(*this);
    REQUIRE(pass.error);
    CHECK(pass.error->code == ErrorCode::corrupted);
    CHECK(transport->calls().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a walk in a circle of pages is refused, whatever its length") {
    for (int length = 2; length <= 20; ++length) {
        CAPTURE(length);
        connect(by_cursor(), [&, page = 0](const HttpCall&) mutable {
            ++page;
            return page_of(rows(page, page), {{"next", fmt::format("token {}", page % length)}});
        });
        const Pass pass = pull_all(*this);
        REQUIRE(pass.error);
        CHECK(pass.error->code == ErrorCode::corrupted);
        CHECK(pass.pages < 100);
    }
}

TEST_CASE_FIXTURE(Fixture, "a page with a token that is too long to be kept is refused") {
    connect(by_cursor(), [](const HttpCall&) { return page_of(rows(1, 1), {{"next", std::string(70'000, 't')}}); });
    const Result<RecordPage> refused = pull();
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == ErrorCode::unsupported);
    CHECK(refused.error().message.starts_with("GET https://crm.test/api/contacts: "));
}

TEST_CASE_FIXTURE(Fixture, "a page that says it is the last one is, whatever token it repeats") {
    connect(by_cursor(R"(, "more": {"field": "more", "equals": true})"), [page = 0](const HttpCall&) mutable {
        ++page;
        return page_of(rows(page, page), {{"next", page == 1 ? "a" : "b"}, {"more", page < 3}});
    });
    const Pass pass = pull_all(*this);
    CHECK_MESSAGE(!pass.error, pass.error->message);
    CHECK(pass.text() == "1 2 3");
}

TEST_CASE_FIXTURE(Fixture, "an empty page in the middle is not the last one") {
    connect(by_cursor(), [page = 0](const HttpCall&) mutable {
        ++page;
        return page_of(page == 2 ? json::array() : rows(page, page),
                       {{"next", page == 3 ? json::value(nullptr) : json::value(page)}});
    });
    CHECK(pull_all(*this).text() == "1 3");
}

TEST_CASE_FIXTURE(Fixture, "a next page of another host, scheme or port is refused and never asked for") {
    for (const char* url : {"https://evil.test/api/contacts?p=2", "http://crm.test/api/contacts?p=2",
                            "https://crm.test:8443/api/contacts?p=2", "//evil.test/p2", "https://crm.test.evil.test/p2",
                            "https://crm.test@evil.test/p2", "https://user:pass@crm.test/p2", "ftp://crm.test/p2",
                            "file:///etc/passwd", "javascript:alert(1)", "HTTPS://EVIL.TEST/p2"}) {
        CAPTURE(std::string(url));
        connect(by_url(), [&](const HttpCall&) { return page_of(rows(1, 1), {{"next", url}}); });
        const Pass pass = pull_all(*this);
        REQUIRE(pass.error);
        CHECK(pass.error->code == ErrorCode::corrupted);
        CHECK(pass.text() == "1");
        CHECK(transport->calls().size() == 1);
    }
}

TEST_CASE_FIXTURE(Fixture, "a next page may be told relative to this one") {
    const std::pair<const char*, const char*> links[] = {
        {"/api/contacts?p=2", "https://crm.test/api/contacts?p=2"},
        {"?p=2", "https://crm.test/api/contacts?p=2"},
        {"//crm.test/other?p=2", "https://crm.test/other?p=2"},
        {"https://crm.test/api/contacts?p=2", "https://crm.test/api/contacts?p=2"}};
    for (const auto& [link, url] : links) {
        CAPTURE(std::string(link));
        connect(by_url(), after_first(page_of(rows(1, 1), {{"next", link}}), page_of(rows(2, 2))));
        CHECK(pull_all(*this).text() == "1 2");
        REQUIRE(transport->calls().size() == 2);
        CHECK(transport->calls()[1].url == url);
    }
}

TEST_CASE_FIXTURE(Fixture, "rows that are no records are told, and the rest of the page goes on") {
    const std::string bare = R"({"data": [{"id": 1}, "broken", {"name": "nobody"}, {"id": ")" + std::string(513, 'x') +
                             R"("}, {"id": 5, "amount": 12345678901234567890123}, null, {"id": 7}]})";
    connect(contacts(), after_first(text_answer(200, bare, "application/json"), page_of({})));
    const Pass pass = pull_all(*this);
    CHECK(pass.text() == "1 7");
    REQUIRE(pass.faults.size() == 5);
    for (const RecordFault& fault : pass.faults)
        CHECK(fault.error.code == ErrorCode::invalid_record);
    CHECK(pass.faults[0].payload == "\"broken\"");
    CHECK(pass.faults[0].place.find("row 1") != std::string::npos);
    CHECK(pass.faults[3].id == "5");
    CHECK(pass.faults[3].error.message.find("12345678901234567890123") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a huge row that is no record is told with a part of it") {
    connect(contacts(), after_first(page_of({json::string(std::string(200'000, 'x'))}), page_of({})));
    const Pass pass = pull_all(*this);
    REQUIRE(pass.faults.size() == 1);
    CHECK(pass.faults[0].payload.size() <= 64 * 1024);
}

TEST_CASE_FIXTURE(Fixture, "what a listing marks as deleted or to be ignored is not there") {
    json::value document = with(contacts(), "entities.contacts.deleted", R"({"field": "gone", "equals": true})");
    document = with(document, "entities.contacts.ignore", R"([{"field": "id", "startsWith": "_"}])");
    connect(document, after_first(json_answer(200, json_of(R"({"data": [
        {"id": "a"}, {"id": "b", "gone": true}, {"id": "_c"}, {"id": "d", "gone": false}]})")), page_of({})));
    const Pass pass = pull_all(*this);
    CHECK(pass.text() == "a d");
    CHECK(pass.faults.empty());
}

TEST_CASE_FIXTURE(Fixture, "more records of one key than a page holds are told, and not passed over") {
    const auto same = [](const HttpCall& call) {
        json::array data;
        const std::size_t limit = Asked(call).number("limit", 3);
        for (std::size_t id = 0; id < std::min<std::size_t>(limit, 10'000); ++id)
            data.push_back(json::object{{"id", id}, {"at", "2026-01-01T00:00:00Z"}});
        return page_of(std::move(data));
    };
    connect(by_key(true), same);
    const Pass pass = pull_all(*this);
    REQUIRE(pass.error);
    CHECK(pass.error->code == ErrorCode::corrupted);
    CHECK(pass.error->message.find("share it") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "records of one key at a page's edge are all met, in whatever order they come") {
    // b, c and d share a key; each answer sorts them another way.
    connect(by_key(true), [turn = 0](const HttpCall& call) mutable {
        const bool first = !Asked(call).parameter("from").has_value();
        const auto at = [](const char* id, int key) { return json::object{{"id", id}, {"at", key}}; };
        if (first) return page_of({at("a", 1), at("b", 2)});
        if (++turn == 1) return page_of({at("c", 2), at("b", 2), at("e", 3)});
        return page_of({at("e", 3)});
    });
    const Pass pass = pull_all(*this, "", 2);
    CHECK_FALSE(pass.error);
    for (const char* id : {"a", "b", "c", "e"})
        CHECK_MESSAGE(pass.text().find(id) != std::string::npos, pass.text());
}

TEST_CASE_FIXTURE(Fixture, "records of one key at the end are no fault where the end is told") {
    connect(by_key(true, R"(, "more": {"field": "more", "equals": true})"), [](const HttpCall& call) {
        const auto at = [](int id, int key) { return json::object{{"id", id}, {"at", key}}; };
        if (!Asked(call).parameter("from")) return page_of({at(1, 1), at(2, 2)}, {{"more", true}});
        return page_of({at(2, 2), at(3, 2)}, {{"more", false}});
    });
    const Pass pass = pull_all(*this, "", 2);
    CHECK_MESSAGE(!pass.error, pass.error->message);
    CHECK(pass.text() == "1 2 3");
}

TEST_CASE_FIXTURE(Fixture, "bigger pages than were asked for are answered in parts, nothing lost or doubled") {
    connect(contacts(), after_first(page_of(rows(1, 25)), page_of({})));
    const Pass pass = pull_all(*this, "", 10);
    CHECK(pass.text() == ids(1, 25));
    CHECK(transport->calls().size() == 2); // the parts are not asked for again
}

TEST_CASE_FIXTURE(Fixture, "the rest of a bigger page is read again by another instance, and lost to no edit between") {
    int first = 1;
    connect(contacts(), [&](const HttpCall& call) {
        return page_of(Asked(call).number("page", 1) == 1 ? rows(first, 25) : json::array());
    });
    const auto part = pull("", 10);
    REQUIRE(part.has_value());
    CHECK(part->records.size() == 10);
    first = 4; // three of the records that were answered are gone
    adapter = make(contacts()).value();
    const Pass rest = pull_all(*this, part->next, 10);
    CHECK(rest.text() == ids(11, 25));
}

TEST_CASE_FIXTURE(Fixture, "a part of a bigger page is answered again as it was") {
    connect(contacts(), after_first(page_of(rows(1, 25)), page_of(rows(1, 25))));
    const std::string cursor = pull("", 10)->next;
    const auto once = pull(cursor, 10);
    const auto again = pull(cursor, 10);
    REQUIRE(again.has_value());
    CHECK(again->next == once->next);
    CHECK(again->records.front().id == "11");
    CHECK(again->records.size() == 10);
}

TEST_CASE_FIXTURE(Fixture, "a page that ends in the middle of a held one asks the system for what follows") {
    connect(contacts(), [](const HttpCall& call) {
        const auto page = static_cast<int>(Asked(call).number("page", 1));
        return page_of(page <= 2 ? rows(page * 10 - 9, page * 10) : json::array());
    });
    CHECK(pull_all(*this, "", 4).text() == ids(1, 20));
}

TEST_CASE_FIXTURE(Fixture, "a feed that has more and does not go on is refused") {
    connect(by_sequence(R"(, "more": {"field": "more", "equals": true})"),
            [](const HttpCall&) { return page_of(rows(1, 1), {{"next", 5}, {"more", true}}); });
    const Pass pass = pull_all(*this);
    REQUIRE(pass.error);
    CHECK(pass.error->code == ErrorCode::corrupted);
    CHECK(transport->calls().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a feed that does not tell where it goes on is refused") {
    for (const char* body : {R"({"data": [{"id": 1}]})", R"({"data": [], "next": null})",
                             R"({"data": [], "next": {"a": 1}})"}) {
        CAPTURE(std::string(body));
        connect(by_sequence(), [&](const HttpCall&) { return json_answer(200, json_of(body)); });
        REQUIRE(pull().has_error());
        CHECK(pull().error().code == ErrorCode::corrupted);
    }
}

TEST_CASE_FIXTURE(Fixture, "a feed goes on from where it stood, also after an empty page") {
    connect(by_sequence(), [](const HttpCall& call) {
        const std::size_t since = Asked(call).number("since", 0);
        return page_of(since == 0 ? rows(1, 2) : json::array(), {{"next", since + 2}});
    });
    const Pass pass = pull_all(*this);
    CHECK(pass.text() == "1 2");
    CHECK_FALSE(pull(pass.next)->listing);
    CHECK(sent().back() == "GET /changes?since=4");
}

TEST_CASE_FIXTURE(Fixture, "a position that is forgotten expires the cursor") {
    for (const unsigned status : {404U, 410U}) {
        CAPTURE(status);
        connect(by_sequence(), after_first(page_of(rows(1, 1), {{"next", 5}}), json_answer(410, nullptr)));
        const Pass pass = pull_all(*this);
        REQUIRE(pass.error);
        CHECK(pass.error->code == ErrorCode::cursor_expired);
    }
}

TEST_CASE_FIXTURE(Fixture, "a listing that is not there is a fault of the configuration and no cursor's") {
    connect(contacts(), [](const HttpCall&) { return json_answer(404, nullptr); });
    CHECK(pull().error().code == ErrorCode::invalid_configuration);
    connect(contacts(), [](const HttpCall&) { return json_answer(410, nullptr); });
    CHECK(pull().error().code == ErrorCode::invalid_configuration);
}

TEST_CASE_FIXTURE(Fixture, "the position of the feed is asked for before the listing is read") {
    json::value document = with(contacts(), "entities.contacts.changes",
                                R"({"by": "sequence", "path": "/changes", "query": {"since": "{since}"},
                                    "records": "data", "next": "next", "position": {"path": "/position", "at": "now"}})");
    connect(document, [](const HttpCall& call) {
        const Asked asked(call);
        if (asked.path == "/position") return json_answer(200, {{"now", 41}});
        if (asked.path == "/changes") return page_of({}, {{"next", 42}});
        return page_of(asked.number("page", 1) == 1 ? rows(1, 2) : json::array());
    });
    const Pass pass = pull_all(*this);
    CHECK(sent().front() == "GET /position");
    CHECK_FALSE(pull(pass.next)->listing);
    CHECK(sent().back() == "GET /changes?since=41");
}

TEST_CASE_FIXTURE(Fixture, "a position that is not told is an error, and the listing is not begun") {
    json::value document = with(contacts(), "entities.contacts.changes",
                                R"({"by": "sequence", "path": "/changes", "query": {"since": "{since}"},
                                    "records": "data", "next": "next", "position": {"path": "/position", "at": "now"}})");
    connect(document, [](const HttpCall&) { return json_answer(200, {{"other", 41}}); });
    CHECK(pull().error().code == ErrorCode::corrupted);
    CHECK(sent() == std::vector<std::string>{"GET /position"});
}

TEST_CASE_FIXTURE(Fixture, "a feed by time without the system's clock is refused") {
    connect(by_time(), [](const HttpCall&) { return page_of({}); });
    const auto page = pull();
    REQUIRE(page.has_error());
    CHECK(page.error().code == ErrorCode::unsupported);
    CHECK(page.error().message.find("Date") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a feed by time begins at the moment that the listing began, by the system's clock") {
    connect(by_time(), [](const HttpCall& call) {
        const bool first = Asked(call).number("page", 1) == 1;
        return dated(page_of(first ? json::array{{{"id", 1}, {"at", "1994-11-06T08:49:50Z"}}} : json::array()),
                     first ? "Sun, 06 Nov 1994 08:49:37 GMT" : "Sun, 06 Nov 1994 08:59:00 GMT");
    });
    const Pass pass = pull_all(*this);
    REQUIRE_FALSE(pass.error);
    CHECK(pull(pass.next).has_value());
    CHECK(sent().back() == "GET /changes?since=1994-11-06T08%3A49%3A32.000Z&page=1"); // five seconds of overlap
}

TEST_CASE_FIXTURE(Fixture, "a record from the future does not carry a feed by time past what changes meanwhile") {
    int listed = 0;
    connect(by_time(), [&](const HttpCall& call) {
        const Asked asked(call);
        const bool row_comes = asked.path == "/changes" && asked.number("page", 1) == 1 && listed++ == 0;
        return dated(page_of(row_comes ? json::array{{{"id", 1}, {"at", "2094-01-01T00:00:00Z"}}} : json::array()),
                     "Sun, 06 Nov 1994 09:00:00 GMT");
    });
    const Pass listing_pass = pull_all(*this);
    const Pass feed = pull_all(*this, listing_pass.next);
    CHECK(feed.text() == "1");
    (void)pull(feed.next);
    CHECK(sent().back() == "GET /changes?since=1994-11-06T08%3A59%3A55.000Z&page=1");
}

TEST_CASE_FIXTURE(Fixture, "a feed by time never goes back") {
    connect(by_time(), [](const HttpCall& call) {
        const Asked asked(call);
        const bool row_comes = asked.path == "/changes" && asked.number("page", 1) == 1;
        return dated(page_of(row_comes ? json::array{{{"id", 1}, {"at", "1990-01-01T00:00:00Z"}}} : json::array()));
    });
    const Pass begun = pull_all(*this);
    const Pass feed = pull_all(*this, begun.next);
    CHECK(feed.next == begun.next);
}

TEST_CASE_FIXTURE(Fixture, "a cursor of another kind of pass is expired and asks nothing") {
    connect(by_sequence(), [](const HttpCall&) { return page_of({}, {{"next", 1}}); });
    const std::string of_feed = pull()->next;
    connect(contacts(), [](const HttpCall&) { return page_of(rows(1, 50)); });
    const std::string of_list = pull("", 50)->next;
    CHECK(pull(of_feed).error().code == ErrorCode::cursor_expired);
    CHECK(pull("not a cursor").error().code == ErrorCode::cursor_expired);
    CHECK(transport->calls().size() == 1);
    connect(by_sequence(), [](const HttpCall&) { return page_of({}, {{"next", 1}}); });
    CHECK(pull(of_list).error().code == ErrorCode::cursor_expired);
    CHECK(transport->calls().empty());
}

TEST_CASE_FIXTURE(Fixture, "an entity that is not described is a fault of the configuration and asks nothing") {
    connect(contacts(), [](const HttpCall&) { return page_of({}); });
    PullRequest request;
    request.entity = "deals";
    const auto page = loop.run(adapter->pull(request));
    REQUIRE(page.has_error());
    CHECK(page.error().code == ErrorCode::invalid_configuration);
    CHECK(page.error().message.find("contacts") != std::string::npos);
    CHECK(transport->calls().empty());
}

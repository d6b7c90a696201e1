// Listings by number while others write: rows change their places between two pages, and none may be missed.
#include "rest_fixture.hpp"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace rest_test;

namespace {

// Rows in one order, some taken out and some put in between the requests.
struct Table {
    std::vector<int> ids;
    std::size_t cap = 1000;
    bool tells_total = true;

    explicit Table(int count) {
        for (int id = 1; id <= count; ++id)
            ids.push_back(id);
    }

    HttpAnswer operator()(const HttpCall& call) const {
        const Asked asked(call);
        const std::size_t limit = std::min(asked.number("limit", cap), cap);
        const std::size_t begin = asked.number("offset", (asked.number("page", 1) - 1) * limit);
        json::array data;
        for (std::size_t place = begin; place < ids.size() && data.size() < limit; ++place)
            data.push_back(json::object{{"id", ids[place]}});
        json::object body{{"data", std::move(data)}};
        if (tells_total) body["total"] = ids.size();
        return json_answer(200, body);
    }
    Handler handler() {
        return [this](const HttpCall& call) { return (*this)(call); };
    }
    void remove(int id) { std::erase(ids, id); }
};

json::value by(std::string_view kind, std::string_view members = R"("total": "total")") {
    return with(contacts(), "entities.contacts.list",
                fmt::format(R"({{"path": "/contacts", "query": {{"{0}": "{{{0}}}", "limit": "{{limit}}"}},
                                 "records": "data", "pageSize": {{"most": 100}}, "paging": {{"type": "{0}"}}, {1}}})",
                            kind, members));
}

std::set<std::string> met(const Pass& pass) { return {pass.ids.begin(), pass.ids.end()}; }

// Of the first ids, all that are still there were met.
bool meets_all_that_stayed(const Pass& pass, const Table& table, int first_count) {
    const std::set<std::string> ids = met(pass);
    return std::all_of(table.ids.begin(), table.ids.end(),
                       [&](int id) { return id > first_count || ids.contains(std::to_string(id)); });
}

} // namespace

TEST_CASE_FIXTURE(Fixture, "a listing that nobody changes is met once, whatever the page's size") {
    for (const char* kind : {"page", "offset"})
        for (const bool total : {true, false})
            for (const std::size_t size : {1U, 2U, 3U, 7U, 20U, 50U}) {
                CAPTURE(std::string(kind));
                CAPTURE(size);
                Table table(20);
                table.tells_total = total;
                connect(by(kind), table.handler());
                const Pass pass = pull_all(*this, "", size);
                CHECK_FALSE(pass.error);
                CHECK(pass.ids.size() == 20);
                CHECK(met(pass).size() == 20);
            }
}

// A page that has room for one row only can't begin with one of the page before.
TEST_CASE_FIXTURE(Fixture, "pages of a single row end, by offset") {
    Table table(5);
    json::value document = with(by("offset"), "entities.contacts.list.pageSize", R"({"most": 1})");
    connect(document, table.handler());
    const Pass pass = pull_all(*this, "", 5);
    CHECK_FALSE(pass.error);
    CHECK(met(pass).size() == 5);
}

TEST_CASE_FIXTURE(Fixture, "shorter pages than were asked for are not taken for the end") {
    for (const char* kind : {"page", "offset"})
        for (const bool total : {true, false}) {
            CAPTURE(std::string(kind));
            CAPTURE(total);
            Table table(20);
            table.cap = 3;
            table.tells_total = total;
            connect(by(kind), table.handler());
            const Pass pass = pull_all(*this, "", 10);
            CHECK_FALSE(pass.error);
            CHECK(met(pass).size() == 20);
        }
}

TEST_CASE_FIXTURE(Fixture, "rows that are taken away before the reader make it step back, by offset") {
    Table table(30);
    connect(by("offset"), table.handler());
    const Pass pass = pull_all(*this, "", 5, [&](std::size_t page) {
        if (page == 2) table.remove(1), table.remove(7), table.remove(8);
    });
    CHECK_FALSE(pass.error);
    CHECK(meets_all_that_stayed(pass, table, 30));
}

TEST_CASE_FIXTURE(Fixture, "rows that are taken away before the reader make it step back, by page") {
    for (const int taken : {1, 5, 6, 10}) {
        CAPTURE(taken);
        Table table(30);
        connect(by("page"), table.handler());
        const Pass pass = pull_all(*this, "", 5, [&](std::size_t page) {
            if (page == 2)
                for (int id = 1; id <= taken; ++id)
                    table.remove(id);
        });
        CHECK_FALSE(pass.error);
        CHECK_MESSAGE(meets_all_that_stayed(pass, table, 30), pass.text());
    }
}

TEST_CASE_FIXTURE(Fixture, "rows that are put in before the reader are dropped once met, by offset") {
    Table table(30);
    connect(by("offset"), table.handler());
    const Pass pass = pull_all(*this, "", 5, [&](std::size_t page) {
        if (page == 2) table.ids.insert(table.ids.begin(), {101, 102});
    });
    CHECK_FALSE(pass.error);
    CHECK(meets_all_that_stayed(pass, table, 30));
    CHECK(pass.ids.size() == 30);
}

TEST_CASE_FIXTURE(Fixture, "a row that was met and moves to the end hides none of those before it") {
    Table table(12);
    connect(by("offset"), table.handler());
    const Pass pass = pull_all(*this, "", 5, [&](std::size_t page) {
        if (page == 2) table.remove(10), table.ids.push_back(10); // as in a list by time of change
    });
    CHECK_FALSE(pass.error);
    CHECK_MESSAGE(meets_all_that_stayed(pass, table, 12), pass.text());
}

TEST_CASE_FIXTURE(Fixture, "no record is missed by offset, whatever others take away and put in") {
    for (const bool total : {true, false})
        CHECK(rc::check([&] {
            const int count = *rc::gen::inRange(1, 40);
            Table table(count);
            table.tells_total = total;
            table.cap = *rc::gen::inRange<std::size_t>(2, 12);
            const auto size = *rc::gen::inRange<std::size_t>(1, 9);
            int next = 1000;
            connect(by("offset"), table.handler());
            const Pass pass = pull_all(*this, "", size, [&](std::size_t page) {
                if (page > 12) return; // somebody who never stops is told so instead
                const int edits = *rc::gen::weightedOneOf<int>({{3, rc::gen::just(0)}, {1, rc::gen::inRange(1, 4)}});
                for (int edit = 0; edit < edits; ++edit) {
                    const auto place = *rc::gen::inRange<std::size_t>(0, table.ids.size() + 1);
                    const auto at = table.ids.begin() + static_cast<std::ptrdiff_t>(place);
                    if (*rc::gen::arbitrary<bool>() && at != table.ids.end())
                        table.ids.erase(at);
                    else
                        table.ids.insert(at, ++next);
                }
            });
            RC_ASSERT(pass.error || meets_all_that_stayed(pass, table, count));
            RC_ASSERT(!pass.error || pass.error->code == ErrorCode::corrupted);
        }));
}

TEST_CASE_FIXTURE(Fixture, "no record is missed by page, whatever others take away, where the total is told") {
    CHECK(rc::check([&] {
        const int count = *rc::gen::inRange(1, 40);
        Table table(count);
        const auto size = *rc::gen::inRange<std::size_t>(1, 9);
        connect(by("page"), table.handler());
        const Pass pass = pull_all(*this, "", size, [&](std::size_t) {
            const int taken = *rc::gen::weightedOneOf<int>({{3, rc::gen::just(0)}, {1, rc::gen::inRange(1, 4)}});
            for (int turn = 0; turn < taken && !table.ids.empty(); ++turn)
                table.ids.erase(table.ids.begin() + *rc::gen::inRange<std::ptrdiff_t>(
                                                        0, static_cast<std::ptrdiff_t>(table.ids.size())));
        });
        RC_ASSERT(pass.error || meets_all_that_stayed(pass, table, count));
        RC_ASSERT(!pass.error || pass.error->code == ErrorCode::corrupted);
    }));
}

TEST_CASE_FIXTURE(Fixture, "I38: a listing that ends before its total is not whole") {
    for (const char* kind : {"page", "offset"}) {
        CAPTURE(std::string(kind));
        Table table(20);
        connect(by(kind), [&](const HttpCall& call) { // as of a search that gives no more than its first results
            HttpAnswer answer = table(call);
            json::object body = parse_json_object(answer.body).value();
            body["total"] = 35;
            return json_answer(200, body);
        });
        const Pass pass = pull_all(*this, "", 5);
        REQUIRE(pass.error);
        CHECK(pass.error->code == ErrorCode::corrupted);
        CHECK(met(pass).size() == 20);
    }
}

TEST_CASE_FIXTURE(Fixture, "longer pages than were asked for are not counted as shorter ones") {
    for (const char* kind : {"page", "offset"}) {
        CAPTURE(std::string(kind));
        const Table table(60);
        connect(by(kind), [&](const HttpCall& call) {
            const Asked asked(call);
            json::array data;
            const std::size_t begin = asked.number("offset", (asked.number("page", 1) - 1) * 25);
            for (std::size_t place = begin; place < std::min<std::size_t>(begin + 25, 60); ++place)
                data.push_back(json::object{{"id", table.ids[place]}});
            return json_answer(200, {{"data", std::move(data)}, {"total", 60}});
        });
        const Pass pass = pull_all(*this, "", 10);
        CHECK_FALSE(pass.error);
        CHECK(met(pass).size() == 60);
        CHECK(pass.ids.size() == 60);
    }
}

TEST_CASE_FIXTURE(Fixture, "rows that never stand still end the pass with an error") {
    Table table(30);
    int next = 1000;
    connect(by("offset"), [&](const HttpCall& call) {
        // Nothing that was met is ever seen again.
        for (int& id : table.ids)
            id = ++next;
        return table(call);
    });
    const Pass pass = pull_all(*this, "", 5);
    REQUIRE(pass.error);
    CHECK(pass.error->code == ErrorCode::corrupted);
}

TEST_CASE_FIXTURE(Fixture, "a short page is the last one where that is described") {
    Table table(20);
    connect(by("page", R"("shortPageIsLast": true)"), table.handler());
    const Pass pass = pull_all(*this, "", 15);
    CHECK(met(pass).size() == 20);
    CHECK(transport->calls().size() == 2);
}

// I23: what proves who asks stands in the requests and nowhere else.
#include "rest_fixture.hpp"

#include <fmt/format.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace rest_test;

namespace {

constexpr std::string_view canary = "canary-4f1d9c-s3cret";
constexpr std::string_view canary_as_base64 = "Y2FuYXJ5LTRmMWQ5Yy1zM2NyZXQ"; // and what follows

bool leaks(std::string_view text) {
    return text.find(canary) != std::string_view::npos || text.find(canary_as_base64) != std::string_view::npos ||
           text.find("canary%2D4f1d9c") != std::string_view::npos;
}

bool leaks(const Error& error) { return leaks(error.message); }

struct Secret : Fixture {
    std::vector<std::string> told; // every text that left the adapter

    json::value document(std::string_view authentication) {
        json::value made = with(contacts(), "authentication", authentication);
        made = with(made, "concurrency", "1");
        made = with(made, "entities.contacts.create", R"({"path": "/contacts", "answer": {"id": "id"}})");
        made = with(made, "entities.contacts.update", R"({"path": "/contacts/{id}", "answer": {"record": true}})");
        return with(made, "entities.contacts.delete", R"({"path": "/contacts/{id}"})");
    }

    // What a system says that repeats all that it was asked.
    static std::string echo(const HttpCall& call) {
        std::string text = call.method + " " + call.url;
        for (const HttpHeader& header : call.headers)
            text.append("; ").append(header.name).append(": ").append(header.value);
        return text;
    }

    void ask_everything() {
        const auto page = pull();
        if (!page) told.push_back(page.error().message);
        if (page) told.push_back(page->next);
        if (const auto records = fetch({"7"}); !records)
            told.push_back(records.error().message);
        else if (records->front().error)
            told.push_back(records->front().error->message);
        if (const auto done = loop.run(adapter->check()); !done) told.push_back(done.error().message);
        for (const PushItem& item : {create_item({{"a", 1}}, "k"), update_item("7", {{"id", "7"}}), remove_item("7")}) {
            const auto outcomes = push({item});
            if (!outcomes)
                told.push_back(outcomes.error().message);
            else if (outcomes->front().error)
                told.push_back(outcomes->front().error->message);
        }
    }
};

constexpr const char* ways[] = {R"({"type": "header", "name": "X-Key"})", R"({"type": "query", "name": "api_key"})",
                                R"({"type": "bearer"})", R"({"type": "basic"})"};

} // namespace

TEST_CASE_FIXTURE(Secret, "each way to prove who asks reaches the system") {
    credentials = {{"value", canary}, {"username", "ada"}, {"password", canary}};
    const auto sent_by = [&](const char* way) {
        connect(document(way), [](const HttpCall&) { return json_answer(200, json_of(R"({"data": []})")); });
        (void)pull();
        return transport->calls().front();
    };
    CHECK(*sent_by(ways[0]).headers.find("X-Key") == canary);
    CHECK(sent_by(ways[1]).url.ends_with("&api_key=canary-4f1d9c-s3cret"));
    CHECK(*sent_by(ways[2]).headers.find("Authorization") == "Bearer " + std::string(canary));
    CHECK(*sent_by(ways[3]).headers.find("Authorization") == "Basic YWRhOmNhbmFyeS00ZjFkOWMtczNjcmV0");
}

TEST_CASE_FIXTURE(Secret, "I23: no error tells a secret, whatever the system repeats of its request") {
    credentials = {{"value", canary}, {"username", "ada"}, {"password", canary}};
    for (const char* way : ways)
        for (const unsigned status : {200U, 302U, 400U, 401U, 403U, 404U, 409U, 422U, 429U, 500U, 503U}) {
            connect(document(way), [&](const HttpCall& call) {
                HttpAnswer answer = json_answer(status, {{"error", {{"message", echo(call)}}}});
                answer.headers.add("Location", "https://login.test/?from=" + call.url);
                return answer;
            });
            ask_everything();
        }
    CHECK(told.size() > 100);
    for (const std::string& text : told)
        CHECK_MESSAGE(!leaks(text), text);
    for (const std::string& text : told)
        CHECK_MESSAGE(text.find("YWRhOmNhbmFyeS00ZjFkOWMtczNjcmV0") == std::string::npos, text);
}

TEST_CASE_FIXTURE(Secret, "I23: nor does one where the system repeats it in a type or an address") {
    credentials = {{"value", canary}};
    connect(document(ways[0]), [](const HttpCall&) {
        return text_answer(200, "no JSON", "text/html; key=" + std::string(canary));
    });
    ask_everything();
    connect(document(ways[0]), [](const HttpCall&) {
        HttpAnswer answer = text_answer(302, "");
        answer.headers.add("Location", fmt::format("https://login.test/{}/again", canary));
        return answer;
    });
    ask_everything();
    connect(with(document(ways[0]), "entities.contacts.list",
                 R"({"path": "/contacts", "records": "data", "paging": {"type": "nextUrl", "next": "next"}})"),
            [](const HttpCall&) {
                return json_answer(200, {{"data", json::array()}, {"next", fmt::format("https://{}.test/", canary)}});
            });
    const Pass pass = pull_all(*this);
    REQUIRE(pass.error);
    told.push_back(pass.error->message);
    for (const std::string& text : told)
        CHECK_MESSAGE(!leaks(text), text);
}

TEST_CASE_FIXTURE(Secret, "I23: a result within a batch that repeats a secret does not tell it") {
    credentials = {{"value", canary}};
    const json::value batch = with(document(ways[0]), "entities.contacts.batch",
                                   R"({"path": "/batch", "body": {"items": "{items}"}, "answer": {"id": "id"},
                                       "outcomes": [{"field": "error", "present": true, "means": "invalid"}]})");
    connect(batch, [](const HttpCall& call) {
        return json_answer(200, json::array{{{"error", {{"message", echo(call)}}}}});
    });
    const PushOutcome outcome = push_one(create_item({{"a", 1}}, "k"));
    REQUIRE(outcome.error);
    CHECK(outcome.error->message.find("POST") != std::string::npos);
    CHECK_FALSE(leaks(*outcome.error));
}

TEST_CASE_FIXTURE(Secret, "I23: a cursor, which is kept, holds no key that a next link repeats") {
    credentials = {{"value", canary}};
    const json::value paged =
        with(document(ways[1]), "entities.contacts.list",
             R"({"path": "/contacts", "records": "data", "paging": {"type": "nextUrl", "next": "next"}})");
    connect(paged, [turn = 0](const HttpCall& call) mutable {
        const json::value again(fmt::format("{}&p={}", call.url, ++turn));
        const json::value next = turn < 4 ? again : json::value(nullptr);
        return json_answer(200, {{"data", json::array{{{"id", turn}}}}, {"next", next}});
    });
    const auto first = pull();
    REQUIRE(first.has_value());
    CHECK_FALSE(leaks(first->next));
    const Pass rest = pull_all(*this, first->next);
    CHECK(rest.text() == "2 3 4");
    CHECK(transport->calls()[1].url == "https://crm.test/api/contacts?p=1&api_key=" + std::string(canary));
    for (const HttpCall& call : transport->calls()) {
        const std::size_t place = call.url.find(canary);
        REQUIRE(place != std::string::npos);
        CHECK(call.url.find(canary, place + 1) == std::string::npos); // once
    }
}

TEST_CASE_FIXTURE(Secret, "credentials that are missing or hold a line break are told before anything is sent") {
    transport = std::make_shared<ScriptedTransport>([](const HttpCall&) { return HttpAnswer(); });
    for (const char* way : ways) {
        credentials = {};
        const auto none = make(document(way));
        REQUIRE(none.has_error());
        CHECK(none.error().code == ErrorCode::unauthenticated);
        const std::string broken = std::string(canary) + "\r\nX-Other: 1";
        credentials = {{"value", broken}, {"username", "ada"}, {"password", broken}};
        const auto refused = make(document(way));
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == ErrorCode::unauthenticated);
        CHECK_FALSE(leaks(refused.error()));
    }
    CHECK(transport->calls().empty());
}

// What becomes of each status and of each fault of the transport, for every call of the contract.
#include "rest_fixture.hpp"

#include <fmt/format.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace rest_test;
using namespace std::chrono_literals;
using Presence = FetchedRecord::Presence;
using Status = PushOutcome::Status;

namespace {

// Contacts whose writes are conditional on `revision`, in a header.
json::value writable() {
    json::value document = with(contacts(), "entities.contacts.version", R"({"field": "revision"})");
    document = with(document, "concurrency", "1");
    document = with(document, "entities.contacts.create", R"({"path": "/contacts", "answer": {"record": true}})");
    document = with(document, "entities.contacts.update",
                    R"({"path": "/contacts/{id}", "headers": {"If-Match": "{version}"}, "answer": {"record": true}})");
    return with(document, "entities.contacts.delete",
                R"({"path": "/contacts/{id}", "headers": {"If-Match": "{version}"}})");
}

json::value record(std::string_view id, int revision = 1) {
    return json::object{{"id", id}, {"revision", revision}};
}

HttpAnswer refusal(unsigned status) { return json_answer(status, {{"error", {{"message", "because"}}}}); }

// Answers for the writes, for a single record, and for the list.
struct Answers {
    Result<HttpAnswer> write = HttpAnswer();
    Result<HttpAnswer> get = json_answer(200, record("7"));
    Result<HttpAnswer> list = json_answer(200, json_of(R"({"data": []})"));
};

Handler answering(const Answers& answers) {
    return [answers](const HttpCall& call) -> Result<HttpAnswer> {
        if (call.method != "GET" && !Asked(call).path.starts_with("/search")) return answers.write;
        return Asked(call).path == "/contacts" ? answers.list : answers.get;
    };
}

std::string name_of(ErrorCode code) { return std::string(to_string(code)); }

// "page", or the error's code.
std::string pulled(Fixture& fixture, const Result<HttpAnswer>& answer) {
    Answers answers;
    answers.list = answer;
    fixture.connect(writable(), answering(answers));
    const auto page = fixture.pull();
    return page ? "page" : name_of(page.error().code);
}

// "present", "absent" or "unknown: code" of one record, or "error: code" of the call.
std::string fetched(Fixture& fixture, const Answers& answers) {
    fixture.connect(writable(), answering(answers));
    const auto records = fixture.fetch({"7"});
    if (!records) return "error: " + name_of(records.error().code);
    const FetchedRecord& only = records->front();
    if (only.presence == Presence::present) return "present";
    return only.presence == Presence::absent ? "absent" : "unknown: " + name_of(only.error->code);
}

std::string described_outcome(const Result<std::vector<PushOutcome>>& outcomes) {
    constexpr std::string_view names[] = {"applied", "stale", "absent", "rejected", "unknown", "not_sent"};
    if (!outcomes) return "error: " + name_of(outcomes.error().code);
    const PushOutcome& only = outcomes->front();
    const auto name = std::string(names[static_cast<std::size_t>(only.status)]);
    return only.status == Status::applied || !only.error ? name : name + ": " + name_of(only.error->code);
}

std::string pushed(Fixture& fixture, PushItem item, const Answers& answers) {
    fixture.connect(writable(), answering(answers));
    std::vector<PushItem> items;
    items.push_back(std::move(item));
    return described_outcome(fixture.push(std::move(items)));
}

PushItem create() { return create_item({{"name", "Ada"}}, "key"); }
PushItem update() { return update_item("7", {{"id", "7"}, {"name", "Ada"}}, "1"); }
PushItem removal() { return remove_item("7", "1"); }

struct Row {
    unsigned status;
    const char* pull;
    const char* fetch; // of a record whose collection is there
    const char* create;
    const char* update; // of a record that is there in the version that was named
    const char* remove;
};

constexpr Row table[] = {
    {301, "invalid_configuration", "error: invalid_configuration", "error: invalid_configuration",
     "error: invalid_configuration", "error: invalid_configuration"},
    {400, "invalid_configuration", "error: invalid_configuration", "rejected: invalid_record",
     "rejected: invalid_record", "rejected: invalid_record"},
    {401, "unauthenticated", "error: unauthenticated", "error: unauthenticated", "error: unauthenticated",
     "error: unauthenticated"},
    {403, "forbidden", "unknown: forbidden", "rejected: forbidden", "rejected: forbidden", "rejected: forbidden"},
    {404, "invalid_configuration", "absent", "error: invalid_configuration", "absent: not_found", "applied"},
    {405, "unsupported", "error: unsupported", "error: unsupported", "error: unsupported", "error: unsupported"},
    {408, "unavailable", "error: unavailable", "unknown: unknown_outcome", "unknown: unknown_outcome",
     "unknown: unknown_outcome"},
    {409, "invalid_configuration", "error: invalid_configuration", "rejected: already_exists",
     "rejected: already_exists", "rejected: already_exists"},
    {410, "invalid_configuration", "absent", "error: invalid_configuration", "absent: not_found", "applied"},
    {412, "invalid_configuration", "error: invalid_configuration", "rejected: already_exists",
     "rejected: already_exists", "rejected: already_exists"},
    {413, "invalid_configuration", "error: invalid_configuration", "rejected: invalid_record",
     "rejected: invalid_record", "rejected: invalid_record"},
    {415, "invalid_configuration", "error: invalid_configuration", "error: invalid_configuration",
     "error: invalid_configuration", "error: invalid_configuration"},
    {422, "invalid_configuration", "error: invalid_configuration", "rejected: invalid_record",
     "rejected: invalid_record", "rejected: invalid_record"},
    {423, "invalid_configuration", "error: invalid_configuration", "error: invalid_configuration",
     "error: invalid_configuration", "error: invalid_configuration"},
    {425, "unavailable", "error: unavailable", "not_sent: unavailable", "not_sent: unavailable",
     "not_sent: unavailable"},
    {429, "throttled", "error: throttled", "not_sent: throttled", "not_sent: throttled", "not_sent: throttled"},
    {500, "unavailable", "error: unavailable", "unknown: unknown_outcome", "unknown: unknown_outcome",
     "unknown: unknown_outcome"},
    {501, "unsupported", "error: unsupported", "error: unsupported", "error: unsupported", "error: unsupported"},
    {502, "unavailable", "error: unavailable", "unknown: unknown_outcome", "unknown: unknown_outcome",
     "unknown: unknown_outcome"},
    {503, "unavailable", "error: unavailable", "unknown: unknown_outcome", "unknown: unknown_outcome",
     "unknown: unknown_outcome"},
    {504, "unavailable", "error: unavailable", "unknown: unknown_outcome", "unknown: unknown_outcome",
     "unknown: unknown_outcome"},
};

// Statuses whose class is one person's view: they may be classed otherwise, but never as done.
bool is_debatable(unsigned status) { return status == 423; }

} // namespace

TEST_CASE_FIXTURE(Fixture, "what each status means to each call") {
    for (const Row& row : table) {
        CAPTURE(row.status);
        Answers answers;
        answers.get = refusal(row.status);
        if (is_debatable(row.status)) {
            CHECK(pulled(*this, refusal(row.status)) != "page");
            CHECK(fetched(*this, answers) != "absent");
            continue;
        }
        CHECK(pulled(*this, refusal(row.status)) == row.pull);
        CHECK(fetched(*this, answers) == row.fetch);
        answers = Answers();
        answers.write = refusal(row.status);
        CHECK(pushed(*this, create(), answers) == row.create);
        CHECK(pushed(*this, update(), answers) == row.update);
        CHECK(pushed(*this, removal(), answers) == row.remove);
    }
}

TEST_CASE_FIXTURE(Fixture, "what each fault of the transport means to each call") {
    const Row rows[] = {
        {0, "unavailable", "error: unavailable", "error: unavailable", "error: unavailable", "error: unavailable"},
        {1, "unavailable", "error: unavailable", "unknown: unknown_outcome", "unknown: unknown_outcome",
         "unknown: unknown_outcome"},
        {2, "corrupted", "unknown: unavailable", "unknown: corrupted", "unknown: corrupted", "unknown: corrupted"},
        {3, "invalid_configuration", "error: invalid_configuration", "error: invalid_configuration",
         "error: invalid_configuration", "error: invalid_configuration"}};
    const ErrorCode codes[] = {ErrorCode::unavailable, ErrorCode::unknown_outcome, ErrorCode::corrupted,
                               ErrorCode::invalid_configuration};
    for (const Row& row : rows) {
        CAPTURE(name_of(codes[row.status]));
        const Error fault(codes[row.status], "the line is cut");
        Answers answers;
        answers.get = fault;
        CHECK(pulled(*this, fault) == row.pull);
        CHECK(fetched(*this, answers) == row.fetch);
        answers = Answers();
        answers.write = fault;
        CHECK(pushed(*this, create(), answers) == row.create);
        CHECK(pushed(*this, update(), answers) == row.update);
        CHECK(pushed(*this, removal(), answers) == row.remove);
    }
}

TEST_CASE_FIXTURE(Fixture, "a write is sent once, whatever comes of it") {
    for (const Result<HttpAnswer>& answer :
         {Result<HttpAnswer>(refusal(429)), Result<HttpAnswer>(refusal(502)), Result<HttpAnswer>(refusal(503)),
          Result<HttpAnswer>(refusal(504)), Result<HttpAnswer>(Error(ErrorCode::unavailable, "no line")),
          Result<HttpAnswer>(Error(ErrorCode::unknown_outcome, "cut"))}) {
        Answers answers;
        answers.write = answer;
        (void)pushed(*this, create(), answers);
        CHECK(sent("POST") == 1);
        (void)pushed(*this, update(), answers);
        CHECK(sent("PUT") == 1);
        (void)pushed(*this, removal(), answers);
        CHECK(sent("DELETE") == 1);
    }
}

TEST_CASE_FIXTURE(Fixture, "a read that fails now and then is asked once more") {
    connect(contacts(), [turn = 0](const HttpCall&) mutable -> Result<HttpAnswer> {
        if (++turn == 1) return refusal(503);
        if (turn == 2) return Error(ErrorCode::unavailable, "no line");
        return json_answer(200, json_of(R"({"data": []})"));
    });
    CHECK(pull().has_value());
}

TEST_CASE_FIXTURE(Fixture, "a record is absent only where its collection answers") {
    Answers answers;
    answers.get = refusal(404);
    answers.list = refusal(404);
    CHECK(fetched(*this, answers) == "error: invalid_configuration");
    answers.list = refusal(401);
    CHECK(fetched(*this, answers) == "error: unauthenticated");
    answers.list = refusal(500);
    CHECK(fetched(*this, answers) == "error: unavailable");
    answers.list = Error(ErrorCode::unknown_outcome, "cut");
    CHECK(fetched(*this, answers) == "error: unavailable");
    answers.list = text_answer(200, "<html>not here</html>", "text/html");
    CHECK(fetched(*this, answers) == "error: corrupted");
    answers.list = json_answer(200, json_of(R"({"data": []})"));
    CHECK(fetched(*this, answers) == "absent");
}

TEST_CASE_FIXTURE(Fixture, "a record whose collection answers something else than a list is not absent") {
    Answers answers;
    answers.get = refusal(404);
    answers.list = json_answer(200, json_of(R"({"error": {"message": "no such tenant"}})"));
    CHECK(fetched(*this, answers) == "error: corrupted");
}

// As of a proxy that wants somebody to log in.
TEST_CASE_FIXTURE(Fixture, "I4: a page of HTML is no deletion that was done") {
    Answers answers;
    answers.write = text_answer(200, " <html>Log in</html>", "text/html");
    CHECK(pushed(*this, removal(), answers) == "unknown: unknown_outcome");
    answers.write = text_answer(200, "OK");
    CHECK(pushed(*this, removal(), answers) == "applied");
}

TEST_CASE_FIXTURE(Fixture, "what is answered for a record is that record, or it is unknown") {
    Answers answers;
    answers.get = json_answer(200, record("8"));
    CHECK(fetched(*this, answers) == "unknown: corrupted");
    answers.get = json_answer(200, json::array{record("7")});
    CHECK(fetched(*this, answers) == "unknown: invalid_record");
    // What is no JSON says nothing of the record, and is asked for again without anybody's help.
    answers.get = text_answer(200, "<html></html>", "text/html");
    CHECK(fetched(*this, answers) == "unknown: unavailable");
    answers.get = text_answer(200, R"({"id": "7", "revision": 12345678901234567890123})", "application/json");
    CHECK(fetched(*this, answers) == "unknown: invalid_record");
    answers.get = text_answer(200, "");
    CHECK(fetched(*this, answers) == "unknown: unavailable");
}

TEST_CASE_FIXTURE(Fixture, "a record of its own that can't be read does not hinder the others") {
    connect(contacts(), [](const HttpCall& call) {
        const std::string path = Asked(call).path;
        if (path == "/contacts/2") return refusal(403);
        if (path == "/contacts/3") return refusal(404);
        if (path == "/contacts") return json_answer(200, json_of(R"({"data": []})"));
        return json_answer(200, record(path.substr(10)));
    });
    const auto records = fetch({"1", "2", "3", "4"});
    REQUIRE(records.has_value());
    CHECK((*records)[0].presence == Presence::present);
    CHECK((*records)[1].presence == Presence::unknown);
    CHECK((*records)[2].presence == Presence::absent);
    CHECK((*records)[3].record.id == "4");
}

TEST_CASE_FIXTURE(Fixture, "a record whose text can't stand in a request hinders only itself") {
    const auto unfit = [](const HttpCall& call) -> Result<HttpAnswer> {
        if (Asked(call).path == "/contacts/2") return Error(ErrorCode::invalid_request, "no header holds this");
        return json_answer(200, record(Asked(call).path.substr(10)));
    };
    connect(writable(), unfit);
    const auto records = fetch({"1", "2", "3"});
    REQUIRE(records.has_value());
    CHECK((*records)[1].presence == Presence::unknown);
    CHECK((*records)[2].presence == Presence::present);
    const auto outcomes = push({update_item("1", {}, "1"), update_item("2", {}, "1"), update_item("3", {}, "1")});
    REQUIRE(outcomes.has_value());
    CHECK((*outcomes)[1].status == Status::rejected);
    CHECK((*outcomes)[1].error->code == ErrorCode::invalid_record);
    CHECK((*outcomes)[2].status == Status::applied);
}

TEST_CASE_FIXTURE(Fixture, "I5: a record that a list of many leaves out is asked for by itself") {
    json::value document = with(contacts(), "entities.contacts.getMany",
                                R"({"path": "/search", "query": {"ids": "{ids}"}, "records": "data", "most": 3})");
    connect(document, [](const HttpCall& call) -> Result<HttpAnswer> {
        const std::string path = Asked(call).path;
        if (path == "/contacts/1") return text_answer(404, "");
        if (path == "/contacts/3") return json_answer(200, record("3")); // the list was cut
        return json_answer(200, json_of(R"({"data": [{"id": 2}]})"));
    });
    const auto records = fetch({"1", "2", "3"});
    REQUIRE(records.has_value());
    CHECK((*records)[0].presence == Presence::absent);
    CHECK((*records)[1].presence == Presence::present);
    CHECK((*records)[2].presence == Presence::present);
}

TEST_CASE_FIXTURE(Fixture, "I5: without a way to ask again only rows that say so make a record absent") {
    json::value document = with(contacts(), "entities.contacts.getMany",
                                R"({"path": "/search", "query": {"ids": "{ids}"}, "records": "data",
                                    "missing": [{"field": "error", "equals": "not_found"}]})");
    document = with(document, "entities.contacts.get", "");
    std::string rows;
    connect(document, [&](const HttpCall&) { return json_answer(200, json_of(rows)); });
    rows = R"({"data": [{"id": 2}, {"error": "not_found"}]})";
    auto records = fetch({"1", "2"});
    REQUIRE(records.has_value());
    CHECK((*records)[0].presence == Presence::absent);
    rows = R"({"data": [{"id": 2}]})";
    records = fetch({"1", "2"});
    REQUIRE(records.has_value());
    CHECK((*records)[0].presence == Presence::unknown);
    CHECK((*records)[1].presence == Presence::present);
}

TEST_CASE_FIXTURE(Fixture, "I38: a list of many records that is none makes nobody absent") {
    const json::value document = with(contacts(), "entities.contacts.getMany",
                                      R"({"path": "/search", "query": {"ids": "{ids}"}, "records": "data"})");
    for (const Result<HttpAnswer>& answer :
         {Result<HttpAnswer>(json_answer(200, json::object())), Result<HttpAnswer>(refusal(404)),
          Result<HttpAnswer>(refusal(410)), Result<HttpAnswer>(text_answer(200, "<p>", "text/html")),
          Result<HttpAnswer>(json_answer(200, json_of(R"({"data": null})")))}) {
        connect(document, [&](const HttpCall&) { return answer; });
        CHECK(fetch({"1", "2"}).has_error());
    }
}

// As in listings: what is no record is not synced. That it is one no more is no deletion either.
TEST_CASE_FIXTURE(Fixture, "what the description ignores is neither there nor gone, however it is asked for") {
    const json::value by_id = with(contacts(), "entities.contacts.ignore", R"([{"field": "kind", "equals": "draft"}])");
    json::value by_key = with(by_id, "entities.contacts.getMany",
                              R"({"path": "/search", "query": {"ids": "{ids}"}, "records": "data"})");
    by_key = with(by_key, "entities.contacts.create",
                  R"({"path": "/contacts", "set": {"key": "{key}"}, "answer": {"id": "id"}})");
    by_key =
        with(by_key, "entities.contacts.find", R"({"path": "/search", "query": {"key": "{key}"}, "records": "data"})");
    const json::value row = json_of(R"({"id": "7", "key": "k", "kind": "draft"})");
    const Handler handler = [&](const HttpCall& call) {
        return json_answer(200, Asked(call).path == "/search" ? json::value{{"data", json::array{row}}} : row);
    };
    const auto ignored = [](const Result<std::vector<FetchedRecord>>& records) {
        REQUIRE(records.has_value());
        REQUIRE(records->size() == 1);
        REQUIRE(records->front().presence == Presence::unknown);
        CHECK(records->front().error->code == ErrorCode::invalid_record);
        CHECK(records->front().error->message.ends_with("the record is one that the description ignores"));
    };
    connect(by_id, handler);
    ignored(fetch({"7"}));
    connect(by_key, handler);
    ignored(fetch({"7"}));
    ignored(fetch({}, {"k"}));
    CHECK(transport->calls().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a row that does not say whose it is may be anybody's, so that nobody is absent") {
    const json::value document = with(contacts(), "entities.contacts.getMany",
                                      R"({"path": "/search", "query": {"ids": "{ids}"}, "records": "data"})");
    connect(document, [](const HttpCall&) { return json_answer(200, json_of(R"({"data": ["broken", {"id": 2}]})")); });
    const auto records = fetch({"1", "2"});
    REQUIRE(records.has_value());
    CHECK((*records)[0].presence == Presence::unknown);
    CHECK((*records)[1].presence == Presence::present);
}

TEST_CASE_FIXTURE(Fixture, "a conflict is settled by reading what is there") {
    Answers answers;
    for (const unsigned status : {409U, 412U}) {
        CAPTURE(status);
        answers.write = refusal(status);
        answers.get = json_answer(200, record("7", 2));
        CHECK(pushed(*this, update(), answers) == "stale: stale");
        CHECK(pushed(*this, removal(), answers) == "stale: stale");
        // In the version that was named: something else is refused, such as a key that is taken.
        answers.get = json_answer(200, record("7", 1));
        CHECK(pushed(*this, update(), answers) == "rejected: already_exists");
        answers.get = refusal(404);
        CHECK(pushed(*this, update(), answers) == "absent: not_found");
        CHECK(pushed(*this, removal(), answers) == "applied");
        answers.get = refusal(500);
        CHECK(pushed(*this, update(), answers) == "stale: stale");
    }
}

TEST_CASE_FIXTURE(Fixture, "a create whose answer does not tell the record is unknown") {
    for (const HttpAnswer& answer : {text_answer(201, ""), text_answer(200, "<html></html>", "text/html"),
                                     json_answer(201, json::object()), json_answer(201, json::array())}) {
        Answers answers;
        answers.write = answer;
        CHECK(pushed(*this, create(), answers) == "unknown: unknown_outcome");
    }
}

TEST_CASE_FIXTURE(Fixture, "a write whose answer can't be read is unknown") {
    for (const HttpAnswer& answer :
         {text_answer(200, "<html>Log in</html>", "text/html"), text_answer(200, R"({"id": "7", "rev)")}) {
        Answers answers;
        answers.write = answer;
        CHECK(pushed(*this, update(), answers) == "unknown: unknown_outcome");
    }
    Answers answers;
    answers.write = text_answer(204, ""); // says so, and has nothing to say
    CHECK(pushed(*this, update(), answers) == "applied");
}

TEST_CASE_FIXTURE(Fixture, "what was stored is told with its version") {
    Answers answers;
    answers.write = json_answer(200, json_of(R"({"id": "7", "revision": 2, "name": "ADA"})"));
    connect(writable(), answering(answers));
    const PushOutcome outcome = push_one(update());
    CHECK(outcome.status == Status::applied);
    CHECK(outcome.version == "2");
    REQUIRE(outcome.fields);
    CHECK(outcome.fields->at("name") == "ADA");
}

TEST_CASE_FIXTURE(Fixture, "what is not described is not tried") {
    connect(with(writable(), "entities.contacts.delete", ""), answering(Answers()));
    const PushOutcome outcome = push_one(removal());
    CHECK(outcome.status == Status::rejected);
    CHECK(outcome.error->code == ErrorCode::unsupported);
    CHECK(transport->calls().empty());
}

TEST_CASE_FIXTURE(Fixture, "a redirect is not followed, and its message tells where the base URL leads") {
    for (const unsigned status : {301U, 302U, 303U, 307U, 308U}) {
        CAPTURE(status);
        connect(writable(), [&](const HttpCall&) {
            HttpAnswer answer = text_answer(status, "");
            answer.headers.add("Location", "https://eu.crm.test/api/contacts?token=t");
            return answer;
        });
        const auto page = pull();
        REQUIRE(page.has_error());
        CHECK(page.error().message.find("https://eu.crm.test/api/contacts") != std::string::npos);
        CHECK(page.error().message.find("token") == std::string::npos);
        CHECK(transport->calls().size() == 1);
        CHECK(push({update()}).has_error());
        CHECK(transport->calls().size() == 2);
    }
}

TEST_CASE_FIXTURE(Fixture, "the message of an error tells what the system says") {
    CHECK(pulled(*this, refusal(403)) == "forbidden");
    CHECK(pull().error().message.find("answered 403: because") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "check tells what keeps the system from being used") {
    const auto checked = [&](const Result<HttpAnswer>& answer) {
        connect(contacts(), [&](const HttpCall&) { return answer; });
        const auto done = loop.run(adapter->check());
        return done ? std::string("fine") : name_of(done.error().code);
    };
    CHECK(checked(json_answer(200, json_of(R"({"data": []})"))) == "fine");
    CHECK(checked(refusal(401)) == "unauthenticated");
    CHECK(checked(refusal(403)) == "forbidden");
    CHECK(checked(refusal(404)) == "invalid_configuration");
    CHECK(checked(Error(ErrorCode::unavailable, "no line")) == "unavailable");
    CHECK(checked(Error(ErrorCode::unknown_outcome, "cut")) == "unavailable"); // nothing was written
    CHECK(checked(text_answer(200, "<html></html>", "text/html")) == "corrupted");
    CHECK(sent("GET") == transport->calls().size());
}

TEST_CASE_FIXTURE(Fixture, "check tells an entity that the description does not have, and asks nobody") {
    connect(with(contacts(), "entities", R"({"deals": {"id": "id", "list": {"path": "/deals"},
                                                      "get": {"path": "/deals/{id}"}}})"),
            [](const HttpCall&) { return json_answer(200, json::array()); });
    const auto done = loop.run(adapter->check());
    REQUIRE(done.has_error());
    CHECK(done.error().code == ErrorCode::invalid_configuration);
    CHECK(done.error().message == "the description crm has no entity \"contacts\"; it has deals");
    CHECK(transport->calls().empty());
}

// Pushes of several records: what one refusal means for the others.
#include "rest_fixture.hpp"

#include <fmt/format.h>

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace rest_test;
using namespace std::chrono_literals;
using Status = PushOutcome::Status;

namespace {

json::value writable(std::string_view concurrency = "1") {
    json::value document = with(contacts(), "concurrency", concurrency);
    document = with(document, "entities.contacts.create", R"({"path": "/contacts", "answer": {"id": "id"}})");
    document = with(document, "entities.contacts.update", R"({"path": "/contacts/{id}"})");
    return with(document, "entities.contacts.delete", R"({"path": "/contacts/{id}"})");
}

json::value with_batch() {
    return with(writable(), "entities.contacts.batch",
                R"({"path": "/batch", "body": {"items": "{items}"}, "results": "results", "answer": {"id": "id"},
                    "outcomes": [{"field": "error", "equals": "busy", "means": "throttled"},
                                 {"field": "error", "equals": "conflict", "means": "conflict"},
                                 {"field": "error", "equals": "key", "means": "reauthenticate"},
                                 {"field": "error", "present": true, "means": "invalid"}]})");
}

std::vector<PushItem> updates(int count) {
    std::vector<PushItem> items;
    for (int number = 1; number <= count; ++number)
        items.push_back(update_item(std::to_string(number), {{"id", number}}));
    return items;
}

std::vector<PushItem> creates(int count) {
    std::vector<PushItem> items;
    for (int number = 1; number <= count; ++number)
        items.push_back(create_item({{"number", number}}, fmt::format("key {}", number)));
    return items;
}

HttpAnswer done() { return json_answer(200, json_of(R"({"id": 1})")); }

HttpAnswer throttled(const char* retry_after = "30") {
    HttpAnswer answer = text_answer(429, "");
    answer.headers.add("Retry-After", retry_after);
    return answer;
}

std::string letters(const Result<std::vector<PushOutcome>>& outcomes) {
    constexpr std::string_view names = "asmrun"; // applied, stale, missing, rejected, unknown, not sent
    if (!outcomes) return "error: " + std::string(to_string(outcomes.error().code));
    std::string text;
    for (const PushOutcome& outcome : *outcomes)
        text += names[static_cast<std::size_t>(outcome.status)];
    return text;
}

// The n-th write is answered by this, all others are done.
Handler nth(int number, Result<HttpAnswer> answer) {
    return [=, turn = 0](const HttpCall& call) mutable -> Result<HttpAnswer> {
        if (call.method == "GET") return done();
        return ++turn == number ? answer : done();
    };
}

} // namespace

TEST_CASE_FIXTURE(Fixture, "a record that is refused does not hinder the others") {
    connect(writable(), nth(2, text_answer(422, "")));
    CHECK(letters(push(updates(4))) == "araa");
    connect(writable(), nth(2, text_answer(500, "")));
    CHECK(letters(push(updates(4))) == "auaa");
}

TEST_CASE_FIXTURE(Fixture, "after 429 nothing more is sent, and the rest comes again when the system says so") {
    connect(writable(), nth(3, throttled()));
    const auto outcomes = push(updates(5));
    CHECK(letters(outcomes) == "aannn");
    CHECK(transport->calls().size() == 3);
    for (std::size_t index = 2; index < 5; ++index) {
        REQUIRE((*outcomes)[index].error);
        CHECK((*outcomes)[index].error->code == ErrorCode::throttled);
        CHECK((*outcomes)[index].error->retry_after == 30s);
    }
}

TEST_CASE_FIXTURE(Fixture, "what is under way beside a 429 keeps its own outcome, and nothing more begins") {
    connect(writable("4"), nth(1, throttled()));
    transport->set_latency(clock, 1s);
    CHECK(letters(push(updates(12))) == "naaannnnnnnn");
    CHECK(transport->calls().size() == 4);
}

TEST_CASE_FIXTURE(Fixture, "401 ends the push") {
    connect(writable(), nth(2, text_answer(401, "")));
    CHECK(letters(push(updates(5))) == "error: unauthenticated");
    CHECK(transport->calls().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a line that breaks after the first record leaves outcomes, for that one was written") {
    connect(writable(), nth(2, Error(ErrorCode::unavailable, "no line")));
    CHECK(letters(push(updates(4))) == "annn");
    CHECK(transport->calls().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a line that is not there at all says that nothing was sent") {
    connect(writable(), nth(1, Error(ErrorCode::unavailable, "no line")));
    CHECK(letters(push(updates(4))) == "error: unavailable");
    CHECK(transport->calls().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "rate-limit headers close the account until it is reset") {
    const json::value document = with(writable(), "rateLimit", R"({"remaining": "X-Left", "reset": "X-Reset"})");
    const auto answer = [](const HttpCall&) {
        HttpAnswer used_up = done();
        used_up.headers.add("X-Left", "0");
        used_up.headers.add("X-Reset", "60");
        return used_up;
    };
    connect(document, answer);
    const auto outcomes = push(updates(3));
    CHECK(letters(outcomes) == "ann");
    CHECK((*outcomes)[1].error->code == ErrorCode::throttled);
    CHECK((*outcomes)[1].error->retry_after == 60s);
    CHECK(transport->calls().size() == 1);
    loop.run_for(59s);
    CHECK(letters(push(updates(1))) == "error: throttled");
    CHECK(pull().error().code == ErrorCode::throttled);
    CHECK(transport->calls().size() == 1);
    loop.run_for(1s);
    CHECK(letters(push(updates(1))) == "a");
}

TEST_CASE_FIXTURE(Fixture, "a reset is read in each format, and never closes the account for ever") {
    const auto closed_for = [&](const char* format, std::int64_t reset) {
        const json::value document = with(
            writable(), "rateLimit",
            fmt::format(R"({{"remaining": "X-Left", "reset": "X-Reset", "resetFormat": "{}"}})", format));
        connect(document, [&](const HttpCall&) {
            HttpAnswer answer = done();
            answer.headers.add("X-Left", "0");
            answer.headers.add("X-Reset", std::to_string(reset));
            return answer;
        });
        const auto outcomes = push(updates(2));
        return letters(outcomes) == "an" ? (*outcomes)[1].error->retry_after.value() : 0ms;
    };
    const auto now = clock.now().time_since_epoch();
    CHECK(closed_for("seconds", 90) == 90s);
    CHECK(closed_for("epochSeconds", std::chrono::ceil<std::chrono::seconds>(now).count() + 90) <= 91s);
    CHECK(closed_for("epochSeconds", std::chrono::ceil<std::chrono::seconds>(now).count() + 90) > 89s);
    CHECK(closed_for("epochMilliseconds", now.count() + 90'000) == 90s);
    CHECK(closed_for("epochSeconds", 7) == 0ms);
    CHECK(closed_for("seconds", std::numeric_limits<std::int64_t>::max()) <= 24h);
    CHECK(closed_for("epochSeconds", std::numeric_limits<std::int64_t>::max()) <= 24h);
    CHECK(closed_for("epochMilliseconds", std::numeric_limits<std::int64_t>::max()) <= 24h);
}

TEST_CASE_FIXTURE(Fixture, "quota that is left, or headers that are no numbers, close nothing") {
    for (const auto& headers : {std::pair("1", "60"), std::pair("none", "60"), std::pair("0", "soon")}) {
        connect(with(writable(), "rateLimit", R"({"remaining": "X-Left", "reset": "X-Reset"})"),
                [headers](const HttpCall&) {
                    HttpAnswer answer = done();
                    answer.headers.add("X-Left", headers.first);
                    answer.headers.add("X-Reset", headers.second);
                    return answer;
                });
        CHECK(letters(push(updates(2))) == "aa");
    }
}

TEST_CASE_FIXTURE(Fixture, "Retry-After is told with what may be repeated") {
    const auto told = [&](const char* value) {
        connect(writable(), [&](const HttpCall&) { return throttled(value); });
        return pull().error().retry_after;
    };
    CHECK(told("60") == 60s);
    CHECK(told("soon") == std::nullopt);
    CHECK(told("99999999999999999999") <= std::chrono::days(3650));
}

TEST_CASE_FIXTURE(Fixture, "slow answers: a push ends in time, and what was not sent is not in doubt") {
    connect(writable(), [](const HttpCall&) { return done(); });
    transport->set_latency(clock, 6s);
    const auto outcomes = push(updates(10));
    CHECK(loop.now() <= 25s);
    CHECK(letters(outcomes) == "aaaaunnnnn");
    for (std::size_t index = 5; index < 10; ++index)
        CHECK((*outcomes)[index].error->code == ErrorCode::unavailable);
    CHECK(transport->calls().size() == 5);
}

TEST_CASE_FIXTURE(Fixture, "slow answers: a fetch ends in time and makes nobody absent") {
    connect(writable(), [](const HttpCall&) { return json_answer(404, nullptr); });
    transport->set_latency(clock, 6s);
    std::vector<std::string> ids;
    for (int id = 0; id < 50; ++id)
        ids.push_back(std::to_string(id));
    const auto records = fetch(ids);
    CHECK(loop.now() <= 25s);
    REQUIRE(records.has_error());
    CHECK(records.error().code == ErrorCode::unavailable);
}

TEST_CASE_FIXTURE(Fixture, "an answer that takes longer than the described timeout is not waited for") {
    connect(with(writable(), "timeoutSeconds", "2"), [](const HttpCall&) { return done(); });
    transport->set_latency(clock, 1h);
    CHECK(letters(push(updates(1))) == "u");
    CHECK(loop.now() == 2s);
}

TEST_CASE_FIXTURE(Fixture, "a batch is one request, and each result belongs to its record") {
    connect(with_batch(), [](const HttpCall& call) {
        CHECK(call.body == R"({"items":[{"number":1},{"number":2},{"number":3},{"number":4}]})");
        return json_answer(200, json_of(R"({"results": [{"id": 1}, {"error": "bad"}, {"error": "busy"}, {}]})"));
    });
    const auto outcomes = push(creates(4));
    CHECK(letters(outcomes) == "arnu");
    CHECK((*outcomes)[0].id == "1");
    CHECK(transport->calls().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a removal names id and version as the record holds them, alone and in a batch") {
    json::value document = with(writable(), "entities.contacts.version", R"({"field": "revision"})");
    document = with(document, "entities.contacts.delete",
                    R"({"method": "POST", "path": "/removals",
                        "body": {"ids": ["{id}"], "revisions": ["{version}"]}})");
    PushItem read = remove_item("7", "3");
    read.previous = json_of(R"({"id": 7, "revision": 3, "name": "a"})").get_object();
    const std::vector<PushItem> items{read, remove_item("8", "4")}; // nobody has read the second one
    const auto one_by_one = [](const HttpCall&) { return done(); };
    connect(document, one_by_one);
    CHECK(letters(push(items)) == "aa");
    REQUIRE(transport->calls().size() == 2);
    CHECK(transport->calls()[0].body == R"({"ids":[7],"revisions":[3]})");
    CHECK(transport->calls()[1].body == R"({"ids":["8"],"revisions":["4"]})");

    document = with(document, "entities.contacts.batch",
                    R"({"path": "/batch", "body": "{items}", "answer": {"id": "id"},
                        "delete": {"remove": "{id}", "revision": "{version}"}})");
    connect(document, [](const HttpCall&) { return json_answer(200, json_of("[{}, {}]")); });
    CHECK(letters(push(items)) == "aa");
    REQUIRE(transport->calls().size() == 1);
    CHECK(transport->calls()[0].body == R"([{"remove":7,"revision":3},{"remove":"8","revision":"4"}])");
}

TEST_CASE_FIXTURE(Fixture, "a batch that does not answer for each record leaves all unknown") {
    for (const char* body : {R"({"results": [{"id": 1}]})", R"({"results": [{"id": 1}, {"id": 2}, {"id": 3}]})",
                             R"({"results": {}})", "{}", "<html>", ""}) {
        CAPTURE(std::string(body));
        connect(with_batch(), [&](const HttpCall&) { return text_answer(200, body, "application/json"); });
        CHECK(letters(push(creates(2))) == "uu");
    }
}

TEST_CASE_FIXTURE(Fixture, "what a batch as a whole comes to") {
    const auto pushed = [&](Result<HttpAnswer> answer) {
        connect(with_batch(), [&](const HttpCall&) { return answer; });
        return letters(push(creates(2)));
    };
    CHECK(pushed(text_answer(500, "")) == "uu");
    CHECK(pushed(throttled()) == "nn");
    CHECK(pushed(Error(ErrorCode::unknown_outcome, "cut")) == "uu");
    CHECK(pushed(Error(ErrorCode::unavailable, "no line")) == "error: unavailable");
    CHECK(pushed(text_answer(401, "")) == "error: unauthenticated");
    CHECK(pushed(text_answer(400, "")) == "error: invalid_configuration");
}

TEST_CASE_FIXTURE(Fixture, "after 429 for a record that goes alone, the batch is not sent") {
    connect(with_batch(), [](const HttpCall& call) { return call.method == "DELETE" ? throttled() : done(); });
    std::vector<PushItem> items = creates(2);
    items.push_back(remove_item("7"));
    CHECK(letters(push(std::move(items))) == "nnn");
    CHECK(sent("POST") == 0);
}

TEST_CASE_FIXTURE(Fixture, "a create under an id of its own meets the record of its first attempt, and keeps it") {
    const json::value document =
        with(writable(), "entities.contacts.create",
             R"({"method": "PUT", "path": "/contacts/{key}", "idIsKey": true, "set": {"id": "{key}"}})");
    connect(document, [](const HttpCall& call) {
        return call.method == "PUT" ? text_answer(409, "") : json_answer(200, json_of(R"({"id": "k", "name": "new"})"));
    });
    const PushOutcome outcome = push_one(create_item({{"name", "old"}}, "k"));
    CHECK(outcome.status == Status::applied);
    CHECK(outcome.id == "k");
    REQUIRE(outcome.fields);
    CHECK(outcome.fields->at("name") == "new");
    CHECK(sent("PUT") == 1);
}

TEST_CASE_FIXTURE(Fixture, "a create under an id of its own that can't be settled is unknown") {
    const json::value document = with(writable(), "entities.contacts.create",
                                      R"({"method": "PUT", "path": "/contacts/{key}", "idIsKey": true})");
    connect(document, [](const HttpCall& call) { return text_answer(call.method == "PUT" ? 409 : 500, ""); });
    CHECK(push_one(create_item({{"name", "old"}}, "k")).status == Status::unknown);
}

TEST_CASE_FIXTURE(Fixture, "a version that only a header tells is read just before the write") {
    const json::value document = with(writable(), "entities.contacts.update",
                                      R"({"path": "/contacts/{id}", "headers": {"If-Match": "{version}"},
                                          "versionHeader": "ETag"})");
    int edits = 0;
    const auto system = [&](const HttpCall& call) {
        HttpAnswer answer = json_answer(200, json::object{{"id", "7"}, {"edits", edits}});
        if (call.method == "GET") answer.headers.add("ETag", fmt::format("\"{}\"", edits));
        return answer;
    };
    connect(document, system);
    const std::string known = fetch({"7"})->front().record.version;
    CHECK(push_one(update_item("7", {{"id", "7"}}, known)).status == Status::applied);
    CHECK(*transport->calls().back().headers.find("If-Match") == "\"0\"");
    edits = 1;
    CHECK(push_one(update_item("7", {{"id", "7"}}, known)).status == Status::stale);
    CHECK(sent("PUT") == 1);
}

TEST_CASE_FIXTURE(Fixture, "a record that can't be read for its version is refused, or waits where that may pass") {
    const json::value document = with(writable(), "entities.contacts.update",
                                      R"({"path": "/contacts/{id}", "headers": {"If-Match": "{version}"},
                                          "versionHeader": "ETag"})");
    const auto pushed = [&](Result<HttpAnswer> answer) {
        connect(document, [&](const HttpCall&) { return answer; });
        const auto text = letters(push({update_item("7", {{"id", "7"}})}));
        CHECK(sent("PUT") == 0);
        return text;
    };
    CHECK(pushed(json_answer(200, "broken")) == "r");
    CHECK(pushed(text_answer(403, "")) == "r");
    CHECK(pushed(text_answer(200, "<html>", "text/html")) == "n");
    CHECK(pushed(text_answer(500, "")) == "error: unavailable"); // nothing was sent at all
    CHECK(pushed(text_answer(404, "")) == "m");
}

TEST_CASE_FIXTURE(Fixture, "without the header that tells the version nothing is written") {
    const json::value document = with(writable(), "entities.contacts.update",
                                      R"({"path": "/contacts/{id}", "headers": {"If-Match": "{version}"},
                                          "versionHeader": "ETag"})");
    connect(document, [](const HttpCall&) { return json_answer(200, json_of(R"({"id": "7"})")); });
    CHECK(letters(push({update_item("7", {{"id", "7"}})})) == "error: corrupted");
    CHECK(sent("PUT") == 0);
}

TEST_CASE_FIXTURE(Fixture, "a record named by dots leads to no other resource") {
    connect(writable(), [](const HttpCall&) { return json_answer(200, json_of(R"({"id": ".."})")); });
    const auto records = fetch({".."});
    REQUIRE(records.has_value());
    CHECK(records->front().presence == FetchedRecord::Presence::unknown);
    CHECK(letters(push({update_item("..", {{"id", ".."}}, "1")})) == "r");
    CHECK(sent().empty());
}

TEST_CASE_FIXTURE(Fixture, "a create that is refused for another reason than its key made nothing") {
    const json::value document = with(writable(), "entities.contacts.create",
                                      R"({"method": "PUT", "path": "/contacts/{key}", "idIsKey": true})");
    connect(document, [](const HttpCall& call) { return text_answer(call.method == "PUT" ? 409 : 404, ""); });
    CHECK(push_one(create_item({{"mail", "taken"}}, "k")).status == Status::rejected);
}

TEST_CASE_FIXTURE(Fixture, "a key is looked for, and what does not answer does not say that nobody has it") {
    json::value document = with(writable(), "entities.contacts.create.set", R"({"key": "{key}"})");
    document = with(document, "entities.contacts.find",
                    R"({"path": "/search", "query": {"key": "{key}"}, "records": "data"})");
    const auto found = [&](Result<HttpAnswer> answer) {
        connect(document, [&](const HttpCall&) { return answer; });
        const auto records = fetch({}, {"k"});
        if (!records) return "error: " + std::string(to_string(records.error().code));
        const auto presence = records->front().presence;
        return std::string(presence == FetchedRecord::Presence::present  ? "present"
                           : presence == FetchedRecord::Presence::absent ? "absent"
                                                                         : "unknown");
    };
    CHECK(found(json_answer(200, json_of(R"({"data": [{"id": 1, "key": "k"}]})"))) == "present");
    // A system that does not know the parameter answers whatever it has.
    CHECK(found(json_answer(200, json_of(R"({"data": [{"id": 1}, {"id": 2, "key": "other"}]})"))) == "unknown");
    CHECK(found(json_answer(200, json_of(R"({"data": []})"))) == "absent");
    CHECK(found(json_answer(200, json_of(R"({"data": ["broken"]})"))) == "unknown");
    CHECK(found(json_answer(200, json_of("{}"))) == "error: corrupted");
    CHECK(found(text_answer(404, "")) == "error: invalid_configuration");
    CHECK(found(text_answer(500, "")) == "error: unavailable");
}

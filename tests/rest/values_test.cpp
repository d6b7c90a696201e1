// Reading answers: conditions, what a status means, records, versions, links.
#include "rest_documents.hpp"

#include <adapters/rest/values.hpp>
#include <core/json_marks.hpp>

#include <fmt/format.h>

using namespace castiel_sync;
using namespace rest_test;

namespace {

// The condition that stands under `deleted` of an entity.
bool condition_holds(std::string_view condition, std::string_view row) {
    const RestEntity entity = entity_of(with(contacts(), "entities.contacts.deleted", condition));
    return holds(*entity.deleted, json_of(row));
}

RestMeaning meaning(RestAction action, unsigned status) {
    return meaning_of(*described(contacts()), action, status, nullptr, "");
}

constexpr RestAction reads[] = {RestAction::check, RestAction::list,     RestAction::changes, RestAction::position,
                                RestAction::get,   RestAction::get_many, RestAction::find};
constexpr RestAction writes[] = {RestAction::create, RestAction::update, RestAction::remove, RestAction::batch};

} // namespace

TEST_CASE("a condition on equality compares values, not texts") {
    CHECK(condition_holds(R"({"field": "a", "equals": 1})", R"({"a": 1.0})"));
    CHECK_FALSE(condition_holds(R"({"field": "a", "equals": 1})", R"({"a": "1"})"));
    CHECK_FALSE(condition_holds(R"({"field": "a", "equals": 1})", R"({})"));
    CHECK(condition_holds(R"({"field": "a.b", "equals": null})", R"({"a": {"b": null}})"));
    CHECK(condition_holds(R"({"field": "a", "equals": null})", R"({})"));
}

TEST_CASE("a condition on presence takes null for nothing") {
    CHECK(condition_holds(R"({"field": "a", "present": true})", R"({"a": false})"));
    CHECK_FALSE(condition_holds(R"({"field": "a", "present": true})", R"({"a": null})"));
    CHECK(condition_holds(R"({"field": "a", "present": false})", R"({"a": null})"));
    CHECK(condition_holds(R"({"field": "a", "present": false})", R"({})"));
}

TEST_CASE("a condition on text looks at numbers, too, and never at what is not there") {
    CHECK(condition_holds(R"({"field": "a", "contains": "b"})", R"({"a": "abc"})"));
    CHECK_FALSE(condition_holds(R"({"field": "a", "startsWith": "b"})", R"({"a": "abc"})"));
    CHECK(condition_holds(R"({"field": "a", "startsWith": "4"})", R"({"a": 409})"));
    CHECK_FALSE(condition_holds(R"({"field": "a", "contains": "b"})", R"({"a": ["b"]})"));
    CHECK_FALSE(condition_holds(R"({"field": "a", "contains": "n"})", R"({"a": null})"));
}

TEST_CASE("a condition on size needs a number") {
    CHECK(condition_holds(R"({"field": "a", "above": 1.5})", R"({"a": 2})"));
    CHECK_FALSE(condition_holds(R"({"field": "a", "above": 2})", R"({"a": 2})"));
    CHECK_FALSE(condition_holds(R"({"field": "a", "above": 1})", R"({"a": "2"})"));
}

TEST_CASE("all parts of a condition must hold, and a row that is no object has no members") {
    CHECK_FALSE(condition_holds(R"({"field": "a", "startsWith": "x", "contains": "z"})", R"({"a": "xy"})"));
    CHECK_FALSE(condition_holds(R"({"field": "a", "present": true})", R"(["a"])"));
}

TEST_CASE("I38: without a rule only 2xx is success") {
    for (unsigned status = 300; status < 600; ++status) {
        CAPTURE(status);
        for (const RestAction action : reads)
            CHECK(meaning(action, status) != RestMeaning::success);
        for (const RestAction action : writes)
            CHECK(meaning(action, status) != RestMeaning::success);
    }
}

TEST_CASE("what a refusal of a read means") {
    for (const RestAction action : reads) {
        CAPTURE(static_cast<int>(action));
        CHECK(meaning(action, 401) == RestMeaning::reauthenticate);
        CHECK(meaning(action, 403) == RestMeaning::forbidden);
        CHECK(meaning(action, 408) == RestMeaning::retry);
        CHECK(meaning(action, 425) == RestMeaning::retry);
        CHECK(meaning(action, 429) == RestMeaning::throttled);
        for (const unsigned status : {500U, 502U, 503U, 504U, 599U})
            CHECK(meaning(action, status) == RestMeaning::retry);
        for (const unsigned status : {301U, 304U, 400U, 405U, 409U, 412U, 415U, 422U, 501U})
            CHECK(meaning(action, status) == RestMeaning::stop);
        CHECK(meaning(action, 404) == (action == RestAction::get ? RestMeaning::gone : RestMeaning::stop));
    }
}

TEST_CASE("a write without definite answer is unknown, and nothing else is") {
    for (const RestAction action : writes) {
        CAPTURE(static_cast<int>(action));
        for (unsigned status = 300; status < 600; ++status) {
            CAPTURE(status);
            const bool open = status == 408 || (status >= 500 && status != 501 && status != 505);
            CHECK((meaning(action, status) == RestMeaning::unknown) == open);
        }
        CHECK(meaning(action, 425) == RestMeaning::retry);
        CHECK(meaning(action, 429) == RestMeaning::throttled);
    }
}

TEST_CASE("what a refusal of one write means") {
    using Meaning = RestMeaning;
    CHECK(meaning(RestAction::create, 409) == Meaning::exists);
    CHECK(meaning(RestAction::update, 409) == Meaning::conflict);
    CHECK(meaning(RestAction::remove, 412) == Meaning::conflict);
    CHECK(meaning(RestAction::update, 404) == Meaning::gone);
    CHECK(meaning(RestAction::remove, 410) == Meaning::gone);
    CHECK(meaning(RestAction::create, 404) == Meaning::stop);
    for (const unsigned status : {400U, 413U, 422U}) {
        CAPTURE(status);
        CHECK(meaning(RestAction::create, status) == Meaning::invalid);
        CHECK(meaning(RestAction::update, status) == Meaning::invalid);
        CHECK(meaning(RestAction::batch, status) == Meaning::stop); // about all of it, not about one record
    }
}

TEST_CASE("the first rule that holds decides, whatever the status says") {
    const auto description = described(with(contacts(), "answers", R"([
        {"status": [200, 202], "when": {"field": "ok", "equals": false}, "means": "invalid"},
        {"status": "4xx", "actions": ["create"], "bodyContains": "dup", "means": "exists"},
        {"status": "4xx", "actions": ["create", "update"], "means": "retry"}])"));
    const auto rule = [&](RestAction action, unsigned status, const json::value& body, std::string_view text = "") {
        return meaning_of(*description, action, status, body, text);
    };
    CHECK(rule(RestAction::get, 200, {{"ok", false}}) == RestMeaning::invalid);
    CHECK(rule(RestAction::get, 201, {{"ok", false}}) == RestMeaning::success);
    CHECK(rule(RestAction::get, 200, {{"ok", true}}) == RestMeaning::success);
    CHECK(rule(RestAction::get, 200, json::array{}) == RestMeaning::success);
    CHECK(rule(RestAction::create, 422, nullptr, "<p>dup key") == RestMeaning::exists);
    CHECK(rule(RestAction::create, 422, nullptr, "<p>key") == RestMeaning::retry);
    CHECK(rule(RestAction::update, 422, nullptr, "<p>dup key") == RestMeaning::retry);
    CHECK(rule(RestAction::remove, 422, nullptr, "<p>dup key") == RestMeaning::invalid);
    CHECK(rule(RestAction::create, 500, nullptr, "dup") == RestMeaning::unknown);
}

TEST_CASE("an id is text or a whole number, of 1 to 512 bytes") {
    const RestEntity entity = entity_of(contacts());
    const auto read = [&](json::value id) { return read_record(entity, json::object{{"id", std::move(id)}}); };
    CHECK(read("a").value().id == "a");
    CHECK_FALSE(read("7").value().integer_id);
    CHECK(read(7).value().id == "7");
    CHECK(read(7).value().integer_id);
    CHECK(read(std::uint64_t{18446744073709551615U}).value().id == "18446744073709551615");
    CHECK(read(json::string(512, 'x')).has_value());
    for (const json::value& id : {json::value(json::string(513, 'x')), json::value(""), json::value(7.5),
                                  json::value(true), json::value(nullptr), json::value(json::array{1})}) {
        CAPTURE(to_json(id).substr(0, 20));
        const auto refused = read(id);
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == ErrorCode::invalid_record);
    }
}

TEST_CASE("a row that is no object, or has no id, is no record") {
    const RestEntity entity = entity_of(contacts());
    for (const char* row : {"\"broken\"", "null", "[1]", "7", "{}", R"({"ID": 1})"}) {
        CAPTURE(std::string(row));
        REQUIRE(read_record(entity, json_of(row)).has_error());
        CHECK(read_record(entity, json_of(row)).error().code == ErrorCode::invalid_record);
    }
}

TEST_CASE("a version is the described field, and without it there is no record") {
    const RestEntity entity = entity_of(with(contacts(), "entities.contacts.version", R"({"field": "meta.rev"})"));
    CHECK(read_record(entity, json_of(R"({"id": 1, "meta": {"rev": 12}})")).value().version == "12");
    CHECK(read_record(entity, json_of(R"({"id": 1, "meta": {"rev": "1-a"}})")).value().version == "1-a");
    CHECK(read_record(entity, json_of(R"({"id": 1, "meta": {"rev": ""}})")).has_error());
    CHECK(read_record(entity, json_of(R"({"id": 1})")).has_error());
}

TEST_CASE("a version of the content changes with it and only then") {
    const RestEntity entity = entity_of(contacts());
    const auto version = [&](std::string_view row) { return read_record(entity, json_of(row)).value().version; };
    CHECK(version(R"({"id": 1, "a": 1, "b": 2})") == version(R"({"b": 2.0, "a": 1, "id": 1})"));
    CHECK(version(R"({"id": 1, "a": 1})") != version(R"({"id": 1, "a": 2})"));
    CHECK(version(R"({"id": 1, "a": null})") != version(R"({"id": 1})"));
}

TEST_CASE("ignored members don't count for a version, at any depth, and stay in the record") {
    const RestEntity entity =
        entity_of(with(contacts(), "entities.contacts.version", R"({"ignore": ["views", "meta.seen"]})"));
    const auto read = [&](std::string_view row) { return read_record(entity, json_of(row)).value(); };
    const Record record = read(R"({"id": 1, "views": 7, "meta": {"seen": "today", "by": "x"}})");
    CHECK(record.version == read(R"({"id": 1, "meta": {"by": "x"}})").version);
    CHECK(record.version != read(R"({"id": 1, "meta": {"by": "y"}})").version);
    CHECK(record.fields.at("views") == 7);
}

TEST_CASE("a tombstone needs an id and nothing else") {
    json::value document = with(contacts(), "entities.contacts.deleted", R"({"field": "gone", "equals": true})");
    document = with(document, "entities.contacts.version", R"({"field": "rev"})");
    const RestEntity entity = entity_of(document);
    const Record record = read_record(entity, json_of(R"({"id": 7, "gone": true})")).value();
    CHECK(record.deleted);
    CHECK(record.id == "7");
    CHECK(record.fields.empty());
    CHECK(read_record(entity, json_of(R"({"gone": true})")).has_error());
}

TEST_CASE("a number that nothing carries exactly is never passed on") {
    const RestEntity entity = entity_of(contacts());
    const json::value rows =
        parse_json_marking(R"([{"id": 1, "a": {"b": [12345678901234567890123]}}, {"id": 2, "a": 5}])").value();
    const auto refused = read_record(entity, rows.at(0));
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == ErrorCode::invalid_record);
    CHECK(refused.error().message.find("12345678901234567890123") != std::string::npos);
    CHECK(read_record(entity, rows.at(1)).has_value());
}

TEST_CASE("a time that is not as described hinders its record, one that is not there does not") {
    const RestEntity entity = entity_of(with(contacts(), "entities.contacts.modifiedAt", R"({"field": "at"})"));
    CHECK(read_record(entity, json_of(R"({"id": 1, "at": "yesterday"})")).has_error());
    CHECK(read_record(entity, json_of(R"({"id": 1, "at": 7})")).has_error());
    CHECK(read_record(entity, json_of(R"({"id": 1, "at": null})")).value().modified_at == std::nullopt);
    CHECK(read_record(entity, json_of(R"({"id": 1})")).value().modified_at == std::nullopt);
}

TEST_CASE("the next link is found in every way to write it") {
    const auto link = [](std::vector<std::string> values) {
        HttpHeaders headers;
        for (std::string& value : values)
            headers.add("Link", std::move(value));
        return next_link(headers);
    };
    CHECK(link({R"(<https://a/?page=2>; rel="next")"}) == "https://a/?page=2");
    CHECK(link({R"(</x>; rel="prev", </y>; rel="next", </z>; rel="last")"}) == "/y");
    CHECK(link({R"(</x>;rel=NEXT)"}) == "/x");
    CHECK(link({R"(</x,y;z>; title="a"; rel = "next")"}) == "/x,y;z");
    CHECK(link({R"(</x>; rel="prev")", R"(</y>; rel="next")"}) == "/y");
    CHECK(link({R"(</x>; title="rel=next")"}).empty());
    CHECK(link({R"(</x>; rel="nextish")", "garbage", "<unclosed; rel=next", ""}).empty());
}

TEST_CASE("null and empty texts name nothing, in a body and in a header") {
    RestLocation field;
    field.field = Path::parse("next.token").value();
    const HttpHeaders none;
    CHECK(value_at(field, none, json_of(R"({"next": {"token": "t"}})")) == json::value("t"));
    CHECK(value_at(field, none, json_of(R"({"next": {"token": ""}})")) == std::nullopt);
    CHECK(value_at(field, none, json_of(R"({"next": null})")) == std::nullopt);
    CHECK(value_at(field, none, json_of("[]")) == std::nullopt);
    RestLocation header;
    header.header = "X-Next";
    HttpHeaders headers;
    headers.add("x-next", "5");
    CHECK(value_at(header, headers, nullptr) == json::value("5"));
    headers.set("X-Next", "");
    CHECK(value_at(header, headers, nullptr) == std::nullopt);
    CHECK(value_at(RestLocation(), headers, json_of("{}")) == std::nullopt);
}

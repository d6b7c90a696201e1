// What an update sends of a record.
#include "rest_documents.hpp"

#include <adapters/rest/values.hpp>
#include <adapters/rest/writing.hpp>

#include <rapidcheck.h>

using namespace castiel_sync;
using namespace rest_test;

namespace {

// RFC 7396, written down a second time.
json::value applied(const json::value& target, const json::value& patch) {
    if (!patch.is_object()) return patch;
    json::object result = target.is_object() ? target.get_object() : json::object();
    for (const auto& member : patch.get_object()) {
        if (member.value().is_null()) {
            result.erase(member.key());
            continue;
        }
        const json::value* old = result.if_contains(member.key());
        result[member.key()] = applied(old == nullptr ? json::value(nullptr) : *old, member.value());
    }
    return result;
}

// A patch can't say null, so that what is null is not there.
json::value without_nulls(const json::value& value) {
    if (!value.is_object()) return value;
    json::object result;
    for (const auto& member : value.get_object())
        if (!member.value().is_null()) result[member.key()] = without_nulls(member.value());
    return result;
}

json::value any_value(int depth);

json::object any_object(int depth) {
    json::object object;
    const int members = *rc::gen::inRange(0, 4);
    for (int i = 0; i < members; ++i) {
        const std::string name(1, *rc::gen::inRange('a', 'e'));
        object[name] = any_value(depth - 1);
    }
    return object;
}

json::value any_value(int depth) {
    switch (*rc::gen::inRange(0, depth > 0 ? 6 : 4)) {
    case 0:
        return nullptr;
    case 1:
        return *rc::gen::inRange(0, 3);
    case 2:
        return json::array{*rc::gen::inRange(0, 2)};
    case 3:
        return json::string(std::string(1, *rc::gen::inRange('x', 'z')));
    default:
        return any_object(depth);
    }
}

PushItem update(std::string_view previous, std::string_view fields) {
    PushItem item;
    item.id = "7";
    item.previous = json_of(previous).get_object();
    item.fields = json_of(fields).get_object();
    return item;
}

json::object variables_of(const json::value& document, const PushItem& item, const std::string& version) {
    const RestEntity entity = entity_of(document);
    json::object variables;
    CHECK(add_item_variables(entity, &*entity.update, item, version, variables).has_value());
    return variables;
}

json::value with_update(std::string_view update) {
    const json::value document = with(contacts(), "entities.contacts.version", R"({"field": "rev"})");
    return with(document, "entities.contacts.update", update);
}

} // namespace

TEST_CASE("a merge patch makes the record after of the one before, but for nulls") {
    CHECK(rc::check([] {
        const json::object before = any_object(3);
        const json::object after = any_object(3);
        const json::value made = applied(before, merge_patch(before, after));
        RC_ASSERT(equal_values(without_nulls(made), without_nulls(after)));
    }));
}

TEST_CASE("changed members are those that differ, as they shall be, and null where they are gone") {
    CHECK(rc::check([] {
        const json::object before = any_object(2);
        const json::object after = any_object(2);
        const json::object changed = changed_members(before, after);
        json::object made = before;
        for (const auto& member : changed) {
            const json::value* old = before.if_contains(member.key());
            const bool differs = old == nullptr || !after.contains(member.key()) || !equal_values(*old, member.value());
            RC_ASSERT(differs);
            if (after.contains(member.key()))
                made[member.key()] = member.value();
            else
                made.erase(member.key());
        }
        RC_ASSERT(equal_values(made, after));
    }));
}

TEST_CASE("equal records have nothing to send") {
    const json::object record = json_of(R"({"a": 1, "b": {"c": [1, null]}})").get_object();
    CHECK(merge_patch(record, json_of(R"({"b": {"c": [1.0, null]}, "a": 1})").get_object()).empty());
    CHECK(changed_members(record, record).empty());
}

TEST_CASE("ids and versions are sent in the type that the record holds them in") {
    const json::value document = with_update(R"({"path": "/{id}", "headers": {"If-Match": "{version}"}})");
    const json::object typed = variables_of(document, update(R"({"id": 7, "rev": 3})", R"({"id": 7, "rev": 3})"), "3");
    CHECK(typed.at("id") == 7);
    CHECK(typed.at("version") == 3);
    const json::object text = variables_of(document, update("{}", "{}"), "3");
    CHECK(text.at("id") == "7");
    CHECK(text.at("version") == "3");
}

TEST_CASE("what is set or omitted shows in the record, the changes and the patch alike") {
    const json::value document = with_update(
        R"({"path": "/{id}", "set": {"meta.rev": "{version}", "source": "castiel"}, "omit": ["score", "meta.seen"]})");
    const PushItem item = update(R"({"id": 7, "name": "a", "score": 1, "meta": {"seen": 1}})",
                                 R"({"id": 7, "name": "b", "score": 2, "meta": {"seen": 2}})");
    const json::object variables = variables_of(document, item, "9");
    CHECK(variables.at("record") == json_of(R"({"id": 7, "name": "b", "meta": {"rev": "9"}, "source": "castiel"})"));
    CHECK(variables.at("changes") == json_of(R"({"name": "b", "meta": {"rev": "9"}, "source": "castiel"})"));
    CHECK(variables.at("mergePatch") == variables.at("changes"));
}

TEST_CASE("the id of a new record is found wherever an answer tells it") {
    const auto id_of = [](std::string_view answer, const HttpHeaders& headers, std::string_view body) {
        const RestEntity entity = entity_of(
            with(contacts(), "entities.contacts.create", R"({"path": "/c", "answer": )" + std::string(answer) + "}"));
        PushItem item;
        item.action = PushItem::Action::create;
        const auto outcome = read_written(entity, entity.create->written, item, headers, json_of(body));
        return outcome ? outcome->id : "none: " + outcome.error().message;
    };
    HttpHeaders headers;
    headers.add("Location", "https://crm.test/c/a%2Fb%C3%BC/?x=1");
    headers.add("X-Id", "h");
    CHECK(id_of(R"({"record": true})", {}, R"({"id": 7})") == "7");
    CHECK(id_of(R"({"record": "data.new"})", {}, R"({"data": {"new": {"id": "n"}}})") == "n");
    CHECK(id_of(R"({"id": "result.id"})", {}, R"({"result": {"id": 8}})") == "8");
    CHECK(id_of(R"({"id": {"header": "X-Id"}})", headers, "null") == "h");
    CHECK(id_of(R"({"idFromLocation": true})", headers, "null") == "a/bü");
    CHECK(id_of(R"({"id": "result.id"})", {}, "{}").starts_with("none:"));
    CHECK(id_of(R"({"idFromLocation": true})", {}, "{}").starts_with("none:"));
    CHECK(id_of(R"({"record": true})", {}, R"({"name": "x"})").starts_with("none:"));
}

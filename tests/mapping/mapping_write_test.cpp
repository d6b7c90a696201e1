#include "support.hpp"

#include <rapidcheck.h>

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

TEST_CASE("writing leaves everything that is not mapped or not wanted as it is") {
    const auto contact = fields(R"({"externalField": "name.full", "shardField": "name"},
                                   {"externalField": "mail", "shardField": "email"})");
    CHECK(to_source(contact, R"({"id": 1, "name": {"full": "A", "title": "Dr"}, "mail": "m"})", R"({"name": "Ada"})") ==
          R"({"id":1,"name":{"full":"Ada","title":"Dr"},"mail":"m"})");
    CHECK(to_target(contact, R"({"email": "m", "note": 1})", R"({"name": "Ada"})") ==
          R"({"email":"m","note":1,"name":"Ada"})");
}

TEST_CASE("null is written where there is something to clear, and makes nothing new below the top") {
    const auto contact = fields(R"({"externalField": "address.city", "shardField": "city"},
                                   {"externalField": "emails.0.address", "shardField": "email"},
                                   {"externalField": "phone", "shardField": "phone"})");
    CHECK(to_source(contact, R"({"address": {"city": "Bonn", "zip": 1}})", R"({"city": null})") ==
          R"({"address":{"city":null,"zip":1}})");
    CHECK(to_source(contact, "{}", R"({"city": null, "email": null, "phone": null})") == R"({"phone":null})");
    CHECK(to_source(contact, R"({"address": null, "emails": []})", R"({"city": null, "email": null})") ==
          R"({"address":null,"emails":[]})");
}

TEST_CASE("an earlier element of a list is written as null where a later one needs it") {
    const auto contact = fields(R"({"externalField": "phones.1.number", "shardField": "second"},
                                   {"externalField": "phones.0.number", "shardField": "first"})");
    CHECK(to_source(contact, "{}", R"({"first": null, "second": "2"})") ==
          R"({"phones":[{"number":null},{"number":"2"}]})");
    CHECK(to_source(contact, R"({"phones": [{"number": "1"}]})", R"({"first": null, "second": null})") ==
          R"({"phones":[{"number":null}]})");
}

TEST_CASE("list elements are written in their order, whatever the order of the mapping") {
    const auto contact = fields(R"({"externalField": "emails.1", "shardField": "second"},
                                   {"externalField": "emails.0", "shardField": "first"},
                                   {"externalField": "emails.10", "shardField": "eleventh"})");
    CHECK(to_source(contact, "{}", R"({"first": "a", "second": "b"})") == R"({"emails":["a","b"]})");
    const auto gap = contact.write_source({}, contact.from_object(object(R"({"second": "b"})")), {});
    REQUIRE_FALSE(gap.has_value());
    CHECK(gap.error().error.code == ErrorCode::invalid_record);
    CHECK(gap.error().field == "second");
}

TEST_CASE("what stands in the way of a path parks the record") {
    const auto contact = fields(R"({"externalField": "name.full", "shardField": "name"})");
    CHECK(to_source(contact, R"({"name": "Ada"})", R"({"name": "Ada King"})").starts_with("parked: field 'name'"));
}

TEST_CASE("a required field can't be emptied or left out of the external record") {
    const auto contact = fields(R"({"externalField": "mail", "shardField": "email", "required": true},
                                   {"externalField": "name", "shardField": "name"})");
    CHECK(to_source(contact, R"({"mail": "m"})", R"({"email": null})").starts_with("parked: field 'email'"));
    CHECK(to_source(contact, R"({"mail": "m"})", R"({"email": ""})").starts_with("parked"));
    CHECK(to_source(contact, "{}", R"({"name": "Ada"})").starts_with("parked"));
    CHECK(to_source(contact, R"({"mail": "m"})", R"({"name": "Ada"})") == R"({"mail":"m","name":"Ada"})");
}

TEST_CASE("a required field whose external value is blank but means something is no obstacle") {
    const auto contact = fields(
        R"({"externalField": "kind", "shardField": "kind", "values": {"": "none", "P": "person"}, "required": true},
           {"externalField": "level", "shardField": "level", "default": 0, "required": true},
           {"externalField": "name", "shardField": "name"})");
    CHECK(to_source(contact, R"({"kind": "", "level": null})", R"({"name": "Ada"})") ==
          R"({"kind":"","level":null,"name":"Ada"})");
}

TEST_CASE("fields are written only where they flow") {
    const auto contact = fields(R"({"externalField": "a", "shardField": "a", "direction": "inbound"},
                                   {"externalField": "b", "shardField": "b", "direction": "outbound"},
                                   {"shardField": "c", "transform": {"name": "template", "template": "{a}!"}},
                                   {"shardField": "d", "constant": 1})");
    CHECK(to_source(contact, "{}", R"({"a": 1, "b": 2, "c": "3", "d": 4})") == R"({"b":2})");
    CHECK(to_target(contact, "{}", R"({"a": 1, "b": 2, "c": "3", "d": 4})") == R"({"a":1,"c":"3","d":4})");
}

TEST_CASE("a value that would be read as another one is not written") {
    const auto tags = fields(R"({"externalField": "t", "shardField": "t", "transform": "split"})");
    CHECK(to_source(tags, "{}", R"({"t": ["a", "b"]})") == R"({"t":"a,b"})");
    CHECK(to_source(tags, "{}", R"({"t": ["a,b"]})").starts_with("parked"));
    CHECK(to_source(tags, "{}", R"({"t": [""]})").starts_with("parked"));
    const auto number = fields(R"({"externalField": "n", "shardField": "n", "transform": "number_to_string"})");
    CHECK(to_source(number, "{}", R"({"n": "0.1000000000000000000001"})").starts_with("parked"));
    const auto local = fields(R"({"externalField": "t", "shardField": "t",
                                  "transform": {"name": "date_time", "zone": "Europe/Berlin", "format": "%F %H:%M"}})");
    CHECK(to_source(local, "{}", R"({"t": "2026-10-25T00:30:00.000Z"})").starts_with("parked"));
}

TEST_CASE("what is written reads back as what was wanted, through every transform and path") {
    const auto contact = fields(
        R"({"externalField": "n.a", "shardField": "a", "transforms": ["trim", "lowercase"]},
           {"externalField": "n.b", "shardField": "b.c", "transform": {"name": "string_to_number", "decimals": 2}},
           {"externalField": "list.0", "shardField": "d", "transform": {"name": "boolean_to_string", "true": "y", "false": "n"}},
           {"externalField": "list.1", "shardField": "e", "transforms": ["split", "trim", "string_to_number"]},
           {"externalField": "f", "shardField": "f", "values": {"A": 1, "B": 2}, "default": 1},
           {"externalField": "g", "shardField": "g", "unordered": true})");
    CHECK(rc::check([&] {
        const auto any_of = [](std::vector<std::string> texts) { return *rc::gen::elementOf(std::move(texts)); };
        const std::string record = R"({"n": {"a": )" + any_of({R"(" Ada")", R"("x")", "null"}) + R"(, "b": )" +
                                   any_of({R"("1.50")", R"("-7")", "null"}) + R"(}, "list": [)" +
                                   any_of({"true", "false", "null"}) + ", " + any_of({R"("1, 2")", R"("")", "null"}) +
                                   R"(], "f": )" + any_of({R"("A")", R"("B")", "null"}) + R"(, "g": )" +
                                   any_of({"[1,2]", "[]", "null", R"({"x": [0.1]})"}) + "}";
        const auto values = contact.read_source(object(record), {});
        RC_ASSERT(values.has_value());
        for (const std::string_view present : {std::string_view("{}"), std::string_view(record)}) {
            const auto written = contact.write_source(object(present), *values, {});
            RC_ASSERT(written.has_value());
            const auto again = contact.read_source(*written, {});
            RC_ASSERT(again.has_value());
            for (std::size_t i = 0; i < values->size(); ++i)
                // Nothing is made only to hold null: it is absent then, which never erases.
                RC_ASSERT(((*again)[i] ? contact.equal(i, *(*again)[i], *(*values)[i]) : (*values)[i]->is_null()));
        }
        const auto shard = contact.write_target({}, *values);
        RC_ASSERT(shard.has_value());
        const auto normal = contact.read_target(*shard);
        RC_ASSERT(normal.has_value());
        for (std::size_t i = 0; i < values->size(); ++i)
            RC_ASSERT(((*normal)[i] ? contact.equal(i, *(*normal)[i], *(*values)[i]) : (*values)[i]->is_null()));
    }));
}

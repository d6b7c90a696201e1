#include "support.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

TEST_CASE("reading goes through nested paths, in the order of the mapping") {
    const auto contact = fields(R"({"externalField": "name.full", "shardField": "name"},
                                   {"externalField": "emails.0.address", "shardField": "contact.email"})");
    CHECK(from_source(contact, R"({"emails": [{"address": "a@x"}], "name": {"full": "Ada"}, "more": 1})") ==
          R"({"name":"Ada","contact.email":"a@x"})");
    CHECK(from_target(contact, R"({"name": "Ada", "contact": {"email": "a@x", "phone": 1}})") ==
          R"({"name":"Ada","contact.email":"a@x"})");
}

TEST_CASE("absent stays absent, null stays null") {
    const auto contact = fields(R"({"externalField": "a", "shardField": "a", "transform": "trim"},
                                   {"externalField": "b.c", "shardField": "b"})");
    CHECK(from_source(contact, "{}") == "{}");
    CHECK(from_source(contact, R"({"a": null, "b": null})") == R"({"a":null,"b":null})");
    CHECK(from_target(contact, R"({"a": null})") == R"({"a":null})");
}

TEST_CASE("a default stands in for absent and null, on both sides of the comparison") {
    const auto contact = fields(R"({"externalField": "stage", "shardField": "stage", "default": "new"})");
    CHECK(from_source(contact, "{}") == R"({"stage":"new"})");
    CHECK(from_source(contact, R"({"stage": null})") == R"({"stage":"new"})");
    CHECK(from_source(contact, R"({"stage": ""})") == R"({"stage":""})");
    // Null in the shard would come back as the default, so it is the same.
    CHECK(from_target(contact, R"({"stage": null})") == R"({"stage":"new"})");
    CHECK(from_target(contact, "{}") == "{}");
}

TEST_CASE("blank text can be made null, and then the default") {
    const auto contact =
        fields(R"({"externalField": "due", "shardField": "due", "transforms": ["blank_to_null", "date"]},
                  {"externalField": "n", "shardField": "n", "transforms": ["blank_to_null", "string_to_number"], "default": 0})");
    CHECK(from_source(contact, R"({"due": " ", "n": ""})") == R"({"due":null,"n":0})");
    CHECK(from_source(contact, R"({"due": "2026-01-31", "n": "7"})") == R"({"due":"2026-01-31","n":7})");
}

TEST_CASE("a required field parks the record when it is absent, null or empty") {
    const auto contact =
        fields(R"({"externalField": "mail", "shardField": "email", "transform": "trim", "required": true})");
    for (const std::string_view record : {"{}", R"({"mail": null})", R"({"mail": ""})", R"({"mail": "  "})"}) {
        const auto read = contact.read_source(object(record), no_references());
        REQUIRE_FALSE(read.has_value());
        CHECK(read.error().error.code == ErrorCode::invalid_record);
        CHECK(read.error().field == "mail");
        CHECK(read.error().error.message.find("'mail'") != std::string::npos);
    }
    CHECK(from_source(contact, R"({"mail": "a"})") == R"({"email":"a"})");
    const auto with_default =
        fields(R"({"externalField": "mail", "shardField": "email", "default": "none", "required": true})");
    CHECK(from_source(with_default, "{}") == R"({"email":"none"})");
}

TEST_CASE("a constant is there whatever the record holds") {
    const auto contact = fields(R"({"constant": {"source": "crm"}, "shardField": "origin"},
                                   {"constant": null, "shardField": "cleared"})");
    CHECK(from_source(contact, "{}") == R"({"origin":{"source":"crm"},"cleared":null})");
    CHECK_FALSE(contact.fields()[0].to_source);
}

TEST_CASE("transforms run in order towards the shard") {
    const auto contact = fields(R"({"externalField": "tags", "shardField": "tags",
                                    "transforms": [{"name": "split", "separator": ";"}, "trim", "lowercase"]})");
    CHECK(from_source(contact, R"({"tags": "VIP ; New"})") == R"({"tags":["vip","new"]})");
    CHECK(to_source(contact, R"({"tags": "x"})", R"({"tags": ["vip", "old"]})") == R"({"tags":"vip;old"})");
}

TEST_CASE("a value that does not fit parks the record and names the field, not its content") {
    const auto contact = fields(R"({"externalField": "age", "shardField": "age", "transform": "string_to_number"})");
    const auto read = contact.read_source(object(R"({"age": "secret-42"})"), no_references());
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().field == "age");
    CHECK(read.error().error.message.find("'age'") != std::string::npos);
    CHECK(read.error().error.message.find("secret") == std::string::npos);
}

TEST_CASE("value tables map both ways, and an unknown value parks the record") {
    const auto contact =
        fields(R"({"externalField": "status", "shardField": "status", "values": {"A": "active", "I": "inactive"}})");
    CHECK(from_source(contact, R"({"status": "A"})") == R"({"status":"active"})");
    CHECK(from_source(contact, R"({"status": null})") == R"({"status":null})");
    CHECK(from_source(contact, R"({"status": ["A", "I"]})") == R"({"status":["active","inactive"]})");
    const auto unknown = contact.read_source(object(R"({"status": "X"})"), no_references());
    REQUIRE_FALSE(unknown.has_value());
    CHECK(unknown.error().error.code == ErrorCode::invalid_record);
    CHECK(unknown.error().error.message.find(R"("X")") != std::string::npos);
    CHECK(to_source(contact, "{}", R"({"status": "inactive"})") == R"({"status":"I"})");
    CHECK(to_source(contact, "{}", R"({"status": "gone"})").starts_with("parked"));
    CHECK(from_target(contact, R"({"status": "gone"})").starts_with("parked"));
}

TEST_CASE("a table may hold any values: numbers by value, lists, null") {
    const auto contact = fields(R"({"externalField": "a", "shardField": "a",
        "values": [{"external": 1, "shard": true}, {"external": 0, "shard": false}, {"external": null, "shard": "unknown"}]})");
    CHECK(from_source(contact, R"({"a": 1.0})") == R"({"a":true})");
    CHECK(from_source(contact, R"({"a": "1"})").starts_with("parked"));
    CHECK(from_source(contact, R"({"a": null})") == R"({"a":"unknown"})");
    CHECK(from_source(contact, "{}") == "{}");
    CHECK(to_source(contact, R"({"a": 1})", R"({"a": "unknown"})") == R"({"a":null})");
}

TEST_CASE(
    "a table that gives one shard value for several flows inbound only, and keeps the shard's values as they are") {
    auto compiled =
        compile(R"("fieldMappings": [{"externalField": "s", "shardField": "s", "values": {"A": "x", "B": "x"}}])");
    REQUIRE(compiled.mapping.has_value());
    CHECK(notes(compiled.faults, "fieldMappings[0].values", "inbound only"));
    CHECK_FALSE(compiled.mapping->fields()[0].to_source);
    CHECK(from_target(*compiled.mapping, R"({"s": "anything"})") == R"({"s":"anything"})");
    compiled = compile(
        R"("fieldMappings": [{"externalField": "s", "shardField": "s", "values": {"A": "x", "B": "x", "C": "y"}}])");
    REQUIRE(compiled.mapping.has_value());
    CHECK_FALSE(compiled.mapping->fields()[0].to_source);
}

TEST_CASE("the shard's values are read in normal form, so that equal ones compare as equal") {
    const auto contact = fields(
        R"({"externalField": "mail", "shardField": "email", "transforms": ["trim", "lowercase"]},
           {"externalField": "price", "shardField": "price", "transform": {"name": "round", "decimals": 2}},
           {"externalField": "at", "shardField": "at", "transform": {"name": "date_time", "zone": "Europe/Berlin"}})");
    CHECK(from_target(contact, R"({"email": " Ada@X ", "price": 1.005, "at": "2026-01-31T10:00:00+01:00"})") ==
          R"({"email":"ada@x","price":1.01,"at":"2026-01-31T09:00:00.000Z"})");
}

TEST_CASE("a shard value that can't be written back parks the record, unless its field never flows there") {
    const std::string field = R"({"externalField": "n", "shardField": "n", "transform": "number_to_string")";
    CHECK(from_target(fields(field + "}"), R"({"n": "no number"})").starts_with("parked: field 'n'"));
    CHECK(from_target(fields(field + R"(, "direction": "inbound"})"), R"({"n": "no number"})") ==
          R"({"n":"no number"})");
    CHECK(from_target(fields(field + "}", Direction::inbound), R"({"n": "no number"})") == R"({"n":"no number"})");
}

TEST_CASE("an external value that can't be read is absent where its field never flows to the shard") {
    const std::string field = R"({"externalField": "n", "shardField": "n", "transform": "string_to_number")";
    CHECK(from_source(fields(field + "}"), R"({"n": "x"})").starts_with("parked"));
    CHECK(from_source(fields(field + R"(, "direction": "outbound"})"), R"({"n": "x"})") == "{}");
    CHECK(from_source(fields(field + R"(, "direction": "outbound"})"), R"({"n": "7"})") == R"({"n":7})");
}

TEST_CASE("numbers keep every digit on their way") {
    const auto contact = fields(R"({"externalField": "a", "shardField": "a"})");
    for (const std::string_view number :
         {"9223372036854775807", "18446744073709551615", "-9223372036854775808", "0.1", "123456789.125", "5e-324"}) {
        const std::string record = R"({"a":)" + std::string(number) + "}";
        CHECK(from_source(contact, record) == record);
        CHECK(to_source(contact, "{}", record) == record);
    }
}

TEST_CASE("unordered lists are equal as multisets where the mapping says so") {
    const auto contact = fields(R"({"externalField": "a", "shardField": "a", "unordered": true},
                                   {"externalField": "b", "shardField": "b"})");
    CHECK(contact.equal(0, value(R"(["x", "y", "y"])"), value(R"(["y", "x", "y"])")));
    CHECK_FALSE(contact.equal(0, value(R"(["x", "y", "y"])"), value(R"(["y", "x", "x"])")));
    CHECK_FALSE(contact.equal(1, value(R"(["x", "y"])"), value(R"(["y", "x"])")));
    CHECK(contact.equal(1, value("1"), value("1.0")));
}

TEST_CASE("a match key is one text for one combination, and none where something is missing") {
    const auto contact = mapping(R"("matchKeys": ["email", "n", "tags"], "fieldMappings": [
        {"externalField": "tags", "shardField": "tags", "unordered": true},
        {"externalField": "mail", "shardField": "email", "transform": "lowercase"},
        {"externalField": "n", "shardField": "n"}])");
    const auto key = [&](std::string_view record) {
        return contact.match_key(*contact.read_source(object(record), {}));
    };
    const auto ada = key(R"({"mail": "Ada@X", "n": 1, "tags": ["a", "b"]})");
    REQUIRE(ada.has_value());
    CHECK(ada == key(R"({"mail": "ada@x", "n": 1.0, "tags": ["b", "a"]})"));
    CHECK(ada != key(R"({"mail": "ada@x", "n": 2, "tags": ["a", "b"]})"));
    CHECK(ada != key(R"({"mail": "ada@x", "n": "1", "tags": ["a", "b"]})"));
    for (const std::string_view record :
         {R"({"n": 1, "tags": []})", R"({"mail": null, "n": 1, "tags": []})", R"({"mail": "", "n": 1, "tags": []})"})
        CHECK_FALSE(key(record).has_value());
    CHECK_FALSE(fields(R"({"externalField": "a", "shardField": "a"})").match_key({value("1")}).has_value());
}

TEST_CASE("values and objects by shard field are the same thing") {
    const auto contact =
        fields(R"({"externalField": "a", "shardField": "x.y"}, {"externalField": "b", "shardField": "z"})");
    const auto values = contact.from_object(object(R"({"x.y": null, "other": 1})"));
    REQUIRE(values.size() == 2);
    CHECK(values[0] == json::value(nullptr));
    CHECK_FALSE(values[1].has_value());
    CHECK(to_json(contact.to_object(values)) == R"({"x.y":null})");
}

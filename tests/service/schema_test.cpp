#include "configuration/schema.hpp"

#include <castiel_sync/json.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace castiel_sync;
using namespace castiel_sync::service;

namespace {

json::value parsed(std::string_view text) {
    auto value = parse_json(text);
    REQUIRE_MESSAGE(value.has_value(), value.error().message);
    return std::move(*value);
}

std::string told(const std::vector<ConfigurationFault>& faults) {
    std::string text;
    for (const ConfigurationFault& fault : faults)
        text += fault.path + ": " + fault.message + "\n";
    return text;
}

} // namespace

TEST_CASE("Every keyword that a schema may use has a sentence of its own") {
    struct Case {
        const char* schema;
        const char* value;
        const char* sentence;
    };
    for (const Case& each : {
             Case{R"({"type": ["string", "null"]})", "1", ": must be text or empty, is a number\n"},
             Case{R"({"type": "integer"})", "1.5", ": must be a whole number, is a number with a fraction\n"},
             Case{R"({"enum": ["a", "b"]})", R"("c")", ": must be a or b, is c\n"},
             Case{R"({"minimum": 1})", "0", ": must be at least 1, is 0\n"},
             Case{R"({"maximum": 1})", "2", ": must be at most 1, is 2\n"},
             Case{R"({"minLength": 1})", R"("")", ": must not be empty\n"},
             Case{R"({"minLength": 3})", R"("äö")", ": must have at least 3 characters\n"},
             Case{R"({"maxLength": 2})", R"("äöü")", ": must have at most 2 characters\n"},
             Case{R"({"pattern": "^a$", "maxLength": 9})", R"("b")", ": must match \"^a$\"\n"},
             Case{R"({"pattern": "^a$", "maxLength": 9, "title": "an a"})", R"("b")", ": must be an a, is b\n"},
             Case{R"({"minItems": 1})", "[]", ": must have at least 1 elements\n"},
             Case{R"({"maxItems": 1})", "[1, 2]", ": must have at most 1 elements\n"},
             Case{R"({"items": {"type": "string"}})", R"(["a", true])", "[1]: must be text, is true or false\n"},
             Case{R"({"minProperties": 1})", "{}", ": must have at least 1 keys\n"},
             Case{R"({"maxProperties": 1})", R"({"a": 1, "b": 2})", ": must have at most 1 keys\n"},
             Case{R"({"required": ["a"]})", "{}", "a: is missing\n"},
             Case{R"({"additionalProperties": false})", R"({"b": 1})", "b: is not a known key; here may be none\n"},
             Case{R"({"additionalProperties": false, "properties": {"a": {}}})", R"({"b": 1})",
                  "b: is not a known key; here may be a\n"},
             Case{R"({"additionalProperties": {"type": "string"}})", R"({"b": 1})",
                  "b: must be text, is a number; put it in quotes\n"},
         }) {
        const CompiledSchema schema(parsed(each.schema));
        CHECK_MESSAGE(schema.faults().empty(), told(schema.faults()));
        CHECK(told(schema.validate(parsed(each.value))) == each.sentence);
    }
}

TEST_CASE("A reference is followed by the check and by the explanation") {
    const json::value document = parsed(R"({"components": {"schemas": {
        "Name": {"type": "string", "minLength": 2},
        "Person": {"type": "object", "properties": {"name": {"$ref": "#/components/schemas/Name"}}}}}})");
    const CompiledSchema schema(
        parsed(R"({"type": "array", "items": {"$ref": "#/components/schemas/Person", "description": "one"}})"),
        document);
    CHECK_MESSAGE(schema.faults().empty(), told(schema.faults()));
    CHECK(schema.validate(parsed(R"([{"name": "Ada"}])")).empty());
    CHECK(told(schema.validate(parsed(R"([{"name": "Ada"}, {"name": "A"}, {"name": 1}])"))) ==
          "[1].name: must have at least 2 characters\n[2].name: must be text, is a number; put it in quotes\n");
}

TEST_CASE("What nothing would check is a fault of the schema") {
    const json::value document = parsed(R"({"components": {"schemas": {
        "Tree": {"properties": {"below": {"$ref": "#/components/schemas/Tree"}}}}}})");
    struct Case {
        const char* schema;
        const char* fault;
    };
    for (const Case& each : {
             Case{R"({"properties": {"a": {"minLenght": 1}}})",
                  "properties.a.minLenght: is a keyword that is not checked or not explained here\n"},
             Case{R"({"unevaluatedProperties": false})",
                  "unevaluatedProperties: is a keyword that is not checked or not explained here\n"},
             Case{R"({"type": "string", "format": "uuid"})",
                  "format: is a keyword that is not checked or not explained here\n"},
             Case{R"({"items": [{"type": "string"}]})", "items: must be one schema\n"},
             Case{R"({"pattern": "^a*$"})", "pattern: needs a maxLength of at most 1024 beside it\n"},
             Case{R"({"$ref": "#/components/schemas/None"})", "$ref: leads nowhere: \"#/components/schemas/None\"\n"},
             Case{R"({"$ref": "#/components/schemas/Tree"})",
                  "properties.below.$ref: leads into itself: #/components/schemas/Tree\n"},
             Case{R"({"$ref": "#/components/schemas/Tree", "minProperties": 1})",
                  "properties.below.$ref: leads into itself: #/components/schemas/Tree\n"
                  "minProperties: stands beside a $ref, where it is not checked\n"},
         })
        CHECK(told(CompiledSchema(parsed(each.schema), document).faults()) == each.fault);
}

TEST_CASE("A keyword that is only checked keeps the checker's words") {
    const CompiledSchema schema(parsed(R"({"properties": {"a": {"oneOf": [{"type": "string"}, {"type": "null"}]}}})"));
    CHECK_FALSE(schema.faults().empty());
    CHECK(schema.validate(parsed(R"({"a": "text"})")).empty());
    const auto faults = schema.validate(parsed(R"({"a": 1})"));
    REQUIRE(faults.size() == 1);
    CHECK(faults.front().path == "a");
    CHECK(faults.front().message.starts_with("is not allowed: "));
}

TEST_CASE("Many faults and long texts stay within bounds") {
    const CompiledSchema schema(
        parsed(R"({"items": {"type": "string", "pattern": "^(a|b)*$", "maxLength": 100, "enum": ["a"]}})"));
    json::array many(100'000, json::value(1));
    CHECK(schema.validate(many, 7).size() == 7);
    // std::regex would recurse once for each character.
    const auto faults = schema.validate(json::array{std::string(4'000'000, 'a')});
    REQUIRE(faults.size() == 2);
    for (const ConfigurationFault& fault : faults)
        CHECK(fault.message.size() < 200);
    const CompiledSchema closed(parsed(R"({"additionalProperties": false})"));
    json::object unknown;
    unknown.emplace(std::string(1'000'000, 'x'), 1);
    CHECK(closed.validate(unknown).front().path.size() < 200);
}

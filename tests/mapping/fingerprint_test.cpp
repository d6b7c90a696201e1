#include "support.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

namespace {

std::string of(std::string_view list) { return fields(list).fingerprint(); }

constexpr std::string_view plain =
    R"({"externalField": "a", "shardField": "a", "transform": "trim"}, {"externalField": "b", "shardField": "b"})";

} // namespace

TEST_CASE("the fingerprint is the same as long as stored values mean the same") {
    const std::string fingerprint = of(plain);
    CHECK(fingerprint.size() == 32);
    CHECK(fingerprint.find_first_not_of("0123456789abcdef") == std::string::npos);
    // The order of fields, the spelling, and what only decides who wins or where values flow.
    CHECK(
        of(R"({"externalField": "b", "shardField": "b"}, {"externalField": "a", "shardField": "a", "transforms": ["trim"]})") ==
        fingerprint);
    CHECK(of(R"({"externalFieldName": "a", "internalFieldName": "a", "transform": {"name": "trim"}, "strategy": "max",
                 "required": true, "direction": "inbound"}, {"externalField": "b", "shardField": "b"})") ==
          fingerprint);
    CHECK(fields(plain, Direction::inbound).fingerprint() == fingerprint);
    CHECK(
        mapping(
            R"("matchKeys": ["a"], "filters": [{"field": "x", "operator": "equals", "value": 1}], "fieldMappings": [)" +
            std::string(plain) + "]")
            .fingerprint() == fingerprint);
    // An option that is given as its default.
    CHECK(of(R"({"externalField": "a", "shardField": "a", "transform": "round"})") ==
          of(R"({"externalField": "a", "shardField": "a", "transform": {"name": "round", "decimals": 0}})"));
    CHECK(of(R"({"externalField": "a", "shardField": "a", "values": {"A": 1, "B": 2}})") ==
          of(R"({"externalField": "a", "shardField": "a", "values": {"B": 2, "A": 1}})"));
}

TEST_CASE("the fingerprint changes with everything that gives stored values another meaning") {
    std::vector<std::string> all{of(plain)};
    for (
        const std::string_view list : {
            R"({"externalField": "a", "shardField": "a", "transform": "trim"})",
            R"({"externalField": "a", "shardField": "a", "transform": "lowercase"}, {"externalField": "b", "shardField": "b"})",
            R"({"externalField": "a", "shardField": "a", "transforms": ["trim", "lowercase"]}, {"externalField": "b", "shardField": "b"})",
            R"({"externalField": "x", "shardField": "a", "transform": "trim"}, {"externalField": "b", "shardField": "b"})",
            R"({"externalField": "a", "shardField": "x", "transform": "trim"}, {"externalField": "b", "shardField": "b"})",
            R"({"externalField": "a", "shardField": "a", "transform": {"name": "round", "decimals": 1}})",
            R"({"externalField": "a", "shardField": "a", "transform": {"name": "round", "decimals": 2}})",
            R"({"externalField": "a", "shardField": "a", "values": {"A": 1}})",
            R"({"externalField": "a", "shardField": "a", "values": {"A": 2}})",
            R"({"externalField": "a", "shardField": "a", "reference": "companies"})",
            R"({"externalField": "a", "shardField": "a", "unordered": true})",
            R"({"externalField": "a", "shardField": "a", "default": 1})",
            R"({"externalField": "a", "shardField": "a", "default": 2})",
            R"({"constant": 1, "shardField": "a"})",
            R"({"shardField": "a", "transform": {"name": "template", "template": "{a}"}})",
            R"({"shardField": "a", "transform": {"name": "template", "template": "{b}"}})",
        })
        all.push_back(of(list));
    std::sort(all.begin(), all.end());
    CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_CASE("the fingerprint is the same on every machine and in every version") {
    // Streams keep it: a change here asks every user for a re-baseline.
    CHECK(of(R"({"externalField": "mail", "shardField": "email", "transform": "lowercase"})") ==
          "78f0464e8dac9a83734d89829fe1316f");
}

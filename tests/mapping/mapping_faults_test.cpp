// What the compiler of mappings refuses or says, each with its place.
#include "support.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

namespace {

std::vector<ConfigurationFault> faults_of(std::string_view list, Direction direction = Direction::bidirectional) {
    auto compiled = compile("\"fieldMappings\": [" + std::string(list) + "]", direction);
    const bool usable = std::all_of(compiled.faults.begin(), compiled.faults.end(),
                                    [](const ConfigurationFault& fault) { return fault.notice; });
    CHECK(compiled.mapping.has_value() == usable);
    return compiled.faults;
}

} // namespace

TEST_CASE("a transform without inverse makes its field one-way, and that is said") {
    const auto faults = faults_of(
        R"({"externalField": "a", "shardField": "a", "transform": {"name": "join", "lossy": true}},
           {"shardField": "b", "transform": {"name": "template", "template": "{x} {y}"}},
           {"shardField": "c", "constant": 1},
           {"externalField": "d", "shardField": "d", "values": {"A": 1, "B": 1}},
           {"externalField": "e", "shardField": "e", "transforms": ["trim", {"name": "join", "lossy": true}]})");
    INFO(describe(faults));
    CHECK(faults.size() == 5);
    CHECK(notes(faults, "fieldMappings[0].transform", "'a' flows inbound only: a transform of it has no inverse"));
    CHECK(notes(faults, "fieldMappings[1].transform", "'b' flows inbound only: a template has no inverse"));
    CHECK(notes(faults, "fieldMappings[2].constant", "'c' flows inbound only"));
    CHECK(notes(faults, "fieldMappings[3].values", "'d' flows inbound only"));
    CHECK(notes(faults, "fieldMappings[4].transforms", "'e' flows inbound only"));
}

TEST_CASE("where nothing would flow back anyway, nothing is said") {
    const std::string_view field = R"({"shardField": "b", "transform": {"name": "template", "template": "{x}"}})";
    CHECK(faults_of(field, Direction::inbound).empty());
    CHECK(faults_of(R"({"shardField": "b", "constant": 1, "direction": "inbound"})").empty());
    CHECK(faults_of(R"({"externalField": "a", "shardField": "a", "transforms": ["trim", "lowercase", "uppercase"]})")
              .empty());
}

TEST_CASE("a field that flows nowhere is said, and one that can't flow as told is refused") {
    const std::string one_way = R"({"shardField": "b", "transform": {"name": "template", "template": "{x}"})";
    CHECK(notes(faults_of(one_way + "}", Direction::outbound), "fieldMappings[0]", "flows nowhere"));
    CHECK(notes(faults_of(R"({"externalField": "a", "shardField": "a", "direction": "inbound"})", Direction::outbound),
                "fieldMappings[0]", "flows nowhere"));
    CHECK(tells(faults_of(one_way + R"(, "direction": "outbound"})"), "fieldMappings[0].direction",
                "can't flow outbound"));
}

TEST_CASE("one place may be written by one field only") {
    const auto faults = faults_of(
        R"({"externalField": "a", "shardField": "x"}, {"externalField": "b", "shardField": "x"},
           {"externalField": "c", "shardField": "y.z"}, {"externalField": "d", "shardField": "y"},
           {"externalField": "a", "shardField": "p"}, {"externalField": "c.e", "shardField": "q"},
           {"externalField": "yy", "shardField": "yy"})");
    INFO(describe(faults));
    CHECK(tells(faults, "fieldMappings[1].shardField", "is mapped by fieldMappings[0] already"));
    CHECK(tells(faults, "fieldMappings[3].shardField", "overlaps with that of fieldMappings[2]"));
    CHECK(tells(faults, "fieldMappings[4].externalField", "is mapped by fieldMappings[0] already"));
    CHECK(tells(faults, "fieldMappings[5].externalField", "overlaps with that of fieldMappings[2]"));
    CHECK(faults.size() == 4);
}

TEST_CASE("an external field may be read by many, if one at most writes it") {
    CHECK(
        faults_of(
            R"({"externalField": "a", "shardField": "x"}, {"externalField": "a", "shardField": "y", "direction": "inbound"},
                       {"externalField": "a.b", "shardField": "z", "direction": "inbound"})")
            .empty());
    CHECK(faults_of(R"({"externalField": "a", "shardField": "x"}, {"externalField": "a", "shardField": "y"})",
                    Direction::inbound)
              .empty());
}

TEST_CASE("paths and names are checked") {
    const auto faults = faults_of(R"({"externalField": "a..b", "shardField": "x"}, {"externalField": "a"},
                                     {"shardField": "y"}, {"externalField": "a", "shardField": "z."})");
    INFO(describe(faults));
    CHECK(tells(faults, "fieldMappings[0].externalField", "a name is empty"));
    CHECK(tells(faults, "fieldMappings[1].shardField", "it is empty"));
    CHECK(tells(faults, "fieldMappings[2].externalField", "it is empty"));
    CHECK(tells(faults, "fieldMappings[3].shardField", "a name is empty"));
    const auto nameless = Mapping::compile(EntityMapping(), Direction::inbound);
    CHECK_FALSE(nameless.mapping.has_value());
    CHECK(tells(nameless.faults, "externalEntity", "is missing"));
    CHECK(tells(nameless.faults, "shardTypeId", "is missing"));
    CHECK(tells(nameless.faults, "fieldMappings", "is empty"));
}

TEST_CASE("steps must fit together") {
    const auto faults = faults_of(
        R"({"externalField": "a", "shardField": "a", "transforms": ["string_to_number", "lowercase"]},
           {"externalField": "b", "shardField": "b", "transforms": ["trim", {"name": "template", "template": "{x}"}]},
           {"externalField": "c", "shardField": "c", "transforms": ["split", "split"]},
           {"shardField": "d", "transforms": [{"name": "template", "template": "{x}"}, "join"]},
           {"externalField": "e", "shardField": "e", "transforms": ["lowercase", {"name": "string_to_boolean", "true": "Yes", "false": "no"}]},
           {"externalField": "f", "shardField": "f", "transforms": ["lowercase", {"name": "split", "separator": "X"}]},
           {"externalField": "g", "shardField": "g", "transform": "lowercase", "values": {"Active": 1, "old": 2}},
           {"externalField": "h", "shardField": "h", "transform": "string_to_number", "values": {"1": "one"}},
           {"externalField": "i", "shardField": "i", "transforms": ["split", "trim", "string_to_number", {"name": "round"}]})");
    INFO(describe(faults));
    CHECK(tells(faults, "fieldMappings[0].transforms[1]",
                "lowercase expects text, and the step before it gives a number"));
    CHECK(tells(faults, "fieldMappings[1].transforms[1]", "make it the first step"));
    CHECK(tells(faults, "fieldMappings[2].transforms[1]", "there is a list before it"));
    CHECK(tells(faults, "fieldMappings[3].transforms[1]", "there is text before it"));
    CHECK(tells(faults, "fieldMappings[4].transforms[1]", "'Yes' never comes here"));
    CHECK(tells(faults, "fieldMappings[5].transforms[1]", "never comes here"));
    CHECK(tells(faults, "fieldMappings[6].values[0]", "\"Active\" never comes here"));
    CHECK(tells(faults, "fieldMappings[7].values[0]", "never comes here"));
    CHECK_FALSE(std::any_of(faults.begin(), faults.end(), [](const ConfigurationFault& fault) {
        return fault.path.starts_with("fieldMappings[8]");
    }));
}

TEST_CASE("templates, constants, tables, references and defaults exclude or check each other") {
    const auto faults = faults_of(
        R"({"externalField": "a", "shardField": "a", "transform": {"name": "template", "template": "{x}"}},
           {"shardField": "b", "transform": {"name": "template", "template": "{x"}},
           {"shardField": "c", "transform": "template"},
           {"externalField": "d", "shardField": "d", "constant": 1, "transform": "trim", "default": 2},
           {"externalField": "e", "shardField": "e", "values": {"A": 1}, "reference": "companies"},
           {"externalField": "f", "shardField": "f", "values": [{"external": 1, "shard": 1}, {"external": 1.0, "shard": 2}]},
           {"externalField": "g", "shardField": "g", "transform": "lowercase", "default": "None"},
           {"externalField": "h", "shardField": "h", "values": {"A": "x"}, "default": "y"},
           {"externalField": "i", "shardField": "i", "values": {"A": "x"}, "default": "x"},
           {"externalField": "j", "shardField": "j", "transform": "date", "default": "soon", "direction": "inbound"})");
    INFO(describe(faults));
    CHECK(tells(faults, "fieldMappings[0].externalField", "is not read with a template"));
    CHECK(tells(faults, "fieldMappings[1].transform.template", "a brace is not closed"));
    CHECK(tells(faults, "fieldMappings[2].transform.template", "is missing"));
    CHECK(tells(faults, "fieldMappings[3].externalField", "not used with a constant"));
    CHECK(tells(faults, "fieldMappings[3].transform", "not used with a constant"));
    CHECK(tells(faults, "fieldMappings[3].default", "not used with a constant"));
    CHECK(tells(faults, "fieldMappings[4].values", "remove one of them"));
    CHECK(tells(faults, "fieldMappings[5].values[1]", "stands in row 0 already"));
    CHECK(tells(faults, "fieldMappings[6].default", "as \"none\""));
    CHECK(tells(faults, "fieldMappings[7].default", "can't be written"));
    for (const std::string_view fine : {"fieldMappings[8].default", "fieldMappings[9].default"})
        CHECK(fault_at(faults, fine) == nullptr);
}

TEST_CASE("match keys are mapped shard fields, and tell records apart") {
    const auto faults_with = [](std::string_view keys, std::string_view list) {
        return compile("\"matchKeys\": " + std::string(keys) + ", \"fieldMappings\": [" + std::string(list) + "]")
            .faults;
    };
    const std::string_view field =
        R"({"externalField": "mail", "shardField": "email"}, {"shardField": "origin", "constant": 1, "direction": "inbound"})";
    CHECK(faults_with(R"(["email", "origin"])", field).empty());
    CHECK(
        tells(faults_with(R"(["mail"])", field), "matchKeys[0]", "'mail' is not the shardField of any field mapping"));
    CHECK(tells(faults_with(R"(["email", "email"])", field), "matchKeys[1]", "named twice"));
    CHECK(tells(faults_with(R"(["origin"])", field), "matchKeys", "constants"));
}

TEST_CASE("strategies must fit where they stand") {
    const auto record = [](std::string_view members) {
        return compile(std::string(members) + R"(, "fieldMappings": [{"externalField": "a", "shardField": "a"}])")
            .faults;
    };
    CHECK(tells(record(R"("conflictResolution": "union")"), "conflictResolution", "is for single fields"));
    CHECK(tells(record(R"("initialStrategy": "max")"), "initialStrategy", "is for single fields"));
    CHECK(tells(record(R"("conflictResolution": "custom")"), "customStrategy", "is missing"));
    CHECK(tells(record(R"("conflictResolution": "merge", "customStrategy": "mine")"), "customStrategy", "custom only"));
    CHECK(tells(record(R"("conflictResolution": "newest_wins", "tieBreak": "newest_wins")"), "tieBreak",
                "can't break a tie"));
    CHECK(record(R"("conflictResolution": "custom", "customStrategy": "mine")").empty());
    CHECK(record(R"("conflictResolution": "newest_wins", "tieBreak": "source_wins")").empty());
    const auto faults = faults_of(R"({"externalField": "a", "shardField": "a", "strategy": "merge"},
                                     {"externalField": "b", "shardField": "b", "strategy": "custom"},
                                     {"externalField": "c", "shardField": "c", "customStrategy": "mine"})");
    CHECK(tells(faults, "fieldMappings[0].strategy", "merge is for records"));
    CHECK(tells(faults, "fieldMappings[1].customStrategy", "is missing"));
    CHECK(tells(faults, "fieldMappings[2].customStrategy", "strategy custom only"));
}

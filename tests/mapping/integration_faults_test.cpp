// parse_integration: every class of fault, with its key path and what to do.
#include "support.hpp"

#include <castiel_sync/integration.hpp>

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

namespace {

using Faults = std::vector<ConfigurationFault>;

Faults faults_of(std::string_view document, bool strict = true) {
    auto parsed = parse_integration(value(document), strict);
    CHECK_FALSE(parsed.integration.has_value());
    return parsed.faults;
}

Faults config_faults(std::string_view members) {
    return faults_of(
        R"({"id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001",
                         "providerName": "jsonl", "syncConfig": {)" +
        std::string(members) + "}}");
}

constexpr std::string_view mapping_start =
    R"({"shardTypeId": "t", "fieldMappings": [{"externalField": "a", "shardField": "a")";

// An entity mapping with one field `a`, and more about the field and about the mapping.
std::string entity(std::string_view name, std::string_view field_members = "", std::string_view members = "") {
    std::string text(mapping_start);
    if (!field_members.empty()) text.append(", ").append(field_members);
    text += R"(}], "externalEntity": ")" + std::string(name) + "\"";
    if (!members.empty()) text.append(", ").append(members);
    return text + "}";
}

Faults mapping_faults(std::string_view mappings) {
    return config_faults("\"entityMappings\": [" + std::string(mappings) + "]");
}

} // namespace

TEST_CASE("identity: UUIDs and an adapter") {
    const auto missing = faults_of("{}");
    CHECK(tells(missing, "id", "is missing"));
    CHECK(tells(missing, "tenantId", "is missing"));
    CHECK(tells(missing, "providerName", "name the adapter"));
    const auto wrong = faults_of(R"({"id": "crm", "tenantId": 7, "providerName": ""})");
    CHECK(tells(wrong, "id", "'crm' is not a UUID"));
    CHECK(tells(wrong, "tenantId", "must be text, is a number"));
    CHECK(tells(wrong, "providerName", "is missing"));
    CHECK(tells(faults_of("[]"), "", "must be an object, is a list"));
}

TEST_CASE("a rate limit of nothing, of something else, or with a word that nobody knows") {
    const auto faults = faults_of(R"({"rateLimit": {"requestsPerMinute": 9, "requestsPerHour": "many", "perDay": 5}})");
    CHECK(tells(faults, "rateLimit.requestsPerMinute", "from 10 to"));
    CHECK(tells(faults, "rateLimit.requestsPerHour", "whole number"));
    CHECK(tells(faults, "rateLimit.perDay", "is not a key of rateLimit"));
    CHECK(tells(faults_of(R"({"rateLimit": 100})"), "rateLimit", "must be an object"));
}

TEST_CASE("wrong types, unknown words and values out of range") {
    const auto faults = config_faults(R"("syncEnabled": "yes", "syncDirection": "both", "conflictResolution": "theirs",
        "deleteConflictResolution": "merge", "newestWinsToleranceMs": -1, "maxRecordsPerSync": 0, "propagateDeletions": 1,
        "syncFrequency": {"type": "hourly", "intervalMinutes": 1.5, "timeZone": "Mars/Olympus"},
        "rails": {"maxDeletes": -1, "maxDeleteShare": 25, "maxUpdateShare": "half", "maxPingPong": 0, "stopOnEmptySide": null},
        "pullFilters": {"a..b": 1}, "entityMappings": {})");
    INFO(describe(faults));
    CHECK(tells(faults, "syncConfig.syncEnabled", "must be true or false, is text"));
    CHECK(
        tells(faults, "syncConfig.syncDirection", "'both' is not known; use one of: inbound, outbound, bidirectional"));
    CHECK(tells(faults, "syncConfig.conflictResolution",
                "use one of: source_wins, target_wins, newest_wins, merge, manual"));
    CHECK(tells(faults, "syncConfig.deleteConflictResolution",
                "use one of: source_wins, target_wins, update_wins, delete_wins, unlink, manual"));
    CHECK(tells(faults, "syncConfig.newestWinsToleranceMs", "from 0 to"));
    CHECK(tells(faults, "syncConfig.maxRecordsPerSync", "from 1 to"));
    CHECK(tells(faults, "syncConfig.propagateDeletions", "must be true or false, is a number"));
    CHECK(tells(faults, "syncConfig.syncFrequency.type", "use one of: manual, interval, cron"));
    CHECK(tells(faults, "syncConfig.syncFrequency.intervalMinutes", "whole number"));
    CHECK(tells(faults, "syncConfig.syncFrequency.timeZone", "no time zone 'Mars/Olympus'"));
    CHECK(tells(faults, "syncConfig.rails.maxDeletes", "from 0 to"));
    CHECK(tells(faults, "syncConfig.rails.maxDeleteShare", "from 0 to 1"));
    CHECK(tells(faults, "syncConfig.rails.maxUpdateShare", "must be a number from 0 to 1, is text"));
    CHECK(tells(faults, "syncConfig.rails.maxPingPong", "from 1 to"));
    CHECK(tells(faults, "syncConfig.pullFilters.a..b", "not a path"));
    CHECK(tells(faults, "syncConfig.entityMappings", "must be a list, is an object"));
    CHECK(faults.size() == 16);
}

TEST_CASE("unknown keys at every level, with the one that was meant") {
    const auto faults =
        config_faults(R"("syncEnable": true, "rails": {"maxDelete": 1}, "syncFrequency": {"type": "manual", "tz": 1},
        "writeBack": {"enabled": true, "types": []},
        "entityMappings": [{"externalEntity": "a", "shardTypeId": "t", "matchkeys": [], "fieldMapping": [], "fieldMappings": [
            {"externalField": "a", "shardField": "a", "requird": true, "code": "x"}]}])");
    INFO(describe(faults));
    CHECK(tells(faults, "syncConfig.syncEnable", "did you mean 'syncEnabled'?"));
    CHECK(tells(faults, "syncConfig.rails.maxDelete", "did you mean 'maxDeletes'?"));
    CHECK(tells(faults, "syncConfig.syncFrequency.tz", "use one of: type"));
    CHECK(tells(faults, "syncConfig.writeBack.types", "is not a key of writeBack"));
    CHECK(tells(faults, "syncConfig.entityMappings[0].matchkeys", "did you mean 'matchKeys'?"));
    CHECK(tells(faults, "syncConfig.entityMappings[0].fieldMapping", "did you mean 'fieldMappings'?"));
    CHECK(tells(faults, "syncConfig.entityMappings[0].fieldMappings[0].requird", "did you mean 'required'?"));
    CHECK(tells(faults, "syncConfig.entityMappings[0].fieldMappings[0].code", "is not a key of a field mapping"));
    CHECK(faults.size() == 8);
}

TEST_CASE("cron needs an expression that can be read and fires") {
    CHECK(tells(config_faults(R"("syncFrequency": {"type": "cron", "cronExpression": "0 6 * *"})"),
                "syncConfig.syncFrequency.cronExpression", "five fields"));
    CHECK(tells(config_faults(R"("syncFrequency": {"type": "cron"})"), "syncConfig.syncFrequency.cronExpression",
                "five fields"));
    CHECK(tells(config_faults(R"("syncFrequency": {})"), "syncConfig.syncFrequency.type", "is missing"));
    CHECK(tells(config_faults(R"("syncFrequency": {"type": "cron", "cronExpression": "0 25 * * *"})"),
                "syncConfig.syncFrequency.cronExpression", "'25' in the field hour"));
    CHECK(tells(config_faults(R"("syncFrequency": {"type": "cron", "cronExpression": "0 6 31 2 *"})"),
                "syncConfig.syncFrequency.cronExpression", "never fires"));
    CHECK(tells(config_faults(R"("syncFrequency": {"type": "cron", "cronExpression": "@daily", "timezone": "Berlin"})"),
                "syncConfig.syncFrequency.timezone", "no time zone 'Berlin'"));
    const auto unused =
        config_faults(R"("syncEnabled": 1, "syncFrequency": {"type": "interval", "cronExpression": ""})");
    CHECK(!tells(unused, "syncConfig.syncFrequency.cronExpression", ""));
}

TEST_CASE("the compiler's faults come with whole paths, in the words of the document") {
    const auto faults =
        mapping_faults(R"({"externalEntityName": "a", "shardTypeId": "t", "matchKeys": ["mail"], "fieldMappings": [
        {"externalFieldName": "a..b", "internalFieldName": "x", "transform": "lower"},
        {"externalField": "c", "shardField": "c", "transform": "round", "transformOptions": {"decimals": 99}},
        {"externalField": "d", "shardField": "d", "transforms": [{"name": "split", "separator": ""}]},
        {"externalField": "e", "shardField": "e", "transform": ["trim", "tirm"]},
        {"externalField": "f", "shardField": "f", "transform": "lowercase", "values": {"Active": 1}},
        {"externalField": "g", "shardField": "g", "transform": "lowercase", "defaultValue": "None"}]})");
    INFO(describe(faults));
    const std::string start = "syncConfig.entityMappings[0].";
    CHECK(tells(faults, start + "matchKeys[0]", "match keys are shard fields"));
    CHECK(tells(faults, start + "fieldMappings[0].externalFieldName", "not a path"));
    CHECK(tells(faults, start + "fieldMappings[0].transform", "there is no transform 'lower'"));
    CHECK(tells(faults, start + "fieldMappings[1].transformOptions.decimals", "from 0 to 15"));
    CHECK(tells(faults, start + "fieldMappings[2].transforms[0].separator", "bytes"));
    CHECK(tells(faults, start + "fieldMappings[3].transform[1]", "there is no transform 'tirm'"));
    CHECK(tells(faults, start + "fieldMappings[4].values.Active", "never comes here"));
    CHECK(tells(faults, start + "fieldMappings[5].defaultValue", "as \"none\""));
    CHECK(faults.size() == 8);
}

TEST_CASE("a fault of shape is told once, and what only follows from it is not") {
    const auto faults = mapping_faults(R"({"externalEntity": 5, "shardTypeId": "t", "matchKeys": [7], "fieldMappings": [
        "mail", {"externalField": 1, "shardField": "b"}, {"externalField": "c", "shardField": "c", "transform": 5},
        {"externalField": "d", "shardField": "d", "transforms": [{"decimals": 2}]},
        {"externalField": "e", "shardField": "e", "values": [{"external": 1}, 5]},
        {"externalField": "f", "shardField": "f", "values": "x"},
        {"externalField": "g", "shardField": "g", "strategy": "merge_all", "customStrategy": "mine"}]})");
    INFO(describe(faults));
    const std::string start = "syncConfig.entityMappings[0].";
    CHECK(tells(faults, start + "externalEntity", "must be text"));
    CHECK(tells(faults, start + "matchKeys[0]", "must be the name of a shard field"));
    CHECK(tells(faults, start + "fieldMappings[0]", "must be a field mapping"));
    CHECK(tells(faults, start + "fieldMappings[1].externalField", "must be text"));
    CHECK(tells(faults, start + "fieldMappings[2].transform", "must be the name of a transform"));
    CHECK(tells(faults, start + "fieldMappings[3].transforms[0].name", "is missing"));
    CHECK(tells(faults, start + "fieldMappings[4].values[0]", "exactly 'external' and 'shard'"));
    CHECK(tells(faults, start + "fieldMappings[4].values[1]", "exactly 'external' and 'shard'"));
    CHECK(tells(faults, start + "fieldMappings[5].values", "must be an object"));
    CHECK(tells(faults, start + "fieldMappings[6].strategy", "use one of"));
}

TEST_CASE("keys that contradict each other") {
    const auto faults =
        mapping_faults(R"({"externalEntity": "a", "externalEntityName": "b", "shardTypeId": "t", "fieldMappings": [
        {"externalField": "a", "externalFieldName": "b", "shardField": "x", "internalFieldName": "x"},
        {"externalField": "c", "shardField": "c", "transform": "trim", "transforms": ["lowercase"]},
        {"externalField": "d", "shardField": "d", "transformOptions": {"decimals": 1}},
        {"externalField": "e", "shardField": "e", "transform": "split", "separator": ";"},
        {"externalField": "f", "shardField": "f", "values": {}}]})");
    INFO(describe(faults));
    const std::string start = "syncConfig.entityMappings[0].";
    CHECK(tells(faults, start + "externalEntityName", "something else than 'externalEntity'"));
    CHECK(tells(faults, start + "fieldMappings[0].externalFieldName", "something else than 'externalField'"));
    CHECK(tells(faults, start + "fieldMappings[1].transforms", "put all steps into 'transforms'"));
    CHECK(tells(faults, start + "fieldMappings[2].transformOptions", "needs 'transform'"));
    CHECK(tells(faults, start + "fieldMappings[3].separator", "belongs to strategy concat"));
    CHECK(tells(faults, start + "fieldMappings[4].values", "is empty"));
    CHECK(faults.size() == 6);
}

TEST_CASE("each entity is mapped once, under an id of its own") {
    const auto faults = mapping_faults(entity("a") + "," + entity("a", "", R"("id": "other")") + "," +
                                       entity("b", "", R"("id": "same")") + "," + entity("c", "", R"("id": "same")"));
    CHECK(tells(faults, "syncConfig.entityMappings[1].externalEntity", "is mapped by entityMappings[0] already"));
    CHECK(tells(faults, "syncConfig.entityMappings[3].id", "is the id of entityMappings[2] already"));
    CHECK(faults.size() == 2);
}

TEST_CASE("references lead to mapped entities, and never round in a circle") {
    const auto unmapped = mapping_faults(entity("a", R"("reference": "companies")"));
    CHECK(tells(unmapped, "syncConfig.entityMappings[0].fieldMappings[0].reference",
                "'companies' is not the externalEntity"));

    const auto cycle =
        mapping_faults(entity("a", R"("reference": "b")") + "," + entity("b", R"("reference": "c")") + "," +
                       entity("c", R"("reference": "a")") + "," + entity("d", R"("reference": "a")"));
    INFO(describe(cycle));
    CHECK(tells(cycle, "syncConfig.entityMappings[2].fieldMappings[0].reference", "a → b → c → a"));
    CHECK(cycle.size() == 1);
}

TEST_CASE("a record may refer to others of its own entity, and to a disabled one with a notice") {
    const auto parsed = parse_integration(
        value(R"({"id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001",
                  "providerName": "jsonl", "syncConfig": {"entityMappings": [)" +
              entity("a", R"("reference": "a")") + "," + entity("b", R"("reference": "c")") + "," +
              entity("c", "", R"("enabled": false)") + "]}}"),
        true);
    INFO(describe(parsed.faults));
    CHECK(parsed.integration.has_value());
    CHECK(notes(parsed.faults, "syncConfig.entityMappings[1].fieldMappings[0].reference", "not enabled"));
}

TEST_CASE("strategies that do not fit the integration") {
    const auto faults =
        config_faults(R"("conflictResolution": "concat", "initialStrategy": "union", "tieBreak": "merge")");
    CHECK(tells(faults, "syncConfig.conflictResolution", "is for single fields"));
    CHECK(tells(faults, "syncConfig.initialStrategy", "is for single fields"));
    CHECK(tells(faults, "syncConfig.tieBreak", "can't break a tie"));
    CHECK(tells(config_faults(R"("conflictResolution": "custom")"), "syncConfig.customStrategy", "is missing"));
}

TEST_CASE("an outbound mapping that write-back forbids is refused") {
    const auto faults = config_faults(R"("writeBack": {"enabled": false}, "entityMappings": [)" +
                                      entity("a", "", R"("direction": "outbound")") + "]");
    CHECK(tells(faults, "syncConfig.entityMappings[0]", "writeBack does not allow that"));
}

TEST_CASE("hostile documents are refused without harm") {
    std::string many = entity("e0");
    for (int i = 1; i < 600; ++i)
        many += "," + entity("e" + std::to_string(i));
    CHECK(tells(mapping_faults(many), "syncConfig.entityMappings", "more than 500"));
    std::string fields = R"({"externalField": "f", "shardField": "f0"})";
    for (int i = 1; i < 1200; ++i)
        fields += R"(,{"externalField": "f", "shardField": "f)" + std::to_string(i) + "\"}";
    CHECK(tells(mapping_faults(R"({"externalEntity": "a", "shardTypeId": "t", "fieldMappings": [)" + fields + "]}"),
                "syncConfig.entityMappings[0].fieldMappings", "more than 1000"));
    const auto faults = faults_of(R"({"id": [[[[]]]], "tenantId": {}, "providerName": null, "syncConfig": 5})", false);
    CHECK(faults.size() >= 4);
}

// parse_integration: every spelling and every value that it reads.
#include "support.hpp"

#include <castiel_sync/integration.hpp>

#include <initializer_list>
#include <utility>

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

namespace {

constexpr std::string_view identity =
    R"("id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001", "providerName": "jsonl")";

Integration integration(std::string_view sync_config, std::string_view more = "", bool strict = true) {
    auto parsed = parse_integration(
        value("{" + std::string(identity) + R"(, "syncConfig": )" + std::string(sync_config) + std::string(more) + "}"),
        strict);
    INFO(describe(parsed.faults));
    REQUIRE(parsed.integration.has_value());
    return std::move(*parsed.integration);
}

constexpr std::string_view one_mapping =
    R"("entityMappings": [{"externalEntity": "contacts", "shardTypeId": "contact", "fieldMappings": [{"externalField": "a", "shardField": "a"}]}])";

std::string with_mapping(std::string_view members) {
    return "{" + std::string(members) + ", " + std::string(one_mapping) + "}";
}

} // namespace

TEST_CASE("ids are in lower case, however they are written") {
    const auto parsed = parse_integration(value(R"({"id": "7D3C5F5E-0A0E-4B57-9C1E-2F1F7B9A6A01",
        "tenantId": "7B1F0F0E-6F0A-4C58-8A37-0B6F8B1C0001", "providerName": "jsonl"})"),
                                          true);
    REQUIRE(parsed.integration.has_value());
    CHECK(parsed.integration->id == "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01");
    CHECK(parsed.integration->tenant_id == "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001");
}

TEST_CASE("the whole shape") {
    const Integration read = integration(
        R"({
        "syncEnabled": false, "syncDirection": "inbound",
        "syncFrequency": {"type": "cron", "cronExpression": "0 6 * * 1-5", "timeZone": "Europe/Berlin"},
        "conflictResolution": "newest_wins", "tieBreak": "source_wins", "newestWinsToleranceMs": 500,
        "deleteConflictResolution": "update_wins", "initialStrategy": "target_wins", "propagateDeletions": false,
        "maxRecordsPerSync": 250,
        "pullFilters": [{"field": "stage", "operator": "in", "value": ["open"]}],
        "rails": {"maxDeletes": 7, "maxDeleteShare": 0.5, "maxUpdateShare": 0.75, "stopOnEmptySide": false,
                  "stopOnAllChanged": false, "stopOnMappingChange": false, "maxPingPong": 9},
        "entityMappings": [{
            "id": "people", "externalEntity": "contacts", "shardTypeId": "contact", "enabled": false,
            "matchKeys": ["email"], "direction": "bidirectional", "conflictResolution": "custom", "customStrategy": "mine",
            "tieBreak": "manual", "deleteConflictResolution": "unlink", "initialStrategy": "source_wins",
            "propagateDeletions": true, "rails": {"maxDeletes": 3},
            "filters": [{"field": "kind", "operator": "equals", "value": "person"}],
            "fieldMappings": [
                {"externalField": "mail", "shardField": "email", "transforms": ["trim", "lowercase"], "required": true},
                {"externalField": "tags", "shardField": "tags", "strategy": "union", "unordered": true, "direction": "inbound"},
                {"externalField": "note", "shardField": "note", "strategy": "concat", "separator": " | ", "default": "-"},
                {"externalField": "x", "shardField": "x", "strategy": "custom", "customStrategy": "his"},
                {"externalField": "boss", "shardField": "boss", "reference": "contacts"},
                {"shardField": "origin", "constant": "crm"}]}]})",
        R"(, "name": "CRM", "description": "ours", "settings": {"path": "./crm"}, "credentialSecretName": "crm-key",
             "rateLimit": {"requestsPerMinute": 100, "requestsPerHour": 2000})");
    CHECK(read.id == "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01");
    CHECK(read.tenant_id == "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001");
    CHECK(read.name == "CRM");
    CHECK(read.provider_name == "jsonl");
    CHECK(to_json(read.settings) == R"({"path":"./crm"})");
    CHECK(read.credential_secret_name == "crm-key");
    CHECK(read.rate_limit.per_minute == 100);
    CHECK(read.rate_limit.per_hour == 2000);
    const SyncConfig& sync = read.sync;
    CHECK_FALSE(sync.sync_enabled);
    CHECK(sync.direction == Direction::inbound);
    CHECK(sync.frequency.type == SyncFrequency::Type::cron);
    CHECK(sync.frequency.cron_expression == "0 6 * * 1-5");
    CHECK(sync.frequency.time_zone == "Europe/Berlin");
    CHECK(sync.conflict_resolution == Strategy::newest_wins);
    CHECK(sync.tie_break == Strategy::source_wins);
    CHECK(sync.newest_wins_tolerance == std::chrono::milliseconds(500));
    CHECK(sync.delete_conflict_resolution == DeleteStrategy::update_wins);
    CHECK(sync.initial_strategy == Strategy::target_wins);
    CHECK_FALSE(sync.propagate_deletions);
    CHECK(sync.max_records_per_sync == 250);
    REQUIRE(sync.pull_filters.size() == 1);
    CHECK(sync.pull_filters[0].op == Filter::Operator::in);
    CHECK(sync.rails.max_deletes == 7);
    CHECK(sync.rails.max_delete_share == 0.5);
    CHECK(sync.rails.max_update_share == 0.75);
    CHECK_FALSE(sync.rails.stop_on_empty_side);
    CHECK_FALSE(sync.rails.stop_on_all_changed);
    CHECK_FALSE(sync.rails.stop_on_mapping_change);
    CHECK(sync.rails.max_ping_pong == 9);
    REQUIRE(sync.entity_mappings.size() == 1);
    const EntityMapping& contacts = sync.entity_mappings[0];
    CHECK(contacts.id == "people");
    CHECK_FALSE(contacts.enabled);
    CHECK(contacts.match_keys == std::vector<std::string>{"email"});
    CHECK(contacts.direction == Direction::bidirectional);
    CHECK(contacts.conflict_resolution == Strategy::custom);
    CHECK(contacts.custom_strategy == "mine");
    CHECK(contacts.tie_break == Strategy::manual);
    CHECK(contacts.delete_conflict_resolution == DeleteStrategy::unlink);
    CHECK(contacts.initial_strategy == Strategy::source_wins);
    CHECK(contacts.propagate_deletions == true);
    CHECK(contacts.filters.size() == 1);
    REQUIRE(contacts.rails.has_value());
    CHECK(contacts.rails->max_deletes == 3);
    CHECK_MESSAGE(contacts.rails->max_ping_pong == 9, "what a mapping's rails leave out is the integration's");
    REQUIRE(contacts.field_mappings.size() == 6);
    CHECK(contacts.field_mappings[0].transforms.size() == 2);
    CHECK(contacts.field_mappings[0].required);
    CHECK(contacts.field_mappings[1].strategy == Strategy::union_);
    CHECK(contacts.field_mappings[1].direction == Direction::inbound);
    CHECK(contacts.field_mappings[1].unordered);
    CHECK(contacts.field_mappings[2].separator == " | ");
    CHECK(contacts.field_mappings[2].default_value == json::value("-"));
    CHECK(contacts.field_mappings[3].custom_strategy == "his");
    CHECK(contacts.field_mappings[4].reference == "contacts");
    CHECK(contacts.field_mappings[5].constant == json::value("crm"));
}

TEST_CASE("defaults are the safe ones") {
    const SyncConfig sync = integration("{" + std::string(one_mapping) + "}").sync;
    CHECK(sync.sync_enabled);
    CHECK(sync.direction == Direction::bidirectional);
    CHECK(sync.frequency.type == SyncFrequency::Type::manual);
    CHECK_FALSE(sync.conflict_resolution.has_value());
    CHECK(sync.tie_break == Strategy::manual);
    CHECK(sync.delete_conflict_resolution == DeleteStrategy::manual);
    CHECK(sync.entity_mappings[0].id == "contacts:contact");
    CHECK(sync.entity_mappings[0].enabled);
    CHECK_FALSE(sync.entity_mappings[0].rails.has_value());
}

TEST_CASE("both spellings of names mean the same") {
    const SyncConfig sync =
        integration(R"({"entityMappings": [{"externalEntityName": "contacts", "shardTypeId": "contact",
        "shardTypeName": "Contact", "fieldMappings": [
        {"externalFieldName": "mail", "internalFieldName": "email", "transform": "round", "transformOptions": {"decimals": 2},
         "defaultValue": 0, "required": true}]}]})")
            .sync;
    const EntityMapping& contacts = sync.entity_mappings.at(0);
    CHECK(contacts.external_entity == "contacts");
    const FieldMapping& mail = contacts.field_mappings.at(0);
    CHECK(mail.external_field == "mail");
    CHECK(mail.shard_field == "email");
    CHECK(mail.transforms.at(0).name == "round");
    CHECK(to_json(mail.transforms.at(0).options) == R"({"decimals":2})");
    CHECK(mail.default_value == json::value(0));
}

TEST_CASE("a transform is a name, an object, or a list of them") {
    const auto steps = [](std::string_view members) {
        const auto mapping = entity_mapping(R"("fieldMappings": [{"externalField": "a", "shardField": "a", )" +
                                            std::string(members) + "}]");
        std::string text;
        for (const TransformStep& step : mapping.field_mappings[0].transforms)
            text += step.name + to_json(step.options) + " ";
        return text;
    };
    CHECK(steps(R"("transform": "trim")") == "trim{} ");
    CHECK(steps(R"("transform": "")").empty());
    CHECK(steps(R"("transform": {"name": "round", "decimals": 2})") == R"(round{"decimals":2} )");
    CHECK(steps(R"("transform": ["trim", {"name": "split"}])") == "trim{} split{} ");
    CHECK(steps(R"("transforms": ["trim", "lowercase"])") == "trim{} lowercase{} ");
    CHECK(steps(R"("transforms": "trim")") == "trim{} ");
}

TEST_CASE("Castiel's other words for strategies and write-back are understood") {
    const auto strategy = [](std::string_view word) {
        return integration(with_mapping(R"("conflictResolution": ")" + std::string(word) + "\""))
            .sync.conflict_resolution;
    };
    CHECK(strategy("external_wins") == Strategy::source_wins);
    CHECK(strategy("internal_wins") == Strategy::target_wins);
    CHECK(strategy("destination_wins") == Strategy::target_wins);
    CHECK(strategy("last_write_wins") == Strategy::newest_wins);
    CHECK(strategy("manual") == Strategy::manual);

    const auto direction = [](std::string_view write_back) {
        return integration(with_mapping(R"("writeBack": )" + std::string(write_back)))
            .sync.entity_mappings.at(0)
            .direction;
    };
    CHECK(direction(R"({"enabled": false})") == Direction::inbound);
    CHECK(direction(R"({"enabled": true, "allowedShardTypes": ["account"]})") == Direction::inbound);
    CHECK_FALSE(direction(R"({"enabled": true, "allowedShardTypes": ["contact"]})").has_value());
    CHECK_FALSE(direction(R"({"enabled": true})").has_value());
    CHECK(integration(with_mapping(R"("writeBack": {"enabled": true, "conflictResolution": "internal_wins"})"))
              .sync.conflict_resolution == Strategy::target_wins);
}

TEST_CASE("what integration-manager sends besides is ignored, but never in strict reading") {
    const std::string_view more =
        R"(, "status": "connected", "authMethod": "oauth", "icon": null, "enabledAt": "2026-01-01T00:00:00.000Z")";
    const std::string config = with_mapping(R"("syncUserScoped": true)");
    CHECK(integration(config, more, false).sync.sync_enabled);
    CHECK_FALSE(integration(config, R"(, "status": "disabled")", false).sync.sync_enabled);
    const auto strict = parse_integration(
        value("{" + std::string(identity) + R"(, "syncConfig": )" + config + std::string(more) + "}"), true);
    CHECK(tells(strict.faults, "authMethod", "is not a key of an integration"));
    CHECK(tells(strict.faults, "icon", "is not a key"));
    CHECK(tells(strict.faults, "syncConfig.syncUserScoped", "is not a key of syncConfig"));
}

TEST_CASE("an integration that syncs nothing is usable, and says so") {
    const auto parsed = parse_integration(value("{" + std::string(identity) + "}"), true);
    CHECK(parsed.integration.has_value());
    CHECK(notes(parsed.faults, "syncConfig", "nothing is synced"));
    const auto empty =
        parse_integration(value("{" + std::string(identity) + R"(, "syncConfig": {"entityMappings": []}})"), true);
    CHECK(empty.integration.has_value());
    CHECK(notes(empty.faults, "syncConfig.entityMappings", "nothing is synced"));
}

TEST_CASE("one-way fields are said with their whole path, as they are written") {
    const auto parsed = parse_integration(value("{" + std::string(identity) + R"(, "syncConfig": {"entityMappings": [
        {"externalEntity": "contacts", "shardTypeId": "contact", "fieldMappings": [
            {"shardField": "name", "transforms": [{"name": "template", "template": "{a} {b}"}]}]}]}})"),
                                          true);
    REQUIRE(parsed.integration.has_value());
    CHECK(notes(parsed.faults, "syncConfig.entityMappings[0].fieldMappings[0].transforms[0]",
                "'name' flows inbound only"));
}

TEST_CASE("every strategy is set by its word: for records, for fields and for deletions") {
    const auto record = [](std::string_view word) {
        const std::string members = R"("conflictResolution": ")" + std::string(word) + "\"";
        const auto parsed = integration(with_mapping(members + (word == "custom" ? R"(, "customStrategy": "x")" : "")));
        return parsed.sync.conflict_resolution;
    };
    const auto field = [](std::string_view word) {
        const std::string custom = word == "custom" ? R"(, "customStrategy": "x")" : "";
        return entity_mapping(R"("fieldMappings": [{"externalField": "a", "shardField": "a", "strategy": ")" +
                              std::string(word) + "\"" + custom + "}]")
            .field_mappings.at(0)
            .strategy;
    };
    for (const auto& [word, strategy] : std::initializer_list<std::pair<std::string_view, Strategy>>{
             {"source_wins", Strategy::source_wins},
             {"target_wins", Strategy::target_wins},
             {"newest_wins", Strategy::newest_wins},
             {"manual", Strategy::manual},
             {"source_unless_blank", Strategy::source_unless_blank},
             {"target_unless_blank", Strategy::target_unless_blank},
             {"custom", Strategy::custom}}) {
        CAPTURE(word);
        CHECK(record(word) == strategy);
        CHECK(field(word) == strategy);
    }
    CHECK(record("merge") == Strategy::merge);
    for (const auto& [word, strategy] : std::initializer_list<std::pair<std::string_view, Strategy>>{
             {"max", Strategy::max},
             {"min", Strategy::min},
             {"union", Strategy::union_},
             {"add_delta", Strategy::add_delta},
             {"concat", Strategy::concat}}) {
        CAPTURE(word);
        CHECK(field(word) == strategy);
    }
    for (const auto& [word, strategy] : std::initializer_list<std::pair<std::string_view, DeleteStrategy>>{
             {"source_wins", DeleteStrategy::source_wins},
             {"target_wins", DeleteStrategy::target_wins},
             {"update_wins", DeleteStrategy::update_wins},
             {"delete_wins", DeleteStrategy::delete_wins},
             {"unlink", DeleteStrategy::unlink},
             {"manual", DeleteStrategy::manual}}) {
        CAPTURE(word);
        CHECK(integration(with_mapping(R"("deleteConflictResolution": ")" + std::string(word) + "\""))
                  .sync.delete_conflict_resolution == strategy);
    }
}

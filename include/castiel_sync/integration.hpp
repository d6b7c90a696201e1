// A tenant's configured use of one adapter: plain values, and the one function that turns JSON into valid ones.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/strategy.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace castiel_sync {

enum class Direction { inbound, outbound, bidirectional }; // source → target, target → source, both

[[nodiscard]] std::string_view to_string(Direction direction) noexcept;
[[nodiscard]] std::optional<Direction> parse_direction(std::string_view text) noexcept;
[[nodiscard]] bool flows_to(Direction direction, Side side) noexcept;

struct Filter {
    enum class Operator { equals, not_equals, contains, gt, lt, in, not_in };
    std::string field; // dotted path in the external record (pullFilters) or the shard's fields, see EntityMapping
    Operator op = Operator::equals;
    json::value value; // in, not_in: an array

    Filter() = default;
    friend bool operator==(const Filter&, const Filter&) = default;
};

// One step of a field's way from external to shard form. Names, options and inverses: docs/configuration.md.
struct TransformStep {
    std::string name;
    json::object options;

    TransformStep() = default;
};

struct FieldMapping {
    std::string external_field; // dotted path: name.full, emails.0.address; empty with constant or template
    std::string shard_field;                 // dotted path in structuredData
    std::optional<Direction> direction;      // nullopt: wherever the stream flows and the transforms allow
    std::vector<TransformStep> transforms;   // applied in order towards the shard, inverted in reverse order
    std::optional<json::value> default_value; // towards the shard, when the external field is absent or null
    std::optional<json::value> constant;     // towards the shard, whatever the external record holds
    std::vector<std::pair<json::value, json::value>>
        values;                              // external value ↔ shard value; unknown ones park the record
    std::string reference;                   // external entity whose ids this field holds
    bool required = false;                   // absent, null or "" (after the default) parks the record
    bool unordered = false;                  // lists compare as multisets
    std::optional<Strategy> strategy;
    std::string custom_strategy;             // with Strategy::custom
    std::string separator = "\n";            // with Strategy::concat

    FieldMapping() = default;
};

struct RailLimits {
    std::size_t max_deletes = 100;       // more than this in one run trips
    double max_delete_share = 0.25;      // of the linked records; judged when there are at least 20
    double max_update_share = 1.0;       // 1.0: off
    bool stop_on_empty_side = true;      // a side answers empty while links exist
    bool stop_on_all_changed = true;     // every linked record (at least 20) changed at once on one side
    bool stop_on_mapping_change = true;  // asks for a re-baseline
    std::size_t max_ping_pong = 4;       // flips of one field between two values in a row
};

struct EntityMapping {
    std::string id;              // default: external entity ↔ shard type
    std::string external_entity;
    std::string shard_type_id;
    bool enabled = true;
    std::vector<std::string> match_keys; // shard fields; empty: records of both sides are never matched, only created
    std::vector<FieldMapping> field_mappings;
    std::vector<Filter> filters;         // on the external record
    std::optional<Direction> direction;  // default: the integration's
    std::optional<Strategy> conflict_resolution;
    std::string custom_strategy;
    std::optional<Strategy> tie_break;                     // for newest_wins
    std::optional<DeleteStrategy> delete_conflict_resolution;
    std::optional<Strategy> initial_strategy;              // first comparison of two matched records
    std::optional<bool> propagate_deletions;
    std::optional<RailLimits> rails;

    EntityMapping() = default;
};

struct SyncFrequency {
    enum class Type { manual, interval, cron };
    Type type = Type::manual;
    std::chrono::minutes interval{15};
    std::string cron_expression;
    std::string time_zone = "UTC";

    SyncFrequency() = default;
};

struct SyncConfig {
    bool sync_enabled = true;
    Direction direction = Direction::bidirectional;
    SyncFrequency frequency;
    std::optional<Strategy>
        conflict_resolution; // nullopt: merge; open conflict where both directions flow, else the flowing side
    std::string custom_strategy;
    Strategy tie_break = Strategy::manual;
    std::chrono::milliseconds newest_wins_tolerance{2000}; // closer than this is a tie
    DeleteStrategy delete_conflict_resolution = DeleteStrategy::manual;
    std::optional<Strategy> initial_strategy;    // nullopt: as conflict_resolution
    bool propagate_deletions = true;
    std::vector<EntityMapping> entity_mappings;
    std::vector<Filter> pull_filters;            // on every entity
    std::optional<std::size_t> max_records_per_sync;
    RailLimits rails;

    SyncConfig() = default;
};

// How many requests the external account stands, over all instances; at least 10 each. Nothing said: no limit.
struct RateLimit {
    std::optional<std::size_t> per_minute;
    std::optional<std::size_t> per_hour;

    friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

struct Integration {
    std::string id;        // UUID
    std::string tenant_id; // UUID
    std::string name;
    std::string provider_name;
    json::object settings;
    std::string credential_secret_name;
    // Shared by the tenant's integrations with the same provider and credentials, which should name the same limits.
    RateLimit rate_limit;
    SyncConfig sync;

    Integration() = default;
};

// A fault in a configuration: where (key path such as syncConfig.entityMappings[0].fieldMappings[2].transform), and
// what to do. A notice does not hinder the use: "this field flows inbound only, its template has no inverse".
struct ConfigurationFault {
    std::string path;
    std::string message;
    bool notice = false;

    ConfigurationFault() = default;
    ConfigurationFault(std::string where, std::string what, bool only_notice = false)
        : path(std::move(where)), message(std::move(what)), notice(only_notice) {}
};

struct ParsedIntegration {
    std::optional<Integration> integration;  // absent when any fault is not a notice
    std::vector<ConfigurationFault> faults;  // all of them, not the first

    ParsedIntegration() = default;
};

// Reads the shape of integration-manager and of the embedded catalog (both spellings of names: externalEntity and
// externalEntityName, externalField and externalFieldName, shardField and internalFieldName), and checks the meaning
// too: two fields onto one, unknown transforms, reference cycles, match keys that are not mapped, strategies that
// don't fit. Unknown members are faults when `strict`, ignored otherwise (integration-manager sends many).
[[nodiscard]] ParsedIntegration parse_integration(const json::value& document, bool strict);

// Reads filters, as pullFilters and a task's `filters` hold them: a list of {field, operator, value}, or an object
// whose members are compared for equality (with a list: one of its elements). Faults are added, with paths below
// `path`.
[[nodiscard]] std::vector<Filter> parse_filters(const json::value& filters, const std::string& path,
                                                std::vector<ConfigurationFault>& faults);

// Where the engine finds integrations and their secrets. One look-up per execution; an Error is never "none".
class IntegrationCatalog {
public:
    virtual ~IntegrationCatalog() = default;
    IntegrationCatalog(const IntegrationCatalog&) = delete;
    IntegrationCatalog& operator=(const IntegrationCatalog&) = delete;

    virtual Async<Result<std::optional<Integration>>> find(std::string tenant_id, std::string integration_id) = 0;
    virtual Async<Result<std::vector<Integration>>> list(std::string tenant_id) = 0; // empty tenant: all
    // The secret's fields; {} for an integration without credential reference.
    virtual Async<Result<json::object>> credentials(const Integration& integration) = 0;

protected:
    IntegrationCatalog() = default;
};

// A catalog of fixed values; secrets come from the given function (name → JSON object or plain text).
using SecretLookup = std::function<Result<json::object>(const std::string& name)>;
[[nodiscard]] std::unique_ptr<IntegrationCatalog> make_fixed_catalog(std::vector<Integration> integrations,
                                                                     SecretLookup secrets = {});

} // namespace castiel_sync

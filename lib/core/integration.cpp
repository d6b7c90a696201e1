// parse_integration: the shape of integration-manager and of the embedded catalog, and what it means as a whole.
#include <castiel_sync/integration.hpp>

#include <core/cron.hpp>
#include <core/hexadecimal.hpp>
#include <core/mapping.hpp>
#include <core/mapping_parse.hpp>
#include <core/mapping_plan.hpp>
#include <core/transform_zone.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace castiel_sync {
namespace {

constexpr std::size_t max_entities = 500;
constexpr std::int64_t max_interval_minutes = 366 * 24 * 60;
constexpr std::int64_t max_records = 100'000'000;
// An execution waits for its turn up to half a lease, and begins its page anew then: with less it might never end.
constexpr std::int64_t min_requests = 10;
constexpr std::int64_t max_requests = 100'000'000;
constexpr std::int64_t max_tolerance_ms = 24 * 60 * 60 * 1000;

using Faults = std::vector<ConfigurationFault>;

std::string read_uuid(ObjectReader& reader, std::string_view name) {
    auto text = reader.text(name);
    if (!text && reader.find(name) == nullptr)
        reader.fault(name, "is missing: give a UUID such as 7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01");
    if (text && !is_uuid(*text))
        reader.fault(name, fmt::format("'{}' is not a UUID (8-4-4-4-12 hexadecimal digits)", excerpt(*text)));
    if (!text) return "";
    // One id has one form, as in tokens: what is kept under it is found whoever wrote it how.
    for (char& c : *text)
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    return std::move(*text);
}

constexpr std::array<Word<SyncFrequency::Type>, 3> frequency_words{{{"manual", SyncFrequency::Type::manual},
                                                                    {"interval", SyncFrequency::Type::interval},
                                                                    {"cron", SyncFrequency::Type::cron}}};

void read_frequency(ObjectReader& parent, SyncFrequency& frequency, bool strict) {
    const json::object* object = parent.object("syncFrequency");
    if (object == nullptr) return;
    ObjectReader reader(*object, parent.path("syncFrequency"), parent.faults());
    const auto type = reader.word<SyncFrequency::Type>("type", frequency_words);
    if (!type && reader.find("type") == nullptr) reader.fault("type", "is missing: use manual, interval or cron");
    frequency.type = type.value_or(SyncFrequency::Type::manual);
    if (const auto minutes = reader.integer("intervalMinutes", 1, max_interval_minutes))
        frequency.interval = std::chrono::minutes(*minutes);
    frequency.cron_expression = reader.text("cronExpression").value_or("");
    if (type == SyncFrequency::Type::cron)
        if (auto expression = CronExpression::parse(frequency.cron_expression); !expression)
            reader.fault("cronExpression", expression.error().message);
    const auto zone_key = reader.spelling("timeZone", "timezone");
    frequency.time_zone = reader.text(zone_key).value_or("UTC");
    if (auto zone = TimeZone::find(frequency.time_zone); !zone) reader.fault(zone_key, zone.error().message);
    if (strict) reader.refuse_unknown("syncFrequency");
}

// Castiel's switch for writing to the external system. It narrows what syncDirection allows, and never widens it.
struct WriteBack {
    bool enabled = true;
    std::vector<std::string> shard_types; // empty: all
    std::optional<Strategy> conflict_resolution;
};

WriteBack read_write_back(ObjectReader& parent, bool strict) {
    WriteBack write_back;
    const json::object* object = parent.object("writeBack");
    if (object == nullptr) return write_back;
    ObjectReader reader(*object, parent.path("writeBack"), parent.faults());
    write_back.enabled = reader.boolean("enabled").value_or(false);
    if (const json::array* list = reader.list("allowedShardTypes"))
        for (std::size_t i = 0; i < list->size(); ++i) {
            if (const auto* type = (*list)[i].if_string())
                write_back.shard_types.emplace_back(*type);
            else
                parent.faults().emplace_back(element_path(reader.path("allowedShardTypes"), i),
                                             fmt::format("must be the id of a shard type, is {}",
                                                         describe_kind((*list)[i])));
        }
    write_back.conflict_resolution = reader.word<Strategy>("conflictResolution", strategy_words());
    if (strict) reader.refuse_unknown("writeBack");
    return write_back;
}

void apply_write_back(const WriteBack& write_back, EntityMapping& mapping, Direction integration_direction,
                      const std::string& path, Faults& faults) {
    const bool allowed = write_back.enabled &&
                         (write_back.shard_types.empty() ||
                          std::find(write_back.shard_types.begin(), write_back.shard_types.end(),
                                    mapping.shard_type_id) != write_back.shard_types.end());
    const Direction direction = mapping.direction.value_or(integration_direction);
    if (allowed || !flows_to(direction, Side::source)) return;
    if (direction == Direction::outbound) {
        faults.emplace_back(path, "flows outbound only, and writeBack does not allow that; allow it, or disable this "
                                  "mapping");
        return;
    }
    mapping.direction = Direction::inbound;
    faults.emplace_back(path, "flows inbound only: writeBack does not allow its shard type", true);
}

// The entities that the mappings' references lead to, and their order.
class ReferenceCheck {
public:
    ReferenceCheck(const std::vector<EntityMapping>& mappings, const std::string& path, Faults& faults)
        : mappings_(mappings), path_(path), faults_(faults) {
        for (std::size_t i = 0; i < mappings.size(); ++i)
            by_entity_.emplace(mappings[i].external_entity, i);
    }

    void run() {
        for (std::size_t i = 0; i < mappings_.size(); ++i)
            for (std::size_t field = 0; field < mappings_[i].field_mappings.size(); ++field)
                check_target(i, field);
        for (std::size_t i = 0; i < mappings_.size(); ++i)
            visit(i);
    }

private:
    std::string place(std::size_t mapping, std::size_t field) const {
        return fmt::format("{}[{}].fieldMappings[{}].reference", path_, mapping, field);
    }

    void check_target(std::size_t mapping, std::size_t field) {
        const std::string& entity = mappings_[mapping].field_mappings[field].reference;
        if (entity.empty()) return;
        const auto target = by_entity_.find(entity);
        if (target == by_entity_.end())
            faults_.emplace_back(place(mapping, field),
                                 fmt::format("'{}' is not the externalEntity of any entity mapping; map it, or remove "
                                             "the reference",
                                             excerpt(entity)));
        else if (!mappings_[target->second].enabled && mappings_[mapping].enabled)
            faults_.emplace_back(
                place(mapping, field),
                fmt::format("'{}' is mapped but not enabled: its records get no new links, and records "
                            "that refer to unlinked ones are parked",
                            entity),
                true);
    }

    // Depth first; a way back to an entity that is still open closes a cycle, told once where it closes.
    void visit(std::size_t mapping) {
        if (done_.contains(mapping)) return;
        open_.push_back(mapping);
        for (std::size_t field = 0; field < mappings_[mapping].field_mappings.size(); ++field) {
            const auto target = by_entity_.find(mappings_[mapping].field_mappings[field].reference);
            if (target == by_entity_.end() || target->second == mapping) continue;
            const auto start = std::find(open_.begin(), open_.end(), target->second);
            if (start == open_.end()) {
                visit(target->second);
                continue;
            }
            std::string way;
            for (auto entity = start; entity != open_.end(); ++entity)
                way += mappings_[*entity].external_entity + " → ";
            faults_.emplace_back(place(mapping, field),
                                 fmt::format("closes a cycle of references ({}{}), so neither could be synced first; "
                                             "map one of these fields without reference",
                                             way, target->first));
        }
        open_.pop_back();
        done_.insert(mapping);
    }

    const std::vector<EntityMapping>& mappings_;
    const std::string& path_;
    Faults& faults_;
    std::map<std::string, std::size_t, std::less<>> by_entity_;
    std::vector<std::size_t> open_;
    std::set<std::size_t> done_;
};

void check_duplicates(const std::vector<EntityMapping>& mappings, const std::string& path, Faults& faults) {
    std::map<std::string, std::size_t> entities, ids;
    for (std::size_t i = 0; i < mappings.size(); ++i) {
        const auto& mapping = mappings[i];
        const auto entity = entities.emplace(mapping.external_entity, i);
        if (!mapping.external_entity.empty() && !entity.second)
            faults.emplace_back(member_path(element_path(path, i), "externalEntity"),
                                fmt::format("'{}' is mapped by {} already; map each entity once",
                                            excerpt(mapping.external_entity),
                                            element_path("entityMappings", entity.first->second)));
        else if (const auto id = ids.emplace(mapping.id, i); !id.second)
            faults.emplace_back(member_path(element_path(path, i), "id"),
                                fmt::format("'{}' is the id of {} already", excerpt(mapping.id),
                                            element_path("entityMappings", id.first->second)));
    }
}

void read_entity_mappings(ObjectReader& reader, SyncConfig& config, const WriteBack& write_back, bool strict) {
    const std::string path = reader.path("entityMappings");
    Faults& faults = reader.faults();
    const json::array* list = reader.list("entityMappings");
    if (list == nullptr || list->empty()) {
        if (reader.find("entityMappings") == nullptr || list != nullptr)
            faults.emplace_back(path, "is empty: nothing is synced", true);
        return;
    }
    if (list->size() > max_entities) {
        faults.emplace_back(path, fmt::format("has more than {} mappings", max_entities));
        return;
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
        const std::string place = element_path(path, i);
        ParsedEntityMapping parsed = parse_entity_mapping((*list)[i], place, config.rails, strict);
        apply_write_back(write_back, parsed.mapping, config.direction, place, faults);
        const auto compiled = Mapping::compile(parsed.mapping, parsed.mapping.direction.value_or(config.direction));
        add_meaning(parsed.faults, compiled.faults, place, parsed.spellings);
        faults.insert(faults.end(), parsed.faults.begin(), parsed.faults.end());
        config.entity_mappings.push_back(std::move(parsed.mapping));
    }
    check_duplicates(config.entity_mappings, path, faults);
    ReferenceCheck(config.entity_mappings, path, faults).run();
}

void read_sync_config(ObjectReader& parent, SyncConfig& config, bool strict) {
    const json::object* object = parent.object("syncConfig");
    if (object == nullptr) {
        if (parent.find("syncConfig") == nullptr)
            parent.faults().emplace_back(parent.path("syncConfig"), "is missing: nothing is synced", true);
        return;
    }
    ObjectReader reader(*object, parent.path("syncConfig"), parent.faults());
    config.sync_enabled = reader.boolean("syncEnabled").value_or(true);
    config.direction = reader.word<Direction>(reader.spelling("syncDirection", "direction"), direction_words())
                           .value_or(config.direction);
    read_frequency(reader, config.frequency, strict);
    config.conflict_resolution = reader.word<Strategy>("conflictResolution", strategy_words());
    config.custom_strategy = reader.text("customStrategy").value_or("");
    const auto tie_break = reader.word<Strategy>("tieBreak", strategy_words());
    config.tie_break = tie_break.value_or(config.tie_break);
    if (const auto tolerance = reader.integer("newestWinsToleranceMs", 0, max_tolerance_ms))
        config.newest_wins_tolerance = std::chrono::milliseconds(*tolerance);
    config.delete_conflict_resolution = reader.word<DeleteStrategy>("deleteConflictResolution", delete_strategy_words())
                                            .value_or(DeleteStrategy::manual);
    config.initial_strategy = reader.word<Strategy>("initialStrategy", strategy_words());
    config.propagate_deletions = reader.boolean("propagateDeletions").value_or(true);
    if (const auto records = reader.integer("maxRecordsPerSync", 1, max_records))
        config.max_records_per_sync = static_cast<std::size_t>(*records);
    if (const json::value* filters = reader.find("pullFilters"))
        config.pull_filters = parse_filters(*filters, reader.path("pullFilters"), reader.faults());
    read_rails(reader, config.rails, strict);
    const WriteBack write_back = read_write_back(reader, strict);
    if (!config.conflict_resolution) config.conflict_resolution = write_back.conflict_resolution;
    check_record_strategies({config.conflict_resolution, config.custom_strategy, tie_break, config.initial_strategy},
                            reader.path(), reader.faults());
    read_entity_mappings(reader, config, write_back, strict);
    if (strict) reader.refuse_unknown("syncConfig");
}

void read_rate_limit(ObjectReader& parent, RateLimit& limit, bool strict) {
    const json::object* object = parent.object("rateLimit");
    if (object == nullptr) return;
    ObjectReader reader(*object, parent.path("rateLimit"), parent.faults());
    const auto read = [&](std::string_view name) {
        const auto requests = reader.integer(name, min_requests, max_requests);
        return requests ? std::optional(static_cast<std::size_t>(*requests)) : std::nullopt;
    };
    limit.per_minute = read("requestsPerMinute");
    limit.per_hour = read("requestsPerHour");
    if (strict) reader.refuse_unknown("rateLimit");
}

} // namespace

ParsedIntegration parse_integration(const json::value& document, bool strict) {
    ParsedIntegration parsed;
    const auto* object = document.if_object();
    if (object == nullptr) {
        parsed.faults.emplace_back("", fmt::format("an integration must be an object, is {}", describe_kind(document)));
        return parsed;
    }
    ObjectReader reader(*object, "", parsed.faults);
    Integration integration;
    integration.id = read_uuid(reader, "id");
    integration.tenant_id = read_uuid(reader, "tenantId");
    integration.name = reader.text("name").value_or("");
    (void)reader.text("description");
    (void)reader.text("integrationId"); // of the provider's catalog
    integration.provider_name = reader.text("providerName").value_or("");
    const json::value* provider = reader.find("providerName");
    if (provider == nullptr || (provider->is_string() && integration.provider_name.empty()))
        reader.fault("providerName", "is missing: name the adapter");
    if (const json::object* settings = reader.object("settings")) integration.settings = *settings;
    integration.credential_secret_name = reader.text("credentialSecretName").value_or("");
    read_rate_limit(reader, integration.rate_limit, strict);
    read_sync_config(reader, integration.sync, strict);
    if (const auto status = reader.text("status"); status == "disabled") integration.sync.sync_enabled = false;
    if (strict) reader.refuse_unknown("an integration");

    const bool usable = std::all_of(parsed.faults.begin(), parsed.faults.end(),
                                    [](const ConfigurationFault& fault) { return fault.notice; });
    if (usable) parsed.integration = std::move(integration);
    return parsed;
}

} // namespace castiel_sync

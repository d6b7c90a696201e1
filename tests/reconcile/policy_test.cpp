// make_policy: the defaults of conflicts, and which setting wins over which.
#include "support.hpp"

#include <castiel_sync/integration.hpp>

using namespace castiel_sync;
using namespace castiel_sync::testing_reconcile;

namespace {

EntityMapping entity() {
    EntityMapping mapping;
    mapping.external_entity = "contacts";
    mapping.shard_type_id = "contact";
    for (const char* name : {"name", "score", "origin"}) {
        FieldMapping field;
        field.external_field = field.shard_field = name;
        mapping.field_mappings.push_back(std::move(field));
    }
    mapping.field_mappings[1].strategy = Strategy::max;
    mapping.field_mappings[2].direction = Direction::inbound;
    return mapping;
}

Policy policy_in(const SyncConfig& config, const EntityMapping& mapping,
                 Direction direction = Direction::bidirectional) {
    auto compiled = Mapping::compile(mapping, direction);
    REQUIRE(compiled.mapping.has_value());
    return make_policy(config, *compiled.mapping, direction, nullptr);
}

} // namespace

TEST_CASE("the defaults: merge, a person for fields that flow both ways, the flowing side for those that do not") {
    const Policy both = policy_in({}, entity());
    CHECK(both.record_strategy == Strategy::merge);
    CHECK(both.initial_strategy == Strategy::merge);
    CHECK(both.tie_break == Strategy::manual);
    CHECK(both.delete_strategy == DeleteStrategy::manual);
    CHECK(both.propagate_deletions);
    CHECK(both.newest_wins_tolerance == std::chrono::seconds(2));
    CHECK(both.fields[0].strategy == Strategy::manual);
    CHECK(both.fields[1].strategy == Strategy::max);
    CHECK(both.fields[2].strategy == Strategy::source_wins);
    CHECK_FALSE(both.fields[2].to_source);

    const Policy inbound = policy_in({}, entity(), Direction::inbound);
    CHECK(inbound.flows_to_target);
    CHECK_FALSE(inbound.flows_to_source);
    CHECK(inbound.fields[0].strategy == Strategy::source_wins);
    CHECK_FALSE(inbound.fields[0].to_source);
    CHECK(decide(inbound, R"({"name":"a"})", R"({"name":"b"})", R"({"name":"c"})") ==
          R"(update | target {"name":"b"} | base {"name":"b"} | name: source_wins automatic | automatic update_update)");

    const Policy outbound = policy_in({}, entity(), Direction::outbound);
    CHECK(outbound.fields[0].strategy == Strategy::target_wins);
    CHECK(decide(outbound, R"({"name":"a"})", R"({"name":"b"})", R"({"name":"c"})") ==
          R"(update | source {"name":"c"} | base {"name":"c"} | name: target_wins automatic | automatic update_update)");
}

TEST_CASE("the integration's strategies hold for every entity, and an entity's own win") {
    SyncConfig config;
    config.conflict_resolution = Strategy::source_wins;
    config.tie_break = Strategy::source_wins;
    config.delete_conflict_resolution = DeleteStrategy::delete_wins;
    config.propagate_deletions = false;
    config.newest_wins_tolerance = std::chrono::seconds(9);
    EntityMapping mapping = entity();
    Policy policy = policy_in(config, mapping);
    CHECK(policy.record_strategy == Strategy::source_wins);
    CHECK(policy.initial_strategy == Strategy::source_wins); // as conflict_resolution, unless told
    CHECK(policy.tie_break == Strategy::source_wins);
    CHECK(policy.delete_strategy == DeleteStrategy::delete_wins);
    CHECK_FALSE(policy.propagate_deletions);
    CHECK(policy.newest_wins_tolerance == std::chrono::seconds(9));

    mapping.conflict_resolution = Strategy::newest_wins;
    mapping.tie_break = Strategy::target_wins;
    mapping.delete_conflict_resolution = DeleteStrategy::unlink;
    mapping.propagate_deletions = true;
    mapping.initial_strategy = Strategy::manual;
    policy = policy_in(config, mapping);
    CHECK(policy.record_strategy == Strategy::newest_wins);
    CHECK(policy.initial_strategy == Strategy::manual);
    CHECK(policy.tie_break == Strategy::target_wins);
    CHECK(policy.delete_strategy == DeleteStrategy::unlink);
    CHECK(policy.propagate_deletions);
}

TEST_CASE("a custom strategy is found under the name that stands beside the setting that asks for it") {
    ConflictStrategies strategies;
    for (const char* name : {"house", "entity"})
        strategies.add(name, [](const FieldConflict& conflict) { return conflict.source; });
    SyncConfig config;
    config.conflict_resolution = Strategy::custom;
    config.custom_strategy = "house";
    EntityMapping mapping = entity();
    const auto rule = [&](std::string_view base) {
        Policy policy = policy_in(config, mapping);
        policy.custom_strategies = &strategies;
        const Decision decision =
            reconcile(situation(policy, base, R"({"name":"b"})", R"({"name":"c"})"), policy);
        return decision.fields[0].rule;
    };
    CHECK(rule(R"({"name":"a"})") == "custom:house");
    CHECK(rule(never) == "custom:house");

    mapping.conflict_resolution = Strategy::custom;
    mapping.custom_strategy = "entity";
    CHECK(rule(R"({"name":"a"})") == "custom:entity");
    CHECK(rule(never) == "custom:entity");

    // For the first comparison only; later ones follow the integration.
    mapping.conflict_resolution.reset();
    mapping.initial_strategy = Strategy::custom;
    CHECK(rule(never) == "custom:entity");
    CHECK(rule(R"({"name":"a"})") == "custom:house");
}

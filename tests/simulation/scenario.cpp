#include "scenario.hpp"

#include "dice.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace simulation {
namespace {

using cs::Direction;
using cs::Strategy;
using cs::testing::Fault;
using cs::testing::FaultRates;
using namespace std::chrono_literals;

std::optional<Strategy> draw_field_strategy(Dice& dice, FieldKind kind) {
    if (kind == FieldKind::counter) return Strategy::add_delta;
    if (dice.percent(50)) return std::nullopt;
    switch (kind) {
    case FieldKind::list:
        return dice.one_of({Strategy::union_, Strategy::union_, Strategy::union_, Strategy::source_wins,
                            Strategy::newest_wins, Strategy::manual});
    case FieldKind::number:
        return dice.one_of({Strategy::max, Strategy::min, Strategy::source_wins, Strategy::target_wins,
                            Strategy::newest_wins, Strategy::manual});
    default:
        return dice.one_of({Strategy::source_wins, Strategy::target_wins, Strategy::newest_wins, Strategy::manual,
                            Strategy::source_unless_blank, Strategy::target_unless_blank});
    }
}

FieldPlan draw_field(Dice& dice, std::size_t number, const Scenario& scenario) {
    FieldPlan field;
    const auto kind = dice.below(10);
    field.kind = kind < 5   ? FieldKind::text
                 : kind < 7 ? FieldKind::number
                 : kind < 9 ? FieldKind::list
                            : FieldKind::counter;
    field.external = dice.percent(30) ? fmt::format("info.f{}", number) : fmt::format("f{}", number);
    field.shard = dice.percent(30) ? fmt::format("data.s{}", number) : fmt::format("s{}", number);
    field.unordered = field.kind == FieldKind::list && dice.percent(50);
    field.to_source = scenario.flows_to(cs::Side::source);
    field.to_target = scenario.flows_to(cs::Side::target);
    if (scenario.direction == Direction::bidirectional && field.kind != FieldKind::counter && dice.percent(15))
        (dice.percent(50) ? field.to_source : field.to_target) = false;
    if (field.to_source && field.to_target) field.strategy = draw_field_strategy(dice, field.kind);
    return field;
}

EntityPlan draw_entity(Dice& dice, std::size_t number, const Scenario& scenario) {
    EntityPlan entity;
    entity.external = fmt::format("contacts{}", number);
    entity.shard = fmt::format("contact{}", number);
    FieldPlan name;
    name.external = "name";
    name.shard = "title";
    name.to_source = scenario.flows_to(cs::Side::source);
    name.to_target = scenario.flows_to(cs::Side::target);
    entity.fields.push_back(name);
    const std::size_t more = dice.percent(10) ? dice.between(5, 12) : dice.below(5);
    for (std::size_t i = 1; i <= more; ++i) entity.fields.push_back(draw_field(dice, i, scenario));
    entity.match_keys = dice.percent(50);
    if (entity.match_keys) {
        FieldPlan key = name;
        key.external = "mail";
        key.shard = "email";
        entity.fields.push_back(key);
    }
    return entity;
}

cs::EntityMapping to_mapping(const EntityPlan& entity) {
    cs::EntityMapping mapping;
    mapping.external_entity = entity.external;
    mapping.shard_type_id = entity.shard;
    mapping.id = entity.external + "-" + entity.shard;
    if (entity.match_keys) mapping.match_keys = {entity.fields.back().shard};
    for (const FieldPlan& plan : entity.fields) {
        cs::FieldMapping field;
        field.external_field = plan.external;
        field.shard_field = plan.shard;
        field.unordered = plan.unordered;
        field.strategy = plan.strategy;
        mapping.field_mappings.push_back(std::move(field));
    }
    return mapping;
}

void limit_directions(Scenario& scenario) {
    for (std::size_t i = 0; i < scenario.entities.size(); ++i)
        for (std::size_t j = 0; j < scenario.entities[i].fields.size(); ++j) {
            const FieldPlan& plan = scenario.entities[i].fields[j];
            if (scenario.direction != Direction::bidirectional || (plan.to_source && plan.to_target)) continue;
            scenario.integration.sync.entity_mappings[i].field_mappings[j].direction =
                plan.to_source ? Direction::outbound : Direction::inbound;
        }
}

void draw_system(Dice& dice, cs::testing::SimulatedSystemOptions& options, bool writable) {
    auto& can = options.capabilities;
    can.writable = writable;
    can.change_feed = dice.percent(60);
    can.reports_deletions = can.change_feed && dice.percent(70);
    can.conditional_writes = dice.percent(70);
    can.conditional_deletes = can.conditional_writes && dice.percent(80);
    can.idempotent_creates = dice.percent(50);
    can.finds_by_idempotency_key = dice.percent(40);
    if (can.finds_by_idempotency_key && dice.percent(30)) can.read_lag = milliseconds{dice.between(1, 60'000)};
    const auto size = [&] { return static_cast<std::size_t>(dice.percent(50) ? dice.between(1, 20) : 500); };
    can.max_page_records = size();
    can.max_fetch_records = size();
    can.max_push_records = size();
    if (dice.percent(15)) can.preferred_push_records = static_cast<std::size_t>(dice.between(2, 100));
    options.begins_with_listing = can.change_feed && dice.percent(40);
    options.integer_ids = dice.percent(25);
    options.hides_versions = dice.percent(20);
    options.tells_modified_at = dice.percent(80);
    options.coarse_times = dice.percent(30);
    options.tells_stored_fields = dice.percent(20);
    options.tells_positions = can.change_feed && dice.percent(50);
    if (dice.percent(20)) options.clock_skew = milliseconds{static_cast<std::int64_t>(dice.below(20'000)) - 10'000};
}

void draw_systems(Dice& dice, Scenario& scenario) {
    scenario.source.name = "crm";
    draw_system(dice, scenario.source, scenario.flows_to(cs::Side::source));
    scenario.target.name = "shards";
    draw_system(dice, scenario.target, true);
    // The target is mostly what Castiel's shards are.
    if (!dice.percent(70)) return;
    auto& can = scenario.target.capabilities;
    can.change_feed = can.reports_deletions = can.conditional_writes = can.conditional_deletes = true;
    can.idempotent_creates = true;
    scenario.target.hides_versions = false;
}

void draw_rates(Dice& dice, FaultRates& rates, bool crashes) {
    for (std::size_t i = 1; i < Fault::kinds - Fault::request_kinds; ++i) {
        const auto kind = static_cast<Fault::Kind>(i);
        if (!dice.percent(35)) continue;
        const bool crash = kind == Fault::Kind::crash_before || kind == Fault::Kind::crash_after;
        if (crash && !crashes) continue;
        rates.of(kind) = crash ? dice.one_of<std::uint32_t>({1'000, 5'000, 20'000})
                               : dice.one_of<std::uint32_t>({5'000, 20'000, 60'000, 150'000});
    }
}

void draw_faults(Dice& dice, Scenario& scenario) {
    scenario.faults = !dice.percent(15);
    const nanoseconds latency = dice.one_of<nanoseconds>({0ns, 20ms, 300ms, 3s, 20s});
    for (const char* resource : {"store", "source", "target", "events", "catalog"}) {
        FaultRates& rates = scenario.fault_rates[resource];
        rates.max_latency = std::string_view(resource) == "store" ? latency / 16 : latency;
        if (scenario.faults && dice.percent(75)) draw_rates(dice, rates, dice.percent(70));
    }
    bool defenceless = false;
    for (const auto side : {cs::Side::source, cs::Side::target}) {
        const auto& can = scenario.system(side).capabilities;
        FaultRates& rates = scenario.fault_rates[side == cs::Side::source ? "source" : "target"];
        const bool conditional = can.conditional_writes && can.conditional_deletes;
        // What arrives minutes late, or twice, does harm that no engine could prevent, unless the system itself can
        // tell: nothing is to be learned from it.
        if (!conditional || !can.idempotent_creates) {
            rates.of(Fault::Kind::late) = 0;
            rates.late_arrivals = false;
        }
        if (!can.idempotent_creates) rates.of(Fault::Kind::duplicated) = 0;
        defenceless = defenceless || (!conditional && can.writable);
    }
    // The same holds for a write that an owner had under way when another one took the stream over.
    if (defenceless)
        for (auto& [resource, rates] : scenario.fault_rates)
            rates.max_latency = std::min(rates.max_latency, nanoseconds(scenario.limits.lease_duration) / 16);
    scenario.longest_restart = dice.one_of<nanoseconds>({1s, 30s, 2min, 10min});
    if (!scenario.faults) return;
    scenario.heal_one_node_only = dice.percent(50);
    if (defenceless) return;
    if (dice.percent(25)) scenario.longest_pause = dice.one_of<nanoseconds>({2s, 60s, 300s});
    if (dice.percent(30)) scenario.widest_skew = milliseconds{10min};
    if (dice.percent(20)) scenario.widest_jump = dice.one_of<milliseconds>({1s, 10min, 24h});
}

void draw_rules(Dice& dice, Scenario& scenario) {
    cs::SyncConfig& sync = scenario.integration.sync;
    sync.direction = scenario.direction;
    const auto record_strategy = [&] {
        return dice.one_of({Strategy::source_wins, Strategy::target_wins, Strategy::newest_wins, Strategy::merge,
                            Strategy::manual, Strategy::source_unless_blank, Strategy::target_unless_blank});
    };
    if (dice.percent(40)) sync.conflict_resolution = record_strategy();
    if (dice.percent(20)) sync.initial_strategy = record_strategy();
    if (dice.percent(40)) sync.tie_break = dice.one_of({Strategy::source_wins, Strategy::target_wins});
    sync.newest_wins_tolerance = dice.one_of<milliseconds>({0ms, 2s, 30s});
    sync.delete_conflict_resolution =
        dice.one_of({cs::DeleteStrategy::source_wins, cs::DeleteStrategy::target_wins, cs::DeleteStrategy::update_wins,
                     cs::DeleteStrategy::delete_wins, cs::DeleteStrategy::unlink, cs::DeleteStrategy::manual});
    sync.propagate_deletions = !dice.percent(15);
    scenario.tight_rails = dice.percent(15);
    if (scenario.tight_rails) {
        sync.rails.max_deletes = static_cast<std::size_t>(dice.between(0, 4));
        sync.rails.max_delete_share = 0.25;
    } else {
        sync.rails.max_deletes = 100'000;
        sync.rails.max_delete_share = 1.0;
        sync.rails.stop_on_empty_side = false;
        sync.rails.stop_on_all_changed = false;
        sync.rails.max_ping_pong = 1'000;
    }
}

void draw_users(Dice& dice, Scenario& scenario) {
    UserHabits& users = scenario.users;
    const auto size = dice.below(100);
    users.initial_records = static_cast<std::size_t>(size < 10   ? 0
                                                     : size < 25 ? 1
                                                     : size < 72 ? dice.between(2, 12)
                                                     : size < 94 ? dice.between(10, 40)
                                                     : size < 99 ? dice.between(40, 120)
                                                                 : dice.between(150, 400));
    users.actions = static_cast<std::size_t>(dice.percent(10) ? 0 : dice.percent(80) ? dice.between(1, 40)
                                                                                      : dice.between(40, 150));
    users.edits_target = scenario.direction == Direction::bidirectional || dice.percent(40);
    users.deletions = static_cast<std::uint32_t>(dice.percent(30) ? 0 : dice.between(2, 30));
    users.twins = static_cast<std::uint32_t>(dice.percent(50) ? 0 : dice.between(10, 80));
    users.duplicates = static_cast<std::uint32_t>(dice.percent(85) ? 0 : dice.between(5, 40));
    users.nulls = static_cast<std::uint32_t>(dice.percent(70) ? 0 : dice.between(5, 30));
    users.reverts = static_cast<std::uint32_t>(dice.percent(50) ? 0 : dice.between(5, 40));
    users.broken_rows = static_cast<std::uint32_t>(dice.percent(85) ? 0 : dice.between(2, 10));
    users.meddling = static_cast<std::uint32_t>(dice.percent(50) ? 0 : dice.between(2, 30));
}

void draw_limits(Dice& dice, Scenario& scenario) {
    cs::EngineLimits& limits = scenario.limits;
    limits.max_records_per_sync = dice.one_of<std::size_t>({1, 2, 5, 10, 50, 100, 1000, 1000});
    // Hundreds of records at one a run would only be slow.
    limits.max_records_per_sync =
        std::max(limits.max_records_per_sync, (scenario.users.initial_records + scenario.users.actions) / 12);
    limits.max_concurrent_syncs_per_tenant = static_cast<std::size_t>(dice.between(1, 3));
    limits.page_records = static_cast<std::size_t>(dice.percent(50) ? dice.between(1, 20) : 500);
    limits.lease_duration = dice.one_of<milliseconds>({5s, 20s, 60s, 120s});
    scenario.nodes = dice.percent(60) ? 1 : dice.percent(60) ? 2 : 3;
    scenario.safety_time = dice.one_of<nanoseconds>({5min, 20min, 60min});
    scenario.longest_idle = scenario.safety_time / static_cast<std::int64_t>(dice.between(3, 12));
}

// From dice of its own: a store more or less changes nothing else in a scenario.
void draw_disk(Scenario& scenario) {
    Dice dice(scenario.seed * 2 + 0x6469736b);
    scenario.on_disk = dice.percent(25);
    DiskPlan& disk = scenario.disk;
    disk.checkpoint_after = dice.one_of({0, 5, 20, 100, 500});
    if (!scenario.faults) return;
    const auto rate = [&](std::uint32_t chance, std::initializer_list<std::uint32_t> rates) {
        return dice.percent(chance) ? dice.one_of(rates) : 0;
    };
    disk.deaths = rate(50, {30, 150, 600});
    disk.power_failures = rate(50, {15, 60, 250});
    disk.full = rate(30, {50, 500, 5'000});
    disk.longest_full = dice.one_of<nanoseconds>({0s, 0s, 2s, 90s});
    disk.read_errors = rate(30, {100, 1'000, 10'000});
    disk.short_reads = rate(30, {100, 1'000, 10'000});
    disk.write_errors = rate(30, {50, 500, 5'000});
    disk.sync_errors = rate(30, {500, 5'000, 50'000});
    disk.power_losses = dice.percent(40) ? static_cast<std::size_t>(dice.between(1, 4)) : 0;
    disk.holders = dice.percent(30) ? static_cast<std::size_t>(dice.between(1, 5)) : 0;
    disk.longest_hold = dice.one_of<nanoseconds>({200ms, 5s, 60s});
}

// From dice of its own too.
void draw_tasks(Scenario& scenario) {
    Dice dice(scenario.seed * 2 + 0x7461736b);
    scenario.scheduled = dice.percent(25);
    TaskPlan& tasks = scenario.tasks;
    tasks.limits.max_running = static_cast<std::size_t>(dice.between(1, 5));
    tasks.limits.max_running_per_tenant = static_cast<std::size_t>(dice.between(1, 4));
    tasks.limits.interval = dice.one_of<milliseconds>({10s, 30s, 60s});
    tasks.limits.busy_pause = dice.one_of<milliseconds>({200ms, 1s, 5s});
    tasks.limits.cancel_pause = dice.one_of<milliseconds>({100ms, 1s});
    tasks.runs = static_cast<std::uint32_t>(dice.between(0, 30));
    tasks.events = static_cast<std::uint32_t>(dice.between(10, 60));
    tasks.held = static_cast<std::uint32_t>(dice.between(0, 30));
    tasks.cancelled = static_cast<std::uint32_t>(dice.between(0, 40));
    tasks.restarts = dice.percent(50) ? static_cast<std::size_t>(dice.between(1, 5)) : 0;
    const auto per_minute = dice.one_of<std::size_t>({30, 60, 300});
    const bool limited = dice.percent(25);
    if (!scenario.scheduled) return;
    // Of a shorter lease's half too little is left to wait in.
    if (limited && scenario.limits.lease_duration >= 60s) scenario.integration.rate_limit.per_minute = per_minute;
    cs::SyncFrequency& frequency = scenario.integration.sync.frequency;
    frequency.type = dice.one_of({cs::SyncFrequency::Type::manual, cs::SyncFrequency::Type::interval,
                                  cs::SyncFrequency::Type::cron});
    frequency.interval = std::chrono::minutes{dice.between(5, 15)};
    frequency.cron_expression = dice.percent(50) ? "*/5 * * * *" : "*/7 * * * *";
    scenario.limits.min_interval = dice.one_of<milliseconds>({0s, 5s, 60s, 300s});
    scenario.limits.max_stream_failures = static_cast<std::size_t>(dice.between(1, 8));
    scenario.limits.task_retry_base = dice.one_of<milliseconds>({1s, 10s});
    scenario.limits.task_retry_cap = dice.one_of<milliseconds>({10s, 120s});
    scenario.longest_idle /= 4; // whoever asks does not wait for the answer
}

} // namespace

void complete_integration(Scenario& scenario) {
    cs::Integration& integration = scenario.integration;
    integration.id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";
    integration.tenant_id = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
    integration.name = "simulated";
    integration.provider_name = "crm";
    for (const EntityPlan& entity : scenario.entities)
        integration.sync.entity_mappings.push_back(to_mapping(entity));
    limit_directions(scenario);
}

Scenario draw_scenario(std::uint64_t seed) {
    Scenario scenario;
    scenario.seed = seed;
    Dice dice(seed * 2 + 1);
    scenario.direction = dice.percent(60) ? Direction::bidirectional
                                          : dice.percent(60) ? Direction::inbound : Direction::outbound;
    const std::size_t entities = dice.percent(75) ? 1 : static_cast<std::size_t>(dice.between(2, 3));
    for (std::size_t i = 0; i < entities; ++i) scenario.entities.push_back(draw_entity(dice, i, scenario));
    draw_rules(dice, scenario);
    complete_integration(scenario);
    draw_systems(dice, scenario);
    draw_users(dice, scenario);
    draw_limits(dice, scenario);
    draw_faults(dice, scenario);
    draw_disk(scenario);
    draw_tasks(scenario);
    return scenario;
}

namespace {

std::string describe(const cs::testing::SimulatedSystemOptions& system) {
    const auto& can = system.capabilities;
    return fmt::format(
        "{}: {}{}{}{}{}{}{}{} pages {} fetches {} pushes {}", system.name,
        can.change_feed ? (can.reports_deletions ? "feed with tombstones" : "feed") : "listing",
        system.begins_with_listing ? " after a listing" : "", system.tells_positions ? " told by pushes" : "",
        can.conditional_writes ? ", conditional writes" : ", unconditional writes",
        can.conditional_deletes ? "" : ", unconditional deletes", can.idempotent_creates ? ", idempotent creates" : "",
        can.finds_by_idempotency_key ? fmt::format(", finds by key (lag {} ms)", can.read_lag.count()) : "",
        system.hides_versions ? ", hides versions," : ",", can.max_page_records, can.max_fetch_records,
        can.max_push_records);
}

std::string frequency(const cs::SyncFrequency& frequency) {
    if (frequency.type == cs::SyncFrequency::Type::interval)
        return fmt::format("every {} minutes", frequency.interval.count());
    return frequency.type == cs::SyncFrequency::Type::cron ? frequency.cron_expression : "no schedule";
}

std::string rate(const cs::RateLimit& limit) {
    return limit.per_minute ? fmt::format("{}", *limit.per_minute) : "any number of";
}

} // namespace

std::string describe(const Scenario& s) {
    std::string text = fmt::format(
        "seed {}: {}, {} entities, {} nodes, cap {}, {} slots, pages {}, lease {} ms, {} records and {} user actions, "
        "record rule {}, initial {}, tie break {}, deletions {}{}{}\n  {}\n  {}\n",
        s.seed, to_string(s.direction), s.entities.size(), s.nodes, s.limits.max_records_per_sync,
        s.limits.max_concurrent_syncs_per_tenant, s.limits.page_records, s.limits.lease_duration.count(),
        s.users.initial_records, s.users.actions,
        s.integration.sync.conflict_resolution ? to_string(*s.integration.sync.conflict_resolution) : "default",
        s.integration.sync.initial_strategy ? to_string(*s.integration.sync.initial_strategy) : "default",
        to_string(s.integration.sync.tie_break), to_string(s.integration.sync.delete_conflict_resolution),
        s.integration.sync.propagate_deletions ? "" : " (not propagated)", s.tight_rails ? ", tight rails" : "",
        describe(s.source), describe(s.target));
    for (const EntityPlan& entity : s.entities) {
        text += fmt::format("  {} / {}{}:", entity.external, entity.shard, entity.match_keys ? " (match keys)" : "");
        for (const FieldPlan& field : entity.fields)
            text += fmt::format(" {}{}{}{}{}", field.external, field.to_source ? "<" : "-", field.to_target ? ">" : "-",
                                field.shard, field.strategy ? "[" + std::string(to_string(*field.strategy)) + "]" : "");
        text += "\n";
    }
    for (const auto& [resource, rates] : s.fault_rates) {
        text += fmt::format("  {}:", resource);
        for (std::size_t i = 1; i < Fault::kinds; ++i)
            if (rates.per_million[i] > 0)
                text += fmt::format(" {} {:.1f}%", to_string(static_cast<Fault::Kind>(i)), rates.per_million[i] / 1e4);
        text += fmt::format(" latency up to {} ms\n", rates.max_latency / 1ms);
    }
    if (s.scheduled)
        text += fmt::format("  schedulers: {}, {} s between starts, {} at once, {} a tenant, a look every {} s; "
                            "{}% runs, {}% events, {}% held, {}% cancelled; {} restarts; {} failures end a stream; "
                            "{} requests a minute\n",
                            frequency(s.integration.sync.frequency), s.limits.min_interval / 1s,
                            s.tasks.limits.max_running, s.tasks.limits.max_running_per_tenant,
                            s.tasks.limits.interval / 1s, s.tasks.runs, s.tasks.events, s.tasks.held,
                            s.tasks.cancelled, s.tasks.restarts, s.limits.max_stream_failures,
                            rate(s.integration.rate_limit));
    if (s.on_disk)
        text += fmt::format("  on a disk: checkpoints after {} pages, {} power losses, {} other programs for up to "
                            "{} s; in a million calls: {} deaths, {} power losses, {} full (for up to {} s), "
                            "{} + {} read, {} write and {} sync errors\n",
                            s.disk.checkpoint_after, s.disk.power_losses, s.disk.holders, s.disk.longest_hold / 1s,
                            s.disk.deaths, s.disk.power_failures, s.disk.full, s.disk.longest_full / 1s,
                            s.disk.read_errors, s.disk.short_reads, s.disk.write_errors, s.disk.sync_errors);
    text += fmt::format("  pauses up to {} s, clocks ±{} s, jumps ±{} s{}\n", s.longest_pause / 1s,
                        s.widest_skew / 1s, s.widest_jump / 1s, s.heal_one_node_only ? ", heals one node only" : "");
    return text;
}

} // namespace simulation

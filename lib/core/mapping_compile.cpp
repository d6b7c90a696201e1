// Compiles an entity mapping: every field, and what they must agree on with each other.
#include <core/mapping_plan.hpp>

#include <core/filter.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <boost/json/value_from.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace castiel_sync {
namespace {

constexpr std::size_t max_fields = 1000;
constexpr std::size_t max_match_keys = 16;
constexpr std::size_t max_name_bytes = 256;
constexpr std::size_t max_id_bytes = 2 * max_name_bytes + 1; // the default joins two names

using Faults = std::vector<ConfigurationFault>;

std::string field_path(std::size_t index) { return element_path("fieldMappings", index); }

void check_name(const std::string& name, std::string_view key, std::string_view example, Faults& faults) {
    if (name.empty())
        faults.emplace_back(std::string(key), fmt::format("is missing: {}", example));
    else if (name.size() > max_name_bytes)
        faults.emplace_back(std::string(key), fmt::format("is longer than {} bytes", max_name_bytes));
}

std::string_view why_one_way(const FieldMapping& definition, const FieldProgram& program) {
    if (program.constant) return "a constant has nothing to be written back";
    if (program.text_template) return "a template has no inverse";
    if (program.table && !program.table->invertible()) return "its value table gives one shard value for several";
    return definition.transforms.empty() ? "it has no inverse" : "a transform of it has no inverse";
}

// What a notice or fault about the field's direction points at.
std::string direction_place(const FieldMapping& definition, const FieldProgram& program, std::size_t index) {
    const std::string path = field_path(index);
    if (program.constant) return member_path(path, "constant");
    if (program.table && !program.table->invertible()) return member_path(path, "values");
    return definition.transforms.size() > 1 ? member_path(path, "transforms") : member_path(path, "transform");
}

void settle_direction(Mapping::Field& field, const FieldProgram& program, Direction stream, std::size_t index,
                      Faults& faults) {
    const Direction own = field.definition.direction.value_or(Direction::bidirectional);
    field.to_target = flows_to(stream, Side::target) && flows_to(own, Side::target);
    const bool wanted_to_source = flows_to(stream, Side::source) && flows_to(own, Side::source);
    field.to_source = wanted_to_source && program.invertible;
    const std::string& name = field.definition.shard_field;
    if (own == Direction::outbound && !program.invertible)
        faults.emplace_back(member_path(field_path(index), "direction"),
                            fmt::format("'{}' can't flow outbound: {}", name, why_one_way(field.definition, program)));
    else if (!field.to_target && !field.to_source)
        faults.emplace_back(field_path(index),
                            fmt::format("'{}' flows nowhere here: the stream is {}, and {}", name, to_string(stream),
                                        wanted_to_source ? why_one_way(field.definition, program)
                                                         : "the field flows the other way only"),
                            true);
    else if (wanted_to_source && !program.invertible)
        faults.emplace_back(direction_place(field.definition, program, index),
                            fmt::format("'{}' flows inbound only: {}", name, why_one_way(field.definition, program)),
                            true);
}

// Two fields may not write one place, nor a place and what lies in it.
void check_overlap(const MappingPlan& plan, std::size_t first, std::size_t second, Faults& faults) {
    const auto refuse = [&](const Path& one, const Path& other, std::string_view key, std::string_view what) {
        if (one.segments().empty() || other.segments().empty()) return;
        if (!one.covers(other) && !other.covers(one)) return;
        const bool same = one.segments().size() == other.segments().size();
        faults.emplace_back(member_path(field_path(second), key),
                            same ? fmt::format("{} is mapped by {} already; {}", key, field_path(first), what)
                                 : fmt::format("{} overlaps with that of {}: one lies within the other; {}", key,
                                               field_path(first), what));
    };
    refuse(plan.programs[first].shard, plan.programs[second].shard, "shardField", "map each shard field once");
    if (plan.fields[first].to_source && plan.fields[second].to_source)
        refuse(plan.programs[first].external, plan.programs[second].external, "externalField",
               "give all of these fields but one 'direction: inbound', because only one may write it");
}

void check_match_keys(MappingPlan& plan, Faults& faults) {
    const auto& keys = plan.definition.match_keys;
    if (keys.size() > max_match_keys)
        faults.emplace_back("matchKeys", fmt::format("has more than {} keys", max_match_keys));
    bool tells_apart = keys.empty();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto field = std::find_if(plan.fields.begin(), plan.fields.end(), [&](const Mapping::Field& candidate) {
            return candidate.definition.shard_field == keys[i];
        });
        const auto number = static_cast<std::size_t>(field - plan.fields.begin());
        if (field == plan.fields.end())
            faults.emplace_back(element_path("matchKeys", i),
                                fmt::format("'{}' is not the shardField of any field mapping; match keys are shard "
                                            "fields that are mapped",
                                            excerpt(keys[i])));
        else if (std::find(plan.match_fields.begin(), plan.match_fields.end(), number) != plan.match_fields.end())
            faults.emplace_back(element_path("matchKeys", i), fmt::format("'{}' is named twice", keys[i]));
        else
            plan.match_fields.push_back(number);
        tells_apart = tells_apart || field == plan.fields.end() || !field->definition.constant;
    }
    if (!tells_apart)
        faults.emplace_back("matchKeys", "all of them are constants, so every record would match every other one");
}

std::vector<std::size_t> writing_order(const std::vector<FieldProgram>& programs, Path FieldProgram::*path) {
    std::vector<std::size_t> order(programs.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    // Only elements of one list need an order: compare the positions where two paths first differ.
    const auto before = [&](std::size_t left, std::size_t right) {
        const auto& a = (programs[left].*path).segments();
        const auto& b = (programs[right].*path).segments();
        const auto earlier = [](const Path::Segment& one, const Path::Segment& other) {
            if (one.index.has_value() != other.index.has_value()) return one.index.has_value();
            return one.index ? *one.index < *other.index : one.name < other.name;
        };
        if (std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), earlier)) return true;
        if (std::lexicographical_compare(b.begin(), b.end(), a.begin(), a.end(), earlier)) return false;
        return left < right;
    };
    std::sort(order.begin(), order.end(), before);
    return order;
}

json::object describe(const FieldMapping& definition, const FieldProgram& program) {
    json::array steps;
    if (program.text_template) steps.push_back(json::array{"template", definition.transforms.front().options});
    for (std::size_t i = 0; i < program.steps.size(); ++i) {
        const std::size_t number = i + (program.text_template ? 1 : 0);
        steps.push_back(json::array{definition.transforms[number].name, program.steps[i]->traits().options});
    }
    std::vector<std::string> rows;
    for (const auto& [external, shard] : definition.values)
        rows.push_back(to_canonical_json(json::array{external, shard}));
    std::sort(rows.begin(), rows.end());
    json::object object{{"external", definition.external_field},
                        {"reference", definition.reference},
                        {"steps", std::move(steps)},
                        {"unordered", definition.unordered},
                        {"values", json::value_from(rows)}};
    if (program.constant) object["constant"] = *program.constant;
    if (program.default_value) object["default"] = *program.default_value;
    return object;
}

} // namespace

void check_record_strategies(const RecordStrategies& strategies, const std::string& path, Faults& faults) {
    const auto check = [&](const std::optional<Strategy>& strategy, std::string_view key) {
        if (strategy && is_field_only(*strategy))
            faults.emplace_back(member_path(path, key),
                                fmt::format("{} is for single fields; set it as the 'strategy' of field mappings, with "
                                            "merge here",
                                            to_string(*strategy)));
    };
    check(strategies.conflict_resolution, "conflictResolution");
    check(strategies.initial_strategy, "initialStrategy");
    check(strategies.tie_break, "tieBreak");
    const bool custom =
        strategies.conflict_resolution == Strategy::custom || strategies.initial_strategy == Strategy::custom;
    if (custom && strategies.custom_strategy.empty())
        faults.emplace_back(member_path(path, "customStrategy"), "is missing: name the registered strategy");
    if (!custom && !strategies.custom_strategy.empty())
        faults.emplace_back(member_path(path, "customStrategy"),
                            "is used with conflictResolution custom only; remove one");
    const auto tie = strategies.tie_break;
    if (tie == Strategy::newest_wins || tie == Strategy::merge || tie == Strategy::custom)
        faults.emplace_back(member_path(path, "tieBreak"),
                            fmt::format("{} can't break a tie; use source_wins, target_wins, source_unless_blank, "
                                        "target_unless_blank or manual",
                                        to_string(*tie)));
}

std::string fingerprint_of(const MappingPlan& plan) {
    // Raised when the meaning of a stored base changes without any change of configuration.
    constexpr int generation = 1;
    json::object fields;
    for (std::size_t i = 0; i < plan.fields.size(); ++i)
        fields[plan.fields[i].definition.shard_field] = describe(plan.fields[i].definition, plan.programs[i]);
    const std::string text = to_canonical_json(json::object{{"generation", generation},
                                                            {"external", plan.definition.external_entity},
                                                            {"shard", plan.definition.shard_type_id},
                                                            {"fields", std::move(fields)}});
    const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Mapping::Compiled Mapping::compile(const EntityMapping& definition, Direction stream_direction) {
    Compiled compiled;
    Faults& faults = compiled.faults;
    auto plan = std::make_shared<MappingPlan>();
    plan->definition = definition;
    check_name(definition.external_entity, "externalEntity", "name the external entity", faults);
    check_name(definition.shard_type_id, "shardTypeId", "name the shard type", faults);
    if (definition.id.size() > max_id_bytes)
        faults.emplace_back("id", fmt::format("is longer than {} bytes", max_id_bytes));
    check_record_strategies({definition.conflict_resolution, definition.custom_strategy, definition.tie_break,
                             definition.initial_strategy},
                            "", faults);
    if (definition.field_mappings.empty())
        faults.emplace_back("fieldMappings", "is empty: map at least one field");
    if (definition.field_mappings.size() > max_fields) {
        faults.emplace_back("fieldMappings", fmt::format("has more than {} fields", max_fields));
        return compiled;
    }
    for (std::size_t i = 0; i < definition.field_mappings.size(); ++i) {
        plan->programs.push_back(compile_field(definition.field_mappings[i], field_path(i), faults));
        Field& field = plan->fields.emplace_back();
        field.definition = definition.field_mappings[i];
        settle_direction(field, plan->programs[i], stream_direction, i, faults);
        for (std::size_t earlier = 0; earlier < i; ++earlier)
            check_overlap(*plan, earlier, i, faults);
    }
    check_match_keys(*plan, faults);
    check_filters(definition.filters, "filters", faults);
    if (!std::all_of(faults.begin(), faults.end(), [](const ConfigurationFault& fault) { return fault.notice; }))
        return compiled;
    plan->external_order = writing_order(plan->programs, &FieldProgram::external);
    plan->shard_order = writing_order(plan->programs, &FieldProgram::shard);
    plan->fingerprint = fingerprint_of(*plan);
    compiled.mapping = Mapping(std::move(plan));
    return compiled;
}

} // namespace castiel_sync

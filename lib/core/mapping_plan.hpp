// What a mapping is compiled to, and the checks of compilation. Pure.
#pragma once

#include <core/mapping.hpp>
#include <core/mapping_field.hpp>

#include <string>
#include <vector>

namespace castiel_sync {

struct MappingPlan {
    EntityMapping definition;
    std::vector<Mapping::Field> fields;
    std::vector<FieldProgram> programs; // by field number
    std::vector<std::size_t> match_fields;
    // Field numbers in the order of writing: earlier elements of a list come before later ones.
    std::vector<std::size_t> external_order;
    std::vector<std::size_t> shard_order;
    std::string fingerprint;
};

// One field by itself. `path` leads to the field mapping.
[[nodiscard]] FieldProgram compile_field(const FieldMapping& definition, const std::string& path,
                                         std::vector<ConfigurationFault>& faults);

// The strategies of a record, which an integration and an entity mapping name alike.
struct RecordStrategies {
    std::optional<Strategy> conflict_resolution;
    std::string custom_strategy;
    std::optional<Strategy> tie_break;
    std::optional<Strategy> initial_strategy;
};
void check_record_strategies(const RecordStrategies& strategies, const std::string& path,
                             std::vector<ConfigurationFault>& faults);

[[nodiscard]] std::string fingerprint_of(const MappingPlan& plan);

} // namespace castiel_sync

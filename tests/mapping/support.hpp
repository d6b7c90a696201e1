// Short ways to say values and mappings in tests.
#pragma once

#include <core/mapping.hpp>
#include <core/mapping_parse.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace castiel_sync::testing_mapping {

inline json::value value(std::string_view text) {
    auto parsed = parse_json(text);
    if (!parsed) throw std::runtime_error(parsed.error().message + " in " + std::string(text));
    return std::move(*parsed);
}

inline json::object object(std::string_view text) { return value(text).get_object(); }

inline const ResolvedReferences& no_references() {
    static const ResolvedReferences none;
    return none;
}

inline std::string describe(const std::vector<ConfigurationFault>& faults) {
    std::string text;
    for (const ConfigurationFault& fault : faults)
        text += (fault.notice ? "notice " : "fault ") + fault.path + ": " + fault.message + "\n";
    return text;
}

inline const ConfigurationFault* fault_at(const std::vector<ConfigurationFault>& faults, std::string_view path) {
    const auto found =
        std::find_if(faults.begin(), faults.end(), [&](const ConfigurationFault& fault) { return fault.path == path; });
    return found == faults.end() ? nullptr : &*found;
}

// Has the fault, and its message holds `part`.
inline bool tells(const std::vector<ConfigurationFault>& faults, std::string_view path, std::string_view part) {
    return std::any_of(faults.begin(), faults.end(), [&](const ConfigurationFault& fault) {
        return fault.path == path && !fault.notice && fault.message.find(part) != std::string::npos;
    });
}

inline bool notes(const std::vector<ConfigurationFault>& faults, std::string_view path, std::string_view part) {
    return std::any_of(faults.begin(), faults.end(), [&](const ConfigurationFault& fault) {
        return fault.path == path && fault.notice && fault.message.find(part) != std::string::npos;
    });
}

// The members of an entity mapping beside its entity and shard type.
inline EntityMapping entity_mapping(std::string_view members) {
    std::string text = R"({"externalEntity": "contacts", "shardTypeId": "contact")";
    if (!members.empty()) text.append(", ").append(members);
    auto parsed = parse_entity_mapping(value(text + "}"), "", RailLimits(), true);
    INFO(describe(parsed.faults));
    REQUIRE(parsed.faults.empty());
    return std::move(parsed.mapping);
}

inline Mapping::Compiled compile(std::string_view members, Direction direction = Direction::bidirectional) {
    return Mapping::compile(entity_mapping(members), direction);
}

// A mapping that must compile.
inline Mapping mapping(std::string_view members, Direction direction = Direction::bidirectional) {
    auto compiled = compile(members, direction);
    INFO(describe(compiled.faults));
    REQUIRE(compiled.mapping.has_value());
    return std::move(*compiled.mapping);
}

inline Mapping fields(std::string_view list, Direction direction = Direction::bidirectional) {
    return mapping("\"fieldMappings\": [" + std::string(list) + "]", direction);
}

// What the shard would hold, by shard field; the fault's message when the record is parked.
inline std::string from_source(const Mapping& mapping, std::string_view record,
                               const ResolvedReferences& references = no_references()) {
    const auto values = mapping.read_source(object(record), references);
    return values ? to_json(mapping.to_object(*values)) : "parked: " + values.error().error.message;
}

inline std::string from_target(const Mapping& mapping, std::string_view data) {
    const auto values = mapping.read_target(object(data));
    return values ? to_json(mapping.to_object(*values)) : "parked: " + values.error().error.message;
}

inline std::string to_source(const Mapping& mapping, std::string_view present, std::string_view wanted,
                             const ResolvedReferences& references = no_references()) {
    const auto record = mapping.write_source(object(present), mapping.from_object(object(wanted)), references);
    return record ? to_json(*record) : "parked: " + record.error().error.message;
}

inline std::string to_target(const Mapping& mapping, std::string_view present, std::string_view wanted) {
    const auto record = mapping.write_target(object(present), mapping.from_object(object(wanted)));
    return record ? to_json(*record) : "parked: " + record.error().error.message;
}

} // namespace castiel_sync::testing_mapping

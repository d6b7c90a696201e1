// Integrations and their mappings: refused with reasons, or usable; and what a mapping reads, it can write and read.
// The records to map stand in the document's settings: {"source": [...], "target": [...]}.
#include "fuzzing.hpp"

#include <core/mapping.hpp>

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;

namespace {

const ResolvedReferences no_references;

void check_fault(const MappingFault& fault) {
    require_readable(fault.error);
    require(fault.error.code == ErrorCode::invalid_record || fault.error.code == ErrorCode::missing_reference,
            "a record that can't be mapped is parked", fault.error.message);
    require(!fault.field.empty(), "a fault names its field", fault.error.message);
}

void check_values(const Mapping& mapping, const FieldValues& values) {
    require(values.size() == mapping.fields().size(), "there is a place for every field");
    const json::object object = mapping.to_object(values);
    require(check_json(object).has_value(), "mapped values are JSON");
    const FieldValues again = mapping.from_object(object);
    for (std::size_t place = 0; place < values.size(); ++place)
        require(values[place].has_value() == again[place].has_value() &&
                    (!values[place] || identical(*values[place], *again[place])),
                "values survive the way through an object", mapping.fields()[place].definition.shard_field);
    require(mapping.match_key(values) == mapping.match_key(again), "equal values have equal match keys");
}

// Fields that both hold. Null may stand for absent.
void require_equal(const Mapping& mapping, const FieldValues& wanted, const FieldValues& read,
                   std::string_view promise) {
    for (std::size_t place = 0; place < wanted.size(); ++place) {
        const Mapping::Field& field = mapping.fields()[place];
        if (!field.to_source || !field.to_target || !wanted[place] || wanted[place]->is_null()) continue;
        require(read[place] && mapping.equal(place, *wanted[place], *read[place]), promise,
                field.definition.shard_field + ": " + to_json(*wanted[place]) + " became " +
                    (read[place] ? to_json(*read[place]) : "absent"));
    }
}

void check_source(const Mapping& mapping, const json::object& record) {
    for (const ReferenceKey& key : mapping.source_references(record))
        require(key.side == Side::source && !key.entity.empty() && !key.id.empty(), "a reference names a record");
    const auto values = mapping.read_source(record, no_references);
    if (!values) return check_fault(values.error());
    check_values(mapping, *values);
    if (const auto shard = mapping.write_target({}, *values))
        require(check_json(*shard, 128).has_value(), "a written shard is JSON");
    const auto written = mapping.write_source(record, *values, no_references);
    if (!written) return check_fault(written.error());
    const auto again = mapping.read_source(*written, no_references);
    require(again.has_value(), "what was written can be read", to_json(*written));
    require_equal(mapping, *values, *again, "what was read, written and read is the same");
}

void check_target(const Mapping& mapping, const json::object& data) {
    const auto values = mapping.read_target(data);
    if (!values) return check_fault(values.error());
    check_values(mapping, *values);
    const auto shard = mapping.write_target(data, *values);
    if (!shard) return check_fault(shard.error());
    const auto normal = mapping.read_target(*shard);
    require(normal.has_value(), "a shard in normal form can be read", to_json(*shard));
    require_equal(mapping, *values, *normal, "the normal form is one");
}

void check_mapping(const EntityMapping& definition, Direction direction, const json::object& settings) {
    const auto compiled = Mapping::compile(definition, definition.direction.value_or(direction));
    require(compiled.mapping.has_value(), "the mappings of a valid integration compile", definition.external_entity);
    const Mapping& mapping = *compiled.mapping;
    require(mapping.fingerprint().size() == 32, "a mapping has a fingerprint");
    const auto each = [&](std::string_view side, void (*check)(const Mapping&, const json::object&)) {
        const json::value* list = settings.if_contains(side);
        if (list == nullptr || !list->is_array()) return;
        for (const json::value& record : list->get_array())
            if (record.is_object()) check(mapping, record.get_object());
    };
    each("source", check_source);
    each("target", check_target);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto document = parse_json(text_of(data, size));
    if (!document) return 0;
    const ParsedIntegration strict = parse_integration(*document, true);
    const ParsedIntegration lenient = parse_integration(*document, false);
    for (const ParsedIntegration* parsed : {&strict, &lenient})
        require(parsed->integration.has_value() != require_readable(parsed->faults),
                "an integration is refused with reasons, or there");
    require(lenient.integration.has_value() || !strict.integration, "the strict reader refuses more");
    if (!lenient.integration) return 0;
    const Integration& integration = *lenient.integration;
    for (const EntityMapping& mapping : integration.sync.entity_mappings)
        check_mapping(mapping, integration.sync.direction, integration.settings);
    return 0;
}

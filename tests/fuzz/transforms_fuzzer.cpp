// Lists of transforms, drawn from the input, on values drawn from it too: the laws of lib/core/transform.hpp.
#include "fuzzing.hpp"

#include <core/mapping.hpp>
#include <core/mapping_parse.hpp>
#include <core/transform.hpp>

#include <array>

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;

namespace {

constexpr std::array steps{
    R"({"name":"trim"})",
    R"({"name":"collapse_spaces"})",
    R"({"name":"lowercase"})",
    R"({"name":"uppercase"})",
    R"({"name":"blank_to_null"})",
    R"({"name":"number_to_string"})",
    R"({"name":"number_to_string","decimals":2,"decimalSeparator":","})",
    R"({"name":"string_to_number"})",
    R"({"name":"string_to_number","decimals":3,"decimalSeparator":",","groupSeparator":"."})",
    R"({"name":"string_to_number","groupSeparator":" "})",
    R"({"name":"round"})",
    R"({"name":"round","decimals":15})",
    R"({"name":"boolean_to_string","true":"ja","false":""})",
    R"({"name":"string_to_boolean","true":["ja","j"],"false":["nein",""]})",
    R"({"name":"split"})",
    R"({"name":"split","separator":"aa"})",
    R"({"name":"join","separator":";"})",
    R"({"name":"join","lossy":true})",
    R"({"name":"date_time"})",
    R"({"name":"date_time","zone":"Europe/Berlin"})",
    R"({"name":"date_time","zone":"America/New_York","format":"%Y-%m-%d %H:%M"})",
    R"({"name":"date_time","format":"%a, %d %b %Y %T %z"})",
    R"({"name":"date_time","zone":"UTC","format":"%-d/%-m/%Y %-I:%M %p"})",
    R"({"name":"date_time","format":"unix"})",
    R"({"name":"date_time","format":"unix_ms"})",
    R"({"name":"date"})",
    R"({"name":"date","format":"%d. %B %Y"})",
    R"({"name":"template","template":"{x} {{{y.0}}}"})",
};

json::object parse_step(std::string_view text) { return parse_json_object(text).value(); }

// As a value of the input's own making, where it is one: JSON, or else text, which a plug-in may have left as it came.
json::value value_of(const std::string& text) {
    if (auto parsed = parse_json(text)) return std::move(*parsed);
    return json::value(text);
}

void check_step(const json::object& definition, const json::value& value) {
    TransformStep step;
    step.name = definition.at("name").get_string();
    step.options = definition;
    step.options.erase("name");
    std::vector<ConfigurationFault> faults;
    const TransformPointer made = make_transform(step, "transform", faults);
    if (made == nullptr) {
        require(step.name == "template" || require_readable(faults), "a step is refused with reasons", step.name);
        return;
    }
    const bool carried = check_json(value).has_value();
    const auto shard = made->to_shard(value);
    if (!shard) {
        require_readable(shard.error());
    } else {
        require(!carried || check_json(*shard).has_value(), "JSON stays JSON", step.name);
        const auto written = made->to_external(*shard);
        // What zones can't tell apart may be refused on the way back; nothing else may.
        const bool may_refuse = !made->traits().two_way || step.options.contains("zone");
        require(written || may_refuse, "what a step gives has a way back", step.name + " " + to_json(*shard));
        if (written && made->traits().two_way) {
            const auto again = made->to_shard(*written);
            require(again && equal_values(*again, *shard), "to_shard(to_external(y)) is y",
                    step.name + " " + to_json(*shard));
        }
    }
    const auto written = made->to_external(value);
    if (!written) return require_readable(written.error());
    require(!carried || check_json(*written).has_value(), "JSON stays JSON", step.name);
    if (!made->traits().two_way) return;
    const auto normal = made->to_shard(*written);
    require(normal.has_value(), "what was written can be read", step.name + " " + to_json(*written));
    const auto again = made->to_external(*normal);
    require(again.has_value(), "a normal form can be written", step.name + " " + to_json(*normal));
    const auto settled = made->to_shard(*again);
    require(settled && equal_values(*settled, *normal), "a normal form is one", step.name + " " + to_json(*normal));
}

// The other members of a field mapping.
json::object draw_field(FuzzedDataProvider& input) {
    json::object field;
    if (input.ConsumeBool()) field["default"] = value_of(input.ConsumeRandomLengthString(8));
    if (input.ConsumeBool()) field["values"] = json::object{{"a", "b"}, {"b", "a"}, {"", "x"}};
    if (input.ConsumeBool()) field["required"] = true;
    return field;
}

void check_list(const json::array& transforms, json::object field, const json::value& value) {
    field["shardField"] = "s";
    field["transforms"] = transforms;
    if (transforms.front().at("name") != "template") field["externalField"] = "x";
    const json::value document{{"externalEntity", "e"}, {"shardTypeId", "t"}, {"fieldMappings", json::array{field}}};
    const ParsedEntityMapping parsed = parse_entity_mapping(document, "", RailLimits(), true);
    if (require_readable(parsed.faults)) return;
    const Mapping::Compiled compiled = Mapping::compile(parsed.mapping, Direction::bidirectional);
    require(require_readable(compiled.faults) != compiled.mapping.has_value(), "a mapping is refused with reasons");
    if (!compiled.mapping) return;
    const Mapping& mapping = *compiled.mapping;
    const json::object record{{"x", value}, {"y", json::array{value}}};
    const auto read = mapping.read_source(record, {});
    if (!read) return require_readable(read.error().error);
    require(!check_json(value) || check_json(mapping.to_object(*read)), "JSON stays JSON", to_json(document));
    if (!mapping.fields().front().to_source) return;
    const auto written = mapping.write_source(record, *read, {});
    if (!written) return require_readable(written.error().error);
    const auto again = mapping.read_source(*written, {});
    require(again.has_value(), "what was written can be read", to_json(*written));
    const FieldValue& wanted = read->front();
    const FieldValue& now = again->front();
    require(!wanted || wanted->is_null() || (now && mapping.equal(0, *wanted, *now)),
            "what was read, written and read is the same", to_json(document) + " " + to_json(*written));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    json::array transforms;
    for (auto left = input.ConsumeIntegralInRange(1, 4); left > 0; --left)
        transforms.emplace_back(parse_step(input.PickValueInArray(steps)));
    if (input.ConsumeBool()) { // options as strangers may write them
        json::object& first = transforms.front().get_object();
        const std::string name = input.PickValueInArray({"decimals", "decimalSeparator", "groupSeparator", "separator",
                                                         "zone", "format", "true", "false", "template", "lossy"});
        first[name] = value_of(input.ConsumeRandomLengthString(24));
    }
    const std::string last = input.ConsumeBool() ? input.ConsumeRandomLengthString(24) : "";
    json::object field = draw_field(input);
    if (!check_json(transforms) || !check_json(field)) return 0; // a document is JSON
    const json::value value = value_of(input.ConsumeRemainingBytesAsString());
    for (const json::value& step : transforms) {
        check_step(step.get_object(), value);
        check_step(step.get_object(), json::array{value, last});
    }
    check_list(transforms, std::move(field), value);
    return 0;
}

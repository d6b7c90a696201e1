// Whatever stands in a document, it is read or refused; and what is read can be used.
#include "support.hpp"

#include <castiel_sync/integration.hpp>

#include <rapidcheck.h>

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

namespace {

constexpr std::string_view document = R"({
    "id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001", "providerName": "jsonl",
    "settings": {"path": "x"}, "syncConfig": {
        "syncDirection": "bidirectional", "syncFrequency": {"type": "cron", "cronExpression": "0 6 * * 1", "timeZone": "UTC"},
        "conflictResolution": "newest_wins", "tieBreak": "source_wins", "maxRecordsPerSync": 5, "rails": {"maxDeletes": 1},
        "writeBack": {"enabled": true, "allowedShardTypes": ["t"]}, "pullFilters": {"a": 1},
        "entityMappings": [
            {"externalEntity": "a", "shardTypeId": "t", "matchKeys": ["m"],
             "filters": [{"field": "f", "operator": "in", "value": [1]}], "fieldMappings": [
                {"externalField": "m.0.x", "shardField": "m", "transforms": ["trim", {"name": "split", "separator": ";"}]},
                {"externalField": "n", "shardField": "n.y", "transform": "string_to_number", "transformOptions": {"decimals": 2}},
                {"externalField": "v", "shardField": "v", "values": {"A": 1, "B": 2}, "default": 1, "required": true},
                {"externalField": "t", "shardField": "t", "transform": {"name": "date_time", "zone": "Europe/Berlin", "format": "%F %T"}},
                {"shardField": "p", "transform": {"name": "template", "template": "{a} {b}"}},
                {"shardField": "c", "constant": 1}]},
            {"externalEntityName": "b", "shardTypeId": "u", "fieldMappings": [
                {"externalFieldName": "r", "internalFieldName": "r", "reference": "a", "strategy": "union", "unordered": true}]}]}})";

// Replaces, removes or doubles one place of the document.
void mutate(json::value& place, int depth = 0) {
    static const std::vector<json::value> others{json::value(nullptr),
                                                 json::value(true),
                                                 json::value(-1),
                                                 json::value(1.5),
                                                 json::value(""),
                                                 json::value("a"),
                                                 json::value("a..b"),
                                                 json::value("%"),
                                                 json::value("{"),
                                                 json::array{},
                                                 json::object{},
                                                 json::array{1, "x"},
                                                 json::object{{"name", "round"}},
                                                 json::value("template"),
                                                 json::value("merge"),
                                                 json::value("custom")};
    auto* object = place.if_object();
    auto* array = place.if_array();
    const std::size_t size = object != nullptr ? object->size() : array != nullptr ? array->size() : 0;
    if (size == 0 || (depth > 0 && *rc::gen::inRange(0, 6) == 0)) {
        place = *rc::gen::elementOf(others);
        return;
    }
    const auto which = *rc::gen::inRange<std::size_t>(0, size);
    if (array != nullptr) {
        if (*rc::gen::inRange(0, 10) == 0)
            array->push_back((*array)[which]);
        else
            mutate((*array)[which], depth + 1);
    } else if (*rc::gen::inRange(0, 20) == 0) {
        object->erase(object->begin() + static_cast<std::ptrdiff_t>(which));
    } else {
        mutate((object->begin() + static_cast<std::ptrdiff_t>(which))->value(), depth + 1);
    }
}

} // namespace

TEST_CASE("a damaged document is refused with reasons, or gives mappings that compile") {
    REQUIRE(parse_integration(value(document), true).integration.has_value());
    CHECK(rc::check([] {
        json::value damaged = value(document);
        for (int left = *rc::gen::inRange(1, 4); left > 0; --left)
            mutate(damaged);
        for (const bool strict : {true, false}) {
            const auto parsed = parse_integration(damaged, strict);
            const bool refused = std::any_of(parsed.faults.begin(), parsed.faults.end(),
                                             [](const ConfigurationFault& fault) { return !fault.notice; });
            RC_ASSERT(parsed.integration.has_value() != refused);
            if (refused) continue;
            for (const EntityMapping& mapping : parsed.integration->sync.entity_mappings) {
                const auto compiled =
                    Mapping::compile(mapping, mapping.direction.value_or(parsed.integration->sync.direction));
                RC_ASSERT(compiled.mapping.has_value());
                (void)compiled.mapping->read_source(
                    object(R"({"m": [{"x": " a;b "}], "n": "1.50", "v": "A", "r": [1]})"), {});
                (void)compiled.mapping->read_target(object(R"({"m": ["a"], "n": {"y": 1}, "v": 9, "t": "x"})"));
            }
        }
    }));
}

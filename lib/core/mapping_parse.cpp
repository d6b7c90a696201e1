#include <core/mapping_parse.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace castiel_sync {
namespace {

constexpr std::array<Word<Strategy>, 17> strategies{{
    {"source_wins", Strategy::source_wins},
    {"target_wins", Strategy::target_wins},
    {"newest_wins", Strategy::newest_wins},
    {"merge", Strategy::merge},
    {"manual", Strategy::manual},
    {"source_unless_blank", Strategy::source_unless_blank},
    {"target_unless_blank", Strategy::target_unless_blank},
    {"custom", Strategy::custom},
    {"external_wins", Strategy::source_wins, false},
    {"internal_wins", Strategy::target_wins, false},
    {"destination_wins", Strategy::target_wins, false},
    {"last_write_wins", Strategy::newest_wins, false},
    {"max", Strategy::max},
    {"min", Strategy::min},
    {"union", Strategy::union_},
    {"add_delta", Strategy::add_delta},
    {"concat", Strategy::concat},
}};

constexpr std::array<Word<DeleteStrategy>, 9> delete_strategies{{
    {"source_wins", DeleteStrategy::source_wins},
    {"target_wins", DeleteStrategy::target_wins},
    {"update_wins", DeleteStrategy::update_wins},
    {"delete_wins", DeleteStrategy::delete_wins},
    {"unlink", DeleteStrategy::unlink},
    {"manual", DeleteStrategy::manual},
    {"external_wins", DeleteStrategy::source_wins, false},
    {"internal_wins", DeleteStrategy::target_wins, false},
    {"destination_wins", DeleteStrategy::target_wins, false},
}};

constexpr std::array<Word<Direction>, 3> directions{{{"inbound", Direction::inbound},
                                                     {"outbound", Direction::outbound},
                                                     {"bidirectional", Direction::bidirectional}}};

class FieldMappingReader {
public:
    FieldMappingReader(const json::object& object, std::string path, std::string canonical, ParsedEntityMapping& into)
        : reader_(object, std::move(path), into.faults), canonical_(std::move(canonical)), into_(into) {}

    FieldMapping read(bool strict) {
        FieldMapping field;
        const auto external = spelling("externalField", "externalFieldName");
        const auto shard = spelling("shardField", "internalFieldName");
        field.external_field = reader_.text(external).value_or("");
        field.shard_field = reader_.text(shard).value_or("");
        field.direction = reader_.word<Direction>("direction", direction_words());
        read_transforms(field);
        if (const json::value* value = reader_.find(spelling("default", "defaultValue"))) field.default_value = *value;
        if (const json::value* value = reader_.find_or_null("constant")) field.constant = *value;
        read_values(field);
        field.reference = reader_.text("reference").value_or("");
        field.required = reader_.boolean("required").value_or(false);
        field.unordered = reader_.boolean("unordered").value_or(false);
        field.strategy = reader_.word<Strategy>("strategy", strategy_words());
        field.custom_strategy = reader_.text("customStrategy").value_or("");
        read_separator(field);
        if (strict) reader_.refuse_unknown("a field mapping");
        return field;
    }

private:
    std::string_view spelling(std::string_view name, std::string_view other) {
        const std::string_view written = reader_.spelling(name, other);
        if (written != name) add_spelling(name, written);
        return written;
    }

    void add_spelling(std::string_view canonical, std::string_view written) {
        into_.spellings.push_back({member_path(canonical_, canonical), member_path(canonical_, written)});
    }

    void read_separator(FieldMapping& field) {
        const auto separator = reader_.text("separator");
        if (!separator) return;
        field.separator = *separator;
        if (field.strategy != Strategy::concat)
            reader_.fault("separator", "belongs to strategy concat; the separator of a transform stands in the "
                                       "transform: {name: split, separator: \";\"}");
    }

    // transform: trim | {name: round, decimals: 2} | [trim, lowercase], or transforms: [...]; transformOptions beside
    // a single name.
    void read_transforms(FieldMapping& field) {
        const json::value* one = reader_.find("transform");
        const json::value* several = reader_.find("transforms");
        const json::object* options = reader_.object("transformOptions");
        if (one != nullptr && several != nullptr)
            reader_.fault("transforms", "stands beside 'transform'; put all steps into 'transforms'");
        const std::string_view key = several != nullptr ? "transforms" : "transform";
        const json::value* written = several != nullptr ? several : one;
        const bool named = written != nullptr && written->is_string() && !written->get_string().empty();
        if (options != nullptr && !named)
            reader_.fault("transformOptions", "needs 'transform' with the name of one transform beside it");
        if (written == nullptr || (written->is_string() && written->get_string().empty())) return;
        if (const auto* list = written->if_array()) {
            for (std::size_t i = 0; i < list->size(); ++i)
                field.transforms.push_back(read_step((*list)[i], element_path(reader_.path(key), i)));
            spell_steps(key, list->size());
            return;
        }
        TransformStep step = read_step(*written, reader_.path(key));
        if (options != nullptr && named) {
            step.options = *options;
            into_.spellings.push_back({member_path(canonical_, "transform") + ".",
                                       member_path(canonical_, "transformOptions") + "."});
        }
        field.transforms.push_back(std::move(step));
        if (key == "transforms") add_spelling("transform", "transforms");
    }

    // The compiler says "transform" for a single step and "transforms[i]" for several.
    void spell_steps(std::string_view key, std::size_t count) {
        if (count == 1) add_spelling("transform", element_path(key, 0));
        if (count > 1 && key != "transforms") add_spelling("transforms", key);
    }

    TransformStep read_step(const json::value& written, const std::string& place) {
        TransformStep step;
        if (const auto* name = written.if_string()) {
            step.name = *name;
        } else if (const auto* object = written.if_object()) {
            step.options = *object;
            const json::value* name_member = object->if_contains("name");
            if (name_member != nullptr && name_member->is_string())
                step.name = name_member->get_string();
            else
                reader_.faults().emplace_back(member_path(place, "name"), "is missing: name the transform");
            step.options.erase("name");
        } else {
            reader_.faults().emplace_back(place, fmt::format("must be the name of a transform, or an object with name "
                                                             "and options, is {}",
                                                             describe_kind(written)));
        }
        return step;
    }

    // {external: shard, …} or [{external: …, shard: …}, …].
    void read_values(FieldMapping& field) {
        const json::value* written = reader_.find("values");
        if (written == nullptr) return;
        if (const auto* object = written->if_object()) {
            for (const auto& row : *object) {
                add_spelling(element_path("values", field.values.size()), member_path("values", row.key()));
                field.values.emplace_back(json::value(row.key()), row.value());
            }
        } else if (const auto* list = written->if_array()) {
            for (std::size_t i = 0; i < list->size(); ++i)
                read_row((*list)[i], element_path(reader_.path("values"), i), field);
        } else {
            reader_.fault("values", fmt::format("must be an object {{external: shard}} or a list of {{external, "
                                                "shard}}, is {}",
                                                describe_kind(*written)));
            return;
        }
        if (field.values.empty()) reader_.fault("values", "is empty: no value could be mapped; remove it or add rows");
    }

    void read_row(const json::value& written, const std::string& place, FieldMapping& field) {
        const auto* row = written.if_object();
        const json::value* external = row != nullptr ? row->if_contains("external") : nullptr;
        const json::value* shard = row != nullptr ? row->if_contains("shard") : nullptr;
        if (external == nullptr || shard == nullptr || row->size() != 2)
            reader_.faults().emplace_back(place, "must be an object with exactly 'external' and 'shard'");
        // Keeps the numbers of the other rows.
        field.values.emplace_back(external != nullptr ? *external : json::value(place),
                                  shard != nullptr ? *shard : json::value(place));
    }

    ObjectReader reader_;
    std::string canonical_;
    ParsedEntityMapping& into_;
};

void read_field_mappings(ObjectReader& reader, bool strict, ParsedEntityMapping& parsed) {
    const json::array* list = reader.list("fieldMappings");
    if (list == nullptr) return;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const std::string canonical = element_path("fieldMappings", i);
        const std::string path = member_path(reader.path(), canonical);
        if (const auto* object = (*list)[i].if_object()) {
            parsed.mapping.field_mappings.push_back(
                FieldMappingReader(*object, path, canonical, parsed).read(strict));
        } else {
            parsed.faults.emplace_back(path, fmt::format("must be a field mapping, an object, is {}",
                                                         describe_kind((*list)[i])));
            parsed.mapping.field_mappings.emplace_back();
        }
    }
}

void read_match_keys(ObjectReader& reader, ParsedEntityMapping& parsed) {
    const json::array* list = reader.list("matchKeys");
    if (list == nullptr) return;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const auto* name = (*list)[i].if_string();
        if (name == nullptr)
            parsed.faults.emplace_back(element_path(reader.path("matchKeys"), i),
                                       fmt::format("must be the name of a shard field, is {}",
                                                   describe_kind((*list)[i])));
        parsed.mapping.match_keys.emplace_back(name != nullptr ? std::string_view(*name) : std::string_view());
    }
}

void read_strategies(ObjectReader& reader, EntityMapping& mapping) {
    mapping.conflict_resolution = reader.word<Strategy>("conflictResolution", strategy_words());
    mapping.custom_strategy = reader.text("customStrategy").value_or("");
    mapping.tie_break = reader.word<Strategy>("tieBreak", strategy_words());
    mapping.initial_strategy = reader.word<Strategy>("initialStrategy", strategy_words());
    mapping.delete_conflict_resolution =
        reader.word<DeleteStrategy>("deleteConflictResolution", delete_strategy_words());
    mapping.propagate_deletions = reader.boolean("propagateDeletions");
}

bool starts_with_path(std::string_view path, std::string_view start) {
    if (!path.starts_with(start)) return false;
    return path.size() == start.size() || start.empty() || start.ends_with('.') || path[start.size()] == '.' ||
           path[start.size()] == '[';
}

std::string written_path(const std::string& canonical, const std::vector<Spelling>& spellings) {
    const Spelling* best = nullptr;
    for (const Spelling& spelling : spellings)
        if (starts_with_path(canonical, spelling.canonical) &&
            (best == nullptr || spelling.canonical.size() > best->canonical.size()))
            best = &spelling;
    return best == nullptr ? canonical : best->written + canonical.substr(best->canonical.size());
}

} // namespace

std::span<const Word<Strategy>> strategy_words() { return strategies; }
std::span<const Word<DeleteStrategy>> delete_strategy_words() { return delete_strategies; }
std::span<const Word<Direction>> direction_words() { return directions; }

void read_rails(ObjectReader& parent, RailLimits& rails, bool strict) {
    const json::object* object = parent.object("rails");
    if (object == nullptr) return;
    ObjectReader reader(*object, parent.path("rails"), parent.faults());
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    const auto set_count = [&](std::string_view name, std::int64_t least, std::size_t& into) {
        if (const auto value = reader.integer(name, least, most)) into = static_cast<std::size_t>(*value);
    };
    set_count("maxDeletes", 0, rails.max_deletes);
    set_count("maxPingPong", 1, rails.max_ping_pong);
    rails.max_delete_share = reader.share("maxDeleteShare").value_or(rails.max_delete_share);
    rails.max_update_share = reader.share("maxUpdateShare").value_or(rails.max_update_share);
    rails.stop_on_empty_side = reader.boolean("stopOnEmptySide").value_or(rails.stop_on_empty_side);
    rails.stop_on_all_changed = reader.boolean("stopOnAllChanged").value_or(rails.stop_on_all_changed);
    rails.stop_on_mapping_change = reader.boolean("stopOnMappingChange").value_or(rails.stop_on_mapping_change);
    if (strict) reader.refuse_unknown("rails");
}

ParsedEntityMapping parse_entity_mapping(const json::value& document, const std::string& path,
                                         const RailLimits& inherited, bool strict) {
    ParsedEntityMapping parsed;
    const auto* object = document.if_object();
    if (object == nullptr) {
        parsed.faults.emplace_back(path,
                                   fmt::format("must be an entity mapping, an object, is {}", describe_kind(document)));
        return parsed;
    }
    ObjectReader reader(*object, path, parsed.faults);
    EntityMapping& mapping = parsed.mapping;
    const auto entity = reader.spelling("externalEntity", "externalEntityName");
    if (entity != "externalEntity") parsed.spellings.push_back({"externalEntity", std::string(entity)});
    mapping.external_entity = reader.text(entity).value_or("");
    mapping.shard_type_id = reader.text("shardTypeId").value_or("");
    (void)reader.text("shardTypeName"); // for people
    mapping.id = reader.text("id").value_or("");
    if (mapping.id.empty()) mapping.id = mapping.external_entity + ":" + mapping.shard_type_id;
    mapping.enabled = reader.boolean("enabled").value_or(true);
    mapping.direction = reader.word<Direction>("direction", direction_words());
    read_match_keys(reader, parsed);
    read_field_mappings(reader, strict, parsed);
    if (const json::value* filters = reader.find("filters"))
        mapping.filters = parse_filters(*filters, reader.path("filters"), parsed.faults);
    read_strategies(reader, mapping);
    RailLimits rails = inherited;
    read_rails(reader, rails, strict);
    if (reader.find("rails") != nullptr) mapping.rails = rails;
    if (strict) reader.refuse_unknown("an entity mapping");
    return parsed;
}

void add_meaning(std::vector<ConfigurationFault>& faults, const std::vector<ConfigurationFault>& meaning,
                 const std::string& path, const std::vector<Spelling>& spellings) {
    std::vector<ConfigurationFault> added;
    for (const ConfigurationFault& fault : meaning) {
        const std::string place = member_path(path, written_path(fault.path, spellings));
        const bool told = std::any_of(faults.begin(), faults.end(), [&](const ConfigurationFault& other) {
            return starts_with_path(place, other.path) || starts_with_path(other.path, place);
        });
        if (!told) added.emplace_back(place, fault.message, fault.notice);
    }
    faults.insert(faults.end(), added.begin(), added.end());
}

} // namespace castiel_sync

#include "schema_reading.hpp"

#include "located.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace castiel_sync::service {
namespace {

// What valijson checks and schema.cpp explains.
constexpr std::array<std::string_view, 16> explained_keywords{
    "type",          "enum",      "minimum",    "maximum",
    "minLength",     "maxLength", "pattern",    "items",
    "minItems",      "maxItems",  "required",   "minProperties",
    "maxProperties", "$ref",      "properties", "additionalProperties",
};
constexpr std::array<std::string_view, 10> annotations{"title",    "description", "default", "example",
                                                       "examples", "$comment",    "$schema", "deprecated",
                                                       "readOnly", "writeOnly"};
// Keywords whose value is a schema, a list of schemas, or schemas by name.
constexpr std::array<std::string_view, 8> holds_schema{
    "items", "additionalProperties", "additionalItems", "contains", "not", "if", "then", "else"};
constexpr std::array<std::string_view, 3> holds_schema_list{"allOf", "anyOf", "oneOf"};
constexpr std::array<std::string_view, 2> holds_named_schemas{"properties", "patternProperties"};

// A text that is longer than this costs the recursion of std::regex more stack than a thread may have.
constexpr std::int64_t most_characters_for_pattern = 1024;

template <std::size_t size>
bool is_one_of(const std::array<std::string_view, size>& words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
}

template <class Convert>
json::value convert_below(std::string_view keyword, const json::value& value, Convert convert) {
    if (is_one_of(holds_schema, keyword) && value.is_object()) return convert(value, std::string(keyword));
    if (is_one_of(holds_named_schemas, keyword) && value.is_object()) {
        json::object converted;
        for (const auto& member : value.get_object())
            converted.emplace(member.key(), convert(member.value(), member_path(keyword, member.key())));
        return converted;
    }
    if (is_one_of(holds_schema_list, keyword) && value.is_array()) {
        json::array converted;
        for (const json::value& each : value.get_array())
            converted.push_back(convert(each, element_path(keyword, converted.size())));
        return converted;
    }
    return value;
}

class Reading {
public:
    Reading(const json::value& document, std::vector<ConfigurationFault>& faults)
        : document_(document), faults_(faults) {}

    json::value read(const json::value& schema, const std::string& path) {
        const auto* object = schema.if_object();
        if (object == nullptr) return schema;
        if (const auto* reference = object->if_contains("$ref")) return read_reference(*object, *reference, path);
        json::object read_object;
        for (const auto& member : *object) {
            const std::string place = member_path(path, member.key());
            check_keyword(member.key(), place);
            if (member.key() == "items" && !member.value().is_object()) say(place, "must be one schema");
            read_object.emplace(member.key(), convert_below(member.key(), member.value(),
                                                            [&](const json::value& below, const std::string& name) {
                                                                return read(below, join_path(path, name));
                                                            }));
        }
        check_pattern(read_object, path);
        return read_object;
    }

private:
    void say(const std::string& path, std::string message) { faults_.emplace_back(path, std::move(message)); }

    void check_keyword(std::string_view keyword, const std::string& place) {
        if (is_one_of(explained_keywords, keyword) || is_one_of(annotations, keyword) || keyword.starts_with("x-"))
            return;
        say(place, "is a keyword that is not checked or not explained here");
    }

    void check_pattern(const json::object& schema, const std::string& path) {
        if (!schema.contains("pattern")) return;
        const auto* most = schema.if_contains("maxLength");
        if (most == nullptr || !most->is_int64() || most->get_int64() > most_characters_for_pattern)
            say(member_path(path, "pattern"), "needs a maxLength of at most 1024 beside it");
    }

    // Beside a reference stands what is said about it in this place; it says nothing that is checked.
    json::value read_reference(const json::object& schema, const json::value& reference, const std::string& path) {
        const std::string place = member_path(path, "$ref");
        const std::string target = reference.is_string() ? std::string(reference.get_string()) : std::string();
        boost::system::error_code error;
        const json::value* found = nullptr;
        if (target.starts_with("#/")) found = document_.find_pointer(target.substr(1), error);
        if (found == nullptr || error) {
            say(place, "leads nowhere: " + to_json(reference));
            return json::object();
        }
        if (std::ranges::find(open_, target) != open_.end()) {
            say(place, "leads into itself: " + target);
            return json::object();
        }
        open_.push_back(target);
        json::value read_target = read(*found, path);
        open_.pop_back();
        for (const auto& member : schema) {
            if (member.key() == "$ref") continue;
            if (!is_one_of(annotations, std::string_view(member.key())))
                say(member_path(path, member.key()), "stands beside a $ref, where it is not checked");
            else if (read_target.is_object())
                read_target.get_object()[member.key()] = member.value();
        }
        return read_target;
    }

    const json::value& document_;
    std::vector<ConfigurationFault>& faults_;
    std::vector<std::string> open_;
};

} // namespace

ReadSchema read_schema(const json::value& schema, const json::value& document) {
    ReadSchema result;
    result.schema = Reading(document, result.faults).read(schema, "");
    return result;
}

json::value without_patterns(const json::value& schema) {
    const auto* object = schema.if_object();
    if (object == nullptr) return schema;
    json::object copy;
    for (const auto& member : *object) {
        if (member.key() == "pattern") continue;
        copy.emplace(member.key(),
                     convert_below(member.key(), member.value(), [](const json::value& below, const std::string&) {
                         return without_patterns(below);
                     }));
    }
    return copy;
}

} // namespace castiel_sync::service

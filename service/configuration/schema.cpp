#include "schema.hpp"

#include "located.hpp"

#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace castiel_sync::service {
namespace {

// The part of a schema, and of a value, that one step of a path leads to. Null: unknown.
struct Position {
    const json::value* schema = nullptr;
    const json::value* value = nullptr;
    std::string path;
};

const json::value* member(const json::value* of, std::string_view name) {
    return of != nullptr && of->is_object() ? of->get_object().if_contains(name) : nullptr;
}

const json::value* schema_of_member(const json::value* schema, std::string_view name) {
    if (const auto* named = member(member(schema, "properties"), name)) return named;
    const auto* additional = member(schema, "additionalProperties");
    return additional != nullptr && additional->is_object() ? additional : nullptr;
}

const json::value* schema_of_element(const json::value* schema) {
    const auto* items = member(schema, "items");
    return items != nullptr && items->is_object() ? items : nullptr;
}

// valijson writes the steps of a path as "[name]" and "[0]".
Position step(const Position& from, std::string_view written) {
    const std::string_view name = written.substr(1, written.size() - 2);
    Position to;
    if (from.value != nullptr && from.value->is_array()) {
        std::size_t index = 0;
        std::from_chars(name.data(), name.data() + name.size(), index);
        to.path = element_path(from.path, index);
        to.schema = schema_of_element(from.schema);
        to.value = from.value->get_array().if_contains(index);
    } else {
        to.path = member_path(from.path, name);
        to.schema = schema_of_member(from.schema, name);
        to.value = member(from.value, name);
    }
    return to;
}

std::string_view type_name(std::string_view type) {
    if (type == "string") return "text";
    if (type == "integer") return "a whole number";
    if (type == "number") return "a number";
    if (type == "boolean") return "true or false";
    if (type == "array") return "a list";
    if (type == "object") return "a group of keys";
    return "empty";
}

std::string_view type_of(const json::value& value) {
    if (value.is_string()) return "text";
    if (value.is_bool()) return "true or false";
    if (value.is_number()) return "a number";
    if (value.is_array()) return "a list";
    if (value.is_object()) return "a group of keys";
    return "empty";
}

bool has_type(const json::value& value, std::string_view type) {
    if (type == "integer") return value.is_int64() || value.is_uint64();
    return type_of(value) == type_name(type);
}

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t at = 0; at < words.size(); ++at)
        text.append(at == 0 ? "" : at + 1 == words.size() ? " or " : ", ").append(words[at]);
    return text;
}

std::vector<std::string> allowed_types(const json::value& type) {
    std::vector<std::string> names;
    if (type.is_string()) names.emplace_back(type_name(type.get_string()));
    if (type.is_array())
        for (const auto& each : type.get_array())
            names.emplace_back(type_name(each.as_string()));
    return names;
}

bool type_fits(const json::value& value, const json::value& type) {
    if (type.is_string()) return has_type(value, type.get_string());
    return !type.is_array() || std::ranges::any_of(type.get_array(), [&](const json::value& each) {
        return has_type(value, each.as_string());
    });
}

class Explanation {
public:
    Explanation(const Position& at, std::vector<ConfigurationFault>& faults) : at_(at), faults_(faults) {}

    // Says what is wrong with this very value (not with those in it), in the keywords that our schemas use.
    void explain() {
        const json::value* type = member(at_.schema, "type");
        if (type != nullptr && !type_fits(*at_.value, *type)) return explain_type(*type);
        explain_choice();
        if (at_.value->is_number()) explain_range();
        if (at_.value->is_string()) explain_text();
        if (at_.value->is_array()) explain_size();
        if (at_.value->is_object()) explain_members();
    }

private:
    void say(std::string message) { faults_.emplace_back(at_.path, std::move(message)); }

    void explain_type(const json::value& type) {
        std::string message = "must be " + join(allowed_types(type)) + ", is ";
        const bool cut = at_.value->is_double() && type == "integer";
        message.append(cut ? "a number with a fraction" : type_of(*at_.value));
        if (at_.value->is_number() && type == "string") message += "; put it in quotes";
        say(message);
    }

    void explain_choice() {
        const auto* choices = member(at_.schema, "enum");
        if (choices == nullptr || !choices->is_array()) return;
        std::vector<std::string> names;
        for (const auto& choice : choices->get_array()) {
            if (equal_values(choice, *at_.value)) return;
            names.push_back(choice.is_string() ? std::string(choice.get_string()) : to_json(choice));
        }
        say("must be " + join(names) + ", is " +
            (at_.value->is_string() ? std::string(at_.value->get_string()) : to_json(*at_.value)));
    }

    void explain_range() {
        const double number = at_.value->to_number<double>();
        const std::string shown = to_json(*at_.value);
        if (const auto* least = member(at_.schema, "minimum"); least != nullptr && number < least->to_number<double>())
            say("must be at least " + to_json(*least) + ", is " + shown);
        if (const auto* most = member(at_.schema, "maximum"); most != nullptr && number > most->to_number<double>())
            say("must be at most " + to_json(*most) + ", is " + shown);
    }

    void explain_text() {
        const auto& text = at_.value->get_string();
        if (const auto* least = member(at_.schema, "minLength");
            least != nullptr && text.size() < least->to_number<std::size_t>())
            say(text.empty() ? std::string("must not be empty")
                             : "must have at least " + to_json(*least) + " characters");
    }

    void explain_size() {
        if (const auto* least = member(at_.schema, "minItems");
            least != nullptr && at_.value->get_array().size() < least->to_number<std::size_t>())
            say("must have at least " + to_json(*least) + " elements");
    }

    void explain_members() {
        if (const auto* required = member(at_.schema, "required"); required != nullptr && required->is_array())
            for (const auto& name : required->get_array())
                if (!at_.value->get_object().contains(name.as_string()))
                    faults_.emplace_back(member_path(at_.path, name.as_string()), "is missing");
        const auto* additional = member(at_.schema, "additionalProperties");
        const auto* properties = member(at_.schema, "properties");
        if (additional == nullptr || *additional != false || properties == nullptr) return;
        for (const auto& entry : at_.value->get_object()) {
            if (properties->get_object().contains(entry.key())) continue;
            std::vector<std::string> names;
            for (const auto& known : properties->get_object())
                names.emplace_back(known.key());
            faults_.emplace_back(member_path(at_.path, entry.key()), "is not a known key; here may be " + join(names));
        }
    }

    const Position& at_;
    std::vector<ConfigurationFault>& faults_;
};

Position follow(const Position& root, const std::vector<std::string>& context) {
    Position at = root;
    for (const std::string& written : context)
        if (written.size() >= 2 && written.front() == '[') at = step(at, written);
    return at;
}

std::string sentence(std::string description, const json::value* schema) {
    if (const auto* pattern = member(schema, "pattern");
        pattern != nullptr && description.find("regex") != std::string::npos)
        return "must match " + to_json(*pattern);
    if (!description.empty()) description.front() = static_cast<char>(std::tolower(description.front()));
    if (description.ends_with('.')) description.pop_back();
    return "is not allowed: " + description;
}

} // namespace

std::vector<ConfigurationFault> validate(const json::value& schema, const json::value& value) {
    valijson::Schema compiled;
    valijson::SchemaParser(valijson::SchemaParser::kDraft7)
        .populateSchema(valijson::adapters::BoostJsonAdapter(schema), compiled);
    valijson::ValidationResults results;
    valijson::Validator validator(valijson::Validator::kStrongTypes);
    std::vector<ConfigurationFault> faults;
    if (validator.validate(compiled, valijson::adapters::BoostJsonAdapter(value), &results)) return faults;

    // valijson reports a fault once more for every value around it. Each value is explained once, from the schema;
    // what the explanation does not know keeps valijson's own words, at the innermost value.
    struct Report {
        Position at;
        std::string description;
    };
    std::map<std::string, Report> reports;
    const Position root{&schema, &value, ""};
    for (valijson::ValidationResults::Error error; results.popError(error);) {
        Position at = follow(root, error.context);
        std::string path = at.path;
        reports.try_emplace(std::move(path), Report{std::move(at), error.description});
    }
    std::set<std::string> explained;
    const auto is_explained_below = [&](const std::string& path) {
        return std::ranges::any_of(explained, [&](const std::string& each) { return each.starts_with(path); });
    };
    for (auto report = reports.rbegin(); report != reports.rend(); ++report) {
        const auto& [path, found] = *report;
        const std::size_t before = faults.size();
        if (found.at.schema != nullptr && found.at.value != nullptr) Explanation(found.at, faults).explain();
        if (faults.size() == before && !is_explained_below(path))
            faults.emplace_back(path, sentence(found.description, found.at.schema));
        if (faults.size() != before) explained.insert(path);
    }
    std::ranges::stable_sort(faults, {}, &ConfigurationFault::path);
    return faults;
}

bool wants_text(const json::value& schema, std::string_view path) {
    const json::value* at = &schema;
    for (std::size_t start = 0; start < path.size() && at != nullptr;) {
        if (path[start] == '[') {
            at = schema_of_element(at);
            start = path.find(']', start) + 1;
            continue;
        }
        if (path[start] == '.') ++start;
        const std::size_t end = std::min(path.find_first_of(".[", start), path.size());
        at = schema_of_member(at, path.substr(start, end - start));
        start = end;
    }
    const json::value* type = member(at, "type");
    return type != nullptr && *type == "string";
}

} // namespace castiel_sync::service

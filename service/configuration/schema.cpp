#include "schema.hpp"

#include "located.hpp"
#include "pattern.hpp"
#include "schema_reading.hpp"

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

using Patterns = std::map<std::string, Pattern, std::less<>>;

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

// A value, its schema, and the way to it. The path is written only when there is something to say about it.
struct Position {
    const json::value* schema = nullptr;
    const json::value* value = nullptr;
    const Position* around = nullptr;
    std::string_view name; // of a member
    std::size_t index = 0; // of an element

    [[nodiscard]] std::string path() const {
        if (around == nullptr) return "";
        return around->value->is_array() ? element_path(around->path(), index) : member_path(around->path(), name);
    }
};

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

// Strangers send these, and may send long ones.
std::string quoted(std::string_view text) {
    constexpr std::size_t most = 100;
    if (text.size() <= most) return std::string(text);
    std::size_t end = most;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
        --end;
    return std::string(text.substr(0, end)) + "…";
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

bool exceeds(std::size_t count, const json::value* most) {
    return most != nullptr && count > most->to_number<std::size_t>();
}
bool falls_short(std::size_t count, const json::value* least) {
    return least != nullptr && count < least->to_number<std::size_t>();
}

// Says what is wrong with a value and with all in it, in the keywords that our schemas use.
class Explanation {
public:
    Explanation(const Patterns& patterns, std::size_t limit, std::vector<ConfigurationFault>& faults)
        : patterns_(patterns), limit_(limit), faults_(faults) {}

    void explain(const Position& at) {
        if (full() || at.schema == nullptr) return;
        const json::value* type = member(at.schema, "type");
        if (type != nullptr && !type_fits(*at.value, *type)) return explain_type(at, *type);
        explain_choice(at);
        if (at.value->is_number()) explain_range(at);
        if (at.value->is_string()) explain_text(at);
        if (at.value->is_array()) explain_elements(at);
        if (at.value->is_object()) explain_members(at);
    }

private:
    [[nodiscard]] bool full() const { return faults_.size() >= limit_; }
    void say(std::string path, std::string message) {
        if (!full()) faults_.emplace_back(std::move(path), std::move(message));
    }
    void say(const Position& at, std::string message) { say(at.path(), std::move(message)); }

    void explain_type(const Position& at, const json::value& type) {
        std::string message = "must be " + join(allowed_types(type)) + ", is ";
        const bool cut = at.value->is_double() && type == "integer";
        message.append(cut ? "a number with a fraction" : type_of(*at.value));
        if (at.value->is_number() && type == "string") message += "; put it in quotes";
        say(at, std::move(message));
    }

    void explain_choice(const Position& at) {
        const auto* choices = member(at.schema, "enum");
        if (choices == nullptr || !choices->is_array()) return;
        for (const auto& choice : choices->get_array())
            if (equal_values(choice, *at.value)) return;
        std::vector<std::string> names;
        for (const auto& choice : choices->get_array())
            names.push_back(choice.is_string() ? std::string(choice.get_string()) : to_json(choice));
        say(at, "must be " + join(names) + ", is " +
                    quoted(at.value->is_string() ? std::string(at.value->get_string()) : to_json(*at.value)));
    }

    void explain_range(const Position& at) {
        const double number = at.value->to_number<double>();
        if (const auto* least = member(at.schema, "minimum"); least != nullptr && number < least->to_number<double>())
            say(at, "must be at least " + to_json(*least) + ", is " + to_json(*at.value));
        if (const auto* most = member(at.schema, "maximum"); most != nullptr && number > most->to_number<double>())
            say(at, "must be at most " + to_json(*most) + ", is " + to_json(*at.value));
    }

    // A title names what a text with bounds or a pattern is, better than they do: "a UUID".
    void explain_text(const Position& at) {
        const std::string_view text = at.value->get_string();
        const auto* least = member(at.schema, "minLength");
        const auto* most = member(at.schema, "maxLength");
        const auto* pattern = member(at.schema, "pattern");
        const std::size_t length = least != nullptr || most != nullptr ? characters(text) : 0;
        std::string message;
        if (falls_short(length, least))
            message = text.empty() ? "must not be empty" : "must have at least " + to_json(*least) + " characters";
        else if (exceeds(length, most))
            message = "must have at most " + to_json(*most) + " characters";
        else if (pattern != nullptr && !matches(text, *pattern))
            message = "must match " + to_json(*pattern);
        if (message.empty()) return;
        const auto* title = member(at.schema, "title");
        if (title != nullptr && title->is_string() && !text.empty())
            message = "must be " + std::string(title->get_string()) + ", is " + quoted(text);
        say(at, std::move(message));
    }

    [[nodiscard]] bool matches(std::string_view text, const json::value& pattern) const {
        const auto found =
            pattern.is_string() ? patterns_.find(std::string_view(pattern.get_string())) : patterns_.end();
        return found == patterns_.end() || found->second.is_found_in(text);
    }

    void explain_elements(const Position& at) {
        const auto& array = at.value->get_array();
        const auto* least = member(at.schema, "minItems");
        const auto* most = member(at.schema, "maxItems");
        if (falls_short(array.size(), least)) say(at, "must have at least " + to_json(*least) + " elements");
        if (exceeds(array.size(), most)) return say(at, "must have at most " + to_json(*most) + " elements");
        const json::value* schema = schema_of_element(at.schema);
        if (schema == nullptr) return;
        for (std::size_t index = 0; index < array.size() && !full(); ++index)
            explain({schema, &array[index], &at, {}, index});
    }

    void explain_members(const Position& at) {
        const auto& object = at.value->get_object();
        const auto* least = member(at.schema, "minProperties");
        const auto* most = member(at.schema, "maxProperties");
        if (falls_short(object.size(), least)) say(at, "must have at least " + to_json(*least) + " keys");
        if (exceeds(object.size(), most)) return say(at, "must have at most " + to_json(*most) + " keys");
        if (const auto* required = member(at.schema, "required"); required != nullptr && required->is_array())
            for (const auto& name : required->get_array())
                if (!object.contains(name.as_string())) say(member_path(at.path(), name.as_string()), "is missing");
        const auto* additional = member(at.schema, "additionalProperties");
        const bool closed = additional != nullptr && *additional == false;
        for (const auto& entry : object) {
            if (full()) return;
            const json::value* schema = schema_of_member(at.schema, entry.key());
            if (schema != nullptr)
                explain({schema, &entry.value(), &at, entry.key(), 0});
            else if (closed)
                explain_unknown(at, entry.key());
        }
    }

    void explain_unknown(const Position& at, std::string_view name) {
        if (member(at.schema, "patternProperties") != nullptr) return;
        const auto* properties = member(at.schema, "properties");
        if (member(properties, name) != nullptr) return;
        std::vector<std::string> names;
        if (properties != nullptr && properties->is_object())
            for (const auto& known : properties->get_object())
                names.emplace_back(known.key());
        say(member_path(at.path(), quoted(name)), names.empty() ? std::string("is not a known key; here may be none")
                                                                : "is not a known key; here may be " + join(names));
    }

    const Patterns& patterns_;
    std::size_t limit_;
    std::vector<ConfigurationFault>& faults_;
};

// valijson writes the steps of a path as "[name]" and "[0]".
struct Report {
    std::string path;
    const json::value* schema = nullptr;
    std::string description;
};

Report follow(const json::value& schema, const json::value& value, const valijson::ValidationResults::Error& error) {
    Report report{"", &schema, error.description};
    const json::value* at = &value;
    for (const std::string& written : error.context) {
        if (written.size() < 2 || written.front() != '[') continue;
        const std::string_view name = std::string_view(written).substr(1, written.size() - 2);
        if (at != nullptr && at->is_array()) {
            std::size_t index = 0;
            std::from_chars(name.data(), name.data() + name.size(), index);
            report.path = element_path(report.path, index);
            report.schema = schema_of_element(report.schema);
            at = at->get_array().if_contains(index);
        } else {
            report.path = member_path(report.path, name);
            report.schema = schema_of_member(report.schema, name);
            at = member(at, name);
        }
    }
    return report;
}

std::string sentence(std::string description, const json::value* schema) {
    if (const auto* pattern = member(schema, "pattern");
        pattern != nullptr && description.find("regex") != std::string::npos)
        return "must match " + to_json(*pattern);
    if (!description.empty()) description.front() = static_cast<char>(std::tolower(description.front()));
    if (description.ends_with('.')) description.pop_back();
    return "is not allowed: " + description;
}

void collect_patterns(const json::value& schema, Patterns& patterns) {
    if (const auto* list = schema.if_array())
        for (const json::value& each : *list)
            collect_patterns(each, patterns);
    const auto* object = schema.if_object();
    if (object == nullptr) return;
    for (const auto& each : *object) {
        if (each.key() == "pattern" && each.value().is_string()) {
            const std::string text(each.value().get_string());
            if (!patterns.contains(text)) patterns.emplace(text, Pattern(text));
        }
        collect_patterns(each.value(), patterns);
    }
}

// Of a text, a number or a truth value there is nothing that the explanation could pass over: it looks at each keyword
// by itself. A parameter of a request is one, and valijson takes longer to judge it than the rest of its reading.
bool holds_no_other_value(const json::value& schema) {
    const auto* type = member(&schema, "type");
    return type != nullptr && type->is_string() && *type != "object" && *type != "array";
}

} // namespace

struct CompiledSchema::State {
    ReadSchema read;
    Patterns patterns;
    valijson::Schema compiled;
    bool explanation_decides = false;

    // valijson would compile a pattern anew for each check, and tries it on a text of any length while it collects its
    // reports, where std::regex recurses once for each character. Where every keyword is explained, patterns are left
    // to the explanation, which compiled them once and judges the length first.
    void compile() {
        const bool explained = read.faults.empty();
        if (explained) collect_patterns(read.schema, patterns);
        explanation_decides = explained && holds_no_other_value(read.schema);
        const json::value checked = explained ? without_patterns(read.schema) : read.schema;
        valijson::SchemaParser(valijson::SchemaParser::kDraft7)
            .populateSchema(valijson::adapters::BoostJsonAdapter(checked), compiled);
    }

    bool fits(const json::value& value, valijson::ValidationResults* results) const {
        valijson::Validator validator(valijson::Validator::kStrongTypes);
        return validator.validate(compiled, valijson::adapters::BoostJsonAdapter(value), results);
    }

    // What the explanation does not know keeps valijson's own words. It reports a fault once more for every value
    // around it; only the innermost one counts.
    void add_reports(const json::value& value, std::size_t limit, std::vector<ConfigurationFault>& faults) const {
        valijson::ValidationResults results;
        if (fits(value, &results)) return;
        std::map<std::string, Report> reports;
        for (valijson::ValidationResults::Error error; results.popError(error);) {
            Report report = follow(read.schema, value, error);
            std::string path = report.path;
            reports.try_emplace(std::move(path), std::move(report));
        }
        std::set<std::string, std::less<>> explained;
        for (const ConfigurationFault& fault : faults)
            explained.insert(fault.path);
        for (auto report = reports.rbegin(); report != reports.rend() && faults.size() < limit; ++report) {
            const auto below = explained.lower_bound(report->first);
            if (below != explained.end() && below->starts_with(report->first)) continue;
            faults.emplace_back(report->first, sentence(report->second.description, report->second.schema));
            explained.insert(report->first);
        }
    }
};

CompiledSchema::CompiledSchema(const json::value& schema, const json::value& document)
    : state_(std::make_unique<State>()) {
    state_->read = read_schema(schema, document);
    state_->compile();
}

CompiledSchema::~CompiledSchema() = default;
CompiledSchema::CompiledSchema(CompiledSchema&&) noexcept = default;
CompiledSchema& CompiledSchema::operator=(CompiledSchema&&) noexcept = default;

const std::vector<ConfigurationFault>& CompiledSchema::faults() const noexcept { return state_->read.faults; }
const json::value& CompiledSchema::resolved() const noexcept { return state_->read.schema; }

std::vector<ConfigurationFault> CompiledSchema::validate(const json::value& value, std::size_t limit) const {
    std::vector<ConfigurationFault> faults;
    const bool fits = state_->explanation_decides || state_->fits(value, nullptr);
    if (fits && !state_->explanation_decides && state_->patterns.empty()) return faults;
    Explanation(state_->patterns, limit, faults).explain({&state_->read.schema, &value, nullptr, {}, 0});
    if (!fits && (faults.empty() || !state_->read.faults.empty())) state_->add_reports(value, limit, faults);
    std::ranges::stable_sort(faults, {}, &ConfigurationFault::path);
    return faults;
}

std::vector<ConfigurationFault> validate(const json::value& schema, const json::value& value) {
    return CompiledSchema(schema).validate(value);
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

#include <core/filter.hpp>

#include <core/decimal.hpp>
#include <core/mapping.hpp>
#include <core/mapping_reader.hpp>
#include <core/path.hpp>

#include <castiel_sync/time.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace castiel_sync {
namespace {

constexpr std::size_t max_filters = 100;
constexpr std::size_t max_choices = 10'000;

constexpr std::array<Word<Filter::Operator>, 7> operators{{{"equals", Filter::Operator::equals},
                                                           {"not_equals", Filter::Operator::not_equals},
                                                           {"contains", Filter::Operator::contains},
                                                           {"gt", Filter::Operator::gt},
                                                           {"lt", Filter::Operator::lt},
                                                           {"in", Filter::Operator::in},
                                                           {"not_in", Filter::Operator::not_in}}};

bool is_scalar(const json::value& value) { return !value.is_array() && !value.is_object() && !value.is_null(); }

bool contains(const json::value& value, const json::value& part) {
    if (const auto* text = value.if_string()) {
        const auto* piece = part.if_string();
        return piece != nullptr && std::string_view(*text).find(std::string_view(*piece)) != std::string_view::npos;
    }
    const auto* list = value.if_array();
    return list != nullptr && std::any_of(list->begin(), list->end(),
                                          [&](const json::value& element) { return equal_values(element, part); });
}

// Numbers by value; moments in time by time, however they are written; other texts by bytes. nullopt: not comparable.
std::optional<int> compare(const json::value& left, const json::value& right) {
    if (left.is_number() && right.is_number()) return compare_numbers(left, right);
    if (!left.is_string() || !right.is_string()) return std::nullopt;
    if (const auto right_time = parse_timestamp(right.get_string()))
        if (const auto left_time = parse_timestamp(left.get_string()))
            return *left_time < *right_time ? -1 : (*left_time > *right_time ? 1 : 0);
    const int order = std::string_view(left.get_string()).compare(std::string_view(right.get_string()));
    return order < 0 ? -1 : (order > 0 ? 1 : 0);
}

bool is_one_of(const json::value& value, const json::value& choices) {
    const auto* list = choices.if_array();
    return list != nullptr && std::any_of(list->begin(), list->end(),
                                          [&](const json::value& choice) { return equal_values(value, choice); });
}

bool matches(const Filter& filter, const json::object& external) {
    static const json::value absent; // an absent member and null are the same to a filter
    const json::value* found = find_path(external, filter.field);
    const json::value& value = found != nullptr ? *found : absent;
    switch (filter.op) {
    case Filter::Operator::equals: return equal_values(value, filter.value);
    case Filter::Operator::not_equals: return !equal_values(value, filter.value);
    case Filter::Operator::contains: return contains(value, filter.value);
    case Filter::Operator::gt: return compare(value, filter.value).value_or(0) > 0;
    case Filter::Operator::lt: return compare(value, filter.value).value_or(0) < 0;
    case Filter::Operator::in: return is_one_of(value, filter.value);
    case Filter::Operator::not_in: return !is_one_of(value, filter.value);
    }
    return false;
}

void check_value(const Filter& filter, const std::string& path, std::vector<ConfigurationFault>& faults) {
    const auto refuse = [&](std::string_view expected) {
        faults.emplace_back(path, fmt::format("must be {} with operator {}, is {}", expected, to_string(filter.op),
                                              describe_kind(filter.value)));
    };
    switch (filter.op) {
    case Filter::Operator::equals:
    case Filter::Operator::not_equals: break;
    case Filter::Operator::contains:
        if (!is_scalar(filter.value)) refuse("text, a number, true or false");
        break;
    case Filter::Operator::gt:
    case Filter::Operator::lt:
        if (!filter.value.is_number() && !filter.value.is_string()) refuse("a number or text");
        break;
    case Filter::Operator::in:
    case Filter::Operator::not_in:
        if (!filter.value.is_array())
            refuse("a list");
        else if (filter.value.get_array().size() > max_choices)
            faults.emplace_back(path, fmt::format("has more than {} elements", max_choices));
        break;
    }
}

void check_filter(const Filter& filter, const std::string& field_path, const std::string& value_path,
                  std::vector<ConfigurationFault>& faults) {
    if (auto parsed = Path::parse(filter.field); !parsed) faults.emplace_back(field_path, parsed.error().message);
    check_value(filter, value_path, faults);
}

void read_filter(ObjectReader& reader, Filter& filter) {
    if (auto field = reader.text("field"))
        filter.field = std::move(*field);
    else if (reader.find("field") == nullptr)
        reader.fault("field", "is missing: name the external field, such as stage or owner.id");
    const auto op = reader.word<Filter::Operator>("operator", operators);
    if (op)
        filter.op = *op;
    else if (reader.find("operator") == nullptr)
        reader.fault("operator", "is missing: use equals, not_equals, contains, gt, lt, in or not_in");
    if (const json::value* value = reader.find_or_null("value"))
        filter.value = *value;
    else
        reader.fault("value", "is missing: give the value to compare with (null matches absent fields too)");
    reader.refuse_unknown("a filter");
}

} // namespace

std::string_view to_string(Filter::Operator op) noexcept {
    for (const auto& word : operators)
        if (word.value == op) return word.text;
    return "unknown";
}

std::optional<Filter::Operator> parse_filter_operator(std::string_view text) noexcept {
    for (const auto& word : operators)
        if (word.text == text) return word.value;
    return std::nullopt;
}

bool matches(const std::vector<Filter>& filters, const json::object& external) {
    return std::all_of(filters.begin(), filters.end(),
                       [&](const Filter& filter) { return matches(filter, external); });
}

void check_filters(const std::vector<Filter>& filters, const std::string& path,
                   std::vector<ConfigurationFault>& faults) {
    if (filters.size() > max_filters)
        faults.emplace_back(path, fmt::format("has more than {} filters", max_filters));
    for (std::size_t i = 0; i < filters.size(); ++i) {
        const std::string place = element_path(path, i);
        check_filter(filters[i], member_path(place, "field"), member_path(place, "value"), faults);
    }
}

std::vector<Filter> parse_filters(const json::value& filters, const std::string& path,
                                  std::vector<ConfigurationFault>& faults) {
    std::vector<Filter> parsed;
    if (const auto* members = filters.if_object()) {
        for (const auto& member : *members) {
            Filter& filter = parsed.emplace_back();
            filter.field = member.key();
            filter.op = member.value().is_array() ? Filter::Operator::in : Filter::Operator::equals;
            filter.value = member.value();
            // In this form a filter has a name in place of a number, and no keys of its own.
            const std::string place = member_path(path, filter.field);
            check_filter(filter, place, place, faults);
        }
        return parsed;
    }
    const auto* list = filters.if_array();
    if (list == nullptr) {
        faults.emplace_back(path, fmt::format("must be a list of filters, is {}", describe_kind(filters)));
        return parsed;
    }
    std::vector<ConfigurationFault> shape, meaning;
    for (std::size_t i = 0; i < list->size() && i <= max_filters; ++i) {
        Filter& filter = parsed.emplace_back();
        const std::string place = element_path(path, i);
        if (const auto* object = (*list)[i].if_object()) {
            ObjectReader reader(*object, place, shape);
            read_filter(reader, filter);
        } else {
            shape.emplace_back(place, fmt::format("must be an object with field, operator and value, is {}",
                                                  describe_kind((*list)[i])));
        }
    }
    check_filters(parsed, path, meaning);
    for (ConfigurationFault& fault : meaning) {
        const bool told = std::any_of(shape.begin(), shape.end(), [&](const ConfigurationFault& other) {
            return fault.path.starts_with(other.path) || other.path.starts_with(fault.path);
        });
        if (!told) faults.push_back(std::move(fault));
    }
    faults.insert(faults.end(), std::make_move_iterator(shape.begin()), std::make_move_iterator(shape.end()));
    return parsed;
}

} // namespace castiel_sync

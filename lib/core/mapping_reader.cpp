#include <core/mapping_reader.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace castiel_sync {
namespace {

// How many letters must change, up to a small bound, to make one name of the other.
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= left.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= right.size(); ++j) {
            const std::size_t replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
        }
    }
    return row.back();
}

std::string_view nearest(std::string_view name, const std::vector<std::string>& known) {
    constexpr std::size_t farthest = 2;
    constexpr std::size_t longest = 64;
    std::string_view best;
    std::size_t best_distance = farthest + 1;
    if (name.size() > longest) return best;
    for (const std::string& candidate : known) {
        const std::size_t steps = distance(name, candidate);
        if (steps < best_distance && steps < candidate.size()) best = candidate, best_distance = steps;
    }
    return best;
}

} // namespace

std::string_view describe_kind(const json::value& value) noexcept {
    switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "true or false";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_: return "a number";
    case json::kind::string: return "text";
    case json::kind::array: return "a list";
    case json::kind::object: return "an object";
    }
    return "unknown";
}

std::string member_path(std::string_view parent, std::string_view name) {
    return parent.empty() ? std::string(name) : fmt::format("{}.{}", parent, name);
}

std::string element_path(std::string_view parent, std::size_t index) { return fmt::format("{}[{}]", parent, index); }

const json::value* ObjectReader::find_or_null(std::string_view name) {
    if (std::find(known_.begin(), known_.end(), name) == known_.end()) known_.emplace_back(name);
    return object_.if_contains(name);
}

const json::value* ObjectReader::find(std::string_view name) {
    const json::value* value = find_or_null(name);
    return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<std::string> ObjectReader::text(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (const auto* string = value->if_string()) return std::string(*string);
    refuse_kind(name, "text", *value);
    return std::nullopt;
}

std::optional<bool> ObjectReader::boolean(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (const auto* flag = value->if_bool()) return *flag;
    refuse_kind(name, "true or false", *value);
    return std::nullopt;
}

std::optional<std::int64_t> ObjectReader::integer(std::string_view name, std::int64_t least, std::int64_t most) {
    const json::value* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) {
        refuse_kind(name, "a whole number", *value);
        return std::nullopt;
    }
    boost::system::error_code refused;
    const auto number = value->to_number<std::int64_t>(refused);
    if (!refused && number >= least && number <= most) return number;
    fault(name, fmt::format("must be a whole number from {} to {}, is {}", least, most, to_json(*value)));
    return std::nullopt;
}

std::optional<double> ObjectReader::share(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) {
        refuse_kind(name, "a number from 0 to 1", *value);
        return std::nullopt;
    }
    const double number = value->to_number<double>();
    if (number >= 0 && number <= 1) return number;
    fault(name, fmt::format("must be a share from 0 to 1 (0.25 is a quarter), is {}", to_json(*value)));
    return std::nullopt;
}

const json::array* ObjectReader::list(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) return nullptr;
    if (!value->is_array()) refuse_kind(name, "a list", *value);
    return value->if_array();
}

const json::object* ObjectReader::object(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) refuse_kind(name, "an object", *value);
    return value->if_object();
}

std::string_view ObjectReader::spelling(std::string_view name, std::string_view other) {
    const json::value* first = find(name);
    const json::value* second = find(other);
    if (first != nullptr && second != nullptr && !equal_values(*first, *second))
        fault(other, fmt::format("says something else than '{}', which means the same; keep one of them", name));
    return second != nullptr ? other : name;
}

void ObjectReader::fault(std::string_view name, std::string message) {
    faults_.emplace_back(path(name), std::move(message));
}

void ObjectReader::fault_here(std::string message) { faults_.emplace_back(path_, std::move(message)); }

void ObjectReader::refuse_unknown(std::string_view what) {
    for (const auto& member : object_) {
        const std::string_view name = member.key();
        if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
        const std::string_view meant = nearest(name, known_);
        if (!meant.empty())
            fault(name, fmt::format("is not a key of {}; did you mean '{}'?", what, meant));
        else
            fault(name, fmt::format("is not a key of {}; remove it, or use one of: {}", what, fmt::join(known_, ", ")));
    }
}

void ObjectReader::refuse_kind(std::string_view name, std::string_view expected, const json::value& value) {
    fault(name, fmt::format("must be {}, is {}", expected, describe_kind(value)));
}

void ObjectReader::refuse_word(std::string_view name, std::string_view written, std::string_view offered) {
    fault(name, fmt::format("'{}' is not known; use one of: {}", excerpt(written), offered));
}

} // namespace castiel_sync

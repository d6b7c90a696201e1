#include <castiel_sync/json.hpp>
#include <core/json_number.hpp>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace castiel_sync {
namespace {

bool equals_double(const json::value& value, double other) {
    switch (value.kind()) {
    case json::kind::int64:
        return as_int64(other) == value.get_int64();
    case json::kind::uint64:
        return as_uint64(other) == value.get_uint64();
    case json::kind::double_: {
        // Not a number equals itself here: a record that holds it must not look changed for ever.
        const double own = value.get_double();
        return own == other || (std::isnan(own) && std::isnan(other));
    }
    default:
        return false;
    }
}

bool equal_numbers(const json::value& left, const json::value& right) {
    if (left.is_double()) return equals_double(right, left.get_double());
    if (right.is_double()) return equals_double(left, right.get_double());
    if (left.is_int64() && right.is_int64()) return left.get_int64() == right.get_int64();
    if (left.is_uint64() && right.is_uint64()) return left.get_uint64() == right.get_uint64();
    return left.is_int64() ? std::cmp_equal(left.get_int64(), right.get_uint64())
                           : std::cmp_equal(left.get_uint64(), right.get_int64());
}

bool equal_arrays(const json::array& left, const json::array& right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), equal_values);
}

// Members mostly stand in the same order; where they don't, they are looked up.
bool equal_objects(const json::object& left, const json::object& right) {
    if (left.size() != right.size()) return false;
    auto counterpart = right.begin();
    for (const auto& member : left) {
        const json::value* other = nullptr;
        if (counterpart != right.end() && counterpart->key() == member.key()) {
            other = &counterpart->value();
            ++counterpart;
        } else {
            other = right.if_contains(member.key());
        }
        if (other == nullptr || !equal_values(member.value(), *other)) return false;
    }
    return true;
}

std::vector<std::string> canonical_elements(const json::array& array) {
    std::vector<std::string> elements;
    elements.reserve(array.size());
    for (const auto& element : array)
        elements.push_back(to_canonical_json(element));
    std::sort(elements.begin(), elements.end());
    return elements;
}

} // namespace

bool equal_values(const json::value& left, const json::value& right) {
    if (left.is_number() && right.is_number()) return equal_numbers(left, right);
    if (left.kind() != right.kind()) return false;
    switch (left.kind()) {
    case json::kind::null:
        return true;
    case json::kind::bool_:
        return left.get_bool() == right.get_bool();
    case json::kind::string:
        return left.get_string() == right.get_string();
    case json::kind::array:
        return equal_arrays(left.get_array(), right.get_array());
    case json::kind::object:
        return equal_objects(left.get_object(), right.get_object());
    default:
        return false;
    }
}

bool equal_unordered(const json::value& left, const json::value& right) {
    if (equal_values(left, right)) return true;
    if (!left.is_array() || !right.is_array() || left.get_array().size() != right.get_array().size()) return false;
    // Equal values have equal canonical text, and sorting that text costs less than comparing each with each.
    return canonical_elements(left.get_array()) == canonical_elements(right.get_array());
}

} // namespace castiel_sync

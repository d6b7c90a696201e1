#include "own_json.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>

namespace simulation {
namespace {

bool same_numbers(const json::value& left, const json::value& right) {
    if (left.is_double() || right.is_double()) return left.to_number<double>() == right.to_number<double>();
    const bool left_big = left.is_uint64() && left.get_uint64() > INT64_MAX;
    const bool right_big = right.is_uint64() && right.get_uint64() > INT64_MAX;
    if (left_big || right_big) return left_big && right_big && left.get_uint64() == right.get_uint64();
    return left.to_number<std::int64_t>() == right.to_number<std::int64_t>();
}

bool same_lists(const json::array& left, const json::array& right, bool unordered) {
    if (left.size() != right.size()) return false;
    if (!unordered) return std::equal(left.begin(), left.end(), right.begin(),
                                      [](const json::value& a, const json::value& b) { return same(a, b); });
    std::vector<bool> used(right.size());
    for (const json::value& element : left) {
        std::size_t i = 0;
        while (i < right.size() && (used[i] || !same(element, right[i]))) ++i;
        if (i == right.size()) return false;
        used[i] = true;
    }
    return true;
}

} // namespace

bool same(const json::value& left, const json::value& right, bool unordered) {
    if (left.is_number() && right.is_number()) return same_numbers(left, right);
    if (left.kind() != right.kind()) return false;
    if (left.is_array()) return same_lists(left.get_array(), right.get_array(), unordered);
    if (left.is_string()) return left.get_string() == right.get_string();
    if (left.is_bool()) return left.get_bool() == right.get_bool();
    if (!left.is_object()) return true;
    if (left.get_object().size() != right.get_object().size()) return false;
    for (const auto& member : left.get_object()) {
        const json::value* other = right.get_object().if_contains(member.key());
        if (!other || !same(member.value(), *other)) return false;
    }
    return true;
}

bool same(const std::optional<json::value>& left, const std::optional<json::value>& right, bool unordered) {
    if (!left || !right) return !left && !right;
    return same(*left, *right, unordered);
}

std::optional<json::value> get(const json::object& object, std::string_view path) {
    const auto dot = path.find('.');
    const json::value* member = object.if_contains(path.substr(0, dot));
    if (!member) return std::nullopt;
    if (dot == std::string_view::npos) return *member;
    if (!member->is_object()) return std::nullopt;
    return get(member->get_object(), path.substr(dot + 1));
}

void set(json::object& object, std::string_view path, json::value value) {
    const auto dot = path.find('.');
    json::value& member = object[path.substr(0, dot)];
    if (dot == std::string_view::npos) {
        member = std::move(value);
        return;
    }
    if (!member.is_object()) member.emplace_object();
    set(member.get_object(), path.substr(dot + 1), std::move(value));
}

bool erase(json::object& object, std::string_view path) {
    const auto dot = path.find('.');
    if (dot == std::string_view::npos) return object.erase(path) > 0;
    json::value* member = object.if_contains(path.substr(0, dot));
    return member && member->is_object() && erase(member->get_object(), path.substr(dot + 1));
}

std::string text(const std::optional<json::value>& value) { return value ? json::serialize(*value) : "absent"; }

Traces traces_in(std::string_view text) {
    Traces traces;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] < '0' || text[i] > '9') {
            ++i;
            continue;
        }
        const std::size_t begin = i;
        std::uint64_t number = 0;
        for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i)
            number = number * 10 + static_cast<std::uint64_t>(text[i] - '0');
        const bool tagged = begin >= 2 && text[begin - 1] == 'u' && text[begin - 2] == '#' && i < text.size() &&
                            text[i] == ';';
        if (tagged)
            traces.tags.push_back(number);
        else if (i - begin >= 7)
            traces.numbers.push_back(number);
    }
    return traces;
}

} // namespace simulation

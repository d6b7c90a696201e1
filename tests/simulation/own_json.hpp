// The oracle's own few functions on JSON: it judges the engine, so it shares none of the engine's.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace simulation {

namespace json = boost::json;

// By value: numbers by size whatever their form, members in any order; elements too when `unordered`.
[[nodiscard]] bool same(const json::value& left, const json::value& right, bool unordered = false);
[[nodiscard]] bool same(const std::optional<json::value>& left, const std::optional<json::value>& right,
                        bool unordered = false);

// Members by dotted path; objects only.
[[nodiscard]] std::optional<json::value> get(const json::object& object, std::string_view path);
void set(json::object& object, std::string_view path, json::value value);
bool erase(json::object& object, std::string_view path);

[[nodiscard]] std::string text(const std::optional<json::value>& value);

// The user writes whose tags "#u123;" occur in the text, and the numbers of seven digits or more.
struct Traces {
    std::vector<std::uint64_t> tags;
    std::vector<std::uint64_t> numbers;
};
[[nodiscard]] Traces traces_in(std::string_view text);

} // namespace simulation

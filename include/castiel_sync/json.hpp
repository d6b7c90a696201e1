// Strict JSON at the edges: what can't be carried exactly is refused, never rounded or dropped.
#pragma once

#include <castiel_sync/error.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace castiel_sync {

namespace json = boost::json;

struct JsonLimits {
    std::size_t max_depth = 64;               // nested arrays and objects
    std::size_t max_bytes = 16 * 1024 * 1024; // length of the text
};

// Parses exactly one JSON value (surrounding white space allowed).
//
// Refused with invalid_record, naming the byte offset: text over the limits, syntax faults, invalid UTF-8, lone
// surrogates, raw control characters, duplicate member names, and numbers that neither a 64-bit integer nor the
// shortest decimal form of a double carries exactly (12345678901234567890123, 0.1234567890123456789, 1e400).
// The value lives in the memory of `storage`: for one that is soon thrown away, an arena.
[[nodiscard]] Result<json::value> parse_json(std::string_view text, const JsonLimits& limits = {},
                                             const json::storage_ptr& storage = {});

// The same for text that must be an object.
[[nodiscard]] Result<json::object> parse_json_object(std::string_view text, const JsonLimits& limits = {},
                                                     const json::storage_ptr& storage = {});

// Shortest exact form: 0.1 stays 0.1, 1.0 stays 1.0, members keep their order. parse_json(to_json(v)) equals v.
// Values made by hand may hold more than JSON can: bytes that are not UTF-8 (in a fault's payload) are shown as U+FFFD;
// a number that is not finite throws ErrorException, since any other number would be a lie.
[[nodiscard]] std::string to_json(const json::value& value);
void append_json(std::string& out, const json::value& value);

// As to_json with members sorted by name at every depth and numbers in one form for one value (1.0 and 1 both as 1),
// so that equal values have equal text.
[[nodiscard]] std::string to_canonical_json(const json::value& value);

// Equality by value: members in any order; 1, 1u and 1.0 are equal; 2^63 and its nearest double only if exactly equal.
[[nodiscard]] bool equal_values(const json::value& left, const json::value& right);

// The same, with the elements of a top-level array compared as a multiset.
[[nodiscard]] bool equal_unordered(const json::value& left, const json::value& right);

} // namespace castiel_sync

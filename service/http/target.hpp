// The parts of a request's target and headers, read strictly: what two readers could take for two things is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::service {

// Decoded once. `fault` says why it can't be: "holds an escaped slash".
struct Decoded {
    std::string text;
    std::string_view fault;
};

// One segment of a path. Refused: bad escapes, characters that must be escaped, an escaped slash or NUL, text that is
// not UTF-8, and "." and "..", which proxies take away.
[[nodiscard]] Decoded decode_segment(std::string_view written);

// The other way round: what decode_segment reads as `text`.
[[nodiscard]] std::string encode_segment(std::string_view text);

// A name or value of a query, in which "+" is a space.
[[nodiscard]] Decoded decode_query(std::string_view written);

struct QueryPart {
    std::string_view name; // both as written
    std::string_view value;
};
[[nodiscard]] std::vector<QueryPart> split_query(std::string_view query);

// "a/b/c" → a, b, c. The target begins with a slash; nullopt when it does not.
[[nodiscard]] std::optional<std::vector<std::string_view>> split_path(std::string_view path);

[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept;
[[nodiscard]] std::string_view without_spaces_around(std::string_view text) noexcept;

// application/json, alone or with charset=utf-8.
[[nodiscard]] bool is_json_in_utf8(std::string_view content_type) noexcept;

} // namespace castiel_sync::service

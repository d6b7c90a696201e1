// Texts and values that JSON can carry. Pure.
#pragma once

#include <castiel_sync/json.hpp>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace castiel_sync {

// Length of the UTF-8 sequence at the front of the text, which must not be empty; 0 when there is no valid one.
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

// A value that a plug-in made by hand may hold what no JSON text can: text that is not UTF-8, a number that is not
// finite, or more levels than parse_json takes. invalid_record then; the message names the path of the member.
// For the edges: what passes here survives to_json and parse_json unchanged.
[[nodiscard]] Result<> check_json(const json::value& value, std::size_t max_depth = JsonLimits().max_depth);
[[nodiscard]] Result<> check_json(const json::object& object, std::size_t max_depth = JsonLimits().max_depth);

// What to_json would write for such a value alone, at the end of the text; an object is not copied into a value.
void append_json_object(std::string& out, const json::object& object);
void append_json_string(std::string& out, std::string_view text);
template <std::integral Integer>
void append_json_integer(std::string& out, Integer value) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

// The text that `write` appends to the empty text it is given. It is written into a room that each thread keeps, and so
// allocated once, at its size; `write` must not call this again.
template <std::invocable<std::string&> Write>
[[nodiscard]] std::string written_text(Write&& write) {
    thread_local std::string room;
    constexpr std::size_t kept_bytes = 256 * 1024;
    room.clear();
    write(room);
    std::string text(room);
    if (room.capacity() > kept_bytes) std::string().swap(room);
    return text;
}

// The beginning of a text, for messages; never half a character.
[[nodiscard]] std::string_view excerpt(std::string_view text, std::size_t bytes = 60) noexcept;

} // namespace castiel_sync

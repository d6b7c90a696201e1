// The character classes and small comparisons of RFC 9110 that reading and writing messages share.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace castiel_sync {

// What a character may be part of.
enum HttpCharacter : unsigned char {
    token_character = 1,  // of a method or of a header's name
    value_character = 2,  // of a header's value: no control character but the tab
    target_character = 4, // of a target in origin form
    host_character = 8,   // of a Host header
};

[[nodiscard]] constexpr std::array<unsigned char, 256> make_http_characters() {
    std::array<unsigned char, 256> classes{};
    for (unsigned character = 0; character < 256; ++character) {
        const bool visible = character > 0x20 && character < 0x7f;
        if (visible || character >= 0x80 || character == ' ' || character == '\t')
            classes[character] |= value_character;
        // RFC 3986 has fewer; clients send the others unescaped, and none of them can be misread.
        if (visible && character != '#') classes[character] |= target_character;
        const bool alphanumeric = (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
                                  (character >= 'A' && character <= 'Z');
        const auto one_of = [&](std::string_view others) {
            return alphanumeric || (visible && others.find(static_cast<char>(character)) != std::string_view::npos);
        };
        if (one_of("!#$%&'*+-.^_`|~")) classes[character] |= token_character;
        if (one_of("-._~!$&'()*+,;=%:[]")) classes[character] |= host_character;
    }
    return classes;
}

inline constexpr std::array<unsigned char, 256> http_characters = make_http_characters();

[[nodiscard]] inline bool all_of(std::string_view text, HttpCharacter kind) {
    for (const char character : text)
        if ((http_characters[static_cast<unsigned char>(character)] & kind) == 0) return false;
    return true;
}

[[nodiscard]] inline bool is_token(std::string_view text) { return !text.empty() && all_of(text, token_character); }

[[nodiscard]] constexpr char lower(char character) {
    return character >= 'A' && character <= 'Z' ? static_cast<char>(character + ('a' - 'A')) : character;
}

[[nodiscard]] inline bool equal_without_case(std::string_view left, std::string_view right) {
    if (left.size() != right.size()) return false;
    for (std::size_t place = 0; place < left.size(); ++place)
        if (lower(left[place]) != lower(right[place])) return false;
    return true;
}

[[nodiscard]] inline std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

// Whether a list with commas, such as Connection's, has this word.
[[nodiscard]] inline bool lists(std::string_view list, std::string_view word) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        if (equal_without_case(trimmed(list.substr(0, comma)), word)) return true;
        if (comma == std::string_view::npos) break;
        list.remove_prefix(comma + 1);
    }
    return false;
}

} // namespace castiel_sync

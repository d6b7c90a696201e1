// Pattern: a regular expression of a schema, tried on many texts.
//
// Most of them say that a text consists of characters of some kind: a UUID, a name without spaces. Those are compared
// byte by byte, which takes a small part of what std::regex does, and no stack.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::service {

class Pattern {
public:
    // ECMAScript's syntax. Throws std::regex_error.
    explicit Pattern(const std::string& text);

    // Anywhere in it, as JSON Schema wants it.
    [[nodiscard]] bool is_found_in(std::string_view text) const;

    // False: std::regex does it, which recurses once for each character.
    [[nodiscard]] bool is_plain() const noexcept { return !expression_; }

private:
    // So many characters of a kind one after the other, at least or exactly.
    struct Part {
        std::array<bool, 256> holds{};
        std::size_t count = 1;
        bool more = false;
    };

    // ^, characters and classes of ASCII, with {n} or + behind them, $; nullopt for everything else.
    static std::optional<std::vector<Part>> read_parts(std::string_view text);

    std::vector<Part> parts_;
    std::optional<std::regex> expression_;
};

} // namespace castiel_sync::service

#include "configuration/pattern.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <regex>
#include <string>
#include <string_view>

using castiel_sync::service::Pattern;

namespace {

// A generator of its own: the same texts on every machine.
std::string made_up(std::uint32_t& state, std::string_view alphabet, std::size_t most) {
    const auto next = [&state] { return (state = state * 1664525U + 1013904223U) >> 8U; };
    std::string text;
    for (std::size_t left = next() % (most + 1); left > 0; --left)
        text += alphabet[next() % alphabet.size()];
    return text;
}

} // namespace

TEST_CASE("Plain patterns hold for the texts for which the expression holds") {
    std::uint32_t state = 7;
    for (const char* pattern : {"^[a-c]{2}-[a-c]{3}$", "^[!-~]+$", "^[ -~]+$", "^\"[!#-~]+\"$", "^a+b{0}c$", "^$",
                                "^ab$", "^[a-]+b$", "^a{2}b+c+$", "^[b]{0}[ab]+$"}) {
        CAPTURE(pattern);
        const Pattern plain(pattern);
        const std::regex expression(pattern);
        for (int round = 0; round < 3000; ++round) {
            const std::string text = made_up(state, round % 2 == 0 ? "abc-" : "abc-\"! ~\n\r\x80\xff", 8);
            CAPTURE(text);
            CHECK(plain.is_found_in(text) == std::regex_search(text, expression));
        }
    }
}

TEST_CASE("The patterns of every request are plain ones") {
    const Pattern uuid("^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$");
    CHECK(uuid.is_plain());
    CHECK(uuid.is_found_in("7b1f0f0e-6f0a-4c58-8A37-0b6f8b1c0001"));
    CHECK_FALSE(uuid.is_found_in("7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c000"));
    CHECK_FALSE(uuid.is_found_in("7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c00010"));
    CHECK_FALSE(uuid.is_found_in("7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c000g"));
    CHECK_FALSE(uuid.is_found_in(""));
    CHECK(Pattern("^[!-~]+$").is_plain());
}

TEST_CASE("What is not plain is left to the expression") {
    for (const char* pattern : {"a", "^a", "a$", "^a*$", "^a?$", "^.$", "^(a|b)$", "^[^a]$", "^\\d$", "^[\\d]$",
                                "^a{1,2}$", "^a+a$", "^a+b{0}a$", "^[[:alpha:]]$", "^a|b$", "^[ab]+b$"}) {
        CAPTURE(pattern);
        const bool plain = Pattern(pattern).is_plain();
        CHECK_FALSE(plain);
        for (const std::string text : {"", "a", "aa", "b", "ab", "1", "abb"})
            CHECK(Pattern(pattern).is_found_in(text) == std::regex_search(text, std::regex(pattern)));
    }
    CHECK_THROWS_AS(Pattern("^[a$"), std::regex_error);
}

#include "pattern.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace castiel_sync::service {
namespace {

using Kind = std::array<bool, 256>;

// Of all other characters some mean something, and some don't yet.
bool is_literal(char c) {
    constexpr std::string_view marks = "-_\"'/:,;@ ";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
}

// What stands between brackets: characters and ranges of them, without escapes, negation and named classes.
std::optional<Kind> read_class(std::string_view inside) {
    Kind kind{};
    if (inside.empty() || inside.front() == '^') return std::nullopt;
    for (std::size_t at = 0; at < inside.size();) {
        const auto first = static_cast<unsigned char>(inside[at]);
        const bool range = at + 2 < inside.size() && inside[at + 1] == '-';
        const auto last = static_cast<unsigned char>(inside[range ? at + 2 : at]);
        if (first == '[' || first == '\\' || last == '\\' || last == '[' || first > last || last > 127)
            return std::nullopt;
        std::fill(kind.begin() + first, kind.begin() + last + 1, true);
        at += range ? 3 : 1;
    }
    return kind;
}

bool share_a_character(const Kind& left, const Kind& right) {
    for (std::size_t byte = 0; byte < left.size(); ++byte)
        if (left[byte] && right[byte]) return true;
    return false;
}

} // namespace

Pattern::Pattern(const std::string& text) {
    if (auto parts = read_parts(text))
        parts_ = std::move(*parts);
    else
        expression_.emplace(text, std::regex::optimize);
}

std::optional<std::vector<Pattern::Part>> Pattern::read_parts(std::string_view text) {
    if (text.size() < 2 || text.front() != '^' || text.back() != '$') return std::nullopt;
    text = text.substr(1, text.size() - 2);
    std::vector<Part> parts;
    while (!text.empty()) {
        Part& part = parts.emplace_back();
        const std::size_t end = text.front() == '[' ? text.find(']') : 0;
        if (end == std::string_view::npos) return std::nullopt;
        if (end > 0) {
            const auto kind = read_class(text.substr(1, end - 1));
            if (!kind) return std::nullopt;
            part.holds = *kind;
        } else if (is_literal(text.front())) {
            part.holds[static_cast<unsigned char>(text.front())] = true;
        } else {
            return std::nullopt;
        }
        text.remove_prefix(end + 1);
        if (text.starts_with('+')) {
            part.more = true;
            text.remove_prefix(1);
        } else if (text.starts_with('{')) {
            const auto [digits_end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), part.count);
            if (error != std::errc() || digits_end == text.data() + text.size() || *digits_end != '}')
                return std::nullopt;
            text.remove_prefix(static_cast<std::size_t>(digits_end - text.data()) + 1);
        }
    }
    // As many as there are must never be too many for what comes next: nothing is tried twice.
    for (std::size_t at = 0; at + 1 < parts.size(); ++at)
        if (parts[at].more && (parts[at + 1].count == 0 || share_a_character(parts[at].holds, parts[at + 1].holds)))
            return std::nullopt;
    return parts;
}

bool Pattern::is_found_in(std::string_view text) const {
    if (expression_) return std::regex_search(text.begin(), text.end(), *expression_);
    const char* at = text.data();
    const char* const end = at + text.size();
    for (const Part& part : parts_) {
        const auto fits = [&] { return at != end && part.holds[static_cast<unsigned char>(*at)]; };
        for (std::size_t count = 0; count < part.count; ++count, ++at)
            if (!fits()) return false;
        while (part.more && fits())
            ++at;
    }
    return at == end;
}

} // namespace castiel_sync::service

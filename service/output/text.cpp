#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace castiel_sync::service {
namespace {

struct Character {
    char32_t code = 0;
    std::size_t bytes = 1;
    bool valid = false;
};

// The character at the front of `text`, which is not empty.
Character decode(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};
    const std::size_t length = lead >= 0xF0 && lead < 0xF5   ? 4
                               : lead >= 0xE0 && lead < 0xF0 ? 3
                               : lead >= 0xC2 && lead < 0xE0 ? 2
                                                             : 0;
    if (length == 0 || text.size() < length) return {};
    char32_t code = lead & (0x7Fu >> length);
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xC0) != 0x80) return {};
        code = (code << 6) | (byte(at) & 0x3Fu);
    }
    return {code, length, true};
}

using Range = std::pair<char32_t, char32_t>;

constexpr std::array<Range, 12> wide{{{0x1100, 0x115F},
                                      {0x2E80, 0x303E},
                                      {0x3041, 0x33FF},
                                      {0x3400, 0x4DBF},
                                      {0x4E00, 0xA4CF},
                                      {0xAC00, 0xD7A3},
                                      {0xF900, 0xFAFF},
                                      {0xFE30, 0xFE6F},
                                      {0xFF00, 0xFF60},
                                      {0xFFE0, 0xFFE6},
                                      {0x1F300, 0x1FAFF},
                                      {0x20000, 0x3FFFD}}};
constexpr std::array<Range, 7> combining{{{0x0300, 0x036F},
                                          {0x0483, 0x0489},
                                          {0x0591, 0x05BD},
                                          {0x1AB0, 0x1AFF},
                                          {0x1DC0, 0x1DFF},
                                          {0x20D0, 0x20FF},
                                          {0xFE00, 0xFE0F}}};
// They turn the direction of writing, so that what is shown is not what is there.
constexpr std::array<Range, 3> steering{{{0x200B, 0x200F}, {0x202A, 0x202E}, {0x2066, 0x2069}}};

template <std::size_t size>
bool is_in(char32_t code, const std::array<Range, size>& ranges) {
    return std::ranges::any_of(ranges,
                               [code](const Range& range) { return code >= range.first && code <= range.second; });
}

std::size_t width_of(char32_t code) {
    if (is_in(code, combining)) return 0;
    return is_in(code, wide) ? 2 : 1;
}

} // namespace

std::string printable(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const Character character = decode(text);
        if (!character.valid) {
            result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
        } else if (character.code == '\n') {
            result += "\\n";
        } else if (character.code == '\t') {
            result += "\\t";
        } else if (character.code < 0x20 || (character.code >= 0x7F && character.code < 0xA0)) {
            result += fmt::format("\\x{:02x}", static_cast<unsigned>(character.code));
        } else if (is_in(character.code, steering)) {
            result += fmt::format("\\u{:04x}", static_cast<unsigned>(character.code));
        } else {
            result += text.substr(0, character.bytes);
        }
        text.remove_prefix(character.bytes);
    }
    return result;
}

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        const Character character = decode(text);
        width += character.valid ? width_of(character.code) : 1;
        text.remove_prefix(character.bytes);
    }
    return width;
}

std::string shortened(std::string_view text, std::size_t columns) {
    if (display_width(text) <= columns) return std::string(text);
    std::string result;
    for (std::size_t width = 0; !text.empty();) {
        const Character character = decode(text);
        width += character.valid ? width_of(character.code) : 1;
        if (width + 1 > columns) break;
        result += text.substr(0, character.bytes);
        text.remove_prefix(character.bytes);
    }
    return result += "…";
}

std::string shown(const std::optional<json::value>& value) { return value ? to_json(*value) : "–"; }

std::string shown(Timestamp time) {
    std::string text = to_string(time).substr(0, 19);
    if (text.size() > 10) text[10] = ' ';
    return text;
}

std::string counted(std::uint64_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

Table::Table(std::vector<std::string> heading, std::size_t widest)
    : rows_{std::move(heading)}, right_(rows_.front().size(), false), widest_(widest) {}

void Table::add(std::vector<std::string> row) {
    row.resize(rows_.front().size());
    for (std::string& cell : row)
        cell = shortened(printable(cell), widest_);
    rows_.push_back(std::move(row));
}

void Table::align_right(std::size_t column) { right_[column] = true; }

std::string Table::text() const {
    std::vector<std::size_t> widths(rows_.front().size(), 0);
    for (const auto& row : rows_)
        for (std::size_t column = 0; column < row.size(); ++column)
            widths[column] = std::max(widths[column], display_width(row[column]));
    std::string text;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t column = 0; column < row.size(); ++column) {
            const std::string padding(widths[column] - display_width(row[column]), ' ');
            line.append(column == 0 ? "" : "  ").append(right_[column] ? padding + row[column] : row[column] + padding);
        }
        line.resize(line.find_last_not_of(' ') + 1);
        text += line += '\n';
    }
    return text;
}

} // namespace castiel_sync::service

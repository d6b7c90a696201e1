// Text for a terminal: records hold what strangers typed, so nothing of it may steer the terminal or break a table.
#pragma once

#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::service {

// Control characters and broken UTF-8 become visible: \n, \x1b, \xff.
[[nodiscard]] std::string printable(std::string_view text);

// Columns that printable text takes: two for East Asian wide characters, none for combining marks.
[[nodiscard]] std::size_t display_width(std::string_view text);

// At most `columns` wide; what was cut shows as "…".
[[nodiscard]] std::string shortened(std::string_view text, std::size_t columns);

// Shown as JSON; "–" for an absent value.
[[nodiscard]] std::string shown(const std::optional<json::value>& value);

// To the second: 2026-11-23 06:02:11.
[[nodiscard]] std::string shown(Timestamp time);

// "1 record", "2 records".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);

// A table with a heading and two spaces between columns. Cells are made printable and cut to `widest` columns.
class Table {
public:
    explicit Table(std::vector<std::string> heading, std::size_t widest = 48);

    void add(std::vector<std::string> row);
    // Figures stand at the right edge of their column.
    void align_right(std::size_t column);
    [[nodiscard]] bool empty() const { return rows_.size() == 1; }
    [[nodiscard]] std::string text() const;

private:
    std::vector<std::vector<std::string>> rows_; // the first one is the heading
    std::vector<bool> right_;
    std::size_t widest_;
};

} // namespace castiel_sync::service

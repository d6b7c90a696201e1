// Dates and times as text, by a format in the manner of strftime, in English and without any locale. Pure.
#pragma once

#include <castiel_sync/error.hpp>
#include <core/transform_zone.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

// What a text says: a reading of the clock, and its offset from UTC where the text has one.
struct ClockReading {
    LocalTime local{};
    std::optional<std::chrono::minutes> offset;
};

class TimeFormat {
public:
    // invalid_configuration: an unknown specifier, a part given twice, no complete day.
    [[nodiscard]] static Result<TimeFormat> parse(std::string_view format);

    [[nodiscard]] bool has_time() const noexcept { return has_time_; }
    [[nodiscard]] bool has_offset() const noexcept { return has_offset_; }
    // The smallest part that the format shows.
    [[nodiscard]] std::chrono::milliseconds grain() const noexcept { return grain_; }

    // Does every text that write makes read as the same? Else it must be tried.
    [[nodiscard]] bool certain() const noexcept { return certain_; }

    // The whole text must fit, and a weekday must be that of the day. Fractions are cut to milliseconds.
    [[nodiscard]] std::optional<ClockReading> read(std::string_view text) const;
    [[nodiscard]] std::string write(LocalTime local, std::chrono::minutes offset) const;

private:
    enum class Part {
        literal, year, month, month_name, month_short, day, weekday, weekday_short,
        hour, hour12, half, minute, second, fraction, offset, offset_colon,
    };
    struct Item {
        Part part = Part::literal;
        char literal = 0;
        bool padded = true;
    };
    struct Reading;

    [[nodiscard]] static std::optional<Part> part_of(char letter);
    [[nodiscard]] Result<> check() const;
    [[nodiscard]] static bool read_item(const Item& item, std::string_view& rest, Reading& reading);
    [[nodiscard]] bool has(Part part) const;
    [[nodiscard]] static bool is_name(Part part);
    [[nodiscard]] bool is_certain() const;

    std::vector<Item> items_;
    bool has_time_ = false;
    bool has_offset_ = false;
    bool certain_ = true;
    std::chrono::milliseconds grain_{};
};

// ISO-8601: 2026-01-31T09:00:00.000+01:00; seconds, fraction and offset may be missing, a space may stand for the T.
[[nodiscard]] std::optional<ClockReading> read_iso_time(std::string_view text);
[[nodiscard]] std::optional<std::chrono::local_days> read_iso_day(std::string_view text);
[[nodiscard]] std::string write_iso_day(std::chrono::local_days day);
[[nodiscard]] std::string write_iso_time(LocalTime local, std::chrono::minutes offset);

// Is the year one of four digits, 0001 to 9999?
[[nodiscard]] bool is_writable_year(LocalTime local) noexcept;

} // namespace castiel_sync

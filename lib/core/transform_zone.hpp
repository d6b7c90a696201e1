// Time zones of the IANA database. Looked up once, when a mapping or schedule is compiled.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/time.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace date {
class time_zone;
}

namespace castiel_sync {

// A wall-clock reading without zone, counted as if it were UTC.
using LocalTime = std::chrono::local_time<std::chrono::milliseconds>;

class TimeZone {
public:
    struct Offset {
        std::chrono::seconds from_utc{};
        bool steady = true; // the clocks do not change within a day of it: the local reading comes once
    };

    // Between two changes of the clocks.
    struct Period {
        Timestamp begin;
        Timestamp end; // not part of it
        std::chrono::seconds from_utc{};
    };

    // invalid_configuration when the database does not hold the name, or can't be read to the year 2037.
    [[nodiscard]] static Result<TimeZone> find(std::string_view name);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    // invalid_record when the clocks are put forward over this reading, or back so that it comes twice, and beyond the
    // year 2037 where the zone still changes its clocks: the database's transitions end there.
    [[nodiscard]] Result<Timestamp> to_time(LocalTime local) const;
    [[nodiscard]] Result<Offset> offset_at(Timestamp time) const;
    [[nodiscard]] Result<Period> period_at(Timestamp time) const;

private:
    std::string name_;
    const date::time_zone* zone_ = nullptr; // lives as long as the program
};

} // namespace castiel_sync

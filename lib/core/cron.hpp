// Cron expressions: when they fire. Pure; the zone's rules come from the database.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/time.hpp>

#include <core/transform_zone.hpp>

#include <cstdint>
#include <string_view>

namespace castiel_sync {

// Five fields with spaces between: minute (0-59), hour (0-23), day of month (1-31), month (1-12 or JAN-DEC), day of
// week (0-7 or SUN-SAT; 0 and 7 are Sunday). A field is a list, with commas, of
//     *        every value            a-b      from a to b, a <= b; SUN at the end of a range is 7
//     a        one value              x/n      every n-th value of *, of a range, or from a to the end (5/10: 5, 15, 25
//     …)
// Names are read in any case. In place of the five fields: @hourly, @daily, @midnight, @weekly, @monthly, @yearly,
// @annually.
//
// As in Vixie's cron, a day has to fit both day fields, but when both are restricted (neither begins with *) fitting
// one is enough.
struct CronExpression {
    // One bit per value.
    std::uint64_t minutes = 0;
    std::uint32_t hours = 0;
    std::uint32_t days = 0; // of the month
    std::uint32_t months = 0;
    std::uint32_t weekdays = 0; // Sunday is 0
    bool either_day = false;    // days or weekdays, rather than both
    bool wildcard = false;      // minute or hour begins with *

    // invalid_configuration, with the field and what is allowed in it; also when the expression never fires (31 Feb).
    [[nodiscard]] static Result<CronExpression> parse(std::string_view text);

    friend bool operator==(const CronExpression&, const CronExpression&) = default;
};

// The first moment strictly after `after` at which the expression fires in this zone.
//
// When clocks change, as in Vixie's cron: an expression with a wildcard in minute or hour fires at every minute that
// reads as it says, so it goes on evenly through both (*/15 * * * * fires 100 times on a day of 25 hours). Any other
// fires once for each reading: at the moment of the jump, once, for all that are skipped, and the first time for one
// that comes twice.
//
// invalid_configuration when there is none within 41 years (the largest gap there can be, 29 February on one day of
// the week, is 40), or none while the zone's rules are known, which is to 2037 where clocks change.
[[nodiscard]] Result<Timestamp> next_after(const CronExpression& expression, Timestamp after, const TimeZone& zone);

} // namespace castiel_sync

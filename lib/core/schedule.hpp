// When a scheduled sync is due. Pure: equal questions have equal answers, on every instance and after every restart.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/time.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {

// The next due time; nullopt for a manual one. `last_due` is the answer that led to the last run (not when that began,
// or lateness would add up), nullopt when there was none.
//
// Ask once for each run and keep the answer until it has come: what was missed is answered with a time after `now`, so
// asking again and again would put it off for ever. Ask anew after a restart, and when the wall clock was put back.
//
// Interval: the points of a grid, one interval apart, whose phase comes from the integration's id. So a thousand
// integrations spread evenly over their interval, whenever they were made or started, and none drifts.
//
// Cron: when the expression fires, and then up to a minute more (a tenth of the way to the next firing at most), as the
// id says: a thousand integrations with "0 6 * * *" do not start in one moment.
//
// Missed times come to one run: at once, and then up to a minute more (a tenth of the interval at most), as the id
// says, or with the next regular time where that comes within the same span. A clock that was put back before
// `last_due` starts over: the next regular time after `now` counts, as if there had been no run; a time may come again,
// and none has to be waited for longer than usual.
//
// invalid_configuration for an expression, zone or interval that parse_integration would have refused, and where
// next_after (core/cron.hpp) finds nothing.
[[nodiscard]] Result<std::optional<Timestamp>> next_due(const SyncFrequency& frequency, std::string_view integration_id,
                                                        std::optional<Timestamp> last_due, Timestamp now);

// Where an integration's schedule stands between two looks at it.
struct DueTimes {
    std::optional<Timestamp> last_due;
    std::optional<Timestamp> next_due; // none: it is not scheduled
    std::string frequency;             // that next_due was reckoned by; equal where the due times are
};

struct ScheduleLook {
    DueTimes times;       // from now on
    bool changed = false; // they are no longer what was given, and have to be stored
    bool due = false;     // a run is asked for now, for which the times have moved on already
};

// One look at a schedule. Another frequency begins anew; a time that has come asks for one run, whatever was missed.
// `at_start`: the first look of a process. What is overdue by minutes is then put off by up to a minute, as next_due
// does with what was missed: a thousand integrations do not start at once after a downtime. Errors are next_due's.
[[nodiscard]] Result<ScheduleLook> look_at(DueTimes times, const SyncFrequency& frequency,
                                           std::string_view integration_id, bool at_start, Timestamp now);

// Until when the minimum interval makes an integration's next task wait; nullopt: it may begin. A clock that was put
// back makes nobody wait for longer than the interval.
[[nodiscard]] std::optional<Timestamp> wait_until(std::optional<Timestamp> last_start,
                                                  std::chrono::milliseconds min_interval, Timestamp now);

} // namespace castiel_sync

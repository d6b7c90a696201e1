#include <core/transform_zone.hpp>

#include <date/tz.h>
#include <fmt/format.h>

#include <exception>

namespace castiel_sync {
namespace {

using std::chrono::milliseconds;

// Compiled zone files list single transitions to the end of 2037. What comes after them is a rule that the library does
// not read, so it would answer winter time for ever.
constexpr date::sys_days horizon = date::year{2037} / 1 / 1;

const date::time_zone* locate(const std::string& name) {
    try {
        return date::locate_zone(name);
    } catch (const std::exception&) {
        return nullptr; // the library's word for "not there"; the caller's message tells a person more
    }
}

// Files may also be written without the transitions that a rule can tell ("slim"): today's summer would be missing.
bool database_is_complete() {
    const date::time_zone* canary = locate("America/New_York");
    if (canary == nullptr) return true;
    return canary->get_info(date::sys_days(date::year{2036} / 7 / 1)).save != std::chrono::minutes{0};
}

bool is_known(const date::sys_info& info) {
    const bool last = info.end >= date::sys_days(date::year{9999} / 1 / 1);
    return !last || info.begin < horizon;
}

} // namespace

Result<TimeZone> TimeZone::find(std::string_view name) {
    constexpr std::size_t longest = 64;
    TimeZone zone;
    zone.name_ = name.substr(0, longest);
    if (!name.empty() && name.size() <= longest) zone.zone_ = locate(zone.name_);
    if (zone.zone_ == nullptr)
        return Error(ErrorCode::invalid_configuration,
                     fmt::format("there is no time zone '{}'; use a name of the IANA database such as Europe/Berlin or "
                                 "UTC, and see that the package tzdata is installed",
                                 zone.name_));
    static const bool complete = database_is_complete();
    if (!complete)
        return Error(ErrorCode::invalid_configuration,
                     "the system's time zone files are in the slim form, which lacks the transitions of these years; "
                     "install a tzdata package that is built with 'zic -b fat'");
    return zone;
}

Result<Timestamp> TimeZone::to_time(LocalTime local) const {
    const date::local_time<milliseconds> reading(local.time_since_epoch());
    const date::local_info info = zone_->get_info(reading);
    if (!is_known(info.first))
        return Error(ErrorCode::invalid_record,
                     fmt::format("is a local time of {} after 2037, for which the clocks' changes are not known; use a "
                                 "time with its offset from UTC",
                                 name_));
    if (info.result == date::local_info::unique) return Timestamp(local.time_since_epoch() - info.first.offset);
    const bool twice = info.result == date::local_info::ambiguous;
    return Error(ErrorCode::invalid_record,
                 fmt::format("is a local time that {} in {}, because the clocks are put {} then",
                             twice ? "comes twice" : "does not exist", name_, twice ? "back" : "forward"));
}

Result<TimeZone::Offset> TimeZone::offset_at(Timestamp time) const {
    const auto period = period_at(time);
    if (!period) return period.error();
    return Offset{period->from_utc,
                  time - period->begin > std::chrono::days(1) && period->end - time > std::chrono::days(1)};
}

Result<TimeZone::Period> TimeZone::period_at(Timestamp time) const {
    const date::sys_info info = zone_->get_info(date::sys_time<milliseconds>(time.time_since_epoch()));
    if (is_known(info))
        return Period{Timestamp(info.begin.time_since_epoch()), Timestamp(info.end.time_since_epoch()), info.offset};
    return Error(ErrorCode::invalid_record,
                 fmt::format("is after 2037, for which the clocks' changes in {} are not known", name_));
}

} // namespace castiel_sync

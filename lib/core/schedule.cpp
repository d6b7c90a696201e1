#include <core/schedule.hpp>

#include <core/cron.hpp>
#include <core/hashes.hpp>
#include <core/transform_zone.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace castiel_sync {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

using Due = Result<std::optional<Timestamp>>;

constexpr milliseconds longest_delay = minutes(1);
constexpr minutes long_overdue{2}; // by so much nobody is late who looked at all

// Further away nobody can have been, and sums can't overflow.
constexpr Timestamp earliest = std::chrono::sys_days{std::chrono::year{0} / 1 / 1};
constexpr Timestamp latest = std::chrono::sys_days{std::chrono::year{9999} / 1 / 1};

// In [0, bound), from the id alone; independent for each purpose.
milliseconds share_of(std::string_view purpose, std::string_view integration_id, milliseconds bound) {
    std::string text(purpose);
    text += ':';
    text += integration_id;
    return milliseconds(static_cast<std::int64_t>(hash64(text) % static_cast<std::uint64_t>(bound.count())));
}

// How far starts are spread that would come in one moment.
milliseconds spread_of(milliseconds distance) { return std::min(longest_delay, distance / 10); }

// In [0, spread].
milliseconds delay_of(std::string_view integration_id, milliseconds spread) {
    return share_of("delay", integration_id, spread + milliseconds(1));
}

// For what was missed: soon, but not just before a regular run.
Timestamp catch_up(std::string_view integration_id, Timestamp now, milliseconds spread, Timestamp regular) {
    return regular <= now + spread ? regular : now + delay_of(integration_id, spread);
}

// The first point of the grid that is later.
Timestamp grid_after(Timestamp time, milliseconds interval, milliseconds phase) {
    const milliseconds since = time.time_since_epoch() - phase;
    milliseconds past = since % interval;
    if (past < milliseconds(0)) past += interval;
    return time - past + interval;
}

Due next_of_interval(milliseconds interval, std::string_view id, std::optional<Timestamp> last_due, Timestamp now) {
    if (interval <= milliseconds(0))
        return Error(ErrorCode::invalid_configuration, "the interval of a schedule must be a minute at least");
    const milliseconds phase = share_of("phase", id, interval);
    const Timestamp next = grid_after(now, interval, phase);
    if (!last_due || grid_after(*last_due, interval, phase) >= next) return next;
    return catch_up(id, now, spread_of(interval), next);
}

class CronSchedule {
public:
    CronSchedule(CronExpression expression, TimeZone zone, std::string_view id)
        : expression_(expression), zone_(std::move(zone)), id_(id) {}

    [[nodiscard]] Due next(std::optional<Timestamp> last_due, Timestamp now) const {
        const auto first = firing_after(last_due && *last_due <= now ? *last_due : now);
        if (!first) return first.error();
        if (first->due > now) return first->due;
        const auto regular = firing_after(now);
        // The last one that there is may be missed, and has to come all the same.
        return catch_up(id_, now, first->spread, regular ? regular->due : Timestamp::max());
    }

private:
    struct Firing {
        milliseconds spread;
        Timestamp due;
    };

    [[nodiscard]] Result<Firing> firing_after(Timestamp time) const {
        const auto at = next_after(expression_, time, zone_);
        if (!at) return at.error();
        const auto following = next_after(expression_, *at, zone_);
        const milliseconds spread = following ? spread_of(*following - *at) : longest_delay;
        return Firing{spread, *at + delay_of(id_, spread)};
    }

    CronExpression expression_;
    TimeZone zone_;
    std::string_view id_;
};

// Equal for frequencies that are due at the same times.
std::string fingerprint(const SyncFrequency& frequency) {
    switch (frequency.type) {
    case SyncFrequency::Type::manual: return "";
    case SyncFrequency::Type::interval: return fmt::format("every {} minutes", frequency.interval.count());
    case SyncFrequency::Type::cron: return fmt::format("{} in {}", frequency.cron_expression, frequency.time_zone);
    }
    return "";
}

} // namespace

Result<std::optional<Timestamp>> next_due(const SyncFrequency& frequency, std::string_view integration_id,
                                          std::optional<Timestamp> last_due, Timestamp now) {
    now = std::clamp(now, earliest, latest);
    if (last_due) last_due = std::clamp(*last_due, earliest, latest);
    if (frequency.type == SyncFrequency::Type::manual) return std::optional<Timestamp>();
    if (frequency.type == SyncFrequency::Type::interval)
        return next_of_interval(frequency.interval, integration_id, last_due, now);
    const auto expression = CronExpression::parse(frequency.cron_expression);
    if (!expression) return Error(ErrorCode::invalid_configuration, "cronExpression: " + expression.error().message);
    auto zone = TimeZone::find(frequency.time_zone);
    if (!zone) return zone.error();
    return CronSchedule(*expression, std::move(*zone), integration_id).next(last_due, now);
}

Result<ScheduleLook> look_at(DueTimes times, const SyncFrequency& frequency, std::string_view integration_id,
                             bool at_start, Timestamp now) {
    ScheduleLook look;
    look.times = std::move(times);
    const auto reckon = [&]() -> Result<> {
        auto due = next_due(frequency, integration_id, look.times.last_due, now);
        if (!due) return due.error();
        look.times.next_due = *due;
        look.changed = true;
        return {};
    };
    const std::string wanted = fingerprint(frequency);
    const bool another = look.times.frequency != wanted;
    const auto& due = look.times.next_due;
    if (another) {
        look.times.last_due.reset();
        look.times.frequency = wanted;
    }
    if (another || (!due && !wanted.empty()) || (at_start && due && *due + long_overdue < now))
        if (auto reckoned = reckon(); !reckoned) return reckoned.error();
    if (due && *due <= now) {
        look.due = true;
        look.times.last_due = due;
        if (auto reckoned = reckon(); !reckoned) return reckoned.error();
    }
    return look;
}

std::optional<Timestamp> wait_until(std::optional<Timestamp> last_start, std::chrono::milliseconds min_interval,
                                    Timestamp now) {
    if (!last_start) return std::nullopt;
    const Timestamp until = std::min(*last_start, now) + min_interval;
    return until > now ? std::optional<Timestamp>(until) : std::nullopt;
}

} // namespace castiel_sync

#include <core/request_budget.hpp>

#include <algorithm>
#include <numeric>

namespace castiel_sync {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds minute_slice = std::chrono::seconds(5);
constexpr milliseconds hour_slice = std::chrono::minutes(5);
constexpr std::size_t slices_of_a_window = 12;

std::uint64_t& slot(RequestWindow& window, std::int64_t slice) {
    return window.counts[static_cast<std::size_t>(slice) % RequestWindow::slices];
}

std::int64_t slice_of(Timestamp now, milliseconds slice_time) {
    return std::max<std::int64_t>(0, now.time_since_epoch() / slice_time);
}

// Forgets what lies too far back. A window that ends a little in the future is that of a clock which is ahead, and is
// shared as it is; what one holds that ends far in the future counts as of now.
void move_to(RequestWindow& window, std::int64_t slice) {
    constexpr auto all = static_cast<std::int64_t>(RequestWindow::slices);
    if (slice > window.newest) {
        const std::int64_t kept = std::max(window.newest, slice - all);
        for (std::int64_t begun = kept + 1; begun <= slice; ++begun) slot(window, begun) = 0;
    } else if (slice >= window.newest - all) {
        return;
    } else {
        const std::uint64_t sum = std::accumulate(window.counts.begin(), window.counts.end(), std::uint64_t{0});
        window.counts.fill(0);
        slot(window, slice) = sum;
    }
    window.newest = slice;
}

void count(RequestWindow& window, milliseconds slice_time, std::size_t requests, Timestamp now) {
    move_to(window, slice_of(now, slice_time));
    slot(window, window.newest) += requests;
}

struct Room {
    std::size_t left = 0;
    milliseconds wait{0}; // where nothing is left
};

// `share`: of one slice, at most.
Room room_in(RequestWindow& window, std::size_t limit, std::size_t share, milliseconds slice_time, Timestamp now) {
    move_to(window, slice_of(now, slice_time));
    const std::int64_t slice = window.newest;
    const milliseconds until_next = std::min((slice + 1) * slice_time - now.time_since_epoch(), slice_time);
    const std::size_t used = std::accumulate(window.counts.begin(), window.counts.end(), std::size_t{0});
    const std::size_t here = slot(window, slice);
    Room room;
    room.left = std::min(limit - std::min(limit, used), share - std::min(share, here));
    if (room.left > 0) return room;
    room.wait = until_next;
    if (used < limit) return room;
    // Until the oldest ones are forgotten.
    std::int64_t oldest = slice - static_cast<std::int64_t>(RequestWindow::slices) + 1;
    for (; oldest < slice && slot(window, oldest) == 0; ++oldest) room.wait += slice_time;
    return room;
}

} // namespace

std::size_t requests_at_once(const RateLimit& limit) {
    std::size_t most = 1'000;
    if (limit.per_minute) most = std::min(most, *limit.per_minute / 60);
    if (limit.per_hour) most = std::min(most, *limit.per_hour / 3600);
    return std::max<std::size_t>(1, most);
}

RequestGrant grant_requests(RequestUse& use, const RateLimit& limit, std::size_t wanted, Timestamp now) {
    RequestGrant grant;
    grant.granted = wanted;
    const auto limit_by = [&](RequestWindow& window, std::size_t most, std::size_t share, milliseconds slice_time) {
        const Room room = room_in(window, most, share, slice_time, now);
        grant.granted = std::min(grant.granted, room.left);
        grant.wait = std::max(grant.wait, room.wait);
    };
    if (limit.per_minute)
        limit_by(use.minute, *limit.per_minute, (*limit.per_minute + slices_of_a_window - 1) / slices_of_a_window,
                 minute_slice);
    if (limit.per_hour) limit_by(use.hour, *limit.per_hour, *limit.per_hour, hour_slice);
    if (grant.granted == 0) return grant;
    grant.wait = milliseconds(0);
    // Both, whatever limits this one: others of the account may be limited by the other.
    count(use.minute, minute_slice, grant.granted, now);
    count(use.hour, hour_slice, grant.granted, now);
    return grant;
}

} // namespace castiel_sync

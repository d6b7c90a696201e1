#include <core/request_budget.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <deque>
#include <vector>

using namespace castiel_sync;
using namespace std::chrono_literals;

namespace {

const Timestamp start = std::chrono::sys_days{std::chrono::year{2026} / 11 / 27};

RateLimit limits(std::optional<std::size_t> per_minute, std::optional<std::size_t> per_hour) {
    RateLimit limit;
    limit.per_minute = per_minute;
    limit.per_hour = per_hour;
    return limit;
}

// The most that lie within one window, wherever it begins.
std::size_t densest(const std::vector<Timestamp>& sent, std::chrono::milliseconds window) {
    std::deque<Timestamp> within;
    std::size_t most = 0;
    for (const Timestamp at : sent) {
        within.push_back(at);
        while (within.front() + window <= at) within.pop_front();
        most = std::max(most, within.size());
    }
    return most;
}

} // namespace

TEST_CASE("whatever is asked for and when, no minute and no hour holds more requests than the limit (I20)") {
    CHECK(rc::check([] {
        const auto per_minute = *rc::gen::inRange<std::size_t>(1, 200);
        const auto per_hour = *rc::gen::inRange<std::size_t>(1, 2'000);
        const RateLimit limit = limits(*rc::gen::arbitrary<bool>() ? std::optional(per_minute) : std::nullopt,
                                       *rc::gen::arbitrary<bool>() ? std::optional(per_hour) : std::nullopt);
        RequestUse use;
        Timestamp now = start;
        std::vector<Timestamp> sent;
        for (int i = 0; i < 400; ++i) {
            const auto wanted = *rc::gen::inRange<std::size_t>(1, 50);
            const RequestGrant grant = grant_requests(use, limit, wanted, now);
            RC_ASSERT(grant.granted <= wanted);
            RC_ASSERT((grant.granted == 0) == (grant.wait > 0ms));
            // Sent at any moment as long as the grant lasts.
            for (std::size_t one = 0; one < grant.granted; ++one)
                sent.push_back(now + std::chrono::milliseconds(*rc::gen::inRange<int>(0, 5'000)));
            now += grant.granted > 0 ? std::chrono::milliseconds(*rc::gen::inRange<int>(0, 8'000)) : grant.wait;
        }
        std::sort(sent.begin(), sent.end());
        if (limit.per_minute) RC_ASSERT(densest(sent, 60s) <= *limit.per_minute);
        if (limit.per_hour) RC_ASSERT(densest(sent, 3600s) <= *limit.per_hour);
    }));
}

TEST_CASE("whoever waits as long as he is told gets something, and all of them nearly the whole budget") {
    for (const std::size_t per_minute : {1U, 7U, 60U, 600U}) {
        CAPTURE(per_minute);
        const RateLimit limit = limits(per_minute, std::nullopt);
        RequestUse use;
        Timestamp now = start;
        std::size_t granted = 0;
        while (now < start + 60min) {
            const RequestGrant grant = grant_requests(use, limit, 1'000, now);
            granted += grant.granted;
            CHECK(grant.wait <= 70s);
            now += grant.wait;
        }
        CHECK(granted >= per_minute * 60 * 6 / 7);
    }
}

TEST_CASE("a clock that is behind or ahead makes nobody wait for it") {
    const RateLimit limit = limits(60, std::nullopt);
    RequestUse use;
    CHECK(grant_requests(use, limit, 3, start + 24h).granted == 3);
    CHECK(grant_requests(use, limit, 1, start).granted == 1); // what the other one used counts as of now
    CHECK(grant_requests(use, limit, 9, start).granted == 1); // of five a slice
    CHECK(grant_requests(use, limit, 9, start + 24h).granted == 5);
    // A little behind it shares the slice of the other one, and waits for the next one no longer than a slice.
    const RequestGrant behind = grant_requests(use, limit, 1, start + 24h - 20s);
    CHECK(behind.granted == 0);
    CHECK(behind.wait <= 5s);
}

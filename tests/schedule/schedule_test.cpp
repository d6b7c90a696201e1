#include <core/schedule.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

using namespace castiel_sync;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const Timestamp start = *parse_timestamp("2026-11-23T06:00:00Z");

SyncFrequency every(minutes interval) {
    SyncFrequency frequency;
    frequency.type = SyncFrequency::Type::interval;
    frequency.interval = interval;
    return frequency;
}

SyncFrequency cron(std::string expression, std::string zone = "UTC") {
    SyncFrequency frequency;
    frequency.type = SyncFrequency::Type::cron;
    frequency.cron_expression = std::move(expression);
    frequency.time_zone = std::move(zone);
    return frequency;
}

std::string id_of(int number) {
    const std::string digits = std::to_string(number);
    return "7d3c5f5e-0a0e-4b57-9c1e-" + std::string(12 - digits.size(), '0') + digits;
}

Timestamp due(const SyncFrequency& frequency, const std::string& id, std::optional<Timestamp> last_due, Timestamp now) {
    const auto answer = next_due(frequency, id, last_due, now);
    REQUIRE(answer.has_value());
    REQUIRE(answer->has_value());
    return **answer;
}

// Of the bins that a tenth each of the span are, the share of the fullest.
double fullest_bin(const std::vector<Timestamp>& times, Timestamp begin, milliseconds span) {
    std::map<std::int64_t, std::size_t> bins;
    for (const Timestamp time : times)
        ++bins[(time - begin) * 10 / span];
    std::size_t most = 0;
    for (const auto& bin : bins)
        most = std::max(most, bin.second);
    return static_cast<double>(most) / static_cast<double>(times.size());
}

// A scheduler as the header asks for it: keeps what it was answered, asks anew after a restart and when the clock was
// put back.
struct Caller {
    SyncFrequency frequency;
    std::string id;
    std::optional<Timestamp> last_due = {};
    std::optional<Timestamp> kept = {};
    Timestamp asked_at = {};
    std::vector<Timestamp> runs = {}; // due times

    void restart() { kept.reset(); }

    // Whether a run starts.
    bool look(Timestamp now) {
        if (!kept || now < asked_at) ask(now);
        if (*kept > now) return false;
        runs.push_back(*kept);
        last_due = kept;
        ask(now);
        return true;
    }

    void ask(Timestamp now) {
        kept = due(frequency, id, last_due, now);
        asked_at = now;
    }
};

milliseconds draw_time(milliseconds from, milliseconds until) {
    return milliseconds(*rc::gen::inRange<std::int64_t>(from.count(), until.count()));
}

SyncFrequency draw_interval() { return every(minutes(*rc::gen::element(1, 5, 7, 15, 60, 1440))); }

milliseconds delay_limit(milliseconds interval) { return std::min<milliseconds>(interval / 10, minutes(1)); }

} // namespace

TEST_CASE("a manual one is never due") {
    const auto answer = next_due(SyncFrequency(), id_of(1), start, start);
    REQUIRE(answer.has_value());
    CHECK(!answer->has_value());
}

TEST_CASE("an interval is a grid: no drift, whenever one asks") {
    const SyncFrequency frequency = every(minutes(15));
    const Timestamp first = due(frequency, id_of(1), std::nullopt, start);
    CHECK(first > start);
    CHECK(first <= start + minutes(15));
    CHECK(due(frequency, id_of(1), std::nullopt, first - milliseconds(1)) == first);
    CHECK(due(frequency, id_of(1), std::nullopt, first) == first + minutes(15));
    CHECK(due(frequency, id_of(1), first, first + milliseconds(1)) == first + minutes(15));
    CHECK(due(frequency, id_of(1), first, first + minutes(14)) == first + minutes(15)); // the run was slow to start
    CHECK(due(frequency, id_of(1), std::nullopt, start + days(1'000)) == first + days(1'000)); // 15 minutes divide it
    CHECK(due(frequency, id_of(2), std::nullopt, start) != first);
    CHECK(due(every(minutes(20)), id_of(1), std::nullopt, start) <= start + minutes(20));
}

TEST_CASE("before 1970 the grid goes on") {
    const Timestamp before = *parse_timestamp("1969-12-31T23:00:00Z");
    Timestamp time = due(every(minutes(15)), id_of(1), std::nullopt, before);
    for (int i = 0; i < 10; ++i) {
        const Timestamp next = due(every(minutes(15)), id_of(1), time, time);
        CHECK(next == time + minutes(15));
        time = next;
    }
}

TEST_CASE("I26 a thousand integrations spread over their interval, and over a minute after a common downtime") {
    for (const auto interval : {minutes(1), minutes(15), minutes(60), minutes(1440)}) {
        const SyncFrequency frequency = every(interval);
        std::vector<Timestamp> regular, missed;
        const Timestamp restart = start + days(3);
        for (int number = 0; number < 1'000; ++number) {
            const std::string id = id_of(number);
            regular.push_back(due(frequency, id, std::nullopt, start));
            missed.push_back(due(frequency, id, regular.back(), restart));
            CHECK(missed.back() >= restart);
            CHECK(missed.back() <= restart + delay_limit(interval));
        }
        CHECK(fullest_bin(regular, start, interval) < 0.25);
        CHECK(fullest_bin(missed, restart, delay_limit(interval)) < 0.25);
    }
}

TEST_CASE("phase and delay have nothing to do with each other") {
    // Else those that are due in one minute would catch up in one second.
    const SyncFrequency frequency = every(minutes(15));
    std::vector<Timestamp> missed;
    for (int number = 0; number < 20'000; ++number) {
        const Timestamp regular = due(frequency, id_of(number), std::nullopt, start);
        if (regular < start + minutes(1))
            missed.push_back(due(frequency, id_of(number), regular, start + minutes(300) - minutes(1)));
    }
    REQUIRE(missed.size() > 1'000);
    CHECK(fullest_bin(missed, start + minutes(299), minutes(1)) < 0.25);
}

TEST_CASE("after a downtime there is one run, and then the grid") {
    CHECK(rc::check([] {
        Caller caller{draw_interval(), id_of(*rc::gen::inRange(0, 1'000'000))};
        const milliseconds interval = caller.frequency.interval;
        Timestamp now = start + draw_time(milliseconds(0), interval);
        caller.last_due = due(caller.frequency, caller.id, std::nullopt, now);
        const milliseconds down = draw_time(interval, interval * 50);
        now = *caller.last_due + down;
        const Timestamp restart = now;
        caller.restart();
        for (; now < restart + interval * 3; now = std::max(now + milliseconds(1), *caller.kept))
            caller.look(now);
        RC_ASSERT(caller.runs.size() == 3 || caller.runs.size() == 4); // one to catch up
        RC_ASSERT(caller.runs.front() <= restart + delay_limit(interval));
        for (std::size_t i = 1; i < caller.runs.size(); ++i) {
            const milliseconds gap = caller.runs[i] - caller.runs[i - 1];
            RC_ASSERT((i == 1 ? gap > milliseconds(0) && gap <= interval : gap == interval));
        }
    }));
}

TEST_CASE("due times only ever grow, and lie on the grid unless one was missed") {
    CHECK(rc::check([] {
        const SyncFrequency frequency = draw_interval();
        const std::string id = id_of(*rc::gen::inRange(0, 1'000'000));
        Timestamp now = start;
        const Timestamp first = due(frequency, id, std::nullopt, now);
        Timestamp last = first;
        for (int run = 0; run < 30; ++run) {
            now = std::max(now, last) + draw_time(milliseconds(0), frequency.interval * 2);
            const Timestamp next = due(frequency, id, last, now);
            RC_ASSERT(next > last);
            RC_ASSERT(next >= now);
            RC_ASSERT(next <= now + frequency.interval);
            const bool missed = due(frequency, id, std::nullopt, last) <= now;
            RC_ASSERT(missed || (next - first) % frequency.interval == milliseconds(0));
            RC_ASSERT(!missed || next <= now + delay_limit(frequency.interval));
            last = next;
        }
    }));
}

TEST_CASE("a clock that jumps by a day stops nothing and starts no storm") {
    CHECK(rc::check([] {
        Caller caller{draw_interval(), id_of(*rc::gen::inRange(0, 1'000'000))};
        const milliseconds interval = caller.frequency.interval;
        const milliseconds step = std::max<milliseconds>(interval / 60, seconds(1));
        const milliseconds jump_at = draw_time(interval * 2, interval * 6);
        const milliseconds jump =
            *rc::gen::element(milliseconds(days(1)), milliseconds(-days(1)), milliseconds(-seconds(1)),
                              milliseconds(-minutes(1)), milliseconds(seconds(30)));
        const bool restarts = *rc::gen::arbitrary<bool>();
        milliseconds last_run{0};
        std::size_t after_jump = 0;
        bool jumped = false;
        for (milliseconds real{0}; real < interval * 12; real += step) {
            if (!jumped && real >= jump_at) {
                jumped = true;
                if (restarts) caller.restart();
            }
            if (caller.look(start + real + (jumped ? jump : milliseconds(0)))) {
                if (jumped) ++after_jump;
                last_run = real;
            }
            const milliseconds since = jumped ? std::max(last_run, jump_at) : last_run;
            RC_ASSERT(real - since <= interval + step);
        }
        const auto regular = static_cast<std::size_t>((interval * 12 - jump_at) / interval);
        // One to catch up, one that comes while the caller does not look, and one for the part of an interval.
        RC_ASSERT((after_jump >= regular && after_jump <= regular + 3));
    }));
}

TEST_CASE("cron fires no earlier than it says, and a little later, always the same") {
    const SyncFrequency frequency = cron("0 7 * * *", "Europe/Berlin");
    const Timestamp first = due(frequency, id_of(1), std::nullopt, start);
    const Timestamp says = start + days(1); // 07:00 in Berlin is 06:00Z, strictly after
    CHECK(first >= says);
    CHECK(first <= says + minutes(1));
    CHECK(due(frequency, id_of(1), std::nullopt, start + hours(3)) == first);
    CHECK(due(frequency, id_of(1), first, first) == first + days(1));
    CHECK(due(frequency, id_of(1), first, first + hours(20)) == first + days(1));
    // 28 March 2027: an hour earlier.
    const Timestamp saturday = *parse_timestamp("2027-03-27T12:00:00Z");
    CHECK(due(frequency, id_of(1), std::nullopt, saturday) == first - says + *parse_timestamp("2027-03-28T05:00:00Z"));
}

TEST_CASE("cron: a thousand at one time spread over a minute, or a tenth of the way to the next") {
    for (const auto& [expression, limit] : {std::pair{"0 * * * *", seconds(60)}, std::pair{"*/5 * * * *", seconds(30)},
                                            std::pair{"* * * * *", seconds(6)}}) {
        std::vector<Timestamp> times;
        const Timestamp says = start + hours(1);
        for (int number = 0; number < 1'000; ++number) {
            times.push_back(due(cron(expression), id_of(number), std::nullopt, says - milliseconds(1)));
            CHECK(times.back() >= says);
            CHECK(times.back() <= says + limit);
        }
        CHECK(fullest_bin(times, says, limit) < 0.25);
    }
}

TEST_CASE("cron: a firing is not missed before its delay is over") {
    const SyncFrequency frequency = cron("0 6 * * *");
    int number = 0;
    while (number < 1'000 && due(frequency, id_of(number), std::nullopt, start) < start + days(1) + seconds(40))
        ++number;
    const std::string late = id_of(number);
    const Timestamp last = due(frequency, late, std::nullopt, start - days(1));
    const Timestamp next = due(frequency, late, last, last);
    CHECK(next == last + days(1));
    CHECK(due(frequency, late, last, start + days(1) + seconds(10)) == next); // after 06:00, before it is due
}

TEST_CASE("cron: missed firings come to one run") {
    CHECK(rc::check([] {
        Caller caller{cron(*rc::gen::element<std::string>("0 * * * *", "*/10 * * * *", "30 2 * * *", "0 6 * * 1-5"),
                           *rc::gen::element<std::string>("UTC", "Europe/Berlin")),
                      id_of(*rc::gen::inRange(0, 1'000'000))};
        caller.last_due = due(caller.frequency, caller.id, std::nullopt, start);
        const Timestamp next = due(caller.frequency, caller.id, caller.last_due, *caller.last_due);
        const Timestamp restart = next + draw_time(milliseconds(0), days(20));
        const Timestamp regular = due(caller.frequency, caller.id, std::nullopt, restart);
        Timestamp now = restart;
        for (; now < regular + minutes(3); now += seconds(5))
            caller.look(now);
        RC_ASSERT(caller.runs.front() <= restart + minutes(1));
        RC_ASSERT(caller.runs.size() == 1 || caller.runs.size() == 2);
        RC_ASSERT((caller.runs.size() == 2 ? caller.runs.back() == regular : regular <= restart + minutes(2)));
    }));
}

TEST_CASE("cron: a clock that was put back goes by what it says now") {
    const SyncFrequency frequency = cron("0 * * * *");
    const Timestamp last = due(frequency, id_of(1), std::nullopt, start);
    const Timestamp back = last - days(1);
    CHECK(due(frequency, id_of(1), last, back) == last - days(1) + hours(1));
    CHECK(due(frequency, id_of(1), last, back - minutes(2)) == last - days(1));
}

TEST_CASE("what can't be read is a fault, and no time is too far away") {
    CHECK(next_due(cron("0 6 * *"), id_of(1), start, start).error().code == ErrorCode::invalid_configuration);
    CHECK(next_due(cron("0 6 * * *", "Mars/Olympus"), id_of(1), start, start).error().code ==
          ErrorCode::invalid_configuration);
    CHECK(next_due(every(minutes(0)), id_of(1), start, start).error().code == ErrorCode::invalid_configuration);
    for (const Timestamp time : {Timestamp::min(), Timestamp(), Timestamp::max()}) {
        CHECK(due(every(minutes(15)), id_of(1), time, start) > start);
        CHECK(due(every(minutes(15)), id_of(1), time, start) <= start + minutes(15));
        CHECK(due(cron("0 6 * * *"), id_of(1), time, start) <= start + days(1) + minutes(1));
        CHECK(next_due(every(minutes(15)), "", start, time).has_value());
        CHECK(next_due(cron("0 6 * * *"), "", start, time).has_value());
    }
}

TEST_CASE("a look at a schedule: nothing before its time, then one run, and the next time at once") {
    const SyncFrequency frequency = every(minutes(15));
    auto look = look_at({}, frequency, id_of(1), false, start);
    REQUIRE(look.has_value());
    CHECK(look->changed);
    CHECK_FALSE(look->due);
    const DueTimes times = look->times;
    REQUIRE(times.next_due.has_value());
    look = look_at(times, frequency, id_of(1), false, *times.next_due - milliseconds(1));
    CHECK_FALSE(look->changed);
    CHECK_FALSE(look->due);
    look = look_at(times, frequency, id_of(1), false, *times.next_due);
    CHECK(look->changed);
    CHECK(look->due);
    CHECK(look->times.last_due == times.next_due);
    CHECK(look->times.next_due == *times.next_due + minutes(15));
}

TEST_CASE("a look at a schedule: another frequency begins anew, and a manual one is never due") {
    const DueTimes times = look_at({}, every(minutes(15)), id_of(1), false, start)->times;
    const Timestamp late = *times.next_due + minutes(1);
    const auto hourly = look_at(times, every(minutes(60)), id_of(1), false, late);
    CHECK(hourly->changed);
    CHECK_FALSE(hourly->due); // what the old one missed is nobody's wish any more
    CHECK_FALSE(hourly->times.last_due.has_value());
    CHECK(hourly->times.next_due == due(every(minutes(60)), id_of(1), std::nullopt, late));
    SyncFrequency manual;
    const auto stopped = look_at(times, manual, id_of(1), false, late);
    CHECK(stopped->changed);
    CHECK_FALSE(stopped->due);
    CHECK_FALSE(stopped->times.next_due.has_value());
    CHECK_FALSE(look_at(stopped->times, manual, id_of(1), false, late)->changed);
}

TEST_CASE("a look at a schedule: after a downtime a process puts off what is long overdue, once") {
    DueTimes times = look_at({}, every(minutes(60)), id_of(7), false, start)->times;
    times.last_due = times.next_due;
    times.next_due = *times.next_due + hours(1);
    const Timestamp back = *times.next_due + hours(5) + minutes(30);
    const auto first = look_at(times, every(minutes(60)), id_of(7), true, back);
    CHECK(first->changed);
    CHECK_FALSE(first->due);
    CHECK(*first->times.next_due > back);
    CHECK(*first->times.next_due <= back + minutes(1));
    CHECK(look_at(first->times, every(minutes(60)), id_of(7), true, *first->times.next_due)->due);
    // One that looked all the time is only late.
    CHECK(look_at(times, every(minutes(60)), id_of(7), false, back)->due);
    CHECK(look_at(times, every(minutes(60)), id_of(7), true, *times.next_due + minutes(1))->due);
}

TEST_CASE("a look at a schedule that can't be read is a fault, and changes nothing") {
    CHECK(look_at({}, cron("0 6 * *"), id_of(1), false, start).error().code == ErrorCode::invalid_configuration);
}

// When a delivery is tried again, and when an endpoint is left alone.
#include <core/webhook_rules.hpp>

#include <doctest/doctest.h>

#include <map>

using namespace castiel_sync;
using namespace std::chrono_literals;

namespace {

constexpr Timestamp start{std::chrono::hours(24 * 365 * 50)};

std::optional<std::chrono::milliseconds> wait(std::size_t failures, WebhookOutcome outcome,
                                              std::optional<std::chrono::milliseconds> retry_after = {},
                                              std::uint64_t seed = 1) {
    const auto random = make_seeded_random(seed);
    return wait_after_failure(WebhookRules(), failures, outcome, retry_after, *random);
}

} // namespace

TEST_CASE("a type is taken by its name, by a star behind its beginning, and by a star alone") {
    CHECK(takes_event({"integration.sync.completed"}, "integration.sync.completed"));
    CHECK(!takes_event({"integration.sync.completed"}, "integration.sync.completed.late"));
    CHECK(!takes_event({"integration.sync"}, "integration.sync.completed"));
    CHECK(takes_event({"integration.sync.*"}, "integration.sync.failed"));
    CHECK(!takes_event({"integration.sync.*"}, "integration.conflict.detected"));
    CHECK(takes_event({"integration.sync.*", "*"}, "integration.conflict.detected"));
    for (const char* fine : {"*", "a", "integration.*", "integration.sync.completed", "a_b-c.D9"})
        CHECK_MESSAGE(is_event_pattern(fine), fine);
    for (const char* bad : {"", ".", "a.", ".a", "a..b", "a*", "a.*.b", "**", "a.**", "a b", "\u00e9"})
        CHECK_MESSAGE(!is_event_pattern(bad), bad);
}

TEST_CASE("only a 2xx is a delivery; redirects are none") {
    CHECK(outcome_of(200, {}) == WebhookOutcome::delivered);
    CHECK(outcome_of(204, {}) == WebhookOutcome::delivered);
    for (unsigned status : {301u, 302u, 307u, 308u, 400u, 401u, 404u, 500u})
        CHECK_MESSAGE(outcome_of(status, {}) == WebhookOutcome::failed, status);
    CHECK(outcome_of(410, {}) == WebhookOutcome::gone);
    CHECK(outcome_of(429, {}) == WebhookOutcome::overloaded);
    CHECK(outcome_of(503, {}) == WebhookOutcome::overloaded);
    CHECK(outcome_of(0, Error(ErrorCode::unknown_outcome, "no answer in time")) == WebhookOutcome::overloaded);
    CHECK(outcome_of(0, Error(ErrorCode::unavailable, "refused")) == WebhookOutcome::failed);
    CHECK(outcome_of(200, Error(ErrorCode::corrupted, "cut")) == WebhookOutcome::failed);
}

TEST_CASE("waits follow the schedule within its jitter, and spread (I26)") {
    const WebhookRules rules;
    for (std::size_t failures = 1; failures <= rules.waits.size(); ++failures) {
        const auto planned = rules.waits[failures - 1];
        std::map<std::int64_t, int> tenths;
        for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
            const auto pause = wait(failures, WebhookOutcome::failed, {}, seed);
            REQUIRE(pause.has_value());
            CHECK(*pause >= planned * 8 / 10);
            CHECK(*pause <= planned * 12 / 10);
            ++tenths[(*pause - planned * 8 / 10).count() * 10 / ((planned * 4 / 10).count() + 1)];
        }
        for (const auto& [tenth, count] : tenths) CHECK_MESSAGE(count <= 250, tenth);
    }
    CHECK(!wait(rules.waits.size() + 1, WebhookOutcome::failed).has_value());
}

TEST_CASE("an endpoint that is overloaded gets a minute, or what it asks for up to a day (I26)") {
    CHECK(*wait(1, WebhookOutcome::overloaded) == 60s);
    CHECK(*wait(1, WebhookOutcome::overloaded, 90s) == 90s);
    CHECK(*wait(1, WebhookOutcome::failed, 90s) == 90s);
    CHECK(*wait(1, WebhookOutcome::failed, 0s) >= 4s);
    CHECK(*wait(1, WebhookOutcome::overloaded, std::chrono::hours(24 * 3650)) == 24h);
    CHECK(*wait(3, WebhookOutcome::overloaded, 1s) >= 24min); // never less than the schedule
}

TEST_CASE("an endpoint is switched off after five days of nothing but failures of several events (I27)") {
    const WebhookRules rules;
    WebhookHealth health;
    SUBCASE("one event alone never does it") {
        for (int day = 0; day < 30; ++day) CHECK(!note_webhook_failure(health, rules, "a", start + day * 24h));
        CHECK(!note_webhook_failure(health, rules, "b", start + 30 * 24h));
    }
    SUBCASE("three events within a day do not, either") {
        CHECK(!note_webhook_failure(health, rules, "a", start));
        CHECK(!note_webhook_failure(health, rules, "b", start + 1h));
        CHECK(!note_webhook_failure(health, rules, "c", start + 2h));
        CHECK(!note_webhook_failure(health, rules, "a", start + 6 * 24h));
        CHECK(note_webhook_failure(health, rules, "d", start + 6 * 24h));
    }
    SUBCASE("three events over days do, once the fifth day is over") {
        CHECK(!note_webhook_failure(health, rules, "a", start));
        CHECK(!note_webhook_failure(health, rules, "b", start + 20h));
        CHECK(!note_webhook_failure(health, rules, "c", start + 25h));
        CHECK(!note_webhook_failure(health, rules, "c", start + 5 * 24h - 1ms));
        CHECK(note_webhook_failure(health, rules, "c", start + 5 * 24h));
        CHECK(health.failing_since() == start);
    }
}

TEST_CASE("a rate lets a second's worth through at once, and then its share") {
    std::int64_t reserved = 0;
    Timestamp now = start;
    int taken = 0;
    while (take_webhook_turn(reserved, 600, now) == 0ms) ++taken;
    CHECK(taken == 10);
    for (int i = 0; i < 6000; ++i) {
        now += 10ms;
        if (take_webhook_turn(reserved, 600, now) == 0ms) ++taken;
    }
    CHECK(taken == 610);
    // A clock that was put back by a day costs no more than a second's worth.
    now -= 24h;
    CHECK(take_webhook_turn(reserved, 600, now) <= 1s);
    CHECK(take_webhook_turn(reserved, 600, now + 1s) == 0ms);
}

TEST_CASE("a slow rate has one attempt at a time") {
    std::int64_t reserved = 0;
    CHECK(take_webhook_turn(reserved, 1, start) == 0ms);
    CHECK(take_webhook_turn(reserved, 1, start) == 60s);
    CHECK(take_webhook_turn(reserved, 1, start + 59s) == 1s);
    CHECK(take_webhook_turn(reserved, 1, start + 60s) == 0ms);
}

TEST_CASE("a breaker opens when half of a minute's attempts fail, and closes by one that works") {
    WebhookBreaker breaker;
    std::chrono::nanoseconds now = 1000s;
    SUBCASE("not by few failures") {
        for (int i = 0; i < 19; ++i) breaker.note(false, now);
        CHECK(!breaker.closed_for(now).has_value());
        breaker.note(false, now + 61s); // those before are of another minute
        CHECK(!breaker.closed_for(now + 61s).has_value());
    }
    SUBCASE("not by fewer than half") {
        for (int i = 0; i < 30; ++i) breaker.note(true, now);
        for (int i = 0; i < 29; ++i) breaker.note(false, now);
        CHECK(!breaker.closed_for(now).has_value());
        breaker.note(false, now);
        CHECK(breaker.closed_for(now) == 30s);
    }
    SUBCASE("then a single probe, whose failure doubles the pause") {
        for (int i = 0; i < 20; ++i) breaker.note(false, now);
        CHECK(breaker.closed_for(now) == 30s);
        breaker.note(false, now + 1s); // was under way
        CHECK(breaker.closed_for(now + 1s) == 29s);
        now += 30s;
        CHECK(!breaker.closed_for(now).has_value());
        CHECK(breaker.probing());
        breaker.note(false, now);
        CHECK(breaker.closed_for(now) == 60s);
        for (int i = 0; i < 10; ++i) {
            now += *breaker.closed_for(now);
            breaker.note(false, now);
        }
        CHECK(breaker.closed_for(now) == 300s);
        now += 300s;
        breaker.note(true, now);
        CHECK(!breaker.probing());
    }
}

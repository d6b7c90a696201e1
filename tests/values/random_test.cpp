#include <castiel_sync/runtime.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <deque>
#include <limits>
#include <set>

using namespace castiel_sync;

namespace {

class ScriptedRandom final : public Random {
public:
    explicit ScriptedRandom(std::deque<std::uint64_t> numbers) : numbers_(std::move(numbers)) {}

    std::uint64_t next() override {
        const std::uint64_t number = numbers_.at(0);
        numbers_.pop_front();
        return number;
    }

private:
    std::deque<std::uint64_t> numbers_;
};

} // namespace

TEST_CASE("I33 a seed gives the published numbers of SplitMix64") {
    const auto random = make_seeded_random(0);
    CHECK(random->next() == 0xe220a8397b1dcdaf);
    CHECK(random->next() == 0x6e789e6aa1b965f4);
    CHECK(random->next() == 0x06c45d188009454f);
}

TEST_CASE("uniform stays below its bound and draws again where a remainder would be unfair") {
    ScriptedRandom largest({std::numeric_limits<std::uint64_t>::max()});
    CHECK(uniform(largest, 1'000) < 1'000);

    // 2^64 = 3 × 6148914691236517205 + 1: one number too many.
    ScriptedRandom unfair({0, 7});
    CHECK(uniform(unfair, 3) == 1);

    ScriptedRandom power_of_two({0});
    CHECK(uniform(power_of_two, std::uint64_t{1} << 63) == 0);

    ScriptedRandom one({42});
    CHECK(uniform(one, 1) == 0);
}

TEST_CASE("a bound of 0 is a bug of the caller and says so") {
    ScriptedRandom random({1});
    CHECK_THROWS_AS((void)uniform(random, 0), std::invalid_argument);
}

TEST_CASE("a UUID is of version 4, in lower case, and keeps every bit that is free") {
    ScriptedRandom ones({std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max()});
    CHECK(make_uuid(ones) == "ffffffff-ffff-4fff-bfff-ffffffffffff");
    ScriptedRandom zeros({0, 0});
    CHECK(make_uuid(zeros) == "00000000-0000-4000-8000-000000000000");
    ScriptedRandom mixed({0x0123456789abcdef, 0xfedcba9876543210});
    CHECK(make_uuid(mixed) == "01234567-89ab-4def-bedc-ba9876543210");
}

TEST_CASE("an ordered UUID is of version 7, begins with its time, and keeps every bit that is free") {
    const auto at = [](std::int64_t milliseconds) { return Timestamp(std::chrono::milliseconds(milliseconds)); };
    ScriptedRandom ones({std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max()});
    CHECK(make_ordered_uuid(at(0x0123456789ab), ones) == "01234567-89ab-7fff-bfff-ffffffffffff");
    ScriptedRandom zeros({0, 0});
    CHECK(make_ordered_uuid(at(0x0123456789ac), zeros) == "01234567-89ac-7000-8000-000000000000");
    const auto random = make_seeded_random(1);
    CHECK(make_ordered_uuid(at(1'700'000'000'000), *random) != make_ordered_uuid(at(1'700'000'000'000), *random));
}

TEST_CASE("the system's randomness does not repeat, across refills and sources") {
    std::set<std::uint64_t> seen;
    for (int source = 0; source < 2; ++source) {
        const auto random = make_system_random();
        for (int draw = 0; draw < 100; ++draw)
            seen.insert(random->next());
    }
    CHECK(seen.size() == 200);
}

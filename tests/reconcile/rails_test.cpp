// Where each rail trips, to the record.
#include <core/rails.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;

namespace {

RailLimits limits() {
    RailLimits result;
    result.max_deletes = 10;
    result.max_delete_share = 0.25;
    result.max_update_share = 0.5;
    return result;
}

} // namespace

TEST_CASE("max_deletes by count: as many as the limit pass, one more does not") {
    CHECK_FALSE(judge_deletions(limits(), Side::target, 10, 1000, 0));
    const auto trip = judge_deletions(limits(), Side::target, 11, 1000, 0);
    REQUIRE(trip);
    CHECK(trip->rail == Rail::max_deletes);
    CHECK(trip->flow == Side::target);
    CHECK(trip->count == 11);
    CHECK(trip->reason == "11 of 1000 linked records would be deleted in the shards (limit 10); approve or reject");
}

TEST_CASE("max_deletes by share: judged from 20 linked records on") {
    CHECK_FALSE(judge_deletions(limits(), Side::source, 5, 20, 0));
    const auto trip = judge_deletions(limits(), Side::source, 6, 20, 0);
    REQUIRE(trip);
    CHECK(trip->flow == Side::source);
    CHECK(trip->reason == "6 of 20 linked records would be deleted in the source (limit 5); approve or reject");
    CHECK_FALSE(judge_deletions(limits(), Side::source, 10, 19, 0));
    CHECK(judge_deletions(limits(), Side::source, 11, 19, 0));
    RailLimits none = limits();
    none.max_deletes = 0;
    CHECK(judge_deletions(none, Side::target, 1, 1, 0));
    CHECK_FALSE(judge_deletions(none, Side::target, 0, 1, 0));
}

TEST_CASE("an approval of deletions lets as many pass as were shown, and not one more") {
    CHECK_FALSE(judge_deletions(limits(), Side::target, 40, 100, 40));
    CHECK(judge_deletions(limits(), Side::target, 41, 100, 40));
    CHECK_FALSE(judge_deletions(limits(), Side::target, 10, 100, 2));
}

TEST_CASE("max_updates by share: off at 1, judged from 20 linked records on, and up to an approval") {
    CHECK_FALSE(judge_updates(limits(), Side::target, 10, 20, 0));
    const auto trip = judge_updates(limits(), Side::target, 11, 20, 0);
    REQUIRE(trip);
    CHECK(trip->rail == Rail::max_updates);
    CHECK(trip->count == 11);
    CHECK_FALSE(judge_updates(limits(), Side::target, 19, 19, 0));
    CHECK_FALSE(judge_updates(limits(), Side::target, 11, 20, 11));
    CHECK(judge_updates(limits(), Side::target, 12, 20, 11));
    RailLimits off = limits();
    off.max_update_share = 1.0;
    CHECK_FALSE(judge_updates(off, Side::target, 21, 20, 0)); // records that were linked and written in this very run
}

TEST_CASE("all_changed: every one of at least 20 records that were read, and enough to speak of all") {
    const auto judge = [](std::uint64_t read, std::uint64_t changed, std::uint64_t whole, std::uint64_t approved = 0) {
        return judge_all_changed(limits(), Side::target, read, changed, whole, approved);
    };
    const auto trip = judge(20, 20, 20);
    REQUIRE(trip);
    CHECK(trip->rail == Rail::all_changed);
    CHECK(trip->reason.find("read from the source changed at once") != std::string::npos);
    CHECK_FALSE(judge(20, 19, 20));
    CHECK_FALSE(judge(19, 19, 19));
    CHECK_FALSE(judge(20, 20, 21));
    CHECK_FALSE(judge(20, 20, 20, 20));
    CHECK(judge(21, 21, 21, 20));
    RailLimits off = limits();
    off.stop_on_all_changed = false;
    CHECK_FALSE(judge_all_changed(off, Side::target, 20, 20, 20, 0));
}

TEST_CASE("empty_side: an empty listing while links exist, however few") {
    const auto trip = judge_empty_side(limits(), Side::source, 1, 0);
    REQUIRE(trip);
    CHECK(trip->rail == Rail::empty_side);
    CHECK(trip->flow == Side::target);
    CHECK(trip->count == 1);
    CHECK(trip->reason == "the source answers empty while 1 linked records exist; approve to delete them in the "
                          "shards, or reject");
    CHECK_FALSE(judge_empty_side(limits(), Side::source, 0, 0));
    CHECK_FALSE(judge_empty_side(limits(), Side::source, 5, 5));
    CHECK(judge_empty_side(limits(), Side::source, 6, 5));
    RailLimits off = limits();
    off.stop_on_empty_side = false;
    CHECK_FALSE(judge_empty_side(off, Side::source, 100, 0));
}

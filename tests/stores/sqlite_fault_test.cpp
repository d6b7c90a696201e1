// The disk fails at every call in turn: what the store says must be what the file holds, also after a crash.
#include "stores/counted_faults.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

const std::string old_body = "{\"old\":\"" + std::string(2000, 'o') + "\"}";
const std::string new_body = "{\"new\":\"" + std::string(2000, 'n') + "\"}";
const std::string before = "changed=" + brief(old_body) + " removed=" + brief(old_body);
const std::string after = "added=" + brief(new_body) + " changed=" + brief(new_body);

std::vector<Write> the_batch() {
    return {put(document("added", new_body, "x")), put(document("changed", new_body, "y")),
            castiel_sync::remove(item_kind, "removed")};
}

void fill(BlockingStore& store) {
    REQUIRE(store.commit("p", {put(document("changed", old_body, "x")), put(document("removed", old_body, "x"))})
                .has_value());
}

// One commit with this fault. False: the fault was never reached.
bool commit_under(const FaultPlan& plan) {
    SimulatedDisk disk(static_cast<std::uint64_t>(plan.at));
    const auto store = open_on(disk, "first");
    fill(*store);
    CountedFaults faults(disk, plan);
    const auto committed = store->commit("p", the_batch());
    // What it says while the disk still fails may be an error, but nothing false.
    const std::string meanwhile = contents(*store);
    faults.end();
    if (!faults.have_struck()) return false;
    CHECK((meanwhile == before || meanwhile == after || meanwhile == "unavailable" || meanwhile == "out_of_space"));

    const std::string seen = contents(*store);
    if (committed) CHECK(seen == after);
    else if (committed.error().code == ErrorCode::unknown_outcome) CHECK((seen == before || seen == after));
    else CHECK(seen == before);
    if (meanwhile == before || meanwhile == after) CHECK(seen == meanwhile);
    if (!committed && committed.error().code != ErrorCode::unknown_outcome)
        CHECK(committed.error().code ==
              (plan.fault.code == SQLITE_FULL ? ErrorCode::out_of_space : ErrorCode::unavailable));

    const auto crashed = disk.clone();
    CHECK(contents(*open_on(*crashed, "second")) == seen);
    CHECK(integrity_of(*crashed) == "ok");

    REQUIRE(store->commit("p", {put(document("zz"))}).has_value());
    CHECK(contents(*store) == seen + " zz={}");
    return true;
}

// A process, or every process, dies within one commit. False: that was never reached.
bool die_within_commit(const FaultPlan& plan, std::uint64_t seed) {
    SimulatedDisk disk(seed);
    auto store = open_on(disk, "first");
    fill(*store);
    bool acknowledged = false;
    bool struck = false;
    {
        const CountedFaults faults(disk, plan);
        acknowledged = store->commit("p", the_batch()).has_value();
        struck = faults.have_struck();
    }
    disk.kill("first");
    store.reset();
    disk.bury("first");

    std::string seen;
    {
        const auto next = open_on(disk, "second");
        seen = contents(*next);
        CHECK((seen == after || (seen == before && !acknowledged)));
        CHECK(integrity_of(disk) == "ok");
        disk.fail_power();
    }
    // Somebody was told: it must not be undone.
    CHECK(contents(*open_on(disk, "third")) == seen);
    return struck;
}

} // namespace

TEST_CASE("I38 a commit on a disk that fails at the n-th call is told as it happened, for every n") {
    int struck = 0;
    for (const int code : {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC}) {
        for (const bool lasting : {false, true}) {
            for (const bool torn : {false, true}) {
                for (int at = 1; at < 200; ++at) {
                    CAPTURE(code);
                    CAPTURE(lasting);
                    CAPTURE(torn);
                    CAPTURE(at);
                    FaultPlan plan;
                    plan.call = code == SQLITE_IOERR_FSYNC ? FaultPlan::Call::sync : FaultPlan::Call::write;
                    plan.at = at;
                    plan.lasting = lasting;
                    plan.fault = {torn ? DiskFault::Kind::fails_halfway : DiskFault::Kind::fails, code};
                    if (!commit_under(plan)) break;
                    ++struck;
                }
            }
        }
    }
    CHECK(struck > 50);
}

TEST_CASE("I31 what a commit acknowledged, or anybody was shown, survives a death and a power loss at every call") {
    int struck = 0;
    for (const auto kind : {DiskFault::Kind::process_dies, DiskFault::Kind::power_fails})
        for (int at = 1; at < 200; ++at) {
            bool reached = false;
            for (std::uint64_t seed = 1; seed <= 8; ++seed) {
                CAPTURE(static_cast<int>(kind));
                CAPTURE(at);
                CAPTURE(seed);
                FaultPlan plan;
                plan.at = at;
                plan.fault.kind = kind;
                reached = die_within_commit(plan, seed);
            }
            if (!reached) break;
            ++struck;
        }
    CHECK(struck > 20);
}

TEST_CASE("I31 what a failed synchronisation left in the log is durable once another process has read it") {
    int shown = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        SimulatedDisk disk(seed);
        auto store = open_on(disk, "first");
        fill(*store);
        bool failed = false;
        disk.set_faults([&](DiskCall call) {
            DiskFault fault;
            if (failed) fault.kind = DiskFault::Kind::process_dies; // before it can write over what may be lost
            else if (call == DiskCall::sync) fault = {DiskFault::Kind::fails_halfway, SQLITE_IOERR_FSYNC};
            failed = failed || call == DiskCall::sync;
            return fault;
        });
        CHECK_FALSE(store->commit("p", the_batch()).has_value());
        CHECK(failed);
        disk.set_faults({});
        disk.kill("first");
        store.reset();
        disk.bury("first");

        std::string seen;
        {
            const auto next = open_on(disk, "second");
            seen = contents(*next);
            shown += seen == after ? 1 : 0;
            REQUIRE(next->commit("p", {put(document("zz"))}).has_value());
            disk.fail_power();
        }
        CHECK(contents(*open_on(disk, "third")) == seen + " zz={}");
    }
    CHECK(shown > 0);
}

TEST_CASE("I38 a read on a disk that fails is an error or the truth, never less") {
    SimulatedDisk disk(1);
    std::string expected;
    {
        const auto store = open_on(disk, "first");
        for (int i = 100; i < 160; ++i) {
            REQUIRE(commit(*store, put(document(std::to_string(i), old_body, "x"))).has_value());
            expected += (expected.empty() ? "" : " ") + std::to_string(i) + "=" + brief(old_body);
        }
    }
    int struck = 0;
    for (int at = 1; at < 500; ++at) {
        CAPTURE(at);
        const auto store = open_on(disk, std::to_string(at));
        FaultPlan plan;
        plan.call = FaultPlan::Call::read;
        plan.at = at;
        plan.fault = {at % 2 == 0 ? DiskFault::Kind::fails : DiskFault::Kind::fails_halfway, SQLITE_IOERR_READ};
        CountedFaults faults(disk, plan);
        const std::string seen = contents(*store);
        faults.end();
        if (!faults.have_struck()) break;
        ++struck;
        CHECK((seen == "unavailable" || seen == expected));
        CHECK(contents(*store) == expected);
    }
    CHECK(struck > 10);
}

// Opens a new file with this fault, and again without it. False: the fault was never reached.
static bool open_under(const FaultPlan& plan, ErrorCode told, std::uint64_t seed = 1) {
    SimulatedDisk disk(seed);
    CountedFaults faults(disk, plan);
    auto opened = open_sqlite_store(options_on(disk, "first"));
    faults.end();
    if (!faults.have_struck()) return false;
    // The last writes of opening only tidy up the log; they may fail without harm.
    if (!opened) {
        CHECK(opened.error().code == told);
        opened = open_sqlite_store(options_on(disk, "second"));
    }
    REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
    CHECK(commit(**opened, put(document("a"))).has_value());
    disk.fail_power();
    opened->reset();
    CHECK(contents(*open_on(disk, "after the power loss")) == "a={}");
    return true;
}

TEST_CASE("opening on a full disk is out_of_space, and works when there is room again") {
    int struck = 0;
    for (int at = 1; at < 200; ++at, ++struck) {
        CAPTURE(at);
        FaultPlan plan;
        plan.call = FaultPlan::Call::write;
        plan.at = at;
        plan.lasting = true;
        plan.fault = {DiskFault::Kind::fails, SQLITE_FULL};
        if (!open_under(plan, ErrorCode::out_of_space)) break;
    }
    CHECK(struck > 5);
}

TEST_CASE("opening on a disk that fails is unavailable, never of unknown outcome, and works when it is mended") {
    int struck = 0;
    for (const int code : {SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC})
        for (int at = 1; at < 200; ++at, ++struck) {
            CAPTURE(code);
            CAPTURE(at);
            FaultPlan plan;
            plan.call = code == SQLITE_IOERR_FSYNC ? FaultPlan::Call::sync : FaultPlan::Call::write;
            plan.at = at;
            plan.fault = {DiskFault::Kind::fails, code};
            if (!open_under(plan, ErrorCode::unavailable)) break;
        }
    CHECK(struck > 10);
}

TEST_CASE("I31 a store that was opened while the disk failed writes ahead, and keeps what it acknowledges") {
    int struck = 0;
    for (int at = 1; at < 50; ++at) {
        bool reached = false;
        for (std::uint64_t seed = 1; seed <= 8; ++seed) {
            CAPTURE(at);
            CAPTURE(seed);
            FaultPlan plan;
            plan.call = FaultPlan::Call::sync;
            plan.at = at;
            plan.fault = {seed % 2 == 0 ? DiskFault::Kind::fails : DiskFault::Kind::fails_halfway, SQLITE_IOERR_FSYNC};
            reached = open_under(plan, ErrorCode::unavailable, seed);
        }
        if (!reached) break;
        ++struck;
    }
    CHECK(struck > 3);
}

TEST_CASE("a flipped bit never becomes a document: the answer is right, an error, or found by the integrity check") {
    TemporaryFolder folder;
    const std::string path = folder.file("store.db");
    std::string expected;
    {
        const auto store = open_store(path);
        for (int i = 100; i < 125; ++i) {
            const std::string body = "{\"n\":\"" + std::string(900, static_cast<char>('a' + i % 26)) + "\"}";
            REQUIRE(commit(*store, put(document(std::to_string(i), body, i % 3))).has_value());
            expected += (expected.empty() ? "" : " ") + std::to_string(i) + "=" + brief(body);
        }
    }
    const std::string whole = read_bytes(path);
    int wrong = 0;
    int told = 0;
    for (std::size_t at = 100; at < whole.size(); at += 211) {
        CAPTURE(at);
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 1 << at % 8);
        write_bytes(path, damaged);
        const auto store = open_sqlite_store(options_for(path));
        const std::string seen = store ? contents(**store) : "corrupted";
        if (seen == expected) continue;
        if (seen == "corrupted") {
            ++told;
            continue;
        }
        // Fewer documents: an index was hit. Never a document that was not written.
        ++wrong;
        std::size_t from = 0;
        while (from < seen.size()) {
            const std::size_t end = std::min(seen.find(' ', from), seen.size());
            CHECK(expected.find(seen.substr(from, end - from)) != std::string::npos);
            from = end + 1;
        }
        CHECK(check_sqlite_integrity(path).error().code == ErrorCode::corrupted);
    }
    CHECK(told > 50);
    CHECK(wrong < told / 5);
}

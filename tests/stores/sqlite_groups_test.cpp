// Commits to SQLite that share a transaction: as if each had one of its own, and one wait for the disk for all.
#include "stores/counted_faults.hpp"

#include <boost/asio/static_thread_pool.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <thread>

using namespace castiel_sync;
using namespace castiel_sync::testing;
namespace asio = boost::asio;

namespace {

struct Planned {
    std::string partition;
    std::vector<Write> writes;
};

std::vector<Result<CommitReceipt>> commit_group(BlockingStore& store, const std::vector<Planned>& group) {
    std::vector<CommitCall> calls(group.size());
    for (std::size_t i = 0; i < group.size(); ++i) {
        calls[i].partition = group[i].partition;
        calls[i].writes = group[i].writes;
    }
    return store.commit_many(calls);
}

// "ok" or the error's code.
std::string ending(const Result<CommitReceipt>& answer) {
    return answer ? "ok" : std::string(castiel_sync::to_string(answer.error().code));
}

std::string endings(const std::vector<Result<CommitReceipt>>& answers) {
    std::string text;
    for (const auto& answer : answers) text += (text.empty() ? "" : " ") + ending(answer);
    return text;
}

Document outdated(const std::string& id) {
    Document made = document(id);
    made.etag = "1";
    return made;
}

const std::string long_body = "{\"long\":\"" + std::string(2000, 'l') + "\"}";

// Three that can be done, and one in between that is stale because of the first.
std::vector<Planned> the_group() {
    return {{"p", {insert(document("a", long_body, "x"))}},
            {"p", {put(document("never", long_body, "x")), insert(document("a"))}},
            {"p", {put(document("b", long_body, "x")), put(document("c"))}},
            {"p", {put(document("d", long_body, "x"))}}};
}

const std::string all_of_it =
    "a=" + brief(long_body) + " b=" + brief(long_body) + " c={} d=" + brief(long_body) + " old={}";

std::string without(std::string text, const std::string& part) {
    const auto at = text.find(part);
    return at == std::string::npos ? text : text.erase(at, part.size());
}

// What the answers promise; `unknown` decides about those of unknown outcome.
std::string promised(const std::vector<Result<CommitReceipt>>& answers, bool unknown) {
    const auto happened = [&](std::size_t i) {
        return answers[i].has_value() || (unknown && answers[i].error().code == ErrorCode::unknown_outcome);
    };
    std::string text = all_of_it;
    if (!happened(0)) text = without(text, "a=" + brief(long_body) + " ");
    if (!happened(2)) text = without(text, "b=" + brief(long_body) + " c={} ");
    if (!happened(3)) text = without(text, "d=" + brief(long_body) + " ");
    return text;
}

// One group with this fault. False: the fault was never reached.
bool commit_group_under(const FaultPlan& plan) {
    SimulatedDisk disk(static_cast<std::uint64_t>(plan.at));
    const auto store = open_on(disk, "first");
    REQUIRE(commit(*store, put(document("old"))).has_value());
    CountedFaults faults(disk, plan);
    const auto answers = commit_group(*store, the_group());
    faults.end();
    if (!faults.have_struck()) return false;
    CAPTURE(endings(answers));

    const std::string seen = contents(*store);
    CHECK((seen == promised(answers, false) || seen == promised(answers, true)));
    const auto told = plan.fault.code == SQLITE_FULL ? ErrorCode::out_of_space : ErrorCode::unavailable;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i]) continue;
        const ErrorCode code = answers[i].error().code;
        if (i == 1) CHECK((code == ErrorCode::stale || code == told || code == ErrorCode::unavailable));
        else CHECK((code == told || code == ErrorCode::unknown_outcome));
    }
    CHECK_FALSE(answers[1].has_value());
    // Who was told that "a" exists must find it.
    if (answers[1].error().code == ErrorCode::stale) CHECK(seen.starts_with("a="));

    const auto crashed = disk.clone();
    CHECK(contents(*open_on(*crashed, "second")) == seen);
    CHECK(integrity_of(*crashed) == "ok");
    REQUIRE(commit(*store, put(document("zz"))).has_value());
    CHECK(contents(*store) == seen + " zz={}");
    return true;
}

// A process, or every process, dies within one group. False: that was never reached.
bool die_within_group(const FaultPlan& plan, std::uint64_t seed) {
    SimulatedDisk disk(seed);
    auto store = open_on(disk, "first");
    REQUIRE(commit(*store, put(document("old"))).has_value());
    std::string told;
    bool struck = false;
    {
        const CountedFaults faults(disk, plan);
        told = endings(commit_group(*store, the_group()));
        struck = faults.have_struck();
    }
    disk.kill("first");
    store.reset();
    disk.bury("first");
    std::string seen;
    {
        const auto next = open_on(disk, "second");
        seen = contents(*next);
        CHECK((seen == all_of_it || (seen == "old={}" && told.find("ok") == std::string::npos)));
        CHECK(integrity_of(disk) == "ok");
        disk.fail_power();
    }
    CHECK(contents(*open_on(disk, "third")) == seen);
    return struck;
}

} // namespace

TEST_CASE("commits that come at once wait for the disk once") {
    SimulatedDisk disk(1);
    asio::io_context loop;
    const auto store = bridge(open_on(disk, "first"), loop.get_executor());
    REQUIRE(run(loop, store->commit("p", {put(document("first"))})).has_value());
    FaultPlan only_count;
    only_count.call = FaultPlan::Call::sync;
    only_count.at = 0;
    const CountedFaults syncs(disk, only_count);
    int succeeded = 0;
    for (int i = 0; i < 20; ++i)
        asio::co_spawn(loop, store->commit("p", {put(document(std::to_string(i)))}),
                       [&](std::exception_ptr, const Result<CommitReceipt>& answer) { succeeded += answer ? 1 : 0; });
    loop.restart();
    loop.run();
    CHECK(succeeded == 20);
    CHECK(syncs.counted_calls() == 1);
}

TEST_CASE("I2 each commit of a group sees those before it, and fails alone") {
    TemporaryFolder folder;
    const auto store = open_store(folder.file("store.db"));
    std::vector<Planned> group = the_group();
    group.push_back({"p", {}});
    Document undeclared = document("e");
    undeclared.kind = "undeclared";
    group.push_back({"p", {put(undeclared)}});
    group.push_back({"q", {insert(document("a"))}});
    const auto answers = commit_group(*store, group);
    CHECK(endings(answers) == "ok stale ok ok ok invalid_request ok");
    CHECK(answers[1].error().message.find("exists already") != std::string::npos);
    CHECK(contents(*store) == without(all_of_it, " old={}"));
    CHECK(contents(*store, "q") == "a={}");
    const std::vector<std::string> etags{answers[0]->etags[0], answers[2]->etags[0], answers[3]->etags[0],
                                         answers[6]->etags[0]};
    CHECK(std::set<std::string>(etags.begin(), etags.end()).size() == 4);
    CHECK(answers[2]->etags == std::vector<std::string>(2, etags[1]));
    Document next = document("a", "{\"next\":1}");
    next.etag = etags[0];
    CHECK(endings(commit_group(*store, {{"p", {replace(next)}}, {"p", {replace(next)}}})) == "ok stale");
}

TEST_CASE("a group of stale commits writes nothing") {
    SimulatedDisk disk(1);
    const auto store = open_on(disk, "first");
    REQUIRE(commit(*store, put(document("a"))).has_value());
    FaultPlan only_count;
    only_count.at = 0;
    const CountedFaults changes(disk, only_count);
    CHECK(endings(commit_group(*store, {{"p", {insert(document("a"))}},
                                        {"new", {insert(document("b")), replace(outdated("c"))}}})) == "stale stale");
    CHECK(changes.counted_calls() == 0);
    CHECK(contents(*store, "new").empty());
}

TEST_CASE("one that fails for a reason of its own does not fail the group, even if it ends the transaction") {
    for (const std::string how : {"ABORT", "FAIL", "ROLLBACK"}) {
        CAPTURE(how);
        TemporaryFolder folder;
        const auto store = open_store(folder.file("store.db"));
        RawDatabase(folder.file("store.db"))
            .execute("CREATE TRIGGER refuse AFTER INSERT ON conformance_item WHEN new.id='bad' BEGIN SELECT RAISE(" +
                     how + ",'no'); END");
        CHECK(endings(commit_group(*store, {{"p", {put(document("a"))}},
                                            {"p", {put(document("b")), put(document("bad"))}},
                                            {"p", {insert(document("a"))}},
                                            {"p", {put(document("c"))}}})) == "ok internal stale ok");
        CHECK(contents(*store) == "a={} c={}");
    }
}

TEST_CASE("a partition that was made by a group that failed is not known afterwards") {
    SimulatedDisk disk(1);
    const auto store = open_on(disk, "first");
    FaultPlan full;
    full.call = FaultPlan::Call::write;
    full.lasting = true;
    full.fault = {DiskFault::Kind::fails, SQLITE_FULL};
    {
        const CountedFaults faults(disk, full);
        CHECK(endings(commit_group(*store, {{"lost", {put(document("a"))}}, {"lost", {put(document("b"))}}})) ==
              "out_of_space out_of_space");
    }
    // It gets the number that the other one would have had.
    REQUIRE(commit(*store, put(document("c")), "kept").has_value());
    CHECK(contents(*store, "lost").empty());
    CHECK(endings(commit_group(*store, {{"stale", {replace(outdated("d"))}}, {"other", {put(document("e"))}},
                                        {"stale", {put(document("f"))}}})) == "stale ok ok");
    CHECK(contents(*store, "kept") == "c={}");
    CHECK(contents(*store, "other") == "e={}");
    CHECK(contents(*store, "stale") == "f={}");
}

TEST_CASE("I38 a group on a disk that fails at the n-th call is told as it happened, for every n") {
    int struck = 0;
    for (const int code : {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC})
        for (const bool lasting : {false, true})
            for (const bool torn : {false, true})
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
                    if (!commit_group_under(plan)) break;
                    ++struck;
                }
    CHECK(struck > 50);
}

TEST_CASE("I31 of a group all or nothing survives a death and a power loss at every call, and all once told so") {
    int struck = 0;
    for (const auto kind : {DiskFault::Kind::process_dies, DiskFault::Kind::power_fails})
        for (int at = 1; at < 200; ++at, ++struck) {
            bool reached = false;
            for (std::uint64_t seed = 1; seed <= 4; ++seed) {
                CAPTURE(static_cast<int>(kind));
                CAPTURE(at);
                CAPTURE(seed);
                FaultPlan plan;
                plan.at = at;
                plan.fault.kind = kind;
                reached = die_within_group(plan, seed);
            }
            if (!reached) break;
        }
    CHECK(struck > 20);
}

TEST_CASE("a group that another process blocks is unavailable as a whole, and changes nothing") {
    TemporaryFolder folder;
    const auto store = open_store(folder.file("store.db"));
    REQUIRE(commit(*store, put(document("old"))).has_value());
    {
        RawDatabase holder(folder.file("store.db"));
        holder.execute("BEGIN IMMEDIATE");
        CHECK(endings(commit_group(*store, the_group())) == "unavailable unavailable unavailable unavailable");
        holder.execute("ROLLBACK");
    }
    CHECK(contents(*store) == "old={}");
    CHECK(endings(commit_group(*store, the_group())) == "ok stale ok ok");
}

TEST_CASE("I35 expired documents leave the file as groups are written") {
    TemporaryFolder folder;
    ManualClock clock;
    SqliteOptions options = options_for(folder.file("store.db"));
    options.now = [&] { return clock.now(); };
    const auto store = open_sqlite_store(options);
    REQUIRE(store.has_value());
    RawDatabase raw(options.path);
    std::int64_t most = 0;
    for (int day = 0; day < 20; ++day) {
        std::vector<Planned> group;
        for (int i = 0; i < 30; ++i) {
            Document made = document(std::to_string(day) + "-" + std::to_string(i));
            made.expires_at = clock.now() + std::chrono::days(3);
            group.push_back({"p", {put(std::move(made))}});
        }
        commit_group(**store, group);
        clock.advance(std::chrono::days(1));
        most = std::max(most, raw.number("SELECT count(*) FROM conformance_item"));
    }
    CHECK(most >= 3 * 30);
    CHECK(most <= 5 * 30);
}

namespace {

// Random calls made at once on SQLite, and one after the other in memory: nobody may see a difference.
class GroupedModel {
public:
    explicit GroupedModel(std::uint64_t seed) : dice_(seed), sqlite_(loop_.get_executor()) {
        memory_store_ = run(loop_, memory_.fresh());
        sqlite_store_ = run(loop_, sqlite_.fresh());
    }

    void run_round() {
        const std::size_t count = 1 + below(12);
        std::vector<std::string> expected(count);
        std::vector<std::string> seen(count);
        for (std::size_t i = 0; i < count; ++i) {
            CAPTURE(i);
            const std::string partition = below(4) == 0 ? "b" : "a";
            if (below(6) == 0) {
                run(loop_, look(*memory_store_, partition, expected[i]));
                planned_.push_back(look(*sqlite_store_, partition, seen[i]));
                continue;
            }
            auto [in_memory, in_sqlite] = plan(partition);
            run(loop_, note(*memory_store_, partition, std::move(in_memory), memory_etags_, expected[i]));
            planned_.push_back(note(*sqlite_store_, partition, std::move(in_sqlite), sqlite_etags_, seen[i]));
        }
        for (auto& call : planned_) asio::co_spawn(loop_, std::move(call), [](std::exception_ptr, bool) {});
        planned_.clear();
        loop_.restart();
        loop_.run();
        REQUIRE(seen == expected);
        memory_known_ = memory_etags_;
        sqlite_known_ = sqlite_etags_;
    }

private:
    using Etags = std::map<std::string, std::string>; // by partition and id

    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(dice_() % bound); }

    std::pair<std::vector<Write>, std::vector<Write>> plan(const std::string& partition) {
        std::set<std::string> ids;
        for (std::size_t i = 1 + below(3); i > 0; --i) ids.insert(std::string(1, static_cast<char>('a' + below(8))));
        std::pair<std::vector<Write>, std::vector<Write>> both;
        for (const std::string& id : ids) {
            Write write = put(document(id, "{\"write\":" + std::to_string(++writes_) + "}",
                                       static_cast<std::int64_t>(below(3))));
            write.precondition = static_cast<Write::Precondition>(below(3));
            if (below(5) == 0) {
                write.action = Write::Action::remove;
                if (write.precondition == Write::Precondition::absent) write.precondition = Write::Precondition::none;
            }
            // As it was before this round: whoever comes first in a group wins.
            write.document.etag = etag_in(memory_known_, partition + id);
            both.first.push_back(write);
            write.document.etag = etag_in(sqlite_known_, partition + id);
            both.second.push_back(std::move(write));
        }
        return both;
    }

    static std::string etag_in(const Etags& etags, const std::string& key) {
        const auto found = etags.find(key);
        return found == etags.end() || found->second.empty() ? "none" : found->second;
    }

    static Async<bool> note(Store& store, std::string partition, std::vector<Write> writes, Etags& etags,
                            std::string& ended) {
        std::vector<std::string> keys;
        for (const Write& write : writes) keys.push_back(partition + write.document.id);
        auto committed = co_await store.commit(partition, std::move(writes));
        ended = ending(committed);
        if (committed)
            for (std::size_t i = 0; i < keys.size(); ++i) etags[keys[i]] = committed->etags[i];
        else ended += " " + committed.error().message;
        co_return true;
    }

    static Async<bool> look(Store& store, std::string partition, std::string& seen) {
        auto page = co_await store.query(partition, item_kind, Query());
        for (const Document& found : page->documents) seen += found.id + "=" + found.body + " ";
        co_return true;
    }

    std::mt19937_64 dice_;
    asio::io_context loop_;
    MemoryHarness memory_;
    SqliteHarness sqlite_;
    Store* memory_store_ = nullptr;
    Store* sqlite_store_ = nullptr;
    Etags memory_etags_;
    Etags sqlite_etags_;
    Etags memory_known_;
    Etags sqlite_known_;
    std::vector<Async<bool>> planned_;
    int writes_ = 0;
};

} // namespace

TEST_CASE("calls made at once end as if made one after the other") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        GroupedModel model(seed);
        for (int round = 0; round < 100; ++round) {
            CAPTURE(round);
            model.run_round();
        }
    }
}

namespace {

Async<void> count_up(Store& store, int times, std::set<std::string>& etags, std::string& fault) {
    for (int done = 0; done < times && fault.empty();) {
        auto read = co_await store.read("p", item_kind, std::vector<std::string>(1, "counter"));
        if (!read) {
            fault = read.error().message;
            co_return;
        }
        Document next = *(*read)[0];
        next.body = std::to_string(std::stoi(next.body) + 1);
        auto committed = co_await store.commit("p", std::vector<Write>(1, replace(next)));
        if (committed) {
            ++done;
            if (!etags.insert(committed->etags[0]).second) fault = "an etag was given out twice";
        } else if (committed.error().code != ErrorCode::stale) {
            fault = committed.error().message;
        }
    }
}

} // namespace

TEST_CASE("I2 groups of two processes that count together lose no increment") {
    TemporaryFolder folder;
    const std::string path = folder.file("store.db");
    constexpr int callers = 4;
    constexpr int times = 10;
    REQUIRE(commit(*open_store(path), insert(document("counter", "0"))).has_value());
    std::vector<std::string> faults(2);
    std::vector<std::set<std::string>> etags(2);
    const auto work = [&](std::size_t process) {
        SqliteOptions options = options_for(path);
        options.busy_timeout = std::chrono::minutes(1);
        auto opened = open_sqlite_store(options);
        if (!opened) {
            faults[process] = opened.error().message;
            return;
        }
        asio::static_thread_pool thread(1);
        asio::io_context loop;
        const auto store = bridge(std::move(*opened), thread.get_executor());
        for (int i = 0; i < callers; ++i)
            asio::co_spawn(loop, count_up(*store, times, etags[process], faults[process]), [](std::exception_ptr) {});
        loop.run();
        thread.join();
    };
    std::thread other(work, 1);
    work(0);
    other.join();
    CHECK(faults[0].empty());
    CHECK(faults[1].empty());
    CHECK(contents(*open_store(path)) == "counter=" + std::to_string(2 * callers * times));
    etags[0].merge(etags[1]);
    CHECK(etags[1].empty()); // they had none in common
    CHECK(check_sqlite_integrity(path).has_value());
}

// Several connections to one file, crashes, and growth.
#include "stores/counted_faults.hpp"
#include "stores/sqlite_helpers.hpp"

#include <doctest/doctest.h>

#include <set>
#include <thread>

using namespace castiel_sync;
using namespace castiel_sync::testing;

TEST_CASE("two connections to one file see each other's commits at once and share one sequence of etags") {
    TemporaryFolder folder;
    const auto left = open_store(folder.file("store.db"));
    const auto right = open_store(folder.file("store.db"));
    std::set<std::string> etags;
    for (int round = 0; round < 10; ++round) {
        for (BlockingStore* store : {left.get(), right.get()}) {
            const std::string body = "{\"round\":" + std::to_string(round) + "}";
            const auto committed = commit(*store, put(document("shared", body)), "partition-" + std::to_string(round));
            REQUIRE(committed.has_value());
            CHECK(etags.insert(committed->etags[0]).second);
            CHECK(contents(*left, "partition-" + std::to_string(round)) == "shared=" + body);
            CHECK(contents(*right, "partition-" + std::to_string(round)) == "shared=" + body);
        }
    }
}

TEST_CASE("I2 of two connections that replace one document, one is stale") {
    TemporaryFolder folder;
    const auto left = open_store(folder.file("store.db"));
    const auto right = open_store(folder.file("store.db"));
    Document next = document("a");
    next.etag = commit(*left, insert(next))->etags[0];
    CHECK(commit(*right, replace(next)).has_value());
    CHECK(commit(*left, replace(next)).error().code == ErrorCode::stale);
}

TEST_CASE("I2 processes that count together lose no increment") {
    TemporaryFolder folder;
    const std::string path = folder.file("store.db");
    constexpr int threads = 3;
    constexpr int increments = 40;
    REQUIRE(commit(*open_store(path), insert(document("counter", "0"))).has_value());
    const auto work = [&] {
        SqliteOptions options = options_for(path);
        options.busy_timeout = std::chrono::minutes(1);
        const auto store = open_sqlite_store(options);
        for (int done = 0; store && done < increments;) {
            auto read = (*store)->read("p", item_kind, {"counter"});
            if (!read) return;
            Document next = *(*read)[0];
            next.body = std::to_string(std::stoi(next.body) + 1);
            const auto committed = commit(**store, replace(next));
            if (committed) ++done;
            else if (committed.error().code != ErrorCode::stale) return;
        }
    };
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) running.emplace_back(work);
    for (std::thread& thread : running) thread.join();
    CHECK(contents(*open_store(path)) == "counter=" + std::to_string(threads * increments));
    CHECK(check_sqlite_integrity(path).has_value());
}

TEST_CASE("several processes may open a new file at the same moment") {
    for (int round = 0; round < 5; ++round) {
        TemporaryFolder folder;
        std::vector<std::string> faults(4);
        std::vector<std::thread> running;
        for (std::string& fault : faults)
            running.emplace_back([&fault, &folder] {
                SqliteOptions options = options_for(folder.file("store.db"));
                options.busy_timeout = std::chrono::minutes(1);
                const auto store = open_sqlite_store(options);
                if (!store) fault = store.error().message;
                else if (const auto committed = commit(**store, put(document("a"))); !committed)
                    fault = committed.error().message;
            });
        for (std::thread& thread : running) thread.join();
        for (const std::string& fault : faults) CHECK_MESSAGE(fault.empty(), fault);
    }
}

TEST_CASE("a commit that another process blocks is unavailable, names the file and changes nothing") {
    TemporaryFolder folder;
    const auto store = open_store(folder.file("store.db"));
    REQUIRE(commit(*store, put(document("a"))).has_value());
    {
        RawDatabase holder(folder.file("store.db"));
        holder.execute("BEGIN IMMEDIATE");
        const auto blocked = commit(*store, put(document("b")));
        REQUIRE_FALSE(blocked.has_value());
        CHECK(blocked.error().code == ErrorCode::unavailable);
        CHECK_MESSAGE(blocked.error().message.find("store.db") != std::string::npos, blocked.error().message);
        CHECK(contents(*store) == "a={}"); // reads go on
        holder.execute("ROLLBACK");
    }
    CHECK(commit(*store, put(document("b"))).has_value());
    CHECK(contents(*store) == "a={} b={}");
}

TEST_CASE("I30 I31 what was committed is there after a crash at any moment, and nothing else") {
    TemporaryFolder folder;
    const std::string path = folder.file("store.db");
    SqliteOptions options = options_for(path);
    options.synchronous_full = true;
    const auto store = open_sqlite_store(options);
    REQUIRE(store.has_value());
    std::string expected;
    for (int i = 10; i < 30; ++i) {
        const std::string id = std::to_string(i);
        REQUIRE(commit(**store, put(document(id, std::string(3000, 'x')))).has_value());
        CHECK_FALSE((*store)->commit("p", {put(document("never")), insert(document(id))}).has_value());
        expected += (expected.empty() ? "" : " ") + id + "=" + brief(std::string(3000, 'x'));
        const std::string crashed = copy_as_crashed(path, folder.file("crashed.db"));
        CHECK(contents(*open_store(crashed)) == expected);
        CHECK(check_sqlite_integrity(crashed).has_value());
    }
}

TEST_CASE("a file that is taken away while it is open stops the store") {
    TemporaryFolder folder;
    const std::string path = folder.file("store.db");
    const auto store = open_store(path);
    REQUIRE(commit(*store, put(document("a"))).has_value());
    std::filesystem::rename(path, folder.file("moved.db"));
    const auto lost = commit(*store, put(document("b")));
    REQUIRE_FALSE(lost.has_value());
    CHECK(lost.error().code == ErrorCode::corrupted);
    CHECK(contents(*store) == "corrupted");
    std::filesystem::rename(folder.file("moved.db"), path);
    CHECK(contents(*store) == "a={}");
}

TEST_CASE("I35 expired documents leave the file as others are written") {
    TemporaryFolder folder;
    ManualClock clock;
    SqliteOptions options = options_for(folder.file("store.db"));
    options.now = [&] { return clock.now(); };
    const auto store = open_sqlite_store(options);
    REQUIRE(store.has_value());
    RawDatabase raw(options.path);
    std::int64_t most = 0;
    for (int day = 0; day < 40; ++day) {
        std::vector<Write> writes;
        for (int i = 0; i < 30; ++i) {
            Document made = document(std::to_string(day) + "-" + std::to_string(i));
            made.expires_at = clock.now() + std::chrono::days(3);
            writes.push_back(put(std::move(made)));
        }
        REQUIRE((*store)->commit("p", std::move(writes)).has_value());
        clock.advance(std::chrono::days(1));
        most = std::max(most, raw.number("SELECT count(*) FROM conformance_item"));
    }
    CHECK(most <= 5 * 30);
}

TEST_CASE("an etag is not reused when the last document is removed and the file opened again") {
    TemporaryFolder folder;
    const std::string path = folder.file("store.db");
    std::set<std::string> etags;
    for (int round = 0; round < 5; ++round) {
        const auto store = open_store(path);
        CHECK(etags.insert(commit(*store, insert(document("a")))->etags[0]).second);
        REQUIRE(commit(*store, castiel_sync::remove(item_kind, "a")).has_value());
    }
}

TEST_CASE("a query by declared indexes reads few pages of a large file") {
    SimulatedDisk disk(1);
    constexpr int count = 4000;
    {
        const auto store = open_on(disk, "writer");
        for (int first = 0; first < count; first += 500) {
            std::vector<Write> writes;
            for (int i = first; i < first + 500; ++i) {
                Document made = document(std::to_string(100'000 + i * 7919 % count), std::string(900, 'x'), "one");
                made.index[1] = i;
                made.index[2] = i % 2 ? "odd" : "even";
                writes.push_back(put(std::move(made)));
            }
            REQUIRE(store->commit("p", writes).has_value());
        }
    }
    const Condition category("category", Condition::Comparison::equal, "one");
    std::vector<Query> queries(5);
    queries[0].conditions = {category, Condition("rank", {17, 2000, 3999})};
    queries[1].conditions = {category};
    queries[1].order = {{"rank", true}};
    queries[2].conditions = {Condition("rank", Condition::Comparison::greater, 3990)};
    queries[3].conditions = {Condition("label", Condition::Comparison::equal, "odd")};
    queries[4].order = {{"rank", false}};
    for (std::size_t i = 0; i < queries.size(); ++i) {
        CAPTURE(i);
        const auto store = open_on(disk, "reader" + std::to_string(i));
        FaultPlan only_count;
        only_count.call = FaultPlan::Call::read;
        only_count.at = 0;
        const CountedFaults reads(disk, only_count);
        queries[i].limit = 10;
        for (int pages = 0; pages < 3; ++pages) {
            const auto page = store->query("p", item_kind, queries[i]);
            REQUIRE(page.has_value());
            CHECK_FALSE(page->documents.empty());
            queries[i].continuation = page->continuation;
            if (page->continuation.empty()) break;
        }
        CHECK(reads.counted_calls() < 80); // of some 1,500 pages
    }
}

#include "local_shards_fixture.hpp"

#include <set>

using namespace castiel_sync;
using namespace castiel_sync::testing;

TEST_CASE("a first pass is a listing of what lives, and tells nothing of what died before it") {
    ShardsFixture f;
    f.put_many(10);
    f.remove("s4");
    const RecordPage first = f.pull("", 6);
    CHECK(first.listing);
    CHECK(first.has_more);
    CHECK(first.total == 9);
    const RecordPage second = f.pull(first.next, 6);
    CHECK(second.listing);
    CHECK_FALSE(second.has_more);
    CHECK(first.records.size() + second.records.size() == 9);
    for (const auto* page : {&first, &second})
        for (const Record& record : page->records)
            CHECK_FALSE(record.deleted);
    const RecordPage changes = f.pull(second.next);
    CHECK_FALSE(changes.listing);
    CHECK(changes.records.empty());
}

TEST_CASE("I10: a deletion during the first pass is told, whichever page it happens behind") {
    ShardsFixture f;
    f.put_many(10);
    const RecordPage first = f.pull("", 4);
    REQUIRE(first.has_more);
    f.remove(first.records[0].id);
    std::set<std::string> deleted;
    std::string cursor = first.next;
    for (bool more = true; more;) {
        // Another process goes on.
        f.adapter = f.make_adapter("tenant-a");
        const RecordPage page = f.pull(cursor, 4);
        CHECK(page.listing);
        for (const Record& record : page.records)
            if (record.deleted) deleted.insert(record.id);
        cursor = page.next;
        more = page.has_more;
    }
    CHECK(deleted == std::set<std::string>{first.records[0].id});
}

TEST_CASE("a tombstone holds no data and names its version") {
    ShardsFixture f;
    Shard secret = ShardsFixture::shard("s1", "Ada");
    secret.other["metadata"] = "private";
    f.put(std::move(secret));
    const std::string cursor = f.pull("").next;
    f.remove("s1");
    const RecordPage page = f.pull(cursor);
    REQUIRE(page.records.size() == 1);
    CHECK(page.records[0].deleted);
    CHECK(page.records[0].fields.empty());
    CHECK_FALSE(page.records[0].version.empty());
    const auto stored = f.loop.run(f.store.read("tenant-a", "shard", {"s1"}));
    REQUIRE(stored->front().has_value());
    CHECK(stored->front()->body.find("Ada") == std::string::npos);
    CHECK(stored->front()->body.find("private") == std::string::npos);
}

TEST_CASE("I5: a cursor older than the oldest kept tombstone has expired, a newer one has not") {
    ShardsFixture f;
    f.put_many(3);
    const std::string before = f.pull("").next;
    f.remove("s0");
    const std::string after = f.pull(before).next;
    f.loop.run_for(std::chrono::days(89));
    CHECK(f.pull(before).records.size() == 1);
    f.loop.run_for(std::chrono::days(2));
    const auto expired = f.try_pull(before);
    REQUIRE(expired.has_error());
    CHECK(expired.error().code == ErrorCode::cursor_expired);
    CHECK(f.pull(after).records.empty());

    // It stays so once the tombstone is gone and others have come since.
    f.loop.run_for(std::chrono::days(30));
    f.remove("s1");
    CHECK(f.try_pull(before).error().code == ErrorCode::cursor_expired);
    CHECK(f.pull(after).records.size() == 1);
    CHECK(f.pull("").records.size() == 1);
}

TEST_CASE("a cursor that is read to its end stays valid, however little happens to its type") {
    ShardsFixture f;
    f.put(ShardsFixture::shard("a1", "Acme", "account"));
    f.put_many(3);
    std::string cursor = f.pull("", 100, "account").next;
    f.remove("s0");
    cursor = f.pull(cursor, 100, "account").next;
    f.loop.run_for(std::chrono::days(200));
    CHECK(f.try_pull(cursor, 100, "account").has_value());
}

TEST_CASE("a cursor of another store, of a later state or of nothing has expired") {
    ShardsFixture f;
    f.put_many(3);
    ShardsFixture other;
    other.random = make_seeded_random(8);
    other.runtime.random = other.random.get();
    LocalShards shards(other.runtime, other.store, "tenant-a");
    for (int i = 0; i < 5; ++i)
        REQUIRE(other.loop.run(shards.put(ShardsFixture::shard("x" + std::to_string(i), "x"), "")).has_value());
    for (const std::string& cursor : {other.pull("").next, std::string("1.f"), std::string("x"),
                                      std::string("1.f..99999.0"), std::string("1.l..0.99999"),
                                      std::string("2.f.a.1.0")}) {
        CAPTURE(cursor);
        const auto page = f.try_pull(cursor);
        REQUIRE(page.has_error());
        CHECK(page.error().code == ErrorCode::cursor_expired);
    }
}

TEST_CASE("a cursor from before the tenant's first shard leads to it") {
    ShardsFixture f;
    const RecordPage nothing = f.pull("");
    CHECK(nothing.records.empty());
    CHECK(nothing.total == 0);
    f.put_many(2);
    const RecordPage page = f.pull(nothing.next);
    CHECK(page.records.size() == 2);
    CHECK_FALSE(page.listing);
}

TEST_CASE("a stored shard that does not read back is a fault, and the others flow") {
    ShardsFixture f;
    f.put_many(3);
    auto documents = f.loop.run(f.store.read("tenant-a", "shard", {"s1"}));
    Document broken = *documents->front();
    broken.body = "{\"id\":\"s1\"}";
    std::vector<Write> writes;
    writes.push_back(replace(std::move(broken)));
    REQUIRE(f.loop.run(f.store.commit("tenant-a", std::move(writes))).has_value());
    const RecordPage page = f.pull("");
    CHECK(page.records.size() == 2);
    REQUIRE(page.faults.size() == 1);
    CHECK(page.faults[0].id == "s1");
    FetchRequest fetch;
    fetch.entity = "contact";
    fetch.ids = {"s1", "s2"};
    const auto fetched = f.loop.run(f.adapter->fetch(fetch));
    CHECK((*fetched)[0].presence == FetchedRecord::Presence::unknown);
    CHECK((*fetched)[1].presence == FetchedRecord::Presence::present);
}

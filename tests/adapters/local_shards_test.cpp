#include "local_shards_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <set>

using namespace castiel_sync;
using namespace castiel_sync::testing;

TEST_CASE("a shard is put, read, replaced and removed, with its revision counting up") {
    ShardsFixture f;
    const Shard first = f.put(ShardsFixture::shard("s1", "Ada"));
    CHECK(first.revision == 1);
    CHECK(first.created_at == first.updated_at);
    f.loop.run_for(std::chrono::hours(1));
    const Shard second = f.put(ShardsFixture::shard("s1", "Ada"), first.etag);
    CHECK(second.revision == 2); // a write is a write, also of equal data
    CHECK(second.etag != first.etag);
    CHECK(second.created_at == first.created_at);
    CHECK(second.updated_at > first.updated_at);
    CHECK(f.get("s1")->etag == second.etag);
    CHECK_FALSE(f.loop.run(f.shards.get("account", "s1"))->has_value());
    CHECK(f.loop.run(f.shards.get("", "s1"))->has_value());

    const auto stale = f.loop.run(f.shards.put(ShardsFixture::shard("s1", "Eve"), first.etag));
    CHECK(stale.error().code == ErrorCode::stale);
    CHECK(f.loop.run(f.shards.remove("contact", "s1", first.etag)).error().code == ErrorCode::stale);
    CHECK(f.remove("s1", second.etag));
    CHECK_FALSE(f.get("s1").has_value());
    CHECK_FALSE(f.remove("s1"));
    CHECK(f.loop.run(f.shards.put(ShardsFixture::shard("s1", "Eve"), second.etag)).error().code == ErrorCode::stale);
    CHECK(f.put(ShardsFixture::shard("s1", "Ada again")).revision == 4);
}

TEST_CASE("a shard without an id gets one, and one of another type keeps its own") {
    ShardsFixture f;
    const Shard made = f.put(ShardsFixture::shard("", "Ada"));
    CHECK(made.id.size() == 36);
    const auto taken = f.loop.run(f.shards.put(ShardsFixture::shard(made.id, "Acme", "account"), ""));
    CHECK(taken.error().code == ErrorCode::already_exists);
    CHECK_FALSE(f.loop.run(f.shards.remove("account", made.id, "")).value());
    CHECK(f.get(made.id).has_value());
}

TEST_CASE("a shard is created only where none lives") {
    ShardsFixture f;
    const auto made = f.loop.run(f.shards.create(ShardsFixture::shard("s1", "Ada")));
    REQUIRE(made.value().has_value());
    CHECK((*made)->revision == 1);
    CHECK_FALSE(f.loop.run(f.shards.create(ShardsFixture::shard("s1", "Eve"))).value().has_value());
    CHECK(f.get("s1")->etag == (*made)->etag);
    CHECK(f.loop.run(f.shards.create(ShardsFixture::shard("s1", "Acme", "account"))).error().code ==
          ErrorCode::already_exists);
    CHECK(f.remove("s1"));
    CHECK(f.loop.run(f.shards.create(ShardsFixture::shard("s1", "Eve"))).value().has_value());
    CHECK(f.loop.run(f.shards.create(ShardsFixture::shard("", "Bob"))).value()->id.size() == 36);
}

TEST_CASE("members that nothing here reads are kept, and the document has the platform's shape") {
    ShardsFixture f;
    Shard imported = ShardsFixture::shard("s1", "Ada");
    imported.other["acl"] = json::array{"x"};
    imported.other["tenantId"] = "tenant-b"; // not for an import to say
    f.put(std::move(imported));
    const Shard found = *f.get("s1");
    CHECK(found.other == json::object{{"acl", json::array{"x"}}});
    const json::object document = to_json_object(found);
    for (const char* name :
         {"id", "shardTypeId", "structuredData", "status", "revisionNumber", "createdAt", "updatedAt"})
        CHECK(document.contains(name));
    CHECK(document.at("acl") == json::array{"x"});
}

TEST_CASE("lists hold living shards of the type only") {
    ShardsFixture f;
    f.put_many(25);
    f.put(ShardsFixture::shard("other", "Acme", "account"));
    f.remove("s3");
    f.remove("s24");
    std::set<std::string> met;
    std::string continuation;
    do {
        const auto page = f.loop.run(f.shards.list("contact", 4, continuation));
        REQUIRE(page.has_value());
        CHECK(page->items.size() <= 4);
        for (const Shard& shard : page->items)
            CHECK(met.insert(shard.id).second);
        continuation = page->continuation;
    } while (!continuation.empty());
    CHECK(met.size() == 23);
    CHECK_FALSE(met.contains("s3"));
    CHECK(f.loop.run(f.shards.list("", 100, ""))->items.size() == 24);
    CHECK(f.loop.run(f.shards.list("contact", 4, "x")).error().code == ErrorCode::invalid_request);
}

TEST_CASE("I22: tenants see nothing of each other") {
    ShardsFixture f;
    f.put(ShardsFixture::shard("s1", "Ada"));
    LocalShards other(f.runtime, f.store, "tenant-b");
    CHECK_FALSE(f.loop.run(other.get("contact", "s1"))->has_value());
    CHECK(f.loop.run(other.list("contact", 10, ""))->items.empty());
    CHECK_FALSE(f.loop.run(other.remove("contact", "s1", "")).value());
    const auto adapter = f.make_adapter("tenant-b");
    PullRequest request;
    request.entity = "contact";
    CHECK(f.loop.run(adapter->pull(request))->records.empty());
    FetchRequest fetch;
    fetch.entity = "contact";
    fetch.ids = {"s1"};
    CHECK(f.loop.run(adapter->fetch(fetch))->front().presence == FetchedRecord::Presence::absent);
    CHECK(f.loop.run(other.put(ShardsFixture::shard("s1", "Bob"), "")).has_value());
    CHECK(f.get("s1")->structured_data.at("name") == "Ada");
    CHECK(f.loop.run(other.get("contact", "s1"))->value().structured_data.at("name") == "Bob");
}

TEST_CASE("writers that meet take turns: every write is done, and each has a number of its own") {
    ShardsFixture f;
    constexpr int writers = 12;
    int done = 0;
    const auto write = [](ShardsFixture& fixture, int number, int& finished) -> Async<void> {
        for (int i = 0; i < 5; ++i) {
            Shard shard = ShardsFixture::shard("w" + std::to_string(number) + "-" + std::to_string(i), "x");
            auto written = co_await fixture.shards.put(std::move(shard), "");
            if (written) ++finished;
        }
    };
    for (int i = 0; i < writers; ++i)
        f.loop.spawn(write(f, i, done));
    f.loop.run_until_idle();
    CHECK(done == writers * 5);
    CHECK(f.store.commits > static_cast<std::size_t>(done)); // they did meet
    std::string cursor;
    std::set<std::string> met;
    for (bool more = true; more;) {
        const RecordPage page = f.pull(cursor, 7);
        for (const Record& record : page.records)
            CHECK(met.insert(record.id).second);
        cursor = page.next;
        more = page.has_more;
    }
    CHECK(met.size() == writers * 5);
}

TEST_CASE("I38: a store that fails is an error, never an absence") {
    ShardsFixture f;
    f.put(ShardsFixture::shard("s1", "Ada"));
    f.store.read_error = Error(ErrorCode::unavailable, "the store is away");
    CHECK(f.loop.run(f.shards.get("contact", "s1")).error().code == ErrorCode::unavailable);
    CHECK(f.loop.run(f.shards.list("contact", 10, "")).error().code == ErrorCode::unavailable);
    CHECK(f.loop.run(f.shards.remove("contact", "s1", "")).error().code == ErrorCode::unavailable);
    CHECK(f.try_pull("").error().code == ErrorCode::unavailable);
    CHECK(f.loop.run(f.adapter->check()).error().code == ErrorCode::unavailable);
    FetchRequest fetch;
    fetch.entity = "contact";
    fetch.ids = {"s1"};
    CHECK(f.loop.run(f.adapter->fetch(fetch)).error().code == ErrorCode::unavailable);
}

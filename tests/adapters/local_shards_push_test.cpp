#include "local_shards_fixture.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

using Action = PushItem::Action;
using Status = PushOutcome::Status;

TEST_CASE("I2: an item that loses a race is stale, and those beside it are written") {
    ShardsFixture f;
    const Shard one = f.put(ShardsFixture::shard("s1", "Ada"));
    const Shard two = f.put(ShardsFixture::shard("s2", "Bob"));
    LocalShards somebody_else(f.runtime, f.store.inner(), "tenant-a");
    const auto edit = [](LocalShards& shards) -> Async<void> {
        auto written = co_await shards.put(ShardsFixture::shard("s1", "edited"), "");
        CHECK(written.has_value());
    };
    f.store.meanwhile = [&] { return edit(somebody_else); };
    const auto outcomes = f.push({ShardsFixture::item(Action::update, "s1", "Ada 2", one.etag),
                                  ShardsFixture::item(Action::update, "s2", "Bob 2", two.etag),
                                  ShardsFixture::item(Action::create, "key", "new")});
    REQUIRE(outcomes.has_value());
    CHECK((*outcomes)[0].status == Status::stale);
    CHECK(f.get("s1")->structured_data.at("name") == "edited");
    CHECK((*outcomes)[1].status == Status::applied);
    CHECK((*outcomes)[2].status == Status::applied);
    CHECK(f.get("s2")->structured_data.at("name") == "Bob 2");
}

TEST_CASE("I6: a shard is called like the UUID that its create was sent with, however often it is sent") {
    ShardsFixture f;
    const std::string key = "01a205b3-d000-7b47-aa3f-7fb9fcd4241d";
    const auto first = f.push({ShardsFixture::item(Action::create, key, "Ada")});
    const auto second = f.push({ShardsFixture::item(Action::create, key, "Ada"),
                                ShardsFixture::item(Action::create, "no uuid", "Bob")});
    REQUIRE((first.has_value() && second.has_value()));
    CHECK((*first)[0].id == key);
    CHECK((*second)[0].id == key);
    CHECK((*second)[1].id != "no uuid");
    CHECK(f.get(key)->structured_data.at("name") == "Ada");
}

TEST_CASE("a tenant whose shards never hold still is unavailable, and nothing was written") {
    ShardsFixture f;
    const Shard one = f.put(ShardsFixture::shard("s1", "Ada"));
    f.store.before_commit = [](std::size_t) { return Error(ErrorCode::stale, "another writer was faster"); };
    const auto outcomes = f.push({ShardsFixture::item(Action::update, "s1", "Ada 2", one.etag)});
    REQUIRE(outcomes.has_error());
    CHECK(outcomes.error().code == ErrorCode::unavailable);
    CHECK(f.get("s1")->etag == one.etag);
}

TEST_CASE("a commit that fails in the middle of a push leaves the first items applied and tells of the others") {
    ShardsFixture f;
    std::vector<PushItem> items;
    for (int i = 0; i < 600; ++i)
        items.push_back(ShardsFixture::item(Action::create, "key " + std::to_string(i), "x"));
    const auto fail_second = [&](ErrorCode code) {
        const std::size_t before = f.store.commits;
        f.store.before_commit = [before, code](std::size_t number) -> std::optional<Error> {
            if (number != before + 2) return std::nullopt;
            return Error(code, "no");
        };
    };
    fail_second(ErrorCode::unavailable);
    auto outcomes = f.push(items);
    REQUIRE(outcomes.has_value());
    CHECK((*outcomes)[0].status == Status::applied);
    CHECK((*outcomes)[499].status == Status::applied);
    CHECK((*outcomes)[500].status == Status::not_sent);
    CHECK((*outcomes)[599].status == Status::not_sent);
    CHECK((*outcomes)[599].error.has_value());
    fail_second(ErrorCode::unknown_outcome);
    outcomes = f.push(items);
    REQUIRE(outcomes.has_value());
    CHECK((*outcomes)[500].status == Status::applied); // the first commit skipped what was there
    f.store.before_commit = nullptr;
    CHECK(f.push(items).has_value());
    CHECK(f.pull("").records.size() == 600);
}

TEST_CASE("a store that takes little at once gets several commits") {
    ShardsFixture f;
    f.store.store_limits.max_writes = 10;
    f.store.store_limits.max_bytes = 4000;
    f.store.store_limits.max_document_bytes = 2000;
    std::vector<PushItem> items;
    for (int i = 0; i < 30; ++i)
        items.push_back(
            ShardsFixture::item(Action::create, "key " + std::to_string(i), std::string(i % 7 == 0 ? 1200 : 10, 'x')));
    items.push_back(ShardsFixture::item(Action::create, "too large", std::string(3000, 'x')));
    items.push_back(ShardsFixture::item(Action::create, "last", "x"));
    const auto outcomes = f.push(items);
    REQUIRE(outcomes.has_value());
    for (std::size_t i = 0; i < outcomes->size(); ++i)
        CHECK((*outcomes)[i].status == (i == 30 ? Status::rejected : Status::applied));
    CHECK(f.store.commits >= 4);
    CHECK(f.pull("").records.size() == 31);
}

TEST_CASE("an update through the adapter keeps the members that it does not carry") {
    ShardsFixture f;
    Shard imported = ShardsFixture::shard("s1", "Ada");
    imported.other["acl"] = "x";
    const Shard before = f.put(std::move(imported));
    const auto outcomes = f.push({ShardsFixture::item(Action::update, "s1", "Ada", before.etag)});
    CHECK((*outcomes)[0].status == Status::applied);
    const Shard after = *f.get("s1");
    CHECK(after.other.at("acl") == "x");
    CHECK(after.revision == before.revision + 1);
    CHECK((*outcomes)[0].version == after.etag);
    CHECK((*outcomes)[0].modified_at == after.updated_at);
}

TEST_CASE("items on one shard are done one after the other") {
    ShardsFixture f;
    const auto outcomes =
        f.push({ShardsFixture::item(Action::create, "key", "1"), ShardsFixture::item(Action::create, "key", "1"),
                ShardsFixture::item(Action::create, "other", "2")});
    REQUIRE(outcomes.has_value());
    CHECK((*outcomes)[0].id == (*outcomes)[1].id);
    CHECK((*outcomes)[0].version == (*outcomes)[1].version);
    CHECK(f.pull("").records.size() == 2);
}

TEST_CASE("a create whose shard was deleted since makes it anew: the same source record may come back") {
    ShardsFixture f;
    auto outcomes = f.push({ShardsFixture::item(Action::create, "key", "1")});
    const std::string id = (*outcomes)[0].id;
    f.remove(id);
    outcomes = f.push({ShardsFixture::item(Action::create, "key", "2")});
    CHECK((*outcomes)[0].status == Status::applied);
    CHECK(f.get(id)->structured_data.at("name") == "2");
}

TEST_CASE("an item that no shard can hold is rejected, and hinders no other") {
    ShardsFixture f;
    std::vector<PushItem> items{ShardsFixture::item(Action::create, "", "no key"),
                                ShardsFixture::item(Action::update, std::string(513, 'x'), "long id"),
                                ShardsFixture::item(Action::remove, "", ""),
                                ShardsFixture::item(Action::create, "bytes", "\xff"),
                                ShardsFixture::item(Action::create, "ok", "x")};
    const auto outcomes = f.push(std::move(items));
    REQUIRE(outcomes.has_value());
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK((*outcomes)[i].status == Status::rejected);
        CHECK((*outcomes)[i].error.has_value());
    }
    CHECK((*outcomes)[4].status == Status::applied);
}

TEST_CASE("a push tells where the feed goes on, unless somebody else wrote shards of the type (I10)") {
    ShardsFixture f;
    const auto create = [&](const std::string& key, const std::string& cursor) {
        const auto outcomes = f.push({ShardsFixture::item(Action::create, key, key)}, cursor);
        REQUIRE(outcomes.has_value());
        return outcomes->back().cursor;
    };
    const std::string listed = f.pull("").next; // before the tenant's first shard
    const std::string first = create("first", listed);
    REQUIRE_FALSE(first.empty());
    CHECK(f.pull(first).records.empty());
    f.put(ShardsFixture::shard("c1", "Acme", "company")); // nobody's business here
    const std::string second = create("second", first);
    REQUIRE_FALSE(second.empty());
    CHECK(f.pull(second).records.empty());
    f.put(ShardsFixture::shard("s1", "Ada"));
    CHECK(create("third", second).empty());
    CHECK(create("fourth", "").empty());
}

// Local shards over a store in memory, in virtual time.
#pragma once

#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/stores/memory.hpp>
#include <castiel_sync/testing/sim_clock.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync::testing {

// Every call takes a moment, so that calls of others come in between; and a commit may be interfered with.
class WatchedStore final : public Store {
public:
    WatchedStore(SimLoop& loop, std::unique_ptr<Store> inner) : loop_(loop), inner_(std::move(inner)) {}

    std::function<std::optional<Error>(std::size_t number)> before_commit; // numbered from 1; an error: it fails
    std::function<Async<void>()> meanwhile; // done once, just before the next commit
    std::optional<Error> read_error;
    StoreLimits store_limits;

    [[nodiscard]] StoreLimits limits() const override { return store_limits; }
    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        co_await loop_.sleep(std::chrono::milliseconds(1));
        if (read_error) co_return *read_error;
        co_return co_await inner_->read(std::move(partition), std::move(kind), std::move(ids));
    }
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        co_await loop_.sleep(std::chrono::milliseconds(1));
        if (read_error) co_return *read_error;
        co_return co_await inner_->query(std::move(partition), std::move(kind), std::move(query));
    }
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        co_await loop_.sleep(std::chrono::milliseconds(1));
        ++commits;
        if (auto action = std::exchange(meanwhile, nullptr)) co_await action();
        if (before_commit) {
            if (auto error = before_commit(commits)) co_return *error;
        }
        co_return co_await inner_->commit(std::move(partition), std::move(writes));
    }
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        co_return co_await inner_->scan(std::move(kind), std::move(query));
    }

    [[nodiscard]] Store& inner() { return *inner_; }
    std::size_t commits = 0;

private:
    SimLoop& loop_;
    std::unique_ptr<Store> inner_;
};

struct ShardsFixture {
    SimLoop loop;
    SimClock clock{loop};
    std::unique_ptr<Random> random = make_seeded_random(7);
    Runtime runtime{loop.executor(), &clock, random.get()};
    WatchedStore store{loop, make_memory_store(clock)};
    LocalShards shards{runtime, store, "tenant-a"};
    std::unique_ptr<Adapter> adapter = make_adapter("tenant-a");

    [[nodiscard]] std::unique_ptr<Adapter> make_adapter(std::string tenant_id) {
        AdapterContext context;
        context.runtime = runtime;
        context.tenant_id = std::move(tenant_id);
        return local_shards_factory(store)(context).value();
    }

    static Shard shard(std::string id, std::string name, std::string type = "contact") {
        Shard shard;
        shard.id = std::move(id);
        shard.shard_type_id = std::move(type);
        shard.structured_data["name"] = name;
        return shard;
    }
    Shard put(Shard shard, std::string etag = {}) {
        auto written = loop.run(shards.put(std::move(shard), std::move(etag)));
        if (!written) FAIL(written.error().message);
        return std::move(*written);
    }
    void put_many(int count) {
        std::vector<Shard> many;
        for (int i = 0; i < count; ++i)
            many.push_back(shard("s" + std::to_string(i), "n" + std::to_string(i)));
        auto written = loop.run(shards.put_many(std::move(many)));
        if (!written) FAIL(written.error().message);
    }
    bool remove(std::string id, std::string etag = {}) {
        auto removed = loop.run(shards.remove("contact", std::move(id), std::move(etag)));
        if (!removed) FAIL(removed.error().message);
        return *removed;
    }
    std::optional<Shard> get(std::string id) {
        auto found = loop.run(shards.get("contact", std::move(id)));
        if (!found) FAIL(found.error().message);
        return std::move(*found);
    }

    Result<RecordPage> try_pull(std::string cursor, std::size_t max_records = 5000, std::string type = "contact") {
        PullRequest request;
        request.entity = std::move(type);
        request.cursor = std::move(cursor);
        request.max_records = max_records;
        return loop.run(adapter->pull(std::move(request)));
    }
    RecordPage pull(std::string cursor, std::size_t max_records = 5000, std::string type = "contact") {
        auto page = try_pull(std::move(cursor), max_records, std::move(type));
        if (!page) FAIL(page.error().message);
        return std::move(*page);
    }
    Result<std::vector<PushOutcome>> push(std::vector<PushItem> items, std::string cursor = {}) {
        PushRequest request;
        request.cursor = std::move(cursor);
        request.entity = "contact";
        request.items = std::move(items);
        return loop.run(adapter->push(std::move(request)));
    }
    static PushItem item(PushItem::Action action, std::string name, std::string text, std::string version = {}) {
        PushItem item;
        item.action = action;
        (action == PushItem::Action::create ? item.idempotency_key : item.id) = std::move(name);
        item.expected_version = std::move(version);
        item.fields["name"] = text;
        return item;
    }
};

} // namespace castiel_sync::testing

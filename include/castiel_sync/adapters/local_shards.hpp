// Local shards: Castiel's records kept in a Store, for embedded use, and the adapter that makes them a side of a sync.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/store.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync {

// The shard documents of shard-manager, as far as an embedded store needs them.
struct Shard {
    std::string id;             // UUID
    std::string shard_type_id;
    json::object structured_data;
    std::string status = "active"; // active, deleted (a tombstone)
    std::uint64_t revision = 0;    // +1 on each write
    std::string etag;              // of the stored document
    Timestamp created_at{};
    Timestamp updated_at{};
    json::object other;            // members of an imported shard that nothing here reads; kept as they are

    Shard() = default;
};

[[nodiscard]] json::object to_json_object(const Shard& shard);
void append_json(std::string& out, const Shard& shard);

struct ShardPage {
    std::vector<Shard> items;
    std::string continuation;
};

// Every write takes the next number of the tenant's change sequence in the same commit, so that a reader of the feed
// misses nothing. Deleted shards stay as tombstones without data.
// Threading: on the store's executor; writers of other processes may interleave.
class LocalShards {
public:
    LocalShards(Runtime runtime, Store& store, std::string tenant_id);

    // In get, list and remove an empty type stands for every type.
    Async<Result<std::optional<Shard>>> get(std::string shard_type_id, std::string id);
    // Without tombstones, in no particular order that survives an update.
    Async<Result<ShardPage>> list(std::string shard_type_id, std::size_t limit, std::string continuation);
    // Inserts or replaces by id (an empty id gets a new UUID). `expected_etag` empty: whatever is there.
    Async<Result<Shard>> put(Shard shard, std::string expected_etag);
    // Inserts where no living shard has the id; nullopt: one has, and nothing was written.
    Async<Result<std::optional<Shard>>> create(Shard shard);
    Async<Result<std::vector<Shard>>> put_many(std::vector<Shard> shards); // one commit per 500
    Async<Result<bool>> remove(std::string shard_type_id, std::string id,
                               std::string expected_etag); // false: was absent

private:
    Runtime runtime_;
    Store* store_;
    std::string tenant_id_;
};

[[nodiscard]] AdapterDescription local_shards_description();

// The target side: entity = shard type, id = shard id, version = etag, feed with tombstones, conditional writes,
// creates that are idempotent by key. `store` is borrowed.
[[nodiscard]] AdapterFactory local_shards_factory(Store& store);

} // namespace castiel_sync

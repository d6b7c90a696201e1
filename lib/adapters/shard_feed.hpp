// The change feed of local shards: first a listing of what lives, then changes and tombstones, in the order of the
// tenant's change sequence.
//
// A shard that is written while the listing is under way moves to its end and is met there (again). So the listing
// ends when it reaches the head of the sequence, wherever that is by then, and has met every shard that lives.
#pragma once

#include <adapters/shard_writer.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

struct ShardCursor {
    bool listing = true;
    std::string epoch;
    std::uint64_t position = 0; // everything up to here has been met
    std::uint64_t began = 0;    // listing: tombstones up to here were there before it, and tell it nothing

    [[nodiscard]] std::string text() const;
    // cursor_expired for what is no such cursor.
    [[nodiscard]] static Result<ShardCursor> parse(std::string_view text);
};

// Where a pull from `cursor` begins. cursor_expired when what came after it may be lost: the store is another one, or
// tombstones have been forgotten since.
[[nodiscard]] Result<ShardCursor> begin_feed(std::string_view cursor, const ShardSequence& sequence, Timestamp now);

struct ShardSlice {
    std::vector<Document> documents; // by sequence
    bool complete = false;           // nothing comes after them
};

// Shards of a type (empty: of every type), tombstones among them, with a sequence above `position`. `limit` is 1 to
// 1,000.
Async<Result<ShardSlice>> read_slice(Store& store, std::string tenant_id, std::string shard_type_id,
                                     std::uint64_t position, std::size_t limit);

[[nodiscard]] Record to_record(StoredShard stored);

Async<Result<RecordPage>> pull_shards(Runtime runtime, Store& store, std::string tenant_id, PullRequest request);

} // namespace castiel_sync

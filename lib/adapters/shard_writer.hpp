// Writes shards: each commit takes the next numbers of the tenant's change sequence, so that writers take turns and a
// reader of the feed misses nothing.
#pragma once

#include <adapters/shard_document.hpp>

#include <castiel_sync/runtime.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace castiel_sync {

struct ShardChange {
    enum class Kind {
        put,    // insert or replace, whatever is there
        create, // unless it is there
        update, // of the structured data, if it is there
        remove,
    };
    Kind kind = Kind::put;
    Shard shard;               // create, update: id, type and structured data; remove: id and type
    std::string expected_etag; // empty: any

    ShardChange() = default;
};

struct ShardOutcome {
    enum class Status {
        written,
        present, // create: an earlier one made it; `shard` is as it is now
        absent,  // update, remove: it is not there, or of another type
        stale,   // expected_etag is not the present one
        refused, // `error` says why
    };
    Status status = Status::refused;
    Shard shard; // written, present
    std::optional<Error> error;

    ShardOutcome() = default;
};

// What one commit did, and the tenant's sequence around it.
struct ShardBatch {
    std::vector<ShardOutcome> outcomes;
    ShardSequence before;
    std::uint64_t after = 0; // the number of its last write; where it wrote nothing, of the latest before it

    ShardBatch() = default;
};

class ShardWriter {
public:
    ShardWriter(Runtime runtime, Store& store, std::string tenant_id)
        : runtime_(runtime), store_(store), tenant_id_(std::move(tenant_id)) {}

    // One commit with as many of the changes as fit into it (at least one, each id once), from the first. One outcome
    // for each of these. An item that can't be written hinders no other. `changes` must outlive the call.
    Async<Result<ShardBatch>> apply_some(std::span<const ShardChange> changes);

    Async<Result<ShardSequence>> read_sequence();

private:
    Async<void> pause(unsigned attempt);

    Runtime runtime_;
    Store& store_;
    std::string tenant_id_;
};

} // namespace castiel_sync

// What local shards keep in a store, as typed values: the shards, and one counter per tenant that numbers their
// writes. Pure.
#pragma once

#include <castiel_sync/adapters/local_shards.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

inline constexpr std::string_view shard_kind = "shard";
inline constexpr std::string_view shard_sequence_kind = "shard_sequence";
inline constexpr std::string_view shard_sequence_id = "sequence";
inline constexpr std::string_view deleted_status = "deleted";

// A cursor that was not used for this long may have missed a deletion, and starts anew. Tombstones stay a day longer,
// so that clocks which differ a little do no harm.
inline constexpr std::chrono::days tombstone_retention{90};
inline constexpr std::chrono::days tombstone_slack{1};

struct StoredShard {
    Shard shard;
    std::uint64_t sequence = 0;

    [[nodiscard]] bool deleted() const { return shard.status == deleted_status; }
};

[[nodiscard]] Document to_document(const StoredShard& stored, std::string_view tenant_id);
// A document that does not read back is `corrupted`, naming the shard.
[[nodiscard]] Result<StoredShard> read_shard_document(const Document& document);

// The tenant's change sequence: replaced by every commit that writes shards, which so take turns.
struct ShardSequence {
    struct Deletions {
        std::int64_t day = 0;       // since 1970
        std::uint64_t sequence = 0; // of that day's last tombstone
    };
    std::string epoch;         // names this sequence; a cursor of another one means nothing here
    std::uint64_t last = 0;    // the number of the latest write
    std::uint64_t horizon = 0; // tombstones up to here may be gone
    std::vector<Deletions> deletions;
    std::map<std::string, std::uint64_t, std::less<>> living; // shards by type
    std::map<std::string, std::uint64_t, std::less<>> latest; // the number of each type's latest write
    std::string etag;                                         // empty: not stored yet

    // No shard of the type has a later number than this.
    [[nodiscard]] std::uint64_t latest_of(std::string_view shard_type_id) const;
    void note_deletion(std::uint64_t sequence, Timestamp now);
    // The horizon, with the days that have become old since it was stored.
    [[nodiscard]] std::uint64_t horizon_at(Timestamp now) const;
    // Takes the old days into `horizon`.
    void forget_old_days(Timestamp now);
};

[[nodiscard]] Document to_document(const ShardSequence& sequence);
[[nodiscard]] Result<ShardSequence> read_sequence_document(const Document& document);

// Text that names a shard or a type: invalid_request unless it is 1 to 512 bytes of UTF-8 without U+0000.
[[nodiscard]] Result<> check_shard_name(std::string_view text, std::string_view what);

} // namespace castiel_sync

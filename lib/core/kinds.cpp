// The one place that says which kinds of document exist, and by which fields they are found.
#include <castiel_sync/store.hpp>

#include <array>

namespace castiel_sync {

std::span<const KindDeclaration> engine_kinds() {
    static const std::array kinds{
        KindDeclaration{"task", {"integration_id", "status", "created_at"}, {{{"created_at"}}, {{"status"}}}},
        KindDeclaration{"execution",
                        {"stream_id", "integration_id", "task_id", "status", "started_at"},
                        {{{"started_at"}}, {{"integration_id", "started_at"}}, {{"status"}}, {{"task_id"}}}},
        KindDeclaration{"cancellation", {}, {}},
        KindDeclaration{"budget", {}, {}}, // of requests, by account
        KindDeclaration{"schedule", {"next_due"}, {{{"next_due"}}}},
        KindDeclaration{"stream", {"integration_id"}, {}},
        KindDeclaration{"slot", {}, {}},
        // The pair of ids that are the same record. Its id ends in its number in the stream.
        KindDeclaration{"link",
                        {"stream_id", "source_id", "target_id"},
                        {{{"stream_id", "source_id"}}, {{"stream_id", "target_id"}}}},
        // Which links a listing has met so far: bitmaps by these numbers.
        KindDeclaration{"seen", {"stream_id"}, {{{"stream_id"}}}},
        // Unlinked records, by match key. `fresh` is 1 until the end of the cycle has looked for a partner once.
        KindDeclaration{"candidate",
                        {"stream_id", "match_key", "fresh"},
                        {{{"stream_id", "match_key"}}, {{"stream_id", "fresh"}}}},
        // Deletions that wait for the end of the cycle, when their share is known.
        KindDeclaration{"deletion", {"stream_id"}, {{{"stream_id"}}}},
        // Creates that the far side can't repeat safely.
        KindDeclaration{"intent", {"stream_id"}, {{{"stream_id"}}}},
        KindDeclaration{"conflict",
                        {"stream_id", "integration_id", "entity_type", "link_id", "state", "created_at"},
                        {{{"link_id", "state"}}, {{"stream_id", "state"}}, {{"state", "created_at"}}}},
        KindDeclaration{"parked",
                        {"stream_id", "integration_id", "entity_type", "reason", "parked_at"},
                        {{{"stream_id", "reason"}}, {{"parked_at"}}}},
        KindDeclaration{"journal", {"link_id", "at"}, {{{"link_id", "at"}}}},
        KindDeclaration{"outbox", {"stream_id", "sequence"}, {{{"stream_id", "sequence"}}}},
        // Local shards; `sequence` is the position in the tenant's change feed.
        KindDeclaration{"shard", {"shard_type_id", "sequence", "status"}, {{{"shard_type_id", "sequence"}}}},
        KindDeclaration{"shard_sequence", {}, {}},
    };
    return kinds;
}

} // namespace castiel_sync

// Session: the hold on one stream, from claim to release. Every write of an execution goes through commit, which
// carries the stream's document with its etag: whoever claimed the stream since (a higher token) has changed it, and
// the store refuses the older one. That is the fence.
#pragma once

#include <castiel_sync/engine.hpp>
#include <engine/documents.hpp>
#include <engine/event_drafts.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync {

// What one record's decision does to the store, to be committed as a whole.
struct Effects {
    std::vector<Write> writes;
    std::vector<EventDraft> events;
    SyncCounters counters; // increments
    std::int64_t links = 0;
    std::array<std::int64_t, 2> seen{};

    Effects() = default;
    [[nodiscard]] bool empty() const {
        return writes.empty() && events.empty() && counters == SyncCounters{} && links == 0;
    }
};

inline constexpr std::size_t most_slots = 10; // of one tenant, whatever its limit

class Session {
public:
    Session(const EngineParts& parts, std::string tenant_id, StreamDocument stream, Execution execution);

    // Takes the stream's lease and a tenant slot in one conditional commit, and raises the token. busy when another
    // execution holds the stream or no slot is free. `limit` slots; 0 takes none (administrative work).
    // `force`: ignore a live lease (previews, on a store of their own). `with` is written in the same commit.
    Async<Result<>> claim(std::size_t slots, bool force, std::vector<EventDraft> events, std::vector<Write> with);

    // All effects, in order, in as many commits as the store's limits ask for; the checkpoint in the last one.
    Async<Result<>> commit(std::vector<Effects> effects, std::optional<Checkpoint> checkpoint);

    // For a checkpoint that no effects go with: what it tells holds already, and is written with the next commit, or at
    // once when the lease should be renewed. After a crash the last run's steps since then are made again.
    Async<Result<>> save(Checkpoint checkpoint);

    // As commit, with an edit of the stream's document, which may be applied several times.
    Async<Result<>> commit_change(std::vector<Effects> effects, std::function<void(StreamDocument&)> change);

    // Is the token still current? Asked just before anything is sent to the far side.
    Async<Result<>> verify_fence();

    // Renews the lease if a quarter of it has passed: between calls that nobody knows the length of. lease_lost
    // when another execution has the stream by now.
    Async<Result<>> hold();

    // The last commit: terminal state, its event, lease and slot gone, and `with`. `change` edits the
    // stream's document.
    Async<Result<>> finish(SyncStatus status, std::optional<Error> error, std::vector<EventDraft> events,
                           std::function<void(StreamDocument&)> change, std::vector<Write> with);

    [[nodiscard]] const StreamDocument& stream() const { return stream_; }
    [[nodiscard]] Execution& execution() { return execution_; }
    [[nodiscard]] const Execution& execution() const { return execution_; }
    [[nodiscard]] const Checkpoint& checkpoint() const {
        return saved_ ? *saved_ : *stream_.checkpoints[static_cast<std::size_t>(execution_.direction)];
    }
    [[nodiscard]] const std::string& tenant() const { return tenant_id_; }
    [[nodiscard]] std::int64_t take_ordinal() { return next_ordinal_++; }
    [[nodiscard]] std::int64_t next_ordinal() const { return next_ordinal_; }
    // An administrative hold keeps no execution document.
    void set_administrative() { administrative_ = true; }

private:
    struct Chunk;
    struct CountChanges { // of the documents that the stream counts
        std::int64_t open_conflicts = 0;
        std::int64_t parked = 0;
        std::array<std::int64_t, 2> candidates{};
    };
    Async<Result<>> commit_chunk(Chunk chunk);
    Async<Result<CountChanges>> count_changes(const std::vector<Write>& writes);
    Async<Result<Write>> find_slot(std::size_t slots, bool force, Timestamp held_until);
    Async<Result<>> commit_claim(StreamDocument claimed, std::optional<Write> slot,
                                 const std::vector<EventDraft>& events, const std::vector<Write>& with);
    Async<Result<StreamDocument>> read_stream();
    Async<bool> only_slot_was_taken(const Write& slot);
    Async<Result<>> refresh_slot();
    Async<Result<>> reap_predecessor(StreamDocument& claimed, std::vector<Write>& writes);
    [[nodiscard]] Event make_event(const EventDraft& draft, const Execution& about, StreamDocument& stream);
    [[nodiscard]] bool is_ours(const StreamDocument& stream) const;
    void renew(StreamDocument& stream);

    const EngineParts& parts_;
    std::string tenant_id_;
    StreamDocument stream_;
    Execution execution_;
    std::optional<std::string> slot_id_;
    std::string slot_etag_;
    std::optional<Checkpoint> saved_; // newer than the stored one, up to this commit
    std::uint64_t saved_after_ = 0;
    // By both clocks: a wall clock jumps, and the other one stands still while the machine sleeps.
    std::chrono::nanoseconds renewed_monotonic_{0};
    Timestamp renewed_at_{};
    std::int64_t next_ordinal_ = 0;
    std::uint64_t commit_number_ = 0;
    std::uint64_t token_ = 0;
    bool administrative_ = false;
};

// Read-modify-write of a stream's document beside whoever runs on it; `change` may be called several times.
Async<Result<StreamDocument>> change_stream(const EngineParts& parts, std::string tenant_id, std::string stream_id,
                                            std::function<Result<>(StreamDocument&)> change,
                                            std::vector<Write> writes);

Async<Result<std::optional<StreamDocument>>> find_stream(Store& store, std::string tenant_id, std::string stream_id);

} // namespace castiel_sync

#include <engine/session.hpp>

#include <core/hashes.hpp>
#include <core/retry.hpp>
#include <core/task_progress.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::size_t stale_rounds = 16; // other writers of a stream's document are people: they do not come in floods

void add(std::uint64_t& value, std::int64_t change) {
    value = change < 0 && value < static_cast<std::uint64_t>(-change)
                ? 0
                : value + static_cast<std::uint64_t>(change);
}

} // namespace

namespace {

// A later write to the same document replaces an earlier one: a batch names each document once.
class WriteList {
public:
    explicit WriteList(std::size_t expected) {
        writes_.reserve(expected); // so that the names below stay where they are
        positions_.reserve(expected);
    }
    void add(Write write) {
        const auto found = positions_.find({write.document.kind, write.document.id});
        if (found != positions_.end()) {
            const std::size_t position = found->second;
            positions_.erase(found); // its name goes with the write that is replaced
            writes_[position] = std::move(write);
            name(position);
            return;
        }
        writes_.push_back(std::move(write));
        name(writes_.size() - 1);
    }
    std::vector<Write> take() { return std::move(writes_); }

private:
    using Name = std::pair<std::string_view, std::string_view>; // kind and id
    struct Hash {
        std::size_t operator()(const Name& name) const { return hash64(name.first) ^ hash64(name.second) * 31; }
    };
    void name(std::size_t position) {
        const Document& document = writes_[position].document;
        positions_.emplace(Name(document.kind, document.id), position);
    }

    std::vector<Write> writes_;
    std::unordered_map<Name, std::size_t, Hash> positions_;
};

Async<void> pause(const EngineParts& parts, std::size_t attempt, const Error& error) {
    const auto delay = retry_delay({parts.limits.retry_base, parts.limits.retry_cap}, attempt, error,
                                   *parts.runtime.random);
    co_await parts.runtime.clock->sleep_for(delay);
}

} // namespace

struct Session::Chunk {
    std::vector<Effects> effects;
    std::optional<Checkpoint> checkpoint;
    std::function<void(StreamDocument&)> change; // applied last
    bool release = false;

    Chunk() = default;
};

Session::Session(const EngineParts& parts, std::string tenant_id, StreamDocument stream, Execution execution)
    : parts_(parts), tenant_id_(std::move(tenant_id)), stream_(std::move(stream)), execution_(std::move(execution)),
      next_ordinal_(stream_.next_ordinal) {}

Async<Result<StreamDocument>> Session::read_stream() {
    std::vector<std::string> ids{stream_.stream_id};
    auto documents = co_await parts_.store->read(tenant_id_, "stream", std::move(ids));
    if (!documents) co_return documents.error();
    if (!documents->front())
        co_return Error(ErrorCode::lease_lost, "the stream's document is gone: " + stream_.stream_id);
    co_return from_document<StreamDocument>(*documents->front());
}

Event Session::make_event(const EventDraft& draft, const Execution& about, StreamDocument& stream) {
    Event event;
    event.id = make_uuid(*parts_.runtime.random);
    event.type = draft.type;
    event.timestamp = parts_.runtime.clock->now();
    event.tenant_id = tenant_id_;
    event.stream_id = stream.stream_id;
    event.sequence = ++stream.event_sequence;
    event.data = draft.data;
    event.correlation_id = about.execution_id;
    return event;
}

bool Session::is_ours(const StreamDocument& stream) const {
    return stream.token == token_ && stream.lease && stream.lease->execution_id == execution_.execution_id;
}

void Session::renew(StreamDocument& stream) {
    renewed_monotonic_ = parts_.runtime.clock->monotonic();
    renewed_at_ = parts_.runtime.clock->now();
    stream.lease = Lease{parts_.instance, execution_.execution_id, renewed_at_ + parts_.limits.lease_duration};
}

Async<Result<>> Session::claim(std::size_t slots, bool force, std::vector<EventDraft> events,
                               std::vector<Write> with) {
    const Timestamp now = parts_.runtime.clock->now();
    if (!force && stream_.lease && stream_.lease->expires_at > now)
        co_return Error(ErrorCode::busy, fmt::format("stream {} is held by {} until {}", stream_.stream_id,
                                                     stream_.lease->owner, to_string(stream_.lease->expires_at)));
    const Error busy(ErrorCode::busy, "another execution claimed the stream or the slot at the same moment");
    for (std::size_t round = 0; round <= slots; ++round) {
        StreamDocument claimed = stream_;
        renew(claimed);
        std::optional<Write> slot;
        if (slots > 0) {
            auto found = co_await find_slot(slots, force, claimed.lease->expires_at); // both expire, or neither
            if (!found) co_return found.error();
            slot = std::move(*found);
        }
        auto committed = co_await commit_claim(std::move(claimed), slot, events, with);
        if (committed || committed.error().code != ErrorCode::stale) co_return committed;
        if (!slot) co_return busy;
        const bool another_may_be_free = co_await only_slot_was_taken(*slot);
        if (!another_may_be_free) co_return busy;
    }
    co_return busy;
}

// After a claim that was refused: another slot may be free. Where nobody can tell, the refusal stands.
Async<bool> Session::only_slot_was_taken(const Write& slot) {
    std::vector<std::string> streams{stream_.stream_id}, slots{slot.document.id};
    auto stream = co_await parts_.store->read(tenant_id_, "stream", std::move(streams));
    if (!stream) co_return false;
    auto present = co_await parts_.store->read(tenant_id_, "slot", std::move(slots));
    if (!present) co_return false;
    const auto etag = [](const std::optional<Document>& document) { return document ? document->etag : std::string(); };
    co_return etag(stream->front()) == stream_.etag && etag(present->front()) != slot.document.etag;
}

Async<Result<Write>> Session::find_slot(std::size_t slots, bool force, Timestamp held_until) {
    // Executions that claim at the same moment begin their search in different places. Slots beyond the limit are those
    // of processes that have a higher one: none of them is taken, but each counts.
    const std::size_t first = hash64(execution_.execution_id) % slots;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < most_slots; ++i)
        ids.push_back(fmt::format("slot-{}", i < slots ? (first + i) % slots : i));
    auto documents = co_await parts_.store->read(tenant_id_, "slot", ids);
    if (!documents) co_return documents.error();
    const Timestamp now = parts_.runtime.clock->now();
    std::optional<Write> free;
    std::size_t in_use = 0;
    for (std::size_t i = 0; i < most_slots; ++i) {
        const auto& held = (*documents)[i];
        if (held) {
            auto current = from_document<Slot>(*held);
            if (!current) co_return current.error();
            if (!force && current->expires_at > now) {
                ++in_use;
                continue;
            }
        }
        if (free || i >= slots) continue;
        Document document = to_document(Slot{ids[i], execution_.execution_id, held_until});
        if (held) document.etag = held->etag;
        free = held ? replace(std::move(document)) : insert(std::move(document));
    }
    if (!free || in_use >= slots)
        co_return Error(ErrorCode::busy, fmt::format("all {} sync slots of the tenant are in use", slots));
    co_return std::move(*free);
}

Async<Result<>> Session::commit_claim(StreamDocument claimed, std::optional<Write> slot,
                                      const std::vector<EventDraft>& events, const std::vector<Write>& with) {
    const Timestamp now = parts_.runtime.clock->now();
    slot_id_.reset();
    if (slot) slot_id_ = slot->document.id;
    token_ = ++claimed.token;
    commit_number_ = ++claimed.commit_sequence;
    claimed.last_execution_id = administrative_ ? claimed.last_execution_id : execution_.execution_id;
    if (!administrative_) claimed.last_run_at = now;
    execution_.fencing_token = token_;
    std::vector<Write> writes;
    writes.push_back(stream_.etag.empty() ? insert(to_document(claimed)) : replace(to_document(claimed)));
    if (!administrative_) {
        execution_.started_at = now;
        writes.push_back(put(to_document(execution_)));
    }
    if (auto reaped = co_await reap_predecessor(claimed, writes); !reaped) co_return reaped.error();
    for (const auto& draft : events) writes.push_back(put(to_document(make_event(draft, execution_, claimed))));
    writes.front().document = to_document(claimed);
    writes.insert(writes.end(), with.begin(), with.end());
    if (slot) writes.push_back(std::move(*slot));
    auto receipt = co_await parts_.store->commit(tenant_id_, std::move(writes));
    if (!receipt) {
        const Error error = receipt.error();
        if (error.code != ErrorCode::unknown_outcome) co_return error;
        auto current = co_await read_stream();
        if (!current || !is_ours(*current)) co_return error;
        stream_ = std::move(*current);
        co_return co_await refresh_slot();
    }
    stream_ = std::move(claimed);
    stream_.etag = receipt->etags.front();
    if (slot_id_) slot_etag_ = receipt->etags.back();
    co_return Result<>();
}

// An execution whose instance died never ended: whoever claims its stream ends it, in the same commit (I16).
Async<Result<>> Session::reap_predecessor(StreamDocument& claimed, std::vector<Write>& writes) {
    if (!stream_.lease) co_return Result<>();
    std::vector<std::string> ids{stream_.lease->execution_id};
    auto documents = co_await parts_.store->read(tenant_id_, "execution", std::move(ids));
    if (!documents) co_return documents.error();
    if (!documents->front()) co_return Result<>();
    auto dead = from_document<Execution>(*documents->front());
    if (!dead) co_return dead.error();
    if (is_terminal(dead->status)) co_return Result<>();
    dead->status = SyncStatus::failed;
    dead->completed_at = parts_.runtime.clock->now();
    dead->error = Error(ErrorCode::unavailable, "the instance that ran it (" + stream_.lease->owner +
                                                    ") stopped; the next execution goes on from its checkpoint");
    writes.push_back(put(to_document(*dead, *dead->completed_at + parts_.limits.execution_retention)));
    const EventDraft draft = ended_event(*dead);
    writes.push_back(put(to_document(make_event(draft, *dead, claimed))));
    co_return Result<>();
}

Async<Result<>> Session::commit_chunk(Chunk chunk) {
    Execution execution = execution_;
    for (const auto& effects : chunk.effects) add(execution.counters, effects.counters);
    std::size_t expected = 4; // stream, execution, slot
    for (const auto& effects : chunk.effects) expected += effects.writes.size() + effects.events.size();
    // Never used twice, also where a commit before this one was cancelled and nobody knows whether it happened.
    const std::uint64_t number = ++commit_number_;
    for (std::size_t attempt = 0;; ++attempt) {
        StreamDocument next = stream_;
        next.commit_sequence = number;
        if (chunk.release)
            next.lease.reset();
        else
            renew(next);
        next.next_ordinal = std::max(next.next_ordinal, next_ordinal_);
        auto& checkpoint = next.checkpoints[static_cast<std::size_t>(execution.direction)];
        if (saved_) checkpoint = saved_;
        if (chunk.checkpoint) checkpoint = chunk.checkpoint;
        WriteList list(expected);
        list.add(Write()); // the stream's own, filled in last
        for (const auto& effects : chunk.effects) {
            add(next.links, effects.links);
            if (effects.links < 0)
                for (auto& any : next.checkpoints)
                    if (any)
                        for (auto& side : any->sides) side.links_ended = true;
            if (checkpoint)
                for (std::size_t side = 0; side < 2; ++side) add(checkpoint->sides[side].seen, effects.seen[side]);
            for (const auto& write : effects.writes) list.add(write);
            for (const auto& draft : effects.events) list.add(put(to_document(make_event(draft, execution, next))));
        }
        std::vector<Write> writes = list.take();
        const auto counted = co_await count_changes(writes);
        if (!counted) {
            const Error error = counted.error();
            if (!is_retryable(error.code) || attempt + 1 >= parts_.limits.max_push_attempts) co_return error;
            co_await pause(parts_, attempt, error);
            continue;
        }
        add(next.open_conflicts, counted->open_conflicts);
        add(next.parked, counted->parked);
        for (std::size_t side = 0; side < 2; ++side) add(next.candidates[side], counted->candidates[side]);
        if (chunk.change) chunk.change(next);
        if (!administrative_) {
            const Timestamp ended = execution.completed_at.value_or(Timestamp());
            writes.push_back(put(to_document(execution, ended + parts_.limits.execution_retention)));
        }
        writes.front() = replace(to_document(next));
        // Conditional too: once expired, the slot may belong to an execution on another stream.
        if (slot_id_ && chunk.release) writes.push_back(remove("slot", *slot_id_, slot_etag_));
        if (slot_id_ && !chunk.release) {
            Document slot = to_document(Slot{*slot_id_, execution.execution_id, next.lease->expires_at});
            slot.etag = slot_etag_;
            writes.push_back(replace(std::move(slot)));
        }

        auto receipt = co_await parts_.store->commit(tenant_id_, std::move(writes));
        if (receipt) {
            next.etag = receipt->etags.front();
            if (slot_id_) slot_etag_ = receipt->etags.back();
            stream_ = std::move(next);
            execution_ = std::move(execution);
            saved_.reset();
            co_return Result<>();
        }
        const Error error = receipt.error();
        const bool asks_again = error.code == ErrorCode::stale || error.code == ErrorCode::unknown_outcome;
        if (!asks_again && !is_retryable(error.code)) co_return error;
        if (attempt + 1 >= (asks_again ? stale_rounds : parts_.limits.max_push_attempts)) co_return error;
        if (!asks_again) {
            co_await pause(parts_, attempt, error);
            continue;
        }
        // Either a person changed the stream beside us, or another instance owns it now, or our commit did happen and
        // only its answer was lost. The document tells which.
        if (attempt > 1) co_await pause(parts_, attempt, error);
        auto current = co_await read_stream();
        if (!current) {
            if (!is_retryable(current.error().code)) co_return current.error();
            continue;
        }
        const bool ours = is_ours(*current);
        const bool released = chunk.release && current->token == token_ && !current->lease;
        // People change the document without counting a commit: this number is ours.
        if ((ours || released) && current->commit_sequence == next.commit_sequence) {
            stream_ = std::move(*current);
            execution_ = std::move(execution);
            saved_.reset();
            if (chunk.release) co_return Result<>();
            co_return co_await refresh_slot();
        }
        if (!ours)
            co_return Error(ErrorCode::lease_lost,
                            fmt::format("stream {} was taken over (token {} after {})", stream_.stream_id,
                                        current->token, token_));
        stream_ = std::move(*current);
        // A commit that was given up came to light: it held what was saved before it, or something newer.
        if (stream_.commit_sequence > saved_after_) saved_.reset();
        if (auto held = co_await refresh_slot(); !held) co_return held.error();
    }
}

// The stream counts its parked records, candidates and open conflicts. What a write adds to a count depends on what
// stands in its place, and only the store knows that for certain.
Async<Result<Session::CountChanges>> Session::count_changes(const std::vector<Write>& writes) {
    CountChanges changes;
    for (const std::string_view kind : {"parked", "candidate", "conflict"}) {
        std::vector<std::string> ids;
        const auto count = [&](const Document& document, std::int64_t by) -> Result<> {
            if (kind == "parked") {
                changes.parked += by;
            } else if (kind == "conflict") {
                auto conflict = from_document<Conflict>(document);
                if (!conflict) return conflict.error();
                if (conflict->state == ConflictState::open) changes.open_conflicts += by;
            } else {
                auto candidate = from_document<Candidate>(document);
                if (!candidate) return candidate.error();
                changes.candidates[index_of(candidate->side)] += by;
            }
            return {};
        };
        for (const auto& write : writes) {
            if (write.document.kind != kind) continue;
            ids.push_back(write.document.id);
            if (write.action == Write::Action::remove) continue;
            if (auto counted = count(write.document, 1); !counted) co_return counted.error();
        }
        if (ids.empty()) continue;
        auto present = co_await parts_.store->read(tenant_id_, std::string(kind), std::move(ids));
        if (!present) co_return present.error();
        for (const auto& document : *present) {
            if (!document) continue;
            if (auto counted = count(*document, -1); !counted) co_return counted.error();
        }
    }
    co_return changes;
}

Async<Result<>> Session::refresh_slot() {
    if (!slot_id_) co_return Result<>();
    std::vector<std::string> ids{*slot_id_};
    auto documents = co_await parts_.store->read(tenant_id_, "slot", std::move(ids));
    if (!documents) co_return documents.error();
    const auto& document = documents->front();
    if (document) {
        auto slot = from_document<Slot>(*document);
        if (slot && slot->execution_id == execution_.execution_id) {
            slot_etag_ = document->etag;
            co_return Result<>();
        }
    }
    co_return Error(ErrorCode::lease_lost, fmt::format("{} of the tenant was taken over", *slot_id_));
}

Async<Result<>> Session::commit(std::vector<Effects> effects, std::optional<Checkpoint> checkpoint) {
    const StoreLimits limits = parts_.store->limits();
    const std::size_t most_writes = limits.max_writes > 8 ? limits.max_writes - 4 : 4; // stream, execution, slot
    const std::size_t most_bytes = limits.max_bytes / 2;
    Chunk chunk;
    std::size_t writes = 0, bytes = 0;
    for (auto& one : effects) {
        std::size_t size = 0;
        for (const auto& write : one.writes) size += write.document.body.size() + 200;
        const std::size_t count = one.writes.size() + one.events.size();
        if (!chunk.effects.empty() && (writes + count > most_writes || bytes + size > most_bytes)) {
            auto done = co_await commit_chunk(std::move(chunk));
            if (!done) co_return done;
            chunk = Chunk();
            writes = bytes = 0;
        }
        writes += count;
        bytes += size;
        chunk.effects.push_back(std::move(one));
    }
    chunk.checkpoint = std::move(checkpoint);
    co_return co_await commit_chunk(std::move(chunk));
}

Async<Result<>> Session::save(Checkpoint checkpoint) {
    saved_ = std::move(checkpoint);
    saved_after_ = commit_number_;
    co_return co_await hold();
}

// A quarter: what comes before the next commit may take its time as well.
Async<Result<>> Session::hold() {
    const auto quarter = parts_.limits.lease_duration / 4;
    Clock& clock = *parts_.runtime.clock;
    if (clock.monotonic() < renewed_monotonic_ + quarter && clock.now() < renewed_at_ + quarter) co_return Result<>();
    std::vector<Effects> nothing;
    co_return co_await commit(std::move(nothing), std::nullopt);
}

Async<Result<>> Session::commit_change(std::vector<Effects> effects, std::function<void(StreamDocument&)> change) {
    Chunk chunk;
    chunk.effects = std::move(effects);
    chunk.change = std::move(change);
    co_return co_await commit_chunk(std::move(chunk));
}

Async<Result<>> Session::verify_fence() {
    auto current = co_await read_stream();
    if (!current) co_return current.error();
    if (!is_ours(*current))
        co_return Error(ErrorCode::lease_lost, fmt::format("stream {} was taken over", stream_.stream_id));
    co_return Result<>();
}

Async<Result<>> Session::finish(SyncStatus status, std::optional<Error> error, std::vector<EventDraft> events,
                                std::function<void(StreamDocument&)> change, std::vector<Write> with) {
    execution_.status = status;
    execution_.error = std::move(error);
    execution_.completed_at = parts_.runtime.clock->now();
    Chunk chunk;
    Effects last;
    last.events = std::move(events);
    last.writes = std::move(with);
    chunk.effects.push_back(std::move(last));
    chunk.change = std::move(change);
    chunk.release = true;
    co_return co_await commit_chunk(std::move(chunk));
}

Async<Result<std::optional<StreamDocument>>> find_stream(Store& store, std::string tenant_id, std::string stream_id) {
    std::vector<std::string> ids{std::move(stream_id)};
    auto documents = co_await store.read(std::move(tenant_id), "stream", std::move(ids));
    if (!documents) co_return documents.error();
    if (!documents->front()) co_return std::optional<StreamDocument>();
    auto stream = from_document<StreamDocument>(*documents->front());
    if (!stream) co_return stream.error();
    co_return std::optional<StreamDocument>(std::move(*stream));
}

Async<Result<StreamDocument>> change_stream(const EngineParts& parts, std::string tenant_id, std::string stream_id,
                                            std::function<Result<>(StreamDocument&)> change,
                                            std::vector<Write> more) {
    for (std::size_t attempt = 0;; ++attempt) {
        auto found = co_await find_stream(*parts.store, tenant_id, stream_id);
        if (!found) co_return found.error();
        if (!*found) co_return Error(ErrorCode::not_found, "no stream has the id " + stream_id);
        StreamDocument stream = std::move(**found);
        if (auto changed = change(stream); !changed) co_return changed.error();
        std::vector<Write> writes = more;
        writes.push_back(replace(to_document(stream)));
        auto receipt = co_await parts.store->commit(tenant_id, std::move(writes));
        if (receipt) {
            stream.etag = receipt->etags.back();
            co_return stream;
        }
        const Error error = receipt.error();
        if (error.code != ErrorCode::stale || attempt + 1 >= stale_rounds) co_return error;
        co_await pause(parts, attempt, error);
    }
}

} // namespace castiel_sync

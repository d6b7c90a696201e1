// The phases of a cycle, in order, within the record cap of one execution.
#include <engine/run.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

std::size_t at(Side side) { return index_of(side); }

constexpr std::size_t expired_cursors = 2; // restarts of one side's reading in one execution

} // namespace

Run::Run(const EngineParts& parts, const WorkingMemory& memory, Session& session, Pinned& pinned,
         const SyncRequest& request, Observer* observer, std::size_t max_records)
    : parts_(parts), session_(session), pinned_(pinned), request_(request), observer_(observer),
      max_records_(max_records), share_(memory), fingerprint_(pinned.mapping.fingerprint().substr(0, 12)),
      narrowed_(pinned.narrowed), reads_times_(reads_times(pinned.policy)) {
    if (!request.filters.empty()) moves_checkpoint_ = false;
}

bool Run::flows_from(Side side) const {
    return side == Side::source ? pinned_.policy.flows_to_target : pinned_.policy.flows_to_source;
}

// A side that does not flow is read all the same when records are matched: its unlinked ones may be partners.
bool Run::reads(Side side) const {
    return flows_from(side) || !pinned_.mapping.definition().match_keys.empty();
}

std::size_t Run::budget() const { return worked_ >= max_records_ ? 0 : max_records_ - worked_; }

Async<Result<>> Run::begin_cycle() {
    Checkpoint next = session_.checkpoint();
    ++next.cycle;
    next.phase = Phase::reading;
    next.counts = {};
    next.parked_retried = false;
    next.requested = false;
    for (auto& side : next.sides) side.exhausted = false;
    next.first = Side::source;
    first_page_.reset();
    if (reads(Side::source) && reads(Side::target) && !pinned_.mapping.definition().match_keys.empty()) {
        // The side that is read first has its unlinked records staged; the smaller it is, the better. A source that
        // ends with its first page is small enough.
        const auto most = page_size(Side::source, 0);
        auto page = co_await pull(Side::source, next.sides[0].cursor, std::max<std::size_t>(1, most));
        if (page) {
            if (page->has_more) next.first = Side::target;
            first_page_ = std::move(*page);
        } else if (page.error().code != ErrorCode::cursor_expired) {
            co_return page.error();
        } else {
            next.first = Side::target;
        }
    }
    co_return co_await session_.save(std::move(next));
}

// How many records the next page may hold: a slow writer wants many, memory allows so many bytes, the cap the rest.
std::size_t Run::page_size(Side side, std::size_t bytes_per_record) const {
    std::size_t most = parts_.limits.page_records;
    const std::size_t preferred = pinned_.capabilities[at(other(side))].preferred_push_records;
    if (flows_from(side) && preferred > most && bytes_per_record > 0)
        most = std::clamp(parts_.limits.max_page_bytes / bytes_per_record, most, preferred);
    most = std::min(most, std::max<std::size_t>(1, pinned_.capabilities[at(side)].max_page_records));
    return std::min(most, budget());
}

Async<Result<>> Run::read_side(Side side, std::optional<RecordPage> first_page) {
    std::size_t empty_pages = 0, expired = 0, bytes_per_record = 0;
    std::string filtered_cursor = session_.checkpoint().sides[at(side)].cursor; // of a run that moves no checkpoint
    for (;;) {
        const std::size_t most = page_size(side, bytes_per_record);
        if (most == 0) co_return Result<>();
        Checkpoint next = session_.checkpoint();
        auto& state = next.sides[at(side)];
        const std::string& cursor = moves_checkpoint_ ? state.cursor : filtered_cursor;
        RecordPage page;
        if (first_page && first_page->records.size() + first_page->faults.size() <= most) {
            page = std::move(*first_page);
        } else {
            auto pulled = co_await pull(side, cursor, most);
            if (!pulled) {
                const Error error = pulled.error();
                if (error.code != ErrorCode::cursor_expired || cursor.empty() || ++expired > expired_cursors)
                    co_return error;
                log(LogLevel::warning,
                    fmt::format("{}: the position in its changes is no longer known ({}); it is read "
                                "from the beginning",
                                to_string(side), error.message));
                state.cursor.clear();
                state.listing = false;
                filtered_cursor.clear();
                // At once: a later cursor is no step back only because of this.
                std::vector<Effects> nothing;
                if (auto saved = co_await session_.commit(std::move(nothing), std::move(next)); !saved) co_return saved;
                continue;
            }
            page = std::move(*pulled);
        }
        first_page.reset();
        const bool begins_listing = page.listing && (!state.listing || cursor.empty());
        if (begins_listing) {
            state.listing = true;
            ++state.pass;
            state.seen = 0;
            state.listed = 0;
            state.links_ended = false;
            state.missing_held = false;
        }
        if (page.total) expected_ = page.total;
        if (page.records.empty() && page.faults.empty()) {
            if (page.has_more && ++empty_pages > parts_.limits.max_empty_pages)
                co_return Error(ErrorCode::corrupted,
                                fmt::format("{} {}: {} pages in a row hold no record and promise more",
                                            to_string(side), pinned_.entities[at(side)], empty_pages));
        } else {
            empty_pages = 0;
        }
        const bool tells_size = !page.records.empty();
        const bool last = !page.has_more;
        const bool listing = page.listing;
        state.cursor = page.next;
        filtered_cursor = page.next;
        // A listing without a feed behind it starts at the beginning again next time.
        if (last && listing && !pinned_.capabilities[at(side)].change_feed) state.cursor.clear();
        if (auto processed = co_await process_page(side, std::move(page), std::move(next)); !processed)
            co_return processed;
        if (tells_size && bytes_per_record == 0) bytes_per_record = record_bytes_;
        // A listing that a crash parted from what follows it ends here as well.
        if (session_.checkpoint().sides[at(side)].listing && (last || !listing)) {
            if (moves_checkpoint_) {
                if (auto held = co_await hold_missing(side); !held) co_return held;
            }
            Checkpoint listed = session_.checkpoint();
            listed.sides[at(side)].listing = false;
            listed.sides[at(side)].exhausted = last;
            if (auto ended = co_await session_.save(std::move(listed)); !ended || last) co_return ended;
            continue;
        }
        if (!last) continue;
        Checkpoint done = session_.checkpoint();
        done.sides[at(side)].exhausted = true;
        co_return co_await session_.save(std::move(done));
    }
}

Async<Result<>> Run::enter(Phase phase) {
    Checkpoint next = session_.checkpoint();
    next.phase = phase;
    co_return co_await session_.save(std::move(next));
}

// The mapping is another one since the checkpoint: stored bases may mean something else.
Async<Result<>> Run::rebaseline_if_needed() {
    const auto& before = session_.checkpoint();
    const bool mapping_changed = !before.mapping_fingerprint.empty() && before.mapping_fingerprint != fingerprint_;
    bool approved = false;
    for (const auto& approval : session_.stream().approvals)
        approved = approved || approval.rail == Rail::mapping_changed;
    const bool reset = session_.stream().reset_requested;
    if (mapping_changed && !reset && !approved && pinned_.rails.stop_on_mapping_change && session_.stream().links > 0) {
        trip_ =
            Trip{Rail::mapping_changed, Side::target,
                 fmt::format("the mapping changed since the last run ({} linked records were compared under the old "
                             "one); look at a preview, then approve to compare all of them anew",
                             session_.stream().links),
                 session_.stream().links};
        co_return Error(ErrorCode::latched, trip_->reason);
    }
    if (!mapping_changed && !reset && !before.mapping_fingerprint.empty()) co_return Result<>();
    Checkpoint next = before;
    next.mapping_fingerprint = fingerprint_;
    if (mapping_changed || reset) {
        ++next.epoch;
        next.phase = Phase::caught_up;
        for (auto& side : next.sides) {
            side.cursor.clear();
            side.listing = false;
            side.exhausted = false;
        }
    }
    if (auto saved = co_await session_.save(std::move(next)); !saved) co_return saved;
    if (!reset) co_return Result<>();
    std::vector<Effects> none;
    co_return co_await session_.commit_change(std::move(none),
                                              [](StreamDocument& stream) { stream.reset_requested = false; });
}

Async<Result<>> Run::execute() {
    if (auto ready = co_await rebaseline_if_needed(); !ready) co_return ready;
    if (auto recovered = co_await recover_intents(); !recovered) co_return recovered;
    // Until it is known what became of them, new records over there have to wait.
    if (auto asked = co_await retry_reason(ErrorCode::unknown_outcome); !asked) co_return asked;
    if (session_.stream().drop_deletions_requested) {
        if (auto dropped = co_await drop_held_deletions(); !dropped) co_return dropped;
    }
    if (!request_.source_ids.empty() || !request_.target_ids.empty()) co_return co_await execute_targeted();

    // A cycle that an earlier run began is completed first; what changed since is read by one of our own.
    if (!request_.resume && session_.checkpoint().phase != Phase::caught_up && !session_.checkpoint().requested) {
        Checkpoint next = session_.checkpoint();
        next.requested = true;
        if (auto saved = co_await session_.save(std::move(next)); !saved) co_return saved;
    }
    do {
        if (session_.checkpoint().phase == Phase::caught_up) {
            if (budget() == 0) {
                session_.execution().has_more = true;
                co_return Result<>();
            }
            if (auto begun = co_await begin_cycle(); !begun) co_return begun;
        }
        auto complete = co_await continue_cycle();
        if (!complete) co_return complete.error();
        if (!*complete) {
            session_.execution().has_more = true;
            co_return Result<>();
        }
    } while (session_.checkpoint().requested);
    co_return Result<>();
}

// True when the cycle is complete; false when the cap ended it.
Async<Result<bool>> Run::continue_cycle() {
    if (session_.checkpoint().phase == Phase::reading) {
        const Side first = session_.checkpoint().first;
        for (const Side side : {first, other(first)}) {
            if (!reads(side) || session_.checkpoint().sides[at(side)].exhausted) continue;
            std::optional<RecordPage> page;
            if (side == Side::source) page = std::move(first_page_);
            first_page_.reset();
            if (auto read = co_await read_side(side, std::move(page)); !read) co_return read.error();
            if (!session_.checkpoint().sides[at(side)].exhausted) co_return false;
        }
        if (auto entered = co_await enter(Phase::settling); !entered) co_return entered.error();
    }
    if (session_.checkpoint().phase == Phase::settling) {
        if (auto settled = co_await settle_candidates(); !settled) co_return settled.error();
        if (budget() == 0 && fresh_candidates_left_) co_return false;
        if (auto retried = co_await retry_parked(); !retried) co_return retried.error();
        if (staged_) {
            staged_ = false;
            if (auto settled = co_await settle_candidates(); !settled) co_return settled.error();
        }
        if (auto entered = co_await enter(Phase::deleting); !entered) co_return entered.error();
    }
    if (session_.checkpoint().phase == Phase::deleting) {
        if (moves_checkpoint_) {
            if (auto removed = co_await carry_out_deletions(); !removed) co_return removed.error();
            if (deletions_left_) co_return false;
        }
        if (auto entered = co_await enter(Phase::caught_up); !entered) co_return entered.error();
        if (!session_.stream().approvals.empty()) {
            std::vector<Effects> nothing;
            auto forgotten = co_await session_.commit_change(
                std::move(nothing), [](StreamDocument& stream) { stream.approvals.clear(); });
            if (!forgotten) co_return forgotten.error();
        }
    }
    co_return true;
}

// Only the records that the request names, without any cursor.
Async<Result<>> Run::execute_targeted() {
    for (const Side side : {Side::source, Side::target}) {
        const auto& ids = side == Side::source ? request_.source_ids : request_.target_ids;
        for (std::size_t begin = 0; begin < ids.size(); begin += parts_.limits.page_records) {
            const auto end = std::min(ids.size(), begin + parts_.limits.page_records);
            std::vector<std::string> some(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                          ids.begin() + static_cast<std::ptrdiff_t>(end));
            auto answers = co_await fetch(side, some, std::vector<std::string>());
            if (!answers) co_return answers.error();
            RecordPage page;
            for (std::size_t i = 0; i < some.size(); ++i) {
                auto& answer = (*answers)[i];
                if (answer.presence == FetchedRecord::Presence::unknown)
                    co_return answer.error.value_or(Error(ErrorCode::unavailable, "the record's presence is unknown"));
                if (answer.presence == FetchedRecord::Presence::absent) {
                    answer.record = Record();
                    answer.record.id = some[i];
                    answer.record.deleted = true;
                }
                page.records.push_back(std::move(answer.record));
            }
            moves_checkpoint_ = false;
            Checkpoint unchanged = session_.checkpoint();
            if (auto processed = co_await process_page(side, std::move(page), std::move(unchanged)); !processed)
                co_return processed;
        }
    }
    // Until both sides have been read once, a new record's partner may be there unseen; while a cycle reads, nobody
    // knows how many deletions it will find. Either waits for the end of that cycle.
    if (session_.checkpoint().cycle == 0 || session_.checkpoint().phase == Phase::reading) co_return Result<>();
    if (auto settled = co_await settle_candidates(); !settled) co_return settled;
    co_return co_await carry_out_deletions();
}

} // namespace castiel_sync

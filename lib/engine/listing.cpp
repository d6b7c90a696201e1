// The end of a full listing: what it did not meet.
#include <engine/run.hpp>

#include <core/seen_bits.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace castiel_sync {
namespace {

std::size_t at(Side side) { return index_of(side); }

// Links are read in windows of this many: bases can be large.
constexpr std::int64_t window = 512;
static_assert(SeenBits::size % window == 0);

} // namespace

// Of the links numbered from `first` on, a window of them, the ids of those whose bit is not set. Some may be of no
// link, where a create came to nothing.
std::vector<std::string> Run::ids_unseen(std::int64_t first, const SeenBits& bits) const {
    const std::int64_t end = std::min(first + window, session_.next_ordinal());
    std::vector<std::string> ids;
    for (std::int64_t ordinal = first; ordinal < end; ++ordinal)
        if (!bits.test(static_cast<std::size_t>(ordinal % SeenBits::size)))
            ids.push_back(link_id(session_.stream().stream_id, ordinal));
    return ids;
}

Async<Result<>> Run::judge_empty(Side side) {
    const std::uint64_t links = session_.stream().links;
    std::uint64_t approved = 0;
    for (const auto& approval : session_.stream().approvals)
        if (approval.rail == Rail::empty_side && approval.flow == other(side)) approved = approval.up_to;
    trip_ = judge_empty_side(pinned_.rails, side, links, approved);
    if (trip_ && (session_.stream().open_conflicts > 0 || pinned_.policy.delete_strategy == DeleteStrategy::manual)) {
        auto left = co_await count_left_to_persons(side);
        if (!left) co_return left.error();
        trip_ = judge_empty_side(pinned_.rails, side, links - std::min(links, *left), approved);
    }
    if (trip_) co_return Error(ErrorCode::latched, trip_->reason);
    co_return Result<>();
}

// Links whose deletion waits for a person do not count: the same listing would latch the stream again every time.
Async<Result<std::uint64_t>> Run::count_left_to_persons(Side side) {
    std::uint64_t count = 0;
    for (std::int64_t first = 0; first < session_.next_ordinal(); first += window) {
        auto links = co_await stored<Link>("link", ids_unseen(first, SeenBits()));
        if (!links) co_return links.error();
        auto left = co_await left_to_persons(side, std::move(*links));
        if (!left) co_return left.error();
        count += left->size();
    }
    co_return count;
}

Async<Result<>> Run::hold_unseen(Side side, std::int64_t first, std::uint64_t pass) {
    std::vector<std::string> chunk_ids{seen_id(side, first / SeenBits::size)};
    auto stored_bits = co_await parts_.store->read(session_.tenant(), "seen", std::move(chunk_ids));
    if (!stored_bits) co_return stored_bits.error();
    const auto& document = stored_bits->front();
    const auto bits = SeenBits::parse(document ? document->body : std::string(), pass);
    if (!bits) co_return Error(ErrorCode::corrupted, "stored seen bits can't be read");
    auto unseen = ids_unseen(first, *bits);
    if (unseen.empty()) co_return Result<>();
    auto links = co_await stored<Link>("link", std::move(unseen));
    if (!links) co_return links.error();
    std::vector<HeldDeletion> missing;
    std::vector<std::string> missing_ids;
    for (const Link& link : *links) {
        if (link.state != Link::State::live) continue;
        missing.push_back({link.stream_id, side, link.link_id, link.id(side), false});
        missing_ids.push_back(deletion_id(link.stream_id, side, link.id(side)));
    }
    if (missing.empty()) co_return Result<>();
    auto held = co_await parts_.store->read(session_.tenant(), "deletion", std::move(missing_ids));
    if (!held) co_return held.error();
    std::vector<Effects> effects(1);
    for (std::size_t i = 0; i < missing.size(); ++i) // what is held already may be confirmed
        if (!(*held)[i]) effects.front().writes.push_back(put(to_document(missing[i])));
    if (effects.front().writes.empty()) co_return Result<>();
    co_return co_await session_.commit(std::move(effects), std::nullopt);
}

// The listing is complete. Rows without id that it did not meet again are mended or gone; links that it did not meet
// are held for deletion, which a fetch must confirm.
Async<Result<>> Run::hold_missing(Side side) {
    Checkpoint next = session_.checkpoint();
    auto& state = next.sides[at(side)];
    const auto links = session_.stream().links;
    if (state.listed == 0 && flows_from(side)) {
        if (auto judged = co_await judge_empty(side); !judged) co_return judged;
    }
    if (session_.stream().parked > 0) {
        if (auto cleared = co_await clear_mended_rows(side, state.pass); !cleared) co_return cleared;
    }
    if (flows_from(side) && (state.seen != links || state.links_ended)) {
        for (std::int64_t first = 0; first < session_.next_ordinal(); first += window)
            if (auto held = co_await hold_unseen(side, first, state.pass); !held) co_return held;
    }
    Checkpoint done = session_.checkpoint();
    done.sides[at(side)].missing_held = true;
    co_return co_await session_.save(std::move(done));
}

// A listing does not tell of a parked record that is gone. Linked ones are deletions, and are held as such.
Async<Result<>> Run::drop_gone(Side side, std::vector<ParkedRecord> parked, std::vector<Effects>& effects) {
    if (parked.empty()) co_return Result<>();
    std::vector<std::string> ids;
    for (const auto& one : parked) ids.push_back(one.record_id);
    auto links = co_await links_by(side, ids);
    if (!links) co_return links.error();
    std::set<std::string> linked;
    for (const auto& link : *links) linked.insert(link.id(side));
    auto answers = co_await fetch(side, std::move(ids), std::vector<std::string>());
    if (!answers) co_return answers.error();
    for (std::size_t i = 0; i < parked.size(); ++i) {
        if ((*answers)[i].presence != FetchedRecord::Presence::absent || linked.contains(parked[i].record_id)) continue;
        if (auto dropped = co_await drop_parked(parked[i], effects); !dropped) co_return dropped;
    }
    co_return Result<>();
}

Async<Result<>> Run::clear_mended_rows(Side side, std::uint64_t pass) {
    Query query = of_stream();
    for (;;) {
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "parked", std::move(copy));
        if (!page) co_return page.error();
        std::vector<Effects> effects;
        std::vector<ParkedRecord> records;
        for (const auto& document : page->documents) {
            auto parked = from_document<ParkedRecord>(document);
            if (!parked) co_return parked.error();
            if (parked->side != side || parked->pass >= pass || !parked->sent.empty()) continue;
            // Rows as the adapter met them carry the number of the listing; records carry a version instead.
            if (parked->pass == 0) {
                if (!parked->record_id.empty()) records.push_back(std::move(*parked));
                continue;
            }
            if (auto dropped = co_await drop_parked(*parked, effects); !dropped) co_return dropped;
        }
        if (auto dropped = co_await drop_gone(side, std::move(records), effects); !dropped) co_return dropped;
        if (!effects.empty()) {
            if (auto committed = co_await session_.commit(std::move(effects), std::nullopt); !committed)
                co_return committed;
        }
        if (page->continuation.empty()) co_return Result<>();
        query.continuation = page->continuation;
    }
}

} // namespace castiel_sync

// The end of a full listing: what it did not meet.
#include <engine/run.hpp>

#include <core/seen_bits.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace castiel_sync {
namespace {

std::size_t at(Side side) { return index_of(side); }

} // namespace

Query Run::links_by_ordinal() const {
    Query query = of_stream();
    query.conditions.emplace_back("ordinal", Condition::Comparison::greater_or_equal, IndexValue(std::int64_t{0}));
    query.order = {{"ordinal", false}};
    query.limit = 1000;
    return query;
}

Async<Result<>> Run::judge_empty(Side side) {
    const std::uint64_t links = session_.stream().links;
    std::uint64_t approved = 0;
    for (const auto& approval : session_.stream().approvals)
        if (approval.rail == Rail::empty_side && approval.flow == other(side)) approved = approval.up_to;
    trip_ = judge_empty_side(pinned_.rails, side, links, approved);
    if (trip_ && pinned_.policy.delete_strategy == DeleteStrategy::manual) {
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
    Query query = links_by_ordinal();
    for (;;) {
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "link", std::move(copy));
        if (!page) co_return page.error();
        std::vector<Link> page_links;
        for (const auto& document : page->documents) {
            auto link = from_document<Link>(document);
            if (!link) co_return link.error();
            page_links.push_back(std::move(*link));
        }
        auto left = co_await left_to_persons(side, std::move(page_links));
        if (!left) co_return left.error();
        count += left->size();
        if (page->continuation.empty()) co_return count;
        query.continuation = page->continuation;
    }
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
        Query query = links_by_ordinal();
        std::optional<SeenBits> bits;
        std::int64_t loaded_chunk = -1;
        for (;;) {
            Query copy = query;
            auto page = co_await parts_.store->query(session_.tenant(), "link", std::move(copy));
            if (!page) co_return page.error();
            std::vector<HeldDeletion> missing;
            std::vector<std::string> missing_ids;
            for (const auto& document : page->documents) {
                auto link = from_document<Link>(document);
                if (!link) co_return link.error();
                if (link->state != Link::State::live) continue;
                const std::int64_t chunk = link->ordinal / SeenBits::size;
                if (chunk != loaded_chunk) {
                    std::vector<std::string> ids{seen_id(side, chunk)};
                    auto stored = co_await parts_.store->read(session_.tenant(), "seen", std::move(ids));
                    if (!stored) co_return stored.error();
                    bits = SeenBits::parse(stored->front() ? stored->front()->body : std::string(), state.pass);
                    if (!bits) co_return Error(ErrorCode::corrupted, "stored seen bits can't be read");
                    loaded_chunk = chunk;
                }
                if (bits->test(static_cast<std::size_t>(link->ordinal % SeenBits::size))) continue;
                missing.push_back({link->stream_id, side, link->link_id, link->id(side), false});
                missing_ids.push_back(deletion_id(link->stream_id, side, link->id(side)));
            }
            std::vector<Effects> effects(1);
            if (!missing.empty()) {
                auto held = co_await parts_.store->read(session_.tenant(), "deletion", std::move(missing_ids));
                if (!held) co_return held.error();
                for (std::size_t i = 0; i < missing.size(); ++i) // what is held already may be confirmed
                    if (!(*held)[i]) effects.front().writes.push_back(put(to_document(missing[i])));
            }
            if (!effects.front().writes.empty()) {
                if (auto committed = co_await session_.commit(std::move(effects), std::nullopt); !committed)
                    co_return committed;
            }
            if (page->continuation.empty()) break;
            query.continuation = page->continuation;
        }
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

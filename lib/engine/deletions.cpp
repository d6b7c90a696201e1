// Held deletions: confirmed, judged together, carried out or dropped.
#include <engine/run.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace castiel_sync {
namespace {

std::size_t at(Side side) { return index_of(side); }

} // namespace

bool Run::left_to_person(const Pair& pair) const {
    if (!pair.link || !pair.deletion || pair.deletion->decided) return false;
    const auto known = conflicts_.find(pair.link->conflict_id);
    return known != conflicts_.end() &&
           castiel_sync::left_to_person(known->second, pair.deletion->side, pinned_.policy.delete_strategy);
}

// Of these links, whose record is gone on one side, those that stay as they are until a person has answered.
Async<Result<std::set<std::string>>> Run::left_to_persons(Side gone, std::vector<Link> links) {
    std::set<std::string> left;
    std::vector<std::string> ids;
    for (const auto& link : links)
        if (link.state == Link::State::live && !link.conflict_id.empty()) ids.push_back(link.conflict_id);
    if (ids.empty()) co_return left;
    auto conflicts = co_await stored<Conflict>("conflict", std::move(ids));
    if (!conflicts) co_return conflicts.error();
    for (auto& conflict : *conflicts)
        if (castiel_sync::left_to_person(conflict, gone, pinned_.policy.delete_strategy))
            left.insert(std::move(conflict.link_id));
    co_return left;
}

Async<Result<>> Run::count_deletions(Side gone, std::vector<HeldDeletion> deletions, std::uint64_t& held) {
    std::set<std::string> left;
    if (session_.stream().open_conflicts > 0 || pinned_.policy.delete_strategy == DeleteStrategy::manual) {
        std::vector<std::string> link_ids;
        for (const auto& deletion : deletions)
            if (!deletion.decided) link_ids.push_back(deletion.link_id);
        auto links = co_await stored<Link>("link", std::move(link_ids));
        if (!links) co_return links.error();
        auto found = co_await left_to_persons(gone, std::move(*links));
        if (!found) co_return found.error();
        left = std::move(*found);
    }
    for (auto& deletion : deletions) {
        if (!deletion.decided && left.contains(deletion.link_id)) continue;
        ++held;
        if (trip_examples_.size() < 20) trip_examples_.push_back(std::move(deletion.record_id));
    }
    co_return Result<>();
}

// Confirms what a listing did not meet, and counts for the rails what flows.
Async<Result<>> Run::confirm_deletions(std::array<std::uint64_t, 2>& held) {
    Query query = of_stream();
    trip_examples_.clear();
    for (;;) {
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "deletion", std::move(copy));
        if (!page) co_return page.error();
        std::array<std::vector<HeldDeletion>, 2> unconfirmed;
        std::array<std::vector<HeldDeletion>, 2> confirmed;
        for (const auto& document : page->documents) {
            auto deletion = from_document<HeldDeletion>(document);
            if (!deletion) co_return deletion.error();
            if (!deletion->confirmed) {
                unconfirmed[at(deletion->side)].push_back(std::move(*deletion));
                continue;
            }
            if (flows_from(deletion->side)) confirmed[at(deletion->side)].push_back(std::move(*deletion));
        }
        std::vector<Effects> effects(1);
        for (const Side side : {Side::source, Side::target}) {
            auto& list = unconfirmed[at(side)];
            if (list.empty()) continue;
            std::vector<std::string> ids;
            for (const auto& deletion : list) ids.push_back(deletion.record_id);
            auto answers = co_await fetch(side, std::move(ids), std::vector<std::string>());
            if (!answers) co_return answers.error();
            for (std::size_t i = 0; i < list.size(); ++i) {
                if ((*answers)[i].presence == FetchedRecord::Presence::absent) {
                    list[i].confirmed = true;
                    effects.front().writes.push_back(put(to_document(list[i])));
                    confirmed[at(side)].push_back(std::move(list[i]));
                } else if ((*answers)[i].presence == FetchedRecord::Presence::present) { // there after all
                    effects.front().writes.push_back(
                        remove("deletion", deletion_id(list[i].stream_id, side, list[i].record_id)));
                }
            }
        }
        if (!effects.front().writes.empty()) {
            if (auto committed = co_await session_.commit(std::move(effects), std::nullopt); !committed)
                co_return committed;
        }
        for (const Side side : {Side::source, Side::target}) {
            if (confirmed[at(side)].empty()) continue;
            auto counted = co_await count_deletions(side, std::move(confirmed[at(side)]), held[at(side)]);
            if (!counted) co_return counted;
        }
        if (page->continuation.empty()) co_return Result<>();
        query.continuation = page->continuation;
    }
}

Async<Result<>> Run::carry_out_deletions() {
    std::array<std::uint64_t, 2> held{};
    if (auto confirmed = co_await confirm_deletions(held); !confirmed) co_return confirmed;
    for (const Side gone : {Side::source, Side::target}) {
        std::uint64_t approved = 0;
        for (const auto& approval : session_.stream().approvals)
            if ((approval.rail == Rail::max_deletes || approval.rail == Rail::empty_side) &&
                approval.flow == other(gone))
                approved = std::max(approved, approval.up_to);
        trip_ = judge_deletions(pinned_.rails, other(gone), held[at(gone)], session_.stream().links, approved);
        if (trip_) co_return Error(ErrorCode::latched, trip_->reason);
    }
    trip_examples_.clear();
    Query query = of_stream();
    for (;;) {
        deletions_left_ = false;
        if (budget() == 0) {
            deletions_left_ = co_await any_left("deletion", query);
            co_return Result<>();
        }
        query.limit = std::min<std::size_t>(500, budget());
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "deletion", std::move(copy));
        if (!page) co_return page.error();
        Pairs pairs;
        std::vector<std::string> link_ids;
        std::vector<Effects> effects;
        for (const auto& document : page->documents) {
            auto deletion = from_document<HeldDeletion>(document);
            if (!deletion) co_return deletion.error();
            if (!deletion->confirmed) continue; // nobody could tell: it is asked again in the next cycle
            if (!flows_from(deletion->side)) continue; // held by a run that carries it; not this one's to judge
            Pair pair;
            pair.origin = other(deletion->side); // the survivor
            link_ids.push_back(deletion->link_id);
            pair.deletion = std::move(*deletion);
            pairs.push_back(std::move(pair));
        }
        if (!pairs.empty()) {
            auto documents = co_await parts_.store->read(session_.tenant(), "link", std::move(link_ids));
            if (!documents) co_return documents.error();
            std::array<std::vector<std::string>, 2> survivors;
            for (std::size_t i = 0; i < pairs.size(); ++i) {
                const auto& document = (*documents)[i];
                if (!document) continue;
                auto link = from_document<Link>(*document);
                if (!link) co_return link.error();
                survivors[at(pairs[i].origin)].push_back(link->id(pairs[i].origin));
                if (link->state == Link::State::live) pairs[i].link = std::move(*link);
            }
            std::array<Known, 2> known;
            for (const Side side : {Side::source, Side::target})
                if (auto loaded = co_await load_known(side, survivors[at(side)], known[at(side)]); !loaded)
                    co_return loaded;
            Pairs live;
            std::set<std::string> taken; // both sides of one link may be gone: it ends once
            for (std::size_t i = 0; i < pairs.size(); ++i) {
                const auto& link = pairs[i].link;
                if (!link || !taken.insert(link->link_id).second) {
                    Effects drop;
                    const auto& deletion = *pairs[i].deletion;
                    drop.writes.push_back(
                        remove("deletion", deletion_id(deletion.stream_id, deletion.side, deletion.record_id)));
                    effects.push_back(std::move(drop));
                    continue;
                }
                // It may have been made once more already, by a create that nobody answered.
                const auto& parked = known[at(pairs[i].origin)].parked;
                if (const auto found = parked.find(link->id(pairs[i].origin)); found != parked.end())
                    note_parked(pairs[i], found->second);
                live.push_back(std::move(pairs[i]));
            }
            worked_ += pairs.size(); // what has to wait for a later cycle uses up no cap
            references_.clear();
            lost_references_.clear();
            intents_.clear();
            page_updates_ = {};
            if (auto processed = co_await process(live); !processed) co_return processed;
            if (auto committed = co_await commit_pairs(live, std::move(effects)); !committed) co_return committed;
        }
        if (page->continuation.empty()) co_return Result<>();
        query.continuation = page->continuation;
    }
}

// A person rejected them: the survivors stay, and are no longer the same record as what is gone.
Async<Result<>> Run::drop_held_deletions() {
    Query query = of_stream();
    for (;;) {
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "deletion", std::move(copy));
        if (!page) co_return page.error();
        std::vector<std::string> link_ids;
        std::set<std::string> detached; // a link may be held from both sides
        std::vector<Effects> effects;
        for (const auto& document : page->documents) {
            auto deletion = from_document<HeldDeletion>(document);
            if (!deletion) co_return deletion.error();
            if (!deletion->confirmed) continue; // nobody was asked about it yet
            link_ids.push_back(deletion->link_id);
            Effects change;
            change.writes.push_back(remove("deletion", document.id));
            effects.push_back(std::move(change));
        }
        if (!link_ids.empty()) {
            auto documents = co_await parts_.store->read(session_.tenant(), "link", std::move(link_ids));
            if (!documents) co_return documents.error();
            for (std::size_t i = 0; i < documents->size(); ++i) {
                if (!(*documents)[i]) continue;
                auto link = from_document<Link>(*(*documents)[i]);
                if (!link) co_return link.error();
                if (link->state != Link::State::live || !detached.insert(link->link_id).second) continue;
                if (!link->conflict_id.empty()) { // with the link, what it was about is over
                    if (auto closed = co_await close_conflict(link->conflict_id, effects); !closed) co_return closed;
                    link->conflict_id.clear();
                }
                link->state = Link::State::detached;
                effects[i].writes.push_back(put(to_document(*link)));
                --effects[i].links;
            }
            if (auto committed = co_await session_.commit(std::move(effects), std::nullopt); !committed)
                co_return committed;
        }
        if (page->continuation.empty()) break;
        query.continuation = page->continuation;
    }
    std::vector<Effects> nothing;
    co_return co_await session_.commit_change(std::move(nothing),
                                              [](StreamDocument& stream) { stream.drop_deletions_requested = false; });
}

} // namespace castiel_sync

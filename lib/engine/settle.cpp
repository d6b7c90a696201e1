// The end of a cycle: unlinked records of both sides find each other or are created, held deletions are judged
// together and carried out, parked records that waited for others are tried again. And its beginning after a crash:
// creates whose outcome was lost.
#include <engine/run.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

std::size_t at(Side side) { return index_of(side); }

constexpr std::size_t group_page = 200; // candidates looked at together; each may bring a few partners along

} // namespace

Query Run::of_stream() const {
    Query query;
    query.conditions.emplace_back("stream_id", Condition::Comparison::equal, IndexValue(session_.stream().stream_id));
    query.limit = 500;
    return query;
}

// When the store can't answer there may be more: the next run looks again.
Async<bool> Run::any_left(std::string kind, Query query) {
    query.limit = 1;
    auto page = co_await parts_.store->query(session_.tenant(), std::move(kind), std::move(query));
    co_return !page || !page->documents.empty();
}

Async<Result<>> Run::commit_pairs(std::vector<Pair>& pairs, std::vector<Effects> effects) {
    for (auto& pair : pairs) effects.push_back(effects_of(pair));
    Effects housekeeping;
    for (const auto& intent : intents_) housekeeping.writes.push_back(remove("intent", intent));
    intents_.clear();
    effects.push_back(std::move(housekeeping));
    std::optional<Checkpoint> checkpoint;
    if (page_updates_[0] + page_updates_[1] > 0) {
        checkpoint = session_.checkpoint();
        checkpoint->counts[0].updates += page_updates_[0];
        checkpoint->counts[1].updates += page_updates_[1];
        page_updates_ = {};
    }
    created_ordinals_.clear();
    auto committed = co_await session_.commit(std::move(effects), std::move(checkpoint));
    report_progress();
    co_return committed;
}

Async<Result<>> Run::process_and_commit(std::vector<Pair>& pairs) {
    references_.clear();
    lost_references_.clear();
    intents_.clear();
    page_updates_ = {};
    if (auto processed = co_await process(pairs); !processed) co_return processed;
    std::vector<Effects> effects;
    co_return co_await commit_pairs(pairs, std::move(effects));
}

// --- candidates

Async<Result<>> Run::settle_candidates() {
    if (pinned_.mapping.definition().match_keys.empty()) co_return Result<>();
    if (auto reopened = co_await reopen_ambiguous(); !reopened) co_return reopened;
    Query query = of_stream();
    query.conditions.emplace_back("fresh", Condition::Comparison::equal, IndexValue(std::int64_t{1}));
    query.limit = group_page;
    for (;;) {
        fresh_candidates_left_ = false;
        if (session_.stream().candidates[0] + session_.stream().candidates[1] == 0) co_return Result<>();
        if (budget() == 0) {
            fresh_candidates_left_ = co_await any_left("candidate", query);
            co_return Result<>();
        }
        query.limit = std::min(group_page, budget());
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "candidate", std::move(copy));
        if (!page) co_return page.error();
        std::set<std::string> keys;
        for (const auto& document : page->documents) {
            auto candidate = from_document<Candidate>(document);
            if (!candidate) co_return candidate.error();
            keys.insert(candidate->match_key);
        }
        worked_ += page->documents.size();
        if (auto settled = co_await settle_keys(keys); !settled) co_return settled;
        if (page->continuation.empty()) co_return Result<>();
        query.continuation = page->continuation;
    }
}

// Ambiguous groups that still stand open are looked at again: one of their records may have gone or changed its key.
Async<Result<>> Run::reopen_ambiguous() {
    if (session_.stream().open_conflicts == 0) co_return Result<>();
    Query query = of_stream();
    query.conditions.emplace_back("state", Condition::Comparison::equal, IndexValue(std::string("open")));
    for (;;) {
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "conflict", std::move(copy));
        if (!page) co_return page.error();
        std::set<std::string> keys;
        for (const auto& document : page->documents) {
            auto conflict = from_document<Conflict>(document);
            if (!conflict) co_return conflict.error();
            if (conflict->type == ConflictType::ambiguous_match) keys.insert(conflict->match_key);
        }
        if (auto settled = co_await settle_keys(keys); !settled) co_return settled;
        if (page->continuation.empty()) co_return Result<>();
        query.continuation = page->continuation;
    }
}

Async<Result<>> Run::settle_keys(const std::set<std::string>& keys) {
    if (keys.empty()) co_return Result<>();
    std::map<std::string, Group> groups;
    for (const auto& key : keys) groups[key];
    Query query = of_stream();
    std::vector<IndexValue> values;
    for (const auto& key : keys) values.emplace_back(key);
    query.conditions.emplace_back("match_key", std::move(values));
    std::array<std::vector<std::string>, 2> ids;
    for (;;) {
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "candidate", std::move(copy));
        if (!page) co_return page.error();
        for (const auto& document : page->documents) {
            auto candidate = from_document<Candidate>(document);
            if (!candidate) co_return candidate.error();
            ids[at(candidate->side)].push_back(candidate->record_id);
            groups[candidate->match_key].members[at(candidate->side)].push_back({std::move(*candidate), std::nullopt, std::nullopt});
        }
        if (page->continuation.empty()) break;
        query.continuation = page->continuation;
    }
    std::array<std::map<std::string, FetchedRecord>, 2> present;
    for (const Side side : {Side::source, Side::target}) {
        if (ids[at(side)].empty()) continue;
        auto answers = co_await fetch(side, ids[at(side)], std::vector<std::string>());
        if (!answers) co_return answers.error();
        for (std::size_t i = 0; i < ids[at(side)].size(); ++i)
            present[at(side)][ids[at(side)][i]] = std::move((*answers)[i]);
    }
    std::vector<Effects> effects;
    std::vector<Pair> pairs;
    references_.clear();
    lost_references_.clear();
    std::array<Known, 2> known;
    for (const Side side : {Side::source, Side::target})
        if (auto loaded = co_await load_known(side, ids[at(side)], known[at(side)]); !loaded) co_return loaded;
    if (auto kept = co_await refresh_members(groups, present, effects, pairs); !kept) co_return kept;
    for (auto& [key, group] : groups)
        for (auto& members : group.members)
            for (auto& member : members) {
                auto& parked = known[at(member.candidate.side)].parked;
                const auto found = parked.find(member.candidate.record_id);
                if (found != parked.end()) member.parked = found->second;
            }
    for (auto& [key, group] : groups) {
        if (auto settled = co_await settle_group(key, group, pairs, effects); !settled) co_return settled;
    }
    intents_.clear();
    page_updates_ = {};
    if (auto processed = co_await process(pairs); !processed) co_return processed;
    co_return co_await commit_pairs(pairs, std::move(effects));
}

// Candidates are notes of records seen earlier: what is gone is dropped, what has another key now waits under it.
Async<Result<>> Run::refresh_members(std::map<std::string, Group>& groups,
                                     std::array<std::map<std::string, FetchedRecord>, 2>& present,
                                     std::vector<Effects>& effects, std::vector<Pair>& pairs) {
    std::vector<Pair> probes;
    for (auto& [key, group] : groups)
        for (auto& members : group.members)
            for (auto& member : members) {
                auto& answer = present[at(member.candidate.side)][member.candidate.record_id];
                if (answer.presence != FetchedRecord::Presence::present) continue;
                Pair probe;
                probe.records[at(member.candidate.side)] = answer.record;
                probes.push_back(std::move(probe));
            }
    std::vector<Pair*> pointers;
    for (auto& probe : probes) pointers.push_back(&probe);
    if (auto resolved = co_await resolve_references(pointers); !resolved) co_return resolved;
    for (auto& [key, group] : groups)
        for (auto& members : group.members)
            std::erase_if(members, [&](Group::Member& member) {
                const Side side = member.candidate.side;
                auto& answer = present[at(side)][member.candidate.record_id];
                Effects change;
                if (answer.presence == FetchedRecord::Presence::unknown) {
                    group.uncertain = true; // looked at again in the next cycle
                    return false;
                }
                if (answer.presence == FetchedRecord::Presence::absent || answer.record.deleted) {
                    change.writes.push_back(remove(
                        "candidate", candidate_id(member.candidate.stream_id, side, member.candidate.record_id)));
                    --change.candidates[at(side)];
                    effects.push_back(std::move(change));
                    return true;
                }
                auto mapped = side == Side::source ? pinned_.mapping.read_source(answer.record.fields, references_)
                                                   : pinned_.mapping.read_target(answer.record.fields);
                const auto now = mapped ? pinned_.mapping.match_key(*mapped) : std::nullopt;
                if (now && *now != key) {
                    Candidate moved = member.candidate;
                    moved.match_key = *now;
                    moved.fresh = true;
                    moved.separate = false;
                    change.writes.push_back(put(to_document(moved)));
                    effects.push_back(std::move(change));
                    return true;
                }
                if (!now) { // unmappable now, or without key: its own pair says why, or creates it
                    Pair pair;
                    pair.origin = side;
                    pair.was_candidate[at(side)] = true;
                    pair.known[at(side)] = true;
                    pair.records[at(side)] = std::move(answer.record);
                    pairs.push_back(std::move(pair));
                    return true;
                }
                member.record = std::move(answer.record);
                return false;
            });
    co_return Result<>();
}

Async<Result<>> Run::settle_group(const std::string& key, Group& group, std::vector<Pair>& pairs,
                                  std::vector<Effects>& effects) {
    if (group.uncertain) co_return Result<>();
    auto& sources = group.members[0];
    auto& targets = group.members[1];
    const auto single = [&](Group::Member& member) {
        const Side side = member.candidate.side;
        if (!flows_from(side) || (member.parked && stays_parked(*member.parked, *member.record)))
            return wait(member.candidate, effects);
        Pair pair;
        pair.origin = side;
        if (member.parked) note_parked(pair, *member.parked);
        pair.was_candidate[at(side)] = true;
        pair.known[at(side)] = true;
        pair.records[at(side)] = std::move(member.record);
        pairs.push_back(std::move(pair));
    };
    for (auto* members : {&sources, &targets})
        std::erase_if(*members, [&](Group::Member& member) {
            if (member.candidate.separate) single(member);
            return member.candidate.separate;
        });
    const std::string conflict_id = uuid_of({session_.stream().stream_id, "ambiguous_match", key});
    const bool ambiguous = !sources.empty() && !targets.empty() && sources.size() + targets.size() > 2;
    if (ambiguous) co_return co_await record_ambiguous(conflict_id, key, group, effects);
    if (session_.stream().open_conflicts > 0) {
        if (auto closed = co_await close_conflict(conflict_id, effects); !closed) co_return closed;
    }
    if (sources.size() == 1 && targets.size() == 1) {
        Pair pair;
        pair.origin = Side::source;
        pair.matched = true;
        pair.was_candidate = {true, true};
        pair.known = {true, true};
        for (auto* member : {&sources.front(), &targets.front()})
            if (member->parked) note_parked(pair, *member->parked);
        pair.records[0] = std::move(sources.front().record);
        pair.records[1] = std::move(targets.front().record);
        pairs.push_back(std::move(pair));
        co_return Result<>();
    }
    for (auto& member : sources) single(member);
    for (auto& member : targets) single(member);
    co_return Result<>();
}

// It has been looked at; a partner that comes later finds it by its key.
void Run::wait(Candidate candidate, std::vector<Effects>& effects) {
    if (!candidate.fresh) return;
    candidate.fresh = false;
    Effects change;
    change.writes.push_back(put(to_document(candidate)));
    effects.push_back(std::move(change));
}

Async<Result<>> Run::record_ambiguous(const std::string& conflict_id, const std::string& key, Group& group,
                                      std::vector<Effects>& effects) {
    std::vector<std::string> ids{conflict_id};
    auto documents = co_await parts_.store->read(session_.tenant(), "conflict", std::move(ids));
    if (!documents) co_return documents.error();
    Conflict conflict;
    conflict.conflict_id = conflict_id;
    conflict.tenant_id = session_.tenant();
    conflict.stream_id = session_.stream().stream_id;
    conflict.integration_id = pinned_.integration.id;
    conflict.execution_id = session_.execution().execution_id;
    conflict.task_id = session_.execution().task_id;
    conflict.entity_type = session_.execution().entity_type;
    conflict.type = ConflictType::ambiguous_match;
    conflict.match_key = key;
    conflict.created_at = parts_.runtime.clock->now();
    for (const Side side : {Side::source, Side::target})
        for (const auto& member : group.members[at(side)])
            conflict.candidates.push_back(fmt::format("{}:{}", to_string(side), member.candidate.record_id));
    Effects change;
    bool fresh = true;
    if (documents->front()) {
        auto before = from_document<Conflict>(*documents->front());
        if (!before) co_return before.error();
        const bool same = before->candidates == conflict.candidates;
        if (same && (before->state == ConflictState::open || before->state == ConflictState::ignored)) {
            for (auto* members : {&group.members[0], &group.members[1]})
                for (auto& member : *members) wait(member.candidate, effects);
            co_return Result<>();
        }
        fresh = before->state != ConflictState::open;
        if (!fresh) conflict.created_at = before->created_at;
    }
    for (auto* members : {&group.members[0], &group.members[1]})
        for (auto& member : *members) wait(member.candidate, effects);
    change.writes.push_back(put(to_document(conflict)));
    if (fresh) {
        ++change.open_conflicts;
        ++change.counters.conflicts;
        change.events.push_back({"integration.conflict.detected",
                                 json::object{{"conflictId", conflict.conflict_id},
                                              {"integrationId", conflict.integration_id},
                                              {"entityType", conflict.entity_type},
                                              {"type", to_string(conflict.type)}}});
        if (observer_) {
            PlannedRecord planned;
            planned.action = "conflict";
            planned.entity_type = conflict.entity_type;
            planned.reason = "ambiguous_match";
            if (!group.members[0].empty()) planned.source_id = group.members[0].front().candidate.record_id;
            if (!group.members[1].empty()) planned.shard_id = group.members[1].front().candidate.record_id;
            observer_->on_planned(planned);
        }
    }
    effects.push_back(std::move(change));
    co_return Result<>();
}

Async<Result<>> Run::close_conflict(const std::string& conflict_id, std::vector<Effects>& effects) {
    std::vector<std::string> ids{conflict_id};
    auto documents = co_await parts_.store->read(session_.tenant(), "conflict", std::move(ids));
    if (!documents) co_return documents.error();
    if (!documents->front()) co_return Result<>();
    auto conflict = from_document<Conflict>(*documents->front());
    if (!conflict) co_return conflict.error();
    if (conflict->state != ConflictState::open) co_return Result<>();
    conflict->state = ConflictState::superseded;
    conflict->resolved_at = parts_.runtime.clock->now();
    conflict->resolved_by = "sync";
    Effects change;
    change.writes.push_back(put(to_document(*conflict)));
    --change.open_conflicts;
    effects.push_back(std::move(change));
    co_return Result<>();
}

// --- deletions

Async<Result<>> Run::confirm_deletions(std::array<std::uint64_t, 2>& held) {
    Query query = of_stream();
    trip_examples_.clear();
    for (;;) {
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "deletion", std::move(copy));
        if (!page) co_return page.error();
        std::array<std::vector<HeldDeletion>, 2> unconfirmed;
        for (const auto& document : page->documents) {
            auto deletion = from_document<HeldDeletion>(document);
            if (!deletion) co_return deletion.error();
            if (!deletion->confirmed) {
                unconfirmed[at(deletion->side)].push_back(std::move(*deletion));
                continue;
            }
            if (!flows_from(deletion->side)) continue;
            ++held[at(deletion->side)];
            if (trip_examples_.size() < 20) trip_examples_.push_back(deletion->record_id);
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
                    ++held[at(side)];
                    if (trip_examples_.size() < 20) trip_examples_.push_back(list[i].record_id);
                } else {
                    // There after all, or nobody can tell: no deletion. The next listing holds it again if it is gone.
                    effects.front().writes.push_back(
                        remove("deletion", deletion_id(list[i].stream_id, side, list[i].record_id)));
                }
            }
        }
        if (!effects.front().writes.empty()) {
            if (auto committed = co_await session_.commit(std::move(effects), std::nullopt); !committed)
                co_return committed;
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
            if ((approval.rail == Rail::max_deletes || approval.rail == Rail::empty_side) && approval.flow == other(gone))
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
        std::vector<Pair> pairs;
        std::vector<std::string> link_ids;
        std::vector<Effects> effects;
        for (const auto& document : page->documents) {
            auto deletion = from_document<HeldDeletion>(document);
            if (!deletion) co_return deletion.error();
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
            std::vector<Pair> live;
            std::set<std::string> taken; // both sides of one link may be gone: it ends once
            for (std::size_t i = 0; i < pairs.size(); ++i) {
                const auto& document = (*documents)[i];
                auto link = document ? from_document<Link>(*document) : Result<Link>(Error(ErrorCode::not_found, ""));
                if (document && !link) co_return link.error();
                if (!document || link->state != Link::State::live || !taken.insert(link->link_id).second) {
                    Effects drop;
                    const auto& deletion = *pairs[i].deletion;
                    drop.writes.push_back(
                        remove("deletion", deletion_id(deletion.stream_id, deletion.side, deletion.record_id)));
                    effects.push_back(std::move(drop));
                    continue;
                }
                pairs[i].link = std::move(*link);
                live.push_back(std::move(pairs[i]));
            }
            worked_ += page->documents.size();
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
        std::vector<Effects> effects;
        for (const auto& document : page->documents) {
            auto deletion = from_document<HeldDeletion>(document);
            if (!deletion) co_return deletion.error();
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
                if (link->state != Link::State::live) continue;
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

// --- parked records

Async<Result<>> Run::retry_parked() {
    // What waits for a parent may find it only after a sibling did: go on while somebody was helped.
    for (std::uint64_t before = session_.stream().parked; before > 0;) {
        for (const ErrorCode reason : {ErrorCode::missing_reference, ErrorCode::stale, ErrorCode::unavailable,
                                       ErrorCode::throttled, ErrorCode::unknown_outcome}) {
            Query query = of_stream();
            query.conditions.emplace_back("reason", Condition::Comparison::equal,
                                          IndexValue(std::string(to_string(reason))));
            query.limit = 200;
            for (;;) {
                Query copy = query;
                auto page = co_await parts_.store->query(session_.tenant(), "parked", std::move(copy));
                if (!page) co_return page.error();
                std::vector<ParkedRecord> parked;
                for (const auto& document : page->documents) {
                    auto one = from_document<ParkedRecord>(document);
                    if (!one) co_return one.error();
                    if (one->discarded || one->record_id.empty()) continue;
                    const auto& capabilities = pinned_.capabilities[at(other(one->side))];
                    if (reason == ErrorCode::unknown_outcome && !capabilities.idempotent_creates &&
                        !capabilities.finds_by_idempotency_key)
                        continue; // only a person may repeat this one
                    parked.push_back(std::move(*one));
                }
                if (auto retried = co_await retry_these(std::move(parked)); !retried) co_return retried;
                if (page->continuation.empty()) break;
                query.continuation = page->continuation;
            }
        }
        const auto now = session_.stream().parked;
        if (now >= before) break;
        before = now;
    }
    co_return Result<>();
}

Async<Result<>> Run::retry_these(std::vector<ParkedRecord> parked) {
    std::vector<Pair> pairs;
    std::vector<Effects> effects;
    for (const Side side : {Side::source, Side::target}) {
        std::vector<std::string> ids;
        std::vector<const ParkedRecord*> asked;
        for (const auto& one : parked)
            if (one.side == side) {
                ids.push_back(one.record_id);
                asked.push_back(&one);
            }
        if (ids.empty()) continue;
        auto answers = co_await fetch(side, ids, std::vector<std::string>());
        if (!answers) co_return answers.error();
        auto links = co_await links_by(side, ids);
        if (!links) co_return links.error();
        Known known;
        if (auto loaded = co_await load_known(side, ids, known); !loaded) co_return loaded;
        for (std::size_t i = 0; i < asked.size(); ++i) {
            FetchedRecord& answer = (*answers)[i];
            Pair pair;
            pair.origin = side;
            note_parked(pair, *asked[i]);
            pair.was_candidate[at(side)] = known.candidates.contains(ids[i]);
            for (auto& link : *links)
                if (link.id(side) == ids[i] && link.state == Link::State::live) pair.link = link;
            if (answer.presence == FetchedRecord::Presence::unknown) continue; // as before
            pair.known[at(side)] = true;
            if (answer.presence == FetchedRecord::Presence::present && !answer.record.deleted)
                pair.records[at(side)] = std::move(answer.record);
            else if (!pair.link) {
                Effects gone; // it left the stream by itself
                gone.writes.push_back(remove("parked", asked[i]->parked_id));
                --gone.parked;
                effects.push_back(std::move(gone));
                continue;
            }
            pairs.push_back(std::move(pair));
        }
    }
    if (pairs.empty() && effects.empty()) co_return Result<>();
    references_.clear();
    lost_references_.clear();
    std::vector<Pair*> pointers;
    for (auto& pair : pairs) pointers.push_back(&pair);
    if (auto resolved = co_await resolve_references(pointers); !resolved) co_return resolved;
    // New records take the way of all new records: they may have a partner on the other side.
    std::vector<Pair> ready;
    for (auto& pair : pairs) stage_or_keep(std::move(pair), ready, effects);
    intents_.clear();
    page_updates_ = {};
    if (auto processed = co_await process(ready); !processed) co_return processed;
    co_return co_await commit_pairs(ready, std::move(effects));
}

void Run::stage_or_keep(Pair pair, std::vector<Pair>& ready, std::vector<Effects>& effects) {
    const Side side = pair.origin;
    if (!pair.link && pair.records[at(side)] && !creates_at_once(side)) {
        const Record& record = *pair.records[at(side)];
        auto values = side == Side::source ? pinned_.mapping.read_source(record.fields, references_)
                                           : pinned_.mapping.read_target(record.fields);
        const auto key = values ? pinned_.mapping.match_key(*values) : std::nullopt;
        if (key) {
            Effects change;
            Candidate candidate{session_.stream().stream_id, side, record.id, *key, true, false};
            change.writes.push_back(put(to_document(candidate)));
            if (!pair.was_candidate[at(side)]) ++change.candidates[at(side)];
            effects.push_back(std::move(change));
            staged_ = true; // it stays parked until the settling has found its place
            return;
        }
    }
    ready.push_back(std::move(pair));
}

// --- intents

// Creates that were sent, or about to be, when the last execution died. What the far side can tell is asked; what it
// can't is a person's to settle.
Async<Result<>> Run::recover_intents() {
    Query query = of_stream();
    query.limit = 10;
    for (;;) {
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "intent", std::move(copy));
        if (!page) co_return page.error();
        for (const auto& document : page->documents) {
            auto intent = from_document<Intent>(document);
            if (!intent) co_return intent.error();
            if (auto recovered = co_await recover_intent(std::move(*intent)); !recovered) co_return recovered;
        }
        if (page->continuation.empty()) co_return Result<>();
        query.continuation = page->continuation;
    }
}

Async<Result<>> Run::recover_intent(Intent intent) {
    const Side written = intent.written;
    const Side from = other(written);
    const auto& capabilities = pinned_.capabilities[at(written)];
    std::vector<std::string> ids;
    std::map<std::string, std::string> key_of;
    std::map<std::string, FieldValues> sent;
    for (auto& item : intent.items) {
        ids.push_back(item.origin_id);
        key_of[item.origin_id] = item.idempotency_key;
        sent[item.origin_id] = pinned_.mapping.from_object(item.values);
    }
    auto links = co_await links_by(from, ids);
    if (!links) co_return links.error();
    std::set<std::string> linked;
    for (const auto& link : *links)
        if (link.state == Link::State::live) linked.insert(link.id(from));
    std::erase_if(ids, [&](const std::string& id) { return linked.contains(id); });
    std::vector<Pair> pairs;
    std::vector<Effects> effects;
    if (auto advanced = co_await recover_updates(intent, effects); !advanced) co_return advanced;
    if (!ids.empty()) {
        auto origins = co_await fetch(from, ids, std::vector<std::string>());
        if (!origins) co_return origins.error();
        std::vector<FetchedRecord> made(ids.size());
        if (capabilities.finds_by_idempotency_key) {
            if (capabilities.read_lag.count() > 0) co_await parts_.runtime.clock->sleep_for(capabilities.read_lag);
            std::vector<std::string> keys;
            for (const auto& id : ids) keys.push_back(key_of[id]);
            auto answers = co_await fetch(written, std::vector<std::string>(), std::move(keys));
            if (!answers) co_return answers.error();
            made = std::move(*answers);
        }
        Known known;
        if (auto loaded = co_await load_known(from, ids, known); !loaded) co_return loaded;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const bool origin_exists = (*origins)[i].presence == FetchedRecord::Presence::present;
            const bool was_made = made[i].presence == FetchedRecord::Presence::present;
            if (!origin_exists && !was_made) continue; // nothing on either side, or nobody can tell: nothing to do
            if (capabilities.finds_by_idempotency_key && made[i].presence == FetchedRecord::Presence::absent) continue;
            Pair pair;
            pair.origin = from;
            pair.idempotency_key = key_of[ids[i]];
            pair.sent = sent[ids[i]];
            pair.repeated_create = true;
            pair.was_candidate[at(from)] = known.candidates.contains(ids[i]);
            if (const auto parked = known.parked.find(ids[i]); parked != known.parked.end())
                note_parked(pair, parked->second);
            if (origin_exists) pair.records[at(from)] = std::move((*origins)[i].record);
            pair.known[at(from)] = origin_exists;
            if (was_made && origin_exists) {
                pair.records[at(written)] = std::move(made[i].record);
                pair.known[at(written)] = true;
                pair.matched = true;
                pair.created[at(written)] = true;
            } else if (was_made) {
                if (auto adopted = co_await adopt_orphan(written, ids[i], std::move(made[i].record), effects); !adopted)
                    co_return adopted;
                continue;
            } else if (!capabilities.idempotent_creates) {
                MappingFault fault;
                fault.error = Error(ErrorCode::unknown_outcome,
                                    fmt::format("possible_duplicate: a create was under way to {} when its instance "
                                                "stopped; look there, then retry or discard",
                                                to_string(written)));
                park(pair, from, fault);
                if (pair.was_parked) pair.state = Pair::State::parked;
            }
            pairs.push_back(std::move(pair));
        }
    }
    references_.clear();
    lost_references_.clear();
    intents_ = {intent.intent_id};
    page_updates_ = {};
    if (auto processed = co_await process(pairs); !processed) co_return processed;
    co_return co_await commit_pairs(pairs, std::move(effects));
}

// A field that holds what we were about to write is our own write, not a user's edit.
Async<Result<>> Run::recover_updates(const Intent& intent, std::vector<Effects>& effects) {
    if (intent.updates.empty()) co_return Result<>();
    const Side written = intent.written;
    std::vector<std::string> link_ids;
    for (const auto& update : intent.updates) link_ids.push_back(update.link_id);
    auto documents = co_await parts_.store->read(session_.tenant(), "link", link_ids);
    if (!documents) co_return documents.error();
    std::vector<Pair> probes;
    std::vector<const Intent::Update*> asked;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < documents->size(); ++i) {
        if (!(*documents)[i]) continue;
        auto link = from_document<Link>(*(*documents)[i]);
        if (!link) co_return link.error();
        if (link->state != Link::State::live || !link->base) continue;
        ids.push_back(link->id(written));
        asked.push_back(&intent.updates[i]);
        Pair probe;
        probe.link = std::move(*link);
        probes.push_back(std::move(probe));
    }
    if (ids.empty()) co_return Result<>();
    auto answers = co_await fetch(written, std::move(ids), std::vector<std::string>());
    if (!answers) co_return answers.error();
    std::vector<Pair*> pointers;
    for (std::size_t i = 0; i < probes.size(); ++i) {
        if ((*answers)[i].presence != FetchedRecord::Presence::present) continue;
        probes[i].records[at(written)] = std::move((*answers)[i].record);
        pointers.push_back(&probes[i]);
    }
    references_.clear();
    lost_references_.clear();
    if (auto resolved = co_await resolve_references(pointers); !resolved) co_return resolved;
    for (std::size_t i = 0; i < probes.size(); ++i) {
        const auto& record = probes[i].records[at(written)];
        if (!record) continue;
        auto values = written == Side::source ? pinned_.mapping.read_source(record->fields, references_)
                                              : pinned_.mapping.read_target(record->fields);
        if (!values) continue; // it is parked when it is read
        const FieldValues intended = pinned_.mapping.from_object(asked[i]->values);
        FieldValues ours(intended.size());
        for (std::size_t field = 0; field < intended.size(); ++field)
            if (intended[field] && (*values)[field] && pinned_.mapping.equal(field, *intended[field], *(*values)[field]))
                ours[field] = intended[field];
        Link link = *probes[i].link;
        advance_base(*link.base, pinned_.mapping.to_object(ours), asked[i]->others);
        link.source_version.clear(); // both sides are evaluated again
        link.target_version.clear();
        Effects change;
        change.writes.push_back(put(to_document(link)));
        effects.push_back(std::move(change));
    }
    co_return Result<>();
}

// We made it, and its origin was deleted before we could note that: link the two, so that the deletion finds it.
Async<Result<>> Run::adopt_orphan(Side written, const std::string& origin_id, Record record,
                                  std::vector<Effects>& effects) {
    std::vector<std::string> ids{record.id};
    auto taken = co_await links_by(written, std::move(ids));
    if (!taken) co_return taken.error();
    if (!taken->empty()) co_return Result<>();
    auto values = written == Side::source ? pinned_.mapping.read_source(record.fields, references_)
                                          : pinned_.mapping.read_target(record.fields);
    Link link;
    link.stream_id = session_.stream().stream_id;
    link.ordinal = session_.take_ordinal();
    link.link_id = fmt::format("{}-{}", link.stream_id, link.ordinal);
    (written == Side::source ? link.source_id : link.target_id) = record.id;
    (written == Side::source ? link.target_id : link.source_id) = origin_id;
    link.version(written) = record.version;
    link.evaluated_under = fingerprint_;
    if (values) link.base = pinned_.mapping.to_object(*values);
    HeldDeletion held{link.stream_id, other(written), link.link_id, origin_id, true};
    Effects change;
    change.writes.push_back(put(to_document(link)));
    change.writes.push_back(put(to_document(held)));
    ++change.links;
    effects.push_back(std::move(change));
    co_return Result<>();
}

} // namespace castiel_sync

// Unlinked records of both sides find each other by their match keys, or are created.
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

Async<Result<>> Run::commit_pairs(Pairs& pairs, std::vector<Effects> effects) {
    for (auto& pair : pairs) effects.push_back(effects_of(pair));
    Effects housekeeping;
    for (const auto& intent : intents_) housekeeping.writes.push_back(remove("intent", intent));
    intents_.clear();
    effects.push_back(std::move(housekeeping));
    Checkpoint next = session_.checkpoint();
    next.counts[0].updates += page_updates_[0];
    next.counts[1].updates += page_updates_[1];
    const bool counted = page_updates_[0] + page_updates_[1] > 0;
    page_updates_ = {};
    std::optional<Checkpoint> checkpoint;
    if (follow_own_writes(next) || counted) checkpoint = std::move(next);
    created_ordinals_.clear();
    auto committed = co_await session_.commit(std::move(effects), std::move(checkpoint));
    share_.give_back();
    if (committed) made_.clear();
    report_progress();
    co_return committed;
}

Async<Result<>> Run::process_and_commit(Pairs& pairs) {
    references_.clear();
    lost_references_.clear();
    intents_.clear();
    page_updates_ = {};
    if (auto processed = co_await process(pairs); !processed) co_return processed;
    std::vector<Effects> effects;
    co_return co_await commit_pairs(pairs, std::move(effects));
}

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
        left_fresh_ = 0;
        if (auto settled = co_await settle_keys(keys); !settled) co_return settled;
        // What nobody could tell about comes first again next time: counted, it would use up every run's cap for ever.
        worked_ += page->documents.size() - std::min(left_fresh_, page->documents.size());
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
            groups[candidate->match_key].members[at(candidate->side)].push_back(
                {std::move(*candidate), std::nullopt, std::nullopt});
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
    Pairs pairs;
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
                                     std::vector<Effects>& effects, Pairs& pairs) {
    Pairs probes;
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

Async<Result<>> Run::settle_group(const std::string& key, Group& group, Pairs& pairs,
                                  std::vector<Effects>& effects) {
    if (group.uncertain) {
        for (const auto& members : group.members)
            for (const auto& member : members) left_fresh_ += member.candidate.fresh ? 1 : 0;
        co_return Result<>();
    }
    auto& sources = group.members[0];
    auto& targets = group.members[1];
    const auto single = [&](Group::Member& member) {
        const Side side = member.candidate.side;
        if (!flows_from(side) || (member.parked && stays_parked(*member.parked, *member.record)))
            return wait(member.candidate, effects);
        Pair pair;
        pair.origin = side;
        if (member.parked) note_parked(pair, *member.parked);
        pair.known[at(side)] = true;
        pair.records[at(side)] = std::move(member.record);
        pair.candidates[at(side)] = std::move(member.candidate);
        pairs.push_back(std::move(pair));
    };
    for (auto* members : {&sources, &targets})
        std::erase_if(*members, [&](Group::Member& member) {
            if (member.candidate.separate) single(member);
            return member.candidate.separate;
        });
    const bool ambiguous = !sources.empty() && !targets.empty() && sources.size() + targets.size() > 2;
    if (ambiguous) co_return co_await record_ambiguous(key, group, effects);
    if (session_.stream().open_conflicts > 0) {
        auto last = co_await last_ambiguous(key);
        if (!last) co_return last.error();
        if (auto closed = co_await close_conflict(last->conflict_id, effects); !closed) co_return closed;
    }
    if (sources.size() == 1 && targets.size() == 1) {
        Pair pair;
        pair.origin = Side::source;
        pair.matched = true;
        pair.known = {true, true};
        for (auto* member : {&sources.front(), &targets.front()}) {
            if (member->parked) note_parked(pair, *member->parked);
            pair.candidates[at(member->candidate.side)] = member->candidate;
        }
        pair.records[0] = std::move(sources.front().record);
        pair.records[1] = std::move(targets.front().record);
        if (pair.sent && !holds_what_was_sent(pair)) be_twins(pair);
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

// The conflict about this key that stands open or was ignored; else a new one, with an id of its own (I8).
Async<Result<Conflict>> Run::last_ambiguous(const std::string& key) {
    Conflict last, next;
    next.conflict_id = uuid_of({session_.stream().stream_id, "ambiguous_match", key});
    for (;;) {
        std::vector<std::string> ids{next.conflict_id};
        auto documents = co_await parts_.store->read(session_.tenant(), "conflict", std::move(ids));
        if (!documents) co_return documents.error();
        if (!documents->front()) break;
        auto before = from_document<Conflict>(*documents->front());
        if (!before) co_return before.error();
        next.conflict_id = uuid_of({before->conflict_id, "again"});
        last = std::move(*before);
    }
    const bool stands = !last.conflict_id.empty() &&
                        (last.state == ConflictState::open || last.state == ConflictState::ignored);
    co_return stands ? last : next;
}

Async<Result<>> Run::record_ambiguous(const std::string& key, Group& group, std::vector<Effects>& effects) {
    auto before = co_await last_ambiguous(key);
    if (!before) co_return before.error();
    Conflict conflict;
    conflict.conflict_id = before->conflict_id;
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
    for (auto* members : {&group.members[0], &group.members[1]})
        for (auto& member : *members) wait(member.candidate, effects);
    const bool known = !before->candidates.empty();
    if (known && before->candidates == conflict.candidates) co_return Result<>();
    // Others than those that a person set aside: a question of its own.
    if (known && before->state == ConflictState::ignored)
        conflict.conflict_id = uuid_of({before->conflict_id, "again"});
    const bool fresh = !known || before->state == ConflictState::ignored;
    if (!fresh) conflict.created_at = before->created_at;
    change.writes.push_back(write_of(conflict));
    if (fresh) {
        ++change.counters.conflicts;
        change.events.push_back(detected_event(conflict));
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
    change.writes.push_back(write_of(*conflict));
    change.events.push_back(resolved_event(*conflict));
    effects.push_back(std::move(change));
    co_return Result<>();
}

} // namespace castiel_sync

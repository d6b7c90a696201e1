// What is tried again: parked records that waited for others, and writes whose outcome a crash took away.
#include <engine/run.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::array both_sides{Side::source, Side::target};

std::size_t at(Side side) { return index_of(side); }

} // namespace

// What the creates of an earlier execution say of one another. One that replaces what another one had made was sent
// once the other's outcome was known: of such a chain only the last one's is open.
struct Run::CreateChains {
    std::set<std::string> followed;                          // by key
    std::map<std::string, std::set<std::string>> replaced;   // by key: what it and those before it were to replace
    std::map<std::string, std::set<std::string>> earlier;    // by key: the keys of those

    explicit CreateChains(const std::vector<Intent>& intents) {
        std::map<std::string, std::string> follows;
        for (const auto& intent : intents)
            for (const auto& item : intent.items) {
                if (!item.replaces.empty()) replaced[item.idempotency_key].insert(item.replaces);
                if (item.follows.empty()) continue;
                followed.insert(item.follows);
                follows[item.idempotency_key] = item.follows;
            }
        for (const auto& [key, predecessor] : follows) {
            std::set<std::string> met{key}; // of a damaged document a chain might be a ring
            for (auto next = follows.find(key); next != follows.end(); next = follows.find(next->second)) {
                if (!met.insert(next->second).second) break;
                earlier[key].insert(next->second);
                const auto known = replaced.find(next->second);
                if (known != replaced.end()) replaced[key].insert(known->second.begin(), known->second.end());
            }
        }
    }
};

// Lost creates first: others wait to know what became of them.
Async<Result<>> Run::retry_parked() {
    // What waits for a parent may find it only after a sibling did: go on while somebody was helped.
    for (std::uint64_t before = session_.stream().parked; before > 0;) {
        for (const ErrorCode reason : {ErrorCode::unknown_outcome, ErrorCode::missing_reference, ErrorCode::stale,
                                       ErrorCode::unavailable, ErrorCode::throttled})
            if (auto retried = co_await retry_reason(reason); !retried) co_return retried;
        const auto now = session_.stream().parked;
        if (now >= before) break;
        before = now;
    }
    co_return Result<>();
}

// Its record is gone: nothing is left to be tried or decided.
Async<Result<>> Run::drop_parked(const ParkedRecord& parked, std::vector<Effects>& effects) {
    Effects gone;
    gone.writes.push_back(remove("parked", parked.parked_id));
    effects.push_back(std::move(gone));
    const bool shown = parked.reason.code == ErrorCode::already_exists ||
                       parked.reason.code == ErrorCode::missing_reference;
    if (!shown || session_.stream().open_conflicts == 0) co_return Result<>();
    co_return co_await close_conflict(parked_conflict_id(parked), effects);
}

Async<Result<>> Run::retry_reason(ErrorCode reason) {
    if (session_.stream().parked == 0) co_return Result<>();
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
            // A run that was asked for one direction alone has nothing to decide about what waits for the other one.
            if (narrowed_ && !flows_from(one->side)) continue;
            if (reason == ErrorCode::unknown_outcome && !tells_outcome(other(one->side)))
                continue; // only a person may repeat this one
            parked.push_back(std::move(*one));
        }
        if (auto retried = co_await retry_these(std::move(parked), false); !retried) co_return retried;
        if (page->continuation.empty()) co_return Result<>();
        query.continuation = page->continuation;
    }
}

Async<Result<>> Run::retry_these(std::vector<ParkedRecord> parked, bool by_person) {
    Pairs pairs;
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
        for (std::size_t i = 0; i < asked.size(); ++i) {
            FetchedRecord& answer = (*answers)[i];
            Pair pair;
            pair.origin = side;
            pair.may_repeat = by_person;
            pair.ids[at(side)] = ids[i];
            note_parked(pair, *asked[i]);
            for (auto& link : *links)
                if (link.id(side) == ids[i] && link.state == Link::State::live) pair.link = link;
            if (answer.presence == FetchedRecord::Presence::unknown) continue; // as before
            pair.known[at(side)] = true;
            if (answer.presence == FetchedRecord::Presence::present && !answer.record.deleted)
                pair.records[at(side)] = std::move(answer.record);
            else if (!pair.link) {
                if (waits_for_lost_create(*asked[i], true)) continue;
                if (asked[i]->sent.empty()) {
                    if (auto dropped = co_await drop_parked(*asked[i], effects); !dropped) co_return dropped;
                    continue;
                }
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
    Pairs ready;
    for (auto& pair : pairs) stage_or_keep(std::move(pair), ready, effects);
    intents_.clear();
    page_updates_ = {};
    if (auto processed = co_await process(ready); !processed) co_return processed;
    co_return co_await commit_pairs(ready, std::move(effects));
}

void Run::stage_or_keep(Pair pair, Pairs& ready, std::vector<Effects>& effects) {
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
            effects.push_back(std::move(change));
            staged_ = true; // it stays parked until the settling has found its place
            return;
        }
    }
    ready.push_back(std::move(pair));
}

// Writes that were sent, or about to be, when the last execution died. What the far side can tell is asked; what it
// can't is a person's to settle.
Async<Result<>> Run::recover_intents() {
    std::vector<Intent> intents;
    Query query = of_stream();
    for (;;) {
        Query copy = query;
        auto page = co_await parts_.store->query(session_.tenant(), "intent", std::move(copy));
        if (!page) co_return page.error();
        for (const auto& document : page->documents) {
            auto intent = from_document<Intent>(document);
            if (!intent) co_return intent.error();
            intents.push_back(std::move(*intent));
        }
        if (page->continuation.empty()) break;
        query.continuation = page->continuation;
    }
    if (intents.empty()) co_return Result<>();
    resuming_ = true;
    // Creates first: a write to a record that has been replaced since means nothing without its successor.
    const CreateChains chains(intents);
    for (std::size_t i = 0; i < intents.size(); ++i)
        if (auto recovered = co_await recover_creates(intents, i, chains); !recovered) co_return recovered;
    if (auto resumed = co_await resume_attempts(intents); !resumed) co_return resumed;
    resuming_ = false;
    co_return Result<>();
}

// Takes the writes to the records of this pair out of the intents. Those to a record that its create replaces are
// noted.
void Run::take_attempts(std::vector<Intent>& intents, Pair& pair, Side written, const std::set<std::string>& replaced,
                        Effects& effects) const {
    const Side from = other(written);
    const auto id = [](const Intent::Attempt& attempt, Side side) -> const std::string& {
        return side == Side::source ? attempt.entry.source_id : attempt.entry.target_id;
    };
    for (auto& intent : intents) {
        std::vector<Intent::Attempt> of_others;
        const std::size_t before = intent.attempts.size();
        for (auto& attempt : intent.attempts) {
            const std::string& partner = id(attempt, written);
            if (id(attempt, from) != pair.ids[at(from)])
                of_others.push_back(std::move(attempt));
            else if (replaced.contains(partner) || (pair.matched && partner != pair.ids[at(written)]))
                note_attempted(std::move(attempt), effects);
            else
                pair.attempts[at(intent.written)].push_back(std::move(attempt));
        }
        intent.attempts = std::move(of_others);
        if (intent.attempts.size() == before) continue;
        if (intent.items.empty() && intent.attempts.empty())
            effects.writes.push_back(remove("intent", intent.intent_id));
        else
            effects.writes.push_back(put(to_document(intent)));
    }
}

// Whoever wrote to what a create had made knew its id.
Async<Result<>> Run::ask_written(const std::vector<Intent>& intents, Side written,
                                 const std::map<std::string, std::set<std::string>>& replaced,
                                 const std::vector<std::string>& origins, std::vector<FetchedRecord>& made) {
    std::map<std::string, std::string> made_from; // by origin
    for (const auto& intent : intents)
        for (const auto& attempt : intent.attempts) {
            const JournalEntry& entry = attempt.entry;
            const auto create = replaced.find(written == Side::source ? entry.target_id : entry.source_id);
            const std::string& partner = written == Side::source ? entry.source_id : entry.target_id;
            if (create != replaced.end() && !partner.empty() && !create->second.contains(partner))
                made_from[create->first] = partner;
        }
    std::vector<std::string> ids;
    std::vector<FetchedRecord*> asked;
    for (std::size_t i = 0; i < origins.size(); ++i) {
        const auto known = made_from.find(origins[i]);
        if (known == made_from.end() || made[i].presence == FetchedRecord::Presence::present) continue;
        ids.push_back(known->second);
        asked.push_back(&made[i]);
    }
    if (ids.empty()) co_return Result<>();
    auto answers = co_await fetch(written, std::move(ids), std::vector<std::string>());
    if (!answers) co_return answers.error();
    for (std::size_t i = 0; i < asked.size(); ++i)
        if ((*answers)[i].presence == FetchedRecord::Presence::present) *asked[i] = std::move((*answers)[i]);
    co_return Result<>();
}

Async<Result<>> Run::recover_creates(std::vector<Intent>& intents, std::size_t number,
                                     const CreateChains& chains) {
    Intent intent = intents[number];
    // One that is followed stays with its document until its successor's outcome is stored: only the two together tell
    // what that one was to replace.
    const auto is_followed = [&](const Intent::Item& item) { return chains.followed.contains(item.idempotency_key); };
    std::erase_if(intent.items, is_followed);
    std::erase_if(intents[number].items, [&](const Intent::Item& item) { return !is_followed(item); });
    if (intent.items.empty()) co_return Result<>();
    std::set<std::string> settled; // by what becomes of those that follow them
    for (const auto& item : intent.items)
        if (const auto known = chains.earlier.find(item.idempotency_key); known != chains.earlier.end())
            settled.insert(known->second.begin(), known->second.end());
    const Side written = intent.written;
    const Side from = other(written);
    const auto& capabilities = pinned_.capabilities[at(written)];
    std::vector<std::string> ids;
    std::map<std::string, std::string> key_of;
    std::map<std::string, FieldValues> sent;
    std::map<std::string, std::string> follows;
    std::map<std::string, std::set<std::string>> replaced;
    for (auto& item : intent.items) {
        auto& before = replaced[item.origin_id];
        if (const auto known = chains.replaced.find(item.idempotency_key); known != chains.replaced.end())
            before = known->second;
        follows[item.origin_id] = item.follows;
        ids.push_back(item.origin_id);
        key_of[item.origin_id] = item.idempotency_key;
        sent[item.origin_id] = pinned_.mapping.from_object(item.values);
    }
    auto links = co_await links_by(from, ids);
    if (!links) co_return links.error();
    std::map<std::string, Link> link_of;
    std::set<std::string> done;
    for (auto& link : *links) {
        if (link.state != Link::State::live) continue;
        const std::string id = link.id(from);
        if (!replaced[id].contains(link.id(written))) done.insert(id);
        else link_of[id] = std::move(link);
    }
    std::erase_if(ids, [&](const std::string& id) { return done.contains(id); });
    Pairs pairs;
    std::vector<Effects> effects(1);
    if (!ids.empty()) {
        auto origins = co_await fetch(from, ids, std::vector<std::string>());
        if (!origins) co_return origins.error();
        std::vector<FetchedRecord> made(ids.size());
        if (capabilities.finds_by_idempotency_key) {
            if (capabilities.read_lag.count() > 0) {
                if (auto passed = co_await pass_time(capabilities.read_lag); !passed) co_return passed;
            }
            std::vector<std::string> keys;
            for (const auto& id : ids) keys.push_back(key_of[id]);
            auto answers = co_await fetch(written, std::vector<std::string>(), std::move(keys));
            if (!answers) co_return answers.error();
            made = std::move(*answers);
        }
        if (auto told = co_await ask_written(intents, written, replaced, ids, made); !told) co_return told;
        std::vector<std::string> made_ids;
        for (const auto& one : made)
            if (one.presence == FetchedRecord::Presence::present) made_ids.push_back(one.record.id);
        auto made_links = co_await links_by(written, std::move(made_ids));
        if (!made_links) co_return made_links.error();
        std::set<std::string> linked; // by another record of the same create's history
        for (const auto& link : *made_links)
            if (link.state == Link::State::live) linked.insert(link.id(written));
        Known known;
        if (auto loaded = co_await load_known(from, ids, known); !loaded) co_return loaded;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const bool origin_exists = (*origins)[i].presence == FetchedRecord::Presence::present;
            const bool was_made = made[i].presence == FetchedRecord::Presence::present;
            const bool origin_gone = (*origins)[i].presence == FetchedRecord::Presence::absent;
            const bool not_made = capabilities.finds_by_idempotency_key &&
                                  made[i].presence == FetchedRecord::Presence::absent;
            // Where the same key may answer with what was made and deleted since, it is asked all the same.
            if (not_made && (origin_gone || !capabilities.idempotent_creates)) continue;
            if (was_made && linked.contains(made[i].record.id)) continue;
            Pair pair;
            pair.origin = from;
            if (const auto parked = known.parked.find(ids[i]); parked != known.parked.end())
                note_parked(pair, parked->second);
            // The parked record may tell of an earlier create of the chain.
            pair.idempotency_key = key_of[ids[i]];
            pair.followed_key = follows[ids[i]];
            pair.sent = sent[ids[i]];
            pair.sent_from = from;
            pair.repeated_create = true;
            if (const auto link = link_of.find(ids[i]); link != link_of.end()) pair.link = link->second;
            if (origin_exists) pair.records[at(from)] = std::move((*origins)[i].record);
            pair.known[at(from)] = true;
            pair.ids[at(from)] = ids[i];
            if (was_made) {
                pair.ids[at(written)] = made[i].record.id;
                pair.records[at(written)] = std::move(made[i].record);
                pair.known[at(written)] = true;
                pair.matched = true;
                pair.created[at(written)] = true;
                pair.decision.base = *pair.sent;
                JournalEntry entry = journal_entry(pair, written, "created");
                (from == Side::source ? entry.source_id : entry.target_id) = ids[i];
                pair.journal.push_back(std::move(entry));
            }
            take_attempts(intents, pair, written, replaced[ids[i]], effects.front());
            if (!origin_exists && !origin_gone) {
                MappingFault fault;
                const Error unknown(ErrorCode::unavailable,
                                    fmt::format("{} can't tell whether the record exists", to_string(from)));
                fault.error = (*origins)[i].error.value_or(unknown);
                park(pair, from, fault);
            } else if (!was_made && (origin_gone || !capabilities.idempotent_creates)) {
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
    // Its other writes are settled later.
    for (std::size_t i = 0; i < intents.size(); ++i) {
        const auto dropped = std::erase_if(
            intents[i].items, [&](const Intent::Item& item) { return settled.contains(item.idempotency_key); });
        if (i != number && dropped == 0) continue;
        if (intents[i].attempts.empty() && intents[i].items.empty())
            effects.front().writes.push_back(remove("intent", intents[i].intent_id));
        else
            effects.front().writes.push_back(put(to_document(intents[i])));
    }
    intents_.clear();
    page_updates_ = {};
    if (auto processed = co_await process(pairs); !processed) co_return processed;
    co_return co_await commit_pairs(pairs, std::move(effects));
}

// Whether it happened can't be told any more. What it was sent over is kept.
void Run::note_attempted(Intent::Attempt attempt, Effects& effects) const {
    if (attempt.entry.action != "updated") return;
    std::erase_if(attempt.entry.changes, [](const JournalChange& change) { return !change.before; });
    if (attempt.entry.changes.empty()) return;
    attempt.entry.action = "attempted";
    Document document = to_document(attempt.entry, attempt.link_id);
    document.expires_at = parts_.runtime.clock->now() + parts_.limits.journal_retention;
    effects.writes.push_back(put(std::move(document)));
}

// Of a pair that nobody looks at any more.
void Run::note_left(Pair& pair, Effects& effects) const {
    for (auto& attempts : pair.attempts) {
        for (auto& attempt : attempts)
            if (!attempt.asked && !attempt.refused) note_attempted(std::move(attempt), effects);
        attempts.clear();
    }
}

// Updates and deletions that were under way: their pairs are read and decided again, knowing what may have been
// written. Both sides' writes of a pair at once, whatever documents they are in: one explains the other.
Async<Result<>> Run::resume_attempts(std::vector<Intent>& intents) {
    Pairs pairs;
    std::vector<Effects> effects(1);
    std::vector<Intent::Attempt> attempts;
    intents_.clear();
    for (auto& intent : intents) {
        if (intent.attempts.empty()) continue;
        attempts.insert(attempts.end(), intent.attempts.begin(), intent.attempts.end());
        intents_.push_back(intent.intent_id);
    }
    if (attempts.empty()) co_return Result<>();
    std::stable_sort(attempts.begin(), attempts.end(), [](const Intent::Attempt& one, const Intent::Attempt& other) {
        return one.entry.at < other.entry.at;
    });
    std::vector<std::string> link_ids;
    std::array<std::vector<std::string>, 2> ids;
    for (const auto& attempt : attempts) {
        link_ids.push_back(attempt.link_id);
        ids[0].push_back(attempt.entry.source_id);
        ids[1].push_back(attempt.entry.target_id);
    }
    auto documents = co_await parts_.store->read(session_.tenant(), "link", link_ids);
    if (!documents) co_return documents.error();
    auto links = co_await links_by(Side::source, ids[0]);
    if (!links) co_return links.error();
    std::array<Known, 2> known;
    for (const Side side : {Side::source, Side::target})
        if (auto loaded = co_await load_known(side, ids[at(side)], known[at(side)]); !loaded) co_return loaded;
    std::map<std::pair<std::string, std::string>, std::size_t> positions;
    for (std::size_t i = 0; i < attempts.size(); ++i) {
        const Side written = attempts[i].entry.written;
        const auto [position, fresh] = positions.try_emplace(std::pair(ids[0][i], ids[1][i]), pairs.size());
        if (!fresh) {
            if (position->second < pairs.size())
                pairs[position->second].attempts[at(written)].push_back(std::move(attempts[i]));
            else
                note_attempted(std::move(attempts[i]), effects.front());
            continue;
        }
        Pair pair;
        pair.origin = other(written);
        if ((*documents)[i]) {
            auto link = from_document<Link>(*(*documents)[i]);
            if (!link) co_return link.error();
            pair.link = std::move(*link);
        } else {
            for (const auto& link : *links)
                if (link.source_id == ids[0][i]) pair.link = link;
        }
        // Somebody ended the link, or linked one of the two to another record, or the record was new and its link was
        // never stored: what holds now is told elsewhere.
        if (pair.link && (pair.link->state != Link::State::live || pair.link->source_id != ids[0][i] ||
                          pair.link->target_id != ids[1][i])) {
            position->second = std::string::npos;
            note_attempted(std::move(attempts[i]), effects.front());
            continue;
        }
        if (!pair.link) {
            pair.matched = true;
            for (const Side side : {Side::source, Side::target}) {
                pair.records[at(side)].emplace();
                pair.records[at(side)]->id = ids[at(side)][i];
            }
        }
        for (const Side side : {Side::source, Side::target}) {
            const auto parked = known[at(side)].parked.find(ids[at(side)][i]);
            if (parked != known[at(side)].parked.end()) note_parked(pair, parked->second);
        }
        if (!pair.link && !attempts[i].made) be_twins(pair);
        pair.attempts[at(written)].push_back(std::move(attempts[i]));
        pairs.push_back(std::move(pair));
    }
    references_.clear();
    lost_references_.clear();
    page_updates_ = {};
    if (auto processed = co_await process(pairs); !processed) co_return processed;
    co_return co_await commit_pairs(pairs, std::move(effects));
}

// Its create was under way while the lease ran out; who took over could not know of it, and may have made another one.
// To copy this one back as a new record would spread the mistake: it waits for a person. (Where the same key makes no
// second record, nothing of this can happen.)
Async<Result<>> Run::park_orphans() {
    std::vector<Write> writes;
    for (const Side side : both_sides) {
        std::vector<std::string> ids, parked_ids;
        for (const auto& made : made_)
            if (made.side == side) ids.push_back(made.id);
        if (ids.empty()) continue;
        for (const auto& id : ids) parked_ids.push_back(parked_id(session_.stream().stream_id, side, id, {}));
        auto links = co_await links_by(side, ids);
        if (!links) co_return links.error();
        auto known = co_await stored<ParkedRecord>("parked", std::move(parked_ids));
        if (!known) co_return known.error();
        std::set<std::string> told; // by a link, or already
        for (const auto& link : *links) told.insert(link.id(side));
        for (const auto& parked : *known) told.insert(parked.record_id);
        for (const auto& made : made_) {
            if (made.side != side || !told.insert(made.id).second) continue;
            ParkedRecord parked = new_parked(side);
            parked.record_id = made.id;
            parked.version = made.version;
            parked.parked_id = parked_id(parked.stream_id, side, made.id, {});
            parked.reason = Error(
                ErrorCode::already_exists,
                fmt::format("possible_duplicate: it was created from {} record {} while another instance took the "
                            "stream over, which may have created another one; compare the two and delete one, or "
                            "retry to sync it as a record of its own",
                            to_string(other(side)), made.origin_id));
            log(LogLevel::warning, fmt::format("{} record {}: {}", to_string(side), made.id, parked.reason.message));
            writes.push_back(insert(to_document(parked)));
        }
    }
    made_.clear();
    if (writes.empty()) co_return Result<>();
    const std::size_t count = writes.size();
    const auto count_them = [count](StreamDocument& stream) {
        stream.parked += count;
        return Result<>();
    };
    auto changed = co_await change_stream(parts_, session_.tenant(), session_.stream().stream_id, count_them,
                                          std::move(writes));
    if (!changed) co_return changed.error();
    co_return Result<>();
}

Async<void> Run::tell_orphans() {
    auto parked = co_await park_orphans();
    if (!parked) log(LogLevel::error, "possible duplicates could not be recorded: " + parked.error().message);
}

} // namespace castiel_sync

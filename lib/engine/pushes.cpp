// The far side is written: intents first, then the pushes, then what each outcome means for its pair.
#include <engine/run.hpp>

#include <core/strategy_rules.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace castiel_sync {
namespace {

using State = Pair::State;

constexpr std::array both_sides{Side::source, Side::target};

// In one document: making and reading it takes several times its text in memory, and a store takes no endless one.
constexpr std::size_t max_intended = 250;

std::size_t at(Side side) { return index_of(side); }

} // namespace

// Writes are recorded before they are sent. After a crash between push and commit nothing else would tell that an
// unlinked record over there is ours, or that a field over there holds our own write and no user's edit. Few documents
// for the page; their commit is the fence as well.
Async<Result<>> Run::record_intents(std::vector<Pair*>& pairs) {
    std::vector<Effects> effects;
    for (const Side side : both_sides) {
        Intent intent;
        std::vector<Pair*> created, written; // of each item, and of each attempt
        const auto add = [&] {
            intent.intent_id = intent.stream_id + "-" + make_uuid(*parts_.runtime.random);
            intents_.push_back(intent.intent_id);
            effects.emplace_back().writes.push_back(put(to_document(intent)));
            for (std::size_t i = 0; i < created.size(); ++i)
                if (!created[i]->sent) created[i]->sent_object = std::move(intent.items[i].values);
            for (std::size_t i = 0; i < written.size(); ++i)
                written[i]->attempts[at(side)].push_back(std::move(intent.attempts[i]));
            created.clear();
            written.clear();
            intent = Intent();
        };
        for (Pair* pair : pairs) {
            if (pair->state != State::pending || !pair->pushes[at(side)]) continue;
            (intend(*pair, side, intent) ? created : written).push_back(pair);
            if (intent.items.size() + intent.attempts.size() == max_intended) add();
        }
        if (!intent.stream_id.empty()) add();
    }
    if (effects.empty()) co_return co_await session_.verify_fence();
    co_return co_await session_.commit(std::move(effects), std::nullopt);
}

// True: a create. What it adds to the intent is the pair's, and goes there once the intent is written down.
bool Run::intend(Pair& pair, Side side, Intent& intent) const {
    intent.stream_id = session_.stream().stream_id;
    intent.written = side;
    const PushItem& push = *pair.pushes[at(side)];
    if (push.action == PushItem::Action::create) {
        // Of a repetition, what was sent first: it may have happened then.
        const FieldValues& sent = pair.sent ? *pair.sent : pair.decision.base;
        intent.items.push_back({pair.records[at(other(side))]->id, push.idempotency_key,
                                pair.link ? pair.link->id(side) : std::string(), pair.followed_key,
                                pinned_.mapping.to_object(sent)});
        return true;
    }
    intent.attempts.push_back(attempt_of(pair, side));
    pair.attempted = true;
    return false;
}

// A system that can't refuse a stale write is read once more just before it: what moved since is decided anew.
Async<Result<>> Run::check_unconditional(Side side, std::vector<Pair*>& pairs) {
    const auto& capabilities = pinned_.capabilities[at(side)];
    std::vector<Pair*> checked;
    std::vector<std::string> ids;
    for (Pair* pair : pairs) {
        const auto& push = pair->pushes[at(side)];
        if (pair->state != State::pending || !push || push->action == PushItem::Action::create) continue;
        const bool conditional = push->action == PushItem::Action::remove ? capabilities.conditional_deletes
                                                                          : capabilities.conditional_writes;
        if (conditional && !push->expected_version.empty()) continue;
        checked.push_back(pair);
        ids.push_back(push->id);
    }
    if (ids.empty()) co_return Result<>();
    auto answers = co_await fetch(side, std::move(ids), std::vector<std::string>());
    if (!answers) co_return answers.error();
    for (std::size_t i = 0; i < checked.size(); ++i) {
        const FetchedRecord& answer = (*answers)[i];
        const Record& decided_on = *checked[i]->records[at(side)];
        const bool same = answer.presence == FetchedRecord::Presence::present &&
                          (decided_on.version.empty() ? equal_values(answer.record.fields, decided_on.fields)
                                                      : answer.record.version == decided_on.version);
        if (same) continue;
        withdraw(*checked[i]);
        checked[i]->known = {false, false};
    }
    co_return Result<>();
}

// One side holds what was decided from the other side's value. Seen from there, that value is the base now: the other
// side differs from it only by what came later, and what it held then is in the written value already (a rule such as
// add_delta must not count it twice).
void Run::advance_base(Pair& pair, const Intent::Attempt& attempt) const {
    if (attempt.entry.action != "updated") return;
    const auto advance = [&](json::object& base) {
        for (const auto& change : attempt.entry.changes) {
            const json::value* held = attempt.others.if_contains(change.field);
            base[change.field] = held ? *held : *change.after;
        }
    };
    if (pair.sent) { // of a pair whose create was lost, that is the base
        json::object sent = pinned_.mapping.to_object(*pair.sent);
        advance(sent);
        pair.sent = pinned_.mapping.from_object(sent);
    }
    if (!pair.link && !pair.sent) advance(pair.agreed); // two that are about to be linked
    if (!pair.link || !pair.link->base) return;
    remember_made(pair);
    advance(*pair.link->base);
    pair.base_advanced = true;
}

Intent::Attempt Run::attempt_of(const Pair& pair, Side side) const {
    const bool removal = pair.pushes[at(side)]->action == PushItem::Action::remove;
    Intent::Attempt attempt;
    if (pair.link) attempt.link_id = pair.link->link_id;
    attempt.made = !pair.link && pair.sent;
    attempt.entry = journal_entry(pair, side, removal ? "deleted" : "updated");
    FieldValues others = pair.values[at(other(side))];
    // The source is written only once the target has been.
    if (side == Side::source)
        for (std::size_t i = 0; i < pair.decision.to_target.size(); ++i)
            if (pair.decision.to_target[i]) others[i] = pair.decision.to_target[i];
    attempt.others = pinned_.mapping.to_object(others);
    if (pair.decision.automatic)
        attempt.automatic = make_conflict(pair, *pair.decision.automatic, ConflictState::auto_resolved);
    return attempt;
}

// Nobody answered whether these writes happened; the record, read again, does. A field that holds what was sent is our
// own write and no user's edit. What is not there may arrive yet, and is asked for until the pair is settled.
void Run::settle_attempts(Pair& pair, Side side) {
    const auto sent = std::exchange(pair.attempts[at(side)], {});
    std::set<std::string> told; // fields
    std::optional<std::size_t> newest; // that arrived, in part at least
    for (std::size_t i = sent.size(); i-- > 0;) { // the last one first: what it wrote hides what older ones did
        if (note_arrived(pair, side, sent[i], told)) newest = newest.value_or(i);
        else if (newest && !sent[i].asked) note_hidden(pair, side, sent[i], sent[*newest]);
    }
    for (std::size_t i = 0; i < sent.size(); ++i) {
        Intent::Attempt attempt = sent[i];
        const bool doubted = doubt(pair, side, attempt, told);
        const bool hidden = newest && i <= *newest;
        if ((hidden || attempt.refused) && !doubted) { // a refused one did not happen
            if (!hidden && !attempt.asked) note_overtaken(pair, side, std::move(attempt));
            continue;
        }
        if (hidden) { // nothing is left of it but what nobody can tell
            std::erase_if(attempt.entry.changes, [&](const JournalChange& change) {
                return told.contains(change.field) || !pair.doubtful.contains(change.field);
            });
        } else if (!attempt.asked && (resuming_ || i > 0)) {
            note_overtaken(pair, side, attempt);
            attempt.asked = true;
        }
        pair.attempts[at(side)].push_back(std::move(attempt));
    }
}

// `told`: fields of which a newer write has told already, and this one now; of a deletion, one without a name.
bool Run::note_arrived(Pair& pair, Side side, Intent::Attempt attempt, std::set<std::string>& told) const {
    if (!arrived(pair, side, attempt, told)) return false;
    if (attempt.entry.action == "deleted") {
        pair.removed[at(side)] = true;
        told.emplace();
    } else {
        pair.updated[at(side)] = true;
        advance_base(pair, attempt);
        for (const auto& change : attempt.entry.changes) {
            told.insert(change.field);
            // The source is written only once the target has been: so that did happen.
            if (side == Side::source) pair.doubtful.erase(change.field);
        }
    }
    if (attempt.automatic) pair.automatic.push_back(std::move(*attempt.automatic));
    pair.journal.push_back(std::move(attempt.entry));
    return true;
}

bool Run::holds(const Pair& pair, Side side, std::string_view field, const json::value& value) const {
    for (std::size_t i = 0; i < pair.values[at(side)].size(); ++i)
        if (pinned_.policy.fields[i].name == field)
            return pair.values[at(side)][i] && pinned_.mapping.equal(i, *pair.values[at(side)][i], value);
    return false;
}

// Is this field made of what both sides add to it?
bool Run::sums(std::string_view name) const {
    if (pinned_.policy.record_strategy != Strategy::merge) return false;
    return std::any_of(pinned_.policy.fields.begin(), pinned_.policy.fields.end(), [&](const FieldPolicy& field) {
        return field.name == name && accumulates(field.strategy) && field.to_source && field.to_target;
    });
}

// A sum that was sent and is neither there nor what stood there before: somebody has added since, to the one or to the
// other, and counting on would count it twice or not at all. A sum that is there although the write was refused was
// made by a user who added the same, or by the write, which something on the way had sent twice. True: there is one.
bool Run::doubt(Pair& pair, Side side, const Intent::Attempt& attempt, const std::set<std::string>& told) const {
    if (attempt.entry.action != "updated" || !pair.records[at(side)]) return false;
    bool doubted = false;
    for (const auto& change : attempt.entry.changes) {
        if (!sums(change.field) || told.contains(change.field)) continue;
        const bool there = holds(pair, side, change.field, *change.after);
        const bool as_before = change.before && holds(pair, side, change.field, *change.before);
        if (there ? !attempt.refused : !change.before || as_before) continue;
        pair.doubtful.insert(change.field);
        doubted = true;
    }
    return doubted;
}

// Where a field holds neither what was sent nor what it was sent over, somebody has written since: what it was sent
// over may have been lost by it, and is kept.
void Run::note_overtaken(Pair& pair, Side side, Intent::Attempt attempt) const {
    if (attempt.entry.action != "updated") return;
    std::erase_if(attempt.entry.changes, [&](const JournalChange& change) {
        return !change.before || holds(pair, side, change.field, *change.before);
    });
    if (attempt.entry.changes.empty()) return;
    attempt.entry.action = "attempted";
    attempt.entry.journal_id = uuid_of({attempt.entry.journal_id, "attempted"}); // it may be told once more, as arrived
    pair.journal.push_back(std::move(attempt.entry));
}

// What was sent to the record that another one has replaced.
void Run::leave_attempts(Pair& pair, Side side, const std::string& successor) const {
    std::erase_if(pair.attempts[at(side)], [&](const Intent::Attempt& attempt) {
        const std::string& id = side == Side::source ? attempt.entry.source_id : attempt.entry.target_id;
        if (id == successor) return false;
        if (!attempt.asked) note_overtaken(pair, side, attempt);
        return true;
    });
}

// An older write under one that did arrive: what it was sent over is kept, unless the newer one tells the same.
void Run::note_hidden(Pair& pair, Side side, Intent::Attempt hidden, const Intent::Attempt& newer) const {
    std::erase_if(hidden.entry.changes, [&](const JournalChange& change) {
        return std::any_of(newer.entry.changes.begin(), newer.entry.changes.end(), [&](const JournalChange& told) {
            return told.field == change.field && told.before.has_value() == change.before.has_value() &&
                   (!told.before || equal_values(*told.before, *change.before));
        });
    });
    note_overtaken(pair, side, std::move(hidden));
}

// Leaves in the attempt what did arrive, and is not told yet.
bool Run::arrived(const Pair& pair, Side side, Intent::Attempt& attempt, const std::set<std::string>& told) const {
    if (attempt.entry.action == "deleted") return !pair.records[at(side)] && told.empty();
    if (!pair.records[at(side)]) return false;
    std::erase_if(attempt.entry.changes, [&](const JournalChange& change) {
        return told.contains(change.field) || !holds(pair, side, change.field, *change.after) ||
               (attempt.refused && sums(change.field));
    });
    return !attempt.entry.changes.empty();
}

// What was planned and not sent yet is decided anew, and was never under way.
void Run::withdraw(Pair& pair) {
    for (const Side side : both_sides) {
        const auto& push = pair.pushes[at(side)];
        if (push && push->action != PushItem::Action::create && !pair.attempts[at(side)].empty())
            pair.attempts[at(side)].pop_back();
    }
    pair.pushes = {};
}

void Run::take_outcome(Side side, Pair& pair, PushOutcome outcome) {
    PushItem item = std::move(*pair.pushes[at(side)]);
    pair.pushes[at(side)].reset();
    using Status = PushOutcome::Status;
    if (outcome.status == Status::applied && item.action == PushItem::Action::create &&
        (outcome.id.empty() || outcome.id.size() > max_record_id_bytes))
        outcome.status = Status::unknown;
    switch (outcome.status) {
    case Status::applied: {
        const bool create = item.action == PushItem::Action::create;
        std::optional<Intent::Attempt> attempt;
        if (!create) {
            auto& attempts = pair.attempts[at(side)];
            attempt = std::move(attempts.back());
            attempts.pop_back();
            for (auto& hidden : attempts) // unanswered ones
                if (!hidden.asked) note_hidden(pair, side, std::move(hidden), *attempt);
            attempts.clear();
        }
        // What it created is the decision's base, which stays unless the answer has to be compared first.
        JournalEntry entry = create ? journal_entry(pair, side, "created", pair.repeated_create) : attempt->entry;
        if (attempt && attempt->automatic) pair.automatic.push_back(*attempt->automatic);
        if (item.action == PushItem::Action::remove) {
            pair.removed[at(side)] = true;
            pair.journal.push_back(std::move(entry));
            pair.records[at(side)].reset();
            return;
        }
        Record record;
        record.id = create ? outcome.id : item.id;
        record.integer_id = create ? outcome.integer_id : pair.records[at(side)]->integer_id;
        record.fields = outcome.fields ? std::move(*outcome.fields) : std::move(item.fields);
        record.version = std::move(outcome.version);
        pair.written_version[at(side)] = record.version;
        record.modified_at = outcome.modified_at;
        if (create) {
            leave_attempts(pair, side, record.id);
            pair.created[at(side)] = true;
            (side == Side::source ? entry.source_id : entry.target_id) = record.id;
        } else {
            pair.updated[at(side)] = true;
            advance_base(pair, *attempt);
        }
        if (create && !pinned_.capabilities[at(side)].idempotent_creates && pair.records[at(other(side))])
            made_.push_back({side, record.id, record.version, pair.records[at(other(side))]->id});
        pair.records[at(side)] = std::move(record);
        pair.journal.push_back(std::move(entry));
        if (create && pair.repeated_create) {
            // The answer may tell of a record that an earlier attempt made and somebody has edited since: compare.
            pair.matched = true;
            pair.known = {false, false};
        }
        return;
    }
    case Status::stale:
    case Status::absent:
        if (item.action == PushItem::Action::update) pair.attempts[at(side)].back().refused = true;
        pair.known = {false, false};
        withdraw(pair);
        pair.retry_reason = ErrorCode::stale;
        return;
    case Status::rejected: {
        if (item.action != PushItem::Action::create) pair.attempts[at(side)].pop_back();
        MappingFault fault;
        fault.error =
            outcome.error.value_or(Error(ErrorCode::invalid_record, "the record was refused without a reason"));
        if (fault.error.code != ErrorCode::already_exists) fault.error.code = ErrorCode::invalid_record;
        fault.error.message = fmt::format("{} refused the record: {}", to_string(side), fault.error.message);
        withdraw(pair);
        return park(pair, other(side), fault);
    }
    case Status::not_sent:
    case Status::unknown: break;
    }
    pair.known = {false, false};
    withdraw(pair);
    pair.retry_reason = ErrorCode::unknown_outcome;
    if (item.action != PushItem::Action::create) return;
    pair.repeated_create = true;
    if (!pair.sent) {
        pair.sent = pair.decision.base;
        pair.sent_from = other(side);
    }
    if (tells_outcome(side)) return;
    MappingFault fault;
    fault.error = Error(ErrorCode::unknown_outcome,
                        fmt::format("possible_duplicate: the create was sent to {} and no answer tells whether it "
                                    "happened; look there, then retry or discard",
                                    to_string(side)));
    park(pair, other(side), fault);
}

// The cursor up to which nothing of this side is left to be read, if there is one.
std::string Run::read_to(Side side) const {
    const auto& state = session_.checkpoint().sides[at(side)];
    return moves_checkpoint_ && state.exhausted && !state.listing ? state.cursor : std::string();
}

// Something was written to this pair that its link does not tell as it now stands there.
void Run::look_again(const Pair& pair) {
    for (const Side side : both_sides)
        if (pair.created[at(side)] || pair.updated[at(side)]) looks_again_[at(side)] = true;
}

// Our own writes are known with the commit that follows: no need to read them back.
bool Run::follow_own_writes(Checkpoint& next) {
    bool moved = false;
    for (const Side side : both_sides) {
        std::string reached = std::exchange(reached_[at(side)], std::string());
        if (std::exchange(looks_again_[at(side)], false) || reached.empty()) continue;
        next.sides[at(side)].cursor = std::move(reached);
        moved = true;
    }
    return moved;
}

Async<Result<>> Run::push_side(Side side, std::vector<Pair*>& pairs) {
    const auto planned = [side](const Pair* pair) {
        return pair->state == State::pending && pair->pushes[at(side)].has_value();
    };
    if (std::none_of(pairs.begin(), pairs.end(), planned)) co_return Result<>();
    // Not taken back before all is told: between a check and its write nobody waits in line, and what a create made is
    // noted before anything can end the run.
    const std::size_t lent = lend_memory(side);
    if (auto checked = co_await check_unconditional(side, pairs); !checked) co_return checked;
    std::vector<Pair*> waiting;
    std::copy_if(pairs.begin(), pairs.end(), std::back_inserter(waiting), planned);
    const std::size_t most = std::max<std::size_t>(1, pinned_.capabilities[at(side)].max_push_records);
    for (std::size_t attempt = 0; !waiting.empty(); ++attempt) {
        std::vector<Pair*> again;
        std::optional<Error> delay_reason;
        for (std::size_t begin = 0; begin < waiting.size(); begin += most) {
            const std::size_t end = std::min(waiting.size(), begin + most);
            PushRequest request;
            request.entity = pinned_.entities[at(side)];
            request.cursor = reached_[at(side)].empty() ? read_to(side) : reached_[at(side)];
            for (std::size_t i = begin; i < end; ++i) {
                PushItem& item = request.items.emplace_back(*waiting[i]->pushes[at(side)]);
                if (item.action != PushItem::Action::create) item.previous = waiting[i]->records[at(side)]->fields;
            }
            reached_[at(side)].clear();
            // What was checked before may hold no longer: reading once more, another push or a pause takes its time.
            if (auto held = co_await session_.hold(); !held) co_return held;
            auto outcomes = co_await pinned_.adapters[at(side)]->push(std::move(request));
            if (!outcomes) {
                const Error error = outcomes.error();
                looks_again_[at(side)] = true;
                if (error.code == ErrorCode::unavailable || error.code == ErrorCode::throttled) {
                    delay_reason = error;
                    again.insert(again.end(), waiting.begin() + static_cast<std::ptrdiff_t>(begin),
                                 waiting.begin() + static_cast<std::ptrdiff_t>(end));
                    continue;
                }
                if (error.code != ErrorCode::unknown_outcome) co_return error;
                outcomes = std::vector<PushOutcome>(end - begin);
                for (auto& outcome : *outcomes) outcome.status = PushOutcome::Status::unknown;
            }
            if (outcomes->size() != end - begin)
                co_return Error(ErrorCode::corrupted,
                                fmt::format("{} {}: push of {} items answered {} outcomes", to_string(side),
                                            pinned_.entities[at(side)], end - begin, outcomes->size()));
            const bool whole = std::all_of(outcomes->begin(), outcomes->end(), [](const PushOutcome& outcome) {
                return outcome.status == PushOutcome::Status::applied;
            });
            if (whole) reached_[at(side)] = outcomes->back().cursor;
            looks_again_[at(side)] = looks_again_[at(side)] || reached_[at(side)].empty();
            for (std::size_t i = begin; i < end; ++i) {
                PushOutcome& outcome = (*outcomes)[i - begin];
                if (outcome.status == PushOutcome::Status::not_sent) {
                    delay_reason = outcome.error.value_or(Error(ErrorCode::unavailable, "not sent"));
                    again.push_back(waiting[i]);
                    continue;
                }
                take_outcome(side, *waiting[i], std::move(outcome));
            }
        }
        if (again.empty()) break;
        if (attempt + 1 >= parts_.limits.max_push_attempts || waits_outside(*delay_reason)) co_return *delay_reason;
        if (auto paused = co_await pause(attempt, *delay_reason); !paused) co_return paused;
        waiting = std::move(again);
    }
    co_return co_await take_memory(lent, WorkingMemory::Share::Line::returns);
}

// A system may answer a create with a record that it has already (it knows the same e-mail address, say). Where that
// one is linked, the two records of this side can't both be its partner: a person decides.
Async<Result<>> Run::check_made(Pairs& pairs) {
    for (const Side side : both_sides) {
        std::vector<std::string> ids;
        std::map<std::string, Pair*> made;
        std::vector<std::pair<Pair*, std::string>> taken; // and by whom
        const auto by = [&](const std::string& id) { return fmt::format("{} record {}", to_string(other(side)), id); };
        for (auto& pair : pairs) {
            const auto& record = pair.records[at(side)];
            if (pair.state == State::parked || !pair.created[at(side)] || !record) continue;
            const auto [first, fresh] = made.try_emplace(record->id, &pair);
            if (fresh) {
                ids.push_back(record->id);
                continue;
            }
            const Pair& one = *first->second;
            const auto& partner = one.records[at(other(side))];
            taken.emplace_back(&pair, by(partner ? partner->id : one.ids[at(other(side))]));
        }
        if (ids.empty()) continue;
        auto links = co_await links_by(side, std::move(ids));
        if (!links) co_return links.error();
        for (const auto& link : *links) {
            Pair& pair = *made.at(link.id(side));
            if (link.state != Link::State::live || (pair.link && pair.link->link_id == link.link_id)) continue;
            taken.emplace_back(&pair, by(link.id(other(side))));
        }
        for (auto& [pair, partner] : taken) {
            if (pair->state == State::parked) continue;
            const std::string id = pair->records[at(side)]->id;
            pair->sent.reset(); // it is known now what became of it
            pair->created[at(side)] = false;
            if (std::exchange(pair->fresh_link, false)) pair->link.reset();
            MappingFault fault;
            fault.error = Error(ErrorCode::already_exists,
                                fmt::format("possible_duplicate: {} answered the create with its record {}, which is "
                                            "linked to {}; merge the two, or discard this one",
                                            to_string(side), id, partner));
            park(*pair, other(side), fault);
        }
    }
    co_return Result<>();
}

Async<Result<>> Run::find_repeated_creates(std::vector<Pair*>& pairs) {
    for (const Side side : both_sides) {
        const auto& capabilities = pinned_.capabilities[at(side)];
        if (!capabilities.finds_by_idempotency_key) continue;
        std::vector<std::string> keys;
        std::vector<Pair*> asked;
        for (Pair* pair : pairs) {
            if (pair->state != Pair::State::pending || !pair->repeated_create || pair->matched) continue;
            if (pair->sent_from != other(side)) continue;
            // Repeating tells as well, but for a record that is gone nothing is repeated.
            if (capabilities.idempotent_creates && pair->records[at(pair->sent_from)]) continue;
            keys.push_back(pair->idempotency_key);
            asked.push_back(pair);
        }
        if (keys.empty()) continue;
        // A look-up that lags would not see what was just made.
        if (capabilities.read_lag.count() > 0) {
            if (auto passed = co_await pass_time(capabilities.read_lag); !passed) co_return passed;
        }
        auto answers = co_await fetch(side, std::vector<std::string>(), std::move(keys));
        if (!answers) co_return answers.error();
        for (std::size_t i = 0; i < asked.size(); ++i) {
            auto& answer = (*answers)[i];
            if (answer.presence == FetchedRecord::Presence::present) {
                asked[i]->records[at(side)] = std::move(answer.record);
                asked[i]->known[at(side)] = true;
                asked[i]->matched = true;
                asked[i]->created[at(side)] = true;
                JournalEntry entry = journal_entry(*asked[i], side, "created");
                asked[i]->journal.push_back(std::move(entry));
            } else if (answer.presence == FetchedRecord::Presence::unknown) {
                MappingFault fault;
                fault.error = answer.error.value_or(Error(ErrorCode::unavailable, "the look-up by key did not answer"));
                park(*asked[i], other(side), fault);
            }
        }
    }
    co_return Result<>();
}

} // namespace castiel_sync

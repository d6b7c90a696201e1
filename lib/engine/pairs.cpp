// The way of a pair: map, reconcile, rails, intend, push. Several rounds where a side moves meanwhile.
#include <engine/run.hpp>

#include <core/json_text.hpp>
#include <core/retry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

using State = Pair::State;
using Action = Decision::Action;

constexpr std::array both_sides{Side::source, Side::target};
constexpr const char* outcome_unknown = "unknown_outcome";
constexpr std::size_t max_parked_bytes = 64 * 1024;

std::size_t at(Side side) { return index_of(side); }

bool any_present(const FieldValues& values) {
    return std::any_of(values.begin(), values.end(), [](const FieldValue& value) { return value.has_value(); });
}

} // namespace

ParkedRecord Run::new_parked(Side side) const {
    ParkedRecord parked;
    parked.stream_id = session_.stream().stream_id;
    parked.integration_id = pinned_.integration.id;
    parked.entity_type = session_.execution().entity_type;
    parked.execution_id = session_.execution().execution_id;
    parked.side = side;
    parked.parked_at = parts_.runtime.clock->now();
    return parked;
}

void Run::park(Pair& pair, Side side, const MappingFault& fault) {
    if (pair.sent) side = pair.sent_from; // that is what the next attempt goes on from
    // A create whose record is known is not sent again: whatever is created next for this pair is another one.
    if (pair.relinked || (!pair.link && pair.matched && link_made(pair))) forget_create(pair);
    ParkedRecord parked = new_parked(side);
    const auto& record = pair.records[at(side)];
    if (record) {
        parked.record_id = record->id;
        // What JSON can't carry can't be shown either; the reason says which member it is.
        if (check_json(record->fields)) parked.payload = excerpt(to_json(record->fields), max_parked_bytes);
        parked.version = record->version;
    } else if (pair.link) {
        parked.record_id = pair.link->id(side);
    } else {
        parked.record_id = pair.ids[at(side)];
    }
    parked.parked_id = parked_id(parked.stream_id, side, parked.record_id, {});
    // Without this the next attempt would take an older record, which its create answers with, for what it sent.
    if (pair.sent) {
        parked.sent = pinned_.mapping.to_object(*pair.sent);
        parked.sent_key = pair.idempotency_key;
    }
    parked.reason = fault.error;
    parked.field = fault.field;
    if (fault.error.code == ErrorCode::missing_reference && record) {
        const auto references = side == Side::source ? pinned_.mapping.source_references(record->fields)
                                                     : pinned_.mapping.target_references(pair.values[at(side)]);
        pair.reference_lost = std::any_of(references.begin(), references.end(), [&](const ReferenceKey& key) {
            return lost_references_.contains(key);
        });
    }
    pair.parked = std::make_unique<ParkedRecord>(std::move(parked));
    pair.state = State::parked;
}

// A system dates our own writes like anybody's. Where it does not tell whose the last one was, nobody knows.
std::optional<Timestamp> Run::edited_at(const Pair& pair, Side side) const {
    const auto& record = pair.records[at(side)];
    if (!record || !reads_times_) return std::nullopt;
    if (pair.updated[at(side)] || pair.created[at(side)]) {
        const std::string& ours = pair.written_version[at(side)];
        if (ours.empty()) return std::nullopt;
        return record->version == ours ? pair.edited_at[at(side)] : record->modified_at;
    }
    const auto known = pair.link ? pair.link->edited_at(side) : std::nullopt;
    if (!known) return record->modified_at;
    const std::string& version = pair.link->version(side);
    if (!version.empty() && version == record->version) return known;
    if (version.empty() && record->modified_at != known) return std::nullopt;
    return record->modified_at;
}

Situation Run::situation_of(const Pair& pair) const {
    Situation situation;
    // What a create sent is what both sides held once it had happened.
    const bool made = pair.sent && pair.matched && pair.records[0] && pair.records[1];
    if (made) situation.base = pair.sent;
    else if (pair.link && pair.link->base) situation.base = pinned_.mapping.from_object(*pair.link->base);
    else if (!pair.agreed.empty()) situation.agreed = pinned_.mapping.from_object(pair.agreed);
    const auto fill = [&](Side side, SideState& state) {
        const auto& record = pair.records[at(side)];
        state.exists = record.has_value();
        if (!record) return;
        state.values = pair.values[at(side)];
        state.modified_at = pair.edited_at[at(side)];
    };
    fill(Side::source, situation.source);
    fill(Side::target, situation.target);
    freeze_open_fields(pair, situation);
    if (situation.base && pair.link && pair.link->evaluated_under != fingerprint_ && pair.records[0] && pair.records[1])
        // Under a changed mapping a field may look for its value where nobody ever put it. That is no agreement to be
        // kept: the side that has a value tells it to the other.
        for (std::size_t i = 0; i < situation.base->size(); ++i)
            if (pair.values[0][i].has_value() != pair.values[1][i].has_value()) (*situation.base)[i].reset();
    return situation;
}

// What a conflict shows stands still until a person decides, or a side moves on from it. Another mapping asks anew.
void Run::freeze_open_fields(const Pair& pair, Situation& situation) const {
    if (!pair.records[0] || !pair.records[1]) return;
    situation.frozen.resize(pinned_.policy.fields.size());
    for (std::size_t i = 0; i < pinned_.policy.fields.size(); ++i)
        if (pair.doubtful.contains(pinned_.policy.fields[i].name)) situation.frozen[i] = outcome_unknown;
    if (!pair.link || pair.link->conflict_id.empty() || pair.link->evaluated_under != fingerprint_) return;
    const auto known = conflicts_.find(pair.link->conflict_id);
    if (known == conflicts_.end() || known->second.type != ConflictType::update_update) return;
    const auto same = [&](std::size_t i, const FieldValue& shown, const FieldValue& now) {
        return shown.has_value() == now.has_value() && (!now || pinned_.mapping.equal(i, *shown, *now));
    };
    for (const auto& field : known->second.fields)
        for (std::size_t i = 0; i < pinned_.policy.fields.size(); ++i) {
            if (pinned_.policy.fields[i].name != field.field) continue;
            const bool as_shown = same(i, field.source, pair.values[0][i]) && same(i, field.target, pair.values[1][i]);
            // What a sum is made of is not known better because somebody adds to it, unless both sides agree by now.
            const bool unknown = field.rule == outcome_unknown && !same(i, pair.values[0][i], pair.values[1][i]);
            if (as_shown || unknown) situation.frozen[i] = field.rule == outcome_unknown ? field.rule : "open";
        }
}

// An adapter may hand over what no JSON text can hold (a NaN, text that is not UTF-8). It must not travel.
bool Run::carries(Pair& pair, Side side) {
    const auto& record = pair.records[at(side)];
    if (!record) return true;
    const auto checked = check_json(record->fields);
    if (checked) return true;
    MappingFault fault;
    fault.error = checked.error();
    park(pair, side, fault);
    return false;
}

Link Run::new_link(const std::string& source_id, const std::string& target_id) {
    Link link;
    link.stream_id = session_.stream().stream_id;
    link.ordinal = session_.take_ordinal();
    link.link_id = link_id(link.stream_id, link.ordinal);
    link.source_id = source_id;
    link.target_id = target_id;
    return link;
}

// One was made from the other: they are a pair, whatever becomes of them.
bool Run::link_made(Pair& pair) {
    for (const Side side : both_sides)
        if (pair.ids[at(side)].empty() && pair.records[at(side)]) pair.ids[at(side)] = pair.records[at(side)]->id;
    if (!pair.sent || pair.ids[0].empty() || pair.ids[1].empty()) return false;
    pair.link = new_link(pair.ids[0], pair.ids[1]);
    pair.link->base = pinned_.mapping.to_object(*pair.sent);
    pair.link->evaluated_under = fingerprint_;
    pair.fresh_link = true;
    return true;
}

// Two records that were about to be linked, and one of them is gone meanwhile.
void Run::part_matched(Pair& pair) {
    if (pair.records[0].has_value() == pair.records[1].has_value()) return;
    if (link_made(pair)) return forget_create(pair); // so it is a deletion; to make what is gone anew, another create
    pair.state = State::out_of_scope; // the one that is left is a new record again, and takes the way of these
}

// What was made once more takes its predecessor's place in the link, also where its origin is gone by now, or where it
// is gone itself: that is another deletion then, and to make it a third time another create.
void Run::relink_made(Pair& pair) {
    if (!pair.sent) return;
    const Side made = other(pair.sent_from);
    const auto& record = pair.records[at(made)];
    const bool gone = !record && pair.created[at(made)];
    const std::string id = record ? record->id : gone ? pair.ids[at(made)] : std::string();
    if (id.empty() || (record && pair.records[at(pair.sent_from)]) || pair.link->id(made) == id) return;
    remember_made(pair);
    (made == Side::source ? pair.link->source_id : pair.link->target_id) = id;
    if (record)
        (made == Side::source ? pair.link->integer_source_id : pair.link->integer_target_id) = record->integer_id;
    pair.link->base = pinned_.mapping.to_object(*pair.sent);
    pair.base_advanced = true;
    pair.relinked = true;
    if (gone) forget_create(pair);
}

// It is known what became of it. Of the next one for this pair it is not.
void Run::forget_create(Pair& pair) {
    pair.sent.reset();
    if (!pair.idempotency_key.empty()) pair.followed_key = std::exchange(pair.idempotency_key, {});
    pair.repeated_create = false;
    pair.matched = false;
}

// While a create may have made a record over there, a record that nobody knows may be that one. It waits until the
// create has been asked for, which the next attempt does.
void Run::hold_uncertain(Pair& pair) {
    if (pair.link || pair.sent) return;
    for (const Side side : both_sides) {
        if (!uncertain_[at(side)] || !pair.records[at(side)]) continue;
        MappingFault fault;
        fault.error = Error(ErrorCode::unavailable,
                            fmt::format("a create was sent to {} without an answer, and this may be the record that it "
                                        "made; it waits until that is known",
                                        to_string(side)));
        return park(pair, side, fault);
    }
}

void Run::hold_unsettled(Pair& pair) {
    if (!pair.attempts[0].empty() || !pair.attempts[1].empty()) return;
    if (pair.sent && pair.matched) return; // what a lost create made is met this once
    for (const Side side : both_sides) {
        const auto& record = pair.records[at(side)];
        const std::string& id = record ? record->id : pair.link ? pair.link->id(side) : pair.ids[at(side)];
        if (!unsettled_.contains({side, id})) continue;
        MappingFault fault;
        fault.error = Error(ErrorCode::unavailable,
                            "a write to this record was sent and its outcome could not be asked for yet; the next run "
                            "asks again");
        return park(pair, side, fault);
    }
}

// An edit was sent to a record that is gone now, and nobody knows whether it was there before. Whoever deleted the
// record may have seen the edit or not: no rule for edits against deletions can tell which of the two came last.
bool Run::deleted_in_doubt(const Pair& pair) const {
    if (pair.records[0].has_value() == pair.records[1].has_value()) return false;
    const auto& sent = pair.attempts[at(pair.records[0] ? Side::target : Side::source)];
    const auto edits = [](const Intent::Attempt& attempt) { return attempt.entry.action == "updated"; };
    if (std::any_of(sent.begin(), sent.end(), edits)) return true;
    const auto known = pair.link ? conflicts_.find(pair.link->conflict_id) : conflicts_.end();
    return known != conflicts_.end() && deletion_in_doubt(known->second);
}

// The origin of a create without answer is gone. What it made, if anything, will come as a new record, and must not
// bring back what is gone. False: it made nothing. What is not there a moment after it was sent may arrive yet; the
// next run has to ask as well. Where nobody can be asked, the link ends and what is parked stays.
bool Run::keep_lost_create(Pair& pair) {
    const Side written = other(pair.sent_from);
    const bool asks = pinned_.capabilities[at(written)].finds_by_idempotency_key;
    const bool again = resuming_ || (pair.was_parked && pair.parked_by != session_.execution().execution_id);
    if (asks && again) return false;
    MappingFault fault;
    fault.error = Error(ErrorCode::unknown_outcome,
                        fmt::format("possible_duplicate: a create was sent to {} without an answer, and its record is "
                                    "gone since; {}",
                                    to_string(written), asks ? "the next run asks" : "look there, then discard"));
    park(pair, pair.sent_from, fault);
    if (pair.link && !asks) pair.state = State::pending;
    return pair.state == State::parked;
}

// Two records that are linked, or are about to be.
void Run::reconcile_pair(Pair& pair) {
    Policy* policy = &pinned_.policy;
    Policy chosen_policy;
    if (pair.chosen_deletion) {
        chosen_policy = pinned_.policy;
        chosen_policy.delete_strategy = *pair.chosen_deletion;
        chosen_policy.propagate_deletions = true;
        policy = &chosen_policy;
    }
    const bool lost = pair.sent && !pair.matched && !pair.records[at(other(pair.sent_from))];
    if (lost && !pair.records[at(pair.sent_from)] && keep_lost_create(pair)) return;
    const bool in_doubt = !pair.chosen_deletion && deleted_in_doubt(pair);
    if (in_doubt) {
        chosen_policy = pinned_.policy;
        chosen_policy.delete_strategy = DeleteStrategy::manual;
        policy = &chosen_policy;
    }
    pair.decision = pair.chosen ? resolve(situation_of(pair), *policy, *pair.chosen, "resolved_by:" + pair.actor)
                                : reconcile(situation_of(pair), *policy);
    if (in_doubt && pair.decision.conflict) pair.decision.rule = outcome_unknown;
    // What was sent may have made its record already: it is asked for before anybody decides anew.
    if (lost && pair.decision.action == Action::conflict) {
        pair.decision = Decision();
        pair.decision.rule = outcome_unknown;
        pair.decision.action = pair.sent_from == Side::source ? Action::create_target : Action::create_source;
    }
}

void Run::decide(Pair& pair) {
    pair.pushes = {};
    pair.sent_object.reset();
    pair.attempted = false;
    if (!unsettled_.empty()) hold_unsettled(pair);
    if (pair.state != State::pending) return;
    const auto mapped = std::exchange(pair.mapped, {});
    for (const Side side : both_sides)
        if (!mapped[at(side)] && !carries(pair, side)) return;
    if (pair.records[0] && !matches(pinned_.filters, pair.records[0]->fields)) {
        pair.state = State::out_of_scope;
        return;
    }
    if (pair.records[0] && !mapped[0]) {
        auto values = pinned_.mapping.read_source(pair.records[0]->fields, references_);
        if (!values) return park(pair, Side::source, values.error());
        pair.values[0] = std::move(*values);
    }
    if (pair.records[1] && !mapped[1]) {
        auto values = pinned_.mapping.read_target(pair.records[1]->fields);
        if (!values) return park(pair, Side::target, values.error());
        pair.values[1] = std::move(*values);
    }
    for (const Side side : both_sides) // it may have been there when it was read before
        if (!pair.records[at(side)]) pair.values[at(side)].clear();
    // A record that a repeated create has yet to answer with is not gone: what was written to it is settled then.
    const bool unanswered = pair.repeated_create && !pair.matched && !pair.records[at(other(pair.sent_from))];
    for (const Side side : {Side::target, Side::source})
        if (!unanswered || side == pair.sent_from) settle_attempts(pair, side);
    if (pair.matched && !pair.link) part_matched(pair);
    if (pair.matched && pair.link) relink_made(pair);
    if (pair.state == State::pending) hold_uncertain(pair);
    if (pair.state != State::pending) return;
    for (const Side side : both_sides) pair.edited_at[at(side)] = edited_at(pair, side);
    if (!pair.link && !pair.matched) {
        // A record without partner: it is created on the other side, where the stream flows there.
        const bool to_target = pair.origin == Side::source;
        pair.decision = Decision();
        pair.decision.rule = to_target ? "new_on_source" : "new_on_target";
        if (!pair.records[at(pair.origin)]) {
            if (!pair.sent || !keep_lost_create(pair)) pair.state = State::settled;
            return;
        }
        if (to_target ? pinned_.policy.flows_to_target : pinned_.policy.flows_to_source)
            pair.decision.action = to_target ? Action::create_target : Action::create_source;
    } else {
        reconcile_pair(pair);
        if (pair.state != State::pending) return;
    }
    const Action action = pair.decision.action;
    const bool removes = action == Action::delete_source || action == Action::delete_target;
    if (removes && !pair.chosen_deletion && (!pair.deletion || left_to_person(pair))) {
        // Met on the way, not by a tombstone or a finished listing, or not counted so far: it waits with the others for
        // the rails.
        HeldDeletion held;
        held.stream_id = session_.stream().stream_id;
        held.side = action == Action::delete_source ? Side::target : Side::source;
        held.link_id = pair.link->link_id;
        held.record_id = pair.link->id(held.side);
        held.confirmed = true;
        held.decided = true;
        pair.deletion = std::move(held);
        pair.hold = true;
        pair.decision.action = Action::nothing;
        pair.decision.fields.clear();
        pair.state = State::out_of_scope;
        return;
    }
    plan_pushes(pair);
    if (pair.state == State::pending && pair.decision.action == Action::update) pair.trip = judge_flips(pair);
    if (pair.state == State::pending && !pair.pushes[0] && !pair.pushes[1]) pair.state = State::settled;
}

void Run::plan_pushes(Pair& pair) {
    const auto& stream_id = session_.stream().stream_id;
    const auto written = [&](Side side, json::object present, const FieldValues& wanted) {
        return side == Side::source ? pinned_.mapping.write_source(std::move(present), wanted, references_)
                                    : pinned_.mapping.write_target(std::move(present), wanted);
    };
    const auto plan_create = [&](Side side) {
        const Side from = other(side);
        // One key, one content: what was sent first is sent again, and what changed since follows as an edit. Otherwise
        // nobody could tell which of the two was made, and ours would count as its user's edit.
        const bool repeats = pair.sent && pair.sent_from == from;
        FieldValues wanted = repeats ? *pair.sent : pair.values[at(from)];
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            const auto& field = pinned_.policy.fields[i];
            if (!(side == Side::source ? field.to_source : field.to_target)) wanted[i].reset();
        }
        if (pair.chosen && !repeats)
            for (std::size_t i = 0; i < wanted.size(); ++i)
                if ((*pair.chosen)[i]) wanted[i] = (*pair.chosen)[i];
        auto fields = written(side, {}, wanted);
        if (!fields) return park(pair, from, fields.error());
        if (side == Side::source && !matches(pinned_.filters, *fields)) {
            pair.state = State::out_of_scope;
            return;
        }
        if (repeats && !tells_outcome(side) && !pair.may_repeat) {
            MappingFault fault;
            fault.error = Error(ErrorCode::unknown_outcome,
                                fmt::format("possible_duplicate: a create was sent to {} without an answer; look "
                                            "there, then retry or discard",
                                            to_string(side)));
            return park(pair, from, fault);
        }
        PushItem item;
        item.action = PushItem::Action::create;
        // Its intent keeps it, and so does a parked record, for as long as the create may have to be repeated. Ordered:
        // where the far side makes the record's id of it, records made together lie together.
        if (pair.idempotency_key.empty())
            pair.idempotency_key = make_ordered_uuid(parts_.runtime.clock->now(), *parts_.runtime.random);
        item.idempotency_key = pair.idempotency_key;
        item.fields = std::move(*fields);
        pair.decision.base = std::move(wanted);
        pair.pushes[at(side)] = std::move(item);
    };
    const auto plan_update = [&](Side side, const FieldValues& wanted) {
        if (pair.state != State::pending || !any_present(wanted)) return;
        const Record& present = *pair.records[at(side)];
        auto fields = written(side, present.fields, wanted);
        if (!fields) return park(pair, other(side), fields.error());
        PushItem item;
        item.action = PushItem::Action::update;
        item.id = present.id;
        item.expected_version = present.version;
        item.fields = std::move(*fields);
        std::string text;
        append_json_object(text, item.fields);
        item.idempotency_key = hash_of({stream_id, to_string(side), present.id, present.version, text});
        pair.pushes[at(side)] = std::move(item);
    };
    const auto plan_remove = [&](Side side) {
        const Record& present = *pair.records[at(side)];
        PushItem item;
        item.action = PushItem::Action::remove;
        item.id = present.id;
        item.expected_version = present.version;
        item.idempotency_key = hash_of({stream_id, to_string(side), present.id, present.version, "remove"});
        pair.pushes[at(side)] = std::move(item);
    };
    switch (pair.decision.action) {
    case Action::update:
        plan_update(Side::target, pair.decision.to_target);
        plan_update(Side::source, pair.decision.to_source);
        break;
    case Action::create_source: plan_create(Side::source); break;
    case Action::create_target: plan_create(Side::target); break;
    case Action::delete_source: plan_remove(Side::source); break;
    case Action::delete_target: plan_remove(Side::target); break;
    case Action::nothing:
    case Action::forget:
    case Action::unlink:
    case Action::conflict: break;
    }
    if (pair.state != State::pending) pair.pushes = {};
}

// The rails that look at a page's decisions before anything of it is written.
std::optional<Trip> Run::judge(const std::vector<Pair*>& pairs) {
    std::array<std::uint64_t, 2> updates{};
    for (const Pair* pair : pairs) {
        if (pair->trip && !pair->chosen) {
            trip_examples_ = {pair->link ? pair->link->source_id : std::string()};
            return pair->trip;
        }
        for (const Side side : both_sides)
            if (pair->pushes[at(side)] && pair->pushes[at(side)]->action == PushItem::Action::update && !pair->chosen)
                ++updates[at(side)];
    }
    for (const Side side : both_sides) {
        const auto before = session_.checkpoint().counts[at(side)].updates;
        std::uint64_t approved = 0;
        for (const auto& approval : session_.stream().approvals)
            if (approval.rail == Rail::max_updates && approval.flow == side) approved = approval.up_to;
        auto trip = judge_updates(pinned_.rails, side, before + updates[at(side)], session_.stream().links, approved);
        if (!trip) continue;
        for (const Pair* pair : pairs)
            if (pair->pushes[at(side)] && trip_examples_.size() < 20)
                trip_examples_.push_back(pair->pushes[at(side)]->id);
        return trip;
    }
    page_updates_[0] += updates[0];
    page_updates_[1] += updates[1];
    return std::nullopt;
}

std::string Run::conflict_id_of_parked(const Pair& pair) const {
    ParkedRecord parked;
    parked.parked_id = parked_id(session_.stream().stream_id, pair.parked_side, pair.parked_record_id, {});
    return parked_conflict_id(parked);
}

Async<Result<>> Run::load_conflicts(Pairs& pairs) {
    std::vector<std::string> ids;
    for (const auto& pair : pairs) {
        if (pair.link && !pair.link->conflict_id.empty()) ids.push_back(pair.link->conflict_id);
        if (pair.was_parked && session_.stream().open_conflicts > 0) ids.push_back(conflict_id_of_parked(pair));
    }
    conflicts_.clear();
    if (ids.empty()) co_return Result<>();
    auto conflicts = co_await stored<Conflict>("conflict", std::move(ids));
    if (!conflicts) co_return conflicts.error();
    for (auto& conflict : *conflicts) {
        std::string id = conflict.conflict_id;
        conflicts_.emplace(std::move(id), std::move(conflict));
    }
    for (auto& pair : pairs) {
        if (!pair.was_parked) continue;
        const auto found = conflicts_.find(conflict_id_of_parked(pair));
        if (found != conflicts_.end() && found->second.state == ConflictState::open)
            pair.parked_conflict = std::make_unique<Conflict>(found->second);
    }
    co_return Result<>();
}

Async<Result<>> Run::process(Pairs& pairs) {
    if (!share_.holds()) {
        const std::size_t bytes = working_bytes(pairs.size());
        if (auto taken = co_await take_memory(bytes, WorkingMemory::Share::Line::begins); !taken) co_return taken;
    }
    reached_ = {};
    looks_again_ = {};
    made_.clear();
    if (auto loaded = co_await load_conflicts(pairs); !loaded) co_return loaded;
    if (auto loaded = co_await load_uncertain(); !loaded) co_return loaded;
    for (std::size_t round = 0;; ++round) {
        std::vector<Pair*> pending;
        for (auto& pair : pairs)
            if (pair.state == State::pending) pending.push_back(&pair);
        if (pending.empty()) break;
        if (round == parts_.limits.max_reconcile_rounds) {
            for (Pair* pair : pending) {
                MappingFault fault;
                fault.error = Error(pair->retry_reason, fmt::format("the record kept moving through {} rounds; it is "
                                                                    "tried again in the next run",
                                                                    round));
                park(*pair, pair->origin, fault);
            }
            break;
        }
        if (round > 0) {
            // A person chose between two values that they saw. A side has moved since: it is not theirs to overwrite.
            for (Pair* pair : pending) {
                pair->chosen.reset();
                pair->chosen_deletion.reset();
            }
        }
        if (auto fetched = co_await fetch_pairs(pending); !fetched) co_return fetched;
        if (auto found = co_await find_repeated_creates(pending); !found) co_return found;
        if (auto resolved = co_await resolve_references(pending); !resolved) co_return resolved;
        for (Pair* pair : pending) {
            if (pair->state == State::pending) decide(*pair);
            if (round == 0 || pair->state != State::pending) note_planned(*pair);
        }
        if (round == 0) {
            trip_ = judge(pending);
            if (trip_) co_return Error(ErrorCode::latched, trip_->reason);
        }
        const bool writes = std::any_of(pending.begin(), pending.end(), [](const Pair* pair) {
            return pair->state == State::pending && (pair->pushes[0] || pair->pushes[1]);
        });
        if (!writes) continue;
        if (auto recorded = co_await record_intents(pending); !recorded) co_return recorded;
        // The target first. Where its write did not succeed, the source's waits for the next round's decision.
        for (const Side side : {Side::target, Side::source})
            if (auto pushed = co_await push_side(side, pending); !pushed) co_return pushed;
        for (Pair* pair : pending) {
            if (pair->state != State::pending) continue;
            const bool written = pair->known[0] || pair->known[1];
            if (written) pair->state = State::settled;
        }
    }
    co_return co_await check_made(pairs);
}

} // namespace castiel_sync

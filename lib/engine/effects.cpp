// What a decided pair leaves behind: link with its new base, journal, conflict, parked record, counters, events.
#include <core/hexadecimal.hpp>
#include <engine/run.hpp>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

using State = Pair::State;
using Action = Decision::Action;

std::size_t at(Side side) { return index_of(side); }

const FieldValue absent;

// A write that has not arrived by then is taken for lost.
constexpr std::chrono::minutes late_arrival(10);

const FieldValue& value_at(const FieldValues& values, std::size_t i) { return i < values.size() ? values[i] : absent; }

std::string plan_action(const Pair& pair) {
    if (pair.state == State::parked) return "park";
    if (pair.state == State::out_of_scope && !pair.hold) return "skip";
    switch (pair.decision.action) {
    case Action::create_source:
    case Action::create_target: return "create";
    case Action::delete_source:
    case Action::delete_target: return "delete";
    case Action::update: return "update";
    case Action::conflict: return "conflict";
    case Action::nothing:
    case Action::forget:
    case Action::unlink: break;
    }
    if (pair.hold) return "delete";
    return pair.decision.conflict ? "conflict" : "skip";
}

} // namespace

void Run::log(LogLevel level, std::string_view message) const {
    if (!observer_) return;
    const Execution& execution = session_.execution();
    const json::object fields{{"tenantId", session_.tenant()},         {"integrationId", execution.integration_id},
                              {"taskId", execution.task_id},           {"executionId", execution.execution_id},
                              {"streamId", session_.stream().stream_id}, {"entityType", execution.entity_type}};
    observer_->on_log(level, message, fields);
}

void Run::report_progress() const {
    if (observer_) observer_->on_progress(Progress{session_.execution(), expected_});
}

void Run::note_planned(const Pair& pair) {
    if (!observer_) return;
    PlannedRecord planned;
    planned.action = plan_action(pair);
    planned.entity_type = session_.execution().entity_type;
    const auto id = [&](Side side) {
        if (pair.records[at(side)]) return pair.records[at(side)]->id;
        return pair.link ? pair.link->id(side) : std::string();
    };
    planned.source_id = id(Side::source);
    planned.shard_id = id(Side::target);
    planned.reason = pair.parked ? pair.parked->reason.message : pair.decision.rule;
    FieldValues base;
    if (pair.link && pair.link->base) base = pinned_.mapping.from_object(*pair.link->base);
    for (std::size_t i = 0; i < pinned_.policy.fields.size(); ++i) {
        const bool decided = i < pair.decision.fields.size();
        const bool moves = decided && pair.decision.fields[i].verdict != FieldDecision::Verdict::nothing;
        const bool whole_record = planned.action == "create" || planned.action == "delete";
        if (!moves && !whole_record) continue;
        PlannedField field;
        field.field = pinned_.policy.fields[i].name;
        field.base = value_at(base, i);
        field.source = value_at(pair.values[0], i);
        field.target = value_at(pair.values[1], i);
        if (decided) field.result = pair.decision.fields[i].result;
        if (planned.action == "create")
            field.result = value_at(pair.values[at(pair.records[0] ? Side::source : Side::target)], i);
        planned.fields.push_back(std::move(field));
    }
    observer_->on_planned(planned);
}

JournalEntry Run::journal_entry(const Pair& pair, Side written, std::string action, bool whole) const {
    JournalEntry entry;
    entry.stream_id = session_.stream().stream_id;
    entry.entity_type = session_.execution().entity_type;
    const auto id = [&](Side side) {
        if (pair.records[at(side)]) return pair.records[at(side)]->id;
        return pair.link ? pair.link->id(side) : std::string();
    };
    entry.source_id = id(Side::source);
    entry.target_id = id(Side::target);
    entry.execution_id = session_.execution().execution_id;
    entry.actor = pair.actor;
    entry.written = written;
    entry.action = std::move(action);
    entry.at = parts_.runtime.clock->now();
    // In the order in which a pair's writes are made, also within a millisecond: the target's before the source's.
    const std::size_t place = 2 * pair.journal.size() + (written == Side::source ? 1 : 0);
    entry.journal_id = ordered_uuid_text(entry.at, place, parts_.runtime.random->next());
    if (entry.action == "created") {
        if (whole) fill_created(pair, entry);
        return entry;
    }
    const FieldValues& before = pair.values[at(written)];
    const FieldValues& wanted = written == Side::source ? pair.decision.to_source : pair.decision.to_target;
    for (std::size_t i = 0; i < pinned_.policy.fields.size(); ++i) {
        JournalChange change;
        change.field = pinned_.policy.fields[i].name;
        change.rule = pair.decision.rule;
        if (entry.action == "updated") {
            if (!value_at(wanted, i)) continue;
            change.before = value_at(before, i);
            change.after = wanted[i];
            change.rule = pair.decision.fields[i].rule;
        } else if (entry.action == "deleted") {
            if (!value_at(before, i)) continue;
            change.before = before[i];
        }
        entry.changes.push_back(std::move(change));
    }
    return entry;
}

void Run::fill_created(const Pair& pair, JournalEntry& entry) const {
    entry.changes.reserve(pinned_.policy.fields.size());
    for (std::size_t i = 0; i < pinned_.policy.fields.size(); ++i) {
        if (!value_at(pair.decision.base, i)) continue;
        JournalChange change;
        change.field = pinned_.policy.fields[i].name;
        change.rule = pair.decision.rule;
        change.after = pair.decision.base[i];
        entry.changes.push_back(std::move(change));
    }
}

// Does the base tell all that this side holds? If not (a change that this run's narrower direction left alone), its
// version must not be taken for seen, or a wider run would skip it.
bool Run::accounted(const Pair& pair, Side side, const FieldValues& base) const {
    const FieldValues& values = pair.values[at(side)];
    const FieldValues& written = side == Side::source ? pair.decision.to_source : pair.decision.to_target;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!values[i] || value_at(written, i)) continue;
        if (i < pair.decision.fields.size() && pair.decision.fields[i].verdict == FieldDecision::Verdict::conflict)
            continue;
        if (!base[i] || !pinned_.mapping.equal(i, *values[i], *base[i])) return false;
    }
    return true;
}

Conflict Run::make_conflict(const Pair& pair, ConflictType type, ConflictState state) const {
    Conflict conflict;
    conflict.tenant_id = session_.tenant();
    conflict.execution_id = session_.execution().execution_id;
    conflict.task_id = session_.execution().task_id;
    conflict.type = type;
    conflict.state = state;
    conflict.source_version = pair.records[0] ? pair.records[0]->version : std::string();
    conflict.target_version = pair.records[1] ? pair.records[1]->version : std::string();
    conflict.source_data = pinned_.mapping.to_object(pair.values[0]);
    conflict.target_data = pinned_.mapping.to_object(pair.values[1]);
    FieldValues base;
    if (pair.link && pair.link->base) {
        conflict.base_data = *pair.link->base;
        base = pinned_.mapping.from_object(*pair.link->base);
    }
    conflict.created_at = parts_.runtime.clock->now();
    if (state != ConflictState::open) {
        conflict.resolved_at = conflict.created_at;
        conflict.resolved_by = "sync";
    }
    for (std::size_t i = 0; i < pair.decision.fields.size(); ++i) {
        const FieldDecision& decided = pair.decision.fields[i];
        const bool wanted = state == ConflictState::open ? decided.verdict == FieldDecision::Verdict::conflict
                                                         : decided.automatic;
        if (!wanted) continue;
        ConflictField field;
        field.field = pinned_.policy.fields[i].name;
        field.base = value_at(base, i);
        field.source = value_at(pair.values[0], i);
        field.target = value_at(pair.values[1], i);
        field.result = decided.result;
        field.rule = decided.rule;
        conflict.fields.push_back(std::move(field));
    }
    if (pair.decision.fields.empty()) {
        ConflictField field;
        field.rule = pair.decision.rule;
        conflict.fields.push_back(std::move(field));
    }
    return conflict;
}

// The same disagreement between the same versions is the same conflict, however often it is met (I8).
void Run::identify(Conflict& conflict, const Link& link) const {
    conflict.stream_id = link.stream_id;
    conflict.integration_id = pinned_.integration.id;
    conflict.entity_type = session_.execution().entity_type;
    conflict.link_id = link.link_id;
    conflict.source_id = link.source_id;
    conflict.target_id = link.target_id;
    conflict.conflict_id =
        uuid_of({link.link_id, to_string(conflict.type), to_string(conflict.state), to_json(conflict.base_data),
                 to_json(conflict.source_data), to_json(conflict.target_data), conflict.source_version,
                 conflict.target_version});
}

// With the end of its keeping, once it is settled.
Write Run::write_of(const Conflict& conflict) const {
    return put(to_document(conflict, parts_.runtime.clock->now() + parts_.limits.journal_retention));
}

// What rules decided on the way. An intent keeps such a conflict without the members that its document's index holds.
void Run::add_automatic(Pair& pair, Effects& effects, const Link& link) const {
    for (auto& decided : pair.automatic) {
        decided.state = ConflictState::auto_resolved;
        decided.created_at = decided.resolved_at.value_or(decided.created_at);
        identify(decided, link);
        effects.writes.push_back(write_of(decided));
    }
}

// Records the conflict that stands open, refreshes the one already known, and closes it when the sides moved on.
void Run::add_conflict(Pair& pair, Effects& effects, Link& link) {
    const auto known = link.conflict_id.empty() ? conflicts_.end() : conflicts_.find(link.conflict_id);
    const bool had = known != conflicts_.end();
    const auto same_fields = [](const Conflict& left, const Conflict& right) {
        if (left.type != right.type || left.fields.size() != right.fields.size()) return false;
        const auto same = [](const std::optional<json::value>& a, const std::optional<json::value>& b) {
            return a.has_value() == b.has_value() && (!a || equal_values(*a, *b));
        };
        for (std::size_t i = 0; i < left.fields.size(); ++i) {
            const auto &a = left.fields[i], &b = right.fields[i];
            if (a.field != b.field || !same(a.base, b.base) || !same(a.source, b.source) || !same(a.target, b.target))
                return false;
        }
        return left.type == ConflictType::update_update ||
               (left.source_data == right.source_data && left.target_data == right.target_data);
    };
    if (pair.decision.automatic && !pair.attempted)
        pair.automatic.push_back(make_conflict(pair, *pair.decision.automatic, ConflictState::auto_resolved));
    add_automatic(pair, effects, link);
    if (pair.decision.conflict) {
        Conflict open = make_conflict(pair, *pair.decision.conflict, ConflictState::open);
        identify(open, link);
        if (had && same_fields(known->second, open)) {
            // The same disagreement, seen at newer versions: one conflict, kept up to date.
            Conflict kept = known->second;
            kept.source_version = open.source_version;
            kept.target_version = open.target_version;
            kept.source_data = open.source_data;
            kept.target_data = open.target_data;
            effects.writes.push_back(write_of(kept));
            return;
        }
        link.conflict_id = open.conflict_id;
        ++effects.counters.conflicts;
        effects.events.push_back(detected_event(open));
        effects.writes.push_back(write_of(open));
    } else {
        link.conflict_id.clear();
    }
    if (!had || known->second.conflict_id == link.conflict_id) return;
    Conflict closed = known->second;
    const bool by_person = pair.chosen || pair.chosen_deletion;
    // Another field may have come to stand open meanwhile: that is a conflict of its own, and this one is answered.
    const bool stands = std::any_of(closed.fields.begin(), closed.fields.end(), [&](const ConflictField& field) {
        for (std::size_t i = 0; i < pair.decision.fields.size(); ++i)
            if (pinned_.policy.fields[i].name == field.field)
                return pair.decision.fields[i].verdict == FieldDecision::Verdict::conflict;
        return pair.decision.conflict.has_value();
    });
    closed.state = by_person && !stands ? ConflictState::resolved : ConflictState::superseded;
    closed.resolved_at = parts_.runtime.clock->now();
    closed.resolved_by = by_person ? pair.actor : "sync";
    if (!pair.note.empty()) closed.note = pair.note;
    const FieldValues& result = pair.decision.base;
    for (auto& field : closed.fields)
        for (std::size_t i = 0; i < result.size(); ++i)
            if (pinned_.policy.fields[i].name == field.field) field.result = result[i];
    effects.writes.push_back(write_of(closed));
    if (known->second.state == ConflictState::open) effects.events.push_back(resolved_event(closed));
}

// A refusal that concerns two records (a unique key, a reference whose record is gone) is a conflict as well: it shows
// among them, and retrying the parked record closes it.
void Run::add_parked_conflict(const Pair& pair, Effects& effects) {
    const ParkedRecord& parked = *pair.parked;
    const bool unique_key = parked.reason.code == ErrorCode::already_exists;
    const bool reference = parked.reason.code == ErrorCode::missing_reference && pair.reference_lost;
    if ((!unique_key && !reference) || pair.parked_conflict) return;
    Conflict conflict;
    conflict.conflict_id = parked_conflict_id(parked);
    conflict.tenant_id = session_.tenant();
    conflict.stream_id = parked.stream_id;
    conflict.integration_id = parked.integration_id;
    conflict.execution_id = parked.execution_id;
    conflict.task_id = session_.execution().task_id;
    conflict.entity_type = parked.entity_type;
    conflict.type = unique_key ? ConflictType::unique_key : ConflictType::missing_reference;
    (parked.side == Side::source ? conflict.source_id : conflict.target_id) = parked.record_id;
    (parked.side == Side::source ? conflict.source_version : conflict.target_version) = parked.version;
    (parked.side == Side::source ? conflict.source_data : conflict.target_data) =
        pinned_.mapping.to_object(pair.values[at(parked.side)]);
    conflict.note = parked.reason.message;
    conflict.created_at = parked.parked_at;
    if (!parked.field.empty()) {
        ConflictField field;
        field.field = parked.field; // on the way in, the reason names the external path
        for (const auto& mapped : pinned_.mapping.definition().field_mappings)
            if (parked.side == Side::source && mapped.external_field == parked.field) field.field = mapped.shard_field;
        field.rule = "parked";
        conflict.fields.push_back(std::move(field));
    }
    ++effects.counters.conflicts;
    effects.events.push_back(detected_event(conflict));
    effects.writes.push_back(write_of(conflict));
}

// Before the base of a stored link, or an id, becomes another one.
void Run::remember_made(Pair& pair) const {
    if (pair.link && !pair.fresh_link && !pair.made)
        pair.made = made_entry(*pair.link, session_.execution().entity_type);
}

// What a new link's create wrote is its base: the link itself tells it then, until the base is another one.
void Run::add_journal(Pair& pair, Link& link, Effects& effects) const {
    if (pair.made && !made_of(*pair.made, link)) {
        add_entry(*pair.made, link.link_id, effects);
        link.made.reset();
    }
    const bool fresh = !pair.link || pair.fresh_link;
    const auto untold = [](const JournalEntry& entry) { return entry.action == "created" && entry.changes.empty(); };
    if (fresh && pair.journal.size() == 1) {
        const JournalEntry& entry = pair.journal.front();
        link.made = untold(entry) ? made_by_base(entry, pair.decision.rule, link) : made_of(entry, link);
        if (link.made) return;
    }
    for (auto& entry : pair.journal) {
        if (untold(entry)) fill_created(pair, entry);
        add_entry(entry, link.link_id, effects);
    }
}

void Run::add_entry(const JournalEntry& entry, const std::string& link_id, Effects& effects) const {
    Document document = to_document(entry, link_id);
    document.expires_at = parts_.runtime.clock->now() + parts_.limits.journal_retention;
    effects.writes.push_back(put(std::move(document)));
}

// Writes that may have happened, or may arrive yet, stay on record: the next run looks for them, and until then nobody
// decides about what they may have written.
void Run::keep_attempts(const Pair& pair, Effects& effects) {
    for (const Side side : {Side::source, Side::target}) {
        if (pair.attempts[at(side)].empty()) continue;
        Intent intent;
        intent.stream_id = session_.stream().stream_id;
        intent.intent_id = intent.stream_id + "-" + make_uuid(*parts_.runtime.random);
        intent.written = side;
        for (const auto& attempt : pair.attempts[at(side)]) {
            const bool lost = attempt.asked && !attempt.refused && pair.records[at(side)] &&
                              parts_.runtime.clock->now() - attempt.entry.at > late_arrival;
            if (!lost) intent.attempts.push_back(attempt);
        }
        if (intent.attempts.empty()) continue;
        effects.writes.push_back(put(to_document(intent)));
        unsettled_.emplace(Side::source, intent.attempts.back().entry.source_id);
        unsettled_.emplace(Side::target, intent.attempts.back().entry.target_id);
    }
}

// What was written before the pair had to be left is history all the same, and part of what both sides agree on.
void Run::add_written(Pair& pair, Effects& effects) {
    Link link = pair.link.value_or(Link());
    if (!pair.link) {
        link.stream_id = session_.stream().stream_id;
        for (const Side side : {Side::source, Side::target})
            if (pair.records[at(side)]) (side == Side::source ? link.source_id : link.target_id) =
                                            pair.records[at(side)]->id;
    }
    add_automatic(pair, effects, link);
    add_journal(pair, link, effects);
    if (pair.fresh_link) register_link(link, effects);
    else if (pair.relinked) forget_candidates(link, effects);
    if (!pair.base_advanced && !pair.fresh_link) return;
    link.source_version.clear(); // both sides are evaluated again
    link.target_version.clear();
    effects.writes.push_back(put(to_document(link)));
}

void Run::register_link(const Link& link, Effects& effects) {
    ++effects.links;
    created_ordinals_.push_back(link.ordinal);
    forget_candidates(link, effects);
}

// What is linked waits for no partner any more.
void Run::forget_candidates(const Link& link, Effects& effects) const {
    for (const Side side : {Side::source, Side::target}) {
        if (session_.stream().candidates[at(side)] == 0) continue;
        effects.writes.push_back(remove("candidate", candidate_id(link.stream_id, side, link.id(side))));
    }
}

void Run::forget_deletion(const Pair& pair, Effects& effects) {
    const HeldDeletion& held = *pair.deletion;
    effects.writes.push_back(remove("deletion", deletion_id(held.stream_id, held.side, held.record_id)));
}

void Run::forget_parked(const Pair& pair, Effects& effects) const {
    effects.writes.push_back(
        remove("parked", parked_id(session_.stream().stream_id, pair.parked_side, pair.parked_record_id, {})));
}

Effects Run::effects_of(Pair& pair) {
    Effects effects;
    const Timestamp now = parts_.runtime.clock->now();
    if (pair.state == State::parked) {
        if (pair.was_parked) {
            const auto before = parked_id(session_.stream().stream_id, pair.parked_side, pair.parked_record_id, {});
            if (before != pair.parked->parked_id) effects.writes.push_back(remove("parked", before));
            pair.parked->attempts = pair.parked_attempts + 1;
            pair.parked->parked_at = pair.parked_at;
        } else {
            effects.events.push_back(parked_event(*pair.parked));
        }
        effects.writes.push_back(put(to_document(*pair.parked)));
        for (auto& candidate : pair.candidates) {
            // The retry of what is parked brings it back; its twin is looked at again by itself.
            if (!candidate || pair.fresh_link || candidate->side != pair.parked->side) continue;
            candidate->fresh = false;
            effects.writes.push_back(put(to_document(*candidate)));
        }
        // What is parked stands for it, and is asked about without it.
        if (pair.deletion && pair.sent) forget_deletion(pair, effects);
        add_parked_conflict(pair, effects);
        ++effects.counters.failed;
        looks_again_ = {true, true}; // whatever was written, or was not
        add_written(pair, effects);
        keep_attempts(pair, effects);
        return effects;
    }
    if (pair.state == State::out_of_scope) {
        if (pair.hold) effects.writes.push_back(put(to_document(*pair.deletion)));
        else if (pair.deletion) forget_deletion(pair, effects);
        const bool found = pair.fresh_link || pair.relinked; // what its create had made
        if (pair.was_parked && found) forget_parked(pair, effects);
        ++effects.counters.skipped;
        look_again(pair);
        note_left(pair, effects);
        add_written(pair, effects);
        return effects;
    }
    if (pair.parked) { // beside it: a create that nobody can be asked about
        if (pair.was_parked) pair.parked->parked_at = pair.parked_at;
        else effects.events.push_back(parked_event(*pair.parked));
        effects.writes.push_back(put(to_document(*pair.parked)));
    } else if (pair.was_parked) {
        forget_parked(pair, effects);
        if (pair.parked_conflict) {
            Conflict closed = *pair.parked_conflict;
            closed.state = pair.actor == "sync" ? ConflictState::superseded : ConflictState::resolved;
            closed.resolved_by = pair.actor;
            closed.resolved_at = now;
            effects.writes.push_back(write_of(closed));
            effects.events.push_back(resolved_event(closed));
        }
    }
    if (pair.deletion) forget_deletion(pair, effects);

    const bool both = pair.records[0] && pair.records[1];
    const Action action = pair.decision.action;
    if (!pair.link && !both) { // an unlinked record that does not flow, or is gone
        ++effects.counters.skipped;
        look_again(pair);
        note_left(pair, effects);
        add_written(pair, effects);
        return effects;
    }
    Link link = pair.link ? *pair.link : new_link(pair.records[0]->id, pair.records[1]->id);
    if (pair.fresh_link) register_link(link, effects);
    if (!pair.link) {
        register_link(link, effects);
        if (pair.journal.empty()) {
            JournalEntry entry = journal_entry(pair, Side::target, "linked");
            pair.journal.push_back(std::move(entry));
        }
    }
    const bool any_removed = pair.removed[0] || pair.removed[1];
    if (any_removed || action == Action::forget) {
        add_conflict(pair, effects, link);
        if (any_removed && !pair.deletion) // carried out by an execution that could not tell any more
            for (const Side side : {Side::source, Side::target})
                effects.writes.push_back(remove("deletion", deletion_id(link.stream_id, side, link.id(side))));
        link.state = Link::State::dead;
        --effects.links;
        look_again(pair);
        add_journal(pair, link, effects);
        Document document = to_document(link);
        document.expires_at = now + parts_.limits.journal_retention;
        effects.writes.push_back(put(std::move(document)));
        any_removed ? ++effects.counters.deleted : ++effects.counters.skipped;
        return effects;
    }
    if (action == Action::unlink) {
        add_conflict(pair, effects, link);
        link.state = Link::State::detached;
        --effects.links;
        look_again(pair);
        JournalEntry entry = journal_entry(pair, Side::target, "unlinked");
        pair.journal.push_back(std::move(entry));
        add_journal(pair, link, effects);
        effects.writes.push_back(put(to_document(link)));
        ++effects.counters.skipped;
        return effects;
    }
    const bool created = pair.created[0] || pair.created[1];
    const bool written = created || pair.updated[0] || pair.updated[1];
    if (both) {
        for (const Side side : {Side::source, Side::target})
            if (link.id(side) != pair.records[at(side)]->id) pair.relinked = true;
        link.source_id = pair.records[0]->id;
        link.target_id = pair.records[1]->id;
        link.integer_source_id = pair.records[0]->integer_id;
        link.integer_target_id = pair.records[1]->integer_id;
        if (!pair.decision.base.empty()) {
            link.source_version = pair.records[0]->version;
            link.target_version = pair.records[1]->version;
            for (const Side side : {Side::source, Side::target}) link.edited_at(side) = pair.edited_at[at(side)];
            if (narrowed_) {
                if (!accounted(pair, Side::source, pair.decision.base)) link.source_version.clear();
                if (!accounted(pair, Side::target, pair.decision.base)) link.target_version.clear();
            }
            json::object base = pair.sent_object ? std::move(*pair.sent_object)
                                                 : pinned_.mapping.to_object(pair.decision.base);
            if (link.base != base) {
                remember_made(pair);
                link.base = std::move(base);
            }
        }
    } else if (pair.records[at(pair.origin)]) {
        // One side is gone and a person decides, or the deletion does not flow: the survivor is seen as it is.
        link.version(pair.origin) = narrowed_ ? std::string() : pair.records[at(pair.origin)]->version;
    }
    if (pair.relinked) forget_candidates(link, effects);
    link.evaluated_under = fingerprint_;
    for (const Side side : {Side::source, Side::target})
        if (written && (link.version(side).empty() || !pair.records[at(side)] ||
                        link.version(side) != pair.records[at(side)]->version))
            look_again(pair);
    add_conflict(pair, effects, link);
    note_flips(pair, link);
    add_journal(pair, link, effects);
    effects.writes.push_back(put(to_document(link)));
    if (created)
        ++effects.counters.created;
    else if (written)
        ++effects.counters.updated;
    else
        ++effects.counters.skipped;
    return effects;
}

} // namespace castiel_sync

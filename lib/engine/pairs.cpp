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

std::size_t at(Side side) { return index_of(side); }

bool any_present(const FieldValues& values) {
    return std::any_of(values.begin(), values.end(), [](const FieldValue& value) { return value.has_value(); });
}

} // namespace

Async<void> Run::pause(std::size_t attempt, const Error& error) {
    const auto delay =
        retry_delay({parts_.limits.retry_base, parts_.limits.retry_cap}, attempt, error, *parts_.runtime.random);
    co_await parts_.runtime.clock->sleep_for(delay);
}

// Fetches in batches of what the adapter takes; repeats what may be repeated.
Async<Result<std::vector<FetchedRecord>>> Run::fetch(Side side, std::vector<std::string> ids,
                                                     std::vector<std::string> idempotency_keys) {
    std::vector<FetchedRecord> answers;
    const std::size_t most = std::max<std::size_t>(1, pinned_.capabilities[at(side)].max_fetch_records);
    std::size_t next_id = 0, next_key = 0;
    while (next_id < ids.size() || next_key < idempotency_keys.size()) {
        FetchRequest request;
        request.entity = pinned_.entities[at(side)];
        while (next_id < ids.size() && request.ids.size() < most) request.ids.push_back(ids[next_id++]);
        if (request.ids.empty())
            while (next_key < idempotency_keys.size() && request.idempotency_keys.size() < most)
                request.idempotency_keys.push_back(idempotency_keys[next_key++]);
        const std::size_t expected = request.ids.size() + request.idempotency_keys.size();
        for (std::size_t attempt = 0;; ++attempt) {
            FetchRequest copy = request;
            auto page = co_await pinned_.adapters[at(side)]->fetch(std::move(copy));
            if (page) {
                if (page->size() != expected)
                    co_return Error(ErrorCode::corrupted,
                                    fmt::format("{} {}: fetch of {} records answered {}", to_string(side),
                                                request.entity, expected, page->size()));
                for (auto& answer : *page) answers.push_back(std::move(answer));
                break;
            }
            const Error error = page.error();
            if (!is_retryable(error.code) || attempt + 1 >= parts_.limits.max_push_attempts) co_return error;
            co_await pause(attempt, error);
        }
    }
    co_return answers;
}

Async<Result<>> Run::fetch_pairs(std::vector<Pair*> pairs) {
    for (const Side side : both_sides) {
        std::vector<std::string> ids;
        std::vector<Pair*> asked;
        for (Pair* pair : pairs) {
            const std::string* id = nullptr;
            if (pair->records[at(side)]) id = &pair->records[at(side)]->id;
            else if (pair->link) id = &pair->link->id(side);
            if (!id || id->empty() || pair->known[at(side)]) continue;
            ids.push_back(*id);
            asked.push_back(pair);
        }
        if (ids.empty()) continue;
        auto answers = co_await fetch(side, std::move(ids), std::vector<std::string>());
        if (!answers) co_return answers.error();
        for (std::size_t i = 0; i < asked.size(); ++i) {
            FetchedRecord& answer = (*answers)[i];
            Pair& pair = *asked[i];
            if (answer.presence == FetchedRecord::Presence::unknown) {
                MappingFault fault;
                fault.error = answer.error.value_or(
                    Error(ErrorCode::unavailable, fmt::format("{} can't tell whether the record exists", to_string(side))));
                park(pair, side, fault);
                continue;
            }
            pair.known[at(side)] = true;
            if (answer.presence == FetchedRecord::Presence::present && !answer.record.deleted)
                pair.records[at(side)] = std::move(answer.record);
            else
                pair.records[at(side)].reset();
        }
    }
    co_return Result<>();
}

Async<Result<>> Run::map_pair(Pair& pair) {
    std::vector<Pair*> pointers{&pair};
    if (auto resolved = co_await resolve_references(pointers); !resolved) co_return resolved;
    if (pair.records[0]) {
        auto values = pinned_.mapping.read_source(pair.records[0]->fields, references_);
        if (!values) co_return values.error().error;
        pair.values[0] = std::move(*values);
    }
    if (pair.records[1]) {
        auto values = pinned_.mapping.read_target(pair.records[1]->fields);
        if (!values) co_return values.error().error;
        pair.values[1] = std::move(*values);
    }
    co_return Result<>();
}

// References are ids of other mapped entities; their links translate them. One look-up per entity and side.
Async<Result<>> Run::resolve_references(std::vector<Pair*>& pairs) {
    if (pinned_.mapping.referenced_entities().empty()) co_return Result<>();
    std::map<std::pair<std::string, Side>, std::set<std::string>> wanted;
    const auto want = [&](const ReferenceKey& key) {
        if (!references_.contains(key) && !lost_references_.contains(key))
            wanted[std::pair(key.entity, key.side)].insert(key.id);
    };
    for (const Pair* pair : pairs) {
        if (pair->records[0])
            for (const auto& key : pinned_.mapping.source_references(pair->records[0]->fields)) want(key);
        if (pair->records[1] && pinned_.policy.flows_to_source) {
            auto values = pinned_.mapping.read_target(pair->records[1]->fields);
            if (!values) continue; // decide() parks it with the reason
            for (const auto& key : pinned_.mapping.target_references(*values)) want(key);
        }
    }
    for (const auto& [group, ids] : wanted) {
        const auto stream = pinned_.streams.find(group.first);
        if (stream == pinned_.streams.end()) continue; // refused at configuration
        const bool by_source = group.second == Side::source;
        const std::vector<std::string> list(ids.begin(), ids.end());
        for (std::size_t begin = 0; begin < list.size(); begin += 500) {
            Query query;
            query.conditions.emplace_back("stream_id", Condition::Comparison::equal, IndexValue(stream->second));
            std::vector<IndexValue> values;
            for (std::size_t i = begin; i < std::min(list.size(), begin + 500); ++i) values.emplace_back(list[i]);
            query.conditions.emplace_back(by_source ? "source_id" : "target_id", std::move(values));
            query.limit = 1000;
            for (;;) {
                Query copy = query;
                auto page = co_await parts_.store->query(session_.tenant(), "link", std::move(copy));
                if (!page) co_return page.error();
                for (const auto& document : page->documents) {
                    auto link = from_document<Link>(document);
                    if (!link) co_return link.error();
                    const ReferenceKey key{group.first, group.second, link->id(group.second)};
                    if (link->state == Link::State::live) {
                        const bool integer = by_source ? link->integer_target_id : link->integer_source_id;
                        references_[key] = ReferenceTarget{link->id(other(group.second)), integer};
                        lost_references_.erase(key);
                    } else if (!references_.contains(key)) {
                        lost_references_.insert(key);
                    }
                }
                if (page->continuation.empty()) break;
                query.continuation = page->continuation;
            }
        }
    }
    co_return Result<>();
}

void Run::park(Pair& pair, Side side, const MappingFault& fault) {
    ParkedRecord parked;
    const auto& record = pair.records[at(side)];
    parked.stream_id = session_.stream().stream_id;
    parked.integration_id = pinned_.integration.id;
    parked.entity_type = pinned_.mapping.definition().external_entity;
    parked.execution_id = session_.execution().execution_id;
    parked.side = side;
    if (record) {
        parked.record_id = record->id;
        // What JSON can't carry can't be shown either; the reason says which member it is.
        if (check_json(record->fields)) parked.payload = to_json(record->fields).substr(0, 64 * 1024);
        parked.version = record->version;
    } else if (pair.link) {
        parked.record_id = pair.link->id(side);
    }
    parked.parked_id = parked_id(parked.stream_id, side, parked.record_id, {});
    parked.reason = fault.error;
    parked.field = fault.field;
    parked.parked_at = parts_.runtime.clock->now();
    if (fault.error.code == ErrorCode::missing_reference && record) {
        const auto references = side == Side::source ? pinned_.mapping.source_references(record->fields)
                                                     : pinned_.mapping.target_references(pair.values[at(side)]);
        pair.reference_lost = std::any_of(references.begin(), references.end(), [&](const ReferenceKey& key) {
            return lost_references_.contains(key);
        });
    }
    pair.parked = std::move(parked);
    pair.state = State::parked;
}

Situation Run::situation_of(const Pair& pair) const {
    Situation situation;
    if (pair.link && pair.link->base) situation.base = pinned_.mapping.from_object(*pair.link->base);
    else if (!pair.link && pair.sent) situation.base = pair.sent;
    const auto fill = [&](Side side, SideState& state) {
        const auto& record = pair.records[at(side)];
        state.exists = record.has_value();
        if (!record) return;
        state.values = pair.values[at(side)];
        state.modified_at = record->modified_at;
    };
    fill(Side::source, situation.source);
    fill(Side::target, situation.target);
    if (situation.base && pair.link && pair.link->evaluated_under != fingerprint_ && pair.records[0] && pair.records[1])
        // Under a changed mapping a field may look for its value where nobody ever put it. That is no agreement to be
        // kept: the side that has a value tells it to the other.
        for (std::size_t i = 0; i < situation.base->size(); ++i)
            if (pair.values[0][i].has_value() != pair.values[1][i].has_value()) (*situation.base)[i].reset();
    return situation;
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

void Run::decide(Pair& pair) {
    pair.pushes = {};
    if (!carries(pair, Side::source) || !carries(pair, Side::target)) return;
    if (pair.records[0] && !matches(pinned_.filters, pair.records[0]->fields)) {
        pair.state = State::out_of_scope;
        return;
    }
    if (pair.records[0]) {
        auto values = pinned_.mapping.read_source(pair.records[0]->fields, references_);
        if (!values) return park(pair, Side::source, values.error());
        pair.values[0] = std::move(*values);
    }
    if (pair.records[1]) {
        auto values = pinned_.mapping.read_target(pair.records[1]->fields);
        if (!values) return park(pair, Side::target, values.error());
        pair.values[1] = std::move(*values);
    }
    if (!pair.link && !pair.matched) {
        // A record without partner: it is created on the other side, where the stream flows there.
        const bool to_target = pair.origin == Side::source;
        pair.decision = Decision();
        pair.decision.rule = to_target ? "new_on_source" : "new_on_target";
        if (!pair.records[at(pair.origin)]) {
            pair.state = State::settled;
            return;
        }
        if (to_target ? pinned_.policy.flows_to_target : pinned_.policy.flows_to_source)
            pair.decision.action = to_target ? Action::create_target : Action::create_source;
    } else {
        Policy* policy = &pinned_.policy;
        Policy chosen_policy;
        if (pair.chosen_deletion) {
            chosen_policy = pinned_.policy;
            chosen_policy.delete_strategy = *pair.chosen_deletion;
            chosen_policy.propagate_deletions = true;
            policy = &chosen_policy;
        }
        pair.decision = pair.chosen ? resolve(situation_of(pair), *policy, *pair.chosen, "resolved_by:" + pair.actor)
                                    : reconcile(situation_of(pair), *policy);
    }
    const Action action = pair.decision.action;
    const bool removes = action == Action::delete_source || action == Action::delete_target;
    if (removes && !pair.deletion && !pair.chosen_deletion) {
        // Met on the way, not by a tombstone or a finished listing: it waits with the others for the rails.
        HeldDeletion held;
        held.stream_id = session_.stream().stream_id;
        held.side = action == Action::delete_source ? Side::target : Side::source;
        held.link_id = pair.link->link_id;
        held.record_id = pair.link->id(held.side);
        held.confirmed = true;
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
        FieldValues wanted = pair.values[at(from)];
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            const auto& field = pinned_.policy.fields[i];
            if (!(side == Side::source ? field.to_source : field.to_target)) wanted[i].reset();
        }
        if (pair.chosen)
            for (std::size_t i = 0; i < wanted.size(); ++i)
                if ((*pair.chosen)[i]) wanted[i] = (*pair.chosen)[i];
        auto fields = written(side, {}, wanted);
        if (!fields) return park(pair, from, fields.error());
        if (side == Side::source && !matches(pinned_.filters, *fields)) {
            pair.state = State::out_of_scope;
            return;
        }
        PushItem item;
        item.action = PushItem::Action::create;
        const Record& origin = *pair.records[at(from)];
        if (pair.idempotency_key.empty())
            // A record that is created once more after its deletion is another intent than its first creation.
            pair.idempotency_key =
                pair.link ? hash_of({stream_id, to_string(side), pair.link->link_id, origin.id, origin.version})
                          : hash_of({stream_id, to_string(side), origin.id});
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
        item.previous = present.fields;
        item.idempotency_key = hash_of({stream_id, to_string(side), present.id, present.version, to_json(item.fields)});
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
            if (pair->pushes[at(side)] && trip_examples_.size() < 20) trip_examples_.push_back(pair->pushes[at(side)]->id);
        return trip;
    }
    page_updates_[0] += updates[0];
    page_updates_[1] += updates[1];
    return std::nullopt;
}

// Writes are recorded before they are sent. After a crash between push and commit nothing else would tell that an
// unlinked record over there is ours, or that a field over there holds our own write and no user's edit. One document
// for the page and side; its commit is the fence as well.
Async<Result<>> Run::record_intents(std::vector<Pair*>& pairs) {
    std::vector<Effects> effects(1);
    for (const Side side : both_sides) {
        Intent intent;
        intent.stream_id = session_.stream().stream_id;
        intent.written = side;
        for (const Pair* pair : pairs) {
            if (pair->state != State::pending || !pair->pushes[at(side)]) continue;
            if (pair->pushes[at(side)]->action == PushItem::Action::create)
                intent.items.push_back({pair->records[at(other(side))]->id, pair->pushes[at(side)]->idempotency_key,
                                        pinned_.mapping.to_object(pair->decision.base)});
            else if (pair->pushes[at(side)]->action == PushItem::Action::update && pair->link)
                intent.updates.push_back({pair->link->link_id,
                                          pinned_.mapping.to_object(wanted_of(*pair, side)),
                                          pinned_.mapping.to_object(pair->values[at(other(side))])});
        }
        if (intent.items.empty() && intent.updates.empty()) continue;
        intent.intent_id = intent.stream_id + "-" + make_uuid(*parts_.runtime.random);
        intents_.push_back(intent.intent_id);
        effects.front().writes.push_back(put(to_document(intent)));
    }
    if (effects.front().writes.empty()) co_return co_await session_.verify_fence();
    co_return co_await session_.commit(std::move(effects), std::nullopt);
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
        checked[i]->pushes = {};
        checked[i]->known = {false, false};
    }
    co_return Result<>();
}

const FieldValues& Run::wanted_of(const Pair& pair, Side side) {
    return side == Side::source ? pair.decision.to_source : pair.decision.to_target;
}

// One side holds what was decided from the other side's value. Seen from there, that value is the base now: the other
// side differs from it only by what came later, and what it held then is in the written value already (a rule such as
// add_delta must not count it twice).
void Run::advance_base(json::object& base, const json::object& written, const json::object& others) {
    for (const auto& field : written) {
        const json::value* held = others.if_contains(field.key());
        base[field.key()] = held ? *held : field.value();
    }
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
        JournalEntry entry = journal_entry(
            pair, side, create ? "created" : (item.action == PushItem::Action::remove ? "deleted" : "updated"));
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
        record.modified_at = outcome.modified_at;
        if (create) {
            pair.created[at(side)] = true;
            (side == Side::source ? entry.source_id : entry.target_id) = record.id;
        } else {
            pair.updated[at(side)] = true;
            if (pair.link && pair.link->base)
                advance_base(*pair.link->base, pinned_.mapping.to_object(wanted_of(pair, side)),
                             pinned_.mapping.to_object(pair.values[at(other(side))]));
        }
        pair.records[at(side)] = std::move(record);
        pair.journal.push_back(std::move(entry));
        if (create && pair.repeated_create) {
            // The answer may tell of a record that an earlier attempt made and somebody has edited since: compare.
            pair.matched = true;
            pair.known = {false, false};
            pair.link.reset();
        }
        return;
    }
    case Status::stale:
    case Status::absent:
        pair.known = {false, false};
        pair.pushes = {};
        pair.retry_reason = ErrorCode::stale;
        return;
    case Status::rejected: {
        MappingFault fault;
        fault.error = outcome.error.value_or(Error(ErrorCode::invalid_record, "the record was refused without a reason"));
        if (fault.error.code != ErrorCode::already_exists) fault.error.code = ErrorCode::invalid_record;
        fault.error.message = fmt::format("{} refused the record: {}", to_string(side), fault.error.message);
        pair.pushes = {};
        return park(pair, other(side), fault);
    }
    case Status::not_sent:
    case Status::unknown: break;
    }
    pair.known = {false, false};
    pair.pushes = {};
    pair.retry_reason = ErrorCode::unknown_outcome;
    if (item.action != PushItem::Action::create) return;
    pair.repeated_create = true;
    if (!pair.sent) pair.sent = pair.decision.base;
    const auto& capabilities = pinned_.capabilities[at(side)];
    if (capabilities.idempotent_creates || capabilities.finds_by_idempotency_key) return;
    MappingFault fault;
    fault.error = Error(ErrorCode::unknown_outcome,
                        fmt::format("possible_duplicate: the create was sent to {} and no answer tells whether it "
                                    "happened; look there, then retry or discard",
                                    to_string(side)));
    park(pair, other(side), fault);
}

Async<Result<>> Run::push_side(Side side, std::vector<Pair*>& pairs) {
    if (auto checked = co_await check_unconditional(side, pairs); !checked) co_return checked;
    std::vector<Pair*> waiting;
    for (Pair* pair : pairs)
        if (pair->state == State::pending && pair->pushes[at(side)]) waiting.push_back(pair);
    const std::size_t most = std::max<std::size_t>(1, pinned_.capabilities[at(side)].max_push_records);
    for (std::size_t attempt = 0; !waiting.empty(); ++attempt) {
        std::vector<Pair*> again;
        std::optional<Error> delay_reason;
        for (std::size_t begin = 0; begin < waiting.size(); begin += most) {
            const std::size_t end = std::min(waiting.size(), begin + most);
            PushRequest request;
            request.entity = pinned_.entities[at(side)];
            for (std::size_t i = begin; i < end; ++i) request.items.push_back(*waiting[i]->pushes[at(side)]);
            auto outcomes = co_await pinned_.adapters[at(side)]->push(std::move(request));
            if (!outcomes) {
                const Error error = outcomes.error();
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
        if (attempt + 1 >= parts_.limits.max_push_attempts) co_return *delay_reason;
        co_await pause(attempt, *delay_reason);
        // The wait may have outlasted the lease.
        if (auto fence = co_await session_.verify_fence(); !fence) co_return fence;
        waiting = std::move(again);
    }
    co_return Result<>();
}

Async<Result<>> Run::find_repeated_creates(std::vector<Pair*>& pairs) {
    for (const Side side : both_sides) {
        const auto& capabilities = pinned_.capabilities[at(side)];
        if (capabilities.idempotent_creates || !capabilities.finds_by_idempotency_key) continue;
        std::vector<std::string> keys;
        std::vector<Pair*> asked;
        for (Pair* pair : pairs)
            if (pair->repeated_create && !pair->matched && !pair->link && pair->origin == other(side)) {
                keys.push_back(pair->idempotency_key);
                asked.push_back(pair);
            }
        if (keys.empty()) continue;
        // A look-up that lags would not see what was just made.
        if (capabilities.read_lag.count() > 0) co_await parts_.runtime.clock->sleep_for(capabilities.read_lag);
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

std::string Run::conflict_id_of_parked(const Pair& pair) const {
    ParkedRecord parked;
    parked.parked_id = parked_id(session_.stream().stream_id, pair.parked_side, pair.parked_record_id, {});
    return parked_conflict_id(parked);
}

Async<Result<>> Run::load_conflicts(std::vector<Pair>& pairs) {
    std::vector<std::string> ids;
    for (const auto& pair : pairs) {
        if (pair.link && !pair.link->conflict_id.empty()) ids.push_back(pair.link->conflict_id);
        if (pair.was_parked && session_.stream().open_conflicts > 0) ids.push_back(conflict_id_of_parked(pair));
    }
    conflicts_.clear();
    if (ids.empty()) co_return Result<>();
    auto documents = co_await parts_.store->read(session_.tenant(), "conflict", std::move(ids));
    if (!documents) co_return documents.error();
    for (const auto& document : *documents) {
        if (!document) continue;
        auto conflict = from_document<Conflict>(*document);
        if (!conflict) co_return conflict.error();
        std::string id = conflict->conflict_id;
        conflicts_.emplace(std::move(id), std::move(*conflict));
    }
    for (auto& pair : pairs) {
        if (!pair.was_parked) continue;
        const auto found = conflicts_.find(conflict_id_of_parked(pair));
        if (found != conflicts_.end() && found->second.state == ConflictState::open) pair.parked_conflict = found->second;
    }
    co_return Result<>();
}

Async<Result<>> Run::process(std::vector<Pair>& pairs) {
    if (auto loaded = co_await load_conflicts(pairs); !loaded) co_return loaded;
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
            if (auto found = co_await find_repeated_creates(pending); !found) co_return found;
        }
        if (auto fetched = co_await fetch_pairs(pending); !fetched) co_return fetched;
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
    co_return Result<>();
}

} // namespace castiel_sync

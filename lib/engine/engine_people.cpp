// What people ask of the engine: conflicts to resolve, parked records to retry, latches to answer.
#include <engine/engine_state.hpp>

#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace castiel_sync {
namespace {

std::size_t at(Side side) { return index_of(side); }

// The values a person chose, by field number; an error when the answer does not cover what stands open.
Result<FieldValues> chosen_values(const Conflict& conflict, const ConflictResolution& resolution, const Pinned& pinned,
                                  const Pair& pair) {
    using Choice = ConflictResolution::Choice;
    FieldValues chosen(pinned.policy.fields.size());
    const auto number_of = [&](std::string_view name) -> std::optional<std::size_t> {
        for (std::size_t i = 0; i < pinned.policy.fields.size(); ++i)
            if (pinned.policy.fields[i].name == name) return i;
        return std::nullopt;
    };
    for (const auto& value : resolution.values)
        if (!number_of(value.key()))
            return Error(ErrorCode::invalid_request,
                         fmt::format("the mapping of {} has no shard field \"{}\"", conflict.entity_type,
                                     std::string_view(value.key())));
    for (const auto& field : conflict.fields) {
        const auto i = number_of(field.field);
        if (!i) continue; // mapped no more
        const json::value* given = resolution.values.if_contains(field.field);
        if (given)
            chosen[*i] = *given;
        else if (resolution.choice == Choice::source)
            chosen[*i] = pair.values[0].empty() ? field.source : pair.values[0][*i];
        else if (resolution.choice == Choice::target)
            chosen[*i] = pair.values[1].empty() ? field.target : pair.values[1][*i];
        else
            return Error(ErrorCode::invalid_request, fmt::format("conflict {}: give a value for field \"{}\" too",
                                                                 conflict.conflict_id, field.field));
        if (!chosen[*i])
            return Error(ErrorCode::invalid_request,
                         fmt::format("conflict {}: that side has no value for field \"{}\"; give one with values",
                                     conflict.conflict_id, field.field));
        const auto& policy = pinned.policy.fields[*i];
        const auto differs = [&](Side side) {
            return !pair.values[at(side)].empty() &&
                   (!pair.values[at(side)][*i] || !pinned.mapping.equal(*i, *pair.values[at(side)][*i], *chosen[*i]));
        };
        if ((differs(Side::source) && !policy.to_source) || (differs(Side::target) && !policy.to_target))
            return Error(ErrorCode::invalid_request,
                         fmt::format("conflict {}: field \"{}\" flows one way only, that choice can't be written to {}",
                                     conflict.conflict_id, field.field,
                                     differs(Side::source) && !policy.to_source ? "the source" : "the shard"));
    }
    return chosen;
}

bool moved(const Conflict& conflict, const Pinned& pinned, const Pair& pair, Side side) {
    const auto& record = pair.records[at(side)];
    const std::string& version = side == Side::source ? conflict.source_version : conflict.target_version;
    const json::object& data = side == Side::source ? conflict.source_data : conflict.target_data;
    const bool existed = !data.empty() || !version.empty();
    if (record.has_value() != existed) return true;
    if (!record || record->version == version) return false;
    // Another version may still show the same mapped content (an edit of members that nobody maps).
    auto values = side == Side::source ? pinned.mapping.read_source(record->fields, {})
                                       : pinned.mapping.read_target(record->fields);
    return !values || !equal_values(json::value(pinned.mapping.to_object(*values)), json::value(data));
}

} // namespace

Async<Result<>> Engine::State::administer(std::string tenant_id, std::string stream_id, std::string what, Work work) {
    auto found = co_await find_stream(*parts.store, tenant_id, stream_id);
    if (!found) co_return found.error();
    if (!*found) co_return Error(ErrorCode::not_found, "no stream has the id " + stream_id);
    auto integration = co_await find_integration(parts, tenant_id, (*found)->integration_id);
    if (!integration) co_return integration.error();
    SyncRequest request;
    request.tenant_id = tenant_id;
    request.integration_id = integration->id;
    request.entity = (*found)->mapping_id;
    auto plans = plan_streams(*integration, request);
    if (!plans) co_return plans.error();
    if (plans->empty()) co_return Error(ErrorCode::invalid_request, "the mapping of this stream is switched off");
    const StreamPlan& plan = plans->front();

    Execution hold;
    hold.execution_id = what + "-" + make_uuid(*parts.runtime.random);
    hold.tenant_id = tenant_id;
    hold.integration_id = integration->id;
    hold.stream_id = stream_id;
    hold.entity_type = plan.mapping.external_entity;
    hold.direction = plan.direction;
    auto& checkpoint = (*found)->checkpoints[static_cast<std::size_t>(plan.direction)];
    if (!checkpoint) checkpoint.emplace();
    Session session(parts, tenant_id, std::move(**found), hold);
    session.set_administrative();
    std::vector<EventDraft> none;
    if (auto claimed = co_await session.claim(0, false, std::move(none), {}); !claimed) co_return claimed;
    Result<> result;
    try {
        RunMode mode;
        mode.parts = &parts;
        const std::vector<Filter> no_filters;
        auto pinned = co_await pin(mode, *integration, plan, no_filters);
        if (pinned) {
            Run run(parts, memory, session, *pinned, request, parts.observer, parts.limits.max_records_per_sync);
            result = co_await work(run, session, *pinned);
            if (!result && result.error().code == ErrorCode::lease_lost) co_await run.tell_orphans();
        } else {
            result = pinned.error();
        }
    } catch (const boost::system::system_error& fault) {
        result =
            Error(fault.code() == boost::system::errc::operation_canceled ? ErrorCode::cancelled : ErrorCode::internal,
                  fault.what());
    } catch (const std::exception& fault) {
        result = Error(ErrorCode::internal, fmt::format("an adapter or store threw: {}", fault.what()));
    }
    if (!result && result.error().code == ErrorCode::lease_lost) co_return result;
    std::vector<EventDraft> no_events;
    auto released = co_await session.finish(SyncStatus::completed, std::nullopt, std::move(no_events), {}, {});
    if (!result) co_return result;
    co_return released;
}

Async<Result<Conflict>> Engine::resolve_conflict(std::string tenant_id, std::string conflict_id,
                                                 ConflictResolution resolution) {
    auto conflict = co_await state_->find<Conflict>(tenant_id, "conflict", conflict_id);
    if (!conflict) co_return conflict;
    if (conflict->state != ConflictState::open && conflict->state != ConflictState::ignored)
        co_return Error(ErrorCode::invalid_request,
                        fmt::format("conflict {} is {} already", conflict_id, to_string(conflict->state)));
    if (conflict->type == ConflictType::ambiguous_match)
        co_return co_await state_->resolve_ambiguous(tenant_id, std::move(*conflict), std::move(resolution));
    if (conflict->link_id.empty()) {
        co_return Error(
            ErrorCode::invalid_request,
            fmt::format("conflict {} ({}): mend the record on its side, or the other one that stands in its "
                        "way, and retry its parked record",
                        conflict_id, to_string(conflict->type)));
    }
    const Conflict shown = *conflict;
    State::Work work = [this, &shown, &resolution](Run& run, Session& session, Pinned& pinned) {
        return state_->resolve_on_link(run, session, pinned, shown, resolution);
    };
    auto done = co_await state_->administer(tenant_id, shown.stream_id, "resolve", work);
    if (!done) co_return done.error();
    co_return co_await state_->find<Conflict>(tenant_id, "conflict", conflict_id);
}

Async<Result<>> Engine::State::resolve_on_link(Run& run, Session& session, Pinned& pinned, const Conflict& shown,
                                               const ConflictResolution& resolution) {
    using Choice = ConflictResolution::Choice;
    std::vector<std::string> ids{shown.link_id};
    auto documents = co_await parts.store->read(session.tenant(), "link", std::move(ids));
    if (!documents) co_return documents.error();
    if (!documents->front()) co_return Error(ErrorCode::not_found, "the link of this conflict is gone");
    auto link = from_document<Link>(*documents->front());
    if (!link) co_return link.error();
    if (link->state != Link::State::live)
        co_return Error(ErrorCode::stale, "the two records of this conflict are no longer a pair");
    if (link->conflict_id != shown.conflict_id)
        co_return Error(ErrorCode::stale, "the record has moved on and this conflict with it; look at the newer one");
    Pairs pairs(1);
    Pair& pair = pairs.front();
    pair.link = std::move(*link);
    pair.origin = shown.type == ConflictType::delete_update ? Side::target : Side::source;
    std::vector<Pair*> pointers{&pair};
    if (auto fetched = co_await run.fetch_pairs(pointers); !fetched) co_return fetched;
    if (pair.state != Pair::State::pending) co_return pair.parked->reason;

    const bool stale = moved(shown, pinned, pair, Side::source) || moved(shown, pinned, pair, Side::target);
    if (!stale) {
        if (auto mapped = co_await run.map_pair(pair); !mapped) co_return mapped;
        pair.actor = resolution.actor.empty() ? "somebody" : resolution.actor;
        pair.note = resolution.note;
        if (shown.type == ConflictType::update_update) {
            auto chosen = chosen_values(shown, resolution, pinned, pair);
            if (!chosen) co_return chosen.error();
            pair.chosen = std::move(*chosen);
        } else {
            const bool source = resolution.choice == Choice::source;
            if (!source && resolution.choice != Choice::target)
                co_return Error(ErrorCode::invalid_request,
                                "one side deleted the record, the other changed it: choose source or target");
            pair.chosen_deletion = source ? DeleteStrategy::source_wins : DeleteStrategy::target_wins;
        }
    }
    if (auto processed = co_await run.process_and_commit(pairs); !processed) co_return processed;
    if (pair.state == Pair::State::parked) co_return pair.parked->reason;
    if (stale || (!pair.chosen && !pair.chosen_deletion))
        co_return Error(
            ErrorCode::stale,
            "a side changed since this conflict was recorded; it shows the present values now: decide again");
    co_return Result<>();
}

Async<Result<Conflict>> Engine::State::resolve_ambiguous(std::string tenant_id, Conflict conflict,
                                                         ConflictResolution resolution) {
    using Choice = ConflictResolution::Choice;
    const bool link = resolution.choice == Choice::link;
    if (!link && resolution.choice != Choice::separate)
        co_return Error(ErrorCode::invalid_request,
                        "several records share their match keys: link two of them, or say that they are separate");
    const auto listed = [&](Side side, const std::string& id) {
        return std::find(conflict.candidates.begin(), conflict.candidates.end(),
                         fmt::format("{}:{}", to_string(side), id)) != conflict.candidates.end();
    };
    if (link && (!listed(Side::source, resolution.source_id) || !listed(Side::target, resolution.target_id)))
        co_return Error(ErrorCode::invalid_request, "link names two of the conflict's candidates, one of each side");
    const std::string id = conflict.conflict_id;
    Work work = [&](Run& run, Session& session, Pinned& pinned) {
        return settle_ambiguous(run, session, pinned, conflict, resolution);
    };
    auto done = co_await administer(tenant_id, conflict.stream_id, "resolve", work);
    if (!done) co_return done.error();
    co_return co_await find<Conflict>(tenant_id, "conflict", id);
}

Async<Result<>> Engine::State::settle_ambiguous(Run& run, Session& session, Pinned&, Conflict conflict,
                                                const ConflictResolution& resolution) {
    if (resolution.choice == ConflictResolution::Choice::link) {
        Pairs pairs(1);
        Pair& pair = pairs.front();
        pair.matched = true;
        pair.actor = resolution.actor.empty() ? "somebody" : resolution.actor;
        for (const Side side : {Side::source, Side::target}) {
            std::vector<std::string> ids{side == Side::source ? resolution.source_id : resolution.target_id};
            auto answers = co_await run.fetch(side, ids, std::vector<std::string>());
            if (!answers) co_return answers.error();
            if (answers->front().presence != FetchedRecord::Presence::present)
                co_return Error(ErrorCode::stale,
                                fmt::format("{} record {} is not there any more", to_string(side), ids[0]));
            auto links = co_await run.links_by(side, ids);
            if (!links) co_return links.error();
            if (!links->empty())
                co_return Error(ErrorCode::stale,
                                fmt::format("{} record {} is linked already", to_string(side), ids[0]));
            pair.records[at(side)] = std::move(answers->front().record);
            pair.known[at(side)] = true;
        }
        if (auto processed = co_await run.process_and_commit(pairs); !processed) co_return processed;
        if (pair.state == Pair::State::parked) co_return pair.parked->reason;
    } else {
        std::vector<Effects> effects;
        for (const auto& candidate : conflict.candidates) {
            const Side side = candidate.starts_with("source:") ? Side::source : Side::target;
            Effects change;
            change.writes.push_back(put(to_document(Candidate{conflict.stream_id, side, candidate.substr(7),
                                                              conflict.match_key, true, true})));
            effects.push_back(std::move(change));
        }
        if (auto committed = co_await session.commit(std::move(effects), std::nullopt); !committed) co_return committed;
    }
    if (conflict.state == ConflictState::open) {
        conflict.state = ConflictState::resolved;
        conflict.resolved_at = parts.runtime.clock->now();
        conflict.resolved_by = resolution.actor;
        conflict.note = resolution.note;
        std::vector<Effects> effects(1);
        const Timestamp kept_until = *conflict.resolved_at + parts.limits.journal_retention;
        effects.front().writes.push_back(put(to_document(conflict, kept_until)));
        effects.front().events.push_back(resolved_event(conflict));
        co_return co_await session.commit(std::move(effects), std::nullopt);
    }
    co_return Result<>();
}

Async<Result<Conflict>> Engine::ignore_conflict(std::string tenant_id, std::string conflict_id, std::string actor) {
    auto conflict = co_await state_->find<Conflict>(tenant_id, "conflict", conflict_id);
    if (!conflict) co_return conflict;
    if (conflict->state != ConflictState::open)
        co_return Error(ErrorCode::invalid_request,
                        fmt::format("conflict {} is {} already", conflict_id, to_string(conflict->state)));
    conflict->state = ConflictState::ignored;
    conflict->resolved_by = std::move(actor);
    conflict->resolved_at = state_->parts.runtime.clock->now();
    const auto one_less = [](StreamDocument& stream) {
        if (stream.open_conflicts > 0) --stream.open_conflicts;
        return Result<>();
    };
    std::vector<Write> writes{put(to_document(*conflict))};
    auto changed = co_await change_stream(state_->parts, tenant_id, conflict->stream_id, one_less, std::move(writes));
    if (!changed) co_return changed.error();
    co_return conflict;
}

Async<Result<std::optional<ParkedRecord>>> Engine::retry_parked(std::string tenant_id, std::string parked_id,
                                                                json::object values) {
    auto parked = co_await state_->find<ParkedRecord>(tenant_id, "parked", parked_id);
    if (!parked) co_return parked.error();
    if (parked->record_id.empty())
        co_return Error(ErrorCode::invalid_request,
                        fmt::format("{}: this row does not tell its id; mend it there, the next run reads it",
                                    parked->place));
    State::Work work = [&](Run& run, Session& session, Pinned& pinned) {
        return state_->retry_one(run, session, pinned, *parked, values);
    };
    auto done = co_await state_->administer(tenant_id, parked->stream_id, "retry", work);
    if (!done) co_return done.error();
    std::vector<std::string> ids{parked_id};
    auto documents = co_await state_->parts.store->read(tenant_id, "parked", std::move(ids));
    if (!documents) co_return documents.error();
    if (!documents->front()) co_return std::optional<ParkedRecord>();
    auto still = from_document<ParkedRecord>(*documents->front());
    if (!still) co_return still.error();
    co_return std::optional<ParkedRecord>(std::move(*still));
}

Async<Result<>> Engine::State::retry_one(Run& run, Session& session, Pinned& pinned, const ParkedRecord& parked,
                                         const json::object& values) {
    if (!values.empty()) {
        std::vector<std::string> ids{parked.record_id};
        auto answers = co_await run.fetch(parked.side, ids, std::vector<std::string>());
        if (!answers) co_return answers.error();
        const FetchedRecord& answer = answers->front();
        if (answer.presence != FetchedRecord::Presence::present)
            co_return Error(ErrorCode::stale,
                            fmt::format("{} record {} is not there", to_string(parked.side), parked.record_id));
        PushRequest request;
        request.entity = pinned.entities[at(parked.side)];
        PushItem item;
        item.action = PushItem::Action::update;
        item.id = parked.record_id;
        item.expected_version = answer.record.version;
        item.previous = answer.record.fields;
        item.fields = answer.record.fields;
        for (const auto& value : values)
            if (auto set = set_path(item.fields, value.key(), value.value()); !set) co_return set;
        item.idempotency_key = hash_of({session.stream().stream_id, parked.record_id, item.expected_version,
                                        to_json(item.fields)});
        request.items.push_back(std::move(item));
        if (auto fence = co_await session.verify_fence(); !fence) co_return fence;
        auto outcomes = co_await pinned.adapters[at(parked.side)]->push(std::move(request));
        if (!outcomes) co_return outcomes.error();
        if (outcomes->size() != 1) co_return Error(ErrorCode::corrupted, "the push did not answer its one item");
        const PushOutcome& outcome = outcomes->front();
        if (outcome.status != PushOutcome::Status::applied)
            co_return outcome.error.value_or(Error(ErrorCode::stale, "the record changed meanwhile; retry once more"));
    }
    std::vector<ParkedRecord> one{parked};
    co_return co_await run.retry_these(std::move(one), true);
}

Async<Result<>> Engine::discard_parked(std::string tenant_id, std::string parked_id) {
    auto parked = co_await state_->find<ParkedRecord>(tenant_id, "parked", parked_id);
    if (!parked) co_return parked.error();
    parked->discarded = true;
    std::vector<Write> writes{put(to_document(*parked))};
    const auto unchanged = [](StreamDocument&) { return Result<>(); };
    auto changed = co_await change_stream(state_->parts, tenant_id, parked->stream_id, unchanged, std::move(writes));
    if (!changed) co_return changed.error();
    co_return Result<>();
}

Async<Result<StreamDocument>> Engine::State::stream_of_latch(std::string tenant_id, std::string latch_id) {
    auto all = co_await streams(tenant_id);
    if (!all) co_return all.error();
    for (auto& stream : *all)
        if (stream.latch && stream.latch->latch_id == latch_id) co_return std::move(stream);
    co_return Error(ErrorCode::not_found, "no latch has the id " + latch_id + " (or it was answered already)");
}

Async<Result<>> Engine::approve_latch(std::string tenant_id, std::string latch_id, std::string) {
    auto stream = co_await state_->stream_of_latch(tenant_id, latch_id);
    if (!stream) co_return stream.error();
    const auto approve = [latch_id](StreamDocument& document) -> Result<> {
        if (!document.latch || document.latch->latch_id != latch_id)
            return Error(ErrorCode::stale, "the latch was answered meanwhile");
        // Deletions are counted before the first one is written: no more than those that were shown. The other rails
        // judge as they read, so their count is where they stopped.
        const bool counted = document.latch->rail == Rail::max_deletes || document.latch->rail == Rail::empty_side;
        document.approvals.push_back({document.latch->rail, document.latch->flow,
                                      counted ? document.latch->count
                                              : static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())});
        document.latch.reset();
        return {};
    };
    std::vector<Write> none;
    auto changed = co_await change_stream(state_->parts, tenant_id, stream->stream_id, approve, std::move(none));
    if (!changed) co_return changed.error();
    co_return Result<>();
}

Async<Result<>> Engine::reject_latch(std::string tenant_id, std::string latch_id, std::string) {
    auto stream = co_await state_->stream_of_latch(tenant_id, latch_id);
    if (!stream) co_return stream.error();
    const auto reject = [latch_id](StreamDocument& document) -> Result<> {
        if (!document.latch || document.latch->latch_id != latch_id)
            return Error(ErrorCode::stale, "the latch was answered meanwhile");
        if (document.latch->rail == Rail::max_deletes)
            document.drop_deletions_requested = true;
        else
            document.paused = true;
        document.latch.reset();
        return {};
    };
    std::vector<Write> none;
    auto changed = co_await change_stream(state_->parts, tenant_id, stream->stream_id, reject, std::move(none));
    if (!changed) co_return changed.error();
    co_return Result<>();
}

namespace {

Async<Result<>> set_on_stream(const EngineParts& parts, std::string tenant_id, std::string stream_id,
                              std::function<Result<>(StreamDocument&)> change) {
    std::vector<Write> none;
    auto changed = co_await change_stream(parts, std::move(tenant_id), std::move(stream_id), std::move(change), none);
    if (!changed) co_return changed.error();
    co_return Result<>();
}

} // namespace

Async<Result<>> Engine::pause_stream(std::string tenant_id, std::string stream_id) {
    const auto change = [](StreamDocument& stream) -> Result<> {
        stream.paused = true;
        return {};
    };
    co_return co_await set_on_stream(state_->parts, std::move(tenant_id), std::move(stream_id), change);
}

Async<Result<>> Engine::resume_stream(std::string tenant_id, std::string stream_id) {
    const auto change = [](StreamDocument& stream) -> Result<> {
        stream.paused = false;
        return {};
    };
    co_return co_await set_on_stream(state_->parts, std::move(tenant_id), std::move(stream_id), change);
}

Async<Result<>> Engine::reset_stream(std::string tenant_id, std::string stream_id) {
    const auto change = [](StreamDocument& stream) -> Result<> {
        stream.reset_requested = true;
        if (stream.latch && stream.latch->rail == Rail::mapping_changed) stream.latch.reset();
        return {};
    };
    co_return co_await set_on_stream(state_->parts, std::move(tenant_id), std::move(stream_id), change);
}

} // namespace castiel_sync

#include <engine/engine_state.hpp>

#include <core/task_order.hpp>
#include <engine/dry_run_adapter.hpp>
#include <engine/store_budget.hpp>
#include <stores/overlay.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace castiel_sync {
namespace asio = boost::asio;

namespace {

constexpr int stale_rounds = 20; // of what others make at the same time

std::string mapping_id(const EntityMapping& mapping) {
    return mapping.id.empty() ? mapping.external_entity + "↔" + mapping.shard_type_id : mapping.id;
}

bool within(Direction narrow, Direction wide) { return wide == Direction::bidirectional || narrow == wide; }

} // namespace

std::optional<Error> why_it_stands_still(const StreamDocument& stream) {
    if (stream.latch)
        return Error(ErrorCode::latched, stream.latch->reason + " (latch " + stream.latch->latch_id + ")");
    if (stream.paused) return Error(ErrorCode::latched, "the stream is paused; resume it to go on");
    return std::nullopt;
}

std::vector<TaskStream> streams_of(const std::vector<StreamPlan>& plans) {
    std::vector<TaskStream> streams;
    for (const StreamPlan& plan : plans) {
        TaskStream& stream = streams.emplace_back();
        stream.stream_id = plan.stream_id;
        stream.entity_type = plan.mapping.external_entity;
    }
    return streams;
}

Engine::Engine(EngineParts parts) : state_(std::make_unique<State>(std::move(parts))) {
    if (state_->parts.instance.empty()) state_->parts.instance = "castiel-sync";
}

Engine::~Engine() = default;

Async<Result<Integration>> Engine::State::find_integration(const EngineParts& with, std::string tenant_id,
                                                           std::string integration_id) {
    auto found = co_await with.catalog->find(tenant_id, integration_id);
    if (!found) co_return found.error();
    if (!*found) co_return Error(ErrorCode::not_found, "no integration has the id " + integration_id);
    co_return std::move(**found);
}

Result<std::vector<StreamPlan>> Engine::State::plan_streams(const Integration& integration,
                                                            const SyncRequest& request) const {
    if (std::max(request.source_ids.size(), request.target_ids.size()) > max_named_records)
        return Error(ErrorCode::invalid_request,
                     fmt::format("a request may name {} records on each side, and this one names {}: split it",
                                 max_named_records, std::max(request.source_ids.size(), request.target_ids.size())));
    auto order = order_by_reference(integration.sync.entity_mappings);
    if (!order) return order.error();
    std::vector<StreamPlan> plans;
    bool known = request.entity.empty();
    for (const std::size_t i : *order) {
        const EntityMapping& mapping = integration.sync.entity_mappings[i];
        if (!request.entity.empty() && request.entity != mapping.external_entity &&
            request.entity != mapping_id(mapping))
            continue;
        known = true;
        if (!mapping.enabled) continue;
        StreamPlan plan;
        plan.mapping = mapping;
        plan.mapping.id = mapping_id(mapping);
        plan.stream_id = make_stream_id(integration.id, plan.mapping.id);
        const Direction configured = mapping.direction.value_or(integration.sync.direction);
        plan.direction = request.direction.value_or(configured);
        plan.narrowed = plan.direction != configured;
        if (!within(plan.direction, configured)) {
            if (request.entity.empty()) continue; // this entity does not flow that way; others of the integration may
            return Error(ErrorCode::invalid_request,
                         fmt::format("entity {} flows {} only, by its configuration", mapping.external_entity,
                                     to_string(configured)));
        }
        plans.push_back(std::move(plan));
    }
    if (!known)
        return Error(ErrorCode::not_found,
                     fmt::format("integration {} maps no entity \"{}\"", integration.id, request.entity));
    return plans;
}

Async<Result<Pinned>> Engine::State::pin(const RunMode& mode, const Integration& integration, const StreamPlan& plan,
                                         const std::vector<Filter>& filters) {
    const EngineParts& with = *mode.parts;
    auto compiled = Mapping::compile(plan.mapping, plan.mapping.direction.value_or(integration.sync.direction));
    if (!compiled.mapping) {
        std::string faults;
        for (const auto& fault : compiled.faults)
            if (!fault.notice) faults += (faults.empty() ? "" : "; ") + fault.path + ": " + fault.message;
        co_return Error(ErrorCode::invalid_configuration,
                        fmt::format("mapping of {}: {}", plan.mapping.external_entity, faults));
    }
    auto credentials = co_await with.catalog->credentials(integration);
    if (!credentials) co_return credentials.error();
    AdapterContext context;
    context.runtime = with.runtime;
    context.tenant_id = integration.tenant_id;
    context.integration_id = integration.id;
    context.entity = plan.mapping.external_entity;
    context.settings = integration.settings;
    context.credentials = std::move(*credentials);
    context.credential_reference = integration.credential_secret_name;
    // Of the store itself, also in a preview: what that reads the account is asked for as well. An execution that waits
    // for longer may lose its stream.
    context.budget = make_store_budget(with.runtime, *parts.store, integration, with.limits.lease_duration / 2);
    auto source = with.adapters->make(integration.provider_name, context);
    if (!source) co_return source.error();
    context.entity = plan.mapping.shard_type_id;
    context.settings = json::object();
    context.credentials = json::object();
    context.credential_reference.clear();
    context.budget.reset();
    auto target = with.shards(context);
    if (!target) co_return target.error();

    Pinned pinned{integration, std::move(*compiled.mapping), Policy(), RailLimits(), {}, {}, {}, {}, plan.narrowed, {}};
    pinned.policy = make_policy(integration.sync, pinned.mapping, plan.direction, with.strategies);
    pinned.rails = plan.mapping.rails.value_or(integration.sync.rails);
    if (mode.preview) {
        // A preview shows what would be done; judging it is the reader's.
        pinned.rails.max_deletes = std::numeric_limits<std::size_t>::max();
        pinned.rails.max_delete_share = 1.0;
        pinned.rails.max_update_share = 1.0;
        pinned.rails.stop_on_empty_side = pinned.rails.stop_on_all_changed = pinned.rails.stop_on_mapping_change =
            false;
        pinned.rails.max_ping_pong = std::numeric_limits<std::size_t>::max();
    }
    pinned.filters = integration.sync.pull_filters;
    pinned.filters.insert(pinned.filters.end(), plan.mapping.filters.begin(), plan.mapping.filters.end());
    pinned.filters.insert(pinned.filters.end(), filters.begin(), filters.end());
    pinned.adapters = {std::move(*source), std::move(*target)};
    if (mode.wrap)
        for (const Side side : {Side::source, Side::target})
            pinned.adapters[index_of(side)] = mode.wrap(std::move(pinned.adapters[index_of(side)]), side);
    for (std::size_t side = 0; side < 2; ++side) pinned.capabilities[side] = pinned.adapters[side]->capabilities();
    pinned.entities = {plan.mapping.external_entity, plan.mapping.shard_type_id};
    for (const auto& mapping : integration.sync.entity_mappings)
        pinned.streams[mapping.external_entity] = make_stream_id(integration.id, mapping_id(mapping));
    for (const Side side : {Side::source, Side::target}) {
        const bool written = side == Side::source ? pinned.policy.flows_to_source : pinned.policy.flows_to_target;
        if (written && !pinned.capabilities[index_of(side)].writable)
            co_return Error(
                ErrorCode::unsupported,
                fmt::format("adapter {} can't write, and entity {} flows towards it: make the mapping inbound",
                            integration.provider_name, plan.mapping.external_entity));
    }
    co_return pinned;
}

Async<Result<>> Engine::State::execute(const RunMode& mode, Session& session, const Integration& integration,
                                       const StreamPlan& plan, const SyncRequest& request, std::optional<Trip>& trip,
                                       std::vector<std::string>& examples) {
    auto pinned = co_await pin(mode, integration, plan, request.filters);
    if (!pinned) co_return pinned.error();
    std::size_t cap = mode.parts->limits.max_records_per_sync;
    if (integration.sync.max_records_per_sync) cap = std::min(cap, *integration.sync.max_records_per_sync);
    if (mode.preview) cap = std::numeric_limits<std::size_t>::max();
    Run run(*mode.parts, memory, session, *pinned, request, mode.observer, std::max<std::size_t>(1, cap));
    auto result = co_await run.execute();
    if (!result && result.error().code == ErrorCode::lease_lost) co_await run.tell_orphans();
    trip = run.trip();
    examples = run.trip_examples();
    co_return result;
}

Async<Execution> Engine::State::run_stream(const RunMode& mode, const Integration& integration, StreamPlan plan,
                                           SyncRequest request, TaskProgress& progress, std::size_t index) {
    const EngineParts& with = *mode.parts;
    Execution execution;
    execution.execution_id = make_uuid(*with.runtime.random);
    execution.task_id = progress.task.task_id;
    execution.tenant_id = integration.tenant_id;
    execution.integration_id = integration.id;
    execution.stream_id = plan.stream_id;
    execution.entity_type = plan.mapping.external_entity;
    execution.direction = plan.direction;
    execution.trigger = request.trigger;
    execution.started_at = with.runtime.clock->now();

    // A claim is made or not, never half: who cancels meanwhile is heard right after it.
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation(),
                                                       asio::disable_cancellation());
    auto found = co_await find_stream(*with.store, integration.tenant_id, plan.stream_id);
    const auto refused = [&](Error error) {
        execution.status = error.code == ErrorCode::busy ? SyncStatus::pending : SyncStatus::failed;
        if (execution.status == SyncStatus::failed) execution.completed_at = with.runtime.clock->now();
        execution.error = std::move(error);
    };
    if (!found) {
        refused(found.error());
        co_return execution;
    }
    StreamDocument stream;
    if (*found) {
        stream = std::move(**found);
    } else {
        stream.stream_id = plan.stream_id;
        stream.integration_id = integration.id;
    }
    stream.mapping_id = plan.mapping.id;
    stream.entity_type = plan.mapping.external_entity;
    stream.shard_type_id = plan.mapping.shard_type_id;
    auto& checkpoint = stream.checkpoints[static_cast<std::size_t>(plan.direction)];
    if (!checkpoint) checkpoint.emplace();
    // Refused only once it is claimed: it was asked for, so it begins and ends in history and events like any other.
    std::optional<Error> stands_still;
    if (!mode.preview) stands_still = why_it_stands_still(stream);
    Session session(with, integration.tenant_id, std::move(stream), execution);
    std::vector<EventDraft> started{started_event(execution)};
    const std::size_t slots =
        mode.preview ? 0 : std::clamp<std::size_t>(with.limits.max_concurrent_syncs_per_tenant, 1, most_slots);
    std::vector<Write> task_begins;
    TaskDocument begun = progress.task;
    begin_stream(begun, index, execution, execution.started_at);
    if (!mode.preview) {
        task_begins = progress.start;
        // One that others may run as well is taken up by one of them only.
        task_begins.push_back(!progress.stored  ? insert(to_document(begun))
                              : begun.attended ? put(to_document(begun))
                                               : replace(to_document(begun)));
    }
    auto claimed = co_await session.claim(slots, mode.preview, std::move(started), std::move(task_begins));
    if (!claimed) {
        refused(claimed.error());
        co_return execution;
    }
    progress.task = std::move(begun);
    progress.start.clear();
    progress.stored = progress.up_to_date = true;

    const auto asked = co_await asio::this_coro::cancellation_state;
    const bool cancelled_early = asked.cancelled() != asio::cancellation_type::none;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_await asio::this_coro::throw_if_cancelled(true);

    const Error cancelled(ErrorCode::cancelled,
                          "cancelled; what was committed stays, the next run goes on from there");
    Result<> result;
    std::optional<Trip> trip;
    std::vector<std::string> examples;
    try {
        if (cancelled_early)
            result = cancelled;
        else if (stands_still)
            result = *stands_still;
        else
            result = co_await execute(mode, session, integration, plan, request, trip, examples);
    } catch (const boost::system::system_error& fault) {
        result =
            fault.code() == asio::error::operation_aborted
                ? cancelled
                : Error(ErrorCode::internal, fmt::format("an adapter or store threw: {}", fault.what()));
    } catch (const std::exception& fault) {
        result = Error(ErrorCode::internal, fmt::format("an adapter or store threw: {}", fault.what()));
    }
    // A cancelled run only tidies up from here on: what it still awaits must complete. Not in a function of its own,
    // since awaiting that would throw already.
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    execution = session.execution();
    SyncStatus status = SyncStatus::completed;
    std::optional<Error> error;
    if (!result) {
        error = result.error();
        status = error->code == ErrorCode::cancelled ? SyncStatus::cancelled : SyncStatus::failed;
    }
    if (error && error->code == ErrorCode::lease_lost) {
        // Whoever took the stream over ends this execution in the store; here it only says so.
        execution.status = status;
        execution.error = error;
        execution.completed_at = with.runtime.clock->now();
        co_return execution;
    }
    std::optional<Latch> latch;
    if (trip) {
        latch.emplace();
        latch->latch_id = make_uuid(*with.runtime.random);
        latch->stream_id = plan.stream_id;
        latch->integration_id = integration.id;
        latch->entity_type = plan.mapping.external_entity;
        latch->rail = trip->rail;
        latch->flow = trip->flow;
        latch->reason = trip->reason;
        latch->count = trip->count;
        latch->examples = std::move(examples);
        latch->execution_id = execution.execution_id;
        latch->tripped_at = with.runtime.clock->now();
    }
    session.execution().has_more = session.execution().has_more && status == SyncStatus::completed;
    Execution ended = session.execution();
    ended.status = status;
    ended.error = error;
    std::vector<EventDraft> events{ended_event(ended)};
    std::function<void(StreamDocument&)> change;
    if (latch) {
        change = [latch](StreamDocument& document) { document.latch = latch; };
        events.push_back(latched_event(*latch));
    }
    bool handed_over = false;
    if (status == SyncStatus::cancelled && !progress.task.attended) {
        auto wanted = co_await cancellation_asked(integration.tenant_id, progress.task.task_id);
        handed_over = !wanted || !*wanted; // whoever runs it next will ask again
    }
    TaskDocument after = progress.task;
    const Timestamp now = with.runtime.clock->now();
    if (handed_over) hand_over_stream(after, index, ended, now);
    else end_stream(after, index, ended, progress.rules, now, *with.runtime.random);
    std::vector<Write> task_ends; // nobody else writes it while this stream is ours
    if (!mode.preview) task_ends.push_back(put(to_document(after, now + with.limits.execution_retention)));
    auto finished = co_await session.finish(status, error, std::move(events), std::move(change), std::move(task_ends));
    execution = session.execution();
    progress.up_to_date = finished.has_value();
    if (finished) {
        progress.task = std::move(after);
    } else {
        execution.status = SyncStatus::failed;
        if (!execution.error) execution.error = finished.error();
    }
    co_return execution;
}

Async<Result<std::vector<Execution>>> Engine::State::run(RunMode mode, SyncRequest request) {
    const EngineParts& with = *mode.parts;
    auto integration = co_await find_integration(with, request.tenant_id, request.integration_id);
    if (!integration) co_return integration.error();
    if (!integration->sync.sync_enabled)
        co_return Error(ErrorCode::invalid_request, "sync is switched off for integration " + integration->id);
    auto plans = plan_streams(*integration, request);
    if (!plans) co_return plans.error();
    // Cancelling ends the streams' work, each at its next safe point; the task around them is begun and ended whole.
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation(),
                                                       asio::disable_cancellation());
    TaskProgress progress;
    progress.task.task_id = make_uuid(*with.runtime.random);
    progress.task.request = request;
    progress.task.attended = true;
    progress.task.created_at = progress.task.updated_at = with.runtime.clock->now();
    progress.task.streams = streams_of(*plans);
    std::vector<Execution> executions;
    const auto asked_early = co_await asio::this_coro::cancellation_state;
    bool cancelled = asked_early.cancelled() != asio::cancellation_type::none;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    for (std::size_t i = 0; i < plans->size(); ++i) {
        const auto asked = co_await asio::this_coro::cancellation_state;
        cancelled = cancelled || asked.cancelled() != asio::cancellation_type::none;
        if (cancelled) break;
        if (i > 0 && !mode.preview) {
            // Somebody may have ended it meanwhile, or taken this process for dead.
            auto known = co_await load_task(request.tenant_id, progress.task.task_id);
            if (known && is_terminal(known->status)) {
                progress.task = std::move(*known);
                progress.up_to_date = true;
                break;
            }
        }
        Execution execution =
            co_await asio::co_spawn(with.runtime.executor,
                                    run_stream(mode, *integration, std::move((*plans)[i]), request, progress, i),
                                    asio::use_awaitable);
        cancelled = execution.status == SyncStatus::cancelled;
        if (mode.observer) mode.observer->on_finished(execution);
        if (!mode.preview && !is_terminal(progress.task.streams[i].status) && is_terminal(execution.status)) {
            // Its end is not written down with the stream's.
            end_stream(progress.task, i, execution, progress.rules, with.runtime.clock->now(), *with.runtime.random);
            progress.up_to_date = false;
        }
        executions.push_back(std::move(execution));
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (mode.preview) co_return executions;
    const json::object ids{{"tenantId", request.tenant_id}, {"taskId", progress.task.task_id}};
    if (!is_terminal(progress.task.status)) {
        const Timestamp now = with.runtime.clock->now();
        if (cancelled) castiel_sync::cancel_task(progress.task, now);
        else fail_task(progress.task, Error(ErrorCode::busy, "another execution holds the stream"), now);
        progress.up_to_date = false;
    }
    if (!progress.up_to_date) {
        const Timestamp kept_until = with.runtime.clock->now() + with.limits.execution_retention;
        std::vector<Write> writes{put(to_document(progress.task, kept_until))};
        auto receipt = co_await with.store->commit(request.tenant_id, std::move(writes));
        // Where not even its beginning was recorded, nothing has happened at all.
        if (!receipt && !progress.stored) co_return receipt.error();
        if (!receipt && mode.observer)
            mode.observer->on_log(LogLevel::error, "the task's end was not recorded: " + receipt.error().message, ids);
    }
    if (auto published = co_await publish_events(request.tenant_id); !published && mode.observer)
        // They stay in the outbox; the next run or publish_events sends them.
        mode.observer->on_log(LogLevel::warning, "events wait in the outbox: " + published.error().message, ids);
    co_return executions;
}

// In a coroutine of its own: what a run does about cancellation ends with it, and is not the caller's.
Async<Result<std::vector<Execution>>> Engine::State::run_apart(RunMode mode, SyncRequest request) {
    Result<std::vector<Execution>> executions(Error(ErrorCode::cancelled, "cancelled before anything was begun"));
    try {
        executions = co_await asio::co_spawn(parts.runtime.executor, run(std::move(mode), std::move(request)),
                                             asio::use_awaitable);
    } catch (const boost::system::system_error& fault) {
        if (fault.code() != asio::error::operation_aborted) throw;
    }
    co_return executions;
}

Async<Result<std::vector<Execution>>> Engine::run(SyncRequest request) {
    RunMode mode;
    mode.parts = &state_->parts;
    mode.observer = state_->parts.observer;
    return state_->run_apart(std::move(mode), std::move(request));
}

Async<Result<std::vector<Execution>>> Engine::preview(SyncRequest request, Observer& plan) {
    auto overlay = make_overlay_store(*state_->parts.store, *state_->parts.runtime.clock);
    EngineParts parts = state_->parts;
    parts.store = overlay.get();
    RunMode mode;
    mode.preview = true;
    mode.parts = &parts;
    mode.observer = &plan;
    mode.wrap = [](std::unique_ptr<Adapter> adapter, Side) { return make_dry_run_adapter(std::move(adapter)); };
    co_return co_await state_->run_apart(std::move(mode), std::move(request));
}

Async<Result<>> Engine::check(std::string tenant_id, std::string integration_id) {
    auto integration = co_await state_->find_integration(state_->parts, tenant_id, integration_id);
    if (!integration) co_return integration.error();
    SyncRequest request;
    request.tenant_id = tenant_id;
    request.integration_id = integration_id;
    auto plans = state_->plan_streams(*integration, request);
    if (!plans) co_return plans.error();
    RunMode mode;
    mode.parts = &state_->parts;
    for (const auto& plan : *plans) {
        const std::vector<Filter> no_filters;
        auto pinned = co_await state_->pin(mode, *integration, plan, no_filters);
        if (!pinned) co_return pinned.error();
        for (auto& adapter : pinned->adapters) {
            auto reached = co_await adapter->check();
            if (!reached) co_return reached;
        }
    }
    co_return Result<>();
}

// In order per stream; an event leaves the outbox after the sink has taken it. One publisher at a time: the sink's
// calls never overlap, and who comes meanwhile has the first one look once more.
Async<Result<std::size_t>> Engine::publish_events(std::string tenant_id) {
    return state_->publish_events(std::move(tenant_id));
}

Async<Result<std::size_t>> Engine::State::publish_events(std::string tenant_id) {
    if (!parts.events) co_return std::size_t{0};
    publish_again.insert(tenant_id);
    if (publishing) co_return std::size_t{0};
    publishing = true;
    struct Release {
        bool& flag;
        ~Release() { flag = false; }
    } release{publishing};
    std::size_t published = 0;
    while (!publish_again.empty()) {
        const std::string next = *publish_again.begin();
        publish_again.erase(publish_again.begin());
        auto some = co_await publish_tenant(next);
        if (!some) co_return some;
        published += *some;
    }
    co_return published;
}

Async<Result<std::size_t>> Engine::State::publish_tenant(std::string tenant_id) {
    std::size_t published = 0;
    std::optional<Error> refused; // by the sink: the others are told of the rest all the same
    Query query;
    query.order = {{"stream_id", false}, {"sequence", false}};
    query.limit = 200;
    do {
        Query copy = query;
        auto page = co_await parts.store->query(tenant_id, "outbox", std::move(copy));
        if (!page) co_return page.error();
        query.continuation = page->continuation;
        if (page->documents.empty()) continue; // which need not be the last page
        std::vector<Event> events;
        std::vector<Write> writes;
        for (const auto& document : page->documents) {
            auto event = from_document<Event>(document);
            if (!event) co_return event.error();
            events.push_back(std::move(*event));
            writes.push_back(remove("outbox", document.id));
        }
        const std::size_t count = events.size();
        if (parts.fan_out) {
            auto told = co_await fan_out(tenant_id, events);
            if (!told) co_return told.error();
        }
        if (refused) continue;
        if (auto taken = co_await parts.events->publish(std::move(events)); !taken) {
            if (!parts.fan_out) co_return taken.error();
            refused = taken.error();
            continue;
        }
        auto receipt = co_await parts.store->commit(tenant_id, std::move(writes));
        if (!receipt) co_return receipt.error();
        published += count;
    } while (!query.continuation.empty());
    if (refused) co_return *refused;
    co_return published;
}

// Another instance may do the same at this moment, or have done a part of it: what is there is left out.
Async<Result<>> Engine::State::fan_out(std::string tenant_id, std::vector<Event> events) {
    const StoreLimits limits = parts.store->limits();
    for (int round = 0;; ++round) {
        auto writes = co_await parts.fan_out->writes_for(tenant_id, events);
        if (!writes) co_return writes.error();
        Result<> stored;
        for (std::size_t begin = 0; begin < writes->size() && stored;) {
            std::vector<Write> part;
            std::size_t bytes = 0;
            for (; begin < writes->size() && part.size() < limits.max_writes; ++begin) {
                bytes += (*writes)[begin].document.body.size();
                if (!part.empty() && bytes > limits.max_bytes) break;
                part.push_back((*writes)[begin]);
            }
            std::vector<Write> told = part;
            auto receipt = co_await parts.store->commit(tenant_id, std::move(part));
            if (receipt) parts.fan_out->take_note(tenant_id, told);
            else stored = receipt.error();
        }
        if (stored || stored.error().code != ErrorCode::stale || round == stale_rounds) co_return stored;
    }
}

} // namespace castiel_sync

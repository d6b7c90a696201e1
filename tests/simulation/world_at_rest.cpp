// The phases after the faults: quiesce, verify, and what people decide.
#include "node.hpp"
#include "world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace simulation {

using namespace std::chrono_literals;

namespace {

// Rounds that may end a cycle and still write: the first sees everything, the second the echoes, a third what the
// second's writes set free.
constexpr std::size_t most_restless_cycles = 6;
constexpr nanoseconds most_waiting = std::chrono::days{4}; // for leases of nodes whose clock was a day ahead

} // namespace

// One run on every stream, and on each that says so further ones, until its cycle is complete. True: nothing is
// pending.
cs::Async<bool> World::run_round(Node& node) {
    std::vector<cs::Execution> runs;
    co_await run_to_an_end(node, request(), runs);
    bool complete = true;
    for (cs::Execution run : runs) {
        // Each execution of a cycle does at least one record, or ends a phase.
        std::size_t left = 8 + 4 * ledger_.records().size();
        while (run.has_more && left-- > 0) {
            cs::SyncRequest rest = request();
            rest.entity = run.entity_type;
            rest.resume = true;
            std::vector<cs::Execution> next;
            co_await run_to_an_end(node, std::move(rest), next);
            if (next.empty()) co_return true;
            run = std::move(next.front());
        }
        if (run.has_more)
            violations_.add("I1", fmt::format("a cycle of {} does not end: each execution says that more is pending",
                                              run.entity_type));
        complete = complete && run.status == cs::SyncStatus::completed;
    }
    co_await judge_latches(node);
    co_return complete;
}

// What an execution says it did is what the systems saw, where it neither settled what others had begun nor left
// anything undone itself. A pair counts once, whatever was written to it.
void World::check_counters(const cs::Execution& run, const std::vector<Ledger::WriteCounts>& before) {
    if (run.status != cs::SyncStatus::completed || run.counters.failed > 0) return;
    for (std::size_t i = 0; i < scenario_.entities.size(); ++i) {
        if (scenario_.entities[i].external != run.entity_type) continue;
        const Ledger::WriteCounts now = ledger_.engine_writes(i);
        const std::uint64_t created = now.created - before[i].created, updated = now.updated - before[i].updated,
                            removed = now.removed - before[i].removed;
        const auto& told = run.counters;
        const bool pairs = told.updated <= updated && updated <= 2 * told.updated + told.created;
        if (told.created == created && told.deleted == removed && pairs) continue;
        violations_.add("I17", fmt::format("{} counts {} created, {} updated and {} deleted records; the systems saw "
                                           "{} creations, {} edits and {} deletions",
                                           run.entity_type, told.created, told.updated, told.deleted, created, updated,
                                           removed));
    }
}

// Waits for streams that a dead process still holds.
cs::Async<void> World::run_to_an_end(Node& node, cs::SyncRequest request, std::vector<cs::Execution>& ended) {
    nanoseconds waited{0};
    for (;;) {
        const nanoseconds began = loop_.now();
        cs::SyncRequest same = request;
        std::vector<Ledger::WriteCounts> before;
        for (std::size_t i = 0; i < scenario_.entities.size(); ++i) before.push_back(ledger_.engine_writes(i));
        const bool counts_exactly = mirror_.documents("intent").empty() && mirror_.documents("parked").empty();
        auto runs = co_await node.engine().run(std::move(same));
        note_runs(node, began, request.resume, runs);
        if (!runs) {
            violations_.add("I1", "a run was refused after all faults had ended: " + runs.error().message);
            co_return;
        }
        bool pending = false;
        for (const cs::Execution& run : *runs) {
            if (counts_exactly) check_counters(run, before);
            // The account's budget is used up for the moment.
            const bool waits = scenario_.integration.rate_limit.per_minute && run.error &&
                               run.error->code == cs::ErrorCode::throttled;
            pending = pending || waits || run.status == cs::SyncStatus::pending;
            const bool latched = run.error && run.error->code == cs::ErrorCode::latched;
            if (run.status != cs::SyncStatus::completed && run.status != cs::SyncStatus::pending && !latched && !waits)
                violations_.add("I1", fmt::format("a run ended as {} after all faults had ended: {}",
                                                  to_string(run.status), run.error ? run.error->message : "no reason"));
        }
        if (!pending) {
            ended = std::move(*runs);
            co_return;
        }
        // The lease may have been written by a clock far ahead of ours.
        const nanoseconds wait = waited < 10min ? nanoseconds(30s) : nanoseconds(1h);
        waited += wait;
        if (waited > most_waiting) {
            violations_.add("I16", "a stream is still held long after the process that held it died");
            co_return;
        }
        co_await loop_.sleep(wait);
    }
}

cs::Async<void> World::judge_latches(Node& node) {
    const std::string tenant = scenario_.integration.tenant_id;
    auto streams = co_await node.engine().list_streams(tenant);
    if (!streams) co_return;
    for (const cs::StreamSummary& stream : *streams) {
        if (!stream.latch) continue;
        trace_.note("latch on {}: {}", stream.entity_type, stream.latch->reason);
        rounds_wrote_ = true;
        if (persons_.percent(75)) {
            auto approved = co_await node.engine().approve_latch(tenant, stream.latch->latch_id, "operator");
            if (!approved) violations_.add("I1", "a latch can't be approved: " + approved.error().message);
            continue;
        }
        oracle_.note_rejected_latch();
        auto rejected = co_await node.engine().reject_latch(tenant, stream.latch->latch_id, "operator");
        if (!rejected) violations_.add("I1", "a latch can't be rejected: " + rejected.error().message);
        auto resumed = co_await node.engine().resume_stream(tenant, stream.stream_id);
        if (!resumed) violations_.add("I1", "a stream can't be resumed: " + resumed.error().message);
    }
}

cs::Async<void> World::publish(Node& node) {
    for (int i = 0; i < 10; ++i) {
        auto published = co_await node.engine().publish_events(scenario_.integration.tenant_id);
        if (!published) violations_.add("I15", "events can't be published: " + published.error().message);
        if (!published || *published == 0) co_return;
    }
}

// Runs until nothing is written any more; within bounds.
cs::Async<void> World::settle(std::string purpose) {
    Node& node = healthy_node();
    const std::size_t records = ledger_.records().size();
    const std::size_t most_rounds = 30 + 12 * records / scenario_.limits.max_records_per_sync;
    std::size_t restless_cycles = 0;
    for (std::size_t round = 0; round < most_rounds; ++round) {
        rounds_wrote_ = false;
        const std::uint64_t writes = ledger_.engine_writes();
        // A link that ended or a record that was parked may be this round's answer to news that the next one settles.
        const auto held = [&] {
            return std::array{mirror_.documents("conflict").size(), mirror_.documents("parked").size(),
                              mirror_.documents("deletion").size(), mirror_.documents("intent").size()};
        };
        const auto before = held();
        const bool complete = co_await run_round(node);
        if (!violations_.none()) co_return;
        const bool wrote = rounds_wrote_ || ledger_.engine_writes() != writes || held() != before;
        if (complete && !wrote) {
            co_await publish(node);
            trace_.note("{}: at rest after {} rounds", purpose, round + 1);
            co_return;
        }
        if (complete && ++restless_cycles > most_restless_cycles) break;
        co_await loop_.sleep(1min);
    }
    violations_.add("I12", fmt::format("{}: the engine still writes after {} complete cycles; it does not come to rest",
                                       purpose, restless_cycles));
}

void World::quiesce_phase() {
    // Deletions that no run has met yet, and what waits parked, may still be written.
    std::size_t open = oracle_.differences().size() + mirror_.documents("deletion").size() +
                       mirror_.documents("parked").size();
    for (const auto& [id, link] : mirror_.links()) {
        const auto entity = mirror_.entity_of_stream(link.stream_id);
        if (!link.state.empty() || !entity) continue;
        for (const Side side : {Side::source, Side::target}) {
            const RecordState* record = ledger_.find(RecordKey{side, *entity, link.id(side)});
            if (record && !record->exists) ++open;
        }
    }
    const std::uint64_t before = ledger_.engine_writes();
    loop_.run(settle("after the faults"));
    const std::uint64_t writes = ledger_.engine_writes() - before;
    trace_.note("{} differences were open; {} writes closed them", open, writes);
    if (writes > 2 * open + 8)
        violations_.add("I12", fmt::format("{} writes for {} open differences", writes, open));
}

void World::verify_phase() {
    if (!violations_.none()) return;
    for (const std::string& difference : oracle_.differences()) violations_.add("I1", difference);
    oracle_.check_at_rest(*events_);
    if (!violations_.none()) return;
    // I14: once more, with nothing to do.
    const std::uint64_t writes = ledger_.engine_writes();
    const std::size_t conflicts = mirror_.documents("conflict").size();
    loop_.run(settle("once more"));
    if (ledger_.engine_writes() != writes || mirror_.documents("conflict").size() != conflicts)
        violations_.add("I14", fmt::format("a run with nothing to do wrote {} records and made {} conflicts",
                                           ledger_.engine_writes() - writes,
                                           mirror_.documents("conflict").size() - conflicts));
}

// A value that flows one way only can't be written back.
bool World::can_be_chosen(const cs::Conflict& conflict, Side side) const {
    const EntityPlan& plan = scenario_.entities[*ledger_.entity_of(Side::source, conflict.entity_type)];
    return std::all_of(conflict.fields.begin(), conflict.fields.end(), [&](const cs::ConflictField& field) {
        return std::all_of(plan.fields.begin(), plan.fields.end(), [&](const FieldPlan& mapped) {
            return mapped.shard != field.field || (side == Side::source ? mapped.to_target : mapped.to_source);
        });
    });
}

cs::Async<void> World::resolve_conflicts(std::size_t& deletions_met) {
    Node& node = healthy_node();
    cs::ListRequest list;
    list.tenant_id = scenario_.integration.tenant_id;
    list.state = "open";
    list.limit = 1000;
    auto open = co_await node.engine().list_conflicts(list);
    if (!open) {
        violations_.add("I37", "open conflicts can't be listed: " + open.error().message);
        co_return;
    }
    for (const cs::Conflict& conflict : open->items) {
        const bool two_sided = conflict.type == cs::ConflictType::update_update ||
                               conflict.type == cs::ConflictType::update_delete ||
                               conflict.type == cs::ConflictType::delete_update;
        if (!two_sided || persons_.percent(20)) continue;
        cs::ConflictResolution resolution;
        Side chosen = persons_.percent(50) ? Side::source : Side::target;
        if (!can_be_chosen(conflict, chosen)) chosen = cs::other(chosen);
        if (!can_be_chosen(conflict, chosen)) continue;
        const EntityPlan& plan = scenario_.entities[*ledger_.entity_of(Side::source, conflict.entity_type)];
        if (source_.broken(plan.external, conflict.source_id) || target_.broken(plan.shard, conflict.target_id))
            continue; // a row that can't be read can't be decided about
        resolution.choice = chosen == Side::source ? cs::ConflictResolution::Choice::source
                                                   : cs::ConflictResolution::Choice::target;
        resolution.actor = "ada";
        trace_.note("conflict {} between {} and {}: a person chooses the {}", conflict.conflict_id, conflict.source_id,
                    conflict.target_id, to_string(chosen));
        cs::ConflictResolution first = resolution;
        auto resolved = co_await node.engine().resolve_conflict(list.tenant_id, conflict.conflict_id, std::move(first));
        for (int i = 0; i < 10 && !resolved && resolved.error().code == cs::ErrorCode::throttled; ++i) {
            co_await loop_.sleep(30s); // as above
            cs::ConflictResolution again = resolution;
            resolved = co_await node.engine().resolve_conflict(list.tenant_id, conflict.conflict_id, std::move(again));
        }
        const bool unread = !scenario_.flows_to(Side::source) || !scenario_.flows_to(Side::target);
        if (!resolved && resolved.error().code == cs::ErrorCode::stale && unread) {
            // It moved where nobody reads: it is shown anew, or another one in its place.
            resolved = co_await node.engine().resolve_conflict(list.tenant_id, conflict.conflict_id, resolution);
            if (!resolved && resolved.error().code == cs::ErrorCode::invalid_request) continue;
        }
        // A deletion that its system never tells is met only now.
        const bool gone = !source_.find(plan.external, conflict.source_id) ||
                          !target_.find(plan.shard, conflict.target_id);
        if (!resolved && resolved.error().code == cs::ErrorCode::stale && gone) {
            ++deletions_met;
            continue;
        }
        if (!resolved) {
            violations_.add("I37", fmt::format("conflict {} can't be resolved: {}", conflict.conflict_id,
                                               resolved.error().message));
            continue;
        }
        ++report_.resolved;
        if (resolved->state != cs::ConflictState::resolved)
            violations_.add("I37", fmt::format("conflict {} is {} after its resolution", conflict.conflict_id,
                                               to_string(resolved->state)));
        if (conflict.type != cs::ConflictType::update_update) continue;
        const json::object* source = source_.find(plan.external, conflict.source_id);
        const json::object* target = target_.find(plan.shard, conflict.target_id);
        if (!source || !target) {
            violations_.add("I37", fmt::format("conflict {} was resolved, and a side is gone", conflict.conflict_id));
            continue;
        }
        for (const cs::ConflictField& field : conflict.fields)
            for (const FieldPlan& mapped : plan.fields) {
                if (mapped.shard != field.field) continue;
                const auto& wanted = chosen == Side::source ? field.source : field.target;
                const auto at_source = get(*source, mapped.external);
                const auto at_target = get(*target, mapped.shard);
                const bool reaches_both = mapped.to_source && mapped.to_target;
                if (reaches_both && (!same(at_source, wanted, mapped.unordered) ||
                                     !same(at_target, wanted, mapped.unordered)))
                    violations_.add(
                        "I37", fmt::format("conflict {} was resolved to {}, but the sides hold {} and {}",
                                           conflict.conflict_id, text(wanted), text(at_source), text(at_target)));
            }
    }
}

void World::resolution_phase() {
    if (!violations_.none() || mirror_.documents("conflict").empty()) return;
    std::size_t deletions_met = 0; // by people who wanted to decide something else: the next run carries them on
    loop_.run(resolve_conflicts(deletions_met));
    const std::uint64_t writes = ledger_.engine_writes();
    loop_.run(settle("after the resolutions"));
    if (!violations_.none()) return;
    if (ledger_.engine_writes() > writes + deletions_met)
        violations_.add("I37", fmt::format("{} writes followed a resolution that had written everything",
                                           ledger_.engine_writes() - writes));
    for (const std::string& difference : oracle_.differences()) violations_.add("I1", difference);
    oracle_.check_at_rest(*events_);
}

} // namespace simulation

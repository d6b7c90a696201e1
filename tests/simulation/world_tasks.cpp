// Worlds whose nodes run schedulers: who asks for tasks, and how all of them come to an end.
#include "node.hpp"
#include "world.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace simulation {

using namespace std::chrono_literals;

namespace {

constexpr nanoseconds longest_stop = 1h; // an execution stops at its next safe point; what it waits for is bounded
constexpr nanoseconds longest_end = std::chrono::days{4}; // as for streams: leases of clocks that were a day ahead

} // namespace

void World::execution_ended(Node& node, const cs::Execution& execution) {
    if (!scenario_.scheduled) return; // only those who trace hear of it, and a trace changes nothing
    trace_.mix(to_string(execution.status));
    trace_.mix(execution.counters.processed);
    trace_.note("{}: an execution of {} {}{}{}", node.process.name(), execution.entity_type,
                to_string(execution.status), execution.has_more ? " (more)" : "",
                execution.error ? ": " + execution.error->message : "");
    if (!tasks_.names_records(execution.task_id)) check_cap(execution);
}

// All of the integration, one entity, or some records that just changed.
cs::SyncRequest World::task_request() {
    cs::SyncRequest asked = request();
    if (scenario_.entities.size() > 1 && askers_.percent(30))
        asked.entity = askers_.one_of(scenario_.entities).external;
    if (!askers_.percent(scenario_.tasks.events)) return asked;
    asked.trigger = askers_.percent(80) ? cs::Trigger::event : cs::Trigger::webhook;
    if (askers_.percent(10)) return asked;
    const std::size_t entity = static_cast<std::size_t>(askers_.below(scenario_.entities.size()));
    asked.entity = scenario_.entities[entity].external;
    std::vector<const RecordKey*> keys;
    for (const auto& [key, record] : ledger_.records())
        if (key.entity == entity) keys.push_back(&key);
    for (std::uint64_t left = askers_.between(1, 3); left > 0 && !keys.empty(); --left) {
        const RecordKey& key = *keys[static_cast<std::size_t>(askers_.below(keys.size()))];
        (key.side == Side::source ? asked.source_ids : asked.target_ids).push_back(key.id);
    }
    return asked;
}

cs::Async<void> World::ask_for_one(Node& node) {
    const cs::SyncRequest asked = task_request();
    cs::TaskOptions options;
    options.task_id = fmt::format("{:08x}-0000-4000-8000-{:012x}", scenario_.seed & 0xffffffff,
                                  askers_.bits() & 0xffffffffffff);
    options.held = asked.trigger == cs::Trigger::manual && askers_.percent(scenario_.tasks.held);
    // Whoever is not answered asks again, for the same task.
    for (int attempt = 0; attempt < 3; ++attempt) {
        cs::SyncRequest same = asked;
        cs::TaskOptions same_options = options;
        auto task = co_await node.engine().create_task(std::move(same), std::move(same_options));
        if (task) {
            trace_.note("{} accepts task {}", node.process.name(), task->task_id);
            tasks_.accepted(asked, *task);
            if (node.scheduler()) node.scheduler()->take_note(*task);
            co_return;
        }
        trace_.note("{} does not accept a task: {}", node.process.name(), task.error().message);
        co_await node.process.pass_after(1s);
    }
}

// Lets one go that is held, or cancels one.
cs::Async<void> World::change_one(Node& node) {
    if (tasks_.accepted_ids().empty()) co_return;
    const std::string id = askers_.one_of(tasks_.accepted_ids());
    if (!askers_.percent(scenario_.tasks.cancelled)) {
        auto task = co_await node.engine().execute_task(scenario_.integration.tenant_id, id);
        if (task && node.scheduler()) node.scheduler()->take_note(*task);
        co_return;
    }
    auto task = co_await node.engine().cancel_task(scenario_.integration.tenant_id, id, "ada");
    if (!task) co_return;
    trace_.note("{} cancels task {}, which is {}", node.process.name(), id, to_string(task->status));
    tasks_.cancelled(*task);
    if (node.scheduler()) node.scheduler()->stop_task(id);
}

cs::Async<void> World::ask_for_tasks(Node& node) {
    while (phase_ == Phase::safety) {
        co_await node.process.pass_after(wait(scenario_.longest_idle));
        if (phase_ != Phase::safety) break;
        if (askers_.percent(scenario_.tasks.runs)) {
            const nanoseconds began = loop_.now();
            auto runs = co_await node.engine().run(request());
            note_runs(node, began, false, runs);
        } else if (askers_.percent(75)) {
            co_await ask_for_one(node);
        } else {
            co_await change_one(node);
        }
    }
    if (std::exchange(node.driving, false)) --driving_;
}

cs::Async<void> World::stop_scheduler(Node& node, std::shared_ptr<bool> stopped) {
    const auto grace = persons_.percent(50) ? milliseconds{0}
                                            : std::chrono::duration_cast<milliseconds>(persons_.up_to(30s));
    trace_.note("the scheduler of {} is stopped within {} ms", node.process.name(), grace.count());
    co_await node.scheduler()->stop(grace);
    *stopped = true;
}

cs::Async<void> World::stop_schedulers() {
    for (Node* node : std::vector<Node*>(alive_)) {
        if (!node || !node->scheduler()) continue;
        auto stopped = std::make_shared<bool>(false);
        loop_.spawn(stop_scheduler(*node, stopped));
        for (nanoseconds waited{0}; !*stopped && waited < longest_stop; waited += 1s) co_await loop_.sleep(1s);
        if (*stopped) continue;
        violations_.add("I16", "the scheduler of " + node->process.name() + " does not stop");
        co_return;
    }
}

// An operator's restart: the scheduler is stopped, then the process ends.
cs::Async<void> World::restart(Node& node) {
    auto stopped = std::make_shared<bool>(false);
    co_await stop_scheduler(node, stopped);
    trace_.note("{} is restarted", node.process.name());
    node.process.crash();
}

void World::schedule_restarts() {
    for (std::size_t i = 0; i < scenario_.tasks.restarts; ++i)
        loop_.after(askers_.up_to(scenario_.safety_time), [this] {
            Node* node = alive_[static_cast<std::size_t>(askers_.below(alive_.size()))];
            if (node && phase_ == Phase::safety) loop_.spawn(restart(*node));
        });
}

// Whatever was accepted, or left by the dead, is run to its end by one of those that are left.
cs::Async<void> World::finish_tasks() {
    Node& node = healthy_node();
    cs::Scheduler& scheduler = node.begin_scheduling(false);
    nanoseconds waited{0};
    while (tasks_.unfinished() > 0 && waited < longest_end && violations_.none()) {
        const nanoseconds step = waited < 1h ? nanoseconds(10s) : nanoseconds(10min);
        co_await loop_.sleep(step);
        waited += step;
    }
    trace_.note("all tasks have ended after {} s", waited / 1s);
    scheduler.close();
    co_await stop_schedulers();
    if (violations_.none()) tasks_.check_at_end();
}

} // namespace simulation

#include "world.hpp"

#include "node.hpp"

#include <castiel_sync/stores/memory.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace simulation {

using namespace std::chrono_literals;

World::World(const Scenario& scenario, WorldOptions options)
    : scenario_(scenario), options_(options), trace_(loop_, options.trace),
      ledger_(scenario_, [this](std::string_view invariant, std::string message) {
          trace_.note("VIOLATION {}: {}", invariant, message);
          violations_.add(invariant, std::move(message));
      }),
      mirror_(scenario_, [this](std::string_view invariant, std::string message) {
          trace_.note("VIOLATION {}: {}", invariant, message);
          violations_.add(invariant, std::move(message));
      }),
      situations_(ledger_, mirror_),
      tasks_(scenario_, situations_, [this](std::string_view invariant, std::string message) {
          trace_.note("VIOLATION {}: {}", invariant, message);
          violations_.add(invariant, std::move(message));
      }),
      source_(loop_, scenario_.source), target_(loop_, scenario_.target),
      oracle_(scenario_, ledger_, mirror_, source_, target_,
              [this](std::string_view invariant, std::string message) {
                  trace_.note("VIOLATION {}: {}", invariant, message);
                  violations_.add(invariant, std::move(message));
              }),
      users_(scenario_, source_, target_, ledger_), troubles_(scenario.seed * 2 + 0x74726f75),
      persons_(scenario.seed * 2 + 0x70657273), askers_(scenario.seed * 2 + 0x61736b73), store_clock_(loop_),
      store_(cs::make_memory_store(store_clock_)), events_(std::make_shared<cs::testing::RecordingSink>()) {
    if (options_.plan) {
        plan_ = options_.plan;
    } else {
        random_faults_ =
            std::make_unique<cs::testing::RandomFaults>(scenario_.seed * 2 + 0x6661756c, scenario_.fault_rates);
        plan_ = random_faults_.get();
    }
    if (scenario_.on_disk) {
        DiskHooks hooks;
        hooks.report = [this](std::string_view invariant, std::string message) {
            trace_.note("VIOLATION {}: {}", invariant, message);
            violations_.add(invariant, std::move(message));
        };
        hooks.note = [this](const std::string& text) { trace_.note("{}", text); };
        hooks.came_to_light = [this](const std::string& node, const std::vector<cs::Write>& writes) {
            committed(node, writes);
        };
        hooks.power_lost = [this] {
            trace_.note("the power fails");
            for (Node* node : std::vector<Node*>(alive_))
                if (node) node->process.crash();
        };
        disk_ = std::make_unique<DiskStores>(scenario_, loop_, store_clock_, situations_, std::move(hooks));
        if (options_.canary == Canary::lying_disk) disk_->lie_about_synchronisation();
    }
    listen();
}

World::~World() { loop_.destroy(); }

void World::listen() {
    ledger_.ask_owners([this](const std::string& actor, std::size_t entity) {
        return std::any_of(mirror_.streams().begin(), mirror_.streams().end(), [&](const auto& stream) {
            return stream.second.entity == entity && stream.second.owner_node == actor;
        });
    });
    for (const Side side : {Side::source, Side::target}) {
        auto& system = side == Side::source ? source_ : target_;
        system.on_write([this, side](const cs::testing::SystemWrite& write) {
            trace_.mix(write.id);
            trace_.mix(write.position);
            trace_.mix(static_cast<std::uint64_t>(write.at.count()));
            static constexpr const char* verbs[] = {"creates", "edits", "deletes"};
            trace_.note("{} {} {} {}: {}", write.by_user() ? "a user" : write.actor,
                        verbs[static_cast<int>(write.kind)], to_string(side), write.id,
                        trace_.on() ? text(json::value(write.after)) : "");
            ledger_.wrote(side, write);
            situations_.wrote(side, write);
        });
        system.on_read([this, side](const std::string& actor, const std::string& entity, const std::string& id) {
            ledger_.read(side, actor, entity, id);
            situations_.read(side, entity, id);
        });
    }
    if (scenario_.integration.rate_limit.per_minute) source_.on_request([this](const std::string&) { check_rate(); });
    ledger_.set_base_reader([this](const RecordKey& key, std::size_t field) -> std::optional<json::value> {
        const std::string& name = scenario_.entities[key.entity].fields[field].shard;
        // What a create sends, perhaps in place of a linked record, is what both sides will have agreed on.
        if (auto sent = mirror_.sent(key, name)) return sent;
        for (const LinkMirror* link : mirror_.links_of(key))
            if (const auto* value = link->base.if_contains(name)) return *value;
        return std::nullopt;
    });
    ledger_.set_attempt_reader([this](const RecordKey& key, std::size_t field, const json::value& value) {
        return mirror_.attempted(key, scenario_.entities[key.entity].fields[field].shard, value);
    });
    mirror_.set_clock([this] { return store_clock_.now(); });
    mirror_.set_position_reader([this](Side side, std::string_view cursor) {
        return (side == Side::source ? source_ : target_).position_of_cursor(cursor);
    });
    mirror_.on_cursor([this](const StreamMirror& stream, Side side, std::uint64_t after, std::uint64_t up_to) {
        oracle_.check_cursor(stream, side, after, up_to);
    });
}

cs::SyncRequest World::request() const {
    cs::SyncRequest request;
    request.tenant_id = scenario_.integration.tenant_id;
    request.integration_id = scenario_.integration.id;
    return request;
}

cs::Result<std::shared_ptr<cs::Store>> World::open_store(cs::testing::SimulatedProcess& process) {
    if (disk_) return disk_->open(process);
    return store_;
}

void World::committed(const std::string& node, const std::vector<cs::Write>& writes) {
    trace_.mix(node);
    for (const cs::Write& write : writes) {
        trace_.mix(write.document.kind);
        trace_.mix(write.document.id);
        trace_.mix(write.document.body.size());
    }
    if (trace_.on()) {
        std::map<std::string, std::size_t> kinds;
        for (const cs::Write& write : writes) ++kinds[write.document.kind];
        std::string list;
        for (const auto& [kind, count] : kinds) list += fmt::format(" {} {}", count, kind);
        trace_.note("{} commits{}", node, list);
        for (const cs::Write& write : writes)
            if (!options_.show.empty() && options_.show.find(write.document.kind) != std::string::npos)
                trace_.note("  {} {} {} {}", write.action == cs::Write::Action::put ? "puts" : "removes",
                            write.document.kind, write.document.id, write.document.body);
    }
    mirror_.committed(node, writes);
    tasks_.committed(node, writes);
    situations_.committed(node, writes);
}

void World::start_node(std::size_t number) {
    const auto generation = nodes_.size();
    nodes_.push_back(std::make_unique<Node>(*this, number, fmt::format("node{}.{}", number, generation)));
    Node& node = *nodes_.back();
    trace_.note("{} starts", node.process.name());
    if (auto begun = node.begin(); !begun) {
        situations_.reach(Situation::opening_refused);
        trace_.note("{} can't open its store: {}", node.process.name(), begun.error().message);
        const cs::ErrorCode code = begun.error().code;
        const bool excused = code == cs::ErrorCode::unavailable || code == cs::ErrorCode::out_of_space;
        if (phase_ != Phase::safety || !excused)
            violations_.add("I30", "the store can't be opened again: " + begun.error().message);
        return restart_later(number);
    }
    alive_[number] = &node;
    node.process.on_crash([this, &node] { node_crashed(node); });
    if (phase_ != Phase::safety) return;
    node.driving = true;
    ++driving_;
    if (scenario_.scheduled) node.begin_scheduling(true);
    loop_.spawn(scenario_.scheduled ? ask_for_tasks(node) : drive(node));
}

void World::node_crashed(Node& node) {
    ++report_.crashes;
    trace_.note("{} dies", node.process.name());
    trace_.mix(report_.crashes);
    if (disk_) disk_->died(node.process.name());
    situations_.died(node.process.name());
    mirror_.node_died(node.process.name());
    alive_[node.number] = nullptr;
    if (std::exchange(node.driving, false)) --driving_;
    restart_later(node.number);
}

void World::restart_later(std::size_t number) {
    if (phase_ != Phase::safety) return;
    loop_.after(wait(scenario_.longest_restart), [this, number] {
        if (phase_ == Phase::safety && !alive_[number]) start_node(number);
    });
}

void World::schedule_users() {
    if (options_.script) {
        for (const ScriptStep& step : *options_.script)
            loop_.after(step.at, [this, &step] { step.act(source_, target_); });
        return;
    }
    users_.populate();
    for (std::size_t i = 0; i < scenario_.users.actions; ++i)
        loop_.after(troubles_.up_to(scenario_.safety_time), [this] { users_.act(); });
}

void World::schedule_troubles() {
    const auto on_some_node = [this](auto what) {
        loop_.after(troubles_.up_to(scenario_.safety_time), [this, what] {
            Node* node = alive_[static_cast<std::size_t>(troubles_.below(alive_.size()))];
            if (node && phase_ == Phase::safety) what(*node);
        });
    };
    if (scenario_.longest_pause > 0ns)
        for (int i = 0; i < 4; ++i)
            on_some_node([this](Node& node) {
                const nanoseconds pause = troubles_.up_to(scenario_.longest_pause);
                trace_.note("{} stands still for {} ms", node.process.name(), pause / 1ms);
                node.process.pause(pause);
            });
    if (scenario_.widest_jump > 0ms)
        for (int i = 0; i < 4; ++i)
            on_some_node([this](Node& node) {
                const auto range = static_cast<std::uint64_t>(scenario_.widest_jump.count());
                const milliseconds by{static_cast<std::int64_t>(troubles_.below(2 * range)) -
                                      static_cast<std::int64_t>(range)};
                trace_.note("the clock of {} jumps by {} ms", node.process.name(), by.count());
                node.process.jump_clock(by);
            });
}

void World::schedule_disk_troubles() {
    Dice dice(scenario_.seed * 2 + 0x70776572);
    const auto at_some_time = [&](auto what) {
        loop_.after(dice.up_to(scenario_.safety_time), [this, what] {
            if (phase_ == Phase::safety) what();
        });
    };
    for (std::size_t i = 0; i < scenario_.disk.power_losses; ++i) at_some_time([this] { disk_->lose_power(); });
    for (std::size_t i = 0; i < scenario_.disk.holders; ++i)
        at_some_time([this, duration = dice.up_to(scenario_.disk.longest_hold)] { disk_->hold(duration); });
}

void World::check_cap(const cs::Execution& run) {
    if (run.counters.processed > scenario_.limits.max_records_per_sync)
        violations_.add("I20", fmt::format("an execution processed {} records; the cap is {}", run.counters.processed,
                                           scenario_.limits.max_records_per_sync));
}

// Over all nodes, and wherever the minute begins.
void World::check_rate() {
    requests_.push_back(loop_.now());
    while (requests_.front() + 60s <= loop_.now()) requests_.pop_front();
    const std::size_t limit = *scenario_.integration.rate_limit.per_minute;
    const bool clocks_agree = scenario_.widest_jump.count() == 0 && scenario_.widest_skew.count() == 0;
    if (requests_.size() > limit / 2) situations_.reach(Situation::budget_used);
    if (clocks_agree && requests_.size() > limit)
        violations_.add("I20", fmt::format("{} requests within a minute; the account stands {}", requests_.size(),
                                           limit));
}

void World::note_runs(Node& node, nanoseconds began, bool resumed,
                      const cs::Result<std::vector<cs::Execution>>& runs) {
    ++report_.runs;
    if (!runs) {
        trace_.note("{}: run refused: {}", node.process.name(), runs.error().message);
        trace_.mix(to_string(runs.error().code));
        return;
    }
    for (const cs::Execution& run : *runs) {
        trace_.mix(to_string(run.status));
        trace_.mix(run.counters.processed);
        trace_.note(
            "{}: {} {}{}, {} processed, {} created, {} updated, {} deleted, {} skipped, {} failed, {} conflicts{}",
            node.process.name(), run.entity_type, to_string(run.status), run.has_more ? " (more)" : "",
            run.counters.processed, run.counters.created, run.counters.updated, run.counters.deleted,
            run.counters.skipped, run.counters.failed, run.counters.conflicts,
            run.error ? ": " + run.error->message : "");
        check_cap(run);
        if (run.status == cs::SyncStatus::completed && !run.has_more && !resumed)
            oracle_.check_completed_run(run.stream_id, began);
    }
}

cs::Async<void> World::drive(Node& node) {
    while (phase_ == Phase::safety) {
        co_await node.process.pass_after(wait(scenario_.longest_idle));
        if (phase_ != Phase::safety) break;
        const nanoseconds began = loop_.now();
        auto runs = co_await node.engine().run(request());
        note_runs(node, began, false, runs);
    }
    if (std::exchange(node.driving, false)) --driving_;
}

void World::safety_phase() {
    alive_.resize(scenario_.nodes);
    schedule_users();
    for (std::size_t i = 0; i < scenario_.nodes; ++i) start_node(i);
    schedule_troubles();
    if (disk_) schedule_disk_troubles();
    if (scenario_.scheduled) schedule_restarts();
    loop_.run_for(scenario_.safety_time);
}

cs::Async<void> World::wait_for_drivers() {
    while (driving_ > 0) co_await loop_.sleep(1s);
    // What is late arrives, and dead processes' leases run out.
    co_await loop_.sleep(5min);
}

void World::heal_phase() {
    trace_.note("faults end");
    phase_ = Phase::quiesce;
    plan_->heal();
    if (disk_) disk_->heal();
    users_.mend();
    if (scenario_.scheduled) loop_.run(stop_schedulers());
    loop_.run(wait_for_drivers());
    for (std::size_t i = 0; i < alive_.size(); ++i)
        if (!alive_[i] && (i == 0 || !scenario_.heal_one_node_only)) start_node(i);
}

Node& World::healthy_node() {
    for (Node* node : alive_)
        if (node) return *node;
    start_node(0);
    if (!alive_[0]) throw std::runtime_error("no process can open the store, though all faults have ended");
    return *alive_[0];
}

WorldReport World::run() {
    try {
        safety_phase();
        heal_phase();
        if (scenario_.scheduled) loop_.run(finish_tasks());
        quiesce_phase();
        verify_phase();
        resolution_phase();
    } catch (const std::exception& problem) {
        violations_.add("crash", problem.what());
    }
    if (disk_) {
        disk_->look("at the end");
        trace_.mix(disk_->digest());
        report_.disk = disk_->counts();
        if (report_.disk.torn_sectors > 0) situations_.reach(Situation::torn_write);
        for (std::uint64_t i = 0; i < report_.disk.power_losses_in_checkpoint; ++i)
            situations_.reach(Situation::power_loss_in_checkpoint);
        report_.on_disk = 1;
    }
    report_.situations = situations_.counts();
    report_.violations = violations_.lines();
    report_.trace_tail.assign(trace_.tail().begin(), trace_.tail().end());
    report_.trace_hash = trace_.hash();
    report_.virtual_time = loop_.now();
    report_.steps = loop_.steps();
    report_.user_writes = ledger_.user_writes();
    report_.engine_writes = ledger_.engine_writes();
    report_.commits = mirror_.commits();
    report_.conflicts = mirror_.documents("conflict").size();
    report_.parked = mirror_.documents("parked").size();
    if (random_faults_) report_.faults = random_faults_->injected();
    return report_;
}

} // namespace simulation

#include <castiel_sync/scheduler.hpp>

#include <core/agenda.hpp>
#include <engine/alarm.hpp>
#include <engine/documents.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace castiel_sync {
namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds between_begins{10};

struct IntegrationName {
    std::string tenant_id;
    std::string integration_id;

    friend auto operator<=>(const IntegrationName&, const IntegrationName&) = default;
};

} // namespace

struct Scheduler::State {
    explicit State(SchedulerParts given)
        : parts(std::move(given)), agenda(std::max<std::size_t>(1, parts.limits.max_running_per_tenant)),
          alarm(parts.runtime), all_ended(parts.runtime), watch_alarm(parts.runtime) {}

    struct Running {
        std::string tenant_id;
        asio::cancellation_signal stop;
    };

    SchedulerParts parts;
    Agenda agenda;
    Alarm alarm;
    Alarm all_ended;
    Alarm watch_alarm;
    std::map<std::string, Running> running;       // by task
    std::map<std::string, std::size_t> busy;      // how often in a row a task could not run
    std::set<std::pair<Timestamp, IntegrationName>> due_schedules;
    std::map<IntegrationName, Timestamp> schedules; // when each of these is due
    std::chrono::nanoseconds last_begin{0};
    bool first_look = true;
    bool stopping = false;
    bool looping = false;
    bool watching = false;

    [[nodiscard]] Timestamp now() const { return parts.runtime.clock->now(); }
    void log(LogLevel level, const std::string& message, json::object fields = {}) const {
        if (parts.observer) parts.observer->on_log(level, message, fields);
    }

    Async<> loop();
    void begin(const Agenda::Item& item);
    Async<std::optional<Timestamp>> run_once(Agenda::Item item);
    void end(const Agenda::Item& item, std::optional<Timestamp> again);
    std::chrono::milliseconds busy_pause(const std::string& task_id);
    Async<Result<>> look_at_store();
    Async<Result<>> look_for_tasks(SyncStatus status);
    Async<Result<>> look_for_events();
    Async<Result<>> look_for_schedules();
    void note_schedule(const IntegrationName& name, std::optional<Timestamp> due);
    Async<> step_schedule(IntegrationName name, bool at_start);
    Async<> begin_what_is_due();
    Async<> begin_meanwhile();
    Async<> watch();
    Async<Result<>> look_for_cancellations();
};

Scheduler::Scheduler(SchedulerParts parts) : state_(std::make_unique<State>(std::move(parts))) {}
Scheduler::~Scheduler() = default;

Async<> Scheduler::run() {
    co_await state_->loop();
}

Async<> Scheduler::State::loop() {
    looping = true;
    std::chrono::nanoseconds next_look = parts.runtime.clock->monotonic();
    while (!stopping) {
        if (parts.runtime.clock->monotonic() >= next_look) {
            auto pause = parts.limits.interval;
            if (auto looked = co_await look_at_store(); !looked) {
                log(LogLevel::error, "the scheduler could not look at the store: " + looked.error().message);
                pause = std::min(pause, parts.limits.busy_pause * 5);
            }
            next_look = parts.runtime.clock->monotonic() + pause;
        }
        co_await begin_what_is_due();
        if (stopping) break;
        std::chrono::nanoseconds pause = next_look - parts.runtime.clock->monotonic();
        if (const auto due = agenda.next_due(); due && running.size() < parts.limits.max_running)
            pause = std::min<std::chrono::nanoseconds>(pause, *due - now());
        if (!due_schedules.empty())
            pause = std::min<std::chrono::nanoseconds>(pause, due_schedules.begin()->first - now());
        if (pause > std::chrono::nanoseconds(0)) co_await alarm.sleep_for(pause);
    }
    looping = false;
    if (running.empty()) all_ended.ring();
}

void Scheduler::State::begin(const Agenda::Item& item) {
    Running& one = running[item.task_id];
    one.tenant_id = item.tenant_id;
    const auto ended = [this, item](const std::exception_ptr& thrown, std::optional<Timestamp> again) {
        if (thrown) std::rethrow_exception(thrown);
        // Not here: the signal has to outlive this handler.
        asio::post(parts.runtime.executor, [this, item, again] { end(item, again); });
    };
    asio::co_spawn(parts.runtime.executor, run_once(item), asio::bind_cancellation_slot(one.stop.slot(), ended));
    if (!std::exchange(watching, true))
        asio::co_spawn(parts.runtime.executor, watch(), [](const std::exception_ptr& thrown) {
            if (thrown) std::rethrow_exception(thrown);
        });
}

void Scheduler::State::end(const Agenda::Item& item, std::optional<Timestamp> again) {
    running.erase(item.task_id);
    if (again) agenda.add(item, *again);
    agenda.give_back(item);
    alarm.ring();
    if (running.empty()) {
        watch_alarm.ring();
        if (!looping) all_ended.ring();
    }
}

// When to run it again; none: it has ended, or is none of ours.
Async<std::optional<Timestamp>> Scheduler::State::run_once(Agenda::Item item) {
    co_await asio::this_coro::throw_if_cancelled(false);
    Result<SyncTask> task(Error(ErrorCode::internal, ""));
    try {
        task = co_await parts.engine->run_task(item.tenant_id, item.task_id);
    } catch (const std::exception& fault) {
        task = Error(ErrorCode::internal, fmt::format("a store or an adapter threw: {}", fault.what()));
    }
    if (task) {
        busy.erase(item.task_id);
        if (is_terminal(task->status) || task->held) co_return std::nullopt;
        co_return std::max(task->not_before.value_or(now()), now());
    }
    const Error error = task.error();
    if (error.code == ErrorCode::not_found || error.code == ErrorCode::cancelled) {
        busy.erase(item.task_id);
        co_return std::nullopt;
    }
    if (error.code != ErrorCode::busy)
        log(is_retryable(error.code) ? LogLevel::warning : LogLevel::error,
            fmt::format("task {} could not be run: {}", item.task_id, error.message),
            {{"tenantId", item.tenant_id}, {"taskId", item.task_id}});
    co_return now() + busy_pause(item.task_id);
}

// Doubles with every try, up to the interval, with some jitter: instances must not try in step.
std::chrono::milliseconds Scheduler::State::busy_pause(const std::string& task_id) {
    const std::size_t tries = std::min<std::size_t>(busy[task_id]++, 10);
    const auto pause = std::min(parts.limits.busy_pause * (1 << tries), parts.limits.interval);
    const auto half = static_cast<std::uint64_t>(pause.count()) / 2;
    return std::chrono::milliseconds(
        static_cast<std::chrono::milliseconds::rep>(half + uniform(*parts.runtime.random, half + 1)));
}

Async<Result<>> Scheduler::State::look_at_store() {
    for (const SyncStatus status : {SyncStatus::pending, SyncStatus::running})
        if (auto looked = co_await look_for_tasks(status); !looked) co_return looked;
    if (auto looked = co_await look_for_schedules(); !looked) co_return looked;
    first_look = false;
    co_return co_await look_for_events();
}

Async<Result<>> Scheduler::State::look_for_tasks(SyncStatus status) {
    Query query;
    query.conditions.emplace_back("status", Condition::Comparison::equal, IndexValue(std::string(to_string(status))));
    query.limit = 1000;
    do {
        Query copy = query;
        auto page = co_await parts.store->scan("task", std::move(copy));
        if (!page) co_return page.error();
        for (const ScannedDocument& scanned : page->documents) {
            auto task = from_document<TaskDocument>(scanned.document);
            if (!task) {
                log(LogLevel::error, task.error().message, {{"tenantId", scanned.partition}});
                continue;
            }
            if (task->held) continue;
            agenda.add_if_new({scanned.partition, task->task_id}, task->not_before.value_or(now()));
        }
        query.continuation = page->continuation;
        co_await begin_meanwhile();
    } while (!query.continuation.empty() && !stopping);
    co_return Result<>();
}

// What a process that died has not published any more.
Async<Result<>> Scheduler::State::look_for_events() {
    Query query;
    query.limit = 1000;
    auto page = co_await parts.store->scan("outbox", std::move(query));
    if (!page) co_return page.error();
    std::set<std::string> tenants;
    for (const ScannedDocument& scanned : page->documents)
        tenants.insert(scanned.partition);
    for (const std::string& tenant : tenants) {
        if (stopping) break;
        if (auto published = co_await parts.engine->publish_events(tenant); !published)
            log(LogLevel::warning, "events wait in the outbox: " + published.error().message,
                {{"tenantId", tenant}});
        co_await begin_meanwhile();
    }
    co_return Result<>();
}

// Only those that are kept here already, or that the catalog knows: what it forgets ends with its next due time.
Async<Result<>> Scheduler::State::look_for_schedules() {
    if (!parts.catalog) co_return Result<>();
    auto integrations = co_await parts.catalog->list("");
    if (!integrations) co_return integrations.error();
    for (const Integration& integration : *integrations) {
        const IntegrationName name{integration.tenant_id, integration.id};
        const bool scheduled = integration.sync.frequency.type != SyncFrequency::Type::manual;
        if (!scheduled && !schedules.contains(name)) continue;
        co_await step_schedule(name, first_look);
        co_await begin_meanwhile();
        if (stopping) break;
    }
    co_return Result<>();
}

void Scheduler::State::note_schedule(const IntegrationName& name, std::optional<Timestamp> due) {
    const auto known = schedules.find(name);
    if (known != schedules.end()) {
        due_schedules.erase({known->second, name});
        schedules.erase(known);
    }
    if (!due) return;
    schedules.emplace(name, *due);
    due_schedules.emplace(*due, name);
}

Async<> Scheduler::State::step_schedule(IntegrationName name, bool at_start) {
    auto step = co_await parts.engine->step_schedule(name.tenant_id, name.integration_id, at_start);
    if (!step) {
        const Error error = step.error();
        // Another instance was faster, or the store is not there: look again soon. What is wrong with one schedule is
        // no reason to forget the others.
        note_schedule(name, now() + (error.code == ErrorCode::stale ? parts.limits.busy_pause : parts.limits.interval));
        if (error.code != ErrorCode::stale)
            log(LogLevel::error, "the schedule of an integration could not be kept: " + error.message,
                {{"tenantId", name.tenant_id}, {"integrationId", name.integration_id}});
        co_return;
    }
    note_schedule(name, step->next_due);
    if (step->task)
        agenda.add({name.tenant_id, step->task->task_id}, step->task->not_before.value_or(now()));
}

// A look at thousands takes seconds, and nobody's start has to wait for it. Asking has its price, too.
Async<> Scheduler::State::begin_meanwhile() {
    if (parts.runtime.clock->monotonic() - last_begin >= between_begins) co_await begin_what_is_due();
}

Async<> Scheduler::State::begin_what_is_due() {
    last_begin = parts.runtime.clock->monotonic();
    for (;;) {
        while (!stopping && running.size() < parts.limits.max_running) {
            auto item = agenda.take(now());
            if (!item) break;
            begin(*item);
        }
        if (stopping || due_schedules.empty() || due_schedules.begin()->first > now()) co_return;
        const IntegrationName name = due_schedules.begin()->second;
        co_await step_schedule(name, false);
    }
}

// A cancellation that another instance accepted.
Async<> Scheduler::State::watch() {
    while (!running.empty()) {
        co_await watch_alarm.sleep_for(parts.limits.cancel_pause);
        if (running.empty()) break;
        if (auto looked = co_await look_for_cancellations(); !looked)
            log(LogLevel::warning, "the scheduler could not look for cancellations: " + looked.error().message);
    }
    watching = false;
    all_ended.ring();
}

Async<Result<>> Scheduler::State::look_for_cancellations() {
    std::map<std::string, std::vector<std::string>> by_tenant;
    for (const auto& [task_id, one] : running)
        by_tenant[one.tenant_id].push_back(task_id);
    for (const auto& [tenant, ids] : by_tenant) {
        auto documents = co_await parts.store->read(tenant, "cancellation", ids);
        if (!documents) co_return documents.error();
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const auto one = running.find(ids[i]);
            if ((*documents)[i] && one != running.end()) one->second.stop.emit(asio::cancellation_type::terminal);
        }
    }
    co_return Result<>();
}

void Scheduler::take_note(const SyncTask& task) {
    if (task.held || is_terminal(task.status)) return;
    state_->agenda.add({task.request.tenant_id, task.task_id}, task.not_before.value_or(state_->now()));
    state_->alarm.ring();
}

void Scheduler::take_note(const Integration& integration) {
    if (!state_->parts.catalog) return;
    state_->note_schedule({integration.tenant_id, integration.id}, state_->now());
    state_->alarm.ring();
}

void Scheduler::stop_task(const std::string& task_id) {
    const auto one = state_->running.find(task_id);
    if (one != state_->running.end()) one->second.stop.emit(asio::cancellation_type::terminal);
}

void Scheduler::close() {
    state_->stopping = true;
    state_->alarm.ring();
}

Async<> Scheduler::stop(std::chrono::milliseconds grace) {
    State& state = *state_;
    close();
    const auto end = state.parts.runtime.clock->monotonic() + grace;
    bool asked = false;
    while (state.looping || state.watching || !state.running.empty()) {
        const auto left = end - state.parts.runtime.clock->monotonic();
        if (!asked && left <= std::chrono::nanoseconds(0)) {
            asked = true;
            std::vector<std::string> ids; // one that stops at once is no longer in the map
            for (const auto& [task_id, one] : state.running)
                ids.push_back(task_id);
            for (const std::string& task_id : ids)
                stop_task(task_id);
        }
        co_await state.all_ended.sleep_for(asked ? std::chrono::nanoseconds(std::chrono::seconds(1)) : left);
    }
}

Scheduler::Counts Scheduler::counts() const {
    Counts counts;
    counts.running = state_->running.size();
    counts.known = state_->agenda.size();
    return counts;
}

} // namespace castiel_sync

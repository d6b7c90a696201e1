// Many tenants, one of them with thousands of streams, on three instances: who gets his turn, and when.
#include "world.hpp"

#include <castiel_sync/scheduler.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <vector>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds one_read{200}; // and an execution reads both sides
constexpr int minutes_watched = 4; // a schedule begins with the next minute
constexpr std::size_t slots = 3;

class SlowAdapter final : public Adapter {
public:
    SlowAdapter(std::unique_ptr<Adapter> inner, Clock& clock) : inner_(std::move(inner)), clock_(clock) {}
    AdapterDescription describe() const override { return inner_->describe(); }
    AdapterCapabilities capabilities() const override { return inner_->capabilities(); }
    Async<Result<>> check() override { return inner_->check(); }
    Async<Result<RecordPage>> pull(PullRequest request) override {
        co_await clock_.sleep_for(one_read);
        co_return co_await inner_->pull(std::move(request));
    }
    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        return inner_->fetch(std::move(request));
    }
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        return inner_->push(std::move(request));
    }

private:
    std::unique_ptr<Adapter> inner_;
    Clock& clock_;
};

// The order of commits, as one tenant's executions and slots appear in it.
struct Log {
    std::map<std::string, std::set<std::string>> running; // executions, by tenant
    std::map<std::string, std::size_t> most;
    std::map<std::string, std::map<std::string, Timestamp>> due;     // of scheduled tasks, by tenant and id
    std::map<std::string, std::map<std::string, Timestamp>> started;
};

class LoggedStore final : public Store {
public:
    LoggedStore(Store& inner, Log& log) : inner_(inner), log_(log) {}
    StoreLimits limits() const override { return inner_.limits(); }
    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        return inner_.read(std::move(partition), std::move(kind), std::move(ids));
    }
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        return inner_.query(std::move(partition), std::move(kind), std::move(query));
    }
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        return inner_.scan(std::move(kind), std::move(query));
    }
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        auto copy = writes;
        auto receipt = co_await inner_.commit(partition, std::move(copy));
        if (receipt) note(partition, writes);
        co_return receipt;
    }

private:
    void note(const std::string& tenant_id, const std::vector<Write>& writes) {
        for (const Write& write : writes) {
            if (write.action != Write::Action::put) continue;
            if (write.document.kind == "execution") {
                const auto execution = from_document<Execution>(write.document);
                auto& running = log_.running[tenant_id];
                if (is_terminal(execution->status)) running.erase(execution->execution_id);
                else running.insert(execution->execution_id);
                log_.most[tenant_id] = std::max(log_.most[tenant_id], running.size());
            }
            if (write.document.kind == "task") {
                const auto task = from_document<TaskDocument>(write.document);
                log_.due[tenant_id].emplace(task->task_id, task->created_at);
                if (task->started_at) log_.started[tenant_id].emplace(task->task_id, *task->started_at);
            }
        }
    }

    Store& inner_;
    Log& log_;
};

std::string uuid(std::size_t number) { return fmt::format("00000000-0000-4000-8000-{:012x}", number); }

Integration every_minute(std::size_t tenant_number, std::size_t number) {
    Integration integration = contacts_integration();
    integration.tenant_id = uuid(tenant_number);
    integration.id = uuid(number);
    integration.sync.frequency.type = SyncFrequency::Type::cron;
    integration.sync.frequency.cron_expression = "* * * * *";
    return integration;
}

struct Instance {
    std::unique_ptr<Random> random;
    std::unique_ptr<Engine> engine;
    std::unique_ptr<Scheduler> scheduler;
};

// `crowd`: integrations of the first tenant. The others have one each.
Log watch(std::size_t tenants, std::size_t crowd, std::size_t processes) {
    SimLoop loop;
    SimClock clock(loop);
    Log log;
    const auto store = make_memory_store(clock);
    LoggedStore logged(*store, log);
    SimulatedSystem source(loop, system_options("crm", able(true)));
    SimulatedSystem target(loop, system_options("shards", able(true)));
    const auto slow = [&clock](SimulatedSystem& system) {
        return [&](const AdapterContext&) -> Result<std::unique_ptr<Adapter>> {
            return std::unique_ptr<Adapter>(std::make_unique<SlowAdapter>(system.connect("sync"), clock));
        };
    };
    AdapterRegistry registry;
    registry.add(source.describe(), slow(source));
    std::vector<Integration> integrations;
    for (std::size_t i = 0; i < crowd; ++i) integrations.push_back(every_minute(1, 1'000'000 + i));
    for (std::size_t i = 0; i < tenants; ++i) integrations.push_back(every_minute(2 + i, 2'000'000 + i));
    const auto catalog = make_fixed_catalog(std::move(integrations));
    std::vector<Instance> instances(processes);
    for (std::size_t i = 0; i < instances.size(); ++i) {
        Instance& one = instances[i];
        one.random = make_seeded_random(i + 1);
        EngineParts parts;
        parts.runtime = Runtime{loop.executor(), &clock, one.random.get()};
        parts.store = &logged;
        parts.adapters = &registry;
        parts.shards = slow(target);
        parts.catalog = catalog.get();
        parts.limits.min_interval = 0ms;
        parts.limits.max_concurrent_syncs_per_tenant = slots;
        parts.instance = fmt::format("instance-{}", i);
        SchedulerParts scheduling;
        scheduling.runtime = parts.runtime;
        scheduling.store = &logged;
        scheduling.catalog = catalog.get();
        one.engine = std::make_unique<Engine>(std::move(parts));
        scheduling.engine = one.engine.get();
        scheduling.limits.max_running = 36 / processes; // so that turns matter
        one.scheduler = std::make_unique<Scheduler>(std::move(scheduling));
        loop.spawn(one.scheduler->run());
    }
    loop.run_for(std::chrono::minutes(1 + minutes_watched));
    loop.destroy();
    return log;
}

// Of the tenants with one stream, the longest time between a task's creation by its schedule and its start.
std::chrono::milliseconds longest_wait(const Log& log) {
    std::chrono::milliseconds longest{0};
    for (const auto& [tenant_id, tasks] : log.due) {
        if (tenant_id == uuid(1)) continue;
        for (const auto& [id, due] : tasks) {
            const auto& started = log.started.at(tenant_id);
            REQUIRE(started.contains(id));
            longest = std::max(longest, started.at(id) - due);
        }
    }
    return longest;
}

// No start was missed, and no tenant ever had more executions at once than slots, by the order of commits.
void check_starts(const Log& log) {
    for (std::size_t i = 0; i < 1000; ++i)
        CHECK(log.due.at(uuid(2 + i)).size() == static_cast<std::size_t>(minutes_watched));
    for (const auto& [tenant_id, most] : log.most) CHECK(most <= slots);
}

} // namespace

TEST_CASE("a tenant with thousands of due streams delays the first start of another by one turn at most (I20, I21)" *
          doctest::skip()) { // long: a test of its own, see CMakeLists.txt
    const Log alone = watch(1000, 0, 1), crowded = watch(1000, 5000, 1);
    check_starts(alone);
    check_starts(crowded);
    CHECK(longest_wait(crowded) <= longest_wait(alone) + 2 * one_read);
    MESSAGE("longest wait alone " << longest_wait(alone).count() << " ms, beside the crowd "
                                  << longest_wait(crowded).count() << " ms");
}

TEST_CASE("three instances with six thousand streams every minute miss no start and use all slots, never more (I20)" *
          doctest::skip()) {
    const Log log = watch(1000, 5000, 3);
    check_starts(log);
    const std::size_t possible =
        slots * static_cast<std::size_t>(std::chrono::minutes(minutes_watched) / (2 * one_read));
    const std::size_t started = log.started.at(uuid(1)).size();
    CHECK(log.most.at(uuid(1)) == slots);
    CHECK(started > possible * 9 / 10);
    MESSAGE("the crowd started " << started << " of " << possible << "; longest wait of another "
                                 << longest_wait(log).count() << " ms");
}

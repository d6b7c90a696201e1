#include "node.hpp"

#include "rest_source.hpp"

#include <fmt/format.h>

#include <utility>

namespace simulation {
namespace {

using cs::testing::Call;
using cs::testing::Fault;
using cs::testing::Operation;


class WitnessAdapter final : public cs::Adapter {
public:
    using Before = std::function<void(Side, const cs::PushRequest&)>;

    WitnessAdapter(Side side, std::shared_ptr<cs::Adapter> inner, Before before, std::string node,
                   Situations& situations)
        : side_(side), inner_(std::move(inner)), before_(std::move(before)), node_(std::move(node)),
          situations_(situations) {}

    [[nodiscard]] cs::AdapterDescription describe() const override { return inner_->describe(); }
    [[nodiscard]] cs::AdapterCapabilities capabilities() const override { return inner_->capabilities(); }
    cs::Async<cs::Result<>> check() override { return inner_->check(); }
    cs::Async<cs::Result<cs::RecordPage>> pull(cs::PullRequest request) override {
        return inner_->pull(std::move(request));
    }
    cs::Async<cs::Result<std::vector<cs::FetchedRecord>>> fetch(cs::FetchRequest request) override {
        return inner_->fetch(std::move(request));
    }

    cs::Async<cs::Result<std::vector<cs::PushOutcome>>> push(cs::PushRequest request) override {
        before_(side_, request);
        situations_.push_begins(node_, side_, request.entity);
        const std::string entity = request.entity;
        std::vector<std::string> ids;
        for (const cs::PushItem& item : request.items) ids.push_back(item.id);
        auto outcomes = co_await inner_->push(std::move(request));
        std::vector<std::string> stale;
        for (std::size_t i = 0; outcomes && i < outcomes->size() && i < ids.size(); ++i)
            if ((*outcomes)[i].status == cs::PushOutcome::Status::stale) stale.push_back(ids[i]);
        situations_.push_ended(node_, side_, entity, stale);
        if (outcomes && !outcomes->empty() && !outcomes->back().cursor.empty())
            situations_.reach(Situation::own_writes_passed_over);
        co_return outcomes;
    }

private:
    Side side_;
    std::shared_ptr<cs::Adapter> inner_;
    Before before_;
    std::string node_;
    Situations& situations_;
};

class FaultyCatalog final : public cs::IntegrationCatalog {
public:
    FaultyCatalog(cs::testing::SimulatedProcess& process, cs::Integration integration, cs::testing::FaultPlan& plan)
        : process_(process), integration_(std::move(integration)), plan_(plan) {}

    // The answers are named: g++ 12 destroys a temporary of `if (co_await …)` twice.
    cs::Async<cs::Result<std::optional<cs::Integration>>> find(std::string /*tenant*/, std::string /*id*/) override {
        const bool failed = co_await fails();
        if (failed) co_return unavailable();
        co_return std::optional<cs::Integration>(integration_);
    }
    cs::Async<cs::Result<std::vector<cs::Integration>>> list(std::string /*tenant*/) override {
        const bool failed = co_await fails();
        if (failed) co_return unavailable();
        co_return std::vector<cs::Integration>(1, integration_);
    }
    cs::Async<cs::Result<json::object>> credentials(const cs::Integration& /*integration*/) override {
        const bool failed = co_await fails();
        if (failed) co_return unavailable();
        co_return json::object();
    }

private:
    [[nodiscard]] static cs::Error unavailable() {
        return {cs::ErrorCode::unavailable, "simulated fault of the catalog"};
    }

    cs::Async<bool> fails() {
        co_await process_.pass();
        const Fault fault = plan_.next(Call{"catalog", Operation::read});
        if (fault.kind == Fault::Kind::crash_before || fault.kind == Fault::Kind::crash_after) process_.crash();
        co_await process_.pass_after(fault.before);
        co_return fault.kind != Fault::Kind::none;
    }

    cs::testing::SimulatedProcess& process_;
    cs::Integration integration_;
    cs::testing::FaultPlan& plan_;
};

class TraceObserver final : public cs::Observer {
public:
    using Finished = std::function<void(const cs::Execution&)>;

    TraceObserver(Trace& trace, std::string node, Finished finished)
        : trace_(trace), node_(std::move(node)), finished_(std::move(finished)) {}

    void on_finished(const cs::Execution& execution) override { finished_(execution); }

    void on_log(cs::LogLevel, std::string_view message, const json::object&) override {
        trace_.note("{} says: {}", node_, message);
    }
    void on_planned(const cs::PlannedRecord& planned) override {
        std::string fields;
        for (const auto& field : planned.fields)
            fields += fmt::format(" {}: {} | {} | {} -> {}", field.field, text(field.base), text(field.source),
                                  text(field.target), text(field.result));
        trace_.note("{} plans {} of {} / {} ({}){}", node_, planned.action, planned.source_id, planned.shard_id,
                    planned.reason, fields);
    }

private:
    Trace& trace_;
    std::string node_;
    Finished finished_;
};

} // namespace

std::unique_ptr<cs::IntegrationCatalog> make_faulty_catalog(cs::testing::SimulatedProcess& process,
                                                            cs::Integration integration,
                                                            cs::testing::FaultPlan& plan) {
    return std::make_unique<FaultyCatalog>(process, std::move(integration), plan);
}

Node::Node(World& owner, std::size_t which, std::string name)
    : world(owner), number(which), process(owner.loop_, std::move(name)) {
    const Scenario& scenario = world.scenario_;
    if (scenario.widest_skew.count() > 0) {
        const auto range = static_cast<std::uint64_t>(scenario.widest_skew.count());
        process.jump_clock(milliseconds{static_cast<std::int64_t>(world.troubles_.below(2 * range))} -
                           scenario.widest_skew);
    }
    random_ = cs::make_seeded_random(world.troubles_.bits());
}

cs::Result<> Node::begin() {
    const Scenario& scenario = world.scenario_;
    auto opened = world.open_store(process);
    if (!opened) return opened.error();
    witness_ = make_witness_store(break_store(world.options_.canary, std::move(*opened)), process.name(),
                                  [this](const std::string& node, const std::vector<cs::Write>& writes) {
                                      world.committed(node, writes);
                                  });
    store_ = cs::testing::make_faulty_store(process, witness_, *world.plan_);
    cs::AdapterDescription description = world.source_.describe();
    adapters_.add(std::move(description), factory(Side::source));
    catalog_ = make_faulty_catalog(process, scenario.integration, *world.plan_);
    events_ = cs::testing::make_faulty_sink(process, world.events_, *world.plan_);
    cs::EngineParts parts;
    parts.runtime = cs::Runtime{world.loop_.executor(), &process.clock(), random_.get()};
    parts.store = store_.get();
    parts.adapters = &adapters_;
    parts.shards = factory(Side::target);
    parts.catalog = catalog_.get();
    parts.events = events_.get();
    parts.limits = scenario.limits;
    parts.instance = process.name();
    if (world.trace_.on() || scenario.scheduled)
        observer_ = std::make_unique<TraceObserver>(
            world.trace_, process.name(),
            [this](const cs::Execution& execution) { world.execution_ended(*this, execution); });
    parts.observer = observer_.get();
    engine_ = std::make_unique<cs::Engine>(std::move(parts));
    return {};
}

Node::~Node() = default;

cs::Scheduler& Node::begin_scheduling(bool schedules) {
    cs::SchedulerParts parts;
    parts.runtime = cs::Runtime{world.loop_.executor(), &process.clock(), random_.get()};
    parts.engine = engine_.get();
    parts.store = store_.get();
    parts.catalog = schedules ? catalog_.get() : nullptr;
    parts.observer = observer_.get();
    parts.limits = world.scenario_.tasks.limits;
    scheduler_ = std::make_unique<cs::Scheduler>(std::move(parts));
    world.loop_.spawn(scheduler_->run());
    return *scheduler_;
}

cs::AdapterFactory Node::factory(Side side) {
    return [this, side](const cs::AdapterContext& context) -> cs::Result<std::unique_ptr<cs::Adapter>> {
        auto& system = side == Side::source ? world.source_ : world.target_;
        std::shared_ptr<cs::Adapter> faulty;
        if (side == Side::source && world.scenario_.by_rest) {
            auto made = RestSource(system, world.scenario_, process, *world.plan_).make(context);
            if (!made) return made.error();
            faulty = std::move(*made);
        } else {
            std::shared_ptr<cs::Adapter> direct = system.connect(process.name(), context.budget);
            faulty = cs::testing::make_faulty_adapter(
                process, break_adapter(world.options_.canary, side, std::move(direct)), *world.plan_,
                side == Side::source ? "source" : "target");
        }
        const auto before = [this](Side pushed, const cs::PushRequest& request) {
            if (world.phase_ != World::Phase::safety || !world.troubles_.percent(world.scenario_.users.meddling))
                return;
            const auto entity = world.ledger_.entity_of(pushed, request.entity);
            const cs::PushItem& item =
                request.items[static_cast<std::size_t>(world.troubles_.below(request.items.size()))];
            if (entity && !item.id.empty()) world.users_.meddle(pushed, *entity, item.id);
        };
        return std::make_unique<WitnessAdapter>(side, std::move(faulty), before, process.name(), world.situations_);
    };
}

} // namespace simulation

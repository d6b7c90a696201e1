// How much executions have in work at once, and who waits for whom.
#include "world.hpp"

#include <engine/working_memory.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <set>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

using Share = WorkingMemory::Share;

struct Line {
    SimLoop loop;
    SimClock clock{loop};
    std::unique_ptr<Random> random = make_seeded_random(7);
    WorkingMemory memory;
    std::vector<std::string> told;
    std::size_t timeouts = 0;
    boost::asio::cancellation_signal signal;

    explicit Line(std::size_t bytes) : memory(Runtime{loop.executor(), &clock, random.get()}, bytes) {}
    ~Line() { loop.destroy(); }

    // Works for a second, or what it is told.
    Async<void> work(std::string name, std::size_t bytes, Share::Line line = Share::Line::begins,
                     std::chrono::nanoseconds duration = 1s) {
        Share share(memory);
        share.ask(bytes, line);
        for (bool let_in = false; !let_in; timeouts += let_in ? 0 : 1)
            let_in = co_await share.wait(10s);
        told.push_back(name);
        co_await clock.sleep_for(duration);
        told.push_back(name + " ends");
    }
    void cancellable(Async<void> what) {
        boost::asio::co_spawn(loop.executor(), std::move(what),
                              boost::asio::bind_cancellation_slot(signal.slot(), boost::asio::detached));
    }
};

using Told = std::vector<std::string>;

} // namespace

TEST_CASE("what fits is in work at once, and who comes first is first, whatever its size") {
    Line line(4);
    line.loop.spawn(line.work("a", 3));
    line.loop.spawn(line.work("b", 3));
    line.loop.spawn(line.work("c", 1)); // it would fit, and does not overtake
    line.loop.run_until_idle();
    CHECK(line.told == Told{"a", "a ends", "b", "c", "b ends", "c ends"});
}

TEST_CASE("what is larger than the bound goes by itself") {
    Line line(4);
    line.loop.spawn(line.work("a", 1));
    line.loop.spawn(line.work("whale", 100));
    line.loop.spawn(line.work("b", 1));
    line.loop.run_until_idle();
    CHECK(line.told == Told{"a", "a ends", "whale", "whale ends", "b", "b ends"});
}

TEST_CASE("who comes back to what is in work goes before who begins") {
    Line line(1);
    line.loop.spawn(line.work("a", 1));
    line.loop.spawn(line.work("b", 1));
    line.loop.spawn(line.work("c", 1, Share::Line::returns));
    line.loop.spawn(line.work("d", 1, Share::Line::returns));
    line.loop.run_until_idle();
    CHECK(line.told == Told{"a", "a ends", "c", "c ends", "d", "d ends", "b", "b ends"});
}

TEST_CASE("who waits for long is told, and keeps its place") {
    Line line(1);
    line.loop.spawn(line.work("a", 1, Share::Line::begins, 35s));
    line.loop.spawn(line.work("b", 1));
    line.loop.run_for(5s);
    line.loop.spawn(line.work("c", 1));
    line.loop.run_until_idle();
    CHECK(line.timeouts == 6);
    CHECK(line.told == Told{"a", "a ends", "b", "b ends", "c", "c ends"});
}

TEST_CASE("who is cancelled leaves the line, or gives back what it has (I38)") {
    Line line(1);
    SUBCASE("while it works") {
        line.cancellable(line.work("a", 1, Share::Line::begins, 1h));
        line.loop.spawn(line.work("b", 1));
        line.loop.run_for(1s);
        line.signal.emit(boost::asio::cancellation_type::terminal);
        line.loop.run_for(2s);
        CHECK(line.told == Told{"a", "b", "b ends"});
    }
    SUBCASE("while it waits") {
        line.loop.spawn(line.work("a", 1, Share::Line::begins, 3s));
        line.cancellable(line.work("b", 1));
        line.loop.spawn(line.work("c", 1));
        line.loop.run_for(1s);
        line.signal.emit(boost::asio::cancellation_type::terminal);
        line.loop.run_until_idle();
        CHECK(line.told == Told{"a", "a ends", "c", "c ends"});
    }
    SUBCASE("in the moment in which it is let in") {
        line.loop.spawn(line.work("a", 1, Share::Line::begins, 3s));
        line.cancellable(line.work("b", 1));
        line.loop.spawn(line.work("c", 1));
        line.loop.run_for(1s);
        line.loop.after(2s, [&] { line.signal.emit(boost::asio::cancellation_type::terminal); });
        line.loop.run_until_idle();
        CHECK(line.told.back() == "c ends");
    }
}

TEST_CASE("a loop that ends takes those along who wait") {
    Line line(1);
    line.loop.spawn(line.work("a", 1, Share::Line::begins, 1h));
    for (int i = 0; i < 3; ++i)
        line.loop.spawn(line.work("b", 1));
    line.loop.run_for(1s);
    CHECK(line.told == Told{"a"});
}

namespace {

std::string uuid(std::size_t number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); }

// Each of another tenant, with records of its own.
Integration tenants_contacts(std::size_t number, Direction direction) {
    Integration integration = without_match_keys();
    integration.tenant_id = uuid(number);
    integration.id = uuid(100 + number);
    integration.sync.direction = direction;
    integration.sync.entity_mappings[0].external_entity = fmt::format("contacts{}", number);
    integration.sync.entity_mappings[0].shard_type_id = fmt::format("contact{}", number);
    return integration;
}

// Answers later, so that executions could overtake one another, and knows whose pages are in work: from the look-up of
// links to the commit that holds them.
class WatchedStore final : public Store {
public:
    WatchedStore(Store& inner, Clock& clock) : inner_(inner), clock_(clock) {}
    std::set<std::string> in_work;
    std::size_t most = 0;
    std::map<std::string, std::chrono::nanoseconds> commits_take;

    [[nodiscard]] StoreLimits limits() const override { return inner_.limits(); }
    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        co_await clock_.sleep_for(1ms);
        co_return co_await inner_.read(std::move(partition), std::move(kind), std::move(ids));
    }
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        if (kind == "link") in_work.insert(partition);
        most = std::max(most, in_work.size());
        co_await clock_.sleep_for(1ms);
        co_return co_await inner_.query(std::move(partition), std::move(kind), std::move(query));
    }
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        return inner_.scan(std::move(kind), std::move(query));
    }
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        const bool of_page =
            std::any_of(writes.begin(), writes.end(), [](const Write& write) { return write.document.kind == "link"; });
        auto duration = std::chrono::nanoseconds(1ms);
        if (of_page && commits_take.contains(partition)) duration = commits_take[partition];
        co_await clock_.sleep_for(duration);
        auto receipt = co_await inner_.commit(partition, std::move(writes));
        if (of_page) in_work.erase(partition);
        co_return receipt;
    }

private:
    Store& inner_;
    Clock& clock_;
};

// A system that is asked about one tenant and does not answer.
class SilentAdapter final : public Adapter {
public:
    SilentAdapter(std::unique_ptr<Adapter> inner, SimLoop& loop, const bool& fetches, const bool& pushes)
        : inner_(std::move(inner)), loop_(loop), fetches_(fetches), pushes_(pushes) {}
    AdapterDescription describe() const override { return inner_->describe(); }
    AdapterCapabilities capabilities() const override { return inner_->capabilities(); }
    Async<Result<>> check() override { return inner_->check(); }
    Async<Result<RecordPage>> pull(PullRequest request) override { return inner_->pull(std::move(request)); }
    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        if (fetches_) co_await loop_.never();
        co_return co_await inner_->fetch(std::move(request));
    }
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        if (pushes_) co_await loop_.never();
        co_return co_await inner_->push(std::move(request));
    }

private:
    std::unique_ptr<Adapter> inner_;
    SimLoop& loop_;
    const bool& fetches_;
    const bool& pushes_;
};

AdapterCapabilities local(bool feed) {
    AdapterCapabilities capabilities = able(feed);
    capabilities.local = true;
    return capabilities;
}

struct Tenants {
    World world;
    WatchedStore store{*world.store, world.clock};
    std::unique_ptr<IntegrationCatalog> catalog;
    std::unique_ptr<Engine> engine;
    std::map<std::size_t, Execution> ended;
    bool silent_fetches = false, silent_pushes = false; // of the first tenant's source

    explicit Tenants(std::size_t count, Direction direction, AdapterCapabilities source, AdapterCapabilities target,
                     std::size_t bytes)
        : world(contacts_integration(), source, target) {
        std::vector<Integration> integrations;
        for (std::size_t i = 0; i < count; ++i)
            integrations.push_back(tenants_contacts(i, direction));
        catalog = make_fixed_catalog(std::move(integrations));
        world.registry.add(world.source.describe(), [this](const AdapterContext& context) {
            auto adapter = world.source.connect("sync");
            if (context.tenant_id == uuid(0))
                adapter =
                    std::make_unique<SilentAdapter>(std::move(adapter), world.loop, silent_fetches, silent_pushes);
            return Result<std::unique_ptr<Adapter>>(std::move(adapter));
        });
        EngineParts parts;
        parts.runtime = Runtime{world.loop.executor(), &world.clock, world.random.get()};
        parts.store = &store;
        parts.adapters = &world.registry;
        parts.shards = world.wired(world.target, world.to_target);
        parts.catalog = catalog.get();
        parts.limits = world.limits;
        parts.limits.max_working_bytes = bytes;
        engine = std::make_unique<Engine>(std::move(parts));
    }
    ~Tenants() { world.loop.destroy(); }

    static SyncRequest request(std::size_t number) {
        SyncRequest request;
        request.tenant_id = uuid(number);
        request.integration_id = uuid(100 + number);
        return request;
    }
    Async<void> run(std::size_t number) {
        auto executions = co_await engine->run(request(number));
        REQUIRE(executions.has_value());
        ended[number] = executions->back();
    }
    std::string contact(std::size_t number) {
        return world.source.create(fmt::format("contacts{}", number), person("a@x", "A"));
    }
    std::string shard(std::size_t number) {
        return world.target.create(fmt::format("contact{}", number), {{"email", "b@x"}, {"name", "B"}});
    }
    [[nodiscard]] bool completed(std::size_t number) const {
        const auto found = ended.find(number);
        return found != ended.end() && found->second.status == SyncStatus::completed;
    }
    Timestamp lease_ends(std::size_t number) {
        auto page = world.loop.run(world.store->query(uuid(number), "stream", Query()));
        REQUIRE(page->documents.size() == 1);
        return from_document<StreamDocument>(page->documents.front())->lease->expires_at;
    }
};

} // namespace

TEST_CASE("no more pages are in work than there is memory for, however many run at once") {
    std::size_t bytes = 1, most = 1;
    SUBCASE("a page at a time") {}
    SUBCASE("as many as there are") { bytes = 1'000'000, most = 5; }
    Tenants tenants(5, Direction::inbound, local(true), local(true), bytes);
    for (std::size_t i = 0; i < 5; ++i) {
        tenants.contact(i);
        tenants.world.loop.spawn(tenants.run(i));
    }
    tenants.world.loop.run_for(1h);
    for (std::size_t i = 0; i < 5; ++i)
        CHECK(tenants.completed(i));
    CHECK(tenants.store.most == most);
}

TEST_CASE("a system that does not answer keeps nobody else waiting (I21)") {
    Tenants tenants(2, Direction::bidirectional, able(true), local(true), 1);
    tenants.contact(0);
    tenants.world.loop.spawn(tenants.run(0));
    tenants.world.loop.run_for(1h);
    REQUIRE(tenants.completed(0));
    tenants.ended.clear();
    SUBCASE("what it holds") {
        tenants.silent_fetches = true;
        const auto ids = tenants.world.target.ids("contact0");
        REQUIRE(ids.size() == 1);
        REQUIRE(tenants.world.target.edit("contact0", ids[0], {{"email", "a@x"}, {"name", "Edited"}}));
    }
    SUBCASE("what is written to it") {
        tenants.silent_pushes = true;
        tenants.shard(0);
    }
    tenants.shard(1);
    tenants.world.loop.spawn(tenants.run(0));
    tenants.world.loop.run_for(1min);
    tenants.world.loop.spawn(tenants.run(1));
    tenants.world.loop.run_for(1min);
    CHECK(tenants.ended.count(0) == 0);
    CHECK(tenants.completed(1));
}

TEST_CASE("an execution that waits for memory keeps its lease") {
    Tenants tenants(2, Direction::inbound, local(true), local(true), 1);
    tenants.store.commits_take[uuid(0)] = 10min;
    for (std::size_t i = 0; i < 2; ++i) {
        tenants.contact(i);
        tenants.world.loop.spawn(tenants.run(i));
    }
    for (int minute = 0; minute < 5; ++minute) {
        tenants.world.loop.run_for(1min);
        CHECK(tenants.lease_ends(1) > tenants.world.clock.now() + 30s);
    }
    CHECK(tenants.store.most == 1);
    tenants.world.loop.run_for(1h);
    CHECK(tenants.completed(1));
}

TEST_CASE("an execution that is cancelled while it waits for memory ends at once, and the others go on (I38)") {
    Tenants tenants(3, Direction::inbound, local(true), local(true), 1);
    tenants.store.commits_take[uuid(0)] = 10min;
    for (std::size_t i = 0; i < 3; ++i)
        tenants.contact(i);
    tenants.world.loop.spawn(tenants.run(0));
    tenants.world.loop.run_for(1s);
    boost::asio::cancellation_signal signal;
    boost::asio::co_spawn(tenants.world.loop.executor(), tenants.run(1),
                          boost::asio::bind_cancellation_slot(signal.slot(), boost::asio::detached));
    tenants.world.loop.run_for(1s);
    tenants.world.loop.spawn(tenants.run(2));
    tenants.world.loop.run_for(1s);
    signal.emit(boost::asio::cancellation_type::terminal);
    tenants.world.loop.run_for(1s);
    REQUIRE(tenants.ended.count(1) == 1);
    CHECK(tenants.ended[1].status == SyncStatus::cancelled);
    tenants.world.loop.run_for(1h);
    CHECK(tenants.completed(0));
    CHECK(tenants.completed(2));
}

#include "world.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing;

TEST_CASE("several candidates for one match are a conflict, not a guess (ambiguous_match)") {
    World world;
    const auto first = world.source.create("contacts", person("same@x", "One"));
    const auto second = world.source.create("contacts", person("same@x", "Two"));
    const auto shard = world.target.create("contact", {{"email", "same@x"}, {"name", "One"}});
    world.source.create("contacts", person("other@x", "Other"));
    const Execution run = world.sync_well();
    CHECK(run.counters.conflicts == 1);
    CHECK(world.target.ids("contact").size() == 2); // the other one flows
    auto open = world.conflicts();
    REQUIRE(open.size() == 1);
    CHECK(open[0].type == ConflictType::ambiguous_match);
    CHECK(open[0].candidates.size() == 3);
    world.sync_well();
    CHECK(world.conflicts().size() == 1);

    SUBCASE("a person links two of them; the third is new") {
        ConflictResolution answer;
        answer.choice = ConflictResolution::Choice::link;
        answer.source_id = first;
        answer.target_id = shard;
        auto resolved = world.loop.run(world.engine->resolve_conflict(tenant, open[0].conflict_id, answer));
        REQUIRE_MESSAGE(resolved.has_value(), resolved.error().message);
        CHECK(resolved->state == ConflictState::resolved);
        world.source.edit("contacts", second, person("second@x", "Two"));
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 3);
        CHECK(world.stream().links == 3);
    }
    SUBCASE("a person says that they are separate: each gets its own") {
        ConflictResolution answer;
        answer.choice = ConflictResolution::Choice::separate;
        REQUIRE(world.loop.run(world.engine->resolve_conflict(tenant, open[0].conflict_id, answer)).has_value());
        world.sync_well();
        CHECK(world.source.ids("contacts").size() == 4);
        CHECK(world.target.ids("contact").size() == 4);
        CHECK(world.conflicts().empty());
    }
    SUBCASE("one of them goes away: the rest is no riddle any more") {
        world.source.remove("contacts", second);
        world.sync_well();
        CHECK(world.conflicts().empty());
        CHECK(world.stream().links == 2);
        CHECK(world.target.ids("contact").size() == 2);
    }
}

TEST_CASE("two sides that gain the same record between runs are matched, not doubled (I6)") {
    for (const bool feed : {false, true}) {
        World world(contacts_integration(), able(feed));
        world.source.create("contacts", person("a@x", "A"));
        world.sync_well();
        world.source.create("contacts", person("b@x", "B"));
        world.target.create("contact", {{"email", "B@x"}, {"name", "B"}});
        world.sync_well();
        CHECK(world.source.ids("contacts").size() == 2);
        CHECK(world.target.ids("contact").size() == 2);
    }
}

TEST_CASE("records that can't be read any more when they are to be matched use up no run's cap for ever (I1)") {
    World world;
    world.limits.max_records_per_sync = 3;
    world.rebuild();
    const auto people = create_people(world, 3);
    REQUIRE(world.sync_well().has_more); // read, and not matched yet
    world.source.set_broken("contacts", people[0], true);
    world.source.set_broken("contacts", people[1], true);
    world.limits.max_records_per_sync = 1;
    world.rebuild();
    SyncRequest rest = world.request();
    rest.resume = true;
    bool more = true;
    for (int i = 0; i < 10 && more; ++i) more = world.sync(rest).has_more;
    CHECK_FALSE(more);
    CHECK(world.target.ids("contact").size() == 1);
    for (const auto& id : {people[0], people[1]}) world.source.set_broken("contacts", id, false);
    more = true;
    for (int i = 0; i < 20 && more; ++i) more = world.sync(rest).has_more;
    CHECK(world.target.ids("contact").size() == 3);
    CHECK(world.live_links().size() == 3);
}

TEST_CASE("an unmatched record of a side that does not flow stays where it is, and is found later") {
    Integration integration = contacts_integration();
    integration.sync.direction = Direction::inbound;
    World world(integration);
    world.target.create("contact", {{"email", "late@x"}, {"name", "Late"}});
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    CHECK(world.source.ids("contacts").size() == 1);
    CHECK(world.target.ids("contact").size() == 2);
    world.source.create("contacts", person("late@x", "Late"));
    world.sync_well();
    CHECK(world.target.ids("contact").size() == 2);
    CHECK(world.stream().links == 2);
}

TEST_CASE("a refusal because another record holds a unique key is a conflict, and its repair ends it (unique_key)") {
    World world;
    auto options = system_options("shards2", able(true));
    SimulatedSystem strict(world.loop, options);
    // The simulated system refuses with a reason; an adapter that knows why says already_exists.
    class UniqueName final : public Adapter {
    public:
        explicit UniqueName(std::unique_ptr<Adapter> inner) : inner_(std::move(inner)) {}
        AdapterDescription describe() const override { return inner_->describe(); }
        AdapterCapabilities capabilities() const override { return inner_->capabilities(); }
        Async<Result<>> check() override { return inner_->check(); }
        Async<Result<RecordPage>> pull(PullRequest request) override { return inner_->pull(std::move(request)); }
        Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
            return inner_->fetch(std::move(request));
        }
        Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
            std::vector<PushOutcome> outcomes;
            for (auto& item : request.items) {
                const auto* name = item.fields.if_contains("name");
                if (name && name->is_string() && name->get_string() == "taken") {
                    PushOutcome outcome;
                    outcome.status = PushOutcome::Status::rejected;
                    outcome.error = Error(ErrorCode::already_exists, "name is taken");
                    outcomes.push_back(std::move(outcome));
                    continue;
                }
                PushRequest one;
                one.entity = request.entity;
                one.items.push_back(std::move(item));
                auto answer = co_await inner_->push(std::move(one));
                if (!answer) co_return answer;
                outcomes.push_back(std::move(answer->front()));
            }
            co_return outcomes;
        }

    private:
        std::unique_ptr<Adapter> inner_;
    };
    EngineParts parts;
    parts.runtime = Runtime{world.loop.executor(), &world.clock, world.random.get()};
    parts.store = world.store.get();
    parts.adapters = &world.registry;
    parts.shards = [&](const AdapterContext&) -> Result<std::unique_ptr<Adapter>> {
        return std::unique_ptr<Adapter>(std::make_unique<UniqueName>(world.target.connect("sync")));
    };
    parts.catalog = world.catalog.get();
    parts.events = &world.sink;
    parts.limits = world.limits;
    world.engine = std::make_unique<Engine>(std::move(parts));

    const auto id = world.source.create("contacts", person("a@x", "taken"));
    world.source.create("contacts", person("b@x", "free"));
    const Execution run = world.sync_well();
    CHECK(run.counters.conflicts == 1);
    REQUIRE(world.conflicts().size() == 1);
    CHECK(world.conflicts()[0].type == ConflictType::unique_key);
    CHECK(world.stream().parked == 1);
    world.source.edit("contacts", id, person("a@x", "other"));
    world.sync_well();
    CHECK(world.conflicts().empty());
    CHECK(world.parked().empty());
    CHECK(world.target.ids("contact").size() == 2);
}

TEST_CASE("a run narrower than the mapping leaves the other direction's edits for a wider one (I2, I10)") {
    for (const bool feed : {false, true}) {
        World world(contacts_integration(), able(feed));
        world.source.create("contacts", person("a@x", "A"));
        world.sync_well();
        world.target.edit("contact", world.target_id(), {{"email", "a@x"}, {"name", "A"}, {"phone", "T"}});
        world.source.edit("contacts", world.source_id(), person("a@x", "S"));
        SyncRequest inbound = world.request();
        inbound.direction = Direction::inbound;
        CHECK(world.sync(inbound).status == SyncStatus::completed);
        CHECK(world.shard().at("name").as_string() == "S");
        CHECK(world.contact().if_contains("phone") == nullptr);
        world.sync_well();
        CHECK(world.contact().at("phone").as_string() == "T");
    }
}

TEST_CASE("the history tells who changed what and why, newest first") {
    World world;
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    world.loop.run_for(std::chrono::seconds(1));
    world.source.edit("contacts", world.source_id(), person("a@x", "B"));
    world.sync_well();
    auto history = world.loop.run(world.engine->history(tenant, "contacts", world.source_id(), 10, ""));
    REQUIRE(history.has_value());
    REQUIRE(history->items.size() == 2);
    CHECK(history->items[0].action == "updated");
    REQUIRE(history->items[0].changes.size() == 1);
    CHECK(history->items[0].changes[0].field == "name");
    CHECK(history->items[0].changes[0].before->as_string() == "A");
    CHECK(history->items[0].changes[0].after->as_string() == "B");
    CHECK(history->items[0].changes[0].rule == "changed_on_source");
    CHECK(history->items[1].action == "created");
    // The shard's id leads to the same.
    CHECK(world.loop.run(world.engine->history(tenant, "", world.target_id(), 10, ""))->items.size() == 2);
    auto unknown = world.loop.run(world.engine->history(tenant, "", "nobody", 10, ""));
    REQUIRE_FALSE(unknown.has_value());
    CHECK(unknown.error().code == ErrorCode::not_found);
}

TEST_CASE("the history is whole and in order, page by page, while its create is told by the link and after") {
    World world;
    world.source.create("contacts", person("a@x", "A"));
    world.sync_well();
    const auto page = [&](std::size_t limit, const std::string& cursor) {
        auto answer = world.loop.run(world.engine->history(tenant, "", world.source_id(), limit, cursor));
        REQUIRE(answer.has_value());
        return std::move(*answer);
    };
    auto created = page(1, "");
    REQUIRE(created.items.size() == 1);
    CHECK(created.next_cursor.empty());
    CHECK(created.items[0].action == "created");
    CHECK(created.items[0].target_id == world.target_id());
    CHECK(created.items[0].changes.size() == 2);
    CHECK(world.stored<JournalEntry>("journal").empty()); // the link's base says it all

    for (const char* name : {"B", "C", "D"}) {
        world.loop.run_for(std::chrono::seconds(1));
        world.source.edit("contacts", world.source_id(), person("a@x", name));
        world.sync_well();
    }
    for (const std::size_t limit : {1, 2, 3, 4, 5}) {
        CAPTURE(limit);
        std::vector<JournalEntry> all;
        std::string cursor;
        do {
            auto next = page(limit, cursor);
            CHECK(next.items.size() <= limit);
            cursor = next.next_cursor;
            for (auto& entry : next.items) all.push_back(std::move(entry));
        } while (!cursor.empty() && all.size() < 10);
        REQUIRE(all.size() == 4);
        CHECK(all[0].changes.at(0).after->as_string() == "D");
        CHECK(all[2].changes.at(0).after->as_string() == "B");
        CHECK(all[3].journal_id == created.items[0].journal_id);
        CHECK(all[3].changes.size() == 2);
        CHECK(all[3].at == created.items[0].at);
    }
    const auto foreign = world.loop.run(world.engine->history(tenant, "", world.source_id(), 1, "nonsense"));
    REQUIRE_FALSE(foreign.has_value());
    CHECK(foreign.error().code == ErrorCode::invalid_request);
}

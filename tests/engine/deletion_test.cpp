#include "world.hpp"

#include <map>
#include <optional>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

Integration deleting(DeleteStrategy strategy) {
    Integration integration = contacts_integration();
    integration.sync.delete_conflict_resolution = strategy;
    return integration;
}

// The source deleted the record, the target edited it.
void deleted_against_edited(World& world) {
    world.source.create("contacts", person("a@x", "A"));
    world.source.create("contacts", person("b@x", "B"));
    world.sync_well();
    const auto id = world.source.ids("contacts").front();
    const std::string mail(world.source.find("contacts", id)->at("mail").as_string());
    world.source.remove("contacts", id);
    for (const auto& target : world.target.ids("contact"))
        if (world.target.find("contact", target)->at("email").as_string() == mail)
            world.target.edit("contact", target, {{"email", mail}, {"name", "edited"}});
}

// Every page of a listing after the first repeats the first record: as if it moved along while it was listed.
class MovingRow final : public Adapter {
public:
    explicit MovingRow(std::unique_ptr<Adapter> inner) : inner_(std::move(inner)) {}
    AdapterDescription describe() const override { return inner_->describe(); }
    AdapterCapabilities capabilities() const override { return inner_->capabilities(); }
    Async<Result<>> check() override { return inner_->check(); }
    Async<Result<RecordPage>> pull(PullRequest request) override {
        auto page = co_await inner_->pull(std::move(request));
        if (!page || page->records.empty()) co_return page;
        if (first_) page->records.push_back(*first_);
        else first_ = page->records.front();
        co_return page;
    }
    Async<Result<std::vector<FetchedRecord>>> fetch(FetchRequest request) override {
        return inner_->fetch(std::move(request));
    }
    Async<Result<std::vector<PushOutcome>>> push(PushRequest request) override {
        return inner_->push(std::move(request));
    }

private:
    std::unique_ptr<Adapter> inner_;
    std::optional<Record> first_;
};

} // namespace

TEST_CASE("a record that a listing shows twice hides no other one that is missing (I1)") {
    World world;
    world.limits.page_records = 1;
    world.registry.add(world.source.describe(), [&](const AdapterContext&) -> Result<std::unique_ptr<Adapter>> {
        return std::unique_ptr<Adapter>(std::make_unique<MovingRow>(world.source.connect("sync")));
    });
    world.rebuild();
    create_people(world, 3);
    world.sync_well();
    REQUIRE(world.target.ids("contact").size() == 3);
    world.source.remove("contacts", world.source.ids("contacts").back());
    world.sync_well();
    CHECK(world.target.ids("contact").size() == 2);
}

TEST_CASE("a deletion brings the record as it was read, as an update does") {
    for (const bool feed : {false, true}) {
        World world(contacts_integration(), able(feed));
        world.source.create("contacts", person("a@x", "A"));
        world.source.create("contacts", person("b@x", "B"));
        world.sync_well();
        world.source.remove("contacts", world.source_id());
        world.to_target.sent.clear();
        const std::vector<std::string> before = world.target.ids("contact");
        std::map<std::string, json::object> held;
        for (const std::string& id : before)
            held[id] = *world.target.find("contact", id);
        world.sync_well();
        REQUIRE(world.to_target.sent.size() == 1);
        const PushItem& removal = world.to_target.sent.front();
        CHECK(removal.action == PushItem::Action::remove);
        CHECK(removal.previous == held.at(removal.id));
    }
}

TEST_CASE("deleted against edited is a person's to decide, and both stand still until then") {
    for (const bool keep : {true, false}) {
        CAPTURE(keep);
        World world(deleting(DeleteStrategy::manual), able(keep));
        deleted_against_edited(world);
        CHECK(world.sync_well().counters.conflicts == 1);
        CHECK(world.target.ids("contact").size() == 2);
        CHECK(world.source.ids("contacts").size() == 1);
        auto open = world.conflicts();
        REQUIRE(open.size() == 1);
        CHECK(open[0].type == ConflictType::delete_update);
        world.sync_well();
        CHECK(world.conflicts().size() == 1);
        ConflictResolution answer;
        answer.choice = keep ? ConflictResolution::Choice::target : ConflictResolution::Choice::source;
        auto resolved = world.loop.run(world.engine->resolve_conflict(tenant, open[0].conflict_id, answer));
        REQUIRE_MESSAGE(resolved.has_value(), resolved.error().message);
        CHECK(resolved->state == ConflictState::resolved);
        CHECK(world.target.ids("contact").size() == (keep ? 2 : 1));
        CHECK(world.source.ids("contacts").size() == (keep ? 2 : 1));
        const auto position = world.source.position() + world.target.position();
        world.sync_well();
        CHECK(world.source.position() + world.target.position() == position);
        CHECK(world.stream().links == (keep ? 2 : 1));
    }
}

TEST_CASE("every deletion strategy decides as its name says, and is recorded") {
    struct Expectation {
        DeleteStrategy strategy;
        std::size_t sources, targets;
    };
    for (const auto& [strategy, sources, targets] :
         {Expectation{DeleteStrategy::source_wins, 1, 1}, Expectation{DeleteStrategy::target_wins, 2, 2},
          Expectation{DeleteStrategy::update_wins, 2, 2}, Expectation{DeleteStrategy::delete_wins, 1, 1},
          Expectation{DeleteStrategy::unlink, 1, 2}}) {
        CAPTURE(to_string(strategy));
        for (const bool feed : {false, true}) {
            World world(deleting(strategy), able(feed));
            deleted_against_edited(world);
            world.sync_well();
            world.sync_well();
            CHECK(world.source.ids("contacts").size() == sources);
            CHECK(world.target.ids("contact").size() == targets);
            CHECK(world.conflicts().empty());
            CHECK(world.conflicts("auto_resolved").size() == 1);
        }
    }
}

TEST_CASE("switched off, deletions do not propagate, and the survivor is not taken for new") {
    Integration integration = contacts_integration();
    integration.sync.propagate_deletions = false;
    for (const bool feed : {false, true}) {
        World world(integration, able(feed));
        world.source.create("contacts", person("a@x", "A"));
        world.source.create("contacts", person("b@x", "B"));
        world.sync_well();
        world.source.remove("contacts", world.source_id());
        world.sync_well();
        world.sync_well();
        CHECK(world.target.ids("contact").size() == 2);
        CHECK(world.source.ids("contacts").size() == 1);
    }
}

TEST_CASE("a deletion of both sides ends the link quietly") {
    World world(contacts_integration(), able(true));
    world.source.create("contacts", person("a@x", "A"));
    world.source.create("contacts", person("b@x", "B"));
    world.sync_well();
    const auto mail = std::string(world.contact_fields(0).at("mail").as_string());
    world.source.remove("contacts", world.source_id());
    for (const auto& id : world.target.ids("contact"))
        if (world.target.find("contact", id)->at("email").as_string() == mail) {
            world.target.remove("contact", id);
            break;
        }
    const Execution run = world.sync_well();
    CHECK(run.counters.conflicts == 0);
    CHECK(world.stream().links == 1);
}

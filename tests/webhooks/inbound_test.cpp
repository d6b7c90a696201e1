// Hooks that come in, on a real engine: what is stored of them, once, whatever fails and whoever repeats them.
#include <castiel_sync/stores/memory.hpp>
#include <castiel_sync/testing/faulty_store.hpp>
#include <castiel_sync/testing/sim_clock.hpp>
#include <castiel_sync/testing/simulated_process.hpp>
#include <castiel_sync/webhooks/inbound.hpp>
#include <castiel_sync/webhooks/signature.hpp>
#include <castiel_sync/webhooks/webhooks.hpp>
#include <engine/documents.hpp>

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <memory>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

const std::string tenant = "11111111-1111-4111-8111-111111111111";
const std::string other_tenant = "11111111-1111-4111-8111-111111111112";
const std::string integration_id = "22222222-2222-4222-8222-222222222222";
const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

std::vector<KindDeclaration> all_kinds() {
    std::vector<KindDeclaration> kinds(engine_kinds().begin(), engine_kinds().end());
    kinds.insert(kinds.end(), webhook_kinds().begin(), webhook_kinds().end());
    return kinds;
}

Integration integration_of(const std::string& tenant_id, const std::string& provider) {
    Integration integration;
    integration.id = integration_id;
    integration.tenant_id = tenant_id;
    integration.provider_name = provider;
    integration.credential_secret_name = "secret of " + tenant_id;
    EntityMapping& mapping = integration.sync.entity_mappings.emplace_back();
    mapping.external_entity = "contacts";
    mapping.shard_type_id = "contact";
    return integration;
}

class Slow final : public FaultPlan {
public:
    [[nodiscard]] Fault next(const Call&) override {
        Fault none;
        none.before = std::chrono::milliseconds(10);
        return none;
    }
};

// A process that takes hooks, and that may die of a fault.
struct HookWorld {
    HookWorld() {
        AdapterDescription crm;
        crm.name = "crm";
        crm.hooks.emplace().scheme = HookDescription::Scheme::standard;
        crm.hooks->entity = "entity";
        crm.hooks->id = "id";
        AdapterDescription open = crm;
        open.name = "open";
        open.hooks->scheme = HookDescription::Scheme::none;
        AdapterDescription silent;
        silent.name = "silent";
        for (const AdapterDescription& each : {crm, open, silent})
            adapters.add(each, [](const AdapterContext&) -> Result<std::unique_ptr<Adapter>> {
                return Error(ErrorCode::unavailable, "there is no system");
            });
        integrations = {integration_of(tenant, "crm")};
        start(std::make_unique<NoFaults>());
    }
    ~HookWorld() { loop.destroy(); }

    // As a process of its own, on the same store.
    void start(std::unique_ptr<FaultPlan> plan) {
        plans.push_back(std::move(plan));
        processes.push_back(std::make_unique<SimulatedProcess>(loop, "hooks"));
        stores.push_back(make_faulty_store(*processes.back(), store, *plans.back()));
        catalogs.push_back(make_fixed_catalog(integrations, [this](const std::string& name) -> Result<json::object> {
            if (credentials_fault) return *credentials_fault;
            return credentials[name];
        }));
        const Runtime runtime{loop.executor(), &clock, random.get()};
        EngineParts parts;
        parts.runtime = runtime;
        parts.store = stores.back().get();
        parts.adapters = &adapters;
        parts.catalog = catalogs.back().get();
        parts.instance = "hooks";
        engines.push_back(std::make_unique<Engine>(std::move(parts)));
        InboundHooksParts hooks_parts;
        hooks_parts.runtime = runtime;
        hooks_parts.engine = engines.back().get();
        hooks_parts.store = stores.back().get();
        hooks_parts.catalog = catalogs.back().get();
        hooks_parts.adapters = &adapters;
        all_hooks.push_back(std::make_unique<InboundHooks>(std::move(hooks_parts)));
        hooks = all_hooks.back().get();
    }

    [[nodiscard]] HookCall call(const std::string& id, const std::string& body, const std::string& by = secret) {
        HookCall call;
        call.method = "POST";
        call.body = body;
        const auto now = std::chrono::floor<std::chrono::seconds>(clock.now()).time_since_epoch().count();
        call.headers.add("webhook-id", id);
        call.headers.add("webhook-timestamp", std::to_string(now));
        call.headers.add("webhook-signature", sign_webhook(parse_webhook_secret(by).value(), id, now, body));
        return call;
    }
    Result<HookAnswer> take(HookCall call) { return loop.run(hooks->take(integrations, std::move(call))); }
    HookAnswer taken(HookCall call) {
        auto answer = take(std::move(call));
        REQUIRE_MESSAGE(answer.has_value(), answer.error().message);
        return std::move(*answer);
    }

    std::vector<Document> stored(const std::string& kind, const std::string& of = tenant) {
        Query query;
        auto page = loop.run(store->query(of, kind, std::move(query)));
        REQUIRE(page.has_value());
        return page->documents;
    }
    std::size_t stored_at_all() {
        std::size_t count = 0;
        for (const KindDeclaration& kind : all_kinds())
            for (const std::string& of : {tenant, other_tenant}) count += stored(kind.kind, of).size();
        return count;
    }
    std::vector<Event> events() {
        std::vector<Event> events;
        for (const Document& document : stored("outbox")) events.push_back(from_document<Event>(document).value());
        return events;
    }
    std::vector<TaskDocument> tasks() {
        std::vector<TaskDocument> tasks;
        for (const Document& document : stored("task")) tasks.push_back(from_document<TaskDocument>(document).value());
        return tasks;
    }

    SimLoop loop;
    SimClock clock{loop};
    std::unique_ptr<Random> random = make_seeded_random(7);
    std::shared_ptr<Store> store = make_memory_store(clock, all_kinds());
    AdapterRegistry adapters;
    std::vector<Integration> integrations;
    std::map<std::string, json::object> credentials{{"secret of " + tenant, {{"webhookSecret", secret}}}};
    std::optional<Error> credentials_fault;
    std::vector<std::unique_ptr<FaultPlan>> plans;
    std::vector<std::unique_ptr<SimulatedProcess>> processes;
    std::vector<std::unique_ptr<Store>> stores;
    std::vector<std::unique_ptr<IntegrationCatalog>> catalogs;
    std::vector<std::unique_ptr<Engine>> engines;
    std::vector<std::unique_ptr<InboundHooks>> all_hooks;
    InboundHooks* hooks = nullptr; // of the process that was started last
};

const std::string contact_7 = R"({"entity": "contacts", "id": 7})";

void take_into(InboundHooks& hooks, SimLoop& loop, std::vector<Integration> integrations, HookCall call,
               std::optional<Result<HookAnswer>>& answer) {
    // A named function, so that nothing captured is gone when it goes on.
    struct Taking {
        static Async<void> run(InboundHooks& hooks, std::vector<Integration> integrations, HookCall call,
                               std::optional<Result<HookAnswer>>& answer) {
            auto taken = co_await hooks.take(std::move(integrations), std::move(call));
            answer.emplace(std::move(taken));
        }
    };
    loop.spawn(Taking::run(hooks, std::move(integrations), std::move(call), answer));
}

} // namespace

TEST_CASE("a hook is a receipt, an event and a task that reads what it names") {
    HookWorld world;
    const HookAnswer answer = world.taken(world.call("msg_1", contact_7));
    CHECK_FALSE(answer.duplicate);
    REQUIRE(world.tasks().size() == 1);
    const TaskDocument task = world.tasks().front();
    CHECK(task.task_id == answer.task_id);
    CHECK(task.request.trigger == Trigger::webhook);
    CHECK(task.request.entity == "contacts");
    CHECK(task.request.source_ids == std::vector<std::string>{"7"});
    REQUIRE(world.events().size() == 1);
    const Event event = world.events().front();
    CHECK(event.type == "integration.webhook.received");
    CHECK(event.sequence == 1);
    CHECK(to_json(event.data) == R"({"integrationId":")" + integration_id +
                                     R"(","deliveryId":"msg_1","verified":true,"entityType":"contacts","taskId":")" +
                                     answer.task_id + "\"}");
    CHECK(world.stored("webhook_receipt").size() == 1);
}

TEST_CASE("a hook that comes again is answered alike, and has no second effect (I29)") {
    HookWorld world;
    const HookAnswer first = world.taken(world.call("msg_1", contact_7));
    REQUIRE(world.loop.run(world.engines.back()->cancel_task(tenant, first.task_id, "somebody")).has_value());
    const std::size_t before = world.stored_at_all();
    const HookAnswer again = world.taken(world.call("msg_1", contact_7));
    CHECK(again.duplicate);
    CHECK(again.task_id == first.task_id);
    CHECK_FALSE(again.task.has_value());
    CHECK(world.stored_at_all() == before);
    // Another one does.
    CHECK_FALSE(world.taken(world.call("msg_2", contact_7)).duplicate);
    // And the same one, when nobody sends it any more by accident.
    world.loop.run_for(std::chrono::hours(24 * 7 + 1));
    CHECK_FALSE(world.taken(world.call("msg_1", contact_7)).duplicate);
}

TEST_CASE("two calls with the same hook at once have one effect (I29)") {
    HookWorld world;
    world.start(std::make_unique<Slow>()); // so that each looks before any has written
    std::array<std::optional<Result<HookAnswer>>, 4> answers;
    for (auto& answer : answers)
        take_into(*world.hooks, world.loop, world.integrations, world.call("msg_1", contact_7), answer);
    world.loop.run_for(std::chrono::seconds(1));
    std::size_t duplicates = 0;
    for (const auto& answer : answers) {
        REQUIRE(answer.has_value());
        REQUIRE(answer->has_value());
        duplicates += (*answer)->duplicate ? 1 : 0;
        CHECK((*answer)->task_id == (*answers.front())->task_id);
    }
    CHECK(duplicates == 3);
    CHECK(world.tasks().size() == 1);
    CHECK(world.events().size() == 1);
}

TEST_CASE("what is not signed as it should be leaves nothing behind (I29)") {
    HookWorld world;
    const std::size_t before = world.stored_at_all();
    const auto refused = [&world, before](HookCall call) {
        const auto answer = world.take(std::move(call));
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().code == ErrorCode::unauthenticated);
        CHECK(world.stored_at_all() == before);
    };
    refused(world.call("msg_1", contact_7, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    HookCall reworded = world.call("msg_1", contact_7);
    reworded.body = to_json(parse_json(reworded.body).value());
    refused(std::move(reworded));
    world.integrations.clear();
    refused(world.call("msg_1", contact_7));
    world.integrations = {integration_of(tenant, "silent")};
    refused(world.call("msg_1", contact_7));
    world.integrations = {integration_of(tenant, "not there")};
    refused(world.call("msg_1", contact_7));
    world.integrations = {integration_of(tenant, "open")};
    refused(world.call("msg_1", contact_7));
    world.integrations = {integration_of(tenant, "crm")};
    world.credentials.clear();
    refused(world.call("msg_1", contact_7));
    world.credentials_fault = Error(ErrorCode::unauthenticated, "there is no such secret");
    refused(world.call("msg_1", contact_7));
    // It may well be signed.
    world.credentials_fault = Error(ErrorCode::unavailable, "not now");
    CHECK(world.take(world.call("msg_1", contact_7)).error().code == ErrorCode::unavailable);
    CHECK(world.stored_at_all() == before);
}

TEST_CASE("of integrations with one id the hook is for the one that it is signed for") {
    HookWorld world;
    world.credentials["secret of " + other_tenant] = {{"webhookSecret", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}};
    Integration open = integration_of(other_tenant, "open");
    open.settings["acceptUnverifiedHooks"] = true;
    world.integrations = {open, integration_of(other_tenant, "crm"), integration_of(tenant, "crm")};
    CHECK_FALSE(world.taken(world.call("msg_1", contact_7)).duplicate);
    CHECK(world.tasks().size() == 1);
    CHECK(world.stored("task", other_tenant).empty());
    CHECK(world.stored("outbox", other_tenant).empty());
    CHECK(world.stored("webhook_receipt", other_tenant).empty());
}

TEST_CASE("an integration may take unverified hooks, and their events say so") {
    HookWorld world;
    world.integrations = {integration_of(tenant, "open")};
    world.integrations.front().settings["acceptUnverifiedHooks"] = true;
    world.start(std::make_unique<NoFaults>());
    HookCall call;
    call.body = contact_7;
    (void)world.taken(call);
    (void)world.taken(call); // without an id nothing tells that it is the same
    REQUIRE(world.events().size() == 2);
    for (const Event& event : world.events()) CHECK(event.data.at("verified") == false);
    CHECK(world.tasks().size() == 1); // the second one joined
}

TEST_CASE("a hook about what is not synced is stored, and starts nothing") {
    HookWorld world;
    CHECK(world.taken(world.call("msg_1", R"({"entity": "deals", "id": 7})")).task_id.empty());
    CHECK(world.taken(world.call("msg_1", R"({"entity": "deals", "id": 7})")).duplicate);
    world.integrations.front().sync.sync_enabled = false;
    CHECK(world.taken(world.call("msg_2", contact_7)).task_id.empty());
    CHECK(world.tasks().empty());
    CHECK(world.events().size() == 2);
}

TEST_CASE("a record that a hook names does not wait for a whole reading that the minimum interval holds up") {
    HookWorld world;
    Schedule schedule;
    schedule.integration_id = integration_id;
    schedule.last_start = world.clock.now();
    REQUIRE(world.loop.run(world.store->commit(tenant, {insert(to_document(schedule))})).has_value());
    const std::string any_contact = R"({"entity": "contacts"})";
    const HookAnswer waits = world.taken(world.call("msg_1", any_contact));
    REQUIRE(waits.task->not_before.has_value());
    CHECK(world.taken(world.call("msg_2", any_contact)).task_id == waits.task_id);
    const HookAnswer named = world.taken(world.call("msg_3", contact_7));
    CHECK(named.task_id != waits.task_id);
    CHECK_FALSE(named.task->not_before.has_value());
}

TEST_CASE("whatever fails while a hook is taken: once it is answered it has its one effect (I29)") {
    for (const Fault::Kind kind : {Fault::Kind::refused, Fault::Kind::request_lost, Fault::Kind::answer_lost,
                                   Fault::Kind::late, Fault::Kind::duplicated, Fault::Kind::stale,
                                   Fault::Kind::crash_before, Fault::Kind::crash_after}) {
        for (std::uint64_t n = 1; n <= 8; ++n) {
            CAPTURE(to_string(kind));
            CAPTURE(n);
            HookWorld world;
            Fault fault;
            fault.kind = kind;
            fault.lateness = std::chrono::seconds(5);
            auto plan = std::make_unique<NthCallFault>("store", n, fault);
            world.start(std::move(plan));
            std::optional<Result<HookAnswer>> answer;
            take_into(*world.hooks, world.loop, world.integrations, world.call("msg_1", contact_7), answer);
            world.loop.run_for(std::chrono::seconds(1));
            if (answer && answer->has_value()) {
                CHECK(world.tasks().size() == 1);
                CHECK(world.events().size() == 1);
            }
            // Its sender tries again, at another instance.
            world.start(std::make_unique<NoFaults>());
            (void)world.taken(world.call("msg_1", contact_7));
            world.loop.run_for(std::chrono::seconds(10));
            CHECK(world.tasks().size() == 1);
            CHECK(world.events().size() == 1);
            CHECK(world.stored("webhook_receipt").size() == 1);
        }
    }
}

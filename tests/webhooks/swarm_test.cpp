// Endpoints, processes and owners under random faults, by seed: whatever happens, each event ends as it must.
//
// WEBHOOK_SEEDS=FIRST..LAST runs others than the short list, such as WEBHOOK_SEEDS=1000..20000.
#include "endpoint.hpp"

#include <engine/documents.hpp>
#include <webhooks/documents.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using namespace std::chrono_literals;

namespace {

struct Swarm {
    explicit Swarm(std::uint64_t seed) : random(make_seeded_random(seed)) {
        std::map<std::string, FaultRates, std::less<>> rates;
        FaultRates& store = rates["store"];
        FaultRates& receivers = rates["receivers"];
        const bool calm = one_in(6);
        for (const Fault::Kind kind : {Fault::Kind::refused, Fault::Kind::request_lost, Fault::Kind::answer_lost,
                                       Fault::Kind::late, Fault::Kind::stale}) {
            if (!calm && one_in(2)) store.of(kind) = static_cast<std::uint32_t>(below(60'000));
            if (!calm && one_in(2) && kind != Fault::Kind::stale)
                receivers.of(kind) = static_cast<std::uint32_t>(below(150'000));
        }
        if (!calm && one_in(2)) receivers.of(Fault::Kind::server_error) = static_cast<std::uint32_t>(below(300'000));
        if (!one_in(4)) store.max_latency = std::chrono::milliseconds(1 + below(200));
        if (one_in(20)) store.max_latency = 20s;
        alone = one_in(2);
        receivers.max_latency = std::chrono::milliseconds(1 + below(2000));
        store.max_lateness = receivers.max_lateness = std::chrono::seconds(1 + below(120));
        world.faults = std::make_unique<RandomFaults>(seed * 7919, rates);
        FaultRates slow; // owners' calls take as long as any, and nobody loses them
        slow.max_latency = store.max_latency;
        people_faults = std::make_unique<RandomFaults>(
            seed * 104729, std::map<std::string, FaultRates, std::less<>>{{"store", slow}});
        WebhooksParts parts;
        parts.runtime = Runtime{world.loop.executor(), &people_process.clock(), random.get()};
        people_store = make_faulty_store(people_process, world.store, *people_faults);
        parts.store = people_store.get();
        parts.sealer = &world.sealer;
        people = std::make_unique<Webhooks>(std::move(parts));
        people->on_due([this](const std::string& tenant_id, const std::string& webhook_id) {
            if (!living.empty()) living.front()->dispatcher->take_note(tenant_id, webhook_id);
        });
    }

    std::uint64_t below(std::uint64_t bound) { return uniform(*random, bound); }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    WebhookWorld::Process& start() {
        auto& process = world.add(fmt::format("process-{}", world.processes.size()));
        process.start();
        living.push_back(&process);
        return process;
    }

    // Its heart is what nobody waits for: each step may strike between any two others.
    void step() {
        const std::uint64_t what = below(100);
        Webhook& webhook = webhooks[below(webhooks.size())];
        const std::string id = webhook.webhook_id;
        Webhooks& owner = *people;
        if (what < 55) {
            for (std::uint64_t i = below(8) + 1; i > 0; --i) events.push_back(world.tell("integration.sync.completed"));
        } else if (what < 60 && living.size() > 1) {
            disturbed = true;
            living.front()->process.crash();
            living.erase(living.begin());
        } else if (what < 66 && living.size() < 3) {
            start();
        } else if (what < 70 && !one_in(3)) {
            disturbed = true;
            living[below(living.size())]->process.pause(std::chrono::seconds(below(200)));
        } else if (what < 76) {
            auto page = world.loop.run(owner.list_deliveries(tenant, id, "", 20, ""));
            if (page && !page->items.empty())
                (void)world.loop.run(
                    owner.redeliver(tenant, id, page->items[below(page->items.size())].delivery_id));
        } else if (what < 80) {
            (void)world.loop.run(owner.rotate_secret(tenant, id, ""));
        } else if (what < 84) {
            const std::size_t most = below(10) + 1;
            (void)world.loop.run(owner.update(tenant, id, [most](WebhookSettings& settings) {
                settings.max_in_flight = most;
                return Result<>();
            }));
        } else if (what < 87 && switched_off.contains(id)) {
            const bool active = !one_in(2);
            (void)world.loop.run(owner.update(tenant, id, [active](WebhookSettings& settings) {
                settings.active = active;
                return Result<>();
            }));
        } else if (what < 89) {
            (void)world.loop.run(owner.test(tenant, id));
        } else if (what < 91) {
            WebhookRecovery recovery;
            recovery.since = world.clock.now() - 1h;
            (void)world.loop.run(owner.recover(tenant, id, recovery));
        } else if (what < 93 && living.size() > 1) {
            disturbed = true;
            living.front()->process.jump_clock(std::chrono::seconds(below(1200)) - 600s);
        }
        world.run_for(std::chrono::milliseconds(below(one_in(4) ? 60'000 : 3'000)));
    }

    void check() {
        std::map<std::pair<std::string, std::string>, std::uint64_t> requests; // by URL and id
        std::map<std::pair<std::string, std::string>, std::string> bodies;
        std::set<std::pair<std::string, std::string>> known;
        for (const auto& seen : world.receivers->seen()) {
            const std::pair<std::string, std::string> key(seen.call.url, header(seen.call, "webhook-id"));
            ++requests[key];
            const auto [body, fresh] = bodies.emplace(key, seen.call.body);
            if (!fresh) CHECK(body->second == seen.call.body);
        }
        for (const Webhook& webhook : webhooks) {
            CAPTURE(webhook.settings.url);
            std::set<std::string> told;
            for (const WebhookDelivery& delivery : world.deliveries(webhook)) {
                CAPTURE(delivery.delivery_id);
                CAPTURE(std::string(to_string(delivery.state)));
                told.insert(delivery.event_id);
                CHECK(has_ended(delivery.state));
                const std::pair<std::string, std::string> key(webhook.settings.url, delivery.event_id);
                known.insert(key);
                const std::uint64_t seen = requests[key];
                CHECK_MESSAGE(delivery.attempt_count >= seen, delivery.attempt_count << " < " << seen);
                if (delivery.state == WebhookDeliveryState::delivered) CHECK(answered.contains(key));
                for (const WebhookAttempt& attempt : delivery.attempts)
                    CHECK(attempt.state != WebhookAttempt::State::sending);
                if (delivery.state == WebhookDeliveryState::cancelled)
                    CHECK(switched_off.contains(webhook.webhook_id));
                CHECK(delivery.state != WebhookDeliveryState::discarded);
            }
            if (!switched_off.contains(webhook.webhook_id))
                for (const Event& event : events) CHECK(told.contains(event.id));
            auto document = world.loop.run(world.store->read(tenant, "webhook", {webhook.webhook_id}));
            CHECK(!from_document<WebhookDocument>(*document->front())->lease);
            // Who stood still, died or had a wrong clock may have sent beside its successor.
            if (!disturbed) CHECK(world.receivers->most_at_once(webhook.settings.url) <= largest_cap);
        }
        for (const auto& [key, count] : requests) CHECK_MESSAGE((count == 0 || known.contains(key)), key.second);
    }

    std::unique_ptr<Random> random;
    WebhookWorld world;
    std::vector<Webhook> webhooks;
    std::vector<Event> events;
    std::vector<WebhookWorld::Process*> living;
    std::set<std::string> switched_off; // those that their owners may switch off
    std::set<std::pair<std::string, std::string>> answered; // with a 2xx
    std::size_t largest_cap = 10;
    bool disturbed = false;
    bool alone = false; // at the end
    SimulatedProcess people_process{world.loop, "people"};
    std::unique_ptr<FaultPlan> people_faults;
    std::unique_ptr<Store> people_store;
    std::unique_ptr<Webhooks> people;
};

void run(std::uint64_t seed) {
    Swarm swarm(seed);
    WebhookWorld& world = swarm.world;
    swarm.start();
    const std::uint64_t endpoints = swarm.below(3) + 1;
    for (std::uint64_t i = 0; i < endpoints; ++i) {
        const std::string url = fmt::format("https://receiver-{}.test/", i);
        auto& receiver = world.receivers->at(url);
        const std::uint64_t failing = swarm.one_in(2) ? swarm.below(100) : 0;
        Random& random = *swarm.random;
        receiver.answer = [failing, &random, &swarm](const HttpCall& call) {
            const bool fails = uniform(random, 100) < failing;
            if (!fails) swarm.answered.emplace(call.url, header(call, "webhook-id"));
            return status(fails ? 500 : 204);
        };
        receiver.takes = std::chrono::milliseconds(swarm.below(swarm.one_in(4) ? 20'000 : 500));
        swarm.webhooks.push_back(world.endpoint(url, [&swarm](WebhookSettings& settings) {
            settings.max_in_flight = swarm.below(10) + 1;
            settings.thin = swarm.one_in(2);
            if (swarm.one_in(3)) settings.rate_per_minute = swarm.below(600) + 30;
        }));
    }
    for (const Webhook& webhook : swarm.webhooks)
        if (swarm.one_in(2)) swarm.switched_off.insert(webhook.webhook_id);
    for (std::uint64_t steps = swarm.below(60) + 10; steps > 0; --steps) swarm.step();

    world.faults->heal();
    for (std::uint64_t i = 0; i < endpoints; ++i) {
        auto& receiver = world.receivers->at(fmt::format("https://receiver-{}.test/", i));
        receiver.answer = [&swarm](const HttpCall& call) {
            swarm.answered.emplace(call.url, header(call, "webhook-id"));
            return status(204);
        };
        receiver.takes = 5ms;
    }
    // Half the time nobody else is there to take over what one has got wrong.
    if (!swarm.alone) swarm.start();
    world.run_for(48h);
    swarm.check();
    for (auto* process : swarm.living) process->stop();
}

} // namespace

TEST_CASE("whatever fails, dies, stands still or is changed, each event ends, and no request was made unrecorded "
          "(I24, I25, I34)") {
    std::uint64_t first = 1, last = 40;
    if (const char* seeds = std::getenv("WEBHOOK_SEEDS")) {
        const std::string text = seeds;
        first = std::stoull(text.substr(0, text.find("..")));
        last = std::stoull(text.substr(text.find("..") + 2));
    }
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        CAPTURE(seed);
        try {
            run(seed);
        } catch (const SimulationStuck& stuck) {
            FAIL_CHECK("seed " << seed << ": " << stuck.what());
        }
    }
}

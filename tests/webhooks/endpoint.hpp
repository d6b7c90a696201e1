// Receivers of webhooks, and processes that send to them, on one store in simulated time.
#pragma once

#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/stores/memory.hpp>
#include <castiel_sync/testing/faulty_store.hpp>
#include <castiel_sync/testing/faulty_transport.hpp>
#include <castiel_sync/testing/sim_clock.hpp>
#include <castiel_sync/testing/simulated_process.hpp>
#include <castiel_sync/webhooks/dispatcher.hpp>
#include <castiel_sync/webhooks/webhooks.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace castiel_sync::testing {

inline const std::string tenant = "11111111-1111-4111-8111-111111111111";
inline const std::string integration = "22222222-2222-4222-8222-222222222222";

[[nodiscard]] HttpAnswer status(unsigned code);
[[nodiscard]] std::string header(const HttpCall& call, std::string_view name);

// Takes requests of any URL, as that URL's receiver says.
class Receivers final : public HttpTransport {
public:
    struct Receiver {
        std::function<Result<HttpAnswer>(const HttpCall&)> answer = [](const HttpCall&) { return status(204); };
        std::chrono::nanoseconds takes = std::chrono::milliseconds(5);

        Receiver() = default;
    };
    struct Seen {
        std::chrono::nanoseconds at{0};
        HttpCall call;
    };

    explicit Receivers(SimLoop& loop) : loop_(loop) {}
    Async<Result<HttpAnswer>> send(HttpCall call) override;

    Receiver& at(const std::string& url) { return receivers_[url]; }
    [[nodiscard]] const std::vector<Seen>& seen() const { return seen_; }
    [[nodiscard]] std::vector<Seen> seen(const std::string& url) const;
    [[nodiscard]] std::size_t most_at_once(const std::string& url) const;

private:
    SimLoop& loop_;
    std::map<std::string, Receiver> receivers_;
    std::vector<Seen> seen_;
    std::map<std::string, std::size_t> under_way_, most_;
};

struct WebhookWorld {
    // One process with a dispatcher, and with what its people call.
    struct Process {
        Process(WebhookWorld& world, std::string name);

        SimulatedProcess process;
        std::unique_ptr<Random> random;
        std::unique_ptr<Store> store;
        std::shared_ptr<HttpTransport> transport;
        std::unique_ptr<Webhooks> webhooks;
        std::unique_ptr<WebhookDispatcher> dispatcher;

        void start() { process.loop().spawn(dispatcher->run()); }
        void stop(std::chrono::milliseconds grace = std::chrono::seconds(20)) {
            process.loop().run(dispatcher->stop(grace));
        }
    };

    WebhookWorld();
    ~WebhookWorld() { loop.destroy(); }

    Process& add(std::string name);
    // At `url`.
    Webhook endpoint(const std::string& url, std::function<void(WebhookSettings&)> change = {});
    // Fanned out as the engine does it; the first process is told.
    Event tell(const std::string& type, json::object data = {});
    WebhookDelivery delivery(const Webhook& webhook, const Event& event);
    std::vector<WebhookDelivery> deliveries(const Webhook& webhook, const std::string& state = "");
    Webhook find(const Webhook& webhook);
    void run_for(std::chrono::nanoseconds time) { loop.run_for(time); }

    SimLoop loop;
    SimClock clock{loop};
    std::unique_ptr<Random> random = make_seeded_random(7);
    std::shared_ptr<Store> store;
    std::shared_ptr<Receivers> receivers = std::make_shared<Receivers>(loop);
    std::unique_ptr<FaultPlan> faults; // of every process
    Sealer sealer;
    WebhookRules rules;
    WebhookLimits limits;
    std::vector<std::unique_ptr<Process>> processes;
    std::unique_ptr<Webhooks> people; // whose store never fails
    std::uint64_t sequence = 0;
    std::vector<std::string> secrets; // by endpoint, as made
};

} // namespace castiel_sync::testing

// One command's world: the loop, the threads, the store, the adapters and the engine, wired from the configuration.
#pragma once

#include "arguments.hpp"
#include "configuration/configuration.hpp"
#include "output/console.hpp"

#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/adapters/rest.hpp>
#include <castiel_sync/engine.hpp>
#include <castiel_sync/webhooks/webhooks.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::service {

class EmbeddedCatalog; // catalog/embedded_catalog.hpp
class Metrics;         // metrics/metrics.hpp

// The adapters of this build that are code.
[[nodiscard]] std::vector<AdapterDescription> adapter_descriptions();

class Session {
public:
    Session(Configuration configuration, CommonArguments common, Console& console);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // What becomes of a store that is not there: `create` it; `refuse`, because a command that only looks at what a run
    // left must not make an empty one; `pretend` with an empty one in memory.
    enum class Missing { create, refuse, pretend };

    // Has what the engine calls and does counted from now on. Before open_store.
    [[nodiscard]] Metrics& meter();

    // Opens the configured store.
    [[nodiscard]] Result<> open_store(Missing when_missing);

    // Reads the key that secrets of webhooks are sealed with, and makes it where there is none. After open_store,
    // before engine(): without it, events become deliveries and nothing else of webhooks works.
    [[nodiscard]] Result<> unseal_webhooks();
    // What deliveries leave by: beside that of adapters, so that neither waits for the other's connections.
    [[nodiscard]] std::shared_ptr<HttpTransport> make_webhook_transport() const;

    // Runs the command on the loop, to its end. The first SIGINT or SIGTERM asks it to stop at the next safe point,
    // the second one ends the process.
    [[nodiscard]] ExitCode drive(Async<ExitCode> command);
    [[nodiscard]] bool stop_requested() const { return stop_requested_; }
    // For a command that ends by being asked to stop: `stop` is called then, nothing is cut short, and the command's
    // own exit code counts.
    void handle_stop(std::function<void()> stop) { stop_ = std::move(stop); }

    // Whatever begins from now on gets the adapters that these describe, beside those that are code; an execution under
    // way ends with its own. Threading: between two steps of the loop.
    void set_descriptions(const std::vector<std::shared_ptr<const RestDescription>>& descriptions);

    // As it was at the start.
    [[nodiscard]] const Configuration& configuration() const { return configuration_; }
    [[nodiscard]] const CommonArguments& common() const { return common_; }
    [[nodiscard]] Console& console() const { return console_; }
    [[nodiscard]] Runtime runtime() const;
    // Where files are read: a thread of its own.
    [[nodiscard]] boost::asio::any_io_executor files() const;
    // Serving, it tells its faults to the log only.
    [[nodiscard]] Store& store() const { return discreet_store_ ? *discreet_store_ : *store_; }
    [[nodiscard]] const AdapterRegistry& adapters() const { return adapters_; }
    // Where adapters' requests leave, and where their secrets are.
    [[nodiscard]] const RestParts& rest() const { return rest_; }

    [[nodiscard]] std::string instance() const; // of this process, in leases
    [[nodiscard]] Webhooks& webhooks() const { return *webhooks_; }
    [[nodiscard]] const Sealer& sealer() const { return *sealer_; }
    [[nodiscard]] EmbeddedCatalog& catalog() const { return *catalog_; }
    [[nodiscard]] Observer& observer() const;

    // Made at the first call, with the limits as they are then.
    [[nodiscard]] Engine& engine();
    EngineLimits& limits() { return limits_; }
    // Watches the engine beside the log; null: nobody. Borrowed.
    void observe(Observer* observer);

    // --tenant, or the only one that the configuration knows.
    [[nodiscard]] Result<std::string> tenant() const;
    // Those that --tenant, --integration and --entity leave; at least one. `wanted`: an id, a unique beginning of it, a
    // name. `entity`: they map it; empty: any.
    [[nodiscard]] Result<std::vector<Integration>> integrations(const std::string& wanted,
                                                                const std::string& entity = "") const;

    // A command line that works: with the program's name and the common options that this one was given.
    [[nodiscard]] std::string hint(std::string_view command) const;

private:
    [[nodiscard]] Result<> make_webhooks();
    [[nodiscard]] Result<> open_bare_store(Missing when_missing);
    [[nodiscard]] Result<std::vector<Integration>> named_integrations(const std::string& wanted) const;

    struct Threads;
    class Watch;

    Configuration configuration_;
    CommonArguments common_;
    Console& console_;
    bool stop_requested_ = false;
    std::function<void()> stop_;
    EngineLimits limits_;
    // Destroyed from the last to the first: the engine before what it borrows, the threads after what runs on them.
    std::unique_ptr<Threads> threads_;
    std::unique_ptr<Clock> clock_;
    std::unique_ptr<Random> random_;
    RestParts rest_; // and where the catalog's secrets are
    std::unique_ptr<Metrics> metrics_; // null: nothing is counted
    std::unique_ptr<Observer> counting_;
    AdapterRegistry adapters_;
    std::unique_ptr<EventSink> events_;
    std::unique_ptr<EventSink> metered_events_;
    std::unique_ptr<Watch> watch_;
    std::unique_ptr<Store> store_;
    bool lasts_ = false; // what is stored
    std::unique_ptr<Store> metered_store_;
    std::unique_ptr<Store> discreet_store_; // null: whoever asks may know what the store says
    std::unique_ptr<EmbeddedCatalog> catalog_;
    std::unique_ptr<Sealer> sealer_;
    std::unique_ptr<Webhooks> webhooks_;
    std::unique_ptr<Engine> engine_;
};

} // namespace castiel_sync::service

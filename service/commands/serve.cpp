// serve: the HTTP API and the scheduler on one store, until somebody asks the process to stop.
#include "commands.hpp"
#include "hangups.hpp"
#include "reload.hpp"

#include "configuration/embedded.hpp"
#include "catalog/embedded_catalog.hpp"
#include "http/api.hpp"
#include "metrics/metrics.hpp"
#include "output/log.hpp"

#include <castiel_sync/http/server.hpp>
#include <castiel_sync/scheduler.hpp>
#include <castiel_sync/webhooks/dispatcher.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <exception>
#include <memory>
#include <utility>

namespace castiel_sync::service {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

// A systemd unit, and a container's runtime, kill what has not ended after this and a little more.
constexpr std::chrono::seconds grace_of_executions = 20s;
constexpr std::chrono::seconds grace_of_requests = 5s;

// The parts of a running service, in the order in which they are made.
class Service {
public:
    explicit Service(Session& session) : session_(session), hangups_(session.runtime().executor, SIGHUP) {}

    Result<std::uint16_t> start() {
        const Configuration& configuration = session_.configuration();
        if (auto safe = check_exposure(configuration.server_host, configuration.jwt_secrets); !safe)
            return safe.error();
        Authentication::Options options;
        options.secrets = configuration.jwt_secrets;
        auto authentication = Authentication::make(options);
        if (!authentication) return authentication.error();
        authentication_ = std::make_unique<Authentication>(std::move(*authentication));
        Metrics& metrics = session_.meter();
        if (auto opened = session_.open_store(Session::Missing::create); !opened) return opened.error();
        if (auto unsealed = session_.unseal_webhooks(); !unsealed) return unsealed.error();
        make_scheduler();
        make_dispatcher();
        make_hooks();
        if (auto api = make_api(metrics); !api) return api.error();
        auto port = listen();
        metrics.watch(session_.store());
        metrics.watch(*scheduler_);
        metrics.watch(*dispatcher_);
        metrics.watch(*authentication_);
        metrics.watch_server([this] { return server_->counters(); });
        return port;
    }

    // Until stop() is called.
    Async<void> run() {
        const HangupsArrive while_it_runs;
        asio::co_spawn(session_.runtime().executor, scheduler_->run(), rethrow);
        asio::co_spawn(session_.runtime().executor, dispatcher_->run(), rethrow);
        asio::co_spawn(session_.runtime().executor, server_->run(), rethrow);
        Reload reload(session_, *scheduler_, *authentication_);
        while (!stopping_) {
            boost::system::error_code interrupted;
            co_await hangups_.async_wait(asio::redirect_error(asio::use_awaitable, interrupted));
            if (!interrupted && !stopping_) co_await reload.run();
        }
        // A balancer that asks /ready now and then still sends requests until it has heard of the stop.
        co_await session_.runtime().clock->sleep_for(session_.configuration().server_drain);
        co_await server_->stop(grace_of_requests);
        // What runs ends, or is handed over.
        co_await scheduler_->stop(grace_of_executions);
        co_await dispatcher_->stop(grace_of_requests);
        session_.webhooks().on_due({});
    }

    // No new execution from now on, and soon no new request.
    void stop() {
        stopping_ = true;
        scheduler_->close();
        dispatcher_->close();
        hangups_.cancel();
    }

private:
    static void rethrow(const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
    }

    void make_scheduler() {
        const Configuration& configuration = session_.configuration();
        SchedulerParts parts;
        parts.runtime = session_.runtime();
        parts.engine = &session_.engine();
        parts.store = &session_.store();
        if (configuration.scheduler_enabled) parts.catalog = &session_.catalog();
        parts.observer = &session_.observer();
        parts.limits.interval = configuration.scheduler_interval;
        parts.limits.max_running_per_tenant = configuration.max_concurrent_syncs_per_tenant;
        scheduler_ = std::make_unique<Scheduler>(std::move(parts));
    }

    void make_dispatcher() {
        WebhookDispatcherParts parts;
        parts.runtime = session_.runtime();
        parts.store = &session_.store();
        parts.sealer = &session_.sealer();
        parts.transport = session_.make_webhook_transport();
        parts.observer = &session_.observer();
        parts.limits.lease_duration = session_.configuration().webhooks_lease;
        parts.limits.interval = session_.configuration().webhooks_interval;
        parts.instance = session_.instance();
        dispatcher_ = std::make_unique<WebhookDispatcher>(std::move(parts));
        session_.webhooks().on_due([this](const std::string& tenant_id, const std::string& webhook_id) {
            dispatcher_->take_note(tenant_id, webhook_id);
        });
    }

    void make_hooks() {
        InboundHooksParts parts;
        parts.runtime = session_.runtime();
        parts.engine = &session_.engine();
        parts.store = &session_.store();
        parts.catalog = &session_.catalog();
        parts.adapters = &session_.adapters();
        parts.observer = &session_.observer();
        hooks_ = std::make_unique<InboundHooks>(std::move(parts));
    }

    Result<> make_api(Metrics& metrics) {
        ApiParts parts;
        parts.runtime = session_.runtime();
        parts.engine = &session_.engine();
        parts.scheduler = scheduler_.get();
        parts.store = &session_.store();
        parts.adapters = &session_.adapters();
        parts.catalog = &session_.catalog();
        parts.webhooks = &session_.webhooks();
        parts.hooks = hooks_.get();
        parts.sealer = &session_.sealer();
        parts.metrics = &metrics;
        parts.metrics_token = session_.configuration().metrics_token;
        parts.stopping = &stopping_;
        parts.authentication = authentication_.get();
        parts.contract_text = embedded_contract;
        Console& console = session_.console();
        parts.wants_log = would_log;
        parts.log = [&console](LogLevel level, std::string_view message, const json::object& fields) {
            console.log(level, message, fields);
        };
        auto api = Api::make(std::move(parts));
        if (!api) return api.error();
        api_ = std::move(*api);
        return {};
    }

    Result<std::uint16_t> listen() {
        const Configuration& configuration = session_.configuration();
        HttpServerOptions options;
        options.host = configuration.server_host;
        options.port = configuration.server_port;
        options.max_connections = 10'000;
        Console& console = session_.console();
        options.report = [&console](const std::string& trouble) { console.log(LogLevel::error, trouble); };
        Api& api = *api_;
        server_ = std::make_unique<HttpServer>(
            session_.runtime().executor, std::move(options),
            [&api](HttpRequest request) { return api.handle(std::move(request)); },
            [](unsigned status, const std::string& message) { return error_answer(status, message); });
        return server_->listen();
    }

    Session& session_;
    bool stopping_ = false;
    asio::signal_set hangups_;
    std::unique_ptr<Authentication> authentication_;
    std::unique_ptr<Scheduler> scheduler_;
    std::unique_ptr<WebhookDispatcher> dispatcher_;
    std::unique_ptr<InboundHooks> hooks_;
    std::unique_ptr<Api> api_;
    std::unique_ptr<HttpServer> server_;
};

} // namespace

Async<ExitCode> execute(Session& session, ServeArguments) {
    Service service(session);
    const auto port = service.start();
    if (!port) {
        const bool usage = port.error().code == ErrorCode::invalid_configuration;
        (void)fail(session, port.error());
        co_return usage ? ExitCode::usage : ExitCode::failed;
    }
    const Configuration& configuration = session.configuration();
    const bool ipv6 = configuration.server_host.find(':') != std::string::npos;
    const std::string host = ipv6 ? "[" + configuration.server_host + "]" : configuration.server_host;
    const std::string address = fmt::format("http://{}:{}", host, *port);
    session.console().log(LogLevel::info, "listening on " + address, {{"port", *port}});
    // A line for whoever started it: with port 0 nobody else knows where it is.
    if (session.console().json()) session.console().print_json({{"listening", address}, {"port", *port}});
    else session.console().print_line("listening on " + address);
    Console::flush();
    const auto stop = [&session, &service] {
        session.console().log(LogLevel::info, "stopping; once more stops at once");
        service.stop();
    };
    session.handle_stop(stop);
    co_await service.run();
    session.console().log(LogLevel::info, "stopped");
    co_return ExitCode::done;
}

} // namespace castiel_sync::service

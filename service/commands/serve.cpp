// serve: the HTTP API and the scheduler on one store, until somebody asks the process to stop.
#include "commands.hpp"

#include "configuration/embedded.hpp"
#include "http/api.hpp"
#include "metrics/metrics.hpp"

#include <castiel_sync/http/server.hpp>
#include <castiel_sync/scheduler.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <chrono>
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

bool is_loopback(const std::string& host) {
    if (host == "localhost") return true;
    boost::system::error_code error;
    const auto address = asio::ip::make_address(host, error);
    return !error && address.is_loopback();
}

// The parts of a running service, in the order in which they are made.
class Service {
public:
    explicit Service(Session& session) : session_(session) {}

    Result<std::uint16_t> start() {
        const Configuration& configuration = session_.configuration();
        if (configuration.jwt_secrets.empty() && !is_loopback(configuration.server_host))
            return Error(ErrorCode::invalid_configuration,
                         "server.host: without jwt.secret only a loopback address may be bound, and " +
                             configuration.server_host + " is none; set JWT_SECRET, or HOST=127.0.0.1");
        Authentication::Options options;
        options.secrets = configuration.jwt_secrets;
        auto authentication = Authentication::make(options);
        if (!authentication) return authentication.error();
        authentication_ = std::make_unique<Authentication>(std::move(*authentication));
        metrics_ = &session_.measure();
        if (auto opened = session_.open_store(Session::Missing::create); !opened) return opened.error();
        make_scheduler();
        if (auto api = make_api(); !api) return api.error();
        auto port = listen();
        watch();
        return port;
    }

    // Until `stop` rings.
    Async<void> run(asio::steady_timer& stop) {
        asio::co_spawn(session_.runtime().executor, scheduler_->run(), rethrow);
        asio::co_spawn(session_.runtime().executor, server_->run(), rethrow);
        boost::system::error_code rung;
        co_await stop.async_wait(asio::redirect_error(asio::use_awaitable, rung));
        // No new execution from now on, no new request; what runs ends, or is handed over.
        stopping_ = true;
        scheduler_->close();
        co_await server_->stop(grace_of_requests);
        co_await scheduler_->stop(grace_of_executions);
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

    Result<> make_api() {
        ApiParts parts;
        parts.runtime = session_.runtime();
        parts.engine = &session_.engine();
        parts.scheduler = scheduler_.get();
        parts.store = &session_.store();
        parts.adapters = &session_.adapters();
        parts.authentication = authentication_.get();
        parts.metrics = metrics_;
        parts.metrics_token = session_.configuration().metrics_token;
        parts.stopping = &stopping_;
        parts.contract_text = embedded_contract;
        Console& console = session_.console();
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

    void watch() {
        metrics_->watch(session_.store());
        metrics_->watch(*scheduler_);
        metrics_->watch(*authentication_);
        metrics_->watch_server([this] { return server_->counters(); });
    }

    Session& session_;
    Metrics* metrics_ = nullptr; // the session's
    bool stopping_ = false;
    std::unique_ptr<Authentication> authentication_;
    std::unique_ptr<Scheduler> scheduler_;
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
    asio::steady_timer stop(session.runtime().executor, asio::steady_timer::time_point::max());
    const auto ring = [&session, &stop] {
        session.console().log(LogLevel::info, "stopping; once more stops at once");
        stop.cancel();
    };
    session.handle_stop(ring);
    co_await service.run(stop);
    session.console().log(LogLevel::info, "stopped");
    co_return ExitCode::done;
}

} // namespace castiel_sync::service

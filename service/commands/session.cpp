#include "session.hpp"

#include "catalog/embedded_catalog.hpp"
#include "http/api.hpp"
#include "http/discreet_store.hpp"
#include "metrics/metered.hpp"
#include "systems/sealing_key.hpp"

#include "uuid.hpp"

#include <castiel_sync/adapters/jsonl.hpp>
#include <castiel_sync/blocking.hpp>
#include <castiel_sync/http/client.hpp>
#include <castiel_sync/events/log.hpp>
#include <castiel_sync/stores/memory.hpp>
#include <castiel_sync/stores/sqlite.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <exception>
#include <filesystem>
#include <set>
#include <utility>

namespace castiel_sync::service {
namespace {

namespace asio = boost::asio;

std::string instance_name() {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) host = {"localhost"};
    return std::string(host.data()) + "-" + std::to_string(getpid());
}

// Counted where `metrics` is not null.
AdapterRegistry make_adapters(asio::any_io_executor files,
                              const std::vector<std::shared_ptr<const RestDescription>>& descriptions,
                              const RestParts& rest, Metrics* metrics, Clock& clock) {
    AdapterRegistry adapters;
    const auto add = [&](AdapterDescription description, AdapterFactory factory) {
        if (metrics != nullptr)
            factory = make_metered_adapters(description.name, std::move(factory), *metrics, clock);
        adapters.add(std::move(description), std::move(factory));
    };
    add(jsonl_description(), jsonl_factory(std::move(files)));
    for (const auto& description : descriptions)
        add(describe(*description), rest_factory(description, rest));
    return adapters;
}

// Says of every call why none can be made.
class NoTransport final : public HttpTransport {
public:
    explicit NoTransport(Error error) : error_(std::move(error)) {}
    Async<Result<HttpAnswer>> send(HttpCall) override { co_return error_; }

private:
    Error error_;
};

std::shared_ptr<HttpTransport> make_transport(const Configuration& configuration, asio::any_io_executor executor,
                                              asio::any_io_executor names, HttpClientOptions options = {}) {
    auto policy = EgressPolicy::make(configuration.egress);
    if (!policy) return std::make_shared<NoTransport>(policy.error());
    options.egress = std::move(*policy);
    options.ca_file = configuration.egress_ca_file;
    options.proxy = configuration.egress_proxy;
    options.user_agent = "castiel-sync/" CASTIEL_SYNC_VERSION;
    options.blocking = std::move(names);
    auto client = make_http_client(std::move(executor), std::move(options));
    if (!client) return std::make_shared<NoTransport>(client.error());
    return std::move(*client);
}

std::shared_ptr<SecretProvider> make_secrets(const Configuration& configuration, asio::any_io_executor files) {
    return make_secrets_by_place({{"environment", make_environment_secrets(process_environment())},
                                  {"file", make_file_secrets(configuration.secrets_path, std::move(files))}});
}

RestParts make_rest_parts(const Configuration& configuration, asio::any_io_executor loop, asio::any_io_executor names,
                          asio::any_io_executor files) {
    RestParts parts;
    parts.transport = make_transport(configuration, std::move(loop), std::move(names));
    parts.secrets = make_secrets(configuration, std::move(files));
    parts.tokens = make_rest_tokens();
    return parts;
}

// Events at the log's grain: an envelope is one JSON object already.
void log_event(Console& console, std::string_view envelope) {
    json::object fields;
    if (auto event = parse_json(envelope)) fields["event"] = std::move(*event);
    console.log(LogLevel::info, "event", fields);
}

std::string shell_quoted(const std::string& text) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@%+";
    if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
    std::string quoted = "'";
    for (const char c : text)
        quoted.append(c == '\'' ? "'\\''" : std::string(1, c));
    return quoted + "'";
}

// The kinds of the engine, of the HTTP API and of webhooks: one file for all.
std::span<const KindDeclaration> all_kinds() {
    static const std::vector<KindDeclaration> kinds = [] {
        std::vector<KindDeclaration> all(engine_kinds().begin(), engine_kinds().end());
        all.insert(all.end(), service_kinds().begin(), service_kinds().end());
        all.insert(all.end(), webhook_kinds().begin(), webhook_kinds().end());
        return all;
    }();
    return kinds;
}

// Once asked to stop, a command still has to say what it did: only the calls under way are cut short.
Async<ExitCode> to_its_end(Async<ExitCode> command) {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_return co_await std::move(command);
}

} // namespace

// One thread each: SQLite connections and files are not thread-safe, and neither may hold up the other.
struct Session::Threads {
    asio::io_context loop{1};
    asio::thread_pool store{1};
    asio::thread_pool files{1};
    asio::thread_pool names{8}; // look-ups that hang hold up few others

    ~Threads() {
        store.join();
        files.join();
        names.join();
    }
};

// What the engine tells goes to the log, and on to whoever watches.
class Session::Watch : public Observer {
public:
    explicit Watch(Console& console) : console_(console) {}

    void on_log(LogLevel level, std::string_view message, const json::object& fields) override {
        console_.log(level, message, fields);
        if (next) next->on_log(level, message, fields);
    }
    void on_progress(const Progress& progress) override {
        if (next) next->on_progress(progress);
    }
    void on_planned(const PlannedRecord& planned) override {
        if (next) next->on_planned(planned);
    }
    void on_finished(const Execution& execution) override {
        if (next) next->on_finished(execution);
    }

    Observer* next = nullptr;

private:
    Console& console_;
};

std::vector<AdapterDescription> adapter_descriptions() { return {jsonl_description()}; }

Session::Session(Configuration configuration, CommonArguments common, Console& console)
    : configuration_(std::move(configuration)), common_(std::move(common)), console_(console),
      threads_(std::make_unique<Threads>()), clock_(make_system_clock(threads_->loop.get_executor())),
      random_(make_system_random()),
      rest_(make_rest_parts(configuration_, threads_->loop.get_executor(), threads_->names.get_executor(),
                            threads_->files.get_executor())),
      adapters_(make_adapters(threads_->files.get_executor(), configuration_.descriptions, rest_, nullptr, *clock_)),
      events_(make_log_event_sink([this](std::string_view envelope) { log_event(console_, envelope); }, "castiel-sync",
                                  instance_name())),
      watch_(std::make_unique<Watch>(console)) {
    if (auto tenant = parse_uuid(common_.tenant)) common_.tenant = std::move(*tenant);
    limits_.max_records_per_sync = configuration_.max_records_per_sync;
    limits_.max_concurrent_syncs_per_tenant = configuration_.max_concurrent_syncs_per_tenant;
    limits_.lease_duration = configuration_.lease;
    limits_.min_interval = configuration_.min_interval;
}

Session::~Session() = default;

Metrics& Session::meter() {
    metrics_ = std::make_unique<Metrics>(runtime(), CASTIEL_SYNC_VERSION);
    set_descriptions(configuration_.descriptions);
    metered_events_ = make_metered_sink(*events_, *metrics_);
    counting_ = std::make_unique<MetricsObserver>(*metrics_, nullptr);
    observe(counting_.get());
    return *metrics_;
}

void Session::set_descriptions(const std::vector<std::shared_ptr<const RestDescription>>& descriptions) {
    adapters_ = make_adapters(threads_->files.get_executor(), descriptions, rest_, metrics_.get(), *clock_);
}

Result<> Session::open_store(Missing when_missing) {
    auto opened = open_bare_store(when_missing);
    if (!opened) return opened;
    const auto log = [this](LogLevel level, std::string_view message, const json::object& fields) {
        console_.log(level, message, fields);
    };
    if (metrics_) {
        metered_store_ = make_metered_store(*store_, *metrics_, *clock_);
        discreet_store_ = make_discreet_store(*metered_store_, *clock_, log);
    }
    EmbeddedCatalogParts parts;
    parts.store = &store();
    parts.adapters = &adapters_;
    parts.secrets = rest_.secrets.get();
    parts.log = log;
    catalog_ = std::make_unique<EmbeddedCatalog>(std::move(parts), configured_integrations(configuration_));
    return make_webhooks();
}

Result<> Session::make_webhooks() {
    auto egress = EgressPolicy::make(configuration_.egress);
    if (!egress) return egress.error();
    WebhooksParts parts;
    parts.runtime = runtime();
    parts.store = &store();
    parts.sealer = sealer_.get();
    parts.egress = std::move(*egress);
    webhooks_ = std::make_unique<Webhooks>(std::move(parts));
    return {};
}

Result<> Session::unseal_webhooks() {
    auto sealer = make_sealer(configuration_, *random_, lasts_);
    if (!sealer) return sealer.error();
    sealer_ = std::make_unique<Sealer>(std::move(*sealer));
    return make_webhooks();
}

std::shared_ptr<HttpTransport> Session::make_webhook_transport() const {
    HttpClientOptions options;
    options.connect_timeout = std::chrono::seconds(5);
    // Many endpoints of many tenants may be at one host.
    options.max_connections_per_host = 2000;
    options.max_idle_connections = 1000;
    return make_transport(configuration_, threads_->loop.get_executor(), threads_->names.get_executor(),
                          std::move(options));
}

Result<> Session::open_bare_store(Missing when_missing) {
    std::error_code ignored;
    const std::filesystem::path path = configuration_.storage_path;
    const bool in_memory = configuration_.storage_type == Configuration::StorageType::memory;
    const bool missing = !in_memory && !std::filesystem::exists(path, ignored);
    lasts_ = !in_memory && !(missing && when_missing == Missing::pretend);
    if (!lasts_) {
        store_ = make_memory_store(*clock_, all_kinds());
        return {};
    }
    if (missing && when_missing == Missing::refuse)
        return Error(ErrorCode::not_found, "there is no store at " + std::filesystem::absolute(path, ignored).string() +
                                               "; `run` makes it, or storage.path names another place");
    SqliteOptions options;
    options.path = configuration_.storage_path;
    options.kinds = all_kinds();
    auto opened = open_sqlite_store(std::move(options));
    if (!opened) return opened.error();
    store_ = bridge(std::move(opened.value()), threads_->store.get_executor());
    return {};
}

Runtime Session::runtime() const { return {threads_->loop.get_executor(), clock_.get(), random_.get()}; }

asio::any_io_executor Session::files() const { return threads_->files.get_executor(); }

Engine& Session::engine() {
    if (!engine_) {
        EngineParts parts;
        parts.runtime = runtime();
        parts.store = &store();
        parts.adapters = &adapters_;
        parts.shards = local_shards_factory(store());
        parts.catalog = catalog_.get();
        parts.events = metered_events_ ? metered_events_.get() : events_.get();
        parts.fan_out = webhooks_.get();
        parts.observer = watch_.get();
        parts.limits = limits_;
        parts.instance = instance_name();
        engine_ = std::make_unique<Engine>(std::move(parts));
    }
    return *engine_;
}

std::string Session::instance() const { return instance_name(); }

Observer& Session::observer() const { return *watch_; }

void Session::observe(Observer* observer) { watch_->next = observer; }

ExitCode Session::drive(Async<ExitCode> command) {
    asio::cancellation_signal cancel;
    asio::signal_set signals(threads_->loop, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (error) return;
        stop_requested_ = true;
        signals.clear(); // the next one ends the process as it would any other
        if (stop_) return stop_();
        console_.log(LogLevel::warning, "stopping at the next safe point; once more stops at once");
        cancel.emit(asio::cancellation_type::terminal);
    });
    ExitCode code = ExitCode::failed;
    const auto finished = [&](const std::exception_ptr& thrown, ExitCode answer) {
        signals.cancel();
        code = answer;
        if (!thrown) return;
        code = ExitCode::failed;
        try {
            std::rethrow_exception(thrown);
        } catch (const boost::system::system_error& error) {
            if (error.code() != asio::error::operation_aborted || !stop_requested_)
                console_.log(LogLevel::error, std::string("internal error: ") + error.what());
        } catch (const std::exception& error) {
            console_.log(LogLevel::error, std::string("internal error: ") + error.what());
        }
    };
    asio::co_spawn(threads_->loop, to_its_end(std::move(command)),
                   asio::bind_cancellation_slot(cancel.slot(), finished));
    threads_->loop.run();
    return stop_requested_ && !stop_ ? ExitCode::failed : code;
}

Result<std::string> Session::tenant() const {
    if (!common_.tenant.empty()) {
        if (is_uuid(common_.tenant)) return common_.tenant;
        return Error(ErrorCode::invalid_request, "--tenant must be a UUID");
    }
    std::set<std::string> tenants;
    for (const Integration& integration : configuration_.integrations)
        tenants.insert(integration.tenant_id);
    if (tenants.size() == 1) return *tenants.begin();
    return Error(ErrorCode::invalid_request,
                 tenants.empty() ? "no integration is configured, so that no tenant is known; name one with --tenant"
                                 : "the configured integrations belong to several tenants; name one with --tenant");
}

Result<std::vector<Integration>> Session::integrations(const std::string& wanted, const std::string& entity) const {
    auto found = named_integrations(wanted);
    if (!found || entity.empty()) return found;
    std::erase_if(*found, [&](const Integration& each) {
        return std::ranges::none_of(each.sync.entity_mappings, [&](const EntityMapping& mapping) {
            return mapping.external_entity == entity;
        });
    });
    if (found->empty()) return Error(ErrorCode::invalid_request, "no integration maps an entity \"" + entity + "\"");
    return found;
}

Result<std::vector<Integration>> Session::named_integrations(const std::string& wanted) const {
    if (!common_.tenant.empty() && !is_uuid(common_.tenant))
        return Error(ErrorCode::invalid_request, "--tenant must be a UUID");
    std::vector<Integration> of_tenant = configuration_.integrations;
    if (!common_.tenant.empty())
        std::erase_if(of_tenant, [&](const Integration& each) { return each.tenant_id != common_.tenant; });
    if (of_tenant.empty())
        return Error(ErrorCode::invalid_request,
                     configuration_.integrations.empty()
                         ? "no integration is configured; add one under `integrations:` (docs/configuration.md)"
                         : "no configured integration belongs to the tenant of --tenant");
    if (wanted.empty()) return of_tenant;
    std::vector<Integration> found;
    const std::string wanted_id = parse_uuid(wanted).value_or(wanted);
    for (const Integration& each : of_tenant)
        if (each.id == wanted_id || each.name == wanted) found.push_back(each);
    if (found.empty() && wanted.size() >= 4)
        for (const Integration& each : of_tenant)
            if (each.id.starts_with(wanted)) found.push_back(each);
    if (found.size() == 1) return found;
    return Error(ErrorCode::invalid_request, (found.empty() ? "no integration is " : "several integrations are ") +
                                                 wanted + "; `check` lists them");
}

std::string Session::hint(std::string_view command) const {
    std::string line = shell_quoted(common_.program);
    for (const std::string& file : common_.config_files)
        line += " --config " + shell_quoted(file);
    if (!common_.tenant.empty()) line += " --tenant " + shell_quoted(common_.tenant);
    return line.append(" ").append(command);
}

} // namespace castiel_sync::service

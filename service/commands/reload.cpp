#include "reload.hpp"

#include "catalog/embedded_catalog.hpp"
#include "configuration/changes.hpp"
#include "http/authentication.hpp"
#include "loading.hpp"
#include "output/log.hpp"
#include "output/text.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value_from.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <string_view>
#include <utility>

namespace castiel_sync::service {
namespace {

namespace asio = boost::asio;

bool is_loopback(const std::string& host) {
    if (host == "localhost") return true;
    boost::system::error_code error;
    const auto address = asio::ip::make_address(host, error);
    return !error && address.is_loopback();
}

// Groups of keys that are taken over, beside the integrations.
constexpr std::array<std::string_view, 3> changeable_groups{"adapters", "jwt", "log"};

bool is_changeable(std::string_view key) {
    return std::ranges::find(changeable_groups, key.substr(0, key.find('.'))) != changeable_groups.end();
}

// Whatever goes wrong, the service goes on.
LoadedConfiguration load_if_possible(const LoadRequest& request) {
    try {
        return load_configuration(request);
    } catch (const std::exception& trouble) {
        LoadedConfiguration none;
        none.faults.push_back({Place(), "", std::string("the configuration can't be read: ") + trouble.what()});
        return none;
    }
}

Async<LoadedConfiguration> load(LoadRequest request) { co_return load_if_possible(request); }

json::array ids_of(const std::vector<Integration>& integrations) {
    json::array ids;
    for (const Integration& each : integrations)
        ids.emplace_back(each.id);
    return ids;
}

std::string summary(const ConfigurationChanges& changes, const std::vector<std::string>& taken) {
    std::vector<std::string> parts;
    const auto count = [&](const std::vector<Integration>& integrations, std::string_view what) {
        if (integrations.empty()) return;
        parts.push_back(fmt::format("{} {}", counted(integrations.size(), "integration"), what));
    };
    count(changes.added, "added");
    count(changes.changed, "changed");
    count(changes.removed, "removed");
    if (!changes.adapters.empty())
        parts.push_back(fmt::format("descriptions of {}", fmt::join(changes.adapters, ", ")));
    parts.insert(parts.end(), taken.begin(), taken.end());
    return fmt::to_string(fmt::join(parts, ", "));
}

} // namespace

Result<> check_exposure(const std::string& host, const std::vector<std::string>& secrets) {
    if (!secrets.empty() || is_loopback(host)) return {};
    return Error(ErrorCode::invalid_configuration, "server.host: without jwt.secret only a loopback address may be "
                                                   "bound, and " +
                                                       host + " is none; set JWT_SECRET, or HOST=127.0.0.1");
}

Reload::Reload(Session& session, Scheduler& scheduler, Authentication& authentication)
    : session_(session), scheduler_(scheduler), authentication_(authentication), current_(session.configuration()) {}

Async<> Reload::run() {
    // Not on the loop: large files would hold up every request.
    auto loading = load(load_request(session_.common()));
    LoadedConfiguration loaded = co_await asio::co_spawn(session_.files(), std::move(loading), asio::use_awaitable);
    report(loaded);
    Console& console = session_.console();
    if (!loaded.configuration) {
        console.log(LogLevel::error, "the configuration has " + counted(loaded.faults.size(), "fault") +
                                         "; nothing was taken over, and the service goes on with what it had");
        co_return;
    }
    if (auto taken = take_over(std::move(*loaded.configuration)); !taken)
        console.log(LogLevel::error,
                    taken.error().message + "; nothing was taken over, and the service goes on with what it had");
}

Result<> Reload::take_over(Configuration fresh) {
    // The first for as long as this process listens, the second for its successor, which would not start.
    for (const std::string& host : {current_.server_host, fresh.server_host})
        if (auto safe = check_exposure(host, fresh.jwt_secrets); !safe) return safe;
    const ConfigurationChanges changes = compare(current_, fresh);
    const bool new_secrets = fresh.jwt_secrets != current_.jwt_secrets;
    // The only step that can fail.
    if (new_secrets)
        if (auto set = authentication_.set_secrets(fresh.jwt_secrets); !set) return set;
    if (!changes.adapters.empty()) session_.set_descriptions(fresh.descriptions);
    session_.catalog().set_configured(configured_integrations(fresh));
    for (const auto* integrations : {&changes.added, &changes.changed, &changes.removed})
        for (const Integration& each : *integrations)
            scheduler_.take_note(each);
    set_log_level(least_log_level(session_.common(), fresh.log_level));

    std::vector<std::string> taken, waiting;
    for (const std::string& key : changes.keys)
        (is_changeable(key) ? taken : waiting).push_back(key);
    Console& console = session_.console();
    const std::string told = summary(changes, taken);
    console.log(LogLevel::info, told.empty() ? "reloaded: nothing to take over" : "reloaded: " + told,
                {{"added", ids_of(changes.added)},
                 {"changed", ids_of(changes.changed)},
                 {"removed", ids_of(changes.removed)},
                 {"adapters", json::value_from(changes.adapters)},
                 {"keys", json::value_from(taken)}});
    if (!current_.jwt_secrets.empty() && fresh.jwt_secrets.empty())
        console.log(LogLevel::warning, "there is no jwt.secret any more: whoever reaches the port is believed to be of "
                                       "the tenant that X-Tenant-ID names");
    if (!waiting.empty())
        console.log(LogLevel::warning,
                    fmt::format("changed, and in effect only after a restart: {}", fmt::join(waiting, ", ")),
                    {{"keys", json::value_from(waiting)}});
    keep(std::move(fresh));
    return {};
}

void Reload::keep(Configuration fresh) {
    json::object document = current_.document.get_object();
    for (const std::string_view group : {"integrations", "adapters", "jwt", "log"}) {
        document.erase(group);
        if (const json::value* taken = fresh.document.get_object().if_contains(group)) document[group] = *taken;
    }
    fresh.document = std::move(document);
    fresh.server_host = current_.server_host;
    current_ = std::move(fresh);
}

} // namespace castiel_sync::service

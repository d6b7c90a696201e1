#include "configuration.hpp"

#include "adapter_settings.hpp"
#include "systems/descriptions.hpp"
#include "embedded.hpp"
#include "files.hpp"
#include "schema.hpp"
#include "yaml.hpp"

#include <castiel_sync/secret_provider.hpp>
#include <castiel_sync/webhooks/sealing.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

namespace castiel_sync::service {
namespace {

struct Override {
    const char* variable;
    const char* path;
    bool text;
};

constexpr std::array overrides{
    Override{"HOST", "server.host", true},
    Override{"PORT", "server.port", false},
    Override{"JWT_SECRET", "jwt.secret", true},
    Override{"JWT_PREVIOUS_SECRET", "jwt.previous_secret", true},
    Override{"WEBHOOKS_SEALING_KEY", "webhooks.sealing_key", true},
    Override{"WEBHOOKS_PREVIOUS_SEALING_KEY", "webhooks.previous_sealing_key", true},
    Override{"STORAGE_TYPE", "storage.type", true},
    Override{"STORAGE_PATH", "storage.path", true},
    Override{"COSMOS_DB_ENDPOINT", "cosmos_db.endpoint", true},
    Override{"COSMOS_DB_KEY", "cosmos_db.key", true},
    Override{"COSMOS_DB_DATABASE_ID", "cosmos_db.database_id", true},
    Override{"RABBITMQ_URL", "rabbitmq.url", true},
    Override{"INTEGRATION_MANAGER_URL", "services.integration_manager.url", true},
    Override{"SECRET_MANAGEMENT_URL", "services.secret_management.url", true},
    Override{"SHARD_MANAGER_URL", "services.shard_manager.url", true},
    Override{"SYNC_MAX_RECORDS", "sync_limits.max_records_per_sync", false},
    Override{"SYNC_MIN_INTERVAL_MINUTES", "sync_limits.min_interval_minutes", false},
    Override{"SYNC_MAX_CONCURRENT_PER_TENANT", "sync_limits.max_concurrent_syncs_per_tenant", false},
    Override{"SYNC_LEASE_SECONDS", "sync_limits.lease_seconds", false},
    Override{"SYNC_SCHEDULER_ENABLED", "sync_scheduler.enabled", false},
    Override{"SYNC_SCHEDULER_INTERVAL_MS", "sync_scheduler.interval_ms", false},
    Override{"METRICS_BEARER_TOKEN", "metrics.bearer_token", true},
    Override{"LOG_LEVEL", "log.level", true},
};

LogLevel log_level_of(const json::value& word) {
    if (word == "debug") return LogLevel::debug;
    if (word == "info") return LogLevel::info;
    if (word == "warning") return LogLevel::warning;
    return LogLevel::error;
}

class Loader {
public:
    explicit Loader(const LoadRequest& request) : request_(request), schema_(json::parse(embedded_schema)) {}

    LoadedConfiguration load() {
        document_.merge(read_yaml(std::string(embedded_defaults), "built-in defaults", loaded_.faults));
        for (const char* name : {"/default.yaml", "/local.yaml"})
            read_file(request_.folder + name, false);
        for (const std::string& file : request_.files)
            read_file(file, true);
        apply_environment();
        interpolate(document_, request_.environment, schema_, loaded_.faults);
        report("", validate(schema_, document_.value));
        check_storage();
        check_secrets();
        check_metrics();
        check_egress();
        check_sealing_keys();
        read_descriptions();
        read_integrations();
        if (loaded_.faults.empty()) fill();
        return std::move(loaded_);
    }

private:
    void read_file(const std::string& name, bool required) {
        if (!required && !std::ifstream(name)) return;
        const auto text = read_text_file(name, loaded_.faults);
        if (!text) return;
        document_.merge(read_yaml(*text, name, loaded_.faults));
        configuration_.files.push_back(name);
    }

    void apply_environment() {
        for (const Override& each : overrides) {
            const auto value = request_.environment(each.variable);
            if (!value || value->empty()) continue;
            Place place;
            place.source = std::string("environment variable ") + each.variable;
            place.literal = true;
            place.variables.emplace_back(each.variable, *value);
            auto typed = each.text ? std::nullopt : read_plain_scalar(*value);
            document_.set(each.path, typed ? std::move(*typed) : json::value(json::string(*value)), std::move(place));
        }
    }

    // A value that an earlier step could not read is not judged again.
    [[nodiscard]] bool is_faulty(const std::string& path) const {
        return std::ranges::any_of(loaded_.faults, [&](const Fault& fault) {
            return !fault.path.empty() &&
                   (path == fault.path || path.starts_with(fault.path + ".") || path.starts_with(fault.path + "["));
        });
    }

    void report(const std::string& at, const std::vector<ConfigurationFault>& found) {
        std::vector<Fault> faults;
        for (const ConfigurationFault& each : found) {
            const std::string path = join_path(at, each.path);
            if (is_faulty(path)) continue;
            const Place place = document_.place_of(path);
            auto& list = each.notice ? loaded_.notices : faults;
            list.push_back({place, path, fault_without_values(each.message, place)});
        }
        std::ranges::move(faults, std::back_inserter(loaded_.faults));
    }

    void report(const std::string& path, std::string message) {
        report("", {ConfigurationFault(path, std::move(message))});
    }

    [[nodiscard]] const json::value* find(std::string_view path) const {
        const json::value* at = &document_.value;
        for (std::string_view rest = path; at != nullptr && !rest.empty();) {
            const auto dot = rest.find('.');
            at = at->is_object() ? at->get_object().if_contains(rest.substr(0, dot)) : nullptr;
            rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
        }
        return at;
    }

    void check_storage() {
        const json::value* type = find("storage.type");
        if (type != nullptr && *type == "cosmos")
            report("storage.type", "is cosmos, which this build does not have; use sqlite or memory");
        for (const char* path : {"rabbitmq.url", "services.integration_manager.url", "services.secret_management.url",
                                 "services.shard_manager.url"})
            if (find(path) != nullptr)
                report("", {ConfigurationFault(
                               path, "is set, but this build does not have that part and works embedded", true)});
    }

    void check_secrets() {
        const json::value* secret = find("jwt.secret");
        const json::value* previous = find("jwt.previous_secret");
        if (previous == nullptr) return;
        if (secret == nullptr)
            report("jwt.previous_secret", "is set without jwt.secret; it only adds what tokens were signed with before "
                                          "that one");
        else if (*secret == *previous)
            report("", {ConfigurationFault("jwt.previous_secret", "is the same as jwt.secret and adds nothing", true)});
    }

    void check_metrics() {
        const json::value* required = find("metrics.require_auth");
        const bool asks = required != nullptr && required->is_bool() && required->get_bool();
        const bool has_token = find("metrics.bearer_token") != nullptr;
        if (asks && !has_token)
            report("metrics.require_auth", "is true, but there is no metrics.bearer_token that could be asked for");
        if (!asks && has_token)
            report("", {ConfigurationFault("metrics.bearer_token",
                                           "is set, but nobody is asked for it: metrics.require_auth is false", true)});
    }

    void check_egress() {
        const json::value* networks = find("egress.allow_networks");
        if (networks == nullptr || !networks->is_array()) return;
        for (std::size_t index = 0; index < networks->get_array().size(); ++index) {
            const json::value& network = networks->get_array()[index];
            if (!network.is_string()) continue;
            EgressOptions one;
            one.allow_networks.emplace_back(network.get_string());
            if (auto policy = EgressPolicy::make(one); !policy)
                report(element_path("egress.allow_networks", index), policy.error().message);
        }
    }

    void check_sealing_keys() {
        for (const char* path : {"webhooks.sealing_key", "webhooks.previous_sealing_key"}) {
            const json::value* key = find(path);
            if (key == nullptr || !key->is_string()) continue;
            if (auto sealer = Sealer::make({std::string(key->get_string())}); !sealer)
                report(path, "is no key; `openssl rand -base64 32` prints one");
        }
        if (find("webhooks.previous_sealing_key") != nullptr && find("webhooks.sealing_key") == nullptr)
            report("webhooks.previous_sealing_key", "is set without webhooks.sealing_key, which seals from now on");
    }

    // A file of a fault is named by its own lines.
    void read_descriptions() {
        adapters_ = request_.adapters;
        const auto add = [&](const LoadedDescription& loaded, const std::string& path) {
            std::ranges::copy(loaded.faults, std::back_inserter(loaded_.faults));
            std::ranges::copy(loaded.notices, std::back_inserter(loaded_.notices));
            if (!loaded.description) return;
            AdapterDescription described = describe(*loaded.description);
            if (std::ranges::any_of(adapters_, [&](const auto& each) { return each.name == described.name; }))
                return report(path, "describes an adapter called " + described.name + ", and there is one already");
            adapters_.push_back(std::move(described));
            configuration_.descriptions.push_back(loaded.description);
            configuration_.description_documents.push_back(loaded.document);
        };
        for (const LoadedDescription& ready : ready_descriptions())
            add(ready, "adapters");
        const json::value* files = find("adapters");
        if (files == nullptr || !files->is_array()) return;
        for (std::size_t index = 0; index < files->get_array().size(); ++index)
            if (const auto* file = files->get_array()[index].if_string())
                add(load_description(std::string(*file)), element_path("adapters", index));
    }

    void read_integrations() {
        const json::value* integrations = find("integrations");
        if (integrations == nullptr || !integrations->is_array()) return;
        std::map<std::string, std::string> seen; // path by id
        for (std::size_t index = 0; index < integrations->get_array().size(); ++index) {
            const json::value& document = integrations->get_array()[index];
            if (!document.is_object()) continue;
            const std::string path = element_path("integrations", index);
            ParsedIntegration parsed = parse_integration(document, true);
            report(path, parsed.faults);
            report(path, check_adapter(document.get_object(), adapters_));
            if (!parsed.integration) continue;
            check_reference(parsed.integration->credential_secret_name, member_path(path, "credentialSecretName"));
            const auto [first, fresh] = seen.try_emplace(parsed.integration->id, path);
            if (!fresh) report(member_path(path, "id"), "is also the id of " + first->second + "; each needs its own");
            configuration_.integrations.push_back(std::move(*parsed.integration));
            configuration_.integration_origins.push_back(origin_of(document, path));
        }
    }

    void check_reference(const std::string& reference, const std::string& path) {
        if (reference.empty()) return;
        const auto parsed = parse_secret_reference(reference);
        if (!parsed)
            report(path, parsed.error().message);
        else if (parsed->place == "file" && find("secrets.path") == nullptr)
            report(path, "names a secret file, and there is no folder of them; set secrets.path");
        else if (parsed->place != "file" && parsed->place != "environment")
            report(path, "names the place \"" + parsed->place + "\", which this build does not have; use "
                         "secret://environment/NAME or secret://file/NAME");
    }

    // What others may see of the value at `path`.
    [[nodiscard]] json::value shown(const json::value& value, const std::string& path) const {
        if (const auto* object = value.if_object()) {
            json::object members;
            for (const auto& member : *object)
                members.emplace(member.key(), shown(member.value(), member_path(path, member.key())));
            return members;
        }
        if (const auto* list = value.if_array()) {
            json::array elements;
            for (const json::value& each : *list)
                elements.push_back(shown(each, element_path(path, elements.size())));
            return elements;
        }
        const Place place = document_.place_of(path);
        if (place.variables.empty()) return value;
        std::string names;
        bool in_text = value.is_string();
        for (const auto& [name, held] : place.variables) {
            names += "${" + name + "}";
            in_text = in_text && held.size() >= 4; // what is shorter can't be told from the text around it
        }
        return json::string(in_text ? without_values(std::string(value.get_string()), place) : names);
    }

    [[nodiscard]] IntegrationOrigin origin_of(const json::value& document, const std::string& path) const {
        IntegrationOrigin origin;
        origin.file = document_.place_of(path).source;
        origin.document = shown(document, path).get_object();
        for (const char* name : {"id", "tenantId", "providerName"}) // by which it is found, whoever named them
            origin.document[name] = document.get_object().at(name);
        return origin;
    }

    void fill() {
        configuration_.storage_type =
            *find("storage.type") == "memory" ? Configuration::StorageType::memory : Configuration::StorageType::sqlite;
        configuration_.storage_path = find("storage.path")->as_string();
        configuration_.max_records_per_sync = find("sync_limits.max_records_per_sync")->to_number<std::size_t>();
        configuration_.max_concurrent_syncs_per_tenant =
            find("sync_limits.max_concurrent_syncs_per_tenant")->to_number<std::size_t>();
        configuration_.lease = std::chrono::seconds(find("sync_limits.lease_seconds")->to_number<int>());
        configuration_.min_interval =
            std::chrono::minutes(find("sync_limits.min_interval_minutes")->to_number<int>());
        configuration_.server_host = find("server.host")->as_string();
        configuration_.server_port = find("server.port")->to_number<std::uint16_t>();
        configuration_.server_drain = std::chrono::seconds(find("server.drain_seconds")->to_number<int>());
        for (const char* path : {"jwt.secret", "jwt.previous_secret"})
            if (const json::value* secret = find(path)) configuration_.jwt_secrets.emplace_back(secret->as_string());
        if (const json::value* level = find("log.level")) configuration_.log_level = log_level_of(*level);
        configuration_.scheduler_enabled = find("sync_scheduler.enabled")->as_bool();
        configuration_.scheduler_interval =
            std::chrono::milliseconds(find("sync_scheduler.interval_ms")->to_number<int>());
        configuration_.egress.allow_http = find("egress.allow_http")->as_bool();
        for (const json::value& network : find("egress.allow_networks")->as_array())
            configuration_.egress.allow_networks.emplace_back(network.as_string());
        for (const json::value& port : find("egress.allowed_ports")->as_array())
            configuration_.egress.allowed_ports.push_back(port.to_number<std::uint16_t>());
        if (const json::value* file = find("egress.ca_file")) configuration_.egress_ca_file = file->as_string();
        if (const json::value* proxy = find("egress.proxy")) configuration_.egress_proxy = proxy->as_string();
        if (const json::value* path = find("secrets.path")) configuration_.secrets_path = path->as_string();
        configuration_.webhooks_lease = std::chrono::seconds(find("webhooks.lease_seconds")->to_number<int>());
        configuration_.webhooks_interval =
            std::chrono::milliseconds(find("webhooks.interval_ms")->to_number<int>());
        for (const char* path : {"webhooks.sealing_key", "webhooks.previous_sealing_key"})
            if (const json::value* key = find(path)) configuration_.sealing_keys.emplace_back(key->as_string());
        if (find("metrics.require_auth")->as_bool())
            configuration_.metrics_token = find("metrics.bearer_token")->as_string();
        configuration_.document = std::move(document_.value);
        loaded_.configuration = std::move(configuration_);
    }

    const LoadRequest& request_;
    json::value schema_;
    LocatedDocument document_;
    std::vector<AdapterDescription> adapters_; // and those that are described
    Configuration configuration_;
    LoadedConfiguration loaded_;
};

} // namespace

LoadedConfiguration load_configuration(const LoadRequest& request) { return Loader(request).load(); }

} // namespace castiel_sync::service

// What castiel-sync is told: the layers of configuration, read, merged, checked, and as one value.
#pragma once

#include "interpolation.hpp"
#include "located.hpp"

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/adapters/rest.hpp>
#include <castiel_sync/http/egress.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/observer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync::service {

// Where an integration was configured, and how it looks to others than the adapter.
struct IntegrationOrigin {
    json::object document; // as it was written: what came from an environment variable is shown as ${NAME}
    std::string file;      // as the user named it
};

struct Configuration {
    enum class StorageType { sqlite, memory };

    StorageType storage_type = StorageType::sqlite;
    std::string storage_path;
    std::size_t max_records_per_sync = 0;
    std::size_t max_concurrent_syncs_per_tenant = 0;
    std::chrono::seconds lease{0};
    std::chrono::minutes min_interval{0};
    std::string server_host;
    std::uint16_t server_port = 0;
    std::chrono::seconds server_drain{0};
    std::vector<std::string> jwt_secrets; // any may have signed; none: loopback only, and no tokens
    bool scheduler_enabled = true;
    std::chrono::milliseconds scheduler_interval{0};
    std::optional<LogLevel> log_level; // absent: as the command line says
    std::string metrics_token; // that /metrics asks for; empty: none
    EgressOptions egress;
    std::string egress_ca_file; // empty: the system's authorities alone
    std::string egress_proxy;   // empty: none
    std::string secrets_path;   // the folder of secret files; empty: none
    std::chrono::seconds webhooks_lease{0};
    std::chrono::milliseconds webhooks_interval{0};
    std::vector<std::string> sealing_keys; // of webhooks' secrets; empty: a file beside the store holds one
    // Of this build, and of the files under `adapters`.
    std::vector<std::shared_ptr<const RestDescription>> descriptions;
    std::vector<json::value> description_documents; // what each of them was read from, in the same order
    std::vector<Integration> integrations;
    std::vector<IntegrationOrigin> integration_origins; // of each of them, in the same order
    std::vector<std::string> files; // that were read, in order
    json::value document;           // everything, also the keys of parts that this build does not have; holds secrets
};

struct LoadRequest {
    std::vector<std::string> files; // --config, in the order given
    std::string folder = "config";  // of default.yaml and local.yaml, both optional
    Environment environment;
    std::vector<AdapterDescription> adapters; // that are no descriptions; whose settings can be checked
};

struct LoadedConfiguration {
    std::optional<Configuration> configuration; // absent when there is any fault
    std::vector<Fault> faults;                  // all of them, in the order of the layers
    std::vector<Fault> notices;                 // what works, but perhaps not as meant
};

[[nodiscard]] LoadedConfiguration load_configuration(const LoadRequest& request);

// The environment of this process.
[[nodiscard]] Environment process_environment();

} // namespace castiel_sync::service

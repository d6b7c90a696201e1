// EmbeddedCatalog: the integrations of the configuration and those that were put over HTTP, as one catalog.
//
// Those of the configuration are read-only here, and win over stored ones of the same id. The others are documents of
// the store, in the tenant's partition, as they were put; they are read at every look-up, so that what another instance
// puts is seen at once.
#pragma once

#include "configuration/configuration.hpp"

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/observer.hpp>
#include <castiel_sync/secret_provider.hpp>
#include <castiel_sync/store.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::service {

inline constexpr std::string_view integration_kind = "integration"; // declared in service_kinds()

struct ConfiguredIntegration {
    Integration integration;
    IntegrationOrigin origin;

    ConfiguredIntegration() = default;
};

[[nodiscard]] std::vector<ConfiguredIntegration> configured_integrations(const Configuration& configuration);

// Everything is borrowed, and outlives the catalog and every call under way.
struct EmbeddedCatalogParts {
    Store* store = nullptr; // opened with service_kinds()
    const AdapterRegistry* adapters = nullptr;
    SecretProvider* secrets = nullptr;
    std::function<void(LogLevel, std::string_view, const json::object&)> log; // may be empty

    EmbeddedCatalogParts() = default;
};

// Ids of tenants and integrations are UUIDs in lower case, as parse_integration and Authentication answer them.
// Threading: on the store's executor.
class EmbeddedCatalog final : public IntegrationCatalog {
public:
    explicit EmbeddedCatalog(EmbeddedCatalogParts parts, std::vector<ConfiguredIntegration> configured = {});

    // Calls under way go on with those that they began with.
    void set_configured(std::vector<ConfiguredIntegration> configured);

    // A stored integration that can't be read, or that this version refuses, is `corrupted` when it is asked for. A
    // list goes without it, and the log tells so once.
    Async<Result<std::optional<Integration>>> find(std::string tenant_id, std::string integration_id) override;
    Async<Result<std::vector<Integration>>> list(std::string tenant_id) override;
    // Of whichever tenant: for a call that names none. Tenants choose ids, so there may be several with the same. As in
    // a list, one that can't be read is left out.
    Async<Result<std::vector<Integration>>> find_in_all_tenants(std::string integration_id);
    Async<Result<json::object>> credentials(const Integration& integration) override;

    // For people and programs that only look: documents as they were given, without what the adapter calls secret.
    // One that find refuses is shown as long as it is JSON, so that it can be mended.
    struct PageRequest {
        std::string tenant_id;
        std::string provider_name; // empty: all
        std::size_t limit = 100;
        std::string cursor; // the id of an earlier page's last one, or empty

        PageRequest() = default;
    };
    struct Page {
        std::vector<json::object> items; // by id
        std::string next_cursor;         // empty: no more

        Page() = default;
    };
    Async<Result<Page>> list_documents(PageRequest request);
    Async<Result<std::optional<json::object>>> find_document(std::string tenant_id, std::string integration_id);

    struct PutAnswer {
        std::vector<ConfigurationFault> faults; // all of them; not empty: nothing was written
        bool created = false;
        Integration integration;
        json::object document; // as find_document shows it

        PutAnswer() = default;
    };
    // `id` and `tenantId` may be absent in the document. already_exists: the configuration has it.
    Async<Result<PutAnswer>> put(std::string tenant_id, std::string integration_id, json::object document);
    // False: there is none. already_exists as in put.
    Async<Result<bool>> remove(std::string tenant_id, std::string integration_id);

private:
    using Configured = std::vector<ConfiguredIntegration>; // by id

    [[nodiscard]] const ConfiguredIntegration* find_configured(std::string_view tenant_id, std::string_view id) const;
    [[nodiscard]] json::object shown(json::object document) const;
    [[nodiscard]] json::object shown_in_list(std::string_view tenant_id, const Document& document);
    Async<Result<std::optional<Document>>> read(std::string tenant_id, std::string integration_id);
    Async<Result<ScanPage>> read_page(std::string tenant_id, Query query);
    Async<Result<std::vector<Integration>>> collect(std::string tenant_id, std::string integration_id);
    void report(std::string_view tenant_id, const Document& document, const Error& error);

    EmbeddedCatalogParts parts_;
    std::shared_ptr<const Configured> configured_;
    std::set<std::string> reported_; // which version of which document
};

} // namespace castiel_sync::service

#include <castiel_sync/integration.hpp>

#include <fmt/format.h>

#include <utility>

namespace castiel_sync {
namespace {

class FixedCatalog : public IntegrationCatalog {
public:
    FixedCatalog(std::vector<Integration> integrations, SecretLookup secrets)
        : integrations_(std::move(integrations)), secrets_(std::move(secrets)) {}

    Async<Result<std::optional<Integration>>> find(std::string tenant_id, std::string integration_id) override {
        for (const Integration& integration : integrations_)
            if (integration.tenant_id == tenant_id && integration.id == integration_id)
                co_return std::optional<Integration>(integration);
        co_return std::optional<Integration>();
    }

    Async<Result<std::vector<Integration>>> list(std::string tenant_id) override {
        std::vector<Integration> found;
        for (const Integration& integration : integrations_)
            if (tenant_id.empty() || integration.tenant_id == tenant_id) found.push_back(integration);
        co_return found;
    }

    Async<Result<json::object>> credentials(const Integration& integration) override {
        if (integration.credential_secret_name.empty()) co_return json::object();
        if (!secrets_)
            co_return Error(ErrorCode::invalid_configuration,
                            fmt::format("integration {} names the secret '{}', and this catalog was made without a "
                                        "look-up for secrets; pass one to make_fixed_catalog",
                                        integration.id, integration.credential_secret_name));
        co_return secrets_(integration.credential_secret_name);
    }

private:
    std::vector<Integration> integrations_;
    SecretLookup secrets_;
};

} // namespace

std::unique_ptr<IntegrationCatalog> make_fixed_catalog(std::vector<Integration> integrations, SecretLookup secrets) {
    return std::make_unique<FixedCatalog>(std::move(integrations), std::move(secrets));
}

} // namespace castiel_sync

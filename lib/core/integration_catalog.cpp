#include <castiel_sync/integration.hpp>

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <utility>

namespace castiel_sync {
namespace {

class FixedCatalog : public IntegrationCatalog {
public:
    FixedCatalog(std::vector<Integration> integrations, SecretLookup secrets)
        : integrations_(std::move(integrations)), secrets_(std::move(secrets)) {
        for (const Integration& integration : integrations_)
            by_name_.try_emplace({integration.tenant_id, integration.id}, &integration);
    }

    Async<Result<std::optional<Integration>>> find(std::string tenant_id, std::string integration_id) override {
        const auto found = by_name_.find({tenant_id, integration_id});
        if (found == by_name_.end()) co_return std::optional<Integration>();
        co_return std::optional<Integration>(*found->second);
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
    const std::vector<Integration> integrations_;
    std::map<std::pair<std::string_view, std::string_view>, const Integration*> by_name_; // of a tenant
    SecretLookup secrets_;
};

} // namespace

std::unique_ptr<IntegrationCatalog> make_fixed_catalog(std::vector<Integration> integrations, SecretLookup secrets) {
    return std::make_unique<FixedCatalog>(std::move(integrations), std::move(secrets));
}

} // namespace castiel_sync

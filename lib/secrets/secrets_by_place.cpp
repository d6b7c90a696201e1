#include <secrets/secret_text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>
#include <vector>

namespace castiel_sync {
namespace {

using Places = std::map<std::string, std::shared_ptr<SecretProvider>, std::less<>>;

class SecretsByPlace final : public SecretProvider {
public:
    explicit SecretsByPlace(Places places) : places_(std::move(places)) {}

    Async<Result<json::object>> find(std::string tenant_id, std::string reference) override {
        auto provider = provider_of(reference);
        if (!provider) co_return provider.error();
        auto found = co_await (*provider)->find(std::move(tenant_id), std::move(reference));
        co_return found;
    }

    Async<Result<>> replace(std::string tenant_id, std::string reference, json::object expected,
                            json::object secret) override {
        auto provider = provider_of(reference);
        if (!provider) co_return provider.error();
        auto replaced = co_await (*provider)->replace(std::move(tenant_id), std::move(reference), std::move(expected),
                                                      std::move(secret));
        co_return replaced;
    }

    [[nodiscard]] bool can_replace(std::string_view reference) const override {
        const auto provider = provider_of(reference);
        return provider && (*provider)->can_replace(reference);
    }

private:
    [[nodiscard]] Result<SecretProvider*> provider_of(std::string_view reference) const {
        auto parsed = parse_secret_reference(reference);
        if (!parsed) return parsed.error();
        const auto found = places_.find(parsed->place);
        if (found != places_.end()) return found->second.get();
        std::vector<std::string_view> names;
        for (const auto& [name, provider] : places_)
            names.push_back(name);
        return Error(ErrorCode::invalid_configuration,
                     fmt::format("\"{}\" leads to a place \"{}\" that is not known; use one of: {}", reference,
                                 parsed->place, fmt::join(names, ", ")));
    }

    Places places_;
};

} // namespace

std::shared_ptr<SecretProvider> make_secrets_by_place(Places places) {
    return std::make_shared<SecretsByPlace>(std::move(places));
}

} // namespace castiel_sync

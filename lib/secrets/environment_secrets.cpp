#include <secrets/secret_text.hpp>

#include <fmt/format.h>

#include <utility>

namespace castiel_sync {
namespace {

class EnvironmentSecrets final : public SecretProvider {
public:
    explicit EnvironmentSecrets(EnvironmentLookup lookup) : lookup_(std::move(lookup)) {}

    Async<Result<json::object>> find(std::string, std::string reference) override {
        auto variable = name_in(environment_place, reference);
        if (!variable) co_return variable.error();
        const auto text = lookup_(*variable);
        if (!text || text->empty())
            co_return Error(ErrorCode::unauthenticated,
                            fmt::format("the secret {} is not there; set the environment variable {}", reference,
                                        *variable));
        co_return read_secret(*text, "the environment variable " + *variable);
    }

    Async<Result<>> replace(std::string, std::string reference, json::object, json::object) override {
        auto variable = name_in(environment_place, reference);
        if (!variable) co_return variable.error();
        co_return Error(ErrorCode::unsupported,
                        fmt::format("the secret {} is an environment variable, which can't be replaced; keep it in a "
                                    "file (secret://file/NAME)",
                                    reference));
    }

    [[nodiscard]] bool can_replace(std::string_view) const override { return false; }

private:
    EnvironmentLookup lookup_;
};

} // namespace

std::shared_ptr<SecretProvider> make_environment_secrets(EnvironmentLookup lookup) {
    return std::make_shared<EnvironmentSecrets>(std::move(lookup));
}

} // namespace castiel_sync

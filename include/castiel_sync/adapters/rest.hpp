// The declarative REST adapter: a description says what a system that speaks JSON over HTTP is like, and becomes an
// adapter. No code is written for it.
//
// The description is a JSON value (the service reads it from YAML); docs/rest-adapter.md is its reference, and
// adapters/schema.json its JSON Schema, for editors. What it does not say is not guessed: capabilities follow from what
// is described.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/secret_provider.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync {

struct RestDescription;

struct ParsedRestDescription {
    std::shared_ptr<const RestDescription> description; // null when any fault is not a notice
    std::vector<ConfigurationFault> faults;             // all of them, with key paths

    ParsedRestDescription() = default;
};

// Reads and checks a description: what is missing, unknown or of another type, and what contradicts itself.
[[nodiscard]] ParsedRestDescription parse_rest_description(const json::value& document);

// Its name, summary, settings and entities, for the registry. Capabilities are told where all entities share them.
[[nodiscard]] AdapterDescription describe(const RestDescription& description);

// The entities that it names; "*" stands for any.
[[nodiscard]] std::vector<std::string> entity_names(const RestDescription& description);

// What an adapter for this entity promises; nullopt: there is no such entity.
[[nodiscard]] std::optional<AdapterCapabilities> capabilities_of(const RestDescription& description,
                                                                 std::string_view entity);

// The access tokens of OAuth2, kept as long as the object lives. All adapters with the same tenant, credential
// reference and description share one token, however many executions come and go: of many that need a new one at once
// a single one asks, and the others get what it gets.
//
// A request for a token runs on the Runtime's executor for itself, so that nobody's cancellation takes it from the
// others, nor loses a refresh token that the answer holds. Let that executor run dry before the Runtime's clock goes.
//
// Threading: on the Runtime's executor. Secrets: holds access tokens and refresh tokens in memory, and nowhere else.
class RestTokens;
[[nodiscard]] std::shared_ptr<RestTokens> make_rest_tokens();

struct RestParts {
    std::shared_ptr<HttpTransport> transport;
    // Where AdapterContext::credential_reference leads, for OAuth2: secrets are read anew before each request for a
    // token, and a refresh token that is replaced is written here before the access token that came with it is used.
    // Null: the credentials of the context are all there is, and a grant whose refresh token rotates is
    // invalid_configuration.
    std::shared_ptr<SecretProvider> secrets;
    // Null: the factory has its own.
    std::shared_ptr<RestTokens> tokens;

    RestParts() = default;
};

// For AdapterRegistry::add.
[[nodiscard]] AdapterFactory rest_factory(std::shared_ptr<const RestDescription> description, RestParts parts);

} // namespace castiel_sync

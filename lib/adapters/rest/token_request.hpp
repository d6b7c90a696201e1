// What is said to a token endpoint, and what its answer means (RFC 6749, sections 4.4, 5 and 6). Pure.
#pragma once

#include <adapters/rest/description.hpp>
#include <castiel_sync/http/secrets.hpp>
#include <castiel_sync/http/transport.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {

struct GrantedToken {
    std::string text;
    std::optional<std::chrono::seconds> lifetime; // where the answer tells

    GrantedToken() = default;
};

struct TokenAnswer {
    Result<GrantedToken> granted;
    // The system has replaced the refresh token by this one, whatever became of the access token. Empty: it has not.
    std::string refresh_token;
    bool invalid_grant = false; // `granted` is the error that says so

    TokenAnswer() = default;
    explicit TokenAnswer(Error error) : granted(std::move(error)) {}
};

// `variables`: settings and credentials. An empty refresh token is for grants without one.
[[nodiscard]] Result<HttpCall> token_call(const RestDescription& description, const json::object& variables,
                                          std::string_view refresh_token);

// Everything in a token request that may stand in no message.
[[nodiscard]] Secrets token_secrets(const RestDescription& description, const json::object& variables,
                                    std::string_view refresh_token);

// `place` is what messages call the endpoint. Clears what `secrets` knows out of what the endpoint says.
[[nodiscard]] TokenAnswer read_token_answer(std::string_view place, const HttpAnswer& answer, const Secrets& secrets,
                                            Timestamp now);

// Of a transport that failed. A token request writes nothing that the engine would have to find out about.
[[nodiscard]] Error token_error(Error error);

} // namespace castiel_sync

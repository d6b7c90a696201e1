// Access tokens of OAuth2: one account's, and those of all accounts of a process.
//
// What must never happen is that an account loses its refresh token: systems that rotate it take the old one for
// stolen. So a token is asked for by one coroutine for all, which nobody's cancellation reaches; a new refresh token is
// written before anything else is done with the answer; and until that has gone well it stays in memory and is written
// before the next token is given out. What remains is a process that dies between the answer and the writing.
#pragma once

#include <adapters/rest/account_secret.hpp>
#include <adapters/rest/authentication.hpp>
#include <adapters/rest/description.hpp>
#include <async/gate.hpp>
#include <adapters/rest/token_request.hpp>
#include <castiel_sync/http/secrets.hpp>
#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/secret_provider.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace castiel_sync {

struct AccessToken {
    std::string text;
    std::optional<std::chrono::nanoseconds> good_until; // monotonic; absent: until it is refused

    AccessToken() = default;
};

using TokenResult = Result<std::shared_ptr<const AccessToken>>;

struct RestAccountParts {
    Runtime runtime;
    std::shared_ptr<const RestDescription> description;
    std::shared_ptr<HttpTransport> transport;
    std::shared_ptr<SecretProvider> secrets; // null: the context's credentials are all there is
    std::string tenant_id;
    std::string reference;
    json::object settings;
    json::object credentials;

    RestAccountParts() = default;
};

// Threading: on the Runtime's executor.
class RestAccount : public std::enable_shared_from_this<RestAccount> {
public:
    RestAccount(RestAccountParts parts, std::shared_ptr<AccountSecret> secret);

    // unavailable: none was there after `longest`, though one is still being asked for. Cancellation:
    // operation_aborted, at once, and without effect on what is being asked for.
    Async<TokenResult> token(std::chrono::nanoseconds longest);

    // The system does not take this token (any more). A newer one stays.
    void refuse(std::string_view text);

    // As it is described now; counts for the next token: one for another scope, say.
    void take_note(std::shared_ptr<const RestDescription> description);

    // No request would be wasted if this were made anew.
    [[nodiscard]] bool is_idle() const;

private:
    // One request for a token, and those who wait for it.
    struct Flight {
        explicit Flight(const Runtime& runtime) : gate(runtime) {}
        Gate gate;
        std::optional<TokenResult> outcome;
    };
    class Landing;

    static Async<void> fly(std::shared_ptr<RestAccount> self, std::shared_ptr<Flight> flight);
    Async<TokenResult> obtain();
    Async<TokenResult> refresh();
    Async<TokenResult> take(TokenAnswer answer, json::object stored, std::string used);
    Async<TokenAnswer> ask(json::object credentials, std::string refresh_token);

    [[nodiscard]] bool rotates() const;
    [[nodiscard]] bool is_fresh() const;
    void keep(const GrantedToken& granted, std::chrono::nanoseconds asked_at);

    RestAccountParts parts_;
    std::shared_ptr<AccountSecret> secret_;
    std::shared_ptr<const AccessToken> token_;
    std::shared_ptr<Flight> flight_;
    std::chrono::nanoseconds asked_at_{};
};

// The adapter's side of OAuth2. Adds each token that it sends to `secrets`. invalid_configuration: the refresh token
// rotates, and its successor could not be written anywhere.
[[nodiscard]] Result<std::shared_ptr<RestAuthenticator>> make_oauth2_authenticator(RestTokens& tokens,
                                                                                  RestAccountParts parts,
                                                                                  const std::string& integration_id,
                                                                                  std::shared_ptr<Secrets> secrets);

class RestTokens {
public:
    [[nodiscard]] std::shared_ptr<RestAccount> account(const std::string& integration_id, RestAccountParts parts);

private:
    std::map<std::string, std::shared_ptr<RestAccount>> accounts_;
    std::map<std::string, std::shared_ptr<AccountSecret>> secrets_;
};

} // namespace castiel_sync

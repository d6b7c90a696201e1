#include <adapters/rest/tokens.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::string_view scheme = "Bearer ";
constexpr std::size_t many_accounts = 1000;

class OAuth2Authenticator final : public RestAuthenticator {
public:
    OAuth2Authenticator(std::shared_ptr<RestAccount> account, Clock& clock, std::shared_ptr<Secrets> secrets)
        : account_(std::move(account)), clock_(clock), secrets_(std::move(secrets)) {}

    Async<Result<>> authorize(HttpCall& call) override {
        const auto begun = clock_.monotonic();
        auto token = co_await account_->token(call.timeout);
        if (!token) co_return token.error();
        if (seen_ != *token) {
            secrets_->add((*token)->text);
            seen_ = *token;
        }
        call.timeout -= std::chrono::ceil<std::chrono::milliseconds>(clock_.monotonic() - begun);
        if (call.timeout <= std::chrono::milliseconds(0))
            co_return Error(ErrorCode::unavailable,
                            fmt::format("{} {}: not sent, because getting an access token took too long", call.method,
                                        call.url.substr(0, call.url.find('?'))));
        call.headers.set("Authorization", std::string(scheme) + (*token)->text);
        co_return Result<>();
    }

    bool renew(const HttpCall& refused) override {
        const std::string* sent = refused.headers.find("Authorization");
        if (sent == nullptr || !sent->starts_with(scheme)) return false;
        account_->refuse(std::string_view(*sent).substr(scheme.size()));
        return true;
    }

private:
    std::shared_ptr<RestAccount> account_;
    Clock& clock_;
    std::shared_ptr<Secrets> secrets_;
    std::shared_ptr<const AccessToken> seen_;
};

// The settings that a token request depends on: with others it is another account's. Its parameters name none.
std::string settings_in(const RestAuthentication& described, const json::object& settings) {
    json::object variables;
    variables.emplace("settings", settings);
    json::object used;
    for (const std::string& name : described.token_url.names()) {
        const auto path = Path::parse(name);
        const json::value* value = path ? path->find(variables) : nullptr;
        if (value != nullptr) used[name] = *value;
    }
    return to_canonical_json(used);
}

struct Keys {
    std::string account;
    std::string secret;
};

Keys keys_of(const std::string& integration_id, const RestAccountParts& parts) {
    const RestDescription& description = *parts.description;
    json::array key;
    key.emplace_back(parts.tenant_id);
    // Credentials that are kept nowhere are one integration's own.
    key.emplace_back(parts.reference.empty() ? "integration " + integration_id : "secret " + parts.reference);
    Keys keys;
    keys.secret = to_json(key);
    key.emplace_back(description.name);
    key.emplace_back(static_cast<int>(description.authentication.grant)); // decides whose secret it takes turns with
    key.emplace_back(settings_in(description.authentication, parts.settings));
    keys.account = to_json(key);
    // Nobody has to wait for others with what any number may use at once.
    if (description.authentication.grant != RestAuthentication::Grant::refresh_token) keys.secret = keys.account;
    return keys;
}

template <class Value>
void erase_unneeded(std::map<std::string, std::shared_ptr<Value>>& values) {
    std::erase_if(values, [](const auto& each) { return each.second.use_count() == 1 && each.second->is_idle(); });
}

} // namespace

std::shared_ptr<RestAccount> RestTokens::account(const std::string& integration_id, RestAccountParts parts) {
    const Keys keys = keys_of(integration_id, parts);
    std::shared_ptr<AccountSecret>& secret = secrets_[keys.secret];
    if (!secret) secret = std::make_shared<AccountSecret>(parts.tenant_id, parts.reference);
    secret->take_note(parts.secrets, std::move(parts.credentials));
    std::shared_ptr<RestAccount>& account = accounts_[keys.account];
    if (account) {
        account->take_note(std::move(parts.description));
        return account;
    }
    account = std::make_shared<RestAccount>(std::move(parts), secret);
    std::shared_ptr<RestAccount> made = account;
    if (accounts_.size() > many_accounts) {
        erase_unneeded(accounts_);
        erase_unneeded(secrets_); // after the accounts that hold them
    }
    return made;
}

std::shared_ptr<RestTokens> make_rest_tokens() { return std::make_shared<RestTokens>(); }

Result<std::shared_ptr<RestAuthenticator>> make_oauth2_authenticator(RestTokens& tokens, RestAccountParts parts,
                                                                     const std::string& integration_id,
                                                                     std::shared_ptr<Secrets> secrets) {
    const RestAuthentication& described = parts.description->authentication;
    const bool rotates = described.grant == RestAuthentication::Grant::refresh_token && described.rotates;
    if (rotates && (!parts.secrets || !parts.secrets->can_replace(parts.reference)))
        return Error(ErrorCode::invalid_configuration,
                     fmt::format("the refresh token rotates, and {} can't be written when the system replaces it; keep "
                                 "the secret where it can be replaced, such as secret://file/NAME, or say rotates: "
                                 "false if the system never does that",
                                 parts.reference.empty() ? "a secret without a reference" : parts.reference));
    Clock& clock = *parts.runtime.clock;
    auto account = tokens.account(integration_id, std::move(parts));
    return std::shared_ptr<RestAuthenticator>(
        std::make_shared<OAuth2Authenticator>(std::move(account), clock, std::move(secrets)));
}

} // namespace castiel_sync

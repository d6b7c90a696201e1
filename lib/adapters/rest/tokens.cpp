#include <adapters/rest/tokens.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace castiel_sync {
namespace {

namespace asio = boost::asio;
using std::chrono::nanoseconds;

json::object variables_of(const json::object& settings, json::object credentials) {
    json::object variables;
    variables.emplace("settings", settings);
    variables.emplace("credentials", std::move(credentials));
    return variables;
}

} // namespace

// However the coroutine ends, nobody waits for it any longer.
class RestAccount::Landing {
public:
    Landing(RestAccount& account, Flight& flight) : account_(account), flight_(flight) {}
    Landing(const Landing&) = delete;
    Landing& operator=(const Landing&) = delete;
    ~Landing() {
        account_.flight_.reset();
        if (flight_.outcome)
            flight_.gate.open();
        else
            flight_.gate.abandon();
    }

private:
    RestAccount& account_;
    Flight& flight_;
};

RestAccount::RestAccount(RestAccountParts parts, std::shared_ptr<AccountSecret> secret)
    : parts_(std::move(parts)), secret_(std::move(secret)) {}

bool RestAccount::rotates() const {
    const RestAuthentication& described = parts_.description->authentication;
    return described.grant == RestAuthentication::Grant::refresh_token && described.rotates;
}

bool RestAccount::is_fresh() const {
    return token_ && (!token_->good_until || parts_.runtime.clock->monotonic() < *token_->good_until);
}

bool RestAccount::is_idle() const { return !flight_ && !is_fresh(); }

void RestAccount::take_note(std::shared_ptr<const RestDescription> description) {
    // What is being asked for ends as it was begun: whether a refresh token rotates must not change meanwhile.
    if (flight_ || parts_.description == description) return;
    parts_.description = std::move(description);
    token_.reset();
}

void RestAccount::refuse(std::string_view text) {
    if (token_ && token_->text == text) token_.reset();
}

Async<TokenResult> RestAccount::token(nanoseconds longest) {
    if (!flight_ && !secret_->has_unsaved() && is_fresh()) co_return token_;
    std::shared_ptr<Flight> flight = flight_;
    if (!flight) {
        flight = std::make_shared<Flight>(parts_.runtime);
        flight_ = flight;
        auto work = fly(shared_from_this(), flight);
        asio::co_spawn(parts_.runtime.executor, std::move(work), asio::detached);
    }
    const bool landed = co_await flight->gate.wait(longest);
    if (landed) co_return *flight->outcome;
    co_return Error(ErrorCode::unavailable,
                    fmt::format("no access token came within {} ms; it is still being asked for",
                                std::chrono::duration_cast<std::chrono::milliseconds>(longest).count()));
}

Async<void> RestAccount::fly(std::shared_ptr<RestAccount> self, std::shared_ptr<Flight> flight) {
    const Landing landing(*self, *flight);
    try {
        std::shared_ptr<Gate> end(flight, &flight->gate);
        co_await self->secret_->take_turn(std::move(end));
        auto outcome = co_await self->obtain();
        flight->outcome.emplace(std::move(outcome));
    } catch (const std::exception&) { // whose text may hold anything
        flight->outcome.emplace(Error(ErrorCode::internal, "asking for an access token failed by an exception; please "
                                                           "report this as a bug of the transport or the secrets' "
                                                           "place"));
    }
}

Async<TokenResult> RestAccount::obtain() {
    if (secret_->has_unsaved()) {
        auto saved = co_await secret_->save();
        if (!saved) co_return saved.error();
        if (is_fresh()) co_return token_;
    }
    token_.reset();
    if (parts_.description->authentication.grant == RestAuthentication::Grant::refresh_token)
        co_return co_await refresh();
    auto credentials = co_await secret_->read();
    if (!credentials) co_return credentials.error();
    auto answer = co_await ask(std::move(*credentials), std::string());
    if (!answer.granted) co_return answer.granted.error();
    keep(*answer.granted, asked_at_);
    co_return token_;
}

Async<TokenResult> RestAccount::refresh() {
    auto stored = co_await secret_->read();
    if (!stored) co_return stored.error();
    if (rotates()) {
        auto tried = co_await secret_->try_to_write(*stored);
        if (!tried) co_return tried.error();
    }
    std::string candidate = refresh_token_in(*stored);
    if (candidate.empty())
        co_return Error(ErrorCode::unauthenticated,
                        fmt::format("the secret {} has no refreshToken; connect the account and put its refresh token "
                                    "there",
                                    secret_->reference()));
    std::vector<std::string> tried;
    for (;;) {
        auto answer = co_await ask(*stored, candidate);
        if (!answer.invalid_grant) {
            auto taken = co_await take(std::move(answer), std::move(*stored), std::move(candidate));
            co_return taken;
        }
        tried.push_back(std::move(candidate));
        // Another process may have been first.
        auto anew = co_await secret_->read();
        auto next = anew ? secret_->next_candidate(*anew, tried) : std::nullopt;
        if (!next) co_return answer.granted.error();
        stored = std::move(anew);
        candidate = std::move(*next);
    }
}

Async<TokenResult> RestAccount::take(TokenAnswer answer, json::object stored, std::string used) {
    if (!answer.granted && answer.refresh_token.empty()) co_return answer.granted.error();
    if (answer.granted) keep(*answer.granted, asked_at_);
    if (rotates()) {
        std::string in_force = answer.refresh_token.empty() ? used : std::move(answer.refresh_token);
        auto kept = co_await secret_->keep(std::move(stored), std::move(in_force));
        if (!kept) co_return kept.error();
    }
    if (!answer.granted) co_return answer.granted.error();
    co_return token_;
}

void RestAccount::keep(const GrantedToken& granted, nanoseconds asked_at) {
    auto token = std::make_shared<AccessToken>();
    token->text = granted.text;
    if (granted.lifetime) {
        const nanoseconds lifetime = *granted.lifetime;
        token->good_until = asked_at + lifetime - std::min<nanoseconds>(lifetime / 10, std::chrono::seconds(60));
    }
    token_ = std::move(token);
}

Async<TokenAnswer> RestAccount::ask(json::object credentials, std::string refresh_token) {
    const json::object variables = variables_of(parts_.settings, std::move(credentials));
    auto call = token_call(*parts_.description, variables, refresh_token);
    if (!call) co_return TokenAnswer(call.error());
    const Secrets secrets = token_secrets(*parts_.description, variables, refresh_token);
    const std::string place = "POST " + call->url.substr(0, call->url.find('?'));
    asked_at_ = parts_.runtime.clock->monotonic();
    auto answer = co_await parts_.transport->send(std::move(*call));
    if (!answer) co_return TokenAnswer(token_error(answer.error()));
    co_return read_token_answer(place, *answer, secrets, parts_.runtime.clock->now());
}

} // namespace castiel_sync

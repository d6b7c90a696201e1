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

constexpr std::string_view refresh_member = "refreshToken";
constexpr int rounds = 5; // of a secret that others write at the same time

std::string refresh_token_in(const json::object& secret) {
    const json::value* member = secret.if_contains(refresh_member);
    return member != nullptr && member->is_string() ? std::string(member->get_string()) : std::string();
}

json::object variables_of(const json::object& settings, json::object credentials) {
    json::object variables;
    variables.emplace("settings", settings);
    variables.emplace("credentials", std::move(credentials));
    return variables;
}

Error not_kept(const std::string& reference, const Error& why) {
    return Error(ErrorCode::unavailable,
                 fmt::format("the system has replaced the refresh token, and the new one could not be written to {} "
                             "({}); it is kept in memory and written before anything is asked again: mend that before "
                             "this process ends, or the account has to be connected anew",
                             reference, why.message));
}

Error can_not_keep(const std::string& reference, std::string_view why) {
    return Error(ErrorCode::invalid_configuration,
                 fmt::format("the refresh token rotates, and a new one could not be written to {} ({}), so that "
                             "nothing was asked; keep the secret where it can be replaced, such as secret://file/NAME, "
                             "or say rotates: false if the system never replaces it",
                             reference.empty() ? "any place" : reference, why));
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

RestAccount::RestAccount(RestAccountParts parts) : parts_(std::move(parts)) {}

bool RestAccount::rotates() const {
    const RestAuthentication& described = parts_.description->authentication;
    return described.grant == RestAuthentication::Grant::refresh_token && described.rotates;
}

bool RestAccount::is_fresh() const {
    return token_ && (!token_->good_until || parts_.runtime.clock->monotonic() < *token_->good_until);
}

bool RestAccount::is_idle() const { return !flight_ && !unsaved_ && spare_.empty() && !is_fresh(); }

void RestAccount::take_note(RestAccountParts parts) {
    parts_.credentials = std::move(parts.credentials);
    // What is being asked for ends as it was begun: whether a refresh token rotates must not change meanwhile.
    if (flight_ || parts_.description == parts.description) return;
    parts_.description = std::move(parts.description);
    token_.reset();
}

void RestAccount::refuse(std::string_view text) {
    if (token_ && token_->text == text) token_.reset();
}

Async<TokenResult> RestAccount::token(nanoseconds longest) {
    if (!flight_ && !unsaved_ && is_fresh()) co_return token_;
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
        auto outcome = co_await self->obtain();
        flight->outcome.emplace(std::move(outcome));
    } catch (const std::exception&) { // whose text may hold anything
        flight->outcome.emplace(Error(ErrorCode::internal, "asking for an access token failed by an exception; please "
                                                           "report this as a bug of the transport or the secrets' "
                                                           "place"));
    }
}

Async<TokenResult> RestAccount::obtain() {
    if (unsaved_) {
        auto saved = co_await save();
        if (!saved) co_return saved.error();
        if (is_fresh()) co_return token_;
    }
    token_.reset();
    if (parts_.description->authentication.grant == RestAuthentication::Grant::refresh_token)
        co_return co_await refresh();
    auto credentials = co_await read_secret();
    if (!credentials) co_return credentials.error();
    auto answer = co_await ask(std::move(*credentials), std::string());
    if (!answer.granted) co_return answer.granted.error();
    keep(*answer.granted, asked_at_);
    co_return token_;
}

Async<TokenResult> RestAccount::refresh() {
    auto stored = co_await read_secret();
    if (!stored) co_return stored.error();
    if (rotates() && !has_written_) {
        auto tried = co_await try_to_write(*stored);
        if (!tried) co_return tried.error();
    }
    std::string candidate = refresh_token_in(*stored);
    if (candidate.empty())
        co_return Error(ErrorCode::unauthenticated,
                        fmt::format("the secret {} has no {}; connect the account and put its refresh token there",
                                    parts_.reference, refresh_member));
    std::vector<std::string> tried;
    for (;;) {
        auto answer = co_await ask(*stored, candidate);
        if (!answer.invalid_grant) {
            auto taken = co_await take(std::move(answer), std::move(*stored), std::move(candidate));
            co_return taken;
        }
        tried.push_back(std::move(candidate));
        // Another process may have been first.
        auto anew = co_await read_secret();
        auto next = anew ? next_candidate(*anew, tried) : std::nullopt;
        if (!next) co_return answer.granted.error();
        stored = std::move(anew);
        candidate = std::move(*next);
    }
}

std::optional<std::string> RestAccount::next_candidate(const json::object& stored,
                                                       const std::vector<std::string>& tried) const {
    if (tried.size() >= rounds) return std::nullopt;
    for (const std::string& each : {refresh_token_in(stored), spare_})
        if (!each.empty() && std::find(tried.begin(), tried.end(), each) == tried.end()) return each;
    return std::nullopt;
}

Async<TokenResult> RestAccount::take(TokenAnswer answer, json::object stored, std::string used) {
    if (!answer.granted && answer.refresh_token.empty()) co_return answer.granted.error();
    if (answer.granted) keep(*answer.granted, asked_at_);
    if (rotates()) {
        std::string in_force = answer.refresh_token.empty() ? used : std::move(answer.refresh_token);
        std::string replaced = refresh_token_in(stored);
        spare_.clear();
        if (in_force != replaced) {
            unsaved_.emplace();
            unsaved_->stored = std::move(stored);
            unsaved_->replaced = std::move(replaced);
            unsaved_->refresh_token = std::move(in_force);
            auto saved = co_await save();
            if (!saved) co_return saved.error();
        }
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

Async<Result<json::object>> RestAccount::read_secret() {
    if (!parts_.secrets || parts_.reference.empty()) co_return parts_.credentials;
    auto found = co_await parts_.secrets->find(parts_.tenant_id, parts_.reference);
    co_return found;
}

Async<Result<>> RestAccount::try_to_write(json::object& stored) {
    for (int round = 0; round < rounds; ++round) {
        auto written = co_await parts_.secrets->replace(parts_.tenant_id, parts_.reference, stored, stored);
        has_written_ = written.has_value();
        if (written) co_return written;
        const bool is_stale = written.error().code == ErrorCode::stale;
        if (!is_stale && is_retryable(written.error().code)) co_return written.error();
        if (!is_stale) co_return can_not_keep(parts_.reference, written.error().message);
        auto anew = co_await read_secret();
        if (!anew) co_return anew.error();
        stored = std::move(*anew);
    }
    co_return Error(ErrorCode::unavailable, fmt::format("others write the secret {} at this moment; nothing was asked",
                                                        parts_.reference));
}

Async<Result<>> RestAccount::save() {
    Error last;
    for (int round = 0; unsaved_ && round < rounds; ++round) {
        json::object secret = unsaved_->stored;
        secret[refresh_member] = unsaved_->refresh_token;
        auto written = co_await parts_.secrets->replace(parts_.tenant_id, parts_.reference, unsaved_->stored,
                                                        std::move(secret));
        if (written) {
            unsaved_.reset();
            co_return Result<>();
        }
        last = written.error();
        if (last.code != ErrorCode::stale) break;
        auto settled = co_await settle_stale();
        if (!settled) last = settled.error();
        if (!settled) break;
    }
    if (!unsaved_) co_return Result<>();
    co_return not_kept(parts_.reference, last);
}

// Somebody has written the secret since it was read.
Async<Result<>> RestAccount::settle_stale() {
    auto anew = co_await read_secret();
    if (!anew) co_return anew.error();
    const std::string theirs = refresh_token_in(*anew);
    if (theirs == unsaved_->replaced) { // some other member of it
        unsaved_->stored = std::move(*anew);
        co_return Result<>();
    }
    // A new refresh token is another process's, or a person's, and goes before ours; unless it turns out to be void.
    if (theirs != unsaved_->refresh_token) spare_ = std::move(unsaved_->refresh_token);
    unsaved_.reset();
    co_return Result<>();
}

} // namespace castiel_sync

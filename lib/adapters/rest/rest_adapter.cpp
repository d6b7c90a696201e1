#include <adapters/rest/rest_adapter.hpp>

#include <adapters/rest/tokens.hpp>
#include <adapters/rest/values.hpp>
#include <castiel_sync/http/wrappers.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace castiel_sync {
namespace {

// Nothing was written, so that nothing is in doubt.
Error read_error(Error error) {
    if (error.code == ErrorCode::unknown_outcome) error.code = ErrorCode::unavailable;
    return error;
}

} // namespace

RestAdapter::RestAdapter(std::shared_ptr<const RestDescription> description, std::string entity, RestExchange exchange)
    : description_(std::move(description)), entity_(std::move(entity)), exchange_(std::move(exchange)) {}

AdapterDescription RestAdapter::describe() const { return castiel_sync::describe(*description_); }

AdapterCapabilities RestAdapter::capabilities() const {
    const RestEntity* entity = description_->find(entity_);
    return entity == nullptr ? description_->entities.front().capabilities() : entity->capabilities();
}

Result<const RestEntity*> RestAdapter::entity_of(const std::string& name) const {
    const RestEntity* entity = description_->find(name);
    if (entity != nullptr) return entity;
    return Error(ErrorCode::invalid_configuration,
                 fmt::format("the description {} has no entity \"{}\"; it has {}", description_->name, name,
                             fmt::join(entity_names(*description_), ", ")));
}

void RestAdapter::start_clock() {
    // The engine's lease is 60 s by default, and half of it is what a call may take (adapter.hpp).
    constexpr std::chrono::seconds longest_call{25};
    until_ = exchange_.runtime().clock->monotonic() + longest_call;
}

std::chrono::milliseconds RestAdapter::time_left() const {
    return std::chrono::floor<std::chrono::milliseconds>(until_ - exchange_.runtime().clock->monotonic());
}

Async<Result<RestReply>> RestAdapter::send(RestAction action, HttpCall call) {
    const auto left = time_left();
    if (left <= std::chrono::milliseconds(0))
        co_return Error(ErrorCode::unavailable,
                        fmt::format("{} {}: not sent, because the requests before it took too long", call.method,
                                    call.url.substr(0, call.url.find('?'))));
    co_return co_await exchange_.send(action, std::move(call), left);
}

Async<Result<RestReply>> RestAdapter::ask(RestAction action, HttpCall call) {
    auto reply = co_await send(action, std::move(call));
    if (!reply) co_return read_error(reply.error());
    if (reply->means != RestMeaning::success || reply->body_fault) co_return reply->error();
    co_return reply;
}

Async<Result<>> RestAdapter::check() {
    if (!entity_.empty())
        if (auto known = entity_of(entity_); !known) co_return known.error();
    const RestEntity& first = description_->entities.front();
    start_clock();
    const json::object variables = exchange_.variables(first.name);
    if (description_->check) {
        auto call = exchange_.call_of(*description_->check, variables);
        if (!call) co_return call.error();
        auto reply = co_await send(RestAction::check, std::move(*call));
        if (!reply) co_return read_error(reply.error());
        if (reply->means != RestMeaning::success) co_return reply->error();
        co_return Result<>();
    }
    auto there = co_await require_collection(first, first.name);
    co_return there;
}

namespace {

Result<std::shared_ptr<RestAuthenticator>> make_authenticator(std::shared_ptr<const RestDescription> description,
                                                              const RestParts& parts, const AdapterContext& context,
                                                              std::shared_ptr<Secrets> secrets) {
    const RestAuthentication& described = description->authentication;
    if (described.kind != RestAuthentication::Kind::oauth2)
        return make_static_authenticator(described, context.credentials);
    RestAccountParts account;
    account.runtime = context.runtime;
    account.settings = with_defaults(*description, context.settings);
    account.description = std::move(description);
    account.transport = parts.transport; // its budget is that of the system's records
    account.secrets = parts.secrets;
    account.tenant_id = context.tenant_id;
    account.reference = context.credential_reference;
    account.credentials = context.credentials;
    return make_oauth2_authenticator(*parts.tokens, std::move(account), context.integration_id, std::move(secrets));
}

} // namespace

AdapterFactory rest_factory(std::shared_ptr<const RestDescription> description, RestParts parts) {
    if (!parts.tokens) parts.tokens = make_rest_tokens();
    return [description = std::move(description),
            parts = std::move(parts)](const AdapterContext& context) -> Result<std::unique_ptr<Adapter>> {
        auto secrets = std::make_shared<Secrets>(context.credentials);
        auto authenticator = make_authenticator(description, parts, context, secrets);
        if (!authenticator) return authenticator.error();
        // A read that fails now and then must not fail a page; what is throttled for longer is the engine's to wait
        // for.
        RetryOptions retries;
        retries.base = std::chrono::milliseconds(200);
        retries.cap = std::chrono::seconds(5);
        auto transport = make_retrying_transport(make_budgeted_transport(parts.transport, context.budget),
                                                 context.runtime, retries);
        RestExchange exchange(description, context, std::move(transport), std::move(*authenticator),
                              std::move(secrets));
        return std::unique_ptr<Adapter>(
            std::make_unique<RestAdapter>(description, context.entity, std::move(exchange)));
    };
}

} // namespace castiel_sync

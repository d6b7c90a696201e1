// One request of a description and what its answer means.
#pragma once

#include <adapters/rest/authentication.hpp>
#include <adapters/rest/description.hpp>
#include <castiel_sync/adapter.hpp>
#include <castiel_sync/http/secrets.hpp>
#include <castiel_sync/http/transport.hpp>

#include <memory>
#include <optional>
#include <string>

namespace castiel_sync {

struct RestReply {
    RestMeaning means = RestMeaning::stop;
    unsigned status = 0;
    HttpHeaders headers;
    json::value body;              // null where there is none, or none that can be read
    std::optional<Error> body_fault; // corrupted: why it can't be read
    std::string summary;           // "GET https://crm.example/contacts answered 422: the name is missing"
    std::optional<std::chrono::milliseconds> retry_after;

    RestReply() = default;

    // What a caller that needed success makes of it. `write`: whose outcome may be unknown.
    [[nodiscard]] Error error() const;
};

class RestExchange {
public:
    RestExchange(std::shared_ptr<const RestDescription> description, const AdapterContext& context,
                 std::shared_ptr<HttpTransport> transport, std::shared_ptr<RestAuthenticator> authenticator,
                 std::shared_ptr<const Secrets> secrets);

    // Variables of every request: the settings.
    [[nodiscard]] json::object variables(std::string_view entity) const;

    // Fills the request in. A next URL stands for path and query.
    [[nodiscard]] Result<HttpCall> call_of(const RestRequest& request, const json::object& variables) const;
    // Of a link in an answer to `call`: absolute, or relative to it. Only within the base URL's origin, since the
    // credentials go with it.
    [[nodiscard]] Result<HttpCall> follow(HttpCall call, std::string_view link) const;

    // A link in an answer may repeat the key that the request was made with; it is added anew when it is followed.
    [[nodiscard]] std::string without_credentials(std::string_view url) const;
    // What the system says of itself, to stand in a message: ": the name is missing", or nothing.
    [[nodiscard]] std::string message_in(const json::value& body) const;

    // Sends it, with credentials; once more where these were renewed after a refusal. An Error is the transport's, or
    // tells why there are no credentials. `timeout`: of all that, at most the description's.
    Async<Result<RestReply>> send(RestAction action, HttpCall call, std::chrono::milliseconds timeout);

    [[nodiscard]] const RestDescription& description() const { return *description_; }
    [[nodiscard]] const Runtime& runtime() const { return runtime_; }

private:
    // `sent`: what the system was told of who asks.
    Async<Result<HttpAnswer>> send_once(HttpCall call, HttpCall& sent);
    [[nodiscard]] RestReply read(RestAction action, const HttpCall& call, HttpAnswer answer);
    void note_rate_limit(const HttpHeaders& headers);

    std::shared_ptr<const RestDescription> description_;
    Runtime runtime_;
    json::object settings_;
    std::shared_ptr<HttpTransport> transport_;
    std::shared_ptr<RestAuthenticator> authenticator_;
    std::shared_ptr<const Secrets> secrets_;
    std::optional<std::chrono::nanoseconds> closed_until_; // monotonic: the account's quota is used up
};

} // namespace castiel_sync

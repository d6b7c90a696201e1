// Puts credentials into requests, and keeps them out of everything else.
#pragma once

#include <adapters/rest/description.hpp>
#include <castiel_sync/async.hpp>
#include <castiel_sync/http/transport.hpp>

#include <memory>

namespace castiel_sync {

class RestAuthenticator {
public:
    virtual ~RestAuthenticator() = default;
    RestAuthenticator(const RestAuthenticator&) = delete;
    RestAuthenticator& operator=(const RestAuthenticator&) = delete;

    // Adds what proves who asks, and takes the time that this needs off the call's timeout. unauthenticated: there are
    // no credentials, or no token could be had.
    virtual Async<Result<>> authorize(HttpCall& call) = 0;

    // The system refused what authorize added to this call (its body may be gone). True: another try gets something
    // newer.
    [[nodiscard]] virtual bool renew(const HttpCall& refused) = 0;

protected:
    RestAuthenticator() = default;
};

// A text of the description with the variables' values. unauthenticated: one has none, or the whole could not stand in
// a header.
[[nodiscard]] Result<std::string> fill_credential(const RequestText& text, const json::object& variables);

// For messages about credentials that were refused: tells when the system's clock (its Date header) and this one are
// more than a minute apart, which is why many a good token or signature is refused. Begins with "; ", or is empty.
[[nodiscard]] std::string clock_hint(const HttpHeaders& headers, Timestamp now);

// For every kind but OAuth2. unauthenticated: a variable names a credential that is not there.
[[nodiscard]] Result<std::shared_ptr<RestAuthenticator>> make_static_authenticator(const RestAuthentication& described,
                                                                                  const json::object& credentials);

} // namespace castiel_sync

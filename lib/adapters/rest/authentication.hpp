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

    // Adds what proves who asks. unauthenticated: there are no credentials, or no token could be had.
    virtual Async<Result<>> authorize(HttpCall& call) = 0;

    // The system refused what authorize added to this call. True: another try gets something newer.
    [[nodiscard]] virtual bool renew(const HttpCall& refused) = 0;

protected:
    RestAuthenticator() = default;
};

// For every kind but OAuth2. unauthenticated: a variable names a credential that is not there.
[[nodiscard]] Result<std::shared_ptr<RestAuthenticator>> make_static_authenticator(const RestAuthentication& described,
                                                                                  const json::object& credentials);

} // namespace castiel_sync

// What is sent for a call, decided before anything is.
#pragma once

#include <castiel_sync/http/client.hpp>

#include <string>

namespace castiel_sync {

// invalid_request where a part of the call could be read as something else on the way.
[[nodiscard]] Result<> check_call(const HttpCall& call);

// The request up to its body. `absolute`: as a proxy wants it.
[[nodiscard]] std::string make_request_head(const HttpCall& call, const HttpUrl& url, const std::string& user_agent,
                                            bool absolute);

// How messages name a call: method, scheme, host and path.
[[nodiscard]] std::string describe_call(const HttpCall& call, const HttpUrl& url);

} // namespace castiel_sync

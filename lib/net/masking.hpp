// What a recording hides although nobody said that it is a secret: what the names of headers, parameters and members
// give away. The tokens that a service hands out are known at the latest when they are sent.
#pragma once

#include <castiel_sync/http/message.hpp>
#include <castiel_sync/http/secrets.hpp>
#include <castiel_sync/json.hpp>

#include <string>
#include <string_view>

namespace castiel_sync {

[[nodiscard]] bool is_secret_header(std::string_view name);

// The values that a call sends under the names of secrets, so that they are found wherever they come again. With a
// scheme before it (Bearer, Basic), what follows that is one, too.
void add_sent_secrets(Secrets& secrets, const HttpHeaders& headers);

// The value of a header: the mark when its name says so, else scrubbed. Location is masked as a URL.
[[nodiscard]] std::string mask_header(std::string_view name, std::string_view value, const Secrets& secrets);

[[nodiscard]] std::string mask_url(std::string_view url, const Secrets& secrets);
// name=value&name=value
[[nodiscard]] std::string mask_form(std::string_view form, const Secrets& secrets);
[[nodiscard]] json::value mask_json(const json::value& value, const Secrets& secrets);

} // namespace castiel_sync

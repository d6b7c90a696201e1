// SecretProvider: where credentials are kept. An integration holds a reference, never a secret.
//
// References. secret://PLACE/NAME. A name is letters, digits, '.', '_' and '-', and does not begin with '.'. The places
//             of this library:
//                 secret://environment/NAME   the environment variable of exactly that name; read-only
//                 secret://file/NAME          the file NAME of one folder
//             Anything else is a plain name, and stands for the environment variable in capitals with '_' for
//             everything else than letters and digits: crm-api.key is CRM_API_KEY.
// Secrets.    JSON objects. Where a place holds plain text, that is {"value": text}.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {

struct SecretReference {
    std::string place;
    std::string name; // of an environment variable or a file

    SecretReference() = default;
};

// invalid_configuration: begins as secret:// and is no reference, or is empty. Any place will do.
[[nodiscard]] Result<SecretReference> parse_secret_reference(std::string_view reference);

// Threading.    On one executor; calls overlap freely.
// Ownership.    Shared; a call under way must not outlive the provider.
// Errors.       invalid_configuration: the reference leads nowhere. unauthenticated: there is no such secret, or what
//               is there is none; a person has to put it there. forbidden, out_of_space, unavailable: the place can't
//               be used. Messages name the reference and never hold anything of a secret.
// Cancellation. operation_aborted. A replacement that had begun may have been made.
class SecretProvider {
public:
    virtual ~SecretProvider() = default;
    SecretProvider(const SecretProvider&) = delete;
    SecretProvider& operator=(const SecretProvider&) = delete;

    // As it is now: nothing is kept from an earlier call.
    virtual Async<Result<json::object>> find(std::string tenant_id, std::string reference) = 0;

    // Puts `secret` in the place of `expected`, by value; {} expects that there is none. Durable when it completes, and
    // whoever reads meanwhile gets one or the other. Replacing a secret by itself is how to find out beforehand
    // whether that can be done.
    // Errors: stale: something else than `expected` is there; nothing was written. unsupported: the place is read-only.
    //         With every other error either may be there.
    virtual Async<Result<>> replace(std::string tenant_id, std::string reference, json::object expected,
                                    json::object secret) = 0;

    // Whether replace is worth trying: false for a place that is read-only by its nature, and for what is no reference.
    [[nodiscard]] virtual bool can_replace(std::string_view reference) const = 0;

protected:
    SecretProvider() = default;
};

// Of plain names and secret://environment. `lookup` answers a variable's value, and nullopt for one that is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& variable)>;
[[nodiscard]] std::shared_ptr<SecretProvider> make_environment_secrets(EnvironmentLookup lookup);

// Of secret://file: one file per secret, a JSON object or text whose last line break does not count. Files are read
// and written on `blocking`, which must run dry before the executor of whoever waits is destroyed; calls may overlap
// there.
//
// A replacement is a new file, renamed: with the mode of the one before, or readable by this user alone. Writers take
// turns, over all processes that use this. A link is read, but never replaced, since its target would go stale.
// An empty folder's name: there is none, and every call says so.
[[nodiscard]] std::shared_ptr<SecretProvider> make_file_secrets(std::string folder,
                                                                boost::asio::any_io_executor blocking);

// Each reference goes to the provider of its place, plain names to that of "environment".
[[nodiscard]] std::shared_ptr<SecretProvider>
make_secrets_by_place(std::map<std::string, std::shared_ptr<SecretProvider>, std::less<>> places);

} // namespace castiel_sync

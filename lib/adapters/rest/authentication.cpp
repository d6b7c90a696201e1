#include <adapters/rest/authentication.hpp>

#include <core/http_date.hpp>
#include <core/base64.hpp>

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace castiel_sync {
namespace {

class StaticAuthenticator final : public RestAuthenticator {
public:
    StaticAuthenticator(RestAuthentication::Kind kind, std::string name, std::string value)
        : kind_(kind), name_(std::move(name)), value_(std::move(value)) {}

    Async<Result<>> authorize(HttpCall& call) override {
        if (kind_ == RestAuthentication::Kind::query)
            call.url.append(call.url.find('?') == std::string::npos ? "?" : "&")
                .append(percent_encoded(name_))
                .append("=")
                .append(percent_encoded(value_));
        else if (kind_ != RestAuthentication::Kind::none)
            call.headers.set(name_, value_);
        co_return Result<>();
    }

    bool renew(const HttpCall&) override { return false; }

private:
    RestAuthentication::Kind kind_;
    std::string name_;
    std::string value_;
};

} // namespace

Result<std::string> fill_credential(const RequestText& text, const json::object& variables) {
    auto filled = text.fill(variables, UrlPart::none);
    if (!filled || !*filled)
        return Error(ErrorCode::unauthenticated,
                     fmt::format("the credentials do not hold what \"{}\" names; mend the secret that the "
                                 "integration's credentialSecretName leads to",
                                 text.written()));
    // A line break in a key that was copied from a file would be a header of its own.
    if (filled->value().find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
        return Error(ErrorCode::unauthenticated,
                     fmt::format("the credential \"{}\" holds a line break; mend the secret", text.written()));
    return std::move(**filled);
}

std::string clock_hint(const HttpHeaders& headers, Timestamp now) {
    constexpr std::chrono::seconds worth_telling{60};
    const std::string* date = headers.find("Date");
    const auto theirs = date == nullptr ? std::nullopt : parse_http_date(*date, now);
    if (!theirs) return {};
    const auto ahead = std::chrono::duration_cast<std::chrono::seconds>(*theirs - now);
    if (ahead <= worth_telling && ahead >= -worth_telling) return {};
    return fmt::format("; the system's clock is {} s {} this one's, which may be why: set this machine's clock "
                       "(timedatectl)",
                       ahead.count() > 0 ? ahead.count() : -ahead.count(),
                       ahead.count() > 0 ? "ahead of" : "behind");
}

Result<std::shared_ptr<RestAuthenticator>> make_static_authenticator(const RestAuthentication& described,
                                                                     const json::object& credentials) {
    using Kind = RestAuthentication::Kind;
    json::object variables;
    variables.emplace("credentials", credentials);
    std::string name = described.name;
    std::string value;
    if (described.kind == Kind::basic) {
        auto user = fill_credential(described.user_name, variables);
        if (!user) return user.error();
        auto password = fill_credential(described.password, variables);
        if (!password) return password.error();
        name = "Authorization";
        value = "Basic " + to_base64(*user + ":" + *password);
    } else if (described.kind != Kind::none) {
        auto filled = fill_credential(described.value, variables);
        if (!filled) return filled.error();
        value = std::move(*filled);
        if (described.kind == Kind::bearer) {
            name = "Authorization";
            value.insert(0, "Bearer ");
        }
    }
    return std::shared_ptr<RestAuthenticator>(
        std::make_shared<StaticAuthenticator>(described.kind, std::move(name), std::move(value)));
}

} // namespace castiel_sync

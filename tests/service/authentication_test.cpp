#include "tokens.hpp"

#include "http/authentication.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::service;
using namespace castiel_sync::tokens;

namespace {

using Headers = std::vector<std::string>;

Authentication with_secrets(std::vector<std::string> secrets, std::size_t cached_tokens = 2'048) {
    auto authentication = Authentication::make({std::move(secrets), cached_tokens});
    REQUIRE(authentication.has_value());
    return std::move(*authentication);
}

Result<Identity> ask(Authentication& authentication, const Headers& authorization, const Headers& tenants,
                     Timestamp when = now) {
    const std::vector<std::string_view> first(authorization.begin(), authorization.end());
    const std::vector<std::string_view> second(tenants.begin(), tenants.end());
    return authentication.authenticate(first, second, when);
}

std::string bearer(const std::string& token) { return "Bearer " + token; }

std::string claims_of(const std::string& actor, std::int64_t end = 1'795'417'200) {
    return R"({"sub":")" + actor + R"(","tenantId":")" + tenant + R"(","exp":)" + std::to_string(end) + "}";
}

const std::string other_tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0002";

} // namespace

TEST_CASE("a bearer token and its tenant are who asks") {
    auto authentication = with_secrets({secret});
    CHECK(authentication.needs_token());
    const std::string token = make_token(plain_claims);
    for (const std::string scheme : {"Bearer ", "bearer ", "BEARER ", "Bearer    "}) {
        const auto answer = ask(authentication, {scheme + token}, {tenant});
        REQUIRE(answer.has_value());
        CHECK(*answer == Identity{tenant, "anna", in_an_hour});
    }
    CHECK(ask(authentication, {bearer(token)}, {"7B1F0F0E-6F0A-4C58-8A37-0B6F8B1C0001"})->tenant_id == tenant);
}

TEST_CASE("a missing or wrong Authorization is unauthenticated, whatever the tenant") {
    auto authentication = with_secrets({secret});
    const std::string token = make_token(plain_claims);
    const std::vector<Headers> wrong{{},
                                     {""},
                                     {"Bearer"},
                                     {"Bearer "},
                                     {token},
                                     {"Basic " + token},
                                     {"Bearer\t" + token},
                                     {"Bearer" + token},
                                     {" Bearer " + token},
                                     {"Bearer " + token + " "},
                                     {"Bearer " + token + ", Bearer " + token},
                                     {"Bearer " + token, "Bearer " + token},
                                     {"", "Bearer " + token},
                                     {bearer(make_token(plain_claims, plain_header, other_secret))}};
    for (const Headers& authorization : wrong)
        for (const Headers& tenants : {Headers{tenant}, Headers{other_tenant}, Headers{"no"}, Headers{}}) {
            const auto answer = ask(authentication, authorization, tenants);
            REQUIRE(answer.has_error());
            CHECK(answer.error().code == ErrorCode::unauthenticated);
        }
}

TEST_CASE("X-Tenant-ID is required, and forbidden unless it is the token's") {
    auto authentication = with_secrets({secret});
    const std::string token = bearer(make_token(plain_claims));
    CHECK(ask(authentication, {token}, {}).error().code == ErrorCode::unauthenticated);
    for (const Headers& tenants :
         {Headers{other_tenant}, Headers{""}, Headers{"tenant"}, Headers{tenant + " "}, Headers{tenant, tenant},
          Headers{tenant, other_tenant}, Headers{tenant + "," + tenant}, Headers{"{" + tenant + "}"}})
        CHECK(ask(authentication, {token}, tenants).error().code == ErrorCode::forbidden);
    CHECK(ask(authentication, {token}, {tenant}).has_value());
}

TEST_CASE("without secrets the tenant is the header's, and a token means nothing") {
    auto authentication = with_secrets({});
    CHECK(!authentication.needs_token());
    for (const Headers& authorization : {Headers{}, Headers{"nonsense"}, Headers{"a", "b"},
                                         Headers{bearer(make_token(plain_claims, plain_header, ""))}}) {
        const auto answer = ask(authentication, authorization, {"7B1F0F0E-6F0A-4C58-8A37-0B6F8B1C0002"});
        REQUIRE(answer.has_value());
        CHECK(answer->tenant_id == other_tenant);
        CHECK(answer->actor == "anonymous");
    }
    CHECK(ask(authentication, {}, {}).error().code == ErrorCode::unauthenticated);
    CHECK(ask(authentication, {}, {"tenant"}).error().code == ErrorCode::forbidden);
    CHECK(ask(authentication, {}, {tenant, tenant}).error().code == ErrorCode::forbidden);
}

TEST_CASE("weak secrets are refused, not left out") {
    CHECK(Authentication::make({{secret, "short"}, 16}).error().code == ErrorCode::invalid_configuration);
    CHECK(Authentication::make({{""}, 16}).error().code == ErrorCode::invalid_configuration);
}

TEST_CASE("a token is verified once, until it ends") {
    auto authentication = with_secrets({secret});
    const std::string token = bearer(make_token(plain_claims));
    for (int i = 0; i < 10; ++i)
        CHECK(ask(authentication, {token}, {tenant}).has_value());
    CHECK(authentication.verifications() == 1);
    // What is remembered is the token, not the request: the tenant is compared each time.
    CHECK(ask(authentication, {token}, {other_tenant}).error().code == ErrorCode::forbidden);
    CHECK(ask(authentication, {token}, {tenant}, in_an_hour - std::chrono::milliseconds(1)).has_value());
    CHECK(authentication.verifications() == 1);
    CHECK(ask(authentication, {token}, {tenant}, in_an_hour).error().code == ErrorCode::unauthenticated);
    CHECK(authentication.verifications() == 2);
    CHECK(authentication.cached_tokens() == 0);
}

TEST_CASE("new secrets hold from the next request on, and nothing of the old ones is remembered") {
    auto authentication = with_secrets({secret});
    const std::string old_token = bearer(make_token(plain_claims));
    const std::string new_token = bearer(make_token(plain_claims, plain_header, other_secret));
    CHECK(ask(authentication, {old_token}, {tenant}).has_value());
    CHECK(ask(authentication, {new_token}, {tenant}).has_error());
    CHECK(authentication.set_secrets({"short"}).error().code == ErrorCode::invalid_configuration);
    CHECK(ask(authentication, {old_token}, {tenant}).has_value());

    REQUIRE(authentication.set_secrets({other_secret, secret}).has_value());
    CHECK(ask(authentication, {old_token}, {tenant}).has_value());
    CHECK(ask(authentication, {new_token}, {tenant}).has_value());
    REQUIRE(authentication.set_secrets({other_secret}).has_value());
    CHECK(authentication.cached_tokens() == 0);
    CHECK(ask(authentication, {old_token}, {tenant}).error().code == ErrorCode::unauthenticated);
    CHECK(ask(authentication, {new_token}, {tenant}).has_value());
    CHECK(authentication.verifications() == 6); // a count, which only grows

    REQUIRE(authentication.set_secrets({}).has_value());
    CHECK(!authentication.needs_token());
}

TEST_CASE("a clock that was put back makes a token be verified again") {
    auto authentication = with_secrets({secret});
    const std::string token =
        bearer(make_token(R"({"tenantId":")" + tenant + R"(","nbf":1795413600,"exp":1795417200})"));
    CHECK(ask(authentication, {token}, {tenant}).has_value());
    CHECK(ask(authentication, {token}, {tenant}, now - std::chrono::minutes(2)).has_error());
    CHECK(ask(authentication, {token}, {tenant}, now - std::chrono::minutes(1)).has_value());
    CHECK(authentication.verifications() == 3);
}

TEST_CASE("a remembered token lends nothing to a forged one") {
    auto authentication = with_secrets({secret, other_secret});
    const std::string token = make_token(plain_claims);
    CHECK(ask(authentication, {bearer(token)}, {tenant}).has_value());
    for (std::size_t place = 0; place < token.size(); ++place) {
        std::string forged = token;
        forged[place] = forged[place] == 'A' ? 'B' : 'A';
        CHECK(ask(authentication, {bearer(forged)}, {tenant}).has_error());
        CHECK(ask(authentication, {bearer(token.substr(0, place))}, {tenant}).has_error());
    }
    CHECK(ask(authentication, {bearer(token + "A")}, {tenant}).has_error());
    CHECK(ask(authentication, {bearer(make_token(plain_claims, plain_header, other_secret))}, {tenant}).has_value());
    CHECK(ask(authentication, {bearer(token)}, {tenant}).has_value());
}

TEST_CASE("refused tokens are not remembered") {
    auto authentication = with_secrets({secret});
    for (int i = 0; i < 3; ++i)
        CHECK(
            ask(authentication, {bearer(make_token(plain_claims, plain_header, other_secret))}, {tenant}).has_error());
    CHECK(authentication.cached_tokens() == 0);
    CHECK(authentication.verifications() == 3);
}

TEST_CASE("new secrets make all be verified again") {
    auto authentication = with_secrets({secret});
    const std::string token = bearer(make_token(plain_claims));
    CHECK(ask(authentication, {token}, {tenant}).has_value());
    authentication = with_secrets({other_secret});
    CHECK(ask(authentication, {token}, {tenant}).has_error());
    CHECK(authentication.cached_tokens() == 0);
}

TEST_CASE("only so many tokens are remembered, and a busy one stays") {
    auto authentication = with_secrets({secret}, 16);
    const std::string busy = bearer(make_token(claims_of("busy")));
    CHECK(ask(authentication, {busy}, {tenant}).has_value());
    for (int i = 0; i < 200; ++i) {
        CHECK(ask(authentication, {bearer(make_token(claims_of("user-" + std::to_string(i))))}, {tenant})->actor ==
              "user-" + std::to_string(i));
        CHECK(authentication.cached_tokens() <= 16);
        CHECK(ask(authentication, {busy}, {tenant})->actor == "busy");
    }
    CHECK(authentication.verifications() == 201);
    CHECK(ask(authentication, {bearer(make_token(claims_of("user-0")))}, {tenant}).has_value());
    CHECK(authentication.verifications() == 202);
}

TEST_CASE("long tokens are not remembered, nor is any where none may be") {
    auto authentication = with_secrets({secret});
    const std::string token = bearer(
        make_token(R"({"tenantId":")" + tenant + R"(","exp":1795417200,"x":")" + std::string(3'000, 'x') + "\"}"));
    CHECK(ask(authentication, {token}, {tenant}).has_value());
    CHECK(ask(authentication, {token}, {tenant}).has_value());
    CHECK(authentication.verifications() == 2);
    CHECK(authentication.cached_tokens() == 0);
    auto forgetful = with_secrets({secret}, 0);
    CHECK(ask(forgetful, {bearer(make_token(plain_claims))}, {tenant}).has_value());
    CHECK(forgetful.cached_tokens() == 0);
}

// What it costs to know who asks: a token verified anew, and one that was verified lately.
//
//     bench_tokens [ROUNDS]
#include "common.hpp"

#include "../tests/service/tokens.hpp"

#include <http/authentication.hpp>

#include <array>
#include <vector>

using namespace castiel_sync;
using namespace castiel_sync::service;

namespace {

// Microseconds of CPU for each request of `rounds` with these tokens in turn.
double cost(Authentication authentication, const std::vector<std::string>& tokens, std::size_t rounds) {
    const std::array<std::string_view, 1> tenant{tokens::tenant};
    const double start = bench::cpu_seconds();
    for (std::size_t round = 0; round < rounds; ++round) {
        const std::array<std::string_view, 1> authorization{tokens[round % tokens.size()]};
        if (!authentication.authenticate(authorization, tenant, tokens::now)) bench::fail("a good token was refused");
    }
    return (bench::cpu_seconds() - start) / static_cast<double>(rounds) * 1e6;
}

Authentication authentication(std::vector<std::string> secrets, std::size_t cached_tokens) {
    auto made = Authentication::make({std::move(secrets), cached_tokens});
    if (!made) bench::fail(made.error().message);
    return std::move(*made);
}

} // namespace

int main(int argc, char** argv) {
    const std::size_t rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000;
    if (rounds == 0) bench::fail("usage: bench_tokens [ROUNDS], a number greater than 0");
    // The claims of the platform's tokens for users.
    const std::string user = R"({"userId":"0b8f2a30-8c1e-4c7e-9d0c-2a3b4c5d6e7f","tenantId":")" + tokens::tenant +
                             R"(","roleId":"0f0a4c58-8a37-4b6f-8b1c-000100020003","isSuperAdmin":false,)"
                             R"("sessionId":"1c7e9d0c-2a3b-4c5d-8e7f-0b8f2a308c1e","secretId":"k1",)"
                             R"("iat":1795413600,"exp":1795442400})";
    const std::vector<std::string> one{"Bearer " + tokens::make_token(user)};
    fmt::print("{} requests, a token of {} bytes, CPU µs each\n", rounds, one.front().size());
    fmt::print("verified                 {:5.2f}\n", cost(authentication({tokens::secret}, 0), one, rounds));
    fmt::print("verified, two secrets    {:5.2f}\n",
               cost(authentication({tokens::other_secret, tokens::secret}, 0), one, rounds));
    fmt::print("verified before          {:5.2f}\n", cost(authentication({tokens::secret}, 2'048), one, rounds));
}

// Tokens of strangers: whatever the bytes, nobody gets in who was not let in, and what is signed is read in one way.
#include "fuzzing.hpp"

#include "../service/tokens.hpp"

#include <http/authentication.hpp>
#include <uuid.hpp>

#include <set>

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;
using namespace castiel_sync::service;

namespace {

// Messages are fixed texts: there can't be more than are written down in the code.
constexpr std::size_t most_messages = 40;

void require_fixed(const Error& error) {
    require_readable(error);
    require(error.code == ErrorCode::unauthenticated || error.code == ErrorCode::forbidden, "the caller is at fault",
            error.message);
    static std::set<std::string> seen;
    seen.insert(error.message);
    require(seen.size() <= most_messages, "a message holds nothing of a token", error.message);
}

Authentication make(std::size_t cached_tokens) {
    auto made = Authentication::make({{tokens::other_secret, tokens::secret}, cached_tokens});
    require(made.has_value(), "good secrets are taken");
    return std::move(*made);
}

Result<Identity> ask(Authentication& authentication, std::string_view token, std::string_view tenant, Timestamp now) {
    const std::string value = "Bearer " + std::string(token);
    const std::string_view authorization[] = {value};
    const std::string_view tenants[] = {tenant};
    return authentication.authenticate(authorization, tenants, now);
}

void require_refused(const Result<Identity>& answer, std::string_view promise, std::string_view token) {
    require(answer.has_error(), promise, token);
    require_fixed(answer.error());
}

// No digit is left over, and the bits that no byte takes are zero.
bool has_one_spelling(std::string_view part) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    constexpr std::size_t steps[] = {1, 0, 16, 4};
    const std::size_t step = steps[part.size() % 4];
    return step != 0 && part.find_first_not_of(alphabet) == std::string_view::npos &&
           alphabet.find(part.back()) % step == 0;
}

// What is signed, whatever it says, and asked for twice.
void check_signed(const std::string& header, const std::string& claims, bool raw, Timestamp now) {
    const std::string text = raw ? header + "." + claims : tokens::base64url(header) + "." + tokens::base64url(claims);
    const std::string token = tokens::sign(text);
    auto verifier = TokenVerifier::make({tokens::secret});
    require(verifier.has_value(), "a good secret is taken");
    const auto verified = verifier->verify(token, now);
    Authentication authentication = make(16);
    if (!verified) {
        require_fixed(verified.error());
        require(verified.error().code == ErrorCode::unauthenticated, "a token that is refused is no token");
        require_refused(ask(authentication, token, tokens::tenant, now), "both ways refuse", token);
        return;
    }
    require(verified->tenant_id == parse_uuid(verified->tenant_id), "a tenant is a UUID in lower case");
    require(verified->expires_at > now, "a token that has ended is refused");
    require(!verified->actor.empty() && verified->actor.size() <= max_actor_bytes && is_utf8(verified->actor),
            "an actor is a text of some bytes");
    if (raw) {
        require(has_one_spelling(header) && has_one_spelling(claims), "a token has one spelling", token);
    } else {
        const auto said = parse_json_object(claims);
        require(said.has_value() && said->contains("exp") && said->contains("tenantId"), "claims are strict JSON",
                claims);
        const auto head = parse_json_object(header);
        require(head.has_value() && head->at("alg") == "HS256" && !head->contains("crit"), "a header says HS256",
                header);
    }
    for (int time = 0; time < 2; ++time) {
        const auto answer = ask(authentication, token, verified->tenant_id, now);
        require(answer.has_value() && *answer == *verified, "what is remembered is what was verified");
    }
    require(authentication.verifications() == (token.size() <= 2'048 ? 1 : 2), "a token is verified once");
    require_refused(ask(authentication, token, verified->tenant_id, verified->expires_at), "an end is an end", token);
}

// A good token, which the cache knows, with something changed.
void check_changed(FuzzedDataProvider& input) {
    static const std::string token = tokens::make_token(tokens::plain_claims);
    static Authentication authentication = make(16);
    require(ask(authentication, token, tokens::tenant, tokens::now).has_value(), "a good token is accepted");
    std::string changed = token;
    while (input.remaining_bytes() > 0) {
        const auto place = input.ConsumeIntegralInRange<std::size_t>(0, changed.size());
        const auto removed = input.ConsumeIntegralInRange<std::size_t>(0, changed.size() - place);
        changed.replace(place, removed, input.ConsumeRandomLengthString(16));
    }
    if (changed == token || changed.find_first_not_of(' ') == std::string::npos) return;
    // Spaces between the scheme and the token belong to the header.
    if (changed.substr(changed.find_first_not_of(' ')) == token) return;
    require_refused(ask(authentication, changed, tokens::tenant, tokens::now), "a changed token is nobody's", changed);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    const auto which = input.ConsumeIntegralInRange(0, 3);
    if (which == 3) return check_changed(input), 0;
    const Timestamp now =
        tokens::now + std::chrono::seconds(input.ConsumeBool() ? input.ConsumeIntegralInRange(-4'000, 4'000) : 0);
    if (which == 0) {
        static Authentication authentication = make(16);
        const std::string token = input.ConsumeRemainingBytesAsString();
        require_refused(ask(authentication, token, tokens::tenant, now), "what nobody signed is refused", token);
        return 0;
    }
    // A header of the usual kind leads to the claims. Parts that are not encoded here are base64url, or aren't.
    const bool raw = which == 1;
    const bool usual = input.ConsumeBool();
    const std::string drawn = usual ? std::string(tokens::plain_header) : input.ConsumeRandomLengthString();
    const std::string header = usual && raw ? tokens::base64url(drawn) : drawn;
    check_signed(header, input.ConsumeRemainingBytesAsString(), raw, now);
    return 0;
}

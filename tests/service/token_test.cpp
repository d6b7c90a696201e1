// What is a token, and who signed it. What a genuine one claims: token_claims_test.cpp.
#include "tokens.hpp"

#include "http/token.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace castiel_sync;
using namespace castiel_sync::service;
using namespace castiel_sync::tokens;

namespace {

Result<Identity> verify(std::string_view token, Timestamp when = now) {
    auto verifier = TokenVerifier::make({secret});
    REQUIRE(verifier.has_value());
    return verifier->verify(token, when);
}

std::string refusal(std::string_view token, Timestamp when = now) {
    const auto answer = verify(token, when);
    if (answer) return "";
    CHECK(answer.error().code == ErrorCode::unauthenticated);
    return answer.error().message;
}

bool tells(const std::string& message, std::string_view part) { return message.find(part) != std::string::npos; }

// The key of RFC 7515 A.1, as bytes.
std::string key_of_the_rfc() {
    constexpr std::array<unsigned char, 64> bytes{
        3,   35, 53,  75, 43,  15,  165, 188, 131, 126, 6,   101, 119, 123, 166, 143, 90,  179, 40,  230, 240, 84,
        201, 40, 169, 15, 132, 178, 210, 80,  46,  191, 211, 251, 90,  146, 210, 6,   71,  239, 150, 138, 180, 195,
        119, 98, 61,  34, 61,  46,  33,  114, 5,   46,  79,  8,   192, 205, 154, 245, 103, 208, 128, 163};
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// RFC 7515 A.1 and RFC 7519 3.1: {"typ":"JWT",\r\n "alg":"HS256"}, iss joe, exp 1300819380.
const std::string token_of_the_rfc =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

} // namespace

TEST_CASE("the example of RFC 7515 and 7519 is genuine, and lacks a tenant") {
    auto verifier = TokenVerifier::make({key_of_the_rfc()});
    REQUIRE(verifier.has_value());
    const Timestamp end{std::chrono::seconds(1300819380)};
    const auto before = verifier->verify(token_of_the_rfc, end - std::chrono::milliseconds(1));
    REQUIRE(before.has_error());
    CHECK(tells(before.error().message, "tenantId"));
    CHECK(tells(verifier->verify(token_of_the_rfc, end).error().message, "expired"));
    CHECK(tells(refusal(token_of_the_rfc), "not by a secret"));
}

TEST_CASE("the tests' own tokens are those of the RFC") {
    const std::size_t last = token_of_the_rfc.rfind('.');
    CHECK(sign(token_of_the_rfc.substr(0, last), key_of_the_rfc()) == token_of_the_rfc);
    CHECK(base64url(std::string("\x03\xec\xff\xe0\xc1", 5)) == "A-z_4ME"); // RFC 7515, appendix C
}

TEST_CASE("a genuine token tells who asks for which tenant") {
    const auto answer = verify(make_token(plain_claims));
    REQUIRE(answer.has_value());
    CHECK(*answer == Identity{tenant, "anna", in_an_hour});
}

TEST_CASE("only HS256 is an algorithm") {
    for (const std::string_view header :
         {R"({"alg":"none"})", R"({"alg":"HS384"})", R"({"alg":"HS512"})", R"({"alg":"RS256"})", R"({"alg":"hs256"})",
          R"({"alg":"HS256 "})", R"({"alg":""})", R"({"alg":null})", R"({"alg":["HS256"]})", R"({"typ":"JWT"})",
          R"({})"})
        CHECK_MESSAGE(tells(refusal(make_token(plain_claims, header)), "algorithm is not HS256"), header);
    // As they are made by those who mean it.
    const std::string text = base64url(R"({"alg":"HS384"})") + "." + base64url(plain_claims);
    CHECK(refusal(text + "." + base64url(hmac(EVP_sha384(), secret, text))) != "");
    CHECK(refusal(base64url(R"({"alg":"none"})") + "." + base64url(plain_claims) + ".") != "");
    CHECK(refusal(base64url(R"({"alg":"none"})") + "." + base64url(plain_claims)) != "");
}

TEST_CASE("a header that changes what the bytes mean is refused, one that only tells more is not") {
    for (const std::string_view more : {R"("crit":[])", R"("crit":["exp"],"exp":1)", R"("b64":false)", R"("b64":true)",
                                        R"("zip":"DEF")", R"("enc":"A128GCM")", R"("crit":null)"}) {
        const std::string header = R"({"alg":"HS256",)" + std::string(more) + "}";
        CHECK_MESSAGE(tells(refusal(make_token(plain_claims, header)), "extension"), header);
    }
    CHECK(refusal(make_token(plain_claims, R"({"alg":"HS256","kid":"2026","x5t":"…"})")) == "");
}

TEST_CASE("typ is JWT in any case, or absent") {
    for (const std::string_view type : {R"("JWT")", R"("jwt")", R"("Jwt")"})
        CHECK(refusal(make_token(plain_claims, R"({"alg":"HS256","typ":)" + std::string(type) + "}")) == "");
    CHECK(refusal(make_token(plain_claims, R"({"alg":"HS256"})")) == "");
    for (const std::string_view type :
         {R"("at+jwt")", R"("JOSE")", R"("")", "null", "1", R"("J\u0057T ")", R"("\njwt")"})
        CHECK_MESSAGE(tells(refusal(make_token(plain_claims, R"({"alg":"HS256","typ":)" + std::string(type) + "}")),
                            "typ other than JWT"),
                      type);
}

TEST_CASE("a header is one strict JSON object") {
    for (const std::string_view header :
         {"", "{", "null", "[]", R"("HS256")", R"({"alg":"HS256","alg":"HS256"})", R"({"alg":"none","alg":"HS256"})",
          R"({"alg":"HS256"} x)", "{\"alg\":\"HS256\",\"x\":\"\xff\"}", R"({'alg':'HS256'})",
          R"({"alg":"HS256","x":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]})"})
        CHECK_MESSAGE(tells(refusal(make_token(plain_claims, header)), "header is not a JSON object"), header);
}

TEST_CASE("a token has three parts") {
    const std::string token = make_token(plain_claims);
    for (const std::string& text : {std::string(), std::string("."), std::string(".."), std::string("..."), token + ".",
                                    "." + token, token + "." + token, token.substr(0, token.rfind('.')),
                                    token.substr(0, token.find('.')), token + "..", std::string("Bearer")})
        CHECK_MESSAGE(refusal(text) != "", text);
}

TEST_CASE("every part is base64url in its one spelling") {
    const std::string token = make_token(plain_claims);
    CHECK(refusal(token + "=") != "");
    CHECK(refusal(token + "A") != "");
    CHECK(refusal(" " + token) != "");
    CHECK(refusal(token + "\n") != "");
    CHECK(refusal(token + std::string(1, '\0')) != "");
    const std::string header = base64url(plain_header);
    const std::string claims = base64url(plain_claims);
    for (const std::string_view bad : {"=", " ", "\n", "+", "/", "%", "\xc3\xa4", "A==="}) {
        CHECK_MESSAGE(refusal(sign(header + std::string(bad) + "." + claims)) != "", bad);
        CHECK_MESSAGE(refusal(sign(header + "." + claims + std::string(bad))) != "", bad);
        CHECK_MESSAGE(refusal(sign(std::string(bad) + header + "." + claims)) != "", bad);
    }
}

TEST_CASE("bits that no byte takes are zero, in every part") {
    const std::string token = make_token(plain_claims);
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const std::size_t last = alphabet.find(token.back());
    REQUIRE(last % 4 == 0); // 32 bytes leave two bits
    for (std::size_t bits = 1; bits < 4; ++bits) {
        std::string other = token;
        other.back() = alphabet[last + bits];
        CHECK(tells(refusal(other), "signature is not 32 bytes"));
    }
    // {"alg":"HS256"} needs no padding; with one more byte four bits are left.
    std::string header = base64url(R"({"alg":"HS256"} )");
    CHECK(refusal(sign(header + "." + base64url(plain_claims))) == "");
    header.back() = alphabet[alphabet.find(header.back()) + 1];
    CHECK(tells(refusal(sign(header + "." + base64url(plain_claims))), "header is not base64url"));
    std::string claims = base64url(plain_claims);
    while (claims.size() % 4 != 2)
        claims = base64url(plain_claims + std::string(claims.size() % 4 == 0 ? 1 : 2, ' '));
    CHECK(refusal(sign(base64url(plain_header) + "." + claims)) == "");
    claims.back() = alphabet[alphabet.find(claims.back()) + 1];
    CHECK(tells(refusal(sign(base64url(plain_header) + "." + claims)), "payload is not base64url"));
}

TEST_CASE("every changed, missing or added letter makes a token one of nobody") {
    const std::string token = make_token(plain_claims);
    for (std::size_t place = 0; place < token.size(); ++place) {
        std::string changed = token;
        changed[place] = changed[place] == 'A' ? 'B' : 'A';
        CHECK(refusal(changed) != "");
        CHECK(refusal(token.substr(0, place)) != "");
        CHECK(refusal(token.substr(0, place) + "A" + token.substr(place)) != "");
        CHECK(refusal(token.substr(0, place) + token.substr(place + 1)) != "");
    }
}

TEST_CASE("another key, and a signature cut short or of another hash, are refused") {
    CHECK(tells(refusal(make_token(plain_claims, plain_header, other_secret)), "not by a secret"));
    CHECK(tells(refusal(make_token(plain_claims, plain_header, "")), "not by a secret"));
    CHECK(tells(refusal(make_token(plain_claims, plain_header, secret + "x")), "not by a secret"));
    const std::string text = base64url(plain_header) + "." + base64url(plain_claims);
    const std::string mac = hmac(EVP_sha256(), secret, text);
    for (std::size_t size = 0; size < mac.size(); ++size)
        CHECK(tells(refusal(text + "." + base64url(mac.substr(0, size))), "signature is not 32 bytes"));
    CHECK(tells(refusal(text + "." + base64url(mac + mac)), "signature is not 32 bytes"));
    CHECK(tells(refusal(text + "." + base64url(hmac(EVP_sha512_256(), secret, text))), "not by a secret"));
}

TEST_CASE("a token is at most 8 KiB long") {
    const auto token_of = [](std::size_t padding) {
        return make_token(R"({"tenantId":")" + tenant + R"(","exp":1795417200,"x":")" + std::string(padding, 'x') +
                          "\"}");
    };
    std::size_t padding = 6'000;
    while (token_of(padding).size() <= max_token_bytes)
        ++padding;
    CHECK(tells(refusal(token_of(padding)), "8 KiB"));
    CHECK(refusal(token_of(padding - 1)) == "");
}

TEST_CASE("while secrets change, any of them counts") {
    auto verifier = TokenVerifier::make({other_secret, secret});
    REQUIRE(verifier.has_value());
    CHECK(verifier->verify(make_token(plain_claims, plain_header, secret), now).has_value());
    CHECK(verifier->verify(make_token(plain_claims, plain_header, other_secret), now).has_value());
    CHECK(verifier->verify(make_token(plain_claims, plain_header, std::string(32, 'x')), now).has_error());
    CHECK(verifier->verify(make_token(plain_claims, plain_header, secret), now).has_value());
    auto later = TokenVerifier::make({other_secret});
    CHECK(later->verify(make_token(plain_claims, plain_header, secret), now).has_error());
}

TEST_CASE("a secret is bytes, and at least 32 of them") {
    CHECK(TokenVerifier::make({}).error().code == ErrorCode::invalid_configuration);
    CHECK(TokenVerifier::make({""}).error().code == ErrorCode::invalid_configuration);
    const auto weak = TokenVerifier::make({secret, std::string(31, 's')});
    REQUIRE(weak.has_error());
    CHECK(weak.error().code == ErrorCode::invalid_configuration);
    CHECK(!tells(weak.error().message, "sssss"));
    // Longer than the hash's block, and with zeros in it.
    const std::string odd = std::string(100, '\xff') + std::string(40, '\0') + "end";
    auto verifier = TokenVerifier::make({odd});
    REQUIRE(verifier.has_value());
    CHECK(verifier->verify(make_token(plain_claims, plain_header, odd), now).has_value());
    CHECK(verifier->verify(make_token(plain_claims, plain_header, odd.substr(0, 100)), now).has_error());
}

// What a genuine token has to claim, and what it may.
#include "tokens.hpp"

#include "http/token.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::service;
using namespace castiel_sync::tokens;

namespace {

Result<Identity> verify(const std::string& claims, Timestamp when = now) {
    auto verifier = TokenVerifier::make({secret});
    REQUIRE(verifier.has_value());
    return verifier->verify(make_token(claims), when);
}

std::string refusal(const std::string& claims, Timestamp when = now) {
    const auto answer = verify(claims, when);
    if (answer) return "";
    CHECK(answer.error().code == ErrorCode::unauthenticated);
    return answer.error().message;
}

std::string claims_with(std::string_view more) {
    return R"({"tenantId":")" + tenant + R"(","exp":1795417200,)" + std::string(more) + "}";
}

std::string claims_until(std::string_view end) {
    return R"({"tenantId":")" + tenant + R"(","exp":)" + std::string(end) + "}";
}

std::string actor(std::string_view more) {
    const auto answer = verify(claims_with(more));
    return answer ? answer->actor : "refused: " + answer.error().message;
}

bool tells(const std::string& message, std::string_view part) { return message.find(part) != std::string::npos; }

} // namespace

TEST_CASE("a token has to end, and ends to the millisecond without leeway") {
    CHECK(tells(refusal(R"({"tenantId":")" + tenant + "\"}"), "no claim exp"));
    CHECK(tells(refusal(claims_until("1795413599")), "expired"));
    CHECK(tells(refusal(claims_until("1795413600")), "expired"));
    CHECK(tells(refusal(claims_until("0")), "expired"));
    CHECK(verify(claims_until("1795413601"))->expires_at == now + std::chrono::seconds(1));
    CHECK(verify(claims_until("1795413600.0015"))->expires_at == now + std::chrono::milliseconds(1));
    CHECK(tells(refusal(claims_until("1795413600.0005")), "expired"));
    CHECK(verify(claims_until("1795413600.25"))->expires_at == now + std::chrono::milliseconds(250));
    CHECK(verify(claims_until("1.7954172e9"))->expires_at == in_an_hour);
    CHECK(verify(claims_until("253402300799")).has_value());
    const std::string claims = claims_until("1795417200");
    CHECK(refusal(claims, in_an_hour - std::chrono::milliseconds(1)) == "");
    CHECK(tells(refusal(claims, in_an_hour), "expired"));
    CHECK(tells(refusal(claims, Timestamp::max()), "expired"));
    CHECK(refusal(claims, Timestamp()) == ""); // nothing but exp says when
}

TEST_CASE("an end is a number that makes sense") {
    for (const std::string_view end :
         {"null", R"("1795417200")", R"("NaN")", "[1795417200]", "{}", "true", "-1", "-0.5", "253402300800",
          "1795417200000", "9223372036854775807", "9223372036854775808", "18446744073709551615", "1e18", "1e300"})
        CHECK_MESSAGE(tells(refusal(claims_until(end)), "exp is not a number"), end);
    for (const std::string_view end : {"NaN", "Infinity", "1e400", "18446744073709551616", "0x6b", "01795417200", "+1",
                                       "1795417200.", "1795417200.00000000001"})
        CHECK_MESSAGE(tells(refusal(claims_until(end)), "not a JSON object"), end);
}

TEST_CASE("nbf and iat may be a minute ahead of this clock, and no more") {
    for (const std::string name : {"nbf", "iat"}) {
        const auto with = [&](const std::string& time) { return claims_with("\"" + name + "\":" + time); };
        CHECK(refusal(with("1795413600")) == "");
        CHECK(refusal(with("0")) == "");
        CHECK(refusal(with("1795413660")) == "");
        CHECK(tells(refusal(with("1795413660.001")), "not valid yet"));
        CHECK(tells(refusal(with("1795413661")), "not valid yet"));
        CHECK(refusal(with("1795413661"), now + std::chrono::seconds(1)) == "");
        for (const std::string time : {"null", "\"1795413600\"", "-1", "[]", "1795413600000", "1e300"})
            CHECK_MESSAGE(tells(refusal(with(time)), "nbf or iat is not a number"), time);
    }
}

TEST_CASE("the tenant is a UUID, told in lower case") {
    const auto with = [](std::string_view value) {
        return R"({"exp":1795417200,"tenantId":)" + std::string(value) + "}";
    };
    CHECK(verify(with(R"("7B1F0F0E-6F0A-4C58-8A37-0B6F8B1C0001")"))->tenant_id == tenant);
    CHECK(verify(with(R"("\u0037b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001")"))->tenant_id == tenant);
    CHECK(tells(refusal(R"({"exp":1795417200})"), "tenantId"));
    CHECK(tells(refusal(R"({"exp":1795417200,"tenantid":")" + tenant + "\"}"), "tenantId"));
    for (const std::string_view value :
         {"null", "1", R"("")", R"("tenant")", R"(["7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001"])",
          R"("7b1f0f0e6f0a4c588a370b6f8b1c0001")", R"("{7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001}")",
          R"("7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c000g")", R"("7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001 ")",
          R"("7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001\u0000")"})
        CHECK_MESSAGE(tells(refusal(with(value)), "tenantId"), value);
}

TEST_CASE("the actor is sub, else userId, else serviceId") {
    CHECK(actor(R"("serviceId":"integration-sync","userId":"u","sub":"s")") == "s");
    CHECK(actor(R"("serviceId":"integration-sync","userId":"u")") == "u");
    CHECK(actor(R"("serviceId":"integration-sync","userId":"","sub":null)") == "integration-sync");
    CHECK(actor(R"("sessionId":"x")") == "unknown");
    CHECK(actor(R"("sub":"Zoë 李小龍")") == "Zoë 李小龍");
    CHECK(actor("\"sub\":\"" + std::string(max_actor_bytes, 'a') + "\"").size() == max_actor_bytes);
    for (const std::string& more :
         {std::string(R"("sub":7)"), std::string(R"("sub":["a"],"userId":"u")"), std::string(R"("userId":{})"),
          std::string(R"("sub":"a\u0000")"), std::string(R"("sub":"a\nb")"), std::string(R"("sub":"a\u007f")"),
          "\"sub\":\"" + std::string(max_actor_bytes + 1, 'a') + "\""})
        CHECK_MESSAGE(tells(actor(more), "refused: the token's claim sub"), more);
}

TEST_CASE("type need not be there, and is access where it is") {
    CHECK(actor(R"("type":"access","sub":"s")") == "s");
    for (const std::string_view type : {R"("refresh")", R"("Access")", R"("")", "null", "1"})
        CHECK_MESSAGE(tells(actor(R"("type":)" + std::string(type)), "type is not access"), type);
}

TEST_CASE("the tokens of the platform's services and users are accepted") {
    const auto service = verify(R"({"serviceId":"integration-sync","serviceName":"integration-sync","permissions":["a"],
        "tenantId":")" + tenant +
                                R"(","iat":1795413600,"exp":1795414500})");
    REQUIRE(service.has_value());
    CHECK(*service == Identity{tenant, "integration-sync", now + std::chrono::minutes(15)});
    const auto user = verify(R"({"userId":"0b8f2a30-8c1e-4c7e-9d0c-2a3b4c5d6e7f","tenantId":")" + tenant +
                             R"(","roleId":"r","isSuperAdmin":false,"sessionId":"s","secretId":"x","iat":1795413600,
        "exp":1795442400})");
    REQUIRE(user.has_value());
    CHECK(user->actor == "0b8f2a30-8c1e-4c7e-9d0c-2a3b4c5d6e7f");
}

TEST_CASE("claims are one strict JSON object, each once") {
    for (const std::string& claims :
         {std::string(), std::string("null"), std::string("[]"), "[" + plain_claims + "]", plain_claims + "{}",
          claims_with(R"("exp":1795417200)"), claims_with(R"("tenantId":")" + tenant + "\""),
          claims_with(R"("a":1,"a":1)"), claims_with(R"("a":{"b":1,"b":2})"), claims_with(R"("\u0065xp":1)"),
          claims_with("\"sub\":\"\xff\""), claims_with(R"("sub":"\ud800")"),
          claims_with("\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"), claims_with("\"sub\":\"a\nb\""),
          claims_with("\"a\":1,"), std::string("\xef\xbb\xbf") + plain_claims})
        CHECK_MESSAGE(tells(refusal(claims), "payload is not a JSON object"), claims);
}

TEST_CASE("no message repeats what a token holds") {
    for (const std::string_view more : {R"("sub":["hidden"])", R"("type":"hidden")", R"("nbf":"hidden")",
                                        R"("hidden":1,"hidden":1)", R"("sub":"hidden\n")", R"(hidden)"})
        CHECK(!tells(refusal(claims_with(more)), "hidden"));
}

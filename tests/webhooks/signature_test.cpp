// Signatures of Standard Webhooks, and how secrets are kept.
#include <castiel_sync/webhooks/sealing.hpp>
#include <castiel_sync/webhooks/signature.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;

TEST_CASE("a signature is that of the standard's published example") {
    const auto key = parse_webhook_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    REQUIRE(key.has_value());
    CHECK(sign_webhook(*key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})") ==
          "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_CASE("a secret that is made is one that is read, and is never made twice") {
    const auto random = make_system_random();
    const std::string one = make_webhook_secret(*random);
    CHECK(one != make_webhook_secret(*random));
    const auto key = parse_webhook_secret(one);
    REQUIRE(key.has_value());
    CHECK(key->size() == 32);
}

TEST_CASE("what is no secret is refused, and not told (I23)") {
    for (const char* text : {"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_?", "whsec_c2hvcnQ="}) {
        const auto key = parse_webhook_secret(text);
        REQUIRE(!key.has_value());
        CHECK(key.error().code == ErrorCode::invalid_request);
        const std::string_view secret = std::string_view(text).starts_with("whsec_") ? text + 6 : text;
        if (secret.size() > 3) CHECK(key.error().message.find(secret) == std::string::npos);
    }
    CHECK(!parse_webhook_secret("whsec_" + std::string(92, 'A')).has_value()); // 69 bytes
}

TEST_CASE("what is sealed opens by its key in its context, and nowhere else") {
    const auto random = make_seeded_random(1);
    const std::string key = Sealer::make_key(*random);
    const std::string other = Sealer::make_key(*random);
    const Sealer sealer = Sealer::make({key}).value();
    const std::string sealed = sealer.seal("whsec_canary", "webhook/a/1", *random);
    CHECK(sealed.find("canary") == std::string::npos);
    CHECK(sealed != sealer.seal("whsec_canary", "webhook/a/1", *random));
    CHECK(sealer.open(sealed, "webhook/a/1").value() == "whsec_canary");
    CHECK(sealer.open(sealed, "webhook/b/1").error().code == ErrorCode::corrupted);

    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string changed = sealed;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        CHECK_MESSAGE(!sealer.open(changed, "webhook/a/1").has_value(), i);
        CHECK_MESSAGE(!sealer.open(sealed.substr(0, i), "webhook/a/1").has_value(), i);
    }

    // Keys are changed by putting a new one in front.
    const Sealer rotated = Sealer::make({other, key}).value();
    CHECK(rotated.open(sealed, "webhook/a/1").value() == "whsec_canary");
    const std::string anew = rotated.seal("whsec_canary", "webhook/a/1", *random);
    CHECK(sealer.open(anew, "webhook/a/1").error().code == ErrorCode::invalid_configuration);
}

TEST_CASE("a key to seal with is 32 bytes of base64, and is not told where it is not (I23)") {
    CHECK(Sealer::make({}).error().code == ErrorCode::invalid_configuration);
    for (const char* text : {"", "short", "c2hvcnQ=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
        const auto sealer = Sealer::make({text});
        REQUIRE(!sealer.has_value());
        CHECK(sealer.error().code == ErrorCode::invalid_configuration);
        if (*text != '\0') CHECK(sealer.error().message.find(text) == std::string::npos);
    }
}

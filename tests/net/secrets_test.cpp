#include <castiel_sync/http/secrets.hpp>

#include <core/base64.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <fmt/format.h>

#include <string>
#include <vector>

using namespace castiel_sync;

namespace {

// Spaces, quotes, a backslash, plus, percent, slash, a letter outside ASCII and one outside the first plane.
const std::string awkward = "p%41s +\"w\\o/r&d\xc3\xa9\xf0\x9f\x94\x91!";

std::string scrub(std::string_view secret, std::string_view text) {
    Secrets secrets;
    secrets.add(secret);
    return secrets.scrub(text);
}

// Encoders of the tests' own, so that nothing is checked against itself.
std::string percent_encoded(std::string_view text, std::string_view kept, const char* form, bool plus = false) {
    std::string encoded;
    for (const char byte : text)
        if (plus && byte == ' ')
            encoded += '+';
        else if (std::isalnum(static_cast<unsigned char>(byte)) || kept.find(byte) != std::string_view::npos)
            encoded += byte;
        else
            encoded += fmt::format(fmt::runtime(form), static_cast<unsigned char>(byte));
    return encoded;
}

std::string hexadecimal(std::string_view text, const char* form) {
    std::string digits;
    for (const char byte : text)
        digits += fmt::format(fmt::runtime(form), static_cast<unsigned char>(byte));
    return digits;
}

std::string base64url(std::string text) {
    std::string encoded = to_base64(text);
    while (encoded.ends_with('='))
        encoded.pop_back();
    for (char& character : encoded)
        character = character == '+' ? '-' : character == '/' ? '_' : character;
    return encoded;
}

} // namespace

TEST_CASE("base64 is that of RFC 4648") {
    const std::pair<const char*, const char*> samples[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"},
                                                           {"\xfb\xff", "+/8="}};
    for (const auto& [bytes, text] : samples) {
        CHECK(to_base64(bytes) == text);
        CHECK(from_base64(text) == std::string(bytes));
    }
    for (const char* bad : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Zm9v\n", "Zm-_", "Zg==Zg==", "Z===", "=Zm9"})
        CHECK(from_base64(bad) == std::nullopt);
    CHECK(rc::check([](const std::string& bytes) { RC_ASSERT(from_base64(to_base64(bytes)) == bytes); }));
}

TEST_CASE("a secret is taken out in every form it may take") {
    const std::string secret = awkward;
    for (const std::string& form : std::vector<std::string>{
             secret,
             percent_encoded(secret, "-._~", "%{:02X}"),
             percent_encoded(secret, "-._~", "%{:02x}"),
             percent_encoded(secret, "-._~!'()*", "%{:02X}"),
             percent_encoded(secret, "-._*", "%{:02X}", true),
             percent_encoded(secret, "", "%{:02X}"),
             percent_encoded(secret, "/&+", "%{:02X}"),
             R"(p%41s +\"w\\o/r&dé🔑!)",
             R"(p%41s +\"w\\o\/r\u0026d\u00e9\ud83d\udd11!)",
             R"(\u0070%41s\u0020+\u0022w\u005Co/r&d\u00E9\uD83D\uDD11!)",
             R"(p%2541s%20%2B%22w%5Co\/r%26d%C3%A9%F0%9F%94%91!)",
             to_base64(secret),
             base64url(secret),
             percent_encoded(to_base64(secret), "", "%{:02X}"),
             hexadecimal(secret, "{:02x}"),
             hexadecimal(secret, "{:02X}"),
         }) {
        CAPTURE(form);
        CHECK(scrub(secret, form) == "[secret]");
        CHECK(scrub(secret, "<" + form + ">") == "<[secret]>");
        CHECK(scrub(secret, form.substr(0, form.size() / 2)).find("[secret]") == std::string::npos);
    }
}

TEST_CASE("a secret is taken out of base64 wherever it stands there") {
    const std::string secret = "correct-horse-battery";
    for (const char* before : {"", "a", "ab", "abc", "ada:", "somebody:"})
        for (const char* after : {"", "x", "xy", "xyz"}) {
            const std::string whole = std::string(before) + secret + after;
            for (const std::string& encoded : {to_base64(whole), base64url(whole)}) {
                CAPTURE(whole);
                const std::string scrubbed = scrub(secret, "Basic " + encoded);
                const std::size_t mark = scrubbed.find("[secret]");
                REQUIRE(mark != std::string::npos);
                // Not a character is left that holds a bit of it.
                const std::size_t begin = std::string_view(before).size();
                CHECK(mark - 6 == begin * 8 / 6);
                const std::size_t beyond = encoded.size() - ((begin + secret.size()) * 8 + 5) / 6;
                CHECK(scrubbed.size() - mark - 8 <= beyond);
            }
        }
}

TEST_CASE("a compound that was added goes as one") {
    Secrets secrets(json::object{{"user", "somebody"}, {"password", "battery-staple"}});
    secrets.add("somebody:battery-staple");
    CHECK(secrets.scrub("Basic " + to_base64("somebody:battery-staple") + ",") == "Basic [secret],");
    CHECK(secrets.scrub("https://somebody:battery-staple@crm.test") == "https://[secret]@crm.test");
    CHECK(secrets.scrub("somebody@crm.test") == "[secret]@crm.test");
}

TEST_CASE("credentials give all their texts, at any depth") {
    const Secrets secrets(json::object{{"client", json::object{{"id", "client-7"}, {"keys", {"key-one", "key-two"}}}},
                                       {"port", 8443},
                                       {"enabled", true},
                                       {"none", nullptr}});
    CHECK(secrets.scrub("client-7 key-one key-two port 8443 true null") ==
          "[secret] [secret] [secret] port 8443 true null");
}

TEST_CASE("a key file kept as one text gives its parts, too") {
    const Secrets secrets(json::object{{"file", "{\n  \"private_key\": \"-----BEGIN\\nMIIE\",\n  \"id\": 7\n}"}});
    CHECK(secrets.scrub("-----BEGIN\nMIIE") == "[secret]");
    CHECK(secrets.scrub("{\"private_key\":\"-----BEGIN\\nMIIE\",\"id\":7}") ==
          "{\"private_key\":\"[secret]\",\"id\":7}");
    CHECK(secrets.scrub("{\n  \"private_key\": \"-----BEGIN\\nMIIE\",\n  \"id\": 7\n}") == "[secret]");
}

TEST_CASE("what is short, or the mark's own, is left alone") {
    Secrets secrets;
    for (const char* text : {"", "a", "abc", "secret", "[secret]", "[sec"})
        secrets.add(text);
    CHECK(secrets.scrub("a abc secret [secret] YWJj") == "a abc secret [secret] YWJj");
    secrets.add("abcd");
    CHECK(secrets.scrub("abc abcd") == "abc [secret]");
    CHECK(Secrets().scrub("anything") == "anything");
}

TEST_CASE("secrets that touch or overlap leave nothing of each other") {
    Secrets secrets;
    secrets.add("abcdef");
    secrets.add("defghi");
    secrets.add("bcde");
    CHECK(secrets.scrub("abcdefghi") == "[secret]");
    CHECK(secrets.scrub("abcdefdefghi") == "[secret][secret]");
    CHECK(secrets.scrub("xabcdex") == "xa[secret]x");
    secrets.add("zzzz");
    CHECK(secrets.scrub("zzzzzzzzzz-zzzz") == "[secret]-[secret]");
}

TEST_CASE("broken escapes are no reason to fail, nor to look away") {
    for (const char* text : {"%", "%4", "%zz", "\\", "\\u", "\\u12", "\\ud83d", "\\ud83d\\u0041", "\\udd11", "\\x",
                             "%%%", "\xff\xfe\xc3", "%ff%fe"}) {
        CAPTURE(text);
        CHECK(scrub("token-77", text) == text);
        CHECK(scrub("token-77", std::string(text) + "token-77" + text) == std::string(text) + "[secret]" + text);
    }
    const std::string bytes("\0\xff\x80%\\+", 6);
    CHECK(scrub(bytes, "a" + bytes + "b") == "a[secret]b");
    CHECK(scrub(bytes, to_base64(bytes)) == "[secret]");
}

TEST_CASE("any secret in any text is gone in every form") {
    CHECK(rc::check([](const std::string& before, const std::string& after) {
        const auto secret = *rc::gen::suchThat(rc::gen::arbitrary<std::string>(), [](const std::string& text) {
            return text.size() >= Secrets::min_bytes && Secrets::mark.find(text) == std::string_view::npos;
        });
        const std::vector<std::string> forms{secret,
                                             percent_encoded(secret, "", "%{:02x}"),
                                             percent_encoded(secret, "-._*", "%{:02X}", true),
                                             to_base64(secret),
                                             to_base64("x" + secret),
                                             to_base64("xy" + secret + "z"),
                                             base64url(secret),
                                             hexadecimal(secret, "{:02x}")};
        Secrets secrets;
        secrets.add(secret);
        for (const std::string& form : forms) {
            const std::string scrubbed = secrets.scrub(before + form + after);
            RC_ASSERT(scrubbed.find("[secret]") != std::string::npos);
            RC_ASSERT((before + after).find(form) != std::string::npos || scrubbed.find(form) == std::string::npos);
        }
    }));
}

TEST_CASE("a text without secrets stays as it is") {
    const Secrets secrets(json::object{{"password", "correct-horse"}, {"token", awkward}});
    CHECK(rc::check([&](const std::string& text) { RC_ASSERT(secrets.scrub(text) == text); }));
}

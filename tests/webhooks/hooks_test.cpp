// Hooks that come in, as texts: whether they are signed, and what they say. Signatures are published examples, or were
// calculated with another program.
#include <castiel_sync/adapters/rest.hpp>
#include <webhooks/hook_hint.hpp>
#include <webhooks/hook_verification.hpp>

#include <doctest/doctest.h>

#include <functional>

using namespace castiel_sync;

namespace {

using Scheme = HookDescription::Scheme;
using Secrets = std::vector<std::string>;

const Timestamp then{std::chrono::seconds(1614265330)};
const std::string body = R"({"test": 2432232314})";

// A hook that is accepted; each test changes something.
struct Example {
    HookDescription description;
    Secrets secrets;
    HookCall call;
    Timestamp now = then;

    Example() = default;
    Example(Scheme scheme, std::string secret, std::string text, std::vector<HttpHeader> headers)
        : secrets{std::move(secret)} {
        description.scheme = scheme;
        call.method = "POST";
        call.body = std::move(text);
        for (HttpHeader& header : headers) call.headers.add(std::move(header.name), std::move(header.value));
    }

    [[nodiscard]] Result<VerifiedHook> verify() const { return verify_hook(description, secrets, call, now); }
    [[nodiscard]] Example with(const std::function<void(Example&)>& change) const {
        Example changed = *this;
        change(changed);
        return changed;
    }
    [[nodiscard]] Example with(const std::string& name, const std::string& value) const {
        return with([&](Example& changed) { changed.call.headers.set(name, value); });
    }
    [[nodiscard]] Example without(const std::string& name) const {
        return with([&](Example& changed) { changed.call.headers.remove(name); });
    }
    [[nodiscard]] Example at(std::chrono::milliseconds from_then) const {
        return with([&](Example& changed) { changed.now = then + from_then; });
    }
};

Example standard(const std::string& prefix = "webhook-") {
    return {Scheme::standard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body,
            {{prefix + "id", "msg_p5jXN8AQM9LWM0D4loKWxJek"},
             {prefix + "timestamp", "1614265330"},
             {prefix + "signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}}};
}

Example github() {
    return {Scheme::github, "It's a Secret to Everybody", "Hello, World!",
            {{"X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
             {"X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}}};
}

const std::string stripe_signature = "98a6304ac7cd966786ee1b93ad76319d9cd63829827fa0f93cb3e367cf67086d";
Example stripe() {
    return {Scheme::stripe, "whsec_test", body, {{"Stripe-Signature", "t=1614265330,v1=" + stripe_signature}}};
}

Example hubspot() {
    Example example{Scheme::hubspot_v3, "client", body,
                    {{"X-HubSpot-Signature-v3", "cHIQ+CT3ue+7fNNNmMpRfvilWmKTZmApWzeA6CUUDf4="},
                     {"X-HubSpot-Request-Timestamp", "1614265330000"}}};
    example.call.url = "https://sync.example.com/api/v1/hooks/a%3ab?q=%281%29%20&x=%3D";
    return example;
}

Example slack() {
    Example example{Scheme::slack, "8f742231b10e8888abcd99yyyzzz85a5",
                    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
                    "channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
                    "response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
                    "96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
                    {{"X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
                     {"X-Slack-Request-Timestamp", "1531420618"}}};
    example.now = Timestamp(std::chrono::seconds(1531420618));
    return example;
}

Example shopify() {
    return {Scheme::shopify, "shop", body,
            {{"X-Shopify-Webhook-Id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"},
             {"X-Shopify-Hmac-Sha256", "kScYJCPPLqO9fhEazIP4Rrbi4Tq1C5WhAdCp+lr5KYg="}}};
}

Example token() {
    Example example{Scheme::token, "open sesame", body, {{"X-Hook-Token", "open sesame"}}};
    example.description.header = "X-Hook-Token";
    return example;
}

std::vector<Example> all_examples() {
    return {standard(), standard("svix-"), github(), stripe(), hubspot(), slack(), shopify(), token()};
}

void check_refused(const Example& example) {
    const auto answer = example.verify();
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == ErrorCode::unauthenticated);
    const std::string& message = answer.error().message;
    for (const std::string& secret : example.secrets)
        if (!secret.empty()) CHECK(message.find(secret) == std::string::npos);
    for (const HttpHeader& header : example.call.headers)
        if (header.value.size() > 8) CHECK(message.find(header.value) == std::string::npos);
}

std::string signature_header(const Example& example) {
    for (const HttpHeader& header : example.call.headers)
        if (header.name.find("ignature") != std::string::npos || header.name.find("Hmac") != std::string::npos ||
            header.name == "X-Hook-Token")
            return header.name;
    return "";
}

} // namespace

TEST_CASE("what a system signed is accepted, by whichever of the secrets (I29)") {
    for (const Example& example : all_examples()) {
        CAPTURE(static_cast<int>(example.description.scheme));
        const auto answer = example.verify();
        REQUIRE_MESSAGE(answer.has_value(), answer.error().message);
        CHECK(answer->verified);
        CHECK(example.with([](Example& changed) { changed.secrets.insert(changed.secrets.begin(), "an older one"); })
                  .verify()
                  .has_value());
    }
}

TEST_CASE("what anybody changed, or signed by another secret, is refused (I29)") {
    for (const Example& example : all_examples()) {
        CAPTURE(static_cast<int>(example.description.scheme));
        const std::string header = signature_header(example);
        const std::string signature = *example.call.headers.find(header);
        check_refused(example.with([](Example& changed) { changed.secrets = {"another"}; }));
        check_refused(example.with([](Example& changed) { changed.secrets = {}; }));
        check_refused(example.without(header));
        check_refused(example.with(header, ""));
        check_refused(example.with(header, signature.substr(0, signature.size() - 1)));
        check_refused(example.with(header, signature + "0"));
        check_refused(example.with([&](Example& changed) { changed.call.headers.add(header, signature); }));
        std::string other = signature;
        other[other.size() - 3] = other[other.size() - 3] == 'a' ? 'b' : 'a';
        check_refused(example.with(header, other));
        if (example.description.scheme == Scheme::token) continue;
        for (std::size_t at = 0; at < example.call.body.size(); ++at)
            check_refused(example.with([at](Example& changed) { changed.call.body[at] ^= 1; }));
        check_refused(example.with([](Example& changed) { changed.call.body += ' '; }));
    }
}

TEST_CASE("a signed time is within five minutes of ours, before and after (I29)") {
    using namespace std::chrono_literals;
    for (const Example& example : {standard(), standard("svix-"), stripe(), hubspot()}) {
        CAPTURE(static_cast<int>(example.description.scheme));
        CHECK(example.at(5min).verify().has_value());
        CHECK(example.at(-5min).verify().has_value());
        check_refused(example.at(5min + 1s));
        check_refused(example.at(-5min - 1s));
    }
    Example late = slack();
    late.now += 5min + 1s;
    check_refused(late);
    late.now -= 10min + 2s;
    check_refused(late);
    for (const char* time : {"", "x", "-1614265330", "+1614265330", " 1614265330", "1614265330 ", "1614265330.0",
                             "01614265330", "1614265331", "99999999999999999999"}) {
        check_refused(standard().with("webhook-timestamp", time));
        check_refused(slack().with("X-Slack-Request-Timestamp", time));
        check_refused(hubspot().with("X-HubSpot-Request-Timestamp", time));
        check_refused(stripe().with("Stripe-Signature", "t=" + std::string(time) + ",v1=" + stripe_signature));
    }
}

TEST_CASE("Standard Webhooks: one of several signatures will do, other versions do not count") {
    const std::string good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const std::string bad = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
    CHECK(standard().with("webhook-signature", "v1a,abc " + bad + " " + good).verify().has_value());
    CHECK(standard().with([](Example& changed) { changed.secrets[0].erase(0, 6); }).verify().has_value());
    check_refused(standard().with("webhook-signature", bad));
    check_refused(standard().with("webhook-signature", "v2" + good.substr(2)));
    check_refused(standard().with("webhook-signature", good.substr(3)));
    check_refused(standard().with("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJe"));
    check_refused(standard().with("webhook-id", ""));
    // Headers of both spellings are not one message.
    check_refused(standard("svix-").with("webhook-signature", bad));
    check_refused(standard().without("webhook-id").with("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"));
    CHECK(standard().verify()->delivery_id == "msg_p5jXN8AQM9LWM0D4loKWxJek");
}

TEST_CASE("Standard Webhooks: an id with a dot would let an id and a time be another id and another time") {
    Example moved = standard();
    moved.call.headers.set("webhook-id", "msg.1614265330");
    moved.call.headers.set("webhook-signature", "v1,OqMaP7g41QpYcAFDqXlbMyNigKKjPRyD1PP5zmuA3UU=");
    check_refused(moved);
}

TEST_CASE("GitHub: SHA-1 does not count") {
    check_refused(github().without("X-Hub-Signature-256").with("X-Hub-Signature", "sha1=0123"));
    check_refused(
        github().with("X-Hub-Signature-256", "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"));
    CHECK(github().verify()->delivery_id == "72d3162e-cc78-11e3-81ab-4c9367dc0958");
}

TEST_CASE("Stripe: one of several v1 will do, v0 does not count, and there is one time") {
    const std::string good = "v1=" + stripe_signature;
    CHECK(stripe().with("Stripe-Signature", "t=1614265330,v1=ab," + good + ",v0=cd").verify().has_value());
    check_refused(stripe().with("Stripe-Signature", "t=1614265330,v0=" + stripe_signature));
    check_refused(stripe().with("Stripe-Signature", good));
    check_refused(stripe().with("Stripe-Signature", "t=1614265330,t=1614265330," + good));
    check_refused(stripe().with([](Example& changed) { changed.secrets = {"test"}; }));
}

TEST_CASE("HubSpot: the method and the URL are signed, some of its percent-codes as what they stand for") {
    const auto elsewhere = [](std::string url) {
        return hubspot().with([&url](Example& changed) { changed.call.url = url; });
    };
    CHECK(elsewhere("https://sync.example.com/api/v1/hooks/a:b?q=(1)%20&x=%3D").verify().has_value());
    check_refused(elsewhere("https://sync.example.com/api/v1/hooks/a:b?q=(1) &x=%3D"));
    check_refused(elsewhere("https://sync.example.com/api/v1/hooks/a:c?q=(1)%20&x=%3D"));
    check_refused(elsewhere("http://sync.example.com/api/v1/hooks/a:b?q=(1)%20&x=%3D"));
    check_refused(elsewhere("https://sync.example.com/api/v1/hooks/a%"));
    check_refused(hubspot().with([](Example& changed) { changed.call.method = "PUT"; }));
}

TEST_CASE("a repetition is known by its sender's id, else by its body") {
    CHECK(shopify().verify()->delivery_id == "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043");
    const std::string by_body = shopify().without("X-Shopify-Webhook-Id").verify()->delivery_id;
    CHECK(by_body.starts_with("sha256:"));
    CHECK(by_body == stripe().verify()->delivery_id);
    CHECK(by_body != slack().verify()->delivery_id);
    // A token says nothing of the body: two hooks may well say the same.
    CHECK(token().verify()->delivery_id.empty());
    CHECK(token().with("webhook-id", "a1").verify()->delivery_id == "a1");
    for (const std::string& odd : {std::string("a b"), std::string("\xff"), std::string(257, 'a')})
        CHECK(token().with("webhook-id", odd).verify()->delivery_id.empty());
}

TEST_CASE("without a scheme everything is accepted, and not called verified") {
    Example example = token();
    example.description.scheme = Scheme::none;
    example.secrets.clear();
    const auto answer = example.verify();
    REQUIRE(answer.has_value());
    CHECK_FALSE(answer->verified);
}

TEST_CASE("secrets are webhookSecret and webhookSecrets, those that are any") {
    const auto of = [](const char* text) { return hook_secrets(parse_json_object(text).value()); };
    CHECK(of(R"({"webhookSecret": "a", "webhookSecrets": ["b", "", 1, "c"], "apiKey": "d"})") ==
          Secrets{"a", "b", "c"});
    CHECK(of(R"({"webhookSecret": "", "webhookSecrets": "b"})").empty());
    // Whoever leaves a secret empty does not open the door.
    Example empty = token();
    empty.secrets = of(R"({"webhookSecret": ""})");
    check_refused(empty.with("X-Hook-Token", ""));
}

TEST_CASE("a description tells how its system's hooks are signed; unsigned ones are a setting of the integration") {
    const auto described = [](const std::string& webhook) {
        const auto parsed = parse_rest_description(parse_json(R"({"name": "crm", "summary": "A CRM",
            "baseUrl": "https://crm.example.com", "entities": {"contacts": {"id": "id", "list": {"path": "/contacts"},
                                                                           "get": {"path": "/contacts/{id}"}}}
            )" + webhook + "}").value());
        REQUIRE_MESSAGE(parsed.description, parsed.faults.front().path << ": " << parsed.faults.front().message);
        return describe(*parsed.description);
    };
    const auto takes_setting = [](const AdapterDescription& adapter) {
        const json::value* setting = adapter.settings_schema.at("properties").as_object().if_contains(
            accept_unverified_hooks);
        return setting != nullptr && setting->at("default") == false;
    };
    const auto token = described(R"(, "webhook": {"scheme": "token", "header": "X-T", "entity": "a.b", "id": "c"})");
    REQUIRE(token.hooks.has_value());
    CHECK(token.hooks->scheme == Scheme::token);
    CHECK(token.hooks->header == "X-T");
    CHECK(token.hooks->entity == "a.b");
    CHECK(token.hooks->id == "c");
    CHECK_FALSE(takes_setting(token));
    const auto open = described(R"(, "webhook": {"scheme": "none"})");
    CHECK(open.hooks->scheme == Scheme::none);
    CHECK(takes_setting(open));
    CHECK_FALSE(described("").hooks.has_value());
}

TEST_CASE("a body names records, or less: what can't be read makes the hint wider") {
    Integration integration;
    for (const char* entity : {"contacts", "companies", "off"}) {
        EntityMapping& mapping = integration.sync.entity_mappings.emplace_back();
        mapping.external_entity = entity;
        mapping.enabled = mapping.external_entity != "off";
    }
    HookDescription both;
    both.entity = "event.entity";
    both.id = "event.id";
    const auto hint = [&integration](const HookDescription& description, const std::string& text) -> std::string {
        const auto read = read_hook_hint(description, integration, text);
        if (!read) return "nothing";
        std::string ids;
        for (const std::string& id : read->source_ids) ids += " " + id;
        return read->entity + ":" + ids;
    };
    const auto event = [](const std::string& entity, const std::string& id) {
        return R"({"event": {"entity": )" + entity + R"(, "id": )" + id + "}}";
    };
    const std::string contacts = R"("contacts")", companies = R"("companies")";
    CHECK(hint(both, event(contacts, "7")) == "contacts: 7");
    CHECK(hint(both, event(contacts, R"("a 7")")) == "contacts: a 7");
    CHECK(hint(both, "[" + event(contacts, "7") + "," + event(contacts, "8") + "," + event(contacts, "7") + "]") ==
          "contacts: 7 8");
    CHECK(hint(both, "[" + event(contacts, "7") + "," + event(companies, "8") + "]") == ": 7 8");
    CHECK(hint(both, "[" + event(contacts, "7") + "," + event(R"("deals")", "8") + "]") == "contacts: 7");
    CHECK(hint(both, event(R"("deals")", "7")) == "nothing");
    CHECK(hint(both, event(R"("off")", "7")) == "nothing");
    for (const char* odd : {"null", "1.5", "{}", "\"\"", "true"}) {
        CHECK(hint(both, event(contacts, odd)) == "contacts:");
        CHECK(hint(both, "[" + event(contacts, "7") + "," + event(contacts, odd) + "]") == "contacts:");
    }
    CHECK(hint(both, event(contacts, '"' + std::string(513, 'a') + '"')) == "contacts:");
    for (const char* odd : {"", "a=b", "[]", "[1]", "7", "{}", "[{}]", "{\"event\": 1}"}) CHECK(hint(both, odd) == ":");
    std::string many = "[" + event(contacts, "0");
    for (int i = 1; i <= 1000; ++i) many += "," + event(contacts, std::to_string(i));
    CHECK(hint(both, many + "]") == ":");
    HookDescription id_only;
    id_only.id = "id";
    CHECK(hint(id_only, R"({"id": 18446744073709551615})") == ": 18446744073709551615");
    HookDescription entity_only;
    entity_only.entity = "entity";
    CHECK(hint(entity_only, R"({"entity": "contacts"})") == "contacts:");
    CHECK(hint(HookDescription(), R"({"entity": "contacts"})") == ":");
}

// Webhooks over HTTP: what a client sees of endpoints and deliveries, and what it does not.
#include "api_fixture.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::service;

namespace {

const std::string id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";
const ApiFixture::Headers as_other{{"X-Tenant-ID", other_tenant}};
const std::string crm = R"({"name": "CRM", "providerName": "jsonl", "settings": {"path": "./crm"}, "syncConfig": {
    "entityMappings": [{"externalEntity": "contacts", "shardTypeId": "contact",
        "fieldMappings": [{"externalField": "mail", "shardField": "email"}]}]}})";

std::string endpoint(const std::string& more = "", const std::string& url = "https://receiver.example.com/hook") {
    return R"({"integrationId": ")" + id + R"(", "url": ")" + url + R"(", "events": ["integration.*"])" + more + "}";
}

json::object create(ApiFixture& api, const std::string& body, const ApiFixture::Headers& headers = {}) {
    const auto answer = api.send("POST", "/api/v1/webhooks", body, headers);
    REQUIRE_MESSAGE(answer.status == 201, answer.body);
    return body_of(answer);
}

std::string path_of(const json::object& webhook) {
    return "/api/v1/webhooks/" + std::string(webhook.at("webhookId").as_string());
}

void with_crm(ApiFixture& api) { CHECK(api.send("PUT", "/api/v1/integrations/" + id, crm).status == 201); }

} // namespace

TEST_CASE("an endpoint's secret is told once, and the values of its headers never (I23)") {
    ApiFixture api;
    with_crm(api);
    const auto made = create(api, endpoint(R"(, "headers": {"Authorization": "Bearer canary"})"));
    const std::string secret(made.at("secret").as_string());
    CHECK(secret.starts_with("whsec_"));
    CHECK(made.at("headers").at("Authorization") == "[hidden]");
    const std::string path = path_of(made);
    for (const std::string& target :
         {path, std::string("/api/v1/webhooks"), "/api/v1/integrations/" + id + "/webhooks"}) {
        const auto shown = api.send("GET", target);
        CHECK(shown.status == 200);
        CHECK(shown.body.find("whsec_") == std::string::npos);
        CHECK(shown.body.find("canary") == std::string::npos);
        CHECK(shown.body.find("receiver.example.com") != std::string::npos);
    }
    const auto rotated = api.send("POST", path + "/rotate-secret");
    CHECK(rotated.status == 200);
    CHECK(body_of(rotated).at("secret").as_string() != secret);
}

TEST_CASE("a repetition by Idempotency-Key has the same secret, which is not kept in clear (I23, I32)") {
    ApiFixture api;
    with_crm(api);
    const ApiFixture::Headers key{{"Idempotency-Key", "once"}};
    const auto first = create(api, endpoint(), key);
    const auto again = create(api, endpoint(), key);
    CHECK(first == again);
    const std::string secret(first.at("secret").as_string());
    for (const char* kind : {"idempotency", "webhook"}) {
        const auto page = api.run(api.store->query(some_tenant, kind, Query()));
        REQUIRE(page->documents.size() == 1);
        CHECK(page->documents.front().body.find(secret.substr(6)) == std::string::npos);
    }
}

TEST_CASE("what can't be is refused at its place (I28)") {
    ApiFixture api;
    with_crm(api);
    const auto fault = [&api](const std::string& body) {
        const auto answer = api.send("POST", "/api/v1/webhooks", body);
        CHECK(answer.status == 400);
        const auto faults = faults_of(answer);
        return faults.empty() ? std::string() : faults.front().substr(0, faults.front().find(':'));
    };
    CHECK(fault(endpoint("", "http://receiver.example.com/")) == "body.url");
    CHECK(fault(endpoint("", "https://169.254.169.254/latest/meta-data")) == "body.url");
    CHECK(fault(endpoint(R"(, "headers": {"Host": "a"})")) == "body.headers");
    CHECK(fault(endpoint(R"(, "filters": [{"field": "a", "operator": "in", "value": 1}])")).starts_with("body.filters"));
    CHECK(fault(endpoint(R"(, "secret": "whsec_c2hvcnQ=")")) == "body.secret");
    CHECK(fault(endpoint(R"(, "unknown": 1)")) == "body.unknown");
    std::string elsewhere = endpoint();
    elsewhere.replace(elsewhere.find(id), id.size(), "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a99");
    CHECK(fault(elsewhere) == "body.integrationId");
}

TEST_CASE("an update changes what it names, and leads no hidden header to another host") {
    ApiFixture api;
    with_crm(api);
    const auto made = create(api, endpoint(R"(, "headers": {"X-Key": "canary"}, "ratePerMinute": 60)"));
    const std::string path = path_of(made);
    auto changed = api.send("PUT", path, R"({"url": "https://receiver.example.com/other", "ratePerMinute": null})");
    CHECK(changed.status == 200);
    CHECK(!body_of(changed).contains("ratePerMinute"));
    CHECK(body_of(changed).at("headers").at("X-Key") == "[hidden]");
    const char* elsewhere = R"({"url": "https://thief.example.com/")";
    for (const std::string& headers : {std::string("}"), std::string(R"(, "headers": {"X-Key": "[hidden]"}})")}) {
        const auto refused = api.send("PUT", path, elsewhere + headers);
        CHECK(refused.status == 400);
        CHECK(faults_of(refused).front().starts_with("body.headers"));
    }
    changed = api.send("PUT", path, elsewhere + std::string(R"(, "headers": {"X-Key": "mine"}})"));
    CHECK(changed.status == 200);
    CHECK(api.send("PUT", path, R"({"active": false})").status == 200);
    CHECK(body_of(api.send("GET", path)).at("disabledReason") == "owner");
    CHECK(api.send("POST", path + "/test").status == 409);
}

TEST_CASE("deliveries are listed, read, sent again and recovered") {
    ApiFixture api;
    with_crm(api);
    const auto made = create(api, endpoint());
    const std::string path = path_of(made);
    const auto test = api.send("POST", path + "/test");
    CHECK(test.status == 202);
    const std::string delivery = path + "/deliveries/" + std::string(body_of(test).at("deliveryId").as_string());
    CHECK(body_of(api.send("GET", delivery)).at("state") == "waiting");
    CHECK(body_of(api.send("GET", path + "/deliveries")).at("items").as_array().size() == 1);
    CHECK(body_of(api.send("GET", path + "/deliveries?state=delivered")).at("items").as_array().empty());
    CHECK(api.send("GET", path + "/deliveries?state=lost").status == 400);
    CHECK(api.send("POST", delivery + "/redeliver").status == 202);
    const std::string since = R"({"since": ")" + to_string(api.clock.now() - std::chrono::hours(1)) + '"';
    const auto counted = api.send("POST", path + "/recover", since + R"(, "dryRun": true})");
    CHECK(counted.status == 200);
    CHECK(body_of(counted).at("deliveries") == 0);
    CHECK(api.send("POST", path + "/recover", since + "}").status == 202);
    CHECK(faults_of(api.send("POST", path + "/recover", R"({"since": "2026-13-01T00:00:00Z"})")).front().starts_with(
        "body.since"));
}

TEST_CASE("another tenant's endpoints do not exist (I22)") {
    ApiFixture api;
    with_crm(api);
    const auto made = create(api, endpoint());
    const std::string path = path_of(made);
    const std::string delivery =
        path + "/deliveries/" +
        std::string(body_of(api.send("POST", path + "/test")).at("deliveryId").as_string());
    const std::string since = R"({"since": ")" + to_string(api.clock.now()) + "\"}";
    const std::vector<std::array<std::string, 3>> requests{
        {"GET", path, ""},
        {"PUT", path, R"({"active": false})"},
        {"DELETE", path, ""},
        {"POST", path + "/rotate-secret", ""},
        {"POST", path + "/test", ""},
        {"GET", path + "/deliveries", ""},
        {"GET", delivery, ""},
        {"POST", delivery + "/redeliver", ""},
        {"POST", path + "/recover", since}};
    for (const auto& [method, target, body] : requests)
        CHECK_MESSAGE(api.send(method, target, body, as_other).status == 404, method << " " << target);
    CHECK(body_of(api.send("GET", "/api/v1/webhooks", "", as_other)).at("items").as_array().empty());
    CHECK(api.send("GET", path).status == 200);
    CHECK(api.send("DELETE", path).status == 204);
    CHECK(api.send("GET", path).status == 404);
}

TEST_CASE("endpoints are listed in pages") {
    ApiFixture api;
    with_crm(api);
    for (int i = 0; i < 5; ++i) (void)create(api, endpoint());
    std::size_t count = 0;
    std::string cursor;
    do {
        const auto page = body_of(api.send("GET", "/api/v1/webhooks?limit=2" + cursor));
        count += page.at("items").as_array().size();
        cursor = page.contains("nextCursor") ? "&cursor=" + std::string(page.at("nextCursor").as_string()) : "";
    } while (!cursor.empty());
    CHECK(count == 5);
}

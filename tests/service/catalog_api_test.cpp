#include "api_fixture.hpp"

#include "tokens.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace castiel_sync;
using namespace castiel_sync::service;

namespace {

const std::string id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";
const std::string integration = "/api/v1/integrations/" + id;
const ApiFixture::Headers as_other{{"X-Tenant-ID", other_tenant}};

const std::string crm = R"({
    "name": "CRM", "providerName": "jsonl", "settings": {"path": "./crm"},
    "syncConfig": {
        "syncFrequency": {"type": "interval", "intervalMinutes": 15},
        "entityMappings": [{"externalEntity": "contacts", "shardTypeId": "contact", "matchKeys": ["email"],
            "fieldMappings": [{"externalField": "mail", "shardField": "email", "transform": "lowercase"}]}]}})";

const std::string contact = R"({"shardTypeId": "contact", "structuredData": {"name": "Ada"}, "source": "ui"})";

using Faults = std::vector<std::string>;

ApiFixtureOptions with_crm() {
    ConfiguredIntegration configured;
    configured.integration.id = id;
    configured.integration.tenant_id = some_tenant;
    configured.integration.provider_name = "jsonl";
    configured.origin.file = "config/local.yaml";
    configured.origin.document =
        parse_json_object(R"({"id": ")" + id + R"(", "tenantId": ")" + some_tenant + R"(", "providerName": "jsonl"})")
            .value();
    ApiFixtureOptions options;
    options.configured.push_back(std::move(configured));
    return options;
}

// Every request of these operations, with a body that is good where one is needed.
struct Sample {
    std::string method, target, body;
};
std::vector<Sample> samples() {
    return {{"GET", "/api/v1/adapters", ""},       {"GET", "/api/v1/adapters/jsonl", ""},
            {"GET", "/api/v1/integrations", ""},   {"GET", integration, ""},
            {"PUT", integration, crm},             {"DELETE", integration, ""},
            {"GET", "/api/v1/shards", ""},         {"POST", "/api/v1/shards", contact},
            {"GET", "/api/v1/shards/ada", ""},     {"PUT", "/api/v1/shards/ada", contact},
            {"DELETE", "/api/v1/shards/ada", ""}};
}

} // namespace

TEST_CASE("adapters are listed and read") {
    ApiFixture api;
    const auto list = api.send("GET", "/api/v1/adapters");
    REQUIRE(list.status == 200);
    const json::array items = body_of(list).at("items").as_array();
    REQUIRE(items.size() == 2);
    CHECK(items[0].at("name") == "jsonl");
    CHECK(items[1].at("name") == "vault");
    const auto one = api.send("GET", "/api/v1/adapters/jsonl");
    CHECK(one.status == 200);
    CHECK(body_of(one).at("settingsSchema").at("required") == json::array{"path"});
    CHECK(body_of(one).at("capabilities").at("conditionalWrites") == true);
    CHECK(body_of(one).at("capabilities").at("changeFeed") == false);
    const auto none = api.send("GET", "/api/v1/adapters/carrier-pigeon");
    CHECK(none.status == 404);
    CHECK(message_of(none) == "no adapter is called carrier-pigeon; /api/v1/adapters lists them");
    CHECK(api.send("GET", "/api/v1/adapters/Pigeon").status == 400);
}

TEST_CASE("an integration is put, read, replaced and deleted") {
    ApiFixture api;
    CHECK(api.send("GET", integration).status == 404);
    const auto created = api.send("PUT", integration, crm);
    REQUIRE(created.status == 201);
    CHECK(header_of(created, "Location") == integration);
    CHECK(body_of(created).at("id").as_string() == id);
    CHECK(body_of(created).at("tenantId").as_string() == some_tenant);
    CHECK(to_json(body_of(api.send("GET", integration))) == created.body);

    const auto replaced = api.send("PUT", integration, R"({"providerName": "jsonl", "settings": {"path": "./b"}})");
    REQUIRE(replaced.status == 200);
    CHECK(header_of(replaced, "Location").empty());
    CHECK(body_of(api.send("GET", integration)).at("settings").at("path") == "./b");
    CHECK_FALSE(body_of(replaced).contains("name"));

    CHECK(api.send("DELETE", integration).status == 204);
    CHECK(api.send("DELETE", integration).status == 404);
    CHECK(api.send("GET", integration).status == 404);
}

TEST_CASE("the id is one, however it is written") {
    ApiFixture api;
    const std::string upper = "7D3C5F5E-0A0E-4B57-9C1E-2F1F7B9A6A01";
    const auto created = api.send("PUT", "/api/v1/integrations/" + upper,
                                  R"({"id": ")" + upper + R"(", "providerName": "jsonl", "settings": {"path": "."}})");
    REQUIRE(created.status == 201);
    CHECK(body_of(created).at("id").as_string() == id);
    CHECK(api.send("GET", integration).status == 200);
    CHECK(api.run(api.catalog->find(some_tenant, id))->has_value());
}

TEST_CASE("all that is wrong in an integration is told at once, with its places") {
    ApiFixture api;
    const auto unknown = api.send("PUT", integration, R"({"providerName": "pigeon", "pigeons": 3})");
    CHECK(unknown.status == 400);
    CHECK(faults_of(unknown).size() == 1);

    const auto many = api.send("PUT", integration, R"({
        "id": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a02", "tenantId": "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0002",
        "providerName": "jsonl", "settings": {"path": "", "color": 1},
        "syncConfig": {"syncDirection": "sideways", "entityMappings": [
            {"externalEntity": "contacts", "shardTypeId": "contact", "fieldMappings": [
                {"externalField": "mail", "shardField": "email", "transform": "sing"}]}]}})");
    REQUIRE(many.status == 400);
    std::set<std::string> places;
    for (const std::string& fault : faults_of(many))
        places.insert(fault.substr(0, fault.find(": ")));
    CHECK(places == std::set<std::string>{"body.id", "body.tenantId", "body.settings.path", "body.settings.color",
                                          "body.syncConfig.syncDirection",
                                          "body.syncConfig.entityMappings[0].fieldMappings[0].transform"});
    const auto adapter = api.send("PUT", integration, R"({"providerName": "pigeon"})");
    CHECK(adapter.status == 400);
    CHECK(faults_of(adapter) == Faults{"body.providerName: names no adapter of this build; there is jsonl, vault"});
    CHECK(api.send("GET", integration).status == 404);
}

TEST_CASE("secret settings are taken and never shown") {
    ApiFixture api;
    const auto created = api.send("PUT", integration, R"({"providerName": "vault", "settings": {
        "url": "https://vault", "token": "canary", "proxy": {"host": "proxy", "password": "canary"}}})");
    REQUIRE(created.status == 201);
    CHECK(to_json(body_of(created).at("settings")) == R"({"url":"https://vault","proxy":{"host":"proxy"}})");
    CHECK(api.send("GET", integration).body.find("canary") == std::string::npos);
    CHECK(api.send("GET", "/api/v1/integrations").body.find("canary") == std::string::npos);
    const auto found = api.run(api.catalog->find(some_tenant, id));
    CHECK((*found)->settings.at("token") == "canary");
}

TEST_CASE("an integration of the configuration is read-only here") {
    ApiFixture api(with_crm());
    CHECK(api.send("GET", integration).status == 200);
    const auto put = api.send("PUT", integration, crm);
    CHECK(put.status == 409);
    CHECK(message_of(put) == "the integration " + id +
                                 " is configured in config/local.yaml; change it there, and have the service read it "
                                 "again");
    CHECK(api.send("DELETE", integration).status == 409);
    // Another tenant learns nothing of it, and may have one with the same id.
    CHECK(api.send("GET", integration, "", as_other).status == 404);
    CHECK(api.send("PUT", integration, crm, as_other).status == 201);
}

TEST_CASE("integrations are listed in pages, by adapter too") {
    ApiFixture api(with_crm());
    for (const char* number : {"02", "03", "04"})
        REQUIRE(api.send("PUT", "/api/v1/integrations/7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a" + std::string(number),
                         R"({"providerName": "vault", "settings": {"url": "https://vault"}})")
                    .status == 201);
    const auto first = api.send("GET", "/api/v1/integrations?limit=3");
    CHECK(body_of(first).at("items").as_array().size() == 3);
    const std::string cursor(body_of(first).at("nextCursor").as_string());
    const auto second = api.send("GET", "/api/v1/integrations?limit=3&cursor=" + cursor);
    CHECK(body_of(second).at("items").as_array().size() == 1);
    CHECK_FALSE(body_of(second).contains("nextCursor"));
    CHECK(body_of(api.send("GET", "/api/v1/integrations?providerName=vault")).at("items").as_array().size() == 3);
    CHECK(body_of(api.send("GET", "/api/v1/integrations", "", as_other)).at("items").as_array().empty());
    const auto bad = api.send("GET", "/api/v1/integrations?cursor=7");
    CHECK(bad.status == 400);
    CHECK(faults_of(bad).at(0).starts_with("query.cursor: "));
    CHECK(api.send("GET", "/api/v1/integrations?limit=1001").status == 400);
}

TEST_CASE("deleting an integration ends its tasks and its schedule, and keeps what it knows") {
    ApiFixture api;
    api.loop.spawn(api.scheduler->run());
    REQUIRE(api.send("PUT", integration, crm).status == 201);
    api.loop.run_for(std::chrono::seconds(1));
    const auto next_due = [&] {
        std::vector<std::string> ids{id};
        auto documents = api.run(api.store->read(some_tenant, "schedule", std::move(ids)));
        REQUIRE(documents.value().front().has_value());
        return documents->front()->index.at(0);
    };
    CHECK(std::holds_alternative<std::int64_t>(next_due()));

    SyncRequest request;
    request.tenant_id = some_tenant;
    request.integration_id = id;
    TaskOptions options;
    options.held = true;
    const auto task = api.run(api.engine->create_task(std::move(request), std::move(options)));
    REQUIRE(task.has_value());
    CHECK(api.send("DELETE", integration).status == 204);
    api.loop.run_for(std::chrono::seconds(1));
    CHECK(api.run(api.engine->find_task(some_tenant, task->task_id))->status == SyncStatus::cancelled);
    CHECK(std::holds_alternative<std::monostate>(next_due()));
    REQUIRE(api.send("PUT", integration, crm).status == 201);
    api.loop.run_for(std::chrono::seconds(1));
    CHECK(std::holds_alternative<std::int64_t>(next_due()));
    api.run(api.scheduler->stop(std::chrono::milliseconds(0)));
}

TEST_CASE("a shard is created, read, replaced and deleted") {
    ApiFixture api;
    const auto created = api.send("POST", "/api/v1/shards", contact);
    REQUIRE(created.status == 201);
    const json::object shard = body_of(created);
    const std::string target = "/api/v1/shards/" + std::string(shard.at("id").as_string());
    CHECK(header_of(created, "Location") == target);
    CHECK(shard.at("status") == "active");
    CHECK(shard.at("revisionNumber") == 1);
    CHECK(shard.at("source") == "ui");

    const auto read = api.send("GET", target);
    CHECK(read.status == 200);
    CHECK(read.body == created.body);
    CHECK(header_of(read, "ETag") == header_of(created, "ETag"));

    // The data is replaced as a whole; what is left out beside it stays.
    const auto replaced = api.send("PUT", target, R"({"structuredData": {"email": "a@b"}, "status": "archived"})");
    REQUIRE(replaced.status == 200);
    CHECK(to_json(body_of(replaced).at("structuredData")) == R"({"email":"a@b"})");
    CHECK(body_of(replaced).at("source") == "ui");
    CHECK(body_of(replaced).at("status") == "archived");
    CHECK(body_of(replaced).at("revisionNumber") == 2);
    CHECK(header_of(replaced, "ETag") != header_of(created, "ETag"));

    CHECK(api.send("DELETE", target).status == 204);
    CHECK(api.send("DELETE", target).status == 404);
    CHECK(api.send("GET", target).status == 404);
}

TEST_CASE("a shard may be put under an id of one's own") {
    ApiFixture api;
    const auto untyped = api.send("PUT", "/api/v1/shards/ada", R"({"structuredData": {}})");
    CHECK(untyped.status == 400);
    CHECK(faults_of(untyped).at(0).starts_with("body.shardTypeId: is missing"));
    const auto created = api.send("PUT", "/api/v1/shards/Ada%20%C3%A9", contact);
    REQUIRE(created.status == 201);
    CHECK(header_of(created, "Location") == "/api/v1/shards/Ada%20%C3%A9");
    CHECK(api.send("GET", "/api/v1/shards/Ada%20%C3%A9").status == 200);
    const auto retyped =
        api.send("PUT", "/api/v1/shards/Ada%20%C3%A9", R"({"shardTypeId": "lead", "structuredData": {}})");
    CHECK(retyped.status == 409);
    CHECK(api.send("DELETE", "/api/v1/shards/Ada%20%C3%A9").status == 204);
    CHECK(api.send("PUT", "/api/v1/shards/Ada%20%C3%A9", contact).status == 201);
}

TEST_CASE("If-Match writes only what was read") {
    ApiFixture api;
    const std::string target = "/api/v1/shards/ada";
    const std::string data = R"({"structuredData": {"name": "Ada"}})";
    CHECK(api.send("PUT", target, contact, {{"If-Match", "\"1\""}}).status == 409); // there is none yet
    CHECK(api.send("GET", target).status == 404);
    const auto created = api.send("PUT", target, contact);
    REQUIRE(created.status == 201);
    const std::string first = header_of(created, "ETag");
    const auto second = api.send("PUT", target, data, {{"If-Match", first}});
    REQUIRE(second.status == 200);
    CHECK(api.send("PUT", target, data, {{"If-Match", first}}).status == 409);
    CHECK(api.send("DELETE", target, "", {{"If-Match", first}}).status == 409);
    const auto bad = api.send("PUT", target, data, {{"If-Match", "1"}});
    CHECK(bad.status == 400);
    CHECK(faults_of(bad).at(0).starts_with("header.If-Match: "));
    CHECK(body_of(api.send("GET", target)).at("revisionNumber") == 2);
    CHECK(api.send("DELETE", target, "", {{"If-Match", header_of(second, "ETag")}}).status == 204);
    CHECK(api.send("DELETE", target, "", {{"If-Match", header_of(second, "ETag")}}).status == 404);
}

TEST_CASE("a repeated creation with an Idempotency-Key makes one shard") {
    ApiFixture api;
    const ApiFixture::Headers key{{"Idempotency-Key", "once"}};
    const auto first = api.send("POST", "/api/v1/shards", contact, key);
    const auto second = api.send("POST", "/api/v1/shards", contact, key);
    REQUIRE(first.status == 201);
    CHECK(second.status == 201);
    CHECK(second.body == first.body);
    CHECK(header_of(second, "Idempotency-Replayed") == "true");
    CHECK(header_of(second, "ETag") == header_of(first, "ETag"));
    CHECK(header_of(second, "Location") == header_of(first, "Location"));
    CHECK(header_of(first, "Idempotency-Replayed").empty());
    const auto other = api.send("POST", "/api/v1/shards", R"({"shardTypeId": "lead", "structuredData": {}})", key);
    CHECK(other.status == 422);
    CHECK(body_of(api.send("GET", "/api/v1/shards")).at("items").as_array().size() == 1);
    // The key is the tenant's.
    const auto elsewhere =
        api.send("POST", "/api/v1/shards", contact, {{"Idempotency-Key", "once"}, {"X-Tenant-ID", other_tenant}});
    CHECK(elsewhere.status == 201);
    CHECK(body_of(elsewhere).at("id") != body_of(first).at("id"));
}

TEST_CASE("a creation that is repeated because its answer was lost keeps what was edited since") {
    ApiFixture api;
    const ApiFixture::Headers key{{"Idempotency-Key", "once"}};
    const auto first = api.send("POST", "/api/v1/shards", contact, key);
    const std::string target = header_of(first, "Location");
    REQUIRE(api.send("PUT", target, R"({"structuredData": {"name": "Ada King"}})").status == 200);
    std::vector<Write> writes{castiel_sync::remove("idempotency", "once")};
    REQUIRE(api.run(api.store->commit(some_tenant, std::move(writes))).has_value());
    const auto again = api.send("POST", "/api/v1/shards", contact, key);
    CHECK(again.status == 201);
    CHECK(header_of(again, "Location") == target);
    CHECK(body_of(again).at("structuredData").at("name") == "Ada King");
}

TEST_CASE("shards are listed in pages, by type too") {
    ApiFixture api;
    for (int number = 0; number < 5; ++number)
        REQUIRE(api.send("POST", "/api/v1/shards", contact).status == 201);
    REQUIRE(api.send("POST", "/api/v1/shards", R"({"shardTypeId": "lead", "structuredData": {}})").status == 201);
    std::set<std::string> seen;
    std::string cursor;
    do {
        const auto page = api.send("GET", "/api/v1/shards?shardTypeId=contact&limit=2" + cursor);
        REQUIRE(page.status == 200);
        const json::object body = body_of(page);
        CHECK(body.at("items").as_array().size() <= 2);
        for (const json::value& item : body.at("items").as_array())
            CHECK(seen.emplace(item.at("id").as_string()).second);
        cursor.clear();
        if (body.contains("nextCursor")) cursor = "&cursor=" + std::string(body.at("nextCursor").as_string());
    } while (!cursor.empty());
    CHECK(seen.size() == 5);
    CHECK(body_of(api.send("GET", "/api/v1/shards")).at("items").as_array().size() == 6);
    CHECK(body_of(api.send("GET", "/api/v1/shards", "", as_other)).at("items").as_array().empty());
    const auto bad = api.send("GET", "/api/v1/shards?cursor=seven");
    CHECK(bad.status == 400);
    CHECK(faults_of(bad).at(0).starts_with("query.cursor: "));
}

TEST_CASE("a tenant sees nothing of another one's, not even that it is there") {
    ApiFixture api;
    REQUIRE(api.send("PUT", integration, crm).status == 201);
    REQUIRE(api.send("PUT", "/api/v1/shards/ada", contact).status == 201);
    for (const std::string& target : {integration, std::string("/api/v1/shards/ada")}) {
        for (const char* method : {"GET", "DELETE"}) {
            const std::string unknown = target.substr(0, target.size() - 1) + "9";
            const auto theirs = api.send(method, target, "", as_other);
            const auto none = api.send(method, unknown, "", as_other);
            CHECK(theirs.status == 404);
            CHECK(theirs.status == none.status);
            CHECK(message_of(theirs).size() == message_of(none).size());
        }
        CHECK(api.send("GET", target).status == 200);
    }
    CHECK(api.send("PUT", "/api/v1/shards/ada", R"({"shardTypeId": "lead", "structuredData": {}})", as_other).status ==
          201);
    CHECK(body_of(api.send("GET", "/api/v1/shards/ada")).at("shardTypeId") == "contact");
}

TEST_CASE("bad bodies are refused with their places") {
    ApiFixture api;
    const auto shard = api.send("POST", "/api/v1/shards", R"({"structuredData": 3, "status": "deleted", "id": "x"})");
    CHECK(shard.status == 400);
    std::set<std::string> places;
    for (const std::string& fault : faults_of(shard))
        places.insert(fault.substr(0, fault.find(": ")));
    CHECK(places.contains("body.structuredData"));
    CHECK(places.contains("body.status"));
    for (const Sample& sample : samples()) {
        if (sample.body.empty()) continue;
        CAPTURE(sample.method + " " + sample.target);
        CHECK(api.send(sample.method, sample.target, "{").status == 400);
        CHECK(api.send(sample.method, sample.target).status == 400);
        CHECK(api.send(sample.method, sample.target, sample.body, {{"Content-Type", "text/plain"}}).status == 415);
        CHECK(api.send(sample.method, sample.target, std::string(1024 * 1024 + 1, ' ')).status == 413);
    }
}

TEST_CASE("integrations and shards of other services are not here") {
    ApiFixtureOptions options;
    options.embedded = false;
    ApiFixture api(std::move(options));
    for (const Sample& sample : samples()) {
        CAPTURE(sample.method + " " + sample.target);
        const bool adapters = sample.target.starts_with("/api/v1/adapters");
        CHECK(api.send(sample.method, sample.target, sample.body).status == (adapters ? 200 : 404));
    }
}

TEST_CASE("nobody gets in without the token of the tenant") {
    ApiFixtureOptions options;
    options.secrets.push_back(tokens::secret);
    ApiFixture api(std::move(options));
    api.clock.jump(std::chrono::duration_cast<std::chrono::milliseconds>(tokens::now - api.clock.now()));
    const std::string bearer = "Bearer " + tokens::make_token(tokens::plain_claims);
    for (const Sample& sample : samples()) {
        CAPTURE(sample.method + " " + sample.target);
        CHECK(api.send(sample.method, sample.target, sample.body).status == 401);
        CHECK(api.send(sample.method, sample.target, sample.body,
                       {{"Authorization", bearer}, {"X-Tenant-ID", other_tenant}})
                  .status == 403);
        CHECK(api.send(sample.method, sample.target, sample.body, {{"Authorization", bearer}}).status < 500);
    }
}

TEST_CASE("with tokens no tenant has this machine's files read, or its environment's secrets sent") {
    ApiFixtureOptions options;
    options.secrets.push_back(tokens::secret);
    ApiFixture api(std::move(options));
    api.clock.jump(std::chrono::duration_cast<std::chrono::milliseconds>(tokens::now - api.clock.now()));
    const ApiFixture::Headers caller{{"Authorization", "Bearer " + tokens::make_token(tokens::plain_claims)}};
    CHECK(api.send("PUT", integration, crm, caller).status == 422);
    const std::string secret = R"({"providerName": "vault", "settings": {}, "credentialSecretName": "jwt-secret"})";
    CHECK(api.send("PUT", integration, secret, caller).status == 422);
    CHECK(api.send("GET", integration, "", caller).status == 404);
}

TEST_CASE("a store that is out of order is told, and nothing of what only we can mend") {
    ApiFixture api;
    for (const auto& [code, status] : {std::pair(ErrorCode::unavailable, 503U), std::pair(ErrorCode::throttled, 429U),
                                       std::pair(ErrorCode::corrupted, 500U)}) {
        api.store->trouble = Error(code, "canary");
        for (const Sample& sample : samples()) {
            CAPTURE(sample.method + " " + sample.target);
            if (sample.target.starts_with("/api/v1/adapters")) continue;
            api.log.clear();
            const auto answer = api.send(sample.method, sample.target, sample.body);
            CHECK(answer.status == status);
            CHECK((answer.body.find("canary") == std::string::npos) == (status == 500));
            CHECK(api.log.size() == (status == 500 ? 1 : 0));
        }
    }
}

TEST_CASE("of two requests that create one integration, one creates and the other replaces it") {
    ApiFixture api;
    unsigned first = 0;
    api.store->interrupted_kind = "integration";
    api.store->meanwhile = [&]() -> Async<void> {
        const HttpResponse answer = co_await api.answer("PUT", integration, crm);
        first = answer.status;
    };
    const auto second = api.send("PUT", integration, R"({"providerName": "vault", "settings": {"url": "https://v"}})");
    CHECK(first == 201);
    CHECK(second.status == 200);
    CHECK(body_of(api.send("GET", integration)).at("providerName") == "vault");
}

TEST_CASE("what others do to a shard meanwhile is not lost") {
    ApiFixture api;
    const std::string target = "/api/v1/shards/ada";
    const auto meanwhile = [&](std::string body) {
        api.store->interrupted_kind = "shard";
        api.store->meanwhile = [&api, target, body = std::move(body)]() -> Async<void> {
            const HttpResponse answer = co_await api.answer("PUT", target, body);
            CHECK(answer.status < 300);
        };
    };
    const std::string mine = R"({"shardTypeId": "contact", "structuredData": {"name": "mine"}})";
    meanwhile(contact);
    const auto created = api.send("PUT", target, mine); // created by the other one
    CHECK(created.status == 200);
    CHECK(body_of(created).at("source") == "ui");
    meanwhile(R"({"structuredData": {}, "source": "import"})");
    const auto replaced = api.send("PUT", target, mine);
    CHECK(replaced.status == 200);
    CHECK(body_of(replaced).at("source") == "import");
    CHECK(body_of(replaced).at("structuredData").at("name") == "mine");
    meanwhile(R"({"structuredData": {}, "source": "api"})");
    CHECK(api.send("PUT", target, mine, {{"If-Match", header_of(replaced, "ETag")}}).status == 409);
    const auto present = api.send("GET", target);
    CHECK(body_of(present).at("source") == "api");
    meanwhile(contact);
    CHECK(api.send("DELETE", target, "", {{"If-Match", header_of(present, "ETag")}}).status == 409);
}

TEST_CASE("the repetition of a creation that is still under way has to wait") {
    ApiFixture api;
    const ApiFixture::Headers key{{"Idempotency-Key", "once"}};
    unsigned second = 0;
    api.store->interrupted_kind = "shard";
    api.store->meanwhile = [&]() -> Async<void> {
        const HttpResponse answer = co_await api.answer("POST", "/api/v1/shards", contact, key);
        second = answer.status;
    };
    CHECK(api.send("POST", "/api/v1/shards", contact, key).status == 201);
    CHECK(second == 409);
}

// Hooks over HTTP: what their senders are answered, and what whoever tries is not told.
#include "api_fixture.hpp"

#include <castiel_sync/webhooks/signature.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::service;

namespace {

const std::string id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";
const std::string unknown_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a02";
const std::string path = "/api/v1/hooks/" + id;
const std::string body = R"({"entity": "contacts", "id": "c1"})";
const std::string token = "open sesame";

ConfiguredIntegration crm(const std::string& tenant, const std::string& provider = "crm") {
    ConfiguredIntegration configured;
    Integration& integration = configured.integration;
    integration.id = id;
    integration.tenant_id = tenant;
    integration.provider_name = provider;
    integration.credential_secret_name = "crm-token";
    EntityMapping& mapping = integration.sync.entity_mappings.emplace_back();
    mapping.external_entity = "contacts";
    mapping.shard_type_id = "contact";
    return configured;
}

ApiFixtureOptions with(ConfiguredIntegration configured) {
    ApiFixtureOptions options;
    options.secrets = {std::string(32, 's')}; // so that everything else asks for a token
    options.configured.push_back(std::move(configured));
    return options;
}

struct HooksFixture : ApiFixture {
    explicit HooksFixture(ApiFixtureOptions options = with(crm(some_tenant))) : ApiFixture(std::move(options)) {
        environment["CRM_TOKEN"] = R"({"webhookSecret": ")" + token + "\"}";
        AdapterDescription description;
        description.name = "crm";
        description.hooks.emplace().scheme = HookDescription::Scheme::token;
        description.hooks->header = "X-Hook-Token";
        description.hooks->entity = "entity";
        description.hooks->id = "id";
        adapters.add(std::move(description), [](const AdapterContext&) -> Result<std::unique_ptr<Adapter>> {
            return Error(ErrorCode::unavailable, "there is no system");
        });
    }

    HttpResponse hook(const std::string& target, const std::string& sent = body, Headers more = {},
                      const std::string& by = token) {
        Headers headers{{"X-Tenant-ID", ""}, {"X-Hook-Token", by}, {"webhook-id", "d1"}};
        headers.insert(headers.end(), more.begin(), more.end());
        return send("POST", target, sent, headers);
    }
    std::size_t count(const std::string& kind, const std::string& tenant) {
        Query query;
        return run(store->query(tenant, kind, std::move(query)))->documents.size();
    }
    std::size_t everything() {
        std::size_t sum = 0;
        for (const char* kind : {"task", "outbox", "webhook_receipt", "idempotency", "schedule"})
            for (const std::string& tenant : {some_tenant, other_tenant}) sum += count(kind, tenant);
        return sum;
    }
};

} // namespace

TEST_CASE("a hook needs no token of ours: it is answered 202, and its task and its event are stored") {
    HooksFixture api;
    const auto answer = api.hook(path);
    CHECK(answer.status == 202);
    const json::object told = body_of(answer);
    CHECK_FALSE(told.contains("duplicate"));
    const auto task = api.run(api.engine->find_task(some_tenant, std::string(told.at("taskId").as_string())));
    REQUIRE(task.has_value());
    CHECK(task->request.source_ids == std::vector<std::string>{"c1"});
    CHECK(api.count("outbox", some_tenant) == 1);

    const auto again = api.hook(path);
    CHECK(again.status == 202);
    CHECK(body_of(again).at("duplicate") == true);
    CHECK(body_of(again).at("taskId") == told.at("taskId"));
    CHECK(api.count("task", some_tenant) == 1);
    CHECK(api.count("outbox", some_tenant) == 1);
    CHECK(api.count("task", other_tenant) == 0);
}

TEST_CASE("a hook's task begins at once, where a scheduler runs") {
    HooksFixture api;
    api.loop.spawn(api.scheduler->run());
    api.loop.run_for(std::chrono::seconds(1));
    const auto answer = api.hook(path);
    REQUIRE(answer.status == 202);
    api.loop.run_for(std::chrono::seconds(1));
    const auto task =
        api.run(api.engine->find_task(some_tenant, std::string(body_of(answer).at("taskId").as_string())));
    REQUIRE(task.has_value());
    CHECK(task->executions == 1);
    api.run(api.scheduler->stop(std::chrono::seconds(1)));
}

TEST_CASE("whatever is wrong with a hook, the answer is one and the same, and nothing is stored (I29)") {
    HooksFixture api;
    const std::size_t before = api.everything();
    const auto forged = api.hook(path, body, {{"X-Request-ID", "r"}}, "another token");
    CHECK(forged.status == 401);
    CHECK(forged.body.find("token") == std::string::npos);
    const auto unknown = api.hook("/api/v1/hooks/" + unknown_id, body, {{"X-Request-ID", "r"}});
    CHECK(unknown.status == 401);
    CHECK(unknown.body == forged.body);
    CHECK(unknown.headers == forged.headers);
    HooksFixture silent(with(crm(some_tenant, "jsonl")));
    const auto unsigned_hook = silent.hook(path, body, {{"X-Request-ID", "r"}});
    CHECK(unsigned_hook.status == 401);
    CHECK(unsigned_hook.body == forged.body);
    // A key of ours is no reason to keep anything of it.
    CHECK(api.hook(path, body, {{"Idempotency-Key", "k"}}, "another token").status == 401);
    CHECK(api.everything() == before);
    CHECK(silent.everything() == before);
}

TEST_CASE("an integration that was put over HTTP takes hooks, too, whatever the spelling of its id") {
    ApiFixtureOptions options;
    HooksFixture api(options);
    const std::string integration = R"({"providerName": "crm", "credentialSecretName": "crm-token", "syncConfig": {
        "entityMappings": [{"externalEntity": "contacts", "shardTypeId": "contact",
            "fieldMappings": [{"externalField": "mail", "shardField": "email"}]}]}})";
    const auto put = api.send("PUT", "/api/v1/integrations/" + id, integration);
    REQUIRE_MESSAGE(put.status == 201, put.body);
    CHECK(api.hook("/api/v1/hooks/7D3C5F5E-0A0E-4B57-9C1E-2F1F7B9A6A01").status == 202);
    CHECK(api.count("task", some_tenant) == 1);
}

TEST_CASE("a hook's body may be anything, up to 1 MiB") {
    HooksFixture api;
    CHECK(api.hook(path, "payload=%7B%7D", {{"Content-Type", "application/x-www-form-urlencoded"}}).status == 202);
    CHECK(api.hook(path, std::string("\0\xff{", 3), {{"Content-Type", ""}, {"webhook-id", "d2"}}).status == 202);
    CHECK(api.hook(path, "", {{"webhook-id", "d3"}}).status == 202);
    CHECK(api.hook(path, std::string(1024 * 1024, ' '), {{"webhook-id", "d4"}}).status == 202);
    CHECK(api.hook(path, std::string(1024 * 1024 + 1, ' '), {{"webhook-id", "d5"}}).status == 413);
    CHECK(api.hook(path, body, {{"Content-Encoding", "gzip"}}).status == 415);
    CHECK(api.hook("/api/v1/hooks/crm").status == 400);
    CHECK(api.send("GET", path).status == 405);
}

TEST_CASE("what can't be stored is never answered 202, and may be sent again") {
    HooksFixture api;
    for (const ErrorCode code : {ErrorCode::unavailable, ErrorCode::out_of_space, ErrorCode::corrupted}) {
        api.store->trouble = Error(code, "the disk of the store");
        const auto answer = api.hook(path);
        CHECK(answer.status == 503);
        CHECK(header_of(answer, "Retry-After") == "1");
        CHECK(answer.body.find("disk") == std::string::npos);
    }
    api.store->trouble.reset();
    const auto repeated = api.hook(path);
    CHECK(repeated.status == 202);
    CHECK_FALSE(body_of(repeated).contains("duplicate"));
}

#include "api_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::service;

namespace {

const std::string first_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01";
const std::string second_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a02";
const std::string third_id = "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a03";

json::object object(std::string_view text) { return parse_json_object(text).value(); }

json::object crm() {
    return object(R"({
        "name": "CRM", "providerName": "jsonl", "settings": {"path": "./crm"}, "credentialSecretName": "crm",
        "syncConfig": {"entityMappings": [{"externalEntity": "contacts", "shardTypeId": "contact",
            "fieldMappings": [{"externalField": "mail", "shardField": "email"}]}]}})");
}

ConfiguredIntegration configured(const std::string& tenant, const std::string& id, const std::string& name) {
    ConfiguredIntegration made;
    made.integration.tenant_id = tenant;
    made.integration.id = id;
    made.integration.name = name;
    made.integration.provider_name = "jsonl";
    made.origin.file = "config/local.yaml";
    made.origin.document["id"] = id;
    made.origin.document["tenantId"] = tenant;
    made.origin.document["name"] = name;
    made.origin.document["providerName"] = "jsonl";
    return made;
}

bool put(ApiFixture& api, const std::string& tenant, const std::string& id, json::object document = crm()) {
    auto answer = api.run(api.catalog->put(tenant, id, std::move(document)));
    REQUIRE_MESSAGE(answer.has_value(), answer.error().message);
    for (const ConfigurationFault& fault : answer->faults)
        FAIL(fault.path << ": " << fault.message);
    return answer->created;
}

std::vector<std::string> names(ApiFixture& api, const std::string& tenant) {
    auto found = api.run(api.catalog->list(tenant));
    REQUIRE(found.has_value());
    std::vector<std::string> ids;
    for (const Integration& each : *found)
        ids.push_back(each.name);
    std::ranges::sort(ids);
    return ids;
}

// Stores what no put would take.
void store(ApiFixture& api, const std::string& id, const std::string& body) {
    Document document;
    document.kind = integration_kind;
    document.id = id;
    document.index.emplace_back(id);
    document.index.emplace_back("jsonl");
    document.body = body;
    std::vector<Write> writes{castiel_sync::put(std::move(document))};
    REQUIRE(api.run(api.store->commit(some_tenant, std::move(writes))).has_value());
}

ApiFixtureOptions with(std::vector<ConfiguredIntegration> those) {
    ApiFixtureOptions options;
    options.configured = std::move(those);
    return options;
}

} // namespace

TEST_CASE("what was put is found, listed and replaced, by its tenant alone") {
    ApiFixture api(with({configured(some_tenant, first_id, "configured")}));
    CHECK(put(api, some_tenant, second_id));
    CHECK_FALSE(put(api, some_tenant, second_id));
    CHECK(put(api, other_tenant, second_id));

    auto found = api.run(api.catalog->find(some_tenant, second_id));
    REQUIRE(found.has_value());
    REQUIRE(found->has_value());
    CHECK((*found)->id == second_id);
    CHECK((*found)->tenant_id == some_tenant);
    CHECK((*found)->settings.at("path") == "./crm");
    CHECK((*found)->sync.entity_mappings.size() == 1);
    CHECK_FALSE(api.run(api.catalog->find(other_tenant, first_id))->has_value());

    CHECK(names(api, some_tenant) == std::vector<std::string>{"CRM", "configured"});
    CHECK(names(api, other_tenant) == std::vector<std::string>{"CRM"});
    CHECK(names(api, "") == std::vector<std::string>{"CRM", "CRM", "configured"});

    CHECK(api.run(api.catalog->remove(some_tenant, second_id)).value());
    CHECK_FALSE(api.run(api.catalog->remove(some_tenant, second_id)).value());
    CHECK(names(api, "") == std::vector<std::string>{"CRM", "configured"});
}

TEST_CASE("what another instance puts is seen at once") {
    ApiFixture api;
    EmbeddedCatalogParts parts;
    parts.store = api.store.get();
    parts.adapters = &api.adapters;
    EmbeddedCatalog other(std::move(parts));
    CHECK_FALSE(api.run(other.find(some_tenant, first_id))->has_value());
    put(api, some_tenant, first_id);
    CHECK(api.run(other.find(some_tenant, first_id))->has_value());
    CHECK(api.run(api.catalog->remove(some_tenant, first_id)).value());
    CHECK_FALSE(api.run(other.find(some_tenant, first_id))->has_value());
}

TEST_CASE("the configuration wins over what was put, and is not written here") {
    ApiFixture api;
    put(api, some_tenant, first_id);
    api.catalog->set_configured({configured(some_tenant, first_id, "configured")});
    CHECK(names(api, "") == std::vector<std::string>{"configured"});
    CHECK((*api.run(api.catalog->find(some_tenant, first_id)))->name == "configured");

    auto refused = api.run(api.catalog->put(some_tenant, first_id, crm()));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::already_exists);
    CHECK(refused.error().message.find("config/local.yaml") != std::string::npos);
    CHECK(api.run(api.catalog->remove(some_tenant, first_id)).error().code == ErrorCode::already_exists);

    api.catalog->set_configured({});
    CHECK(names(api, "") == std::vector<std::string>{"CRM"});
}

TEST_CASE("a stored integration that can't be used any more is told, and hinders no other") {
    ApiFixture api;
    put(api, some_tenant, first_id);
    store(api, second_id, R"({"id":")" + second_id + R"(","tenantId":")" + some_tenant +
                              R"(","providerName":"jsonl","syncConfig":{"syncDirection":"sideways"}})");
    store(api, third_id, "no JSON");

    for (const std::string& id : {second_id, third_id}) {
        auto found = api.run(api.catalog->find(some_tenant, id));
        REQUIRE_FALSE(found.has_value());
        CHECK(found.error().code == ErrorCode::corrupted);
        CHECK(found.error().message.find(id) != std::string::npos);
    }
    CHECK(names(api, "") == std::vector<std::string>{"CRM"});
    CHECK(names(api, some_tenant) == std::vector<std::string>{"CRM"});
    CHECK(api.log.size() == 2); // each once
    CHECK(api.log[0].find("syncConfig.syncDirection") != std::string::npos);

    // People see it all the same, and mend it.
    EmbeddedCatalog::PageRequest request;
    request.tenant_id = some_tenant;
    auto page = api.run(api.catalog->list_documents(request));
    REQUIRE(page.has_value());
    REQUIRE(page->items.size() == 3);
    CHECK(page->items[1].at("syncConfig").at("syncDirection") == "sideways");
    CHECK(page->items[2].at("status") == "error");
    CHECK((*api.run(api.catalog->find_document(some_tenant, second_id)))->at("id").as_string() == second_id);
    CHECK(api.run(api.catalog->find_document(some_tenant, third_id)).error().code == ErrorCode::corrupted);
    CHECK_FALSE(put(api, some_tenant, third_id));
    CHECK(api.run(api.catalog->find(some_tenant, third_id)).has_value());
    CHECK(api.run(api.catalog->remove(some_tenant, second_id)).value());
}

TEST_CASE("a document that says to be another's is not used") {
    ApiFixture api;
    store(api, first_id, R"({"id":")" + first_id + R"(","tenantId":")" + other_tenant + R"(","providerName":"jsonl"})");
    CHECK(api.run(api.catalog->find(some_tenant, first_id)).error().code == ErrorCode::corrupted);
}

TEST_CASE("pages hold configured and stored ones by id, each once") {
    const auto id = [](int number) { return "00000000-0000-4000-8000-0000000000" + std::to_string(10 + number); };
    std::vector<ConfiguredIntegration> those;
    for (const int number : {0, 3, 4, 8})
        those.push_back(configured(some_tenant, id(number), "configured"));
    those.push_back(configured(other_tenant, id(9), "other"));
    ApiFixture api(with(std::move(those)));
    for (const int number : {1, 2, 5, 6, 7})
        put(api, some_tenant, id(number));
    store(api, id(4), "hidden behind the configured one");

    for (const std::size_t limit : {1U, 2U, 3U, 8U, 9U, 1000U}) {
        CAPTURE(limit);
        std::vector<std::string> seen;
        EmbeddedCatalog::PageRequest request;
        request.tenant_id = some_tenant;
        request.limit = limit;
        do {
            auto page = api.run(api.catalog->list_documents(request));
            REQUIRE(page.has_value());
            CHECK(page->items.size() <= limit);
            CHECK_FALSE(page->items.empty());
            for (const json::object& item : page->items)
                seen.emplace_back(item.at("id").as_string());
            request.cursor = page->next_cursor;
        } while (!request.cursor.empty());
        std::vector<std::string> expected;
        for (int number = 0; number < 9; ++number)
            expected.push_back(id(number));
        CHECK(seen == expected);
    }
    EmbeddedCatalog::PageRequest request;
    request.tenant_id = some_tenant;
    request.provider_name = "vault";
    CHECK(api.run(api.catalog->list_documents(request))->items.empty());
}

TEST_CASE("many stored integrations are all listed") {
    ApiFixture api;
    for (int number = 100; number < 350; ++number)
        put(api, some_tenant, "00000000-0000-4000-8000-000000000" + std::to_string(number));
    CHECK(names(api, "").size() == 250);
    CHECK(names(api, some_tenant).size() == 250);
}

TEST_CASE("credentials come from where the host says") {
    ApiFixture api;
    put(api, some_tenant, first_id);
    Integration integration = **api.run(api.catalog->find(some_tenant, first_id));
    CHECK(api.run(api.catalog->credentials(integration))->at("value") == "the secret of CRM");
    integration.credential_secret_name.clear();
    CHECK(api.run(api.catalog->credentials(integration))->empty());
    EmbeddedCatalogParts parts;
    parts.store = api.store.get();
    parts.adapters = &api.adapters;
    EmbeddedCatalog without(std::move(parts));
    integration.credential_secret_name = "crm";
    CHECK(api.run(without.credentials(integration)).error().code == ErrorCode::invalid_configuration);
}

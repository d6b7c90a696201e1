// Adapters, the integrations of the embedded catalog, and the local shards.
#include "handlers.hpp"
#include "handlers_common.hpp"

#include "catalog/embedded_catalog.hpp"
#include "configuration/adapter_settings.hpp"
#include "configuration/located.hpp"
#include "target.hpp"
#include "uuid.hpp"

#include <castiel_sync/adapters/local_shards.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace castiel_sync::service {
namespace {

constexpr int rounds = 5; // of a shard's replacement that others come before

HttpResponse refusal(std::string place, std::string message) {
    Rejection rejection;
    RequestFault& fault = rejection.faults.emplace_back();
    fault.place = std::move(place);
    fault.message = std::move(message);
    return rejection_answer(rejection);
}

HttpResponse refusal(const std::vector<ConfigurationFault>& faults) {
    Rejection rejection;
    for (const ConfigurationFault& fault : faults) {
        if (rejection.faults.size() == max_request_faults) break;
        rejection.faults.push_back({join_path("body", fault.path), fault.message});
    }
    return rejection_answer(rejection);
}

HttpResponse no_adapter(const std::string& name) {
    return error_answer(404, "no adapter is called " + name + "; /api/v1/adapters lists them");
}

HttpResponse no_integration(const std::string& id) { return error_answer(404, "no integration has the id " + id); }

HttpResponse no_shard(const std::string& id) { return error_answer(404, "no shard has the id " + id); }

HttpResponse integrations_elsewhere() {
    return error_answer(404, "this service keeps no integrations; ask the integration-manager of its configuration");
}

HttpResponse shards_elsewhere() {
    return error_answer(404, "this service keeps no shards; ask the shard-manager of its configuration");
}

HttpResponse without_body() {
    HttpResponse response;
    response.status = 204;
    return response;
}

json::object adapter_document(const AdapterDescription& adapter) {
    json::object document{
        {"name", adapter.name}, {"summary", adapter.summary}, {"settingsSchema", adapter.settings_schema}};
    if (!adapter.capabilities) return document;
    document["capabilities"] = capabilities_document(*adapter.capabilities);
    return document;
}

HttpResponse shard_answer(unsigned status, const Shard& shard) {
    std::string body;
    append_json(body, shard);
    HttpResponse response = json_text_answer(status, std::move(body));
    response.headers.add("ETag", '"' + shard.etag + '"');
    if (status == 201) response.headers.add("Location", "/api/v1/shards/" + encode_segment(shard.id));
    return response;
}

std::string take_text(json::object& body, std::string_view name) {
    const auto member = body.find(name);
    if (member == body.end()) return {};
    std::string text(member->value().get_string());
    body.stable_erase(member);
    return text;
}

// What the body says of the shard; the contract has seen to its members. What nothing here reads is kept beside what
// the shard held already.
void apply(json::object body, Shard& shard) {
    if (std::string type = take_text(body, "shardTypeId"); !type.empty()) shard.shard_type_id = std::move(type);
    if (std::string status = take_text(body, "status"); !status.empty()) shard.status = std::move(status);
    const auto data = body.find("structuredData");
    shard.structured_data = std::move(data->value().get_object());
    body.stable_erase(data);
    for (auto& member : body)
        shard.other.insert_or_assign(member.key(), std::move(member.value()));
}

// "" where there is none.
std::string expected_etag(const ApiCall& call) {
    const std::string quoted = call.text("If-Match");
    return quoted.empty() ? quoted : quoted.substr(1, quoted.size() - 2);
}

// One that this call finds too late to cancel, or can't, ends by itself: its integration is gone.
Async<void> cancel_tasks(const Api& api, std::string tenant_id, std::string integration_id, std::string actor,
                         std::string request_id) {
    const ApiParts& parts = api.parts();
    std::optional<Error> trouble;
    for (const SyncStatus status : {SyncStatus::pending, SyncStatus::running}) {
        ListRequest request;
        request.tenant_id = tenant_id;
        request.integration_id = integration_id;
        request.state = to_string(status);
        do {
            auto page = co_await parts.engine->list_tasks(request);
            if (!page) {
                trouble = page.error();
                break;
            }
            for (const SyncTask& task : page->items) {
                auto cancelled = co_await parts.engine->cancel_task(tenant_id, task.task_id, actor);
                if (!cancelled && cancelled.error().code != ErrorCode::stale) trouble = cancelled.error();
                if (parts.scheduler != nullptr) parts.scheduler->stop_task(task.task_id);
            }
            request.cursor = std::move(page->next_cursor);
        } while (!request.cursor.empty());
    }
    if (trouble && parts.log)
        parts.log(LogLevel::warning,
                  "a task of the deleted integration " + integration_id + " was not cancelled: " + trouble->message,
                  {{"tenantId", tenant_id}, {"requestId", request_id}});
}

// With tokens, tenants do not trust each other, and none of them may use what belongs to this process: the files of its
// machine, and the secrets that it may read. Whoever writes the configuration file may.
std::optional<HttpResponse> refuse_untrusted(const Api& api, const ApiCall& call) {
    if (!api.parts().authentication->needs_token()) return std::nullopt;
    const auto names = [&](std::string_view member) {
        const json::value* value = call.body.get_object().if_contains(member);
        return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
    };
    if (names("providerName") == "jsonl")
        return error_answer(422, "jsonl reads and writes files of this service's machine; an integration with it "
                                 "stands in the configuration file");
    if (!names("credentialSecretName").empty())
        return error_answer(422, "this service's secrets are not for tenants to name; an integration with "
                                 "credentials stands in the configuration file");
    return std::nullopt;
}

} // namespace

Async<HttpResponse> list_adapters(const Api& api, ApiCall) {
    std::vector<json::value> items;
    for (const AdapterDescription& adapter : api.parts().adapters->list())
        items.emplace_back(adapter_document(adapter));
    co_return page_answer(items, "");
}

Async<HttpResponse> find_adapter(const Api& api, ApiCall call) {
    const AdapterDescription* adapter = api.parts().adapters->find(call.text("name"));
    if (adapter == nullptr) co_return no_adapter(call.text("name"));
    co_return json_answer(200, adapter_document(*adapter));
}

Async<HttpResponse> list_integrations(const Api& api, ApiCall call) {
    if (api.parts().catalog == nullptr) co_return integrations_elsewhere();
    EmbeddedCatalog::PageRequest request;
    request.tenant_id = call.tenant_id;
    request.provider_name = call.text("providerName");
    request.limit = static_cast<std::size_t>(*call.parameters.integer("limit"));
    request.cursor = call.text("cursor");
    if (!request.cursor.empty() && !is_uuid(request.cursor))
        co_return refusal("query.cursor", "is not the nextCursor of a page of integrations; begin without one");
    auto page = co_await api.parts().catalog->list_documents(std::move(request));
    if (!page) co_return failure(api, call.request_id, page.error());
    std::vector<json::value> items(std::move_iterator(page->items.begin()), std::move_iterator(page->items.end()));
    co_return page_answer(items, page->next_cursor);
}

Async<HttpResponse> find_integration(const Api& api, ApiCall call) {
    if (api.parts().catalog == nullptr) co_return integrations_elsewhere();
    const std::string id = parse_uuid(call.id()).value_or("");
    auto document = co_await api.parts().catalog->find_document(call.tenant_id, id);
    if (!document) co_return failure(api, call.request_id, document.error());
    if (!*document) co_return no_integration(id);
    co_return json_answer(200, std::move(**document));
}

Async<HttpResponse> put_integration(const Api& api, ApiCall call) {
    if (api.parts().catalog == nullptr) co_return integrations_elsewhere();
    const std::string id = parse_uuid(call.id()).value_or("");
    if (auto refused = refuse_untrusted(api, call)) co_return std::move(*refused);
    auto put = co_await api.parts().catalog->put(call.tenant_id, id, std::move(call.body.get_object()));
    if (!put) co_return failure(api, call.request_id, put.error());
    if (!put->faults.empty()) co_return refusal(put->faults);
    if (api.parts().scheduler != nullptr) api.parts().scheduler->take_note(put->integration);
    HttpResponse response = json_answer(put->created ? 201 : 200, std::move(put->document));
    if (put->created) response.headers.add("Location", "/api/v1/integrations/" + id);
    co_return response;
}

Async<HttpResponse> delete_integration(const Api& api, ApiCall call) {
    if (api.parts().catalog == nullptr) co_return integrations_elsewhere();
    Integration integration;
    integration.tenant_id = call.tenant_id;
    integration.id = parse_uuid(call.id()).value_or("");
    auto removed = co_await api.parts().catalog->remove(integration.tenant_id, integration.id);
    if (!removed) co_return failure(api, call.request_id, removed.error());
    if (!*removed) co_return no_integration(integration.id);
    if (api.parts().scheduler != nullptr) api.parts().scheduler->take_note(integration);
    co_await cancel_tasks(api, integration.tenant_id, integration.id, call.actor, call.request_id);
    co_return without_body();
}

Async<HttpResponse> list_shards(const Api& api, ApiCall call) {
    if (api.parts().catalog == nullptr) co_return shards_elsewhere();
    LocalShards shards(api.parts().runtime, *api.parts().store, call.tenant_id);
    const auto limit = static_cast<std::size_t>(*call.parameters.integer("limit"));
    auto page = co_await shards.list(call.text("shardTypeId"), limit, call.text("cursor"));
    if (!page && page.error().code == ErrorCode::invalid_request)
        co_return refusal("query.cursor", "is not the nextCursor of a page of shards; begin without one");
    if (!page) co_return failure(api, call.request_id, page.error());
    co_return page_answer(page->items, page->continuation);
}

Async<HttpResponse> create_shard(const Api& api, ApiCall call) {
    if (api.parts().catalog == nullptr) co_return shards_elsewhere();
    const Runtime& runtime = api.parts().runtime;
    LocalShards shards(runtime, *api.parts().store, call.tenant_id);
    Shard shard;
    shard.id = call.made_id.empty() ? make_ordered_uuid(runtime.clock->now(), *runtime.random) : call.made_id;
    const std::string id = shard.id;
    apply(std::move(call.body.get_object()), shard);
    auto created = co_await shards.create(std::move(shard));
    if (!created) co_return failure(api, call.request_id, created.error());
    if (*created) co_return shard_answer(201, **created);
    // An earlier attempt of this very request made it, and did not get to answer.
    auto present = co_await shards.get("", id);
    if (!present) co_return failure(api, call.request_id, present.error());
    if (!*present) co_return error_answer(409, "the shard was made and deleted at once; try again");
    co_return shard_answer(201, **present);
}

Async<HttpResponse> find_shard(const Api& api, ApiCall call) {
    if (api.parts().catalog == nullptr) co_return shards_elsewhere();
    LocalShards shards(api.parts().runtime, *api.parts().store, call.tenant_id);
    auto shard = co_await shards.get("", call.id());
    if (!shard) co_return failure(api, call.request_id, shard.error());
    if (!*shard) co_return no_shard(call.id());
    co_return shard_answer(200, **shard);
}

Async<HttpResponse> put_shard(const Api& api, ApiCall call) {
    if (api.parts().catalog == nullptr) co_return shards_elsewhere();
    LocalShards shards(api.parts().runtime, *api.parts().store, call.tenant_id);
    const std::string id = call.id(), expected = expected_etag(call);
    for (int round = 0; round < rounds; ++round) {
        auto present = co_await shards.get("", id);
        if (!present) co_return failure(api, call.request_id, present.error());
        if (!expected.empty() && (!*present || (*present)->etag != expected))
            co_return error_answer(409, "the shard " + id + " does not have the ETag of If-Match; read it again");
        Shard shard;
        if (*present) shard = **present;
        shard.id = id;
        apply(call.body.get_object(), shard);
        if (shard.shard_type_id.empty())
            co_return refusal("body.shardTypeId", "is missing: no shard has this id, and a new one needs a type");
        if (*present) {
            auto replaced = co_await shards.put(std::move(shard), (*present)->etag);
            if (replaced) co_return shard_answer(200, *replaced);
            if (replaced.error().code != ErrorCode::stale) co_return failure(api, call.request_id, replaced.error());
        } else {
            auto created = co_await shards.create(std::move(shard));
            if (!created) co_return failure(api, call.request_id, created.error());
            if (*created) co_return shard_answer(201, **created);
        }
    }
    co_return error_answer(409, "others write the shard " + id + " at this moment; try again");
}

Async<HttpResponse> delete_shard(const Api& api, ApiCall call) {
    if (api.parts().catalog == nullptr) co_return shards_elsewhere();
    LocalShards shards(api.parts().runtime, *api.parts().store, call.tenant_id);
    auto removed = co_await shards.remove("", call.id(), expected_etag(call));
    if (!removed) co_return failure(api, call.request_id, removed.error());
    if (!*removed) co_return no_shard(call.id());
    co_return without_body();
}

} // namespace castiel_sync::service

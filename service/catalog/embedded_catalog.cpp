#include "embedded_catalog.hpp"

#include "configuration/adapter_settings.hpp"
#include "uuid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace castiel_sync::service {
namespace {

constexpr int rounds = 5; // of a put that others come before
constexpr std::size_t page_documents = 100;
constexpr std::size_t max_reported = 1000;

Error unusable(std::string_view integration_id, std::string_view why) {
    return Error(ErrorCode::corrupted, fmt::format("the stored integration {} can't be used ({}); put it again",
                                                   integration_id, why));
}

Result<json::object> read_json(const Document& document) {
    auto parsed = parse_json_object(document.body);
    if (!parsed) return unusable(document.id, parsed.error().message);
    return parsed;
}

std::string_view text_of(const json::object& document, std::string_view name) {
    const json::value* member = document.if_contains(name);
    return member != nullptr && member->is_string() ? std::string_view(member->get_string()) : std::string_view();
}

Result<Integration> read_integration(std::string_view tenant_id, const Document& document) {
    auto object = read_json(document);
    if (!object) return object.error();
    ParsedIntegration parsed = parse_integration(*object, true);
    for (const ConfigurationFault& fault : parsed.faults)
        if (!fault.notice) return unusable(document.id, fault.path + ": " + fault.message);
    if (parsed.integration->id != document.id || parsed.integration->tenant_id != tenant_id)
        return unusable(document.id, "it is another one's");
    return std::move(*parsed.integration);
}

Error is_configured(const ConfiguredIntegration& configured) {
    return Error(ErrorCode::already_exists,
                 fmt::format("the integration {} is configured in {}; change it there, and have the service read it "
                             "again",
                             configured.integration.id, configured.origin.file));
}

// The document with its ids first; whoever asks names them, so that they may be left out.
json::object with_ids(json::object document, const std::string& tenant_id, const std::string& integration_id) {
    json::object complete;
    complete["id"] = integration_id;
    complete["tenantId"] = tenant_id;
    for (auto& member : document)
        complete.insert_or_assign(member.key(), std::move(member.value()));
    return complete;
}

Document to_document(const Integration& integration, const json::object& object) {
    Document document;
    document.kind = integration_kind;
    document.id = integration.id;
    document.index.emplace_back(integration.id);
    document.index.emplace_back(integration.provider_name);
    document.body = to_json(object);
    return document;
}

std::string_view id_of(const ConfiguredIntegration& each) { return each.integration.id; }

} // namespace

std::vector<ConfiguredIntegration> configured_integrations(const Configuration& configuration) {
    std::vector<ConfiguredIntegration> configured(configuration.integrations.size());
    for (std::size_t i = 0; i < configured.size(); ++i) {
        configured[i].integration = configuration.integrations[i];
        configured[i].origin = configuration.integration_origins.at(i);
    }
    return configured;
}

EmbeddedCatalog::EmbeddedCatalog(EmbeddedCatalogParts parts, std::vector<ConfiguredIntegration> configured)
    : parts_(std::move(parts)) {
    set_configured(std::move(configured));
}

void EmbeddedCatalog::set_configured(std::vector<ConfiguredIntegration> configured) {
    std::ranges::sort(configured, {}, id_of);
    configured_ = std::make_shared<const Configured>(std::move(configured));
}

const ConfiguredIntegration* EmbeddedCatalog::find_configured(std::string_view tenant_id, std::string_view id) const {
    for (const ConfiguredIntegration& each : std::ranges::equal_range(*configured_, id, {}, id_of))
        if (each.integration.tenant_id == tenant_id) return &each;
    return nullptr;
}

Async<Result<std::optional<Document>>> EmbeddedCatalog::read(std::string tenant_id, std::string integration_id) {
    std::vector<std::string> ids{std::move(integration_id)};
    auto documents = co_await parts_.store->read(std::move(tenant_id), std::string(integration_kind), std::move(ids));
    if (!documents) co_return documents.error();
    co_return std::move(documents->front());
}

// Of one tenant, or of all.
Async<Result<ScanPage>> EmbeddedCatalog::read_page(std::string tenant_id, Query query) {
    if (tenant_id.empty()) co_return co_await parts_.store->scan(std::string(integration_kind), std::move(query));
    auto found = co_await parts_.store->query(tenant_id, std::string(integration_kind), std::move(query));
    if (!found) co_return found.error();
    ScanPage page;
    page.continuation = std::move(found->continuation);
    for (Document& document : found->documents) {
        ScannedDocument& each = page.documents.emplace_back();
        each.partition = tenant_id;
        each.document = std::move(document);
    }
    co_return page;
}

void EmbeddedCatalog::report(std::string_view tenant_id, const Document& document, const Error& error) {
    if (!parts_.log) return;
    if (reported_.size() >= max_reported) reported_.clear();
    if (!reported_.insert(fmt::format("{} {} {}", tenant_id, document.id, document.etag)).second) return;
    parts_.log(LogLevel::error, error.message, {{"tenantId", tenant_id}, {"integrationId", document.id}});
}

Async<Result<std::optional<Integration>>> EmbeddedCatalog::find(std::string tenant_id, std::string integration_id) {
    if (const ConfiguredIntegration* configured = find_configured(tenant_id, integration_id))
        co_return std::optional<Integration>(configured->integration);
    auto document = co_await read(tenant_id, std::move(integration_id));
    if (!document) co_return document.error();
    if (!*document) co_return std::optional<Integration>();
    auto integration = read_integration(tenant_id, **document);
    if (!integration) co_return integration.error();
    co_return std::optional<Integration>(std::move(*integration));
}

Async<Result<std::vector<Integration>>> EmbeddedCatalog::list(std::string tenant_id) {
    return collect(std::move(tenant_id), "");
}

Async<Result<std::vector<Integration>>> EmbeddedCatalog::find_in_all_tenants(std::string integration_id) {
    return collect("", std::move(integration_id));
}

// Of one tenant, or of all; with one id, or with any.
Async<Result<std::vector<Integration>>> EmbeddedCatalog::collect(std::string tenant_id, std::string integration_id) {
    const std::shared_ptr<const Configured> configured = configured_;
    std::vector<Integration> found;
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (const ConfiguredIntegration& each : *configured) {
        if (!tenant_id.empty() && each.integration.tenant_id != tenant_id) continue;
        if (!integration_id.empty() && each.integration.id != integration_id) continue;
        seen.emplace(each.integration.tenant_id, each.integration.id);
        found.push_back(each.integration);
    }
    Query query;
    query.limit = page_documents;
    if (!integration_id.empty())
        query.conditions.emplace_back("integration_id", Condition::Comparison::equal, integration_id);
    do {
        auto page = co_await read_page(tenant_id, query);
        if (!page) co_return page.error();
        query.continuation = std::move(page->continuation);
        for (const ScannedDocument& each : page->documents) {
            if (seen.contains({each.partition, each.document.id})) continue;
            auto integration = read_integration(each.partition, each.document);
            if (integration)
                found.push_back(std::move(*integration));
            else
                report(each.partition, each.document, integration.error());
        }
    } while (!query.continuation.empty());
    co_return found;
}

Async<Result<json::object>> EmbeddedCatalog::credentials(const Integration& integration) {
    if (integration.credential_secret_name.empty()) co_return json::object();
    if (parts_.secrets == nullptr)
        co_return Error(ErrorCode::invalid_configuration,
                        fmt::format("integration {} names the secret '{}', and there is nowhere to look it up",
                                    integration.id, integration.credential_secret_name));
    auto found = co_await parts_.secrets->find(integration.tenant_id, integration.credential_secret_name);
    co_return found;
}

json::object EmbeddedCatalog::shown(json::object document) const {
    const AdapterDescription* adapter = parts_.adapters->find(text_of(document, "providerName"));
    json::value& settings = document["settings"];
    if (!settings.is_object()) settings.emplace_object();
    if (adapter != nullptr) settings = without_write_only(settings.get_object(), adapter->settings_schema);
    json::value& sync_config = document["syncConfig"];
    if (!sync_config.is_object()) sync_config.emplace_object();
    return document;
}

// One that nobody can read takes its place all the same: whoever looks for it learns that it is there.
json::object EmbeddedCatalog::shown_in_list(std::string_view tenant_id, const Document& document) {
    auto object = read_json(document);
    if (object) return shown(std::move(*object));
    report(tenant_id, document, object.error());
    json::object stub;
    stub["id"] = document.id;
    stub["tenantId"] = tenant_id;
    const auto* provider = document.index.size() == 2 ? std::get_if<std::string>(&document.index[1]) : nullptr;
    stub["providerName"] = provider != nullptr ? *provider : std::string();
    stub["status"] = "error";
    return shown(std::move(stub));
}

Async<Result<EmbeddedCatalog::Page>> EmbeddedCatalog::list_documents(PageRequest request) {
    std::map<std::string, json::object> found;
    for (const ConfiguredIntegration& each : *configured_) {
        const Integration& integration = each.integration;
        const bool of_provider = request.provider_name.empty() || integration.provider_name == request.provider_name;
        if (integration.tenant_id == request.tenant_id && integration.id > request.cursor && of_provider)
            found.emplace(integration.id, shown(each.origin.document));
    }
    Query query;
    query.order.emplace_back().field = "integration_id";
    query.conditions.emplace_back("integration_id", Condition::Comparison::greater, request.cursor);
    if (!request.provider_name.empty())
        query.conditions.emplace_back("provider_name", Condition::Comparison::equal, request.provider_name);
    query.limit = std::min<std::size_t>(request.limit + 1, 1000);
    std::size_t stored = 0;
    do { // one more than is asked for tells whether there is more
        auto page = co_await parts_.store->query(request.tenant_id, std::string(integration_kind), query);
        if (!page) co_return page.error();
        query.continuation = std::move(page->continuation);
        for (const Document& document : page->documents) {
            if (find_configured(request.tenant_id, document.id) != nullptr) continue;
            ++stored;
            found.emplace(document.id, shown_in_list(request.tenant_id, document));
        }
    } while (stored <= request.limit && !query.continuation.empty());
    Page page;
    for (auto& [id, document] : found) {
        if (page.items.size() == request.limit) {
            page.next_cursor = std::string(text_of(page.items.back(), "id"));
            break;
        }
        page.items.push_back(std::move(document));
    }
    co_return page;
}

Async<Result<std::optional<json::object>>> EmbeddedCatalog::find_document(std::string tenant_id,
                                                                          std::string integration_id) {
    if (const ConfiguredIntegration* configured = find_configured(tenant_id, integration_id))
        co_return std::optional<json::object>(shown(configured->origin.document));
    auto document = co_await read(std::move(tenant_id), std::move(integration_id));
    if (!document) co_return document.error();
    if (!*document) co_return std::optional<json::object>();
    auto object = read_json(**document);
    if (!object) co_return object.error();
    co_return std::optional<json::object>(shown(std::move(*object)));
}

Async<Result<EmbeddedCatalog::PutAnswer>> EmbeddedCatalog::put(std::string tenant_id, std::string integration_id,
                                                               json::object document) {
    if (const ConfiguredIntegration* configured = find_configured(tenant_id, integration_id))
        co_return is_configured(*configured);
    document = with_ids(std::move(document), tenant_id, integration_id);
    PutAnswer answer;
    ParsedIntegration parsed = parse_integration(document, true);
    answer.faults = std::move(parsed.faults);
    if (const auto id = parse_uuid(text_of(document, "id")); id && *id != integration_id)
        answer.faults.emplace_back("id", "must be the id that the path names, or be left out");
    if (const auto tenant = parse_uuid(text_of(document, "tenantId")); tenant && *tenant != tenant_id)
        answer.faults.emplace_back("tenantId", "must be the tenant of the request, or be left out");
    for (ConfigurationFault& fault : check_adapter(document, parts_.adapters->list()))
        answer.faults.push_back(std::move(fault));
    std::erase_if(answer.faults, [](const ConfigurationFault& fault) { return fault.notice; });
    if (!answer.faults.empty()) co_return answer;

    answer.integration = std::move(*parsed.integration);
    document["id"] = integration_id;
    document["tenantId"] = tenant_id;
    for (int round = 0; round < rounds; ++round) {
        auto present = co_await read(tenant_id, integration_id);
        if (!present) co_return present.error();
        answer.created = !*present;
        Document written = to_document(answer.integration, document);
        std::vector<Write> writes;
        if (*present) {
            written.etag = (*present)->etag;
            writes.push_back(replace(std::move(written)));
        } else {
            writes.push_back(insert(std::move(written)));
        }
        auto receipt = co_await parts_.store->commit(tenant_id, std::move(writes));
        if (receipt) {
            answer.document = shown(std::move(document));
            co_return answer;
        }
        if (receipt.error().code != ErrorCode::stale) co_return receipt.error();
    }
    co_return Error(ErrorCode::busy,
                    fmt::format("others write the integration {} at this moment; try again", integration_id));
}

Async<Result<bool>> EmbeddedCatalog::remove(std::string tenant_id, std::string integration_id) {
    if (const ConfiguredIntegration* configured = find_configured(tenant_id, integration_id))
        co_return is_configured(*configured);
    auto present = co_await read(tenant_id, integration_id);
    if (!present) co_return present.error();
    if (!*present) co_return false;
    std::vector<Write> writes{castiel_sync::remove(std::string(integration_kind), std::move(integration_id))};
    auto receipt = co_await parts_.store->commit(std::move(tenant_id), std::move(writes));
    if (!receipt) co_return receipt.error();
    co_return true;
}

} // namespace castiel_sync::service

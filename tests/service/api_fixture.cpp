#include "api_fixture.hpp"

#include "configuration/embedded.hpp"
#include "configuration/schema.hpp"
#include "configuration/yaml.hpp"

#include <castiel_sync/adapters/jsonl.hpp>
#include <castiel_sync/adapters/local_shards.hpp>
#include <castiel_sync/stores/memory.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

namespace castiel_sync::service {
namespace {

const json::value& contract_document() {
    static const json::value read = [] {
        std::vector<Fault> faults;
        return read_yaml(std::string(embedded_contract), "openapi.yaml", faults).value;
    }();
    return read;
}

const json::object& resolved(const json::value& value) {
    const auto* reference = value.get_object().if_contains("$ref");
    if (reference == nullptr) return value.get_object();
    return contract_document().at_pointer(std::string(reference->as_string()).substr(1)).get_object();
}

// nullptr: the operation does not document this status.
const json::object* documented(const Operation& operation, unsigned status) {
    std::string method = operation.method;
    std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(c | 0x20); });
    const json::object& responses =
        contract_document().at("paths").at(operation.path).at(method).at("responses").get_object();
    const json::value* response = responses.if_contains(std::to_string(status));
    return response == nullptr ? nullptr : &resolved(*response);
}

const CompiledSchema& schema_of(const json::value& schema) {
    static std::map<std::string, CompiledSchema> compiled;
    return compiled.try_emplace(to_json(schema), schema, contract_document()).first->second;
}

void check_documented(const Operation& operation, const HttpResponse& response) {
    CAPTURE(operation.id);
    CAPTURE(response.status);
    CAPTURE(response.body);
    const json::object* known = documented(operation, response.status);
    REQUIRE(known != nullptr);
    const json::value* content = known->if_contains("content");
    if (content == nullptr) {
        CHECK(response.body.empty());
    } else if (const auto* of_json = content->get_object().if_contains("application/json")) {
        const auto body = parse_json(response.body);
        REQUIRE(body.has_value());
        for (const ConfigurationFault& fault : schema_of(of_json->at("schema")).validate(*body))
            FAIL_CHECK(fault.path << ": " << fault.message);
    }
    const json::value* headers = known->if_contains("headers");
    if (headers == nullptr) return;
    for (const auto& header : headers->get_object()) {
        CHECK_MESSAGE(response.headers.find(std::string_view(header.key())) != nullptr, header.key());
    }
}

std::unique_ptr<TroubledStore> make_store(Clock& clock) {
    std::vector<KindDeclaration> kinds(engine_kinds().begin(), engine_kinds().end());
    kinds.insert(kinds.end(), service_kinds().begin(), service_kinds().end());
    kinds.insert(kinds.end(), webhook_kinds().begin(), webhook_kinds().end());
    return std::make_unique<TroubledStore>(make_memory_store(clock, kinds));
}

AdapterDescription vault() {
    AdapterDescription description;
    description.name = "vault";
    description.summary = "Can't be made; has a setting that nobody may see.";
    description.settings_schema = parse_json_object(R"({
        "type": "object", "additionalProperties": false, "required": ["url"], "properties": {
            "url": {"type": "string"}, "token": {"type": "string", "writeOnly": true},
            "proxy": {"type": "object", "properties": {
                "host": {"type": "string"}, "password": {"type": "string", "writeOnly": true}}}}})")
                                      .value();
    return description;
}

Result<std::unique_ptr<Adapter>> no_adapter(const AdapterContext&) {
    return Error(ErrorCode::unavailable, "the vault is closed");
}

} // namespace

Async<Result<std::vector<std::optional<Document>>>> TroubledStore::read(std::string partition, std::string kind,
                                                                        std::vector<std::string> ids) {
    if (trouble) co_return *trouble;
    co_return co_await inner_->read(std::move(partition), std::move(kind), std::move(ids));
}

Async<Result<DocumentPage>> TroubledStore::query(std::string partition, std::string kind, Query query) {
    if (trouble) co_return *trouble;
    co_return co_await inner_->query(std::move(partition), std::move(kind), std::move(query));
}

Async<Result<CommitReceipt>> TroubledStore::commit(std::string partition, std::vector<Write> writes) {
    if (trouble) co_return *trouble;
    const bool interrupted = meanwhile && !writes.empty() && writes.front().document.kind == interrupted_kind;
    if (interrupted) {
        const auto action = std::exchange(meanwhile, nullptr);
        co_await action();
    }
    co_return co_await inner_->commit(std::move(partition), std::move(writes));
}

Async<Result<ScanPage>> TroubledStore::scan(std::string kind, Query query) {
    if (trouble) co_return *trouble;
    co_return co_await inner_->scan(std::move(kind), std::move(query));
}

ApiFixture::ApiFixture(ApiFixtureOptions options)
    : store(make_store(clock)),
      secret_provider(make_environment_secrets(
          [this](const std::string& variable) -> std::optional<std::string> {
              const auto set = environment.find(variable);
              return set != environment.end() ? set->second : "the secret of " + variable;
          })) {
    adapters.add(jsonl_description(), jsonl_factory(loop.executor()));
    adapters.add(vault(), no_adapter);
    const auto note = [this](LogLevel level, std::string_view message, const json::object&) {
        if (level != LogLevel::debug && level != LogLevel::info) log.emplace_back(message);
    };
    EmbeddedCatalogParts catalog_parts;
    catalog_parts.store = store.get();
    catalog_parts.adapters = &adapters;
    catalog_parts.secrets = secret_provider.get();
    catalog_parts.log = note;
    catalog = std::make_unique<EmbeddedCatalog>(std::move(catalog_parts), std::move(options.configured));

    WebhooksParts webhooks_parts;
    webhooks_parts.runtime = runtime;
    webhooks_parts.store = store.get();
    webhooks_parts.sealer = &sealer;
    webhooks = std::make_unique<Webhooks>(std::move(webhooks_parts));

    EngineParts engine_parts;
    engine_parts.runtime = runtime;
    engine_parts.store = store.get();
    engine_parts.adapters = &adapters;
    engine_parts.shards = local_shards_factory(*store);
    engine_parts.catalog = catalog.get();
    engine_parts.fan_out = webhooks.get();
    engine_parts.instance = "api";
    engine = std::make_unique<Engine>(std::move(engine_parts));
    InboundHooksParts hooks_parts;
    hooks_parts.runtime = runtime;
    hooks_parts.engine = engine.get();
    hooks_parts.store = store.get();
    hooks_parts.catalog = catalog.get();
    hooks_parts.adapters = &adapters;
    hooks = std::make_unique<InboundHooks>(std::move(hooks_parts));

    SchedulerParts scheduler_parts;
    scheduler_parts.runtime = runtime;
    scheduler_parts.engine = engine.get();
    scheduler_parts.store = store.get();
    scheduler_parts.catalog = catalog.get();
    scheduler = std::make_unique<Scheduler>(std::move(scheduler_parts));

    Authentication::Options authentication_options;
    authentication_options.secrets = std::move(options.secrets);
    auto made = Authentication::make(authentication_options);
    REQUIRE(made.has_value());
    authentication = std::make_unique<Authentication>(std::move(*made));

    ApiParts parts;
    parts.runtime = runtime;
    parts.engine = engine.get();
    parts.scheduler = scheduler.get();
    parts.store = store.get();
    parts.adapters = &adapters;
    parts.catalog = options.embedded ? catalog.get() : nullptr;
    parts.webhooks = webhooks.get();
    parts.hooks = hooks.get();
    parts.sealer = &sealer;
    parts.authentication = authentication.get();
    parts.log = note;
    parts.contract_text = embedded_contract;
    auto api_made = Api::make(std::move(parts));
    REQUIRE_MESSAGE(api_made.has_value(), api_made.error().message);
    api = std::move(*api_made);
}

ApiFixture::~ApiFixture() { loop.destroy(); }

HttpResponse ApiFixture::send(const std::string& method, const std::string& target, const std::string& body,
                              const Headers& headers) {
    return loop.run(answer(method, target, body, headers));
}

Async<HttpResponse> ApiFixture::answer(std::string method, std::string target, std::string body, Headers headers) {
    HttpRequest request;
    request.method = method;
    request.target = target;
    request.headers.add("X-Tenant-ID", some_tenant);
    if (!body.empty()) request.headers.add("Content-Type", "application/json");
    request.body = std::move(body);
    for (const auto& [name, value] : headers) {
        request.headers.remove(name);
        if (!value.empty()) request.headers.add(name, value);
    }
    HttpResponse response = co_await api->handle(std::move(request));
    const std::string path = target.substr(0, target.find('?'));
    const auto match = api->contract().match(method, path);
    if (match && response.status != 500) check_documented(*match->operation, response);
    co_return response;
}

json::object body_of(const HttpResponse& response) {
    auto parsed = parse_json_object(response.body);
    REQUIRE_MESSAGE(parsed.has_value(), response.body);
    return std::move(*parsed);
}

std::string message_of(const HttpResponse& response) {
    return std::string(body_of(response).at("error").at("message").as_string());
}

std::vector<std::string> faults_of(const HttpResponse& response) {
    std::vector<std::string> faults;
    const json::object body = body_of(response);
    const json::value* details = body.at("error").as_object().if_contains("details");
    if (details == nullptr) return faults;
    for (const json::value& fault : details->at("faults").as_array())
        faults.push_back(std::string(fault.at("place").as_string()) + ": " +
                         std::string(fault.at("message").as_string()));
    return faults;
}

std::string header_of(const HttpResponse& response, std::string_view name) {
    const std::string* value = response.headers.find(name);
    return value == nullptr ? std::string() : *value;
}

} // namespace castiel_sync::service

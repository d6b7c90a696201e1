#include "configuration/embedded.hpp"
#include "configuration/yaml.hpp"
#include "http/contract.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

using namespace castiel_sync;
using namespace castiel_sync::service;

namespace {

const Contract& contract() {
    static const Contract read = [] {
        auto result = Contract::read(std::string(embedded_contract));
        REQUIRE_MESSAGE(result.has_value(), result.error().message);
        return std::move(*result);
    }();
    return read;
}

const json::value& root() {
    static const json::value read = [] {
        std::vector<Fault> faults;
        return read_yaml(std::string(embedded_contract), "openapi.yaml", faults).value;
    }();
    return read;
}

const json::object& document() { return root().get_object(); }

const json::object& resolved(const json::value& value) {
    const auto* reference = value.get_object().if_contains("$ref");
    if (reference == nullptr) return value.get_object();
    return root().at_pointer(std::string(reference->as_string()).substr(1)).get_object();
}

// Contract::read of the same text with one change.
std::string fault_after(std::string_view from, std::string_view to) {
    std::string text(embedded_contract);
    const std::size_t at = text.find(from);
    REQUIRE_MESSAGE(at != std::string::npos, from);
    text.replace(at, from.size(), to);
    const auto read = Contract::read(text);
    return read ? "" : read.error().message;
}

std::string told(const Rejection& rejection) {
    std::string text = std::to_string(rejection.status);
    for (const RequestFault& fault : rejection.faults)
        text.append("\n").append(fault.place).append(": ").append(fault.message);
    return text;
}

// The status and the places: what a client's program looks at.
std::string places(const Rejection& rejection) {
    std::string text = std::to_string(rejection.status);
    for (const RequestFault& fault : rejection.faults)
        text.append(" ").append(fault.place);
    return text;
}

std::string matched(std::string_view method, std::string_view path) {
    const auto match = contract().match(method, path);
    if (!match) return places(match.error());
    std::string text = match->operation->id;
    for (const auto& [name, value] : match->path_values)
        text.append(" ").append(name).append("=").append(value);
    return text;
}

const Operation& operation(std::string_view id) {
    const auto found = std::ranges::find(contract().operations(), id, &Operation::id);
    REQUIRE(found != contract().operations().end());
    return *found;
}

const std::vector<Header> json_headers{{"content-type", "application/json"}};

Checked<std::optional<json::value>> body_of(std::string_view id, std::string_view body,
                                            const std::vector<Header>& headers = json_headers) {
    return contract().parse_body(operation(id), headers, body);
}

std::string body_fault(std::string_view id, std::string_view body, const std::vector<Header>& headers = json_headers) {
    const auto value = body_of(id, body, headers);
    return value ? "" : told(value.error());
}

constexpr std::string_view tenant = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001";
const std::vector<Header> tenant_header{{"X-Tenant-ID", tenant}};

Checked<Parameters> parameters_of(std::string_view method, std::string_view path, std::string_view query,
                                  const std::vector<Header>& headers = tenant_header) {
    const auto match = contract().match(method, path);
    REQUIRE_MESSAGE(match.has_value(), path);
    return contract().parse_parameters(*match, query, headers);
}

std::string parameter_fault(std::string_view path, std::string_view query,
                            const std::vector<Header>& headers = tenant_header) {
    const auto parameters = parameters_of("GET", path, query, headers);
    return parameters ? "" : told(parameters.error());
}

constexpr std::string_view tasks = "/api/v1/sync/tasks";
constexpr std::string_view request = R"({"integrationId": "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01")";

std::string with(std::string_view more) { return std::string(request).append(", ").append(more).append("}"); }

} // namespace

TEST_CASE("Every operation of openapi.yaml is found by an example of its path") {
    std::size_t count = 0;
    for (const auto& path : document().at("paths").get_object())
        for (const auto& [method, value] : path.value().get_object()) {
            const json::object& described = value.get_object();
            std::string example(path.key());
            if (const auto* parameters = described.if_contains("parameters"))
                for (const json::value& each : parameters->get_array()) {
                    const json::object& parameter = resolved(each);
                    const std::string place = "{" + std::string(parameter.at("name").as_string()) + "}";
                    if (const auto at = example.find(place); at != std::string::npos)
                        example.replace(at, place.size(), std::string(parameter.at("example").as_string()));
                }
            std::string upper(method);
            std::ranges::transform(upper, upper.begin(), [](char byte) { return static_cast<char>(byte - 32); });
            const auto match = contract().match(upper, example);
            REQUIRE_MESSAGE(match.has_value(), example);
            CHECK(match->operation->id == described.at("operationId").as_string());
            CHECK(match->operation->path == path.key());
            CHECK(match->operation->takes_body == described.contains("requestBody"));
            CHECK(match->operation->needs_authentication ==
                  (example.starts_with("/api/v1/") && !example.starts_with("/api/v1/hooks/")));
            const bool tenants = match->operation->needs_authentication;
            const auto parsed =
                contract().parse_parameters(*match, "", tenants ? tenant_header : std::vector<Header>());
            CHECK_MESSAGE(parsed.has_value(), (parsed ? "" : told(parsed.error())));
            ++count;
        }
    CHECK(count == contract().operations().size());
    CHECK(count == 54);
}

TEST_CASE("Every POST of a tenant takes an Idempotency-Key, and every list a limit and a cursor") {
    for (const Operation& each : contract().operations()) {
        std::set<std::string> names;
        const json::object& described = document()
                                            .at("paths")
                                            .at(each.path)
                                            .at(each.method == "GET"    ? "get"
                                                : each.method == "PUT"  ? "put"
                                                : each.method == "POST" ? "post"
                                                                        : "delete")
                                            .get_object();
        for (const json::value& parameter : described.at("parameters").get_array())
            names.emplace(resolved(parameter).at("name").as_string());
        CHECK_MESSAGE(names.contains("X-Request-ID"), each.id);
        CHECK_MESSAGE(names.contains("X-Tenant-ID") == each.needs_authentication, each.id);
        CHECK_MESSAGE(names.contains("Idempotency-Key") == (each.method == "POST" && each.needs_authentication),
                      each.id);
        const bool whole = each.id == "list_adapters" || each.id == "list_integration_webhooks";
        const bool pages = (each.id.starts_with("list_") && !whole) || each.id == "find_history";
        CHECK_MESSAGE(names.contains("cursor") == pages, each.id);
    }
}

TEST_CASE("Every example of a body is one") {
    std::size_t count = 0;
    for (const Operation& each : contract().operations()) {
        if (!each.takes_body || each.takes_bytes) continue;
        const json::value& item = document().at("paths").at(each.path);
        const json::value& described = item.at(each.method == "PUT" ? "put" : "post");
        const json::object& media = described.at("requestBody").at("content").at("application/json").get_object();
        for (const auto& example : media.at("examples").get_object()) {
            const std::string text = to_json(example.value().at("value"));
            CHECK_MESSAGE(body_fault(each.id, text) == "", each.id);
            ++count;
        }
    }
    CHECK(count >= 13);
}

TEST_CASE("Paths are taken as they are, once") {
    CHECK(matched("GET", "/health") == "health");
    CHECK(matched("HEAD", "/health") == "health");
    CHECK(matched("GET", "/api/v1/sync/tasks/a1") == "find_task id=a1");
    CHECK(matched("GET", "/api/v1/sync/tasks/a%31%2531") == "find_task id=a1%31");
    CHECK(matched("GET", "/api/v1/sync/records/contacts/%E2%82%AC/history") == "find_history entityType=contacts id=€");
    CHECK(matched("GET", "/api/v1/sync/records/contacts/a;b=c/history") == "find_history entityType=contacts id=a;b=c");
    CHECK(matched("GET", "/api/v1/sync/records/contacts/a+b/history") == "find_history entityType=contacts id=a+b");

    for (const char* path :
         {"", "/", "//", "health", "*", "/health/", "//health", "/Health", "/./health", "/x/../health", "/%68ealth",
          "/health%00", "/health;a", "/api/v1/sync/tasks/", "/api/v1//sync/tasks", "/api/v1/sync/tasks//execute",
          "/api/v1/sync/tasks/a/b/c", "/api/v1/webhook", "http://127.0.0.1/health"})
        CHECK_MESSAGE(matched("GET", path) == "404 path", path);
    CHECK(matched("GET", "/" + std::string(100'000, 'a')) == "404 path");
    std::string deep;
    for (int at = 0; at < 4000; ++at)
        deep += "/a";
    CHECK(matched("GET", deep) == "404 path");
    for (const char* id :
         {"%", "%2",     "%zz", "a%2", "%2f",  "a%2Fb", "%00",  "%ff",  "%c0%af",   "%ed%a0%80", "..",
          ".", "%2e%2e", "%2E", "a b", "a\"b", "a\\b",  "a{b}", "\x01", "\xc3\xa4", "a?b",       "a#b"})
        CHECK_MESSAGE(matched("GET", std::string(tasks) + "/" + id) == "400 path.id", id);
    CHECK(matched("GET", "/api/v1/sync/records/%2e/%2f/history") == "400 path.entityType path.id");
}

TEST_CASE("A method that a path does not have is told which ones it has") {
    const auto of_tasks = contract().match("DELETE", tasks);
    REQUIRE_FALSE(of_tasks.has_value());
    CHECK(of_tasks.error().status == 405);
    CHECK(of_tasks.error().allow == "GET, HEAD, POST");
    for (const char* method : {"", "get", "PATCH", "OPTIONS", "TRACE", "CONNECT", "HEAD", "GE"})
        CHECK_MESSAGE(matched(method, "/api/v1/sync/trigger") == "405 method", method);
    CHECK(contract().match("GET", "/api/v1/sync/trigger").error().allow == "POST");
    CHECK(contract().match("POST", "/api/v1/shards/a").error().allow == "GET, HEAD, PUT, DELETE");
}

TEST_CASE("Parameters have the type that the contract tells") {
    const auto defaults = parameters_of("GET", tasks, "");
    REQUIRE(defaults.has_value());
    CHECK(defaults->integer("limit") == 100);
    CHECK(defaults->find("cursor") == nullptr);
    CHECK(defaults->text("cursor").empty());
    CHECK(defaults->text("X-Tenant-ID") == tenant);

    const auto given = parameters_of("GET", tasks, "limit=7&cursor=a%26b+c%2B&&status=running&");
    REQUIRE(given.has_value());
    CHECK(given->integer("limit") == 7);
    CHECK(given->text("cursor") == "a&b c+");
    CHECK(given->text("status") == "running");

    const auto of_path = parameters_of("GET", std::string(tasks) + "/a%7E1", "");
    REQUIRE(of_path.has_value());
    CHECK(of_path->text("id") == "a~1");

    const auto of_headers =
        parameters_of("POST", std::string(tasks) + "/a/cancel", "",
                      {{"x-tenant-id", tenant}, {"IDEMPOTENCY-KEY", " \t key 1 "}, {"X-Other", "\xff"}});
    REQUIRE(of_headers.has_value());
    CHECK(of_headers->text("Idempotency-Key") == "key 1");
}

TEST_CASE("A fault of a parameter has its place and says what is allowed") {
    CHECK(parameter_fault(tasks, "limit=0") == "400\nquery.limit: must be at least 1, is 0");
    CHECK(parameter_fault(tasks, "limit=1001") == "400\nquery.limit: must be at most 1000, is 1001");
    for (const char* limit :
         {"", "ten", "1e2", "1.0", "+1", "%201", "0x10", "01", "99999999999999999999", "--1", "1%00"})
        CHECK_MESSAGE(places(parameters_of("GET", tasks, std::string("limit=") + limit).error()) == "400 query.limit",
                      limit);
    CHECK(parameter_fault(tasks, "limit=ten") == "400\nquery.limit: must be a whole number, is text");
    CHECK(parameter_fault(tasks, "limit") == "400\nquery.limit: must be a whole number, is text");
    CHECK(parameter_fault(tasks, "limit=1&limit=1") == "400\nquery.limit: is given twice");
    CHECK(parameter_fault(tasks, "lim%69t=1&limit=2") == "400\nquery.limit: is given twice");
    CHECK(parameter_fault(tasks, "cursor=") == "400\nquery.cursor: must not be empty");
    CHECK(parameter_fault(tasks, "status=done") ==
          "400\nquery.status: must be pending, running, completed, failed or cancelled, is done");
    CHECK(parameter_fault(tasks, "integrationId=1") == "400\nquery.integrationId: must be a UUID, is 1");
    CHECK(parameter_fault(tasks, "Limit=1") ==
          "400\nquery.Limit: is not a known parameter; here may be integrationId, status, limit or cursor");
    CHECK(parameter_fault("/health", "a", {}) == "400\nquery.a: is not a known parameter; here is none");
    CHECK(parameter_fault(tasks, "%=1") ==
          "400\nquery: a name in it holds a % that two hexadecimal digits don't follow; write %25 for the sign itself");
    CHECK(parameter_fault(tasks, "cursor=%ff") == "400\nquery.cursor: is not UTF-8");
    CHECK(parameter_fault(tasks, "cursor=" + std::string(4097, 'a')) ==
          "400\nquery.cursor: must have at most 4096 characters");
    CHECK(parameter_fault(tasks, "", {}) == "400\nheader.X-Tenant-ID: is missing");
    CHECK(parameter_fault(tasks, "", {{"X-Tenant-ID", "1"}}) == "400\nheader.X-Tenant-ID: must be a UUID, is 1");
    CHECK(parameter_fault(tasks, "", {{"X-Tenant-ID", tenant}, {"x-tenant-id", tenant}}) ==
          "400\nheader.X-Tenant-ID: is given twice");
    CHECK(parameter_fault(tasks, "", {{"X-Tenant-ID", tenant}, {"X-Request-ID", "a\xff"}}) ==
          "400\nheader.X-Request-ID: is not UTF-8");
    CHECK(parameter_fault(tasks, "", {{"X-Tenant-ID", tenant}, {"X-Request-ID", "a b"}}) ==
          "400\nheader.X-Request-ID: must be 1 to 128 printable ASCII characters without spaces, is a b");
    CHECK(parameter_fault(std::string(tasks) + "/%20", "") ==
          "400\npath.id: must be 1 to 128 printable ASCII characters without spaces, is  ");
    CHECK(places(parameters_of("POST", std::string(tasks) + "/a/cancel", "",
                               {{"X-Tenant-ID", tenant}, {"Idempotency-Key", std::string(256, 'a')}})
                     .error()) == "400 header.Idempotency-Key");
    CHECK(places(parameters_of("GET", tasks, "limit=x&a=1&status=y", {}).error()) ==
          "400 query.limit query.a query.status header.X-Tenant-ID");
    std::string many;
    for (int at = 0; at < 100'000; ++at)
        many += "a" + std::to_string(at) + "&";
    CHECK(parameters_of("GET", tasks, many).error().faults.size() == max_request_faults);
}

TEST_CASE("An operation that takes bytes takes any, up to 1 MiB, and nobody parses them") {
    const std::string most(max_request_body_bytes, '{');
    for (const std::vector<Header>& headers : {json_headers, {}, {{"Content-Type", "text/plain"}}})
        for (const std::string& body : {std::string(), std::string("{"), std::string("\xff\0", 2), most}) {
            const auto value = body_of("receive_hook", body, headers);
            REQUIRE(value.has_value());
            CHECK_FALSE(value->has_value());
        }
    CHECK(body_fault("receive_hook", most + " ").starts_with("413"));
    CHECK(body_fault("receive_hook", "{", {{"Content-Encoding", "gzip"}}).starts_with("415"));
}

TEST_CASE("A body is taken only as JSON in UTF-8, and not compressed") {
    for (const char* type :
         {"application/json", "Application/JSON", "application/json; charset=utf-8",
          "application/json;charset=\"UTF-8\"", " application/json ; charset=UTF-8 ", "application/json;"})
        CHECK_MESSAGE(body_of("create_task", with(R"("run": false)"), {{"Content-Type", type}}).has_value(), type);
    for (const char* type :
         {"", "text/json", "application/json; charset=latin1", "application/json; version=1", "application",
          "application/jsonp", "application/json, text/plain", "application/json; charset=utf-8; a=b"})
        CHECK_MESSAGE(body_fault("create_task", with(R"("run": false)"), {{"Content-Type", type}}) ==
                          "415\nheader.Content-Type: must be application/json",
                      type);
    CHECK(body_fault("create_task", "{}", {}).starts_with("415\nheader.Content-Type"));
    CHECK(body_fault("create_task", "{}", {json_headers[0], json_headers[0]}).starts_with("415\nheader.Content-Type"));
    CHECK(body_fault("create_task", "{}", {json_headers[0], {"Content-Encoding", "gzip"}}) ==
          "415\nheader.Content-Encoding: must be left out: a body is not compressed");
    CHECK(body_of("create_task", with(R"("run": true)"), {json_headers[0], {"Content-Encoding", "Identity"}})
              .has_value());
    CHECK(body_fault("create_task", std::string(max_request_body_bytes + 1, ' ')) ==
          "413\nbody: must have at most 1048576 bytes");
}

TEST_CASE("A body that must be there, may be there, or may not") {
    CHECK(body_fault("create_task", "", {}) == "400\nbody: is missing; it must be a JSON object");
    const auto none = body_of("approve_latch", "", {});
    REQUIRE(none.has_value());
    CHECK_FALSE(none->has_value());
    CHECK(body_fault("approve_latch", " ").starts_with("400\nbody: "));
    CHECK(body_of("approve_latch", "{}").has_value());
    CHECK(body_of("pause_stream", "", {}).has_value());
    CHECK(body_fault("pause_stream", "{}") == "400\nbody: must be empty; pause_stream takes none");
    CHECK(body_fault("find_task", "{}") == "400\nbody: must be empty; find_task takes none");
}

TEST_CASE("What is wrong in a body is told with its place") {
    struct Case {
        std::string body;
        const char* fault;
    };
    for (const Case& each : {
             Case{"[]", "400\nbody: must be a group of keys, is a list"},
             Case{"null", "400\nbody: must be a group of keys, is empty"},
             Case{"{}", "400\nbody.integrationId: is missing"},
             Case{R"({"integrationId": "1"})", "400\nbody.integrationId: must be a UUID, is 1"},
             Case{R"({"integrationId": null})", "400\nbody.integrationId: must be text, is empty"},
             Case{R"({"integrationId": 7})", "400\nbody.integrationId: must be text, is a number; put it in quotes"},
             Case{with(R"("run": "yes")"), "400\nbody.run: must be true or false, is text"},
             Case{with(R"("direction": "sideways")"),
                  "400\nbody.direction: must be inbound, outbound or bidirectional, is sideways"},
             Case{with(R"("entityType": "")"), "400\nbody.entityType: must not be empty"},
             Case{with(R"("tenantId": "a")"), "400\nbody.tenantId: is not a known key; here may be integrationId, "
                                              "direction, entityType, filters or run"},
             Case{with(R"("filters": 1)"), "400\nbody.filters: must be a list or a group of keys, is a number"},
             Case{with(R"("filters": [{"field": "a", "operator": "like", "value": 1}])"),
                  "400\nbody.filters[0].operator: must be equals, not_equals, contains, gt, lt, in or not_in, is like"},
             Case{with(R"("filters": [{"field": "a", "operator": "equals"}])"),
                  "400\nbody.filters[0].value: is missing"},
             Case{with(R"("filters": [{"field": "a", "operator": "equals", "value": null, "not": 1}])"),
                  "400\nbody.filters[0].not: is not a known key; here may be field, operator or value"},
             Case{R"({"integrationId": 1, "run": 1})",
                  "400\nbody.integrationId: must be text, is a number; put it in quotes\n"
                  "body.run: must be true or false, is a number"},
         })
        CHECK(body_fault("create_task", each.body) == each.fault);
    CHECK(body_fault("resolve_conflict", R"({"resolution": "newest"})") ==
          "400\nbody.resolution: must be source_wins, target_wins, merge, manual, link or separate, is newest");
    CHECK(body_fault("resolve_conflict", R"({"resolution": "manual", "values": {}})") ==
          "400\nbody.values: must have at least 1 keys");
    CHECK(body_fault("put_integration", R"({"providerName": "JSONL"})") ==
          "400\nbody.providerName: must be 1 to 64 lower case letters, digits and hyphens, is JSONL");
}

TEST_CASE("JSON that two readers could take for two things is refused") {
    for (const std::string& body :
         {std::string(R"({"run": true, "run": false})"), std::string(R"({"run": true} x)"),
          std::string("{'run': true}"), std::string(R"({"run": true,})"), std::string("\xef\xbb\xbf{}"),
          std::string("{\"entityType\": \"\xff\"}"), std::string(R"({"entityType": "\ud800"})"),
          std::string("{\"entityType\": \"a\nb\"}"), std::string(R"({"limit": NaN})"),
          std::string(R"({"limit": 1e400})"), std::string("{\"a\": 1"), std::string(1000, '[') + std::string(1000, ']'),
          std::string("{}\0", 3)}) {
        const std::string fault = body_fault("create_task", body);
        CHECK_MESSAGE(fault.starts_with("400\nbody: JSON"), fault);
    }
    CHECK(body_fault("create_task", R"({"run": true, "run": false})").find("run") != std::string::npos);
}

TEST_CASE("What a stranger may send does not come back in full") {
    const std::string name(500'000, 'n');
    const auto value = body_of("create_task", with("\"" + name + "\": 1, \"direction\": \"" + name + "\""));
    REQUIRE_FALSE(value.has_value());
    CHECK(told(value.error()).size() < 2000);
    std::string many = std::string(request);
    for (int at = 0; at < 50'000; ++at)
        many += ", \"k" + std::to_string(at) + "\": 1";
    CHECK(body_of("create_task", many + "}").error().faults.size() == max_request_faults);
    // std::regex would recurse once for each character of a text that is matched against a pattern.
    CHECK(body_fault("create_task", "{\"integrationId\": \"" + std::string(1'000'000, 'a') + "\"}")
              .starts_with("400\nbody.integrationId: must be a UUID, is aaaa"));
}

TEST_CASE("A request is judged as a whole") {
    const auto match = contract().match("POST", "/api/v1/sync/preview");
    REQUIRE(match.has_value());
    const std::vector<Header> headers{tenant_header[0], json_headers[0]};
    const auto good = contract().parse(*match, "limit=5", headers, std::string(request) + "}");
    REQUIRE(good.has_value());
    CHECK(good->parameters.integer("limit") == 5);
    CHECK(good->body->at("integrationId") == "7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01");
    CHECK(places(contract().parse(*match, "limit=0", headers, "{}").error()) == "400 query.limit body.integrationId");
    CHECK(places(contract().parse(*match, "limit=0", tenant_header, "{}").error()) ==
          "400 query.limit header.Content-Type");
    CHECK(places(contract().parse(*match, "", tenant_header, "{}").error()) == "415 header.Content-Type");
}

TEST_CASE("A document that says what nobody would check is no contract") {
    CHECK(fault_after("maxProperties: 100", "maxPropertys: 100").find("maxPropertys: is a keyword") !=
          std::string::npos);
    CHECK(fault_after("additionalProperties: false\n      required: [field",
                      "unevaluatedProperties: false\n      required: [field")
              .find("unevaluatedProperties: is a keyword") != std::string::npos);
    CHECK(
        fault_after("#/components/schemas/TaskRequest'", "#/components/schemas/TaskRequests'").find("leads nowhere") !=
        std::string::npos);
    CHECK(fault_after("#/components/parameters/TenantId'", "#/components/parameters/Tenant'").find("leads nowhere") !=
          std::string::npos);
    CHECK(fault_after("operationId: create_task", "operationId: list_tasks").find("operationId of its own") !=
          std::string::npos);
    CHECK(fault_after("/api/v1/sync/tasks/{id}:", "/api/v1/sync/tasks/{task}:").find("path parameters") !=
          std::string::npos);
    CHECK(fault_after("in: query\n      description: How many", "in: cookie\n      description: How many")
              .find("not in path, query or header") != std::string::npos);
    CHECK(fault_after("in: query\n      description: How many",
                      "in: query\n      explode: true\n      description: How many")
              .find("explode: is not read here") != std::string::npos);
    CHECK(fault_after("schema: { type: integer, minimum: 1, maximum: 1000",
                      "schema: { type: array, minimum: 1, maximum: 1000")
              .find("must be of type") != std::string::npos);
    CHECK(fault_after("openapi: 3.1.0", "openapi: 3.0.0").find("must be 3.1") != std::string::npos);
    CHECK(fault_after("openapi: 3.1.0", "openapi: [").find("openapi.yaml:") != std::string::npos);
    CHECK(fault_after("{8}-[0-9a-fA-F]{4}", "{8}-([0-9a-fA-F]{4}").find("openapi.yaml: ") != std::string::npos);
    CHECK(fault_after("  /api/v1/sync/tasks:\n    post:", "  /api/v1/sync/tasks:\n    pots:")
              .find("pots: is not read here") != std::string::npos);
    for (const char* wrong : {"type: [array, objekt]", "type: 7", "type: []"})
        CHECK_MESSAGE(fault_after("type: [array, object]", wrong).starts_with("openapi.yaml: "), wrong);
    CHECK(fault_after("maxProperties: 100", "maxProperties: many").starts_with("openapi.yaml: "));
    CHECK_FALSE(Contract::read("").has_value());
    CHECK_FALSE(Contract::read("{}").has_value());
}

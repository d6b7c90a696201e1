#include "configuration/configuration.hpp"
#include "configuration/interpolation.hpp"
#include "configuration/yaml.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include <unistd.h>

using namespace castiel_sync;
using namespace castiel_sync::service;

namespace {

// A folder of configuration files and an environment, both made for one test.
class Setup {
public:
    Setup() {
        std::string name = (std::filesystem::temp_directory_path() / "castiel-sync-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        folder_ = name;
    }
    ~Setup() { std::filesystem::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
        return (folder_ / name).string();
    }

    LoadedConfiguration load(std::vector<std::string> files = {}) {
        LoadRequest request;
        request.folder = folder_.string();
        request.files = std::move(files);
        request.environment = [this](const std::string& variable) -> std::optional<std::string> {
            const auto found = variables.find(variable);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
        };
        AdapterDescription adapter;
        adapter.name = "files";
        adapter.settings_schema = json::object{{"type", "object"},
                                               {"required", json::array{"path"}},
                                               {"additionalProperties", false},
                                               {"properties", json::object{{"path", {{"type", "string"}}}}}};
        request.adapters = {adapter};
        return load_configuration(request);
    }

    std::map<std::string, std::string> variables;

private:
    std::filesystem::path folder_;
};

std::string faults_of(const LoadedConfiguration& loaded) {
    std::string text;
    for (const Fault& fault : loaded.faults) {
        Fault short_place = fault;
        short_place.place.source = std::filesystem::path(fault.place.source).filename().string();
        text += to_string(short_place) + "\n";
    }
    return text;
}

const json::value& at(const LoadedConfiguration& loaded, std::string_view pointer) {
    REQUIRE_MESSAGE(loaded.configuration.has_value(), faults_of(loaded));
    return loaded.configuration->document.at_pointer(pointer);
}

const char* const integration = R"(
integrations:
  - id: 7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01
    tenantId: 7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001
    providerName: files
    settings: { path: ./crm }
    syncConfig:
      syncDirection: bidirectional
      entityMappings:
        - externalEntity: contacts
          shardTypeId: contact
          matchKeys: [email]
          fieldMappings:
            - { externalField: mail, shardField: email }
)";

} // namespace

TEST_CASE("without any file the documented defaults hold") {
    Setup setup;
    const auto loaded = setup.load();
    CHECK(at(loaded, "/server/host") == "127.0.0.1");
    CHECK(at(loaded, "/server/port") == 3052);
    CHECK(loaded.configuration->server_drain == std::chrono::seconds(0));
    CHECK(at(loaded, "/storage/type") == "sqlite");
    CHECK(loaded.configuration->storage_path == "./data/castiel-sync.db");
    CHECK(loaded.configuration->max_records_per_sync == 1000);
    CHECK(at(loaded, "/sync_limits/min_interval_minutes") == 5);
    CHECK(loaded.configuration->max_concurrent_syncs_per_tenant == 3);
    CHECK(at(loaded, "/sync_scheduler/interval_ms") == 60000);
    CHECK(at(loaded, "/egress/allowed_ports") == json::array{443, 8443});
}

TEST_CASE("later layers win: default, local, each --config, environment") {
    Setup setup;
    setup.write("default.yaml",
                "server: { host: a, port: 1 }\nstorage: { path: one }\nsync_limits: { max_records_per_sync: 1 }\n");
    setup.write("local.yaml",
                "server: { port: 2 }\nstorage: { path: two }\nsync_limits: { max_records_per_sync: 2 }\n");
    const auto first =
        setup.write("first.yaml", "storage: { path: three }\nsync_limits: { max_records_per_sync: 3 }\n");
    const auto second = setup.write("second.yaml", "sync_limits: { max_records_per_sync: 4 }\n");
    setup.variables["SYNC_MAX_RECORDS"] = "5";
    const auto loaded = setup.load({first, second});
    CHECK(at(loaded, "/server/host") == "a");
    CHECK(at(loaded, "/server/port") == 2);
    CHECK(loaded.configuration->storage_path == "three");
    CHECK(loaded.configuration->max_records_per_sync == 5);
    setup.variables.clear();
    CHECK(setup.load({first, second}).configuration->max_records_per_sync == 4);
}

TEST_CASE("lists of a later layer replace the earlier ones") {
    Setup setup;
    const auto file = setup.write("ports.yaml", "egress:\n  allowed_ports: [8080]\n");
    CHECK(at(setup.load({file}), "/egress/allowed_ports") == json::array{8080});
}

TEST_CASE("every fault is told at once, with file, line and key path") {
    Setup setup;
    const auto file = setup.write("bad.yaml", "server:\n"
                                              "  port: 70000\n"
                                              "  hots: localhost\n"
                                              "storage:\n"
                                              "  type: sqlit\n"
                                              "  path: 5\n"
                                              "sync_limits:\n"
                                              "  max_concurrent_syncs_per_tenant: 11\n"
                                              "  max_records_per_sync: 2.5\n"
                                              "egress:\n"
                                              "  allowed_ports:\n"
                                              "    - 443\n"
                                              "    - https\n"
                                              "jwt: secret\n"
                                              "servr: {}\n");
    CHECK(faults_of(setup.load({file})) ==
          "bad.yaml:13: egress.allowed_ports[1]: must be a whole number, is text\n"
          "bad.yaml:14: jwt: must be a group of keys, is text\n"
          "bad.yaml:3: server.hots: is not a known key; here may be host, port or drain_seconds\n"
          "bad.yaml:2: server.port: must be at most 65535, is 70000\n"
          "bad.yaml:15: servr: is not a known key; here may be server, jwt, storage, cosmos_db, rabbitmq, services, "
          "sync_limits, sync_scheduler, metrics, log, webhooks, egress, secrets, adapters or integrations\n"
          "bad.yaml:6: storage.path: must be text, is a number; put it in quotes\n"
          "bad.yaml:5: storage.type: must be sqlite, memory or cosmos, is sqlit\n"
          "bad.yaml:8: sync_limits.max_concurrent_syncs_per_tenant: must be at most 10, is 11\n"
          "bad.yaml:9: sync_limits.max_records_per_sync: must be a whole number, is a number with a fraction\n");
}

TEST_CASE("keys of parts that this build does not have are checked all the same") {
    Setup setup;
    const auto file = setup.write("bad.yaml", "cosmos_db: { endpoint: example.org }\n"
                                              "rabbitmq: { url: http://example.org }\n"
                                              "services: { integration_manager: { ur: x } }\n"
                                              "sync_scheduler: { enabled: yes }\n");
    CHECK(faults_of(setup.load({file})) ==
          "bad.yaml:1: cosmos_db.endpoint: must match \"^https?://\"\n"
          "bad.yaml:2: rabbitmq.url: must match \"^amqps?://\"\n"
          "bad.yaml:3: services.integration_manager.ur: is not a known key; here may be url\n"
          "bad.yaml:4: sync_scheduler.enabled: must be true or false, is text\n");
}

TEST_CASE("a fault points into the layer that wrote the value") {
    Setup setup;
    setup.write("local.yaml", "server:\n  port: -1\n");
    const auto mended = setup.write("mended.yaml", "server:\n  port: 80\n");
    const auto broken = setup.write("broken.yaml", "# a line\nserver:\n  port: -2\n");
    CHECK(faults_of(setup.load()) == "local.yaml:2: server.port: must be at least 0, is -1\n");
    CHECK(faults_of(setup.load({mended})) == "");
    CHECK(faults_of(setup.load({broken})) == "broken.yaml:3: server.port: must be at least 0, is -2\n");
}

TEST_CASE("files that are not there, not YAML, or say a thing twice are faults") {
    Setup setup;
    CHECK(faults_of(setup.load({"/nowhere/x.yaml"})) == "x.yaml: can't be read; does the file exist?\n");
    CHECK(faults_of(setup.load({setup.write("bad.yaml", "server: {\n")})).starts_with("bad.yaml:"));
    CHECK(faults_of(setup.load({setup.write("flow.yaml", "storage: { path: ${PLACE} }\n")}))
              .find("in quotes inside { }") != std::string::npos);
    CHECK(faults_of(setup.load({setup.write("list.yaml", "- server\n")})) ==
          "list.yaml:1: must hold keys and values, such as `storage:`\n");
    CHECK(faults_of(setup.load({setup.write("twice.yaml", "server: {}\nstorage: {}\nserver: {}\n")})) ==
          "twice.yaml:3: server: is given twice; the first one is in line 1\n");
    CHECK(faults_of(setup.load({setup.write("two.yaml", "server: {}\n---\nstorage: {}\n")})) ==
          "two.yaml:3: holds more than one YAML document; keep one\n");
    for (const char character : {'\0', '\x04'})
        CHECK(faults_of(setup.load({setup.write("control.yaml", std::string("server: {}\n") + character + "{}\n")})) ==
              "control.yaml:2: holds a control character; remove it, or write it as an escape in double quotes\n");
    CHECK(faults_of(setup.load({setup.write("escape.yaml", "server: \"\\ä\"\n")})) ==
          "escape.yaml:1: is not valid YAML: unknown escape character: \xef\xbf\xbd\n");
    CHECK(faults_of(setup.load({setup.write("comma.yaml", "# read for ever\n, server: {}\n")})) ==
          "comma.yaml:2: is not valid YAML: a comma has no place here\n");
    CHECK(faults_of(setup.load({setup.write("large.yaml", "server: { port: 99999999999999999999 }\n")})) ==
          "large.yaml:1: server.port: is a number that can't be kept exactly; put it in quotes to mean text\n");
    CHECK(faults_of(setup.load({setup.write("empty.yaml", "# nothing yet\n")})) == "");
}

TEST_CASE("every escape of a quoted text is the character that YAML says") {
    std::vector<Fault> faults;
    const auto read = read_yaml(R"({"\_a\Nb\Lc\Pd\xe9\u00e9": "\_ä\N\_"})", "escapes", faults);
    CHECK(faults.empty());
    CHECK(to_json(read.value) ==
          "{\"\xC2\xA0" "a\xC2\x85" "b\xE2\x80\xA8" "c\xE2\x80\xA9" "déé\":\"\xC2\xA0ä\xC2\x85\xC2\xA0\"}");
}

TEST_CASE("an alias that unfolds without end is refused, not followed") {
    Setup setup;
    std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int level = 1; level < 12; ++level) {
        const std::string below = "*a" + std::to_string(level - 1);
        text += "a" + std::to_string(level) + ": &a" + std::to_string(level) + " [";
        for (int copy = 0; copy < 10; ++copy)
            text += below + (copy < 9 ? ", " : "]\n");
    }
    CHECK(faults_of(setup.load({setup.write("laughs.yaml", text)})).find("too large") != std::string::npos);
}

TEST_CASE("variables are put into any string, and become numbers only where they stand unquoted") {
    Setup setup;
    setup.variables = {
        {"PLACE", "/var/lib"}, {"NAME", "sync"}, {"LIMIT", "7"}, {"SECRET", "11111111111111111111111111111111"}};
    const auto file = setup.write("vars.yaml", "storage: { path: \"${PLACE}/${NAME}-${SUFFIX:-a:-b}.db\" }\n"
                                               "sync_limits:\n  max_records_per_sync: ${LIMIT}\n"
                                               "jwt:\n  secret: ${SECRET}\n"
                                               "rabbitmq: { queue: \"$${NAME}\" }\n");
    const auto loaded = setup.load({file});
    CHECK(at(loaded, "/storage/path") == "/var/lib/sync-a:-b.db");
    CHECK(at(loaded, "/sync_limits/max_records_per_sync") == 7);
    CHECK(at(loaded, "/jwt/secret") == "11111111111111111111111111111111");
    CHECK(at(loaded, "/rabbitmq/queue") == "${NAME}");
    const auto quoted = setup.write("quoted.yaml", "sync_limits: { max_records_per_sync: \"${LIMIT}\" }\n");
    CHECK(faults_of(setup.load({quoted})) ==
          "quoted.yaml:1: sync_limits.max_records_per_sync: must be a whole number, is text\n");
}

TEST_CASE("an unset or empty variable without default is a fault; a value that a later layer replaces needs none") {
    Setup setup;
    setup.variables = {{"EMPTY", ""}};
    const auto file =
        setup.write("vars.yaml", "storage:\n  path: ${UNSET}\njwt:\n  secret: ${EMPTY}\nserver:\n  host: ${1X}\n");
    CHECK(faults_of(setup.load({file})) ==
          "vars.yaml:6: server.host: has a ${…} that does not name an environment variable; write ${NAME} or "
          "${NAME:-default}\n"
          "vars.yaml:2: storage.path: needs the environment variable UNSET, which is not set; set it, or write "
          "${UNSET:-default}\n"
          "vars.yaml:4: jwt.secret: needs the environment variable EMPTY, which is not set; set it, or write "
          "${EMPTY:-default}\n");
    const auto path = setup.write("path.yaml", "storage:\n  path: ${UNSET}\n");
    setup.variables = {{"STORAGE_PATH", "x.db"}};
    CHECK(faults_of(setup.load({path})) == "");
}

TEST_CASE("I23: values of environment variables never appear in messages") {
    Setup setup;
    setup.variables = {{"PORT", "canary-5f1c"},
                       {"STORAGE_TYPE", "canary-77aa"},
                       {"LIMIT", "424242"},
                       {"JWT_SECRET", "canary-short"},
                       {"RABBITMQ_URL", "canary://guest:canary-pass@host"}};
    const auto file = setup.write("vars.yaml", "sync_limits:\n  max_concurrent_syncs_per_tenant: ${LIMIT}\n");
    const auto loaded = setup.load({file});
    const std::string faults = faults_of(loaded);
    CHECK(loaded.faults.size() == 5);
    CHECK(faults.find("canary") == std::string::npos);
    CHECK(faults.find("424242") == std::string::npos);
    CHECK(faults.find("environment variable PORT: server.port: must be a whole number, is text") != std::string::npos);
    CHECK(faults.find("must be at most 10, is ${LIMIT}") != std::string::npos);
}

TEST_CASE("I23: no part of a variable's value appears, though a message cuts it or writes it otherwise") {
    Setup setup;
    setup.variables = {{"SECRET", "Zq7canary!Zq7canary!Zq7canary!Zq7canary!Zq7canary!Zq7canary!Zq7canary!"}};
    std::string text = integration;
    text.replace(text.find("7d3c5f5e-0a0e"), 13, "7d3c5f5e${SECRET}-0a0e");
    const std::string faults = faults_of(setup.load({setup.write("vars.yaml", text)}));
    CHECK(faults.find("canary") == std::string::npos);
    CHECK(faults.find("vars.yaml:3: integrations[0].id: '7d3c5f5e${SECRET}' is not a UUID") != std::string::npos);

    Place place;
    place.variables = {{"NAME", "Gro\u00df\"er"}};
    CHECK(without_values("can't be 'gro\u00df\\\"er'", place) == "can't be '${NAME}\\\"er'");
    place.variables = {{"NAME", "abcd\u00e9"}};
    CHECK(without_values("is abcd\u00e8", place) == "is ${NAME}\u00e8"); // no half of a character goes
    place.variables = {{"NAME", "pq7z"}};
    CHECK(without_values("is xPQ7Zx", place) == "is x${NAME}x");
    place.variables = {{"NAME", "12"}};
    CHECK(without_values("is 12, not 120", place) == "is ${NAME}, not 120");
    place.variables = {{"LEVEL", "warn"}}; // what is allowed stays readable
    CHECK(fault_without_values("must be info or warning, is warn", place) == "must be info or warning, is ${LEVEL}");
    CHECK(fault_without_values("warn is no level", place) == "${LEVEL} is no level");
}

TEST_CASE("cosmos is a known storage that this build does not have") {
    Setup setup;
    const auto file = setup.write("cosmos.yaml", "storage: { type: cosmos }\n");
    CHECK(faults_of(setup.load({file})) ==
          "cosmos.yaml:1: storage.type: is cosmos, which this build does not have; use sqlite or memory\n");
}

TEST_CASE("a part that is configured and not in this build is told, and hinders nothing") {
    Setup setup;
    setup.variables = {{"RABBITMQ_URL", "amqp://guest:canary@host"}};
    const auto loaded = setup.load();
    CHECK(loaded.configuration.has_value());
    REQUIRE(loaded.notices.size() == 1);
    CHECK(to_string(loaded.notices[0]) ==
          "environment variable RABBITMQ_URL: rabbitmq.url: is set, but this build does "
          "not have that part and works embedded");
}

TEST_CASE("tokens of the secret before are taken too, while there is one") {
    Setup setup;
    const std::string current(32, 'c'), previous(32, 'p');
    setup.variables = {{"JWT_SECRET", current}};
    CHECK(setup.load().configuration->jwt_secrets == std::vector{current});
    setup.variables["JWT_PREVIOUS_SECRET"] = previous;
    CHECK(setup.load().configuration->jwt_secrets == std::vector{current, previous});
    CHECK(setup.load().notices.empty());
    setup.variables["JWT_PREVIOUS_SECRET"] = current;
    auto loaded = setup.load();
    REQUIRE(loaded.notices.size() == 1);
    CHECK(to_string(loaded.notices[0]) == "environment variable JWT_PREVIOUS_SECRET: jwt.previous_secret: is the same "
                                          "as jwt.secret and adds nothing");
    setup.variables["JWT_PREVIOUS_SECRET"] = "canary";
    CHECK(faults_of(setup.load()) == "environment variable JWT_PREVIOUS_SECRET: jwt.previous_secret: must have at "
                                     "least 32 characters\n");
    setup.variables = {{"JWT_PREVIOUS_SECRET", previous}};
    CHECK(faults_of(setup.load()) == "environment variable JWT_PREVIOUS_SECRET: jwt.previous_secret: is set without "
                                     "jwt.secret; it only adds what tokens were signed with before that one\n");
}

TEST_CASE("the level of the log is one of four words, or left to the command line") {
    Setup setup;
    CHECK(!setup.load().configuration->log_level.has_value());
    const auto file = setup.write("log.yaml", "log: { level: warning }\n");
    CHECK(setup.load({file}).configuration->log_level == LogLevel::warning);
    setup.variables = {{"LOG_LEVEL", "debug"}};
    CHECK(setup.load({file}).configuration->log_level == LogLevel::debug);
    setup.variables = {{"LOG_LEVEL", "trace"}};
    const std::string faults = faults_of(setup.load({file}));
    CHECK(faults.starts_with("environment variable LOG_LEVEL: log.level: must be debug, info, warning or error"));
}

TEST_CASE("/metrics asks for a token where that is wanted, and a token that nobody asks for is told") {
    Setup setup;
    CHECK(setup.load().configuration->metrics_token.empty());
    const auto wanted = setup.write("wanted.yaml", "metrics: { require_auth: true }\n");
    CHECK(faults_of(setup.load({wanted})) == "wanted.yaml:1: metrics.require_auth: is true, but there is no "
                                             "metrics.bearer_token that could be asked for\n");
    setup.variables = {{"METRICS_BEARER_TOKEN", "0123456789abcdef"}};
    CHECK(setup.load({wanted}).configuration->metrics_token == "0123456789abcdef");
    const auto loaded = setup.load();
    REQUIRE(loaded.configuration.has_value());
    CHECK(loaded.configuration->metrics_token.empty());
    REQUIRE(loaded.notices.size() == 1);
    CHECK(to_string(loaded.notices[0]) ==
          "environment variable METRICS_BEARER_TOKEN: metrics.bearer_token: is set, but nobody is asked for it: "
          "metrics.require_auth is false");
    for (const char* token : {"canary7", "canary canary canary", "\"\""}) {
        setup.variables = {{"METRICS_BEARER_TOKEN", token}};
        const std::string faults = faults_of(setup.load({wanted}));
        CHECK(faults.starts_with("environment variable METRICS_BEARER_TOKEN: metrics.bearer_token: must "));
        CHECK(faults.find("canary") == std::string::npos);
    }
}

TEST_CASE("an integration is read as the library reads it") {
    Setup setup;
    const auto loaded = setup.load({setup.write("good.yaml", integration)});
    REQUIRE_MESSAGE(loaded.configuration.has_value(), faults_of(loaded));
    REQUIRE(loaded.configuration->integrations.size() == 1);
    CHECK(loaded.configuration->integrations[0].provider_name == "files");
    CHECK(loaded.configuration->integrations[0].sync.entity_mappings.at(0).external_entity == "contacts");
}

TEST_CASE("what others see of an integration names the environment's variables, and not what they hold") {
    Setup setup;
    setup.variables = {{"FOLDER", "/srv/canary"}, {"PIN", "42"}};
    std::string text = integration;
    const std::size_t at = text.find("settings: {");
    REQUIRE(at != std::string::npos);
    text.replace(at, text.find('\n', at) - at, "settings: { path: \"${FOLDER}/crm/${FOLDER}\" }");
    text.replace(text.find("syncDirection: bidirectional"), 28, "maxRecordsPerSync: ${PIN}");
    text.replace(text.find("id: 7d3c5f5e"), 12, "id: 7D3C5F5E");
    const auto loaded = setup.load({setup.write("secret.yaml", text)});
    REQUIRE_MESSAGE(loaded.configuration.has_value(), faults_of(loaded));
    REQUIRE(loaded.configuration->integration_origins.size() == 1);
    const IntegrationOrigin& origin = loaded.configuration->integration_origins[0];
    CHECK(origin.file.ends_with("secret.yaml"));
    CHECK(to_json(origin.document.at("settings")) == R"({"path":"${FOLDER}/crm/${FOLDER}"})");
    CHECK(origin.document.at("syncConfig").at("maxRecordsPerSync") == "${PIN}");
    CHECK(to_json(origin.document).find("canary") == std::string::npos);
    CHECK(loaded.configuration->integrations[0].settings.at("path") == "/srv/canary/crm//srv/canary");
    CHECK(loaded.configuration->integrations[0].id.starts_with("7d3c5f5e"));
}

TEST_CASE("faults in an integration point at its lines") {
    Setup setup;
    std::string text = integration;
    text.replace(text.find("syncDirection: bidirectional"), 28, "syncDirection: sideways");
    text.replace(text.find("shardField: email }"), 19, "shardField: email, transform: sing }");
    text.replace(text.find("settings: { path: ./crm }"), 25, "settings: { pth: ./crm }");
    const std::string faults = faults_of(setup.load({setup.write("bad.yaml", text)}));
    CHECK(faults.find("bad.yaml:8: integrations[0].syncConfig.syncDirection: ") != std::string::npos);
    CHECK(faults.find("bad.yaml:14: integrations[0].syncConfig.entityMappings[0].fieldMappings[0].transform") !=
          std::string::npos);
    CHECK(faults.find("bad.yaml:6: integrations[0].settings.pth: is not a known key; here may be path") !=
          std::string::npos);
    CHECK(faults.find("integrations[0].settings.path: is missing") != std::string::npos);
}

TEST_CASE("faults of a mapping's meaning are told together, each with its line: one place twice, a cycle, a value") {
    Setup setup;
    const auto faults = faults_of(setup.load({setup.write("bad.yaml", R"(
integrations:
  - id: 7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01
    tenantId: 7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001
    providerName: files
    settings: { path: ./crm }
    syncConfig:
      conflictResolution: newest
      rails: { maxDeleteShare: 1.5 }
      pullFilters:
        - { field: stage, operator: like, value: x }
      entityMappings:
        - externalEntity: contacts
          shardTypeId: contact
          matchKeys: [phone]
          fieldMappings:
            - { externalField: mail, shardField: email }
            - { externalField: alias, shardField: email }
            - { externalField: a, shardField: a, transform: trin }
            - { externalField: company, shardField: companyId, reference: companies }
        - externalEntity: companies
          shardTypeId: company
          fieldMappings:
            - { externalField: boss, shardField: bossId, reference: contacts }
)")}));
    const auto told = [&](const std::string& part) { return faults.find(part) != std::string::npos; };
    CAPTURE(faults);
    const std::string config = "integrations[0].syncConfig.";
    CHECK(told("bad.yaml:8: " + config + "conflictResolution: "));
    CHECK(told("bad.yaml:9: " + config + "rails.maxDeleteShare: "));
    CHECK(told("bad.yaml:11: " + config + "pullFilters[0].operator: "));
    CHECK(told("bad.yaml:15: " + config + "entityMappings[0].matchKeys[0]: "));
    CHECK(told("bad.yaml:18: " + config + "entityMappings[0].fieldMappings[1].shardField: "));
    CHECK(told("bad.yaml:19: " + config + "entityMappings[0].fieldMappings[2].transform: "));
    CHECK(told("bad.yaml:24: " + config + "entityMappings[1].fieldMappings[0].reference: closes a cycle"));
    CHECK(std::count(faults.begin(), faults.end(), '\n') == 7);
}

TEST_CASE("hostile configuration files are refused with their name, and never half read") {
    Setup setup;
    const std::string deep(5000, '[');
    for (const std::string& text : {std::string("server: { host: \"\xff\xfe\" }\n"), std::string("a\0b: 1\n", 7), deep,
                                    std::string("server: !!binary abc\n"), std::string("? [a]\n: 1\n"),
                                    std::string("<<: *nowhere\n"), std::string("server:\n\tport: 1\n")}) {
        CAPTURE(text.substr(0, 40));
        const auto loaded = setup.load({setup.write("bad.yaml", text)});
        CHECK_FALSE(loaded.configuration.has_value());
        CHECK(faults_of(loaded).starts_with("bad.yaml"));
    }
    const auto folder = std::filesystem::temp_directory_path();
    const auto loaded = setup.load({folder.string()});
    CHECK_FALSE(loaded.configuration.has_value());
    CHECK(faults_of(loaded).starts_with(folder.filename().string()));
}

TEST_CASE("an adapter that does not exist, and an id used twice, are faults") {
    Setup setup;
    std::string text = integration;
    text.replace(text.find("providerName: files"), 19, "providerName: salesforce");
    CHECK(faults_of(setup.load({setup.write("bad.yaml", text)})) ==
          "bad.yaml:5: integrations[0].providerName: names no adapter of this build; there is files, couchdb, "
          "json-server\n");
    const std::string again = std::string(integration).substr(std::string(integration).find("  - id"));
    CHECK(faults_of(setup.load({setup.write("twice.yaml", integration + again)})) ==
          "twice.yaml:15: integrations[1].id: is also the id of integrations[0]; each needs its own\n");
}

TEST_CASE("an entity that the mapped system does not have is a fault that tells those it has") {
    Setup setup;
    const auto faults_with = [&](const std::string& entities, const std::string& member = "externalEntity") {
        const std::string description = setup.write("directory.yaml", R"(
name: directory
summary: The staff directory.
baseUrl: https://directory.example.com
check: { path: / }
entities:
)" + entities);
        std::string text = integration;
        text.replace(text.find("providerName: files"), 19, "providerName: directory");
        text.replace(text.find("    settings: { path: ./crm }\n"), 30, "");
        text.replace(text.find("externalEntity"), 14, member);
        return faults_of(setup.load({setup.write("one.yaml", text + "adapters: [\"" + description + "\"]\n")}));
    };
    const std::string rows = ": { id: id, list: { path: /all }, get: { path: '/all/{id}' } }\n";
    CHECK(faults_with("  people" + rows + "  rooms" + rows) ==
          "one.yaml:9: integrations[0].syncConfig.entityMappings[0].externalEntity: 'contacts' is no entity of the "
          "adapter directory; it has people, rooms\n");
    CHECK(faults_with("  people" + rows, "externalEntityName").find("[0].externalEntityName: 'contacts'") !=
          std::string::npos);
    CHECK(faults_with("  people" + rows + "  contacts" + rows).empty());
    CHECK(faults_with("  people" + rows + "  '*'" + rows).empty());
}

TEST_CASE("a reference that leads to no secret is a fault") {
    Setup setup;
    const auto faults_with = [&](const std::string& reference, const std::string& more) {
        std::string text = integration;
        text.insert(text.find("    providerName:"), "    credentialSecretName: " + reference + "\n");
        return faults_of(setup.load({setup.write("one.yaml", text + more)}));
    };
    CHECK(faults_with("crm", "").empty());
    CHECK(faults_with("secret://environment/CRM", "").empty());
    CHECK(faults_with("secret://file/crm", "secrets: { path: keys }\n").empty());
    CHECK(faults_with("secret://file/crm", "").find("set secrets.path") != std::string::npos);
    CHECK(faults_with("secret://vault/crm", "").find("place \"vault\"") != std::string::npos);
    const std::string outside = faults_with("secret://file/../crm", "secrets: { path: keys }\n");
    CHECK(outside.find("names no secret") != std::string::npos);
}

#include "jsonl_folder.hpp"

#include <castiel_sync/testing/sim_clock.hpp>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

Result<std::unique_ptr<Adapter>> make(SimLoop& loop, const std::string& settings) {
    AdapterContext context;
    context.settings = parse_json_object(settings).value();
    return jsonl_factory(loop.executor())(context);
}

} // namespace

TEST_CASE("jsonl settings that are wrong are refused, naming the key") {
    SimLoop loop;
    const std::pair<std::string, std::string> faulty[]{
        {"{}", "settings.path"},
        {R"({"path":""})", "settings.path"},
        {R"({"path":7})", "settings.path"},
        {R"({"path":"a\u0000b"})", "settings.path"},
        {R"({"path":"x","idfield":"id"})", "settings.idfield"},
        {R"({"path":"x","idField":null})", "settings.idField"},
        {R"({"path":"x","modifiedAtField":[]})", "settings.modifiedAtField"},
        {R"({"path":"x","maxLineBytes":1023})", "settings.maxLineBytes"},
        {R"({"path":"x","maxLineBytes":2048.5})", "settings.maxLineBytes"},
        {R"({"path":"x","maxLineBytes":4294967296})", "settings.maxLineBytes"},
        {R"({"path":"x","maxLineBytes":"2048"})", "settings.maxLineBytes"},
    };
    for (const auto& [settings, key] : faulty) {
        CAPTURE(settings);
        const auto made = make(loop, settings);
        REQUIRE(made.has_error());
        CHECK(made.error().code == ErrorCode::invalid_configuration);
        CHECK(made.error().message.find(key) != std::string::npos);
    }
}

TEST_CASE("jsonl settings reach the adapter") {
    SimLoop loop;
    JsonlFolder folder;
    folder.write("{\"key\":\"a\",\"changed\":\"2026-01-02T03:04:05Z\"}\n{\"key\":\"b\",\"x\":\"" +
                 std::string(2000, 'x') + "\"}\n");
    auto made = make(loop, R"({"path":")" + folder.path().string() +
                               R"(","idField":"key","modifiedAtField":"changed","maxLineBytes":1024})");
    REQUIRE(made.has_value());
    CHECK(loop.run((*made)->check()).has_value());
    PullRequest request;
    request.entity = "contacts";
    const auto page = loop.run((*made)->pull(request));
    REQUIRE(page.has_value());
    REQUIRE(page->records.size() == 1);
    CHECK(page->records[0].id == "a");
    CHECK(page->records[0].modified_at == parse_timestamp("2026-01-02T03:04:05Z"));
    CHECK(page->faults.size() == 1);
}

TEST_CASE("the settings schema names every setting") {
    const json::object schema = jsonl_description().settings_schema;
    for (const char* name : {"path", "idField", "modifiedAtField", "maxLineBytes"})
        CHECK(schema.at("properties").as_object().contains(name));
    CHECK(schema.at("additionalProperties") == false);
}

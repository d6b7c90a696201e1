#include "configuration/changes.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace castiel_sync;
using namespace castiel_sync::service;

namespace {

struct Named {
    std::string tenant;
    std::string id;
    std::string path;
};

Configuration make(json::object keys, const std::vector<Named>& integrations = {}) {
    Configuration configuration;
    json::array documents;
    for (const Named& each : integrations) {
        Integration& integration = configuration.integrations.emplace_back();
        integration.tenant_id = each.tenant;
        integration.id = each.id;
        documents.push_back(json::object{{"settings", json::object{{"path", each.path}}}});
    }
    keys["integrations"] = std::move(documents);
    configuration.document = std::move(keys);
    return configuration;
}

// With one description: of a name, and what else it says.
Configuration described(const std::string& name, const std::string& path) {
    Configuration configuration = make({});
    const json::value document{
        {"name", name},
        {"summary", "A system."},
        {"baseUrl", "https://example.com"},
        {"entities", {{"people", {{"id", "id"}, {"list", {{"path", path}}}, {"get", {{"path", path + "/{id}"}}}}}}}};
    auto parsed = parse_rest_description(document);
    REQUIRE(parsed.description != nullptr);
    configuration.descriptions.push_back(std::move(parsed.description));
    configuration.description_documents.push_back(document);
    return configuration;
}

std::vector<std::string> ids(const std::vector<Integration>& integrations) {
    std::vector<std::string> names;
    for (const Integration& each : integrations)
        names.push_back(each.tenant_id + "/" + each.id);
    return names;
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("a configuration does not differ from itself") {
    const json::object keys{{"server", {{"port", 1}, {"host", "a"}}}};
    CHECK(compare(make(keys, {{"t", "1", "a"}}), make(keys, {{"t", "1", "a"}})).empty());
    // Nor by its order.
    const json::object turned{{"server", {{"host", "a"}, {"port", 1}}}};
    CHECK(compare(make(keys, {{"t", "1", "a"}, {"t", "2", "b"}}), make(turned, {{"t", "2", "b"}, {"t", "1", "a"}}))
              .empty());
}

TEST_CASE("keys that were changed, added or left out are told by their paths, and never by their values") {
    const auto changes = compare(
        make({{"server", {{"port", 1}, {"host", "a"}}}, {"jwt", {{"secret", "x"}}}, {"ports", json::array{1, 2}}}),
        make({{"server", {{"port", 2}, {"host", "a"}}}, {"log", {{"level", "info"}}}, {"ports", json::array{2, 1}}}));
    CHECK(changes.keys == Names{"jwt.secret", "log.level", "ports", "server.port"});
    CHECK(compare(make({{"server", "a"}}), make({{"server", json::object{{"port", 1}}}})).keys == Names{"server"});
}

TEST_CASE("descriptions that read otherwise, came or went are told by their adapters' names") {
    const Configuration before = described("directory", "/people");
    CHECK(compare(before, described("directory", "/people")).empty());
    const auto changed = compare(before, described("directory", "/staff"));
    CHECK(changed.adapters == Names{"directory"});
    CHECK(changed.keys.empty());
    CHECK(!changed.empty());
    CHECK(compare(before, described("crm", "/people")).adapters == Names{"crm", "directory"});
}

TEST_CASE("integrations are told apart by tenant and id") {
    const auto changes = compare(make({}, {{"t", "1", "a"}, {"t", "2", "a"}, {"t", "3", "a"}, {"t", "4", "a"}}),
                                 make({}, {{"t", "5", "a"}, {"t", "2", "b"}, {"u", "3", "a"}, {"t", "4", "a"}}));
    CHECK(ids(changes.added) == Names{"t/5", "u/3"});
    CHECK(ids(changes.changed) == Names{"t/2"});
    CHECK(ids(changes.removed) == Names{"t/1", "t/3"});
    CHECK(changes.keys.empty());
    CHECK(!changes.empty());
}

#include "command.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

using namespace castiel_sync;
using castiel_sync::service_test::Workplace;

namespace {

const char* const configuration = R"(
integrations:
  - id: 7d3c5f5e-0a0e-4b57-9c1e-2f1f7b9a6a01
    tenantId: 7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001
    providerName: jsonl
    settings: { path: ./crm }
    syncConfig:
      entityMappings:
        - externalEntity: contacts
          shardTypeId: contact
          fieldMappings: [{ externalField: mail, shardField: email }]
)";

} // namespace

TEST_CASE("check reaches every part and says so, one line each") {
    Workplace workplace;
    workplace.write("config/local.yaml", configuration);
    workplace.write("crm/contacts.jsonl", "");
    const auto good = workplace.run({"check", "--json"});
    CHECK(good.exit_code == 0);
    REQUIRE(good.lines().size() == 3);
    for (const auto& line : good.lines())
        CHECK(line.at("status") == "ok");
    std::filesystem::remove_all(workplace.folder() / "crm");
    const auto bad = workplace.run({"check", "--json"});
    CHECK(bad.exit_code == 1);
    REQUIRE(bad.lines().size() == 3);
    CHECK(bad.lines()[1].at("status") == "ok");
    CHECK(bad.lines()[2].at("status") == "failed");
}

TEST_CASE("check --integrity finds damage that opening the store does not") {
    Workplace workplace;
    REQUIRE(workplace.run({"check"}).exit_code == 0);
    const auto good = workplace.run({"check", "--integrity", "--json"});
    CHECK(good.exit_code == 0);
    REQUIRE(good.lines().size() == 3);
    CHECK(good.lines()[2].at("part") == "integrity");
    CHECK(good.lines()[2].at("status") == "ok");

    const auto path = workplace.folder() / "data/castiel-sync.db";
    constexpr int page_bytes = 8192;
    const auto size = std::filesystem::file_size(path);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(size) - page_bytes);
    file << std::string(page_bytes, 'x');
    file.close();
    CHECK(workplace.run({"check"}).exit_code == 0);
    const auto bad = workplace.run({"check", "--integrity", "--json"});
    CHECK(bad.exit_code == 1);
    REQUIRE(bad.lines().size() == 3);
    CHECK(bad.lines()[2].at("status") == "failed");
}

TEST_CASE("a store that can't be opened fails the check by name") {
    Workplace workplace;
    workplace.write("data/castiel-sync.db", "this is no database, and long enough to be taken for one by nobody");
    const auto outcome = workplace.run({"check"});
    CHECK(outcome.exit_code == 1);
    CHECK(outcome.output.find("failed  store:") != std::string::npos);
    CHECK(outcome.output.find("castiel-sync.db") != std::string::npos);
}

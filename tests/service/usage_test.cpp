#include "command.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using castiel_sync::service_test::Workplace;

TEST_CASE("version says which build this is") {
    Workplace workplace;
    CHECK(workplace.run({"version"}).output == "castiel-sync " CASTIEL_SYNC_VERSION "\n");
    const auto json = workplace.run({"version", "--json"});
    CHECK(json.lines().at(0).at("version") == CASTIEL_SYNC_VERSION);
    CHECK(json.exit_code == 0);
}

TEST_CASE("--help stands at every command and exits 0") {
    Workplace workplace;
    const std::vector<std::vector<std::string>> commands{{},
                                                         {"run"},
                                                         {"preview"},
                                                         {"check"},
                                                         {"shards"},
                                                         {"shards", "import"},
                                                         {"executions", "show"},
                                                         {"parked"},
                                                         {"latches"},
                                                         {"conflicts", "resolve"},
                                                         {"streams", "reset"},
                                                         {"webhooks"},
                                                         {"webhooks", "create"},
                                                         {"webhooks", "recover"},
                                                         {"history"}};
    for (std::vector<std::string> command : commands) {
        command.emplace_back("--help");
        const auto outcome = workplace.run(command);
        CHECK(outcome.exit_code == 0);
        CHECK(outcome.output.find("Usage:") != std::string::npos);
        CHECK(outcome.errors.empty());
    }
}

TEST_CASE("what is no command line exits 2, says why on standard error, and prints nothing") {
    Workplace workplace;
    const std::vector<std::vector<std::string>> commands{{},
                                                         {"nonsense"},
                                                         {"serve", "--nonsense"},
                                                         {"conflicts"},
                                                         {"run", "--direction", "sideways"},
                                                         {"conflicts", "resolve", "abcd"},
                                                         {"conflicts", "resolve", "abcd", "--source", "--target"},
                                                         {"shards", "list"},
                                                         {"history", "1003"}};
    for (const auto& command : commands) {
        const auto outcome = workplace.run(command);
        CHECK(outcome.exit_code == 2);
        CHECK(outcome.output.empty());
        CHECK_FALSE(outcome.errors.empty());
    }
}

TEST_CASE("a command that needs one tenant says so") {
    Workplace workplace;
    const auto none = workplace.run({"conflicts", "list"});
    CHECK(none.exit_code == 2);
    CHECK(none.errors.find("--tenant") != std::string::npos);
    CHECK(workplace.run({"conflicts", "list", "--tenant", "acme"}).exit_code == 2);
}

TEST_CASE("a command that only looks makes no store where there is none") {
    Workplace workplace;
    const auto outcome = workplace.run({"conflicts", "list", "--tenant", "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001"});
    CHECK(outcome.exit_code == 1);
    CHECK(outcome.errors.find("there is no store at") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(workplace.folder() / "data"));
}

TEST_CASE("run without an integration is told, not passed over") {
    Workplace workplace;
    const auto outcome = workplace.run({"run"});
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.errors.find("no integration is configured") != std::string::npos);
}

TEST_CASE("all faults of the configuration end the start with exit 2") {
    Workplace workplace;
    workplace.write("config/local.yaml", "server:\n  port: 70000\nstorage:\n  type: sqlit\n");
    workplace.variables["SYNC_MAX_RECORDS"] = "canary-many";
    const auto people = workplace.run({"check"});
    CHECK(people.exit_code == 2);
    CHECK(people.errors.find("config/local.yaml:2: server.port: must be at most 65535") != std::string::npos);
    CHECK(people.errors.find("config/local.yaml:4: storage.type: must be sqlite") != std::string::npos);
    CHECK(people.errors.find("environment variable SYNC_MAX_RECORDS") != std::string::npos);
    CHECK(people.errors.find("canary") == std::string::npos);
    const auto machine = workplace.run({"check", "--json"});
    CHECK(machine.exit_code == 2);
    bool found = false;
    for (const auto& line : machine.log())
        found = found || (line.contains("keyPath") && line.at("keyPath") == "server.port" && line.at("line") == 2);
    CHECK(found);
}

TEST_CASE("LOG_FORMAT=json makes the log one JSON object per line") {
    Workplace workplace;
    workplace.variables["LOG_FORMAT"] = "json";
    const auto outcome = workplace.run({"run"});
    REQUIRE(outcome.log().size() == 1);
    CHECK(outcome.log()[0].at("level") == "error");
    CHECK(outcome.log()[0].contains("timestamp"));
}

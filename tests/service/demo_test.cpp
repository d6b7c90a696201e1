// The sample of examples/crm, from the first sync to the history of a resolved conflict: what scripts/run shows.
#include "command.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>

using namespace castiel_sync;
using castiel_sync::service_test::Outcome;
using castiel_sync::service_test::Workplace;

namespace {

const std::string miriam = "a0000000-0000-4000-8000-000000001003";
const std::string elodie = "a0000000-0000-4000-8000-000000001007";
const std::string priya = "a0000000-0000-4000-8000-000000001009";
const std::string tom = "a0000000-0000-4000-8000-000000001012";

class Demo {
public:
    Demo() {
        std::filesystem::create_directories(workplace.folder() / "data");
        std::filesystem::copy(CASTIEL_SYNC_SAMPLE, workplace.folder() / "data/demo",
                              std::filesystem::copy_options::recursive);
        REQUIRE(command({"shards", "import", "data/demo/shards/shards.jsonl"}).exit_code == 0);
    }

    Outcome command(std::vector<std::string> arguments) const {
        arguments.insert(arguments.end(), {"--json", "--config", "data/demo/config.yaml"});
        return workplace.run(arguments);
    }

    json::object shard(const std::string& type, const std::string& id) const {
        const auto outcome = command({"shards", "get", "--type", type, id});
        REQUIRE_MESSAGE(outcome.exit_code == 0, outcome.errors);
        return outcome.lines().at(0).at("structuredData").as_object();
    }

    // The record of the CRM with this id; empty when it is gone.
    json::object record(const std::string& entity, const json::value& id) const {
        Outcome file;
        file.output = workplace.read(path(entity));
        for (const json::object& each : file.lines())
            if (each.at("id") == id) return each;
        return {};
    }

    static std::string path(const std::string& entity) { return "data/demo/crm/" + entity + ".jsonl"; }

    Workplace workplace;
};

std::uint64_t total(const Outcome& outcome, const char* member) {
    std::uint64_t sum = 0;
    for (const auto& line : outcome.lines())
        sum += line.at(member).to_number<std::uint64_t>();
    return sum;
}

} // namespace

TEST_CASE("the sample: both sides come together, edits flow both ways, and a person decides what no rule can") {
    const Demo demo;

    const auto preview = demo.command({"preview"});
    CHECK(preview.exit_code == 0);
    CHECK(std::ranges::any_of(preview.lines(), [](const json::object& line) { return line.at("action") == "create"; }));
    CHECK(demo.command({"shards", "list", "--type", "contact"}).lines().size() == 6);

    const auto first = demo.command({"run"});
    REQUIRE_MESSAGE(first.exit_code == 0, first.errors);
    REQUIRE(first.lines().size() == 2);
    CHECK(first.lines()[0].at("entityType") == "companies");
    CHECK(first.lines()[1].at("entityType") == "contacts");
    for (const auto& line : first.lines()) {
        CHECK(line.at("status") == "completed");
        CHECK(line.at("hasMore") == false);
    }
    CHECK(demo.command({"shards", "list", "--type", "contact"}).lines().size() == 41);
    CHECK(demo.shard("contact", miriam).at("lifecycleStage") == "customer");
    CHECK(demo.shard("contact", miriam).at("lastContactedAt") == "2026-03-11T09:30:00.000Z");
    CHECK(demo.workplace.read(Demo::path("contacts")).find("Tariq Mansour") != std::string::npos);

    const auto again = demo.command({"run"});
    CHECK(again.exit_code == 0);
    CHECK(total(again, "recordsCreated") + total(again, "recordsUpdated") + total(again, "recordsDeleted") == 0);

    const Workplace& workplace = demo.workplace;
    workplace.edit(Demo::path("contacts"), "+49 40 555 0126", "+49 40 555 0199");
    workplace.edit(Demo::path("contacts"), "\"stage\":4,\"score\":22", "\"stage\":4,\"score\":55");
    workplace.edit(Demo::path("contacts"), "+44 113 555 0243", "+44 113 555 0301");
    workplace.edit(Demo::path("contacts"), "\"stage\":4,\"score\":18", "\"stage\":7,\"score\":18");
    demo.command({"shards", "put", "--type", "contact", miriam, "--set", "jobTitle=Head of Procurement"});
    demo.command({"shards", "put", "--type", "contact", elodie, "--set", "score=70"});
    demo.command({"shards", "put", "--type", "contact", priya, "--set", "tags=[\"board\"]"});
    demo.command({"shards", "put", "--type", "contact", tom, "--set", "phone=\"+44 113 555 0302\""});
    demo.command({"shards", "delete", "--type", "contact", "a0000000-0000-4000-8000-000000001026"});

    const auto second = demo.command({"run"});
    CHECK(second.exit_code == 3);
    CHECK(total(second, "conflicts") == 1);
    CHECK(total(second, "recordsFailed") == 1);
    CHECK(demo.shard("contact", miriam).at("phone") == "+49 40 555 0199");
    CHECK(demo.record("contacts", 1003).at("title") == "Head of Procurement");
    CHECK(demo.record("contacts", 1007).at("score") == 70);
    CHECK(demo.record("contacts", 1009).at("tags") == json::array{"board"});
    CHECK(demo.record("contacts", 1026).empty());
    CHECK(demo.record("contacts", 1012).at("phones").at("work") == "+44 113 555 0301");

    const auto conflicts = demo.command({"conflicts", "list"}).lines();
    REQUIRE(conflicts.size() == 1);
    const std::string id(conflicts[0].at("conflictId").as_string());
    CHECK(conflicts[0].at("fields").at(0).at("field") == "phone");
    const auto shown = workplace.run({"conflicts", "show", id.substr(0, 8), "--config", "data/demo/config.yaml"});
    CHECK(shown.output.find("+44 113 555 0301") != std::string::npos);
    CHECK(shown.output.find("+44 113 555 0302") != std::string::npos);
    CHECK(demo.command({"conflicts", "list", "--state", "auto_resolved"}).lines().size() == 1);

    const auto resolved = demo.command({"conflicts", "resolve", id.substr(0, 8), "--value", "phone=+44 113 555 0303"});
    CHECK_MESSAGE(resolved.exit_code == 0, resolved.errors);
    CHECK(demo.shard("contact", tom).at("phone") == "+44 113 555 0303");
    CHECK(demo.record("contacts", 1012).at("phones").at("work") == "+44 113 555 0303");

    const auto parked = demo.command({"parked", "list"}).lines();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].at("recordId") == "1015");
    const std::string parked_id(parked[0].at("parkedId").as_string());
    const auto retried = demo.command({"parked", "retry", parked_id, "--value", "stage=3"});
    CHECK_MESSAGE(retried.exit_code == 0, retried.errors);
    CHECK(demo.record("contacts", 1015).at("stage") == 3);

    const auto last = demo.command({"run"});
    CHECK(last.exit_code == 0);
    CHECK(total(last, "recordsUpdated") == 0);

    const auto history = demo.command({"history", "contacts/" + tom}).lines();
    REQUIRE_FALSE(history.empty());
    CHECK(history[0].at("actor") == "ada");
    CHECK(history[0].at("changes").at(0).at("after") == "+44 113 555 0303");
    CHECK(demo.command({"history", "contacts/1012"}).lines() == history);
    CHECK(demo.command({"executions", "list"}).lines().size() >= 8);
}

TEST_CASE("an empty side trips a rail: exit 4, nothing deleted, until a person rejects it") {
    const Demo demo;
    REQUIRE(demo.command({"run"}).exit_code == 0);
    demo.workplace.write(Demo::path("contacts"), "");
    const auto held = demo.command({"run"});
    CHECK(held.exit_code == 4);
    CHECK(demo.command({"shards", "list", "--type", "contact"}).lines().size() == 41);
    const auto latches = demo.command({"latches", "list"}).lines();
    REQUIRE(latches.size() == 1);
    CHECK(demo.command({"run"}).exit_code == 4);
    const std::string id(latches[0].at("latchId").as_string());
    CHECK(demo.command({"latches", "reject", id.substr(0, 8)}).exit_code == 0);
    CHECK(demo.command({"latches", "list"}).output.empty());
}

TEST_CASE("a file that is gone is a failed run, never an empty side") {
    const Demo demo;
    REQUIRE(demo.command({"run"}).exit_code == 0);
    std::filesystem::remove(demo.workplace.folder() / Demo::path("contacts"));
    const auto outcome = demo.command({"run"});
    CHECK(outcome.exit_code == 1);
    CHECK(demo.command({"shards", "list", "--type", "contact"}).lines().size() == 41);
}

TEST_CASE("a run that is capped goes on by itself, and stops after one execution with --once") {
    const Demo demo;
    demo.workplace.write("config/local.yaml", "sync_limits:\n  max_records_per_sync: 10\n");
    const auto once = demo.command({"run", "--once", "--entity", "companies"});
    REQUIRE(once.lines().size() == 1);
    CHECK(once.lines()[0].at("hasMore") == true);
    const auto rest = demo.command({"run"});
    CHECK_MESSAGE(rest.exit_code == 0, rest.errors);
    CHECK(rest.lines().back().at("hasMore") == false);
    CHECK(demo.command({"shards", "list", "--type", "contact"}).lines().size() == 41);
}

TEST_CASE("I39: SIGTERM stops a run at the next safe point: exit 1, and the next run goes on from there") {
    const Demo demo;
    std::string many;
    for (int id = 1; id <= 1500; ++id)
        many += R"({"id":)" + std::to_string(id) + R"(,"mail":"p)" + std::to_string(id) +
                R"(@many.example","name":{"full":"P"},"stage":1})" + "\n";
    demo.workplace.write(Demo::path("contacts"), many);
    demo.workplace.write("config/local.yaml", "sync_limits:\n  max_records_per_sync: 100\n");
    const auto stopped = demo.workplace.run_and_signal({"run", "--json", "--config", "data/demo/config.yaml"}, SIGTERM);
    CHECK(stopped.exit_code == 1);
    CHECK_FALSE(stopped.lines().empty());
    CHECK(demo.command({"shards", "list", "--type", "contact", "--limit", "5000"}).lines().size() < 1500);

    const auto rest = demo.command({"run"});
    CHECK_MESSAGE(rest.exit_code == 0, rest.errors);
    CHECK(demo.command({"shards", "list", "--type", "contact", "--limit", "5000"}).lines().size() == 1506);
}

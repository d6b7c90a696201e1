// What a script reads: 0 done, 1 failed, 2 usage or configuration, 3 something waits for a person, 4 a rail holds.
#include "office.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

using namespace castiel_sync;
using castiel_sync::service_test::Office;

namespace {

// Writes beyond this size fail in this process and in those that it starts, as they do on a full disk.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) {
        REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
        rlimit limit = before_;
        limit.rlim_cur = bytes;
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    }
    ~FileSizeLimit() {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int) = nullptr;
};

} // namespace

TEST_CASE("exit 3 on every run while a conflict waits, 0 once it is resolved") {
    const Office office;
    const std::string id = office.make_conflict();
    CHECK(office.run() == 3);
    CHECK(office.name_of("Ada") == "Ada King");
    CHECK(office.command({"conflicts", "resolve", id, "--source"}).exit_code == 0);
    CHECK(office.name_of("Ada") == "Ada L.");
    CHECK(office.run() == 0);
    CHECK(office.only_id({"conflicts", "list", "--state", "resolved"}, "conflictId") == id);
}

TEST_CASE("a conflict that is set aside makes no run exit 3, until a side changes again") {
    const Office office;
    const std::string id = office.make_conflict();
    CHECK(office.command({"conflicts", "ignore", id}).exit_code == 0);
    CHECK(office.run() == 0);
    CHECK(office.only_id({"conflicts", "list", "--state", "ignored"}, "conflictId") == id);
    CHECK(office.name_of("Ada") == "Ada King");
    office.set_shard("Ada", "name=Lady Ada");
    CHECK(office.run() == 3);
}

TEST_CASE("exit 1 for an answer to a conflict whose side moved: nothing is overwritten, and the new values are shown") {
    const Office office;
    const std::string id = office.make_conflict();
    office.set_shard("Ada", "name=Lady Ada");
    const auto late = office.command({"conflicts", "resolve", id, "--source"});
    CHECK(late.exit_code == 1);
    CHECK_FALSE(late.errors.empty());
    CHECK(office.name_of("Ada") == "Lady Ada");
    const std::string fresh = office.only_id({"conflicts", "list"}, "conflictId");
    CHECK(office.command({"conflicts", "show", fresh}).output.find("Lady Ada") != std::string::npos);
}

TEST_CASE("exit 3 while a parked record waits, from a retry that changed nothing too, and 0 once it is set aside") {
    const Office office;
    office.workplace.edit(office.crm, R"("age":"40")", R"("age":"about forty")");
    office.workplace.edit(office.crm, R"("age":"29")", R"("age":"30")");
    CHECK(office.run() == 3);
    const std::string id = office.only_id({"parked", "list"}, "parkedId");
    CHECK(office.run() == 3);
    CHECK(office.command({"shards", "get", "--type", "contact", office.shards.at("Eve")}).output.find("\"age\":30") !=
          std::string::npos);
    CHECK(office.command({"parked", "retry", id}).exit_code == 3);
    CHECK(office.command({"parked", "discard", id}).exit_code == 0);
    CHECK(office.run() == 0);
}

TEST_CASE("a line that can't be read is parked under its place and exits 3; the others flow, and its repair ends it") {
    const Office office;
    const std::string good = office.workplace.read(office.crm);
    office.workplace.write(office.crm, good + "{\"id\":4,\"name\":\"\\ud800\"}\n" +
                                           R"({"id":5,"mail":"fay@x.example","name":"Fay","age":"50"})" + "\n");
    CHECK(office.run() == 3);
    const auto parked = office.command({"parked", "list"}).lines();
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].at("place") == "contacts.jsonl:4");
    CHECK(office.command({"shards", "list", "--type", "contact"}).lines().size() == 4);
    office.workplace.edit(office.crm, "\\ud800", "Dan");
    CHECK(office.run() == 0);
    CHECK(office.command({"shards", "list", "--type", "contact"}).lines().size() == 5);
}

TEST_CASE("exit 4 while a rail holds, a conflict beside it or not; an approval lets the next run do it") {
    const Office office;
    office.make_conflict();
    office.workplace.write(office.crm, R"({"id":1,"mail":"ada@x.example","name":"Ada L.","age":"36"})"
                                       "\n");
    CHECK(office.run() == 4);
    CHECK(office.run() == 4);
    CHECK(office.command({"shards", "list", "--type", "contact"}).lines().size() == 3);
    const auto planned = office.command({"preview"}).lines();
    CHECK(std::ranges::count_if(planned, [](const auto& line) { return line.at("action") == "delete"; }) == 2);
    const std::string id = office.only_id({"latches", "list"}, "latchId");
    CHECK(office.command({"latches", "approve", id}).exit_code == 0);
    CHECK(office.run() == 3);
    CHECK(office.command({"shards", "list", "--type", "contact"}).lines().size() == 1);
    CHECK(office.command({"latches", "list"}).output.empty());
}

TEST_CASE("a mapping that changed makes exit 4 until a person approves; then both sides are compared anew") {
    const Office office;
    office.workplace.edit("config/local.yaml", "shardField: name }", "shardField: name, transform: uppercase }");
    CHECK(office.run() == 4);
    CHECK(office.name_of("Ada") == "Ada");
    CHECK(office.command({"latches", "list"}).lines().at(0).at("rail") == "mapping_changed");
    const std::string id = office.only_id({"latches", "list"}, "latchId");
    CHECK(office.command({"latches", "approve", id}).exit_code == 0);
    CHECK(office.run() == 0);
    office.workplace.edit(office.crm, R"("name":"Ada")", R"("name":"Ada King")");
    CHECK(office.run() == 0);
    CHECK(office.name_of("Ada") == "ADA KING");
}

TEST_CASE("records outside of pullFilters or their entity's filters are out of scope: never created, never deleted") {
    const Office office;
    office.workplace.edit("config/local.yaml", "      rails: { maxDeletes: 1 }\n",
                          "      pullFilters:\n        - { field: age, operator: not_equals, value: \"40\" }\n");
    office.workplace.edit("config/local.yaml", "          matchKeys: [email]\n",
                          "          matchKeys: [email]\n          filters: { name: [Ada, Bob, Fay] }\n");
    office.workplace.edit(office.crm, R"("name":"Bob")", R"("name":"Bobby")");
    office.workplace.edit(office.crm, R"("name":"Eve")", R"("name":"Evelyn")");
    office.workplace.write(office.crm, office.workplace.read(office.crm) +
                                           R"({"id":4,"mail":"fay@x.example","name":"Fay","age":"50"})" +
                                           "\n" R"({"id":5,"mail":"gus@x.example","name":"Gus","age":"51"})" +
                                           "\n" R"({"id":6,"mail":"bob2@x.example","name":"Bob","age":"40"})" + "\n");
    CHECK(office.run() == 0);
    CHECK(office.command({"shards", "list", "--type", "contact"}).lines().size() == 4);
    CHECK(office.name_of("Bob") == "Bob");
    CHECK(office.name_of("Eve") == "Eve");
}

TEST_CASE("exit 1 for what is not there, 2 for what can't be asked") {
    const Office office;
    for (const char* noun : {"conflicts", "executions"})
        CHECK(office.command({noun, "show", "00000000-0000-4000-8000-000000000000"}).exit_code == 1);
    CHECK(office.command({"latches", "approve", "00000000-0000"}).exit_code == 1);
    CHECK(office.command({"parked", "retry", "00000000-0000"}).exit_code == 1);
    CHECK(office.command({"streams", "reset", "companies"}).exit_code == 1);
    CHECK(office.command({"conflicts", "show", "0"}).exit_code == 2);
    CHECK(office.command({"conflicts", "list", "--state", "half"}).exit_code == 2);
    CHECK(office.command({"run", "--integration", "nobody"}).exit_code == 2);
    CHECK(office.command({"run", "--entity", "companies"}).exit_code == 2);
    CHECK(office.command({"run", "--config", "nowhere.yaml"}).exit_code == 2);
}

TEST_CASE("exit 1 for a full disk under the external system: the file stays whole, and the next run goes on") {
    const Office office;
    const std::string before = office.workplace.read(office.crm) + R"({"id":9,"mail":"big@x.example","name":"Big","x":")" +
                               std::string(4'000'000, 'x') + "\"}\n";
    office.workplace.write(office.crm, before);
    REQUIRE(office.run() == 0);
    office.set_shard("Ada", "name=Ada King");
    {
        const FileSizeLimit limit(3'000'000);
        const auto outcome = office.command({"run"});
        CHECK(outcome.exit_code == 1);
        CHECK(outcome.errors.find("contacts.jsonl") != std::string::npos);
    }
    CHECK(office.workplace.read(office.crm) == before);
    CHECK(office.run() == 0);
    CHECK(office.workplace.read(office.crm).find("Ada King") != std::string::npos);
}

TEST_CASE("a store that is none, damaged or of a newer version stops every command before it does anything") {
    const Office office;
    const std::string path = "data/castiel-sync.db";
    const std::string whole = office.workplace.read(path);
    office.workplace.edit(office.crm, R"("name":"Bob")", R"("name":"Rob")");
    const std::string file = office.workplace.read(office.crm);
    const auto stops = [&](const std::string& bytes, int exit_code) {
        office.workplace.write(path, bytes);
        for (const char* command : {"run", "preview"}) {
            const auto outcome = office.command({command});
            CHECK(outcome.exit_code == exit_code);
            CHECK(outcome.errors.find("castiel-sync.db") != std::string::npos);
            CHECK(outcome.output.empty());
        }
        CHECK(office.workplace.read(path) == bytes);
        CHECK(office.workplace.read(office.crm) == file);
    };
    stops(std::string(5000, 'n'), 1);
    stops(whole.substr(0, whole.size() / 2 / 4096 * 4096), 1);
    std::string newer = whole;
    newer.at(63) = 99; // user_version, at 60 to 63 of an SQLite file
    stops(newer, 2);
    office.workplace.write(path, whole);
    CHECK(office.run() == 0);
    CHECK(office.name_of("Bob") == "Rob");
}

TEST_CASE("exit 1 when the answer could not be written out") {
    const std::string command = std::string(CASTIEL_SYNC_BINARY) + " version > /dev/full 2> /dev/null";
    const int status = std::system(command.c_str()); // NOLINT(concurrency-mt-unsafe)
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 1);
}

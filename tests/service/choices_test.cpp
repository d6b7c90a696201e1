// What a person says on the command line reaches both sides as it was meant.
#include "office.hpp"

#include <algorithm>

using namespace castiel_sync;
using castiel_sync::service_test::Office;

namespace {

// A new shard, and two new records of the CRM that could be its partner.
std::string make_riddle(const Office& office) {
    const std::string twin = R"("mail":"zoe@x.example","name":"Zoe","age":"20"})" "\n";
    office.workplace.write(office.crm, office.workplace.read(office.crm) + "{\"id\":7," + twin + "{\"id\":8," + twin);
    const auto put = office.command({"shards", "put", "--type", "contact", "--set", "email=zoe@x.example", "--set",
                                     "name=Zoe", "--set", "age=20"});
    REQUIRE(put.exit_code == 0);
    CHECK(office.run() == 3);
    return office.only_id({"conflicts", "list"}, "conflictId");
}

std::string shard_of_zoe(const Office& office) {
    for (const auto& shard : office.command({"shards", "list", "--type", "contact"}).lines())
        if (shard.at("structuredData").at("name") == "Zoe") return std::string(shard.at("id").as_string());
    FAIL("there is no Zoe");
    return "";
}

std::size_t shards(const Office& office) {
    return office.command({"shards", "list", "--type", "contact"}).lines().size();
}

} // namespace

TEST_CASE("conflicts resolve --link SOURCE TARGET makes these two one record, and the other one is new") {
    const Office office;
    const std::string id = make_riddle(office);
    const std::string zoe = shard_of_zoe(office);
    CHECK(shards(office) == 4);
    CHECK(office.command({"conflicts", "resolve", id, "--link", zoe, "8"}).exit_code != 0);
    const auto linked = office.command({"conflicts", "resolve", id, "--link", "8", zoe});
    CHECK_MESSAGE(linked.exit_code == 0, linked.errors);
    CHECK(office.run() == 0);
    CHECK(shards(office) == 5);
    REQUIRE(office.command({"shards", "put", "--type", "contact", zoe, "--set", "age=21"}).exit_code == 0);
    CHECK(office.run() == 0);
    CHECK(office.workplace.read(office.crm).find(R"({"id":8,"mail":"zoe@x.example","name":"Zoe","age":"21"})") !=
          std::string::npos);
}

TEST_CASE("conflicts resolve --separate gives each of them a partner of its own") {
    const Office office;
    const std::string id = make_riddle(office);
    const auto separated = office.command({"conflicts", "resolve", id, "--separate"});
    CHECK_MESSAGE(separated.exit_code == 0, separated.errors);
    CHECK(office.run() == 0);
    CHECK(shards(office) == 6);
    const std::string crm = office.workplace.read(office.crm);
    CHECK(std::count(crm.begin(), crm.end(), '\n') == 6);
}

TEST_CASE("conflicts resolve --target writes the shard's value to the source, with its note and who decided") {
    const Office office;
    const std::string id = office.make_conflict();
    const auto resolved =
        office.command({"conflicts", "resolve", id, "--target", "--note", "asked her", "--actor", "grace"});
    REQUIRE(resolved.exit_code == 0);
    CHECK(office.workplace.read(office.crm).find(R"("name":"Ada King")") != std::string::npos);
    const auto shown = office.command({"conflicts", "show", id}).lines().at(0);
    CHECK(shown.at("state") == "resolved");
    CHECK(to_json(shown).find("asked her") != std::string::npos);
    CHECK(to_json(shown).find("grace") != std::string::npos);
}

TEST_CASE("run --direction lets edits flow that way only, and a wider run carries the others") {
    const Office office;
    office.workplace.edit(office.crm, R"("name":"Ada")", R"("name":"Ada L.")");
    office.set_shard("Bob", "name=Rob");
    CHECK(office.command({"run", "--direction", "inbound"}).exit_code == 0);
    CHECK(office.name_of("Ada") == "Ada L.");
    CHECK(office.workplace.read(office.crm).find("Rob") == std::string::npos);
    CHECK(office.run() == 0);
    CHECK(office.workplace.read(office.crm).find("Rob") != std::string::npos);
}

TEST_CASE("a paused stream is left alone until it is resumed") {
    const Office office;
    REQUIRE(office.command({"streams", "pause", "contacts"}).exit_code == 0);
    office.workplace.edit(office.crm, R"("name":"Ada")", R"("name":"Ada L.")");
    const auto paused = office.command({"run"});
    CHECK(paused.exit_code != 0);
    CHECK(paused.errors.find("paused") != std::string::npos);
    CHECK(office.name_of("Ada") == "Ada");
    REQUIRE(office.command({"streams", "resume", "contacts"}).exit_code == 0);
    CHECK(office.run() == 0);
    CHECK(office.name_of("Ada") == "Ada L.");
}

#include "command.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace castiel_sync;
using castiel_sync::service_test::Outcome;
using castiel_sync::service_test::Workplace;

namespace {

const std::string first_id = "a0000000-0000-4000-8000-000000000001";
const std::string second_id = "a0000000-0000-4000-8000-000000000002";

Outcome shards(const Workplace& workplace, std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), "shards");
    arguments.insert(arguments.end(), {"--tenant", "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0001", "--json"});
    return workplace.run(arguments, input);
}

std::string line(const std::string& id, const std::string& name) {
    return R"({"id":")" + id + R"(","shardTypeId":"contact","structuredData":{"name":")" + name + "\"}}\n";
}

} // namespace

TEST_CASE("shards are imported by id, listed, changed, exported and deleted") {
    Workplace workplace;
    const auto imported = shards(workplace, {"import"}, line(first_id, "Zoë") + "\n" + line(second_id, "李小龍"));
    CHECK(imported.exit_code == 0);
    CHECK(imported.lines().at(0).at("imported") == 2);
    CHECK(shards(workplace, {"import"}, line(first_id, "Zoë K.")).exit_code == 0);
    CHECK(shards(workplace, {"list", "--type", "contact"}).lines().size() == 2);

    auto put = shards(workplace, {"put", "--type", "contact", second_id, "--set", "phone=+81 76 555", "--set",
                                  "address.city=Kanazawa"});
    CHECK(put.exit_code == 0);
    const auto got = shards(workplace, {"get", "--type", "contact", second_id});
    const json::object expected{{"name", "李小龍"}, {"phone", "+81 76 555"}, {"address", {{"city", "Kanazawa"}}}};
    CHECK(got.lines().at(0).at("structuredData") == expected);

    CHECK(shards(workplace, {"delete", "--type", "contact", first_id}).exit_code == 0);
    CHECK(shards(workplace, {"delete", "--type", "contact", first_id}).exit_code == 1);
    CHECK(shards(workplace, {"get", "--type", "contact", first_id}).exit_code == 1);
    const auto exported = shards(workplace, {"export", "--type", "contact"});
    REQUIRE(exported.lines().size() == 1);
    CHECK(exported.lines()[0].at("id").as_string() == second_id);
}

TEST_CASE("an export is an import") {
    Workplace workplace;
    const std::string extra =
        R"({"id":")" + first_id + R"(","shardTypeId":"contact","structuredData":{"n":0.1},"acl":[{"userId":"u"}]})";
    REQUIRE(shards(workplace, {"import"}, extra).exit_code == 0);
    const auto exported = shards(workplace, {"export", "--type", "contact"}).output;
    Workplace other;
    REQUIRE(shards(other, {"import"}, exported).exit_code == 0);
    const auto copy = shards(other, {"get", "--type", "contact", first_id}).lines().at(0);
    CHECK(copy.at("structuredData") == json::object{{"n", 0.1}});
    CHECK(copy.at("acl") == json::array{{{"userId", "u"}}});
}

TEST_CASE("every bad line of an import is told with its number, and the good ones are imported") {
    Workplace workplace;
    const auto outcome =
        shards(workplace, {"import", "--type", "contact"},
               line(first_id, "good") + "not json\n" + R"({"shardTypeId":"contact","structuredData":{}})" + "\n" +
                   R"({"id":"x","shardTypeId":"contact","structuredData":[]})" + "\n" +
                   R"({"id":"x","shardTypeId":"company","structuredData":{}})" + "\n" +
                   R"({"id":"x","structuredData":{},"tenantId":"someone else"})" + "\n" + line(second_id, "good, too"));
    CHECK(outcome.exit_code == 1);
    CHECK(outcome.lines().at(0).at("imported") == 2);
    CHECK(outcome.lines().at(0).at("bad") == 5);
    std::vector<std::int64_t> numbers;
    for (const auto& entry : outcome.log())
        numbers.push_back(entry.at("line").to_number<std::int64_t>());
    CHECK(numbers == std::vector<std::int64_t>{2, 3, 4, 5, 6});
    CHECK(shards(workplace, {"list", "--type", "contact"}).lines().size() == 2);
}

TEST_CASE("an id that stands twice in an import ends with its last line") {
    Workplace workplace;
    REQUIRE(shards(workplace, {"import"}, line(first_id, "one") + line(first_id, "two")).exit_code == 0);
    CHECK(shards(workplace, {"get", "--type", "contact", first_id}).lines().at(0).at("structuredData").at("name") ==
          "two");
}

TEST_CASE("I22: a tenant's shards are nobody else's") {
    Workplace workplace;
    REQUIRE(shards(workplace, {"import"}, line(first_id, "mine")).exit_code == 0);
    const std::string other = "7b1f0f0e-6f0a-4c58-8a37-0b6f8b1c0002";
    CHECK(workplace.run({"shards", "get", "--type", "contact", first_id, "--tenant", other}).exit_code == 1);
    CHECK(workplace.run({"shards", "list", "--type", "contact", "--json", "--tenant", other}).output.empty());
}

TEST_CASE("put refuses what it can't do: an unknown id, a wrong type, nothing to set") {
    Workplace workplace;
    REQUIRE(shards(workplace, {"import"}, line(first_id, "x")).exit_code == 0);
    CHECK(shards(workplace, {"put", "--type", "contact", second_id, "--set", "a=1"}).exit_code == 1);
    CHECK(shards(workplace, {"put", "--type", "contact", first_id}).exit_code == 2);
    CHECK(shards(workplace, {"put", "--type", "contact", first_id, "--set", "name.full=x"}).exit_code == 2);
    const auto made = shards(workplace, {"put", "--type", "contact", "--set", "name=new"});
    CHECK(made.exit_code == 0);
    CHECK(made.lines().at(0).at("id").as_string().size() == 36);
}

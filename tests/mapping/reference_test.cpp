#include "support.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

namespace {

ReferenceTarget target(std::string id, bool integer = false) {
    ReferenceTarget made;
    made.id = std::move(id);
    made.integer_id = integer;
    return made;
}

const ResolvedReferences& links() {
    static const ResolvedReferences resolved{
        {{"companies", Side::source, "17"}, target("shard-a")},
        {{"companies", Side::source, "x"}, target("shard-b")},
        {{"companies", Side::target, "shard-a"}, target("17", true)},
        {{"companies", Side::target, "shard-b"}, target("x")},
        {{"companies", Side::target, "shard-c"}, target("18446744073709551615", true)},
        {{"companies", Side::target, "shard-broken"}, target("17x", true)},
    };
    return resolved;
}

Mapping company_field(std::string_view more = "") {
    return fields(R"({"externalField": "company.id", "shardField": "companyId", "reference": "companies")" +
                  std::string(more) + "}");
}

std::vector<std::string> ids(const std::vector<ReferenceKey>& keys) {
    std::vector<std::string> list;
    for (const ReferenceKey& key : keys) {
        CHECK(key.entity == "companies");
        list.push_back((key.side == Side::source ? "source:" : "target:") + key.id);
    }
    return list;
}

} // namespace

TEST_CASE("a reference is translated through the links, both ways, and integers stay integers") {
    const auto contact = company_field();
    CHECK(from_source(contact, R"({"company": {"id": 17}})", links()) == R"({"companyId":"shard-a"})");
    CHECK(from_source(contact, R"({"company": {"id": "17"}})", links()) == R"({"companyId":"shard-a"})");
    CHECK(from_source(contact, R"({"company": {"id": "x"}})", links()) == R"({"companyId":"shard-b"})");
    CHECK(to_source(contact, "{}", R"({"companyId": "shard-a"})", links()) == R"({"company":{"id":17}})");
    CHECK(to_source(contact, "{}", R"({"companyId": "shard-b"})", links()) == R"({"company":{"id":"x"}})");
    CHECK(to_source(contact, "{}", R"({"companyId": "shard-c"})", links()) ==
          R"({"company":{"id":18446744073709551615}})");
    CHECK(to_source(contact, "{}", R"({"companyId": "shard-broken"})", links()).starts_with("parked"));
}

TEST_CASE("absent and null references need no link") {
    const auto contact = company_field();
    CHECK(from_source(contact, "{}") == "{}");
    CHECK(from_source(contact, R"({"company": null})") == R"({"companyId":null})");
    CHECK(to_source(contact, R"({"company": {"id": 17}})", R"({"companyId": null})") == R"({"company":{"id":null}})");
    CHECK(contact.source_references(object(R"({"company": null})")).empty());
}

TEST_CASE("an unresolved reference parks the record until the other one is linked") {
    const auto contact = company_field();
    const auto read = contact.read_source(object(R"({"company": {"id": 99}})"), links());
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().error.code == ErrorCode::missing_reference);
    CHECK(read.error().field == "company.id");
    CHECK(read.error().error.message.find("'99' of 'companies'") != std::string::npos);
    const auto written = contact.write_source({}, contact.from_object(object(R"({"companyId": "shard-z"})")), links());
    REQUIRE_FALSE(written.has_value());
    CHECK(written.error().error.code == ErrorCode::missing_reference);
    CHECK(written.error().field == "companyId");
}

TEST_CASE("what can't be an id is no reference") {
    const auto contact = company_field();
    for (const std::string_view id : {"17.5", "17.0", "true", R"("")", R"({"id": 17})", R"([17, null])", "[[17]]"}) {
        const std::string record = R"({"company": {"id": )" + std::string(id) + "}}";
        const auto read = contact.read_source(object(record), links());
        REQUIRE_FALSE_MESSAGE(read.has_value(), id);
        CHECK(read.error().error.code == ErrorCode::invalid_record);
    }
    CHECK(contact.source_references(object(R"({"company": {"id": ""}})")).empty());
}

TEST_CASE("a list of references is translated one by one") {
    const auto contact =
        fields(R"({"externalField": "ids", "shardField": "companies", "reference": "companies", "unordered": true})");
    CHECK(from_source(contact, R"({"ids": [17, "x"]})", links()) == R"({"companies":["shard-a","shard-b"]})");
    CHECK(from_source(contact, R"({"ids": []})", links()) == R"({"companies":[]})");
    CHECK(from_source(contact, R"({"ids": [17, 99]})", links()).starts_with("parked"));
    CHECK(to_source(contact, "{}", R"({"companies": ["shard-b", "shard-a"]})", links()) == R"({"ids":["x",17]})");
    CHECK(ids(contact.source_references(object(R"({"ids": [17, "x"]})"))) ==
          std::vector<std::string>{"source:17", "source:x"});
}

TEST_CASE("the engine is told which links it must look up") {
    const auto contact = mapping(R"("fieldMappings": [
        {"externalField": "company", "shardField": "company", "reference": "companies", "transform": "trim"},
        {"externalField": "other", "shardField": "other", "reference": "companies", "direction": "inbound"}])");
    CHECK(ids(contact.source_references(object(R"({"company": " 17 ", "other": "x"})"))) ==
          std::vector<std::string>{"source:17", "source:x"});
    CHECK(ids(contact.target_references(contact.from_object(
              object(R"({"company": "shard-a", "other": "shard-b"})")))) == std::vector<std::string>{"target:shard-a"});
    CHECK(contact.referenced_entities() == std::vector<std::string>{"companies"});
    CHECK(fields(R"({"externalField": "a", "shardField": "a"})").referenced_entities().empty());
}

TEST_CASE("a reference that never flows to the shard is absent while it is unresolved") {
    const auto contact = company_field(R"(, "direction": "outbound")");
    CHECK(from_source(contact, R"({"company": {"id": 99}})", links()) == "{}");
    CHECK(from_source(contact, R"({"company": {"id": 17}})", links()) == R"({"companyId":"shard-a"})");
}

TEST_CASE("a transform before a reference works on the external id") {
    const auto contact = fields(
        R"({"externalField": "c", "shardField": "c", "reference": "companies", "transform": "string_to_number"})");
    CHECK(from_source(contact, R"({"c": "17"})", links()) == R"({"c":"shard-a"})");
    CHECK(to_source(contact, "{}", R"({"c": "shard-a"})", links()) == R"({"c":"17"})");
}

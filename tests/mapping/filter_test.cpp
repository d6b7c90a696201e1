#include "support.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing_mapping;

namespace {

bool passes(std::string_view op, std::string_view with, std::string_view record) {
    std::vector<ConfigurationFault> faults;
    const auto filters = parse_filters(
        value(R"([{"field": "f.x", "operator": ")" + std::string(op) + R"(", "value": )" + std::string(with) + "}]"),
        "filters", faults);
    INFO(describe(faults));
    REQUIRE(faults.empty());
    return matches(filters, object(record));
}

std::vector<ConfigurationFault> faults_of(std::string_view filters) {
    std::vector<ConfigurationFault> faults;
    (void)parse_filters(value(filters), "pullFilters", faults);
    return faults;
}

} // namespace

TEST_CASE("equals and not_equals compare by value, and absent is null") {
    CHECK(passes("equals", "1", R"({"f": {"x": 1.0}})"));
    CHECK(passes("equals", R"("a")", R"({"f": {"x": "a"}})"));
    CHECK_FALSE(passes("equals", R"("A")", R"({"f": {"x": "a"}})"));
    CHECK_FALSE(passes("equals", R"("1")", R"({"f": {"x": 1}})"));
    CHECK(passes("not_equals", R"("1")", R"({"f": {"x": 1}})"));
    CHECK_FALSE(passes("not_equals", "1", R"({"f": {"x": 1}})"));
    CHECK(passes("equals", "null", R"({"f": {}})"));
    CHECK(passes("equals", "null", R"({"f": {"x": null}})"));
    CHECK(passes("not_equals", R"("a")", "{}"));
}

TEST_CASE("contains looks into texts and lists") {
    CHECK(passes("contains", R"("da")", R"({"f": {"x": "Ada"}})"));
    CHECK_FALSE(passes("contains", R"("DA")", R"({"f": {"x": "Ada"}})"));
    CHECK(passes("contains", R"("vip")", R"({"f": {"x": ["new", "vip"]}})"));
    CHECK_FALSE(passes("contains", R"("vi")", R"({"f": {"x": ["vip"]}})"));
    CHECK(passes("contains", "2", R"({"f": {"x": [1, 2.0]}})"));
    CHECK_FALSE(passes("contains", "1", R"({"f": {"x": "1"}})"));
    CHECK_FALSE(passes("contains", R"("a")", "{}"));
}

TEST_CASE("gt and lt compare numbers exactly, times as moments and other texts by bytes") {
    CHECK(passes("gt", "9007199254740992", R"({"f": {"x": 9007199254740993}})"));
    CHECK(passes("gt", "1", R"({"f": {"x": 1.5}})"));
    CHECK_FALSE(passes("gt", "1", R"({"f": {"x": 1}})"));
    CHECK(passes("lt", "-1", R"({"f": {"x": -2}})"));
    CHECK(passes("gt", R"("a")", R"({"f": {"x": "b"}})"));
    CHECK_FALSE(passes("gt", R"("2026-01-31T09:00:00Z")", R"({"f": {"x": "2026-01-31T09:30:00+01:00"}})"));
    CHECK(passes("lt", R"("2026-01-31T09:00:00Z")", R"({"f": {"x": "2026-01-31T09:30:00+01:00"}})"));
    CHECK_FALSE(passes("lt", R"("2026-01-31T09:00:00Z")", R"({"f": {"x": "2026-01-31T09:00:00.000Z"}})"));
}

TEST_CASE("values of different types are neither greater nor less") {
    for (const std::string_view record :
         {R"({"f": {"x": "5"}})", R"({"f": {"x": null}})", R"({"f": {"x": true}})", R"({"f": {"x": [5]}})", "{}"}) {
        CHECK_FALSE(passes("gt", "1", record));
        CHECK_FALSE(passes("lt", "9", record));
    }
}

TEST_CASE("in and not_in") {
    CHECK(passes("in", R"(["a", 2])", R"({"f": {"x": 2.0}})"));
    CHECK_FALSE(passes("in", R"(["a", 2])", R"({"f": {"x": "2"}})"));
    CHECK_FALSE(passes("in", "[]", R"({"f": {"x": 1}})"));
    CHECK(passes("not_in", R"(["a"])", R"({"f": {"x": "b"}})"));
    CHECK(passes("not_in", R"(["a"])", "{}"));
    CHECK_FALSE(passes("not_in", R"(["a"])", R"({"f": {"x": "a"}})"));
}

TEST_CASE("all filters must agree, and none lets everything pass") {
    std::vector<ConfigurationFault> faults;
    const auto filters = parse_filters(value(R"([{"field": "a", "operator": "gt", "value": 1},
                                                 {"field": "b", "operator": "equals", "value": true}])"),
                                       "filters", faults);
    CHECK(matches(filters, object(R"({"a": 2, "b": true})")));
    CHECK_FALSE(matches(filters, object(R"({"a": 2, "b": false})")));
    CHECK_FALSE(matches(filters, object(R"({"a": 1, "b": true})")));
    CHECK(matches({}, object("{}")));
}

TEST_CASE("an object of filters compares for equality, and with a list for one of its elements") {
    std::vector<ConfigurationFault> faults;
    const auto filters = parse_filters(value(R"({"stage": ["open", "won"], "owner.id": 7})"), "filters", faults);
    CHECK(faults.empty());
    CHECK(matches(filters, object(R"({"stage": "won", "owner": {"id": 7}})")));
    CHECK_FALSE(matches(filters, object(R"({"stage": "lost", "owner": {"id": 7}})")));
    CHECK_FALSE(matches(filters, object(R"({"stage": "won", "owner": {"id": 8}})")));
}

TEST_CASE("every wrong filter is told, with its place and what to do") {
    const auto faults = faults_of(R"([{"field": "a", "operator": "in", "value": "x"},
                                      {"field": "", "operator": "like", "value": 1},
                                      {"operator": "gt", "value": true, "valeu": 1},
                                      {"field": "a..b", "operator": "equals"},
                                      {"field": "a", "operator": "contains", "value": [1]},
                                      7])");
    INFO(describe(faults));
    CHECK(tells(faults, "pullFilters[0].value", "must be a list with operator in"));
    CHECK(tells(faults, "pullFilters[1].operator", "use one of: equals, not_equals, contains, gt, lt, in, not_in"));
    CHECK(tells(faults, "pullFilters[1].field", "not a path"));
    CHECK(tells(faults, "pullFilters[2].field", "is missing"));
    CHECK(tells(faults, "pullFilters[2].value", "must be a number or text with operator gt"));
    CHECK(tells(faults, "pullFilters[2].valeu", "did you mean 'value'"));
    CHECK(tells(faults, "pullFilters[3].field", "not a path"));
    CHECK(tells(faults, "pullFilters[3].value", "is missing"));
    CHECK(tells(faults, "pullFilters[4].value", "must be text, a number"));
    CHECK(tells(faults, "pullFilters[5]", "must be an object"));
    CHECK(tells(faults_of(R"("stage")"), "pullFilters", "must be a list"));
}

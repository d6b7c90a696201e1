#include <castiel_sync/integration.hpp>
#include <castiel_sync/strategy.hpp>

#include <doctest/doctest.h>

using namespace castiel_sync;

TEST_CASE("a custom strategy is found by its name; a later one of the same name takes its place") {
    ConflictStrategies strategies;
    CHECK(strategies.find("longest") == nullptr);
    strategies.add("longest", [](const FieldConflict&) { return std::optional<json::value>("first"); });
    strategies.add("longest", [](const FieldConflict&) { return std::optional<json::value>("second"); });
    REQUIRE(strategies.find("longest") != nullptr);

    const std::optional<json::value> absent;
    const json::object none;
    const FieldConflict conflict{"name", absent, absent, absent, {}, {}, none, none};
    CHECK((*strategies.find("longest"))(conflict) == json::value("second"));
}

TEST_CASE("inbound flows to the target, outbound to the source, bidirectional to both") {
    CHECK(flows_to(Direction::inbound, Side::target));
    CHECK_FALSE(flows_to(Direction::inbound, Side::source));
    CHECK(flows_to(Direction::outbound, Side::source));
    CHECK_FALSE(flows_to(Direction::outbound, Side::target));
    CHECK(flows_to(Direction::bidirectional, Side::source));
    CHECK(flows_to(Direction::bidirectional, Side::target));
}

TEST_CASE("strategies that combine two values decide fields, the others whole records too") {
    for (const std::string_view name : {"max", "min", "union", "add_delta", "concat"})
        CHECK(is_field_only(*parse_strategy(name)));
    for (const std::string_view name : {"source_wins", "target_wins", "newest_wins", "merge", "manual",
                                        "source_unless_blank", "target_unless_blank", "custom"})
        CHECK_FALSE(is_field_only(*parse_strategy(name)));
}

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

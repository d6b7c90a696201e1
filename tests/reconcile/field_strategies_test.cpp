// Each strategy for one field that both sides changed differently, under merge.
#include "support.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing_reconcile;

namespace {

// One member each: base, source, target as the value of the field.
std::string decide_values(const Policy& policy, const std::string& base, const std::string& source,
                          const std::string& target) {
    const auto member = [](const std::string& value) { return "{\"value\":" + value + "}"; };
    return decide(policy, base.empty() ? "{}" : member(base), member(source), member(target));
}

std::string decided(const std::string& writes, const std::string& result, const std::string& rule) {
    std::string text = "update";
    if (writes != "target") text += " | source {\"value\":" + result + "}";
    if (writes != "source") text += " | target {\"value\":" + result + "}";
    return text + " | base {\"value\":" + result + "} | value: " + rule + " automatic | automatic update_update";
}

std::string open(const std::string& rule) { return "nothing | value: " + rule + " open | conflict update_update"; }

} // namespace

TEST_CASE("field source_wins") {
    const Policy policy = by_field(Strategy::source_wins);
    CHECK(decide_values(policy, "1", "2", "3") == decided("target", "2", "source_wins"));
    CHECK(decide_values(policy, "1", "null", "3") == decided("target", "null", "source_wins"));
}

TEST_CASE("field target_wins") {
    const Policy policy = by_field(Strategy::target_wins);
    CHECK(decide_values(policy, "1", "2", "3") == decided("source", "3", "target_wins"));
    CHECK(decide_values(policy, "1", "2", "null") == decided("source", "null", "target_wins"));
}

TEST_CASE("field manual") {
    CHECK(decide_values(by_field(Strategy::manual), "1", "2", "3") == open("manual"));
}

TEST_CASE("field newest_wins: the later side, by more than the tolerance") {
    Policy policy = by_field(Strategy::newest_wins);
    Situation now = situation(policy, R"({"value":1})", R"({"value":2})", R"({"value":3})");
    now.source.modified_at = at_second(3);
    now.target.modified_at = at_second(0);
    CHECK(decide(policy, now) == decided("target", "2", "newest_wins"));
    now.target.modified_at = at_second(6);
    CHECK(decide(policy, now) == decided("source", "3", "newest_wins"));
    now.target.modified_at = at_second(5); // exactly the tolerance: a tie
    CHECK(decide(policy, now) == open("newest_wins/manual"));
    policy.newest_wins_tolerance = std::chrono::milliseconds(1999);
    CHECK(decide(policy, now) == decided("source", "3", "newest_wins"));
    now.target.modified_at = at_second(1);
    CHECK(decide(policy, now) == decided("target", "2", "newest_wins"));
    policy.newest_wins_tolerance = std::chrono::milliseconds(2000);
    CHECK(decide(policy, now) == open("newest_wins/manual"));
}

TEST_CASE("field newest_wins: with a missing time on either side, tie_break decides") {
    Policy policy = by_field(Strategy::newest_wins);
    Situation now = situation(policy, R"({"value":1})", R"({"value":""})", R"({"value":3})");
    CHECK(decide(policy, now) == open("newest_wins/manual"));
    now.source.modified_at = at_second(100);
    CHECK(decide(policy, now) == open("newest_wins/manual"));
    now.source.modified_at.reset();
    now.target.modified_at = at_second(100);
    CHECK(decide(policy, now) == open("newest_wins/manual"));
    policy.tie_break = Strategy::source_wins;
    CHECK(decide(policy, now) == decided("target", "\"\"", "newest_wins/source_wins"));
    policy.tie_break = Strategy::target_wins;
    CHECK(decide(policy, now) == decided("source", "3", "newest_wins/target_wins"));
    policy.tie_break = Strategy::source_unless_blank;
    CHECK(decide(policy, now) == decided("source", "3", "newest_wins/source_unless_blank"));
}

TEST_CASE("field source_unless_blank and target_unless_blank: null, \"\", [] and {} are blank; 0 and false are not") {
    const Policy source = by_field(Strategy::source_unless_blank);
    const Policy target = by_field(Strategy::target_unless_blank);
    CHECK(decide_values(source, "1", "2", "3") == decided("target", "2", "source_unless_blank"));
    CHECK(decide_values(target, "1", "2", "3") == decided("source", "3", "target_unless_blank"));
    for (const char* blank : {"null", "\"\"", "[]", "{}"}) {
        CHECK(decide_values(source, "1", blank, "3") == decided("source", "3", "source_unless_blank"));
        CHECK(decide_values(target, "1", "2", blank) == decided("target", "2", "target_unless_blank"));
    }
    for (const char* value : {"0", "false", "\" \""}) {
        CHECK(decide_values(source, "1", value, "3") == decided("target", value, "source_unless_blank"));
        CHECK(decide_values(target, "1", "2", value) == decided("source", value, "target_unless_blank"));
    }
}

TEST_CASE("field custom: its answer goes where it differs, a third value to both sides") {
    ConflictStrategies strategies;
    std::string seen;
    strategies.add("average", [&](const FieldConflict& conflict) -> std::optional<json::value> {
        seen = std::string(conflict.field) + " " + to_json(conflict.base.value()) + " " +
               to_string(conflict.source_modified_at.value()) +
               (conflict.target_modified_at ? " with target time" : " without target time");
        return (conflict.source->as_int64() + conflict.target->as_int64()) / 2;
    });
    strategies.add("source", [](const FieldConflict& conflict) { return conflict.source; });
    Policy policy = by_field(Strategy::custom);
    policy.custom_strategies = &strategies;
    policy.fields[0].custom_strategy = "average";
    Situation now = situation(policy, R"({"value":1})", R"({"value":10})", R"({"value":20})");
    now.source.modified_at = parse_timestamp("2026-11-23T06:02:11.042Z");
    CHECK(decide(policy, now) == decided("both", "15", "custom:average"));
    CHECK(seen == "value 1 2026-11-23T06:02:11.042Z without target time");
    policy.fields[0].custom_strategy = "source";
    CHECK(decide_values(policy, "1", "10", "20") == decided("target", "10", "custom:source"));
}

TEST_CASE("field custom: a rule that defers, throws or is not registered decides nothing, and is named") {
    ConflictStrategies strategies;
    strategies.add("defers", [](const FieldConflict&) { return std::nullopt; });
    strategies.add("throws", [](const FieldConflict&) -> std::optional<json::value> {
        throw std::runtime_error("no such currency");
    });
    strategies.add("throws_a_number", [](const FieldConflict&) -> std::optional<json::value> { throw 7; });
    Policy policy = by_field(Strategy::custom);
    policy.fields[0].custom_strategy = "defers";
    CHECK(decide_values(policy, "1", "2", "3") == open("custom:defers"));
    policy.custom_strategies = &strategies;
    CHECK(decide_values(policy, "1", "2", "3") == open("custom:defers"));
    for (const char* name : {"throws", "throws_a_number"}) {
        policy.fields[0].custom_strategy = name;
        CHECK(decide_values(policy, "1", "2", "3") == open(std::string("custom:") + name + " (failed)"));
    }
    policy.fields[0].custom_strategy = "unknown";
    CHECK(decide_values(policy, "1", "2", "3") == open("custom:unknown"));
}

TEST_CASE("field max and min: numbers exactly, texts by bytes, null gives way, and what can't be ordered waits") {
    const Policy max = by_field(Strategy::max);
    const Policy min = by_field(Strategy::min);
    CHECK(decide_values(max, "1", "2", "3") == decided("source", "3", "max"));
    CHECK(decide_values(max, "1", "3.5", "2") == decided("target", "3.5", "max"));
    CHECK(decide_values(min, "1", "2", "3") == decided("target", "2", "min"));
    CHECK(decide_values(min, "1", "-3", "2") == decided("target", "-3", "min"));
    // Neighbours that a double would take for equal.
    CHECK(decide_values(max, "1", "9007199254740993", "9007199254740992.0") ==
          decided("target", "9007199254740993", "max"));
    CHECK(decide_values(max, "1", "18446744073709551615", "-1") == decided("target", "18446744073709551615", "max"));
    CHECK(decide_values(min, "1", "18446744073709551615", "-1") == decided("source", "-1", "min"));
    CHECK(decide_values(max, "\"\"", "\"10\"", "\"9\"") == decided("source", "\"9\"", "max"));
    CHECK(decide_values(min, "\"\"", "\"10\"", "\"9\"") == decided("target", "\"10\"", "min"));
    for (const Policy& policy : {max, min}) {
        const std::string name(to_string(policy.fields[0].strategy));
        CHECK(decide_values(policy, "1", "null", "3") == decided("source", "3", name));
        CHECK(decide_values(policy, "1", "2", "null") == decided("target", "2", name));
        CHECK(decide_values(policy, "1", "2", "\"3\"") == open(name));
        CHECK(decide_values(policy, "1", "[2]", "[3]") == open(name));
        CHECK(decide_values(policy, "null", "true", "false") == open(name));
    }
}

TEST_CASE("field union: what either side added is kept, what either side removed is removed, each element once") {
    const Policy policy = by_field(Strategy::union_);
    CHECK(decide_values(policy, "[1,2,3]", "[1,2,3,4]", "[2,3,5]") == decided("both", "[2,3,4,5]", "union"));
    CHECK(decide_values(policy, "[1]", "[1,2]", "[1,3]") == decided("both", "[1,2,3]", "union"));
    CHECK(decide_values(policy, "[1,2]", "[1]", "[2]") == decided("both", "[]", "union"));
    CHECK(decide_values(policy, "[]", "[4,4]", "[5]") == decided("both", "[4,5]", "union"));
    CHECK(decide_values(policy, "[1]", "[1,2]", "[1,2,3]") == decided("source", "[1,2,3]", "union"));
    CHECK(decide_values(policy, "null", "[1]", "[2]") == decided("both", "[1,2]", "union"));
    CHECK(decide_values(policy, "[1]", "null", "[1,2]") == decided("both", "[2]", "union"));
    CHECK(decide_values(policy, "", "[1]", "[2]") == decided("both", "[1,2]", "union"));
    CHECK(decide_values(policy, R"([{"k":1}])", R"([{"k":1},{"k":2}])", R"([{"k":1.0},{"k":3}])") ==
          decided("both", R"([{"k":1},{"k":2},{"k":3}])", "union"));
    CHECK(decide_values(policy, "[1]", "[1,2]", "\"text\"") == open("union"));
    CHECK(decide_values(policy, "\"text\"", "[1]", "[2]") == open("union"));
}

TEST_CASE("field add_delta: both changes are added to the base, exactly, or a person decides") {
    const Policy policy = by_field(Strategy::add_delta);
    CHECK(decide_values(policy, "10", "12", "13") == decided("both", "15", "add_delta"));
    CHECK(decide_values(policy, "10", "7", "14") == decided("both", "11", "add_delta"));
    // The sum is the old value: both sides are written, and the base holds it already.
    CHECK(decide_values(policy, "10", "7", "13") ==
          R"(update | source {"value":10} | target {"value":10} | value: add_delta automatic)"
          " | automatic update_update");
    CHECK(decide_values(policy, "0.1", "0.2", "0.3") == decided("both", "0.4", "add_delta"));
    CHECK(decide_values(policy, "1", "1.25", "3") == decided("both", "3.25", "add_delta"));
    CHECK(decide_values(policy, "9007199254740992", "9007199254740993", "9007199254740994") ==
          decided("both", "9007199254740995", "add_delta"));
    CHECK(decide_values(policy, "0", "18446744073709551615", "1") == open("add_delta"));
    CHECK(decide_values(policy, "0", "0.1", "123456789012345678") == open("add_delta"));
    CHECK(decide_values(policy, "0", "1e300", "1e-300") == open("add_delta"));
    CHECK(decide_values(policy, "", "2", "3") == open("add_delta"));
    CHECK(decide_values(policy, "null", "2", "3") == open("add_delta"));
    CHECK(decide_values(policy, "1", "\"2\"", "3") == open("add_delta"));
    CHECK(decide_values(policy, "1", "null", "3") == open("add_delta"));
}

TEST_CASE("field concat: the source's text first, blanks give way, and lists take the target's new elements") {
    Policy policy = by_field(Strategy::concat);
    CHECK(decide_values(policy, "\"old\"", "\"from source\"", "\"from target\"") ==
          decided("both", R"("from source\nfrom target")", "concat"));
    policy.fields[0].separator = " / ";
    CHECK(decide_values(policy, "\"old\"", "\"s\"", "\"t\"") == decided("both", "\"s / t\"", "concat"));
    CHECK(decide_values(policy, "\"old\"", "\"\"", "\"t\"") == decided("source", "\"t\"", "concat"));
    CHECK(decide_values(policy, "\"old\"", "\"s\"", "null") == decided("target", "\"s\"", "concat"));
    CHECK(decide_values(policy, "[]", "[1,2]", "[2,3]") == decided("both", "[1,2,3]", "concat"));
    CHECK(decide_values(policy, "1", "2", "3") == open("concat"));
    CHECK(decide_values(policy, "\"old\"", "\"s\"", "[1]") == open("concat"));
}

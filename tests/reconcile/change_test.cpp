// Which side changed, and where a value flows before any strategy is asked.
#include "support.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing_reconcile;

namespace {

const Policy two = policy_of({"a", "b"});

} // namespace

TEST_CASE("nothing changed: nothing is done and the base stays") {
    CHECK(decide(two, R"({"a":1,"b":[1]})", R"({"a":1,"b":[1]})", R"({"b":[1],"a":1})") == "nothing");
    CHECK(decide(two, R"({"a":1})", R"({"a":1.0})", R"({"a":1})") == "nothing");
}

TEST_CASE("what one side changed goes to the other one, null as well") {
    CHECK(decide(two, R"({"a":1,"b":2})", R"({"a":7,"b":2})", R"({"a":1,"b":2})") ==
          R"(update | target {"a":7} | base {"a":7,"b":2} | a: changed_on_source)");
    CHECK(decide(two, R"({"a":1,"b":2})", R"({"a":1,"b":2})", R"({"a":1,"b":null})") ==
          R"(update | source {"b":null} | base {"a":1,"b":null} | b: changed_on_target)");
    CHECK(decide(two, R"({"a":1,"b":2})", R"({"a":7,"b":2})", R"({"a":1,"b":8})") ==
          R"(update | source {"b":8} | target {"a":7} | base {"a":7,"b":8} | a: changed_on_source | b: changed_on_target)");
}

TEST_CASE("a field that both sides changed differently is a conflict unless a rule is named, and the others flow") {
    CHECK(decide(two, R"({"a":1,"b":2})", R"({"a":7,"b":3})", R"({"a":8,"b":2})") ==
          R"(update | target {"b":3} | base {"a":1,"b":3} | a: manual open | b: changed_on_source)"
          " | conflict update_update");
    CHECK(decide(two, R"({"a":1})", R"({"a":null})", R"({"a":8})") ==
          "nothing | a: manual open | conflict update_update");
}

TEST_CASE("equal edits advance the base without a write and are never a conflict (I2)") {
    CHECK(decide(two, R"({"a":1})", R"({"a":7})", R"({"a":7.0})") == R"(nothing | base {"a":7} | a: equal)");
    CHECK(decide(two, R"({"a":1})", R"({"a":null})", R"({"a":null})") == R"(nothing | base {"a":null} | a: equal)");
    Policy manual = two;
    manual.record_strategy = Strategy::manual;
    CHECK(decide(manual, R"({"a":1})", R"({"a":7})", R"({"a":7})") == R"(nothing | base {"a":7} | a: equal)");
}

TEST_CASE("a list is unordered only where its mapping says so, and its elements count as often as they stand there") {
    const std::string_view base = R"({"a":[1,2,2]})", turned = R"({"a":[2,1,2]})", fewer = R"({"a":[1,2]})";
    CHECK(decide(two, base, turned, base) ==
          R"(update | target {"a":[2,1,2]} | base {"a":[2,1,2]} | a: changed_on_source)");
    Policy unordered = two;
    unordered.fields[0].unordered = true;
    CHECK(decide(unordered, base, turned, base) == "nothing");
    CHECK(decide(unordered, base, fewer, base) ==
          R"(update | target {"a":[1,2]} | base {"a":[1,2]} | a: changed_on_source)");
    CHECK(decide(unordered, base, R"({"a":[3,4]})", R"({"a":[4,3]})") == R"(nothing | base {"a":[3,4]} | a: equal)");
}

TEST_CASE("what neither side holds any more is not agreed: set again as it was, it is news (I2)") {
    CHECK(decide(two, R"({"a":1,"b":2})", R"({"b":2})", R"({"b":2})") == R"(nothing | base {"b":2})");
    CHECK(decide(two, R"({"b":2})", R"({"a":1,"b":2})", R"({"b":2})") ==
          R"(update | target {"a":1} | base {"a":1,"b":2} | a: changed_on_source)");
}

TEST_CASE("an absent field erases nothing, and what the other side changed still reaches it") {
    CHECK(decide(two, R"({"a":1,"b":2})", R"({"b":2})", R"({"a":1,"b":2})") == "nothing");
    CHECK(decide(two, R"({"a":1})", "{}", R"({"a":8})") ==
          R"(update | source {"a":8} | base {"a":8} | a: changed_on_target)");
    CHECK(decide(two, "{}", R"({"a":5})", "{}") ==
          R"(update | target {"a":5} | base {"a":5} | a: changed_on_source)");
}

TEST_CASE("a null that nobody ever agreed on is no edit that stands against a value") {
    CHECK(decide(two, "{}", R"({"a":null})", R"({"a":8})") ==
          R"(update | source {"a":8} | base {"a":8} | a: changed_on_target)");
    CHECK(decide(two, "{}", R"({"a":7})", R"({"a":null})") ==
          R"(update | target {"a":7} | base {"a":7} | a: changed_on_source)");
    CHECK(decide(two, "{}", R"({"a":null})", "{}") == "nothing");
}

TEST_CASE("a change that does not flow stays where it was made, and the base does not learn it") {
    Policy inbound = two;
    inbound.fields[0].to_source = false;
    CHECK(decide(inbound, R"({"a":1})", R"({"a":1})", R"({"a":8})") == "nothing");
    CHECK(decide(inbound, R"({"a":1})", R"({"a":7})", R"({"a":1})") ==
          R"(update | target {"a":7} | base {"a":7} | a: changed_on_source)");
    Policy outbound = two;
    outbound.fields[0].to_target = false;
    CHECK(decide(outbound, R"({"a":1})", R"({"a":7})", R"({"a":1})") == "nothing");
    CHECK(decide(outbound, R"({"a":1})", R"({"a":1})", R"({"a":8})") ==
          R"(update | source {"a":8} | base {"a":8} | a: changed_on_target)");
}

TEST_CASE("where a field flows one way, no rule invents a third value or asks a person") {
    for (const Strategy strategy : {Strategy::add_delta, Strategy::concat}) {
        Policy inbound = by_field(strategy);
        inbound.fields[0].to_source = false;
        CHECK(decide(inbound, R"({"value":1})", R"({"value":3})", R"({"value":5})") ==
              R"(update | target {"value":3} | base {"value":3} | value: source_wins automatic | automatic update_update)");
        Policy outbound = by_field(strategy);
        outbound.fields[0].to_target = false;
        CHECK(decide(outbound, R"({"value":1})", R"({"value":3})", R"({"value":5})") ==
              R"(update | source {"value":5} | base {"value":5} | value: target_wins automatic | automatic update_update)");
    }
}

TEST_CASE("a third value that can reach one side only is a recorded decision, and no agreement for the base") {
    ConflictStrategies strategies;
    strategies.add("fifteen", [](const FieldConflict&) { return json::value(15); });
    Policy inbound = by_field(Strategy::custom);
    inbound.fields[0].custom_strategy = "fifteen";
    inbound.custom_strategies = &strategies;
    inbound.fields[0].to_source = false;
    CHECK(decide(inbound, R"({"value":1})", R"({"value":2})", R"({"value":3})") ==
          R"(update | target {"value":15} | value: custom:fifteen automatic | automatic update_update)");
    CHECK(decide(inbound, R"({"value":1})", R"({"value":2})", R"({"value":15})") == "nothing");
}

TEST_CASE("fields of an open conflict stand still, the others flow, and equal values end it") {
    Situation open = situation(two, R"({"a":1,"b":2})", R"({"a":7,"b":2})", R"({"a":8,"b":3})");
    open.frozen = {"open", ""};
    CHECK(decide(two, open) ==
          R"(update | source {"b":3} | base {"a":1,"b":3} | a: open open | b: changed_on_target | conflict update_update)");

    Situation equal = situation(two, R"({"a":1,"b":2})", R"({"a":9,"b":2})", R"({"a":9,"b":2})");
    equal.frozen = {"open", ""};
    CHECK(decide(two, equal) == R"(nothing | base {"a":9,"b":2} | a: equal)");
}

TEST_CASE("an open field drags the fields beside it into no record rule") {
    Policy source_wins = two;
    source_wins.record_strategy = Strategy::source_wins;
    Situation open = situation(two, R"({"a":1,"b":2})", R"({"a":7,"b":2})", R"({"a":8,"b":3})");
    open.frozen = {"open", ""};
    CHECK(decide(source_wins, open) ==
          R"(update | source {"b":3} | base {"a":1,"b":3} | a: open open | b: changed_on_target | conflict update_update)");
}

TEST_CASE("matched records that were never compared come together field by field, or by initial_strategy") {
    CHECK(decide(two, never, R"({"a":1,"b":2})", R"({"a":1})") ==
          R"(update | target {"b":2} | base {"a":1,"b":2} | a: equal | b: changed_on_source)");
    CHECK(decide(two, never, R"({"a":1,"b":2})", R"({"a":5,"b":2})") ==
          R"(nothing | base {"b":2} | a: manual open | b: equal | conflict update_update)");

    Policy target_wins = two;
    target_wins.initial_strategy = Strategy::target_wins;
    CHECK(decide(target_wins, never, R"({"a":1,"b":2})", R"({"a":5})") ==
          R"(update | source {"a":5} | target {"b":2} | base {"a":5,"b":2} | a: target_wins automatic)"
          R"( | b: changed_on_source | automatic update_update)");
    // A null that was never agreed on is no difference, for a rule of the record either.
    CHECK(decide(target_wins, never, R"({"a":1})", R"({"a":null})") ==
          R"(update | target {"a":1} | base {"a":1} | a: changed_on_source)");
    // It speaks once: with a base, the record strategy does.
    CHECK(decide(target_wins, R"({"a":0})", R"({"a":1})", R"({"a":5})") ==
          "nothing | a: manual open | conflict update_update");
}

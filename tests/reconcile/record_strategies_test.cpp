// Each strategy for whole records. Base {a:1,b:2,c:3}; the source edited a and b, the target edited a and c.
#include "support.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing_reconcile;

namespace {

constexpr std::string_view base = R"({"a":1,"b":2,"c":3})";
constexpr std::string_view source = R"({"a":10,"b":20,"c":3})";
constexpr std::string_view target = R"({"a":11,"b":2,"c":31})";

constexpr std::string_view source_won =
    R"(update | target {"a":10,"b":20,"c":3} | base {"a":10,"b":20,"c":3})";
constexpr std::string_view target_won =
    R"(update | source {"a":11,"b":2,"c":31} | base {"a":11,"b":2,"c":31})";

Policy by_record(Strategy strategy) {
    Policy policy = policy_of({"a", "b", "c"});
    policy.record_strategy = strategy;
    return policy;
}

std::string decide_by(const Policy& policy) { return decide(policy, base, source, target); }

} // namespace

TEST_CASE("source_wins: the source's whole record, also over what only the target edited; each loss is recorded") {
    CHECK(decide_by(by_record(Strategy::source_wins)) ==
          std::string(source_won) +
              " | a: source_wins automatic | b: source_wins | c: source_wins automatic | automatic update_update");
}

TEST_CASE("target_wins: the target's whole record, also over what only the source edited; each loss is recorded") {
    CHECK(decide_by(by_record(Strategy::target_wins)) ==
          std::string(target_won) +
              " | a: target_wins automatic | b: target_wins automatic | c: target_wins | automatic update_update");
}

TEST_CASE("a record rule speaks only where both sides edited") {
    for (const Strategy strategy : {Strategy::source_wins, Strategy::target_wins, Strategy::manual}) {
        const Policy policy = by_record(strategy);
        CHECK(decide(policy, base, base, target) ==
              R"(update | source {"a":11,"c":31} | base {"a":11,"b":2,"c":31} | a: changed_on_target)"
              " | c: changed_on_target");
        CHECK(decide(policy, base, source, base) ==
              R"(update | target {"a":10,"b":20} | base {"a":10,"b":20,"c":3} | a: changed_on_source)"
              " | b: changed_on_source");
    }
}

TEST_CASE("merge: edits of different fields are both kept, and one field that both edited waits for a person") {
    CHECK(decide_by(by_record(Strategy::merge)) ==
          R"(update | source {"c":31} | target {"b":20} | base {"a":1,"b":20,"c":31} | a: manual open)"
          " | b: changed_on_source | c: changed_on_target | conflict update_update");
}

TEST_CASE("manual: the whole record waits where both edited, each field that differs is part of the conflict") {
    CHECK(decide_by(by_record(Strategy::manual)) ==
          "nothing | a: manual open | b: manual open | c: manual open | conflict update_update");
}

TEST_CASE("newest_wins: the record that was edited later, as a whole") {
    Policy policy = by_record(Strategy::newest_wins);
    Situation now = situation(policy, base, source, target);
    now.source.modified_at = at_second(10);
    now.target.modified_at = at_second(0);
    CHECK(decide(policy, now) ==
          std::string(source_won) +
              " | a: newest_wins automatic | b: newest_wins | c: newest_wins automatic | automatic update_update");
    now.target.modified_at = at_second(20);
    CHECK(decide(policy, now) ==
          std::string(target_won) +
              " | a: newest_wins automatic | b: newest_wins automatic | c: newest_wins | automatic update_update");
}

TEST_CASE("newest_wins for records does not guess: without a time, or too close, tie_break decides") {
    Policy policy = by_record(Strategy::newest_wins);
    Situation now = situation(policy, base, source, target);
    const std::string_view asks = "nothing | a: newest_wins/manual open | b: newest_wins/manual open"
                                  " | c: newest_wins/manual open | conflict update_update";
    CHECK(decide(policy, now) == asks);
    now.source.modified_at = at_second(10);
    CHECK(decide(policy, now) == asks);
    now.target.modified_at = at_second(11);
    CHECK(decide(policy, now) == asks);
    policy.tie_break = Strategy::target_wins;
    CHECK(decide(policy, now) == std::string(target_won) +
                                     " | a: newest_wins/target_wins automatic | b: newest_wins/target_wins automatic"
                                     " | c: newest_wins/target_wins | automatic update_update");
}

TEST_CASE("source_unless_blank: the source's record, but blanks do not erase what the target holds") {
    const Policy policy = by_record(Strategy::source_unless_blank);
    CHECK(decide(policy, R"({"a":1,"b":2,"c":3})", R"({"a":10,"b":"","c":3})", R"({"a":11,"b":2,"c":31})") ==
          R"(update | source {"b":2} | target {"a":10,"c":3} | base {"a":10,"b":2,"c":3})"
          " | a: source_unless_blank automatic | b: source_unless_blank automatic"
          " | c: source_unless_blank automatic | automatic update_update");
}

TEST_CASE("target_unless_blank: the target's record, but blanks do not erase what the source holds") {
    const Policy policy = by_record(Strategy::target_unless_blank);
    CHECK(decide(policy, R"({"a":1,"b":2,"c":3})", R"({"a":10,"b":20,"c":3})", R"({"a":11,"b":2,"c":null})") ==
          R"(update | source {"a":11,"b":2} | target {"c":3} | base {"a":11,"b":2,"c":3})"
          " | a: target_unless_blank automatic | b: target_unless_blank automatic"
          " | c: target_unless_blank automatic | automatic update_update");
}

TEST_CASE("custom: the registered rule decides each field, sees both records, and what it defers waits") {
    ConflictStrategies strategies;
    strategies.add("larger_a", [](const FieldConflict& conflict) -> std::optional<json::value> {
        if (conflict.field == "c") return std::nullopt;
        const auto a_of = [](const json::object& fields) { return fields.at("a").as_int64(); };
        return a_of(conflict.source_fields) > a_of(conflict.target_fields) ? conflict.source : conflict.target;
    });
    Policy policy = by_record(Strategy::custom);
    policy.custom_strategies = &strategies;
    policy.custom_strategy = "larger_a";
    CHECK(decide_by(policy) ==
          R"(update | source {"a":11,"b":2} | base {"a":11,"b":2,"c":3} | a: custom:larger_a automatic)"
          " | b: custom:larger_a automatic | c: custom:larger_a open | conflict update_update"
          " | automatic update_update");
}

TEST_CASE("a record rule in a one-way stream overwrites nothing on the side that does not receive") {
    Policy inbound = by_record(Strategy::source_wins);
    for (FieldPolicy& field : inbound.fields) field.to_source = false;
    inbound.flows_to_source = false;
    CHECK(decide_by(inbound) == std::string(source_won) + " | a: source_wins automatic | b: source_wins"
                                                          " | c: source_wins automatic | automatic update_update");
    inbound.record_strategy = Strategy::target_wins;
    CHECK(decide_by(inbound) == "nothing");
}

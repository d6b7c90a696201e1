// What a person chose goes to both sides; the fields beside it go on as always.
#include "support.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing_reconcile;

namespace {

const Policy two = policy_of({"a", "b"});

std::string choose(const Situation& now, std::string_view chosen, const Policy& policy = two) {
    return tell(resolve(now, policy, values(policy, chosen), "person:ada"), policy);
}

} // namespace

TEST_CASE("a chosen value is written where it differs and becomes the base; no rule is recorded for it") {
    const Situation now = situation(two, R"({"a":1,"b":2})", R"({"a":7,"b":2})", R"({"a":8,"b":2})");
    CHECK(choose(now, R"({"a":7})") == R"(update | target {"a":7} | base {"a":7,"b":2} | a: person:ada)");
    CHECK(choose(now, R"({"a":8})") == R"(update | source {"a":8} | base {"a":8,"b":2} | a: person:ada)");
    CHECK(choose(now, R"({"a":9})") ==
          R"(update | source {"a":9} | target {"a":9} | base {"a":9,"b":2} | a: person:ada)");
    CHECK(choose(now, R"({"a":null})") ==
          R"(update | source {"a":null} | target {"a":null} | base {"a":null,"b":2} | a: person:ada)");
    // The old value is a choice as well, although it equals the base.
    CHECK(choose(now, R"({"a":1})") == R"(update | source {"a":1} | target {"a":1} | a: person:ada)");
}

TEST_CASE("beside a choice, other edits flow and other conflicts stay open") {
    CHECK(choose(situation(two, R"({"a":1,"b":2})", R"({"a":7,"b":5})", R"({"a":8,"b":2})"), R"({"a":7})") ==
          R"(update | target {"a":7,"b":5} | base {"a":7,"b":5} | a: person:ada | b: changed_on_source)");
    CHECK(choose(situation(two, R"({"a":1,"b":2})", R"({"a":7,"b":5})", R"({"a":8,"b":6})"), R"({"a":7})") ==
          R"(update | target {"a":7} | base {"a":7,"b":2} | a: person:ada | b: manual open | conflict update_update)");
}

TEST_CASE("a choice wins over an open conflict's standstill") {
    Situation now = situation(two, R"({"a":1,"b":2})", R"({"a":7,"b":2})", R"({"a":8,"b":2})");
    now.frozen = {"open", ""};
    CHECK(choose(now, R"({"a":8})") == R"(update | source {"a":8} | base {"a":8,"b":2} | a: person:ada)");
}

TEST_CASE("a choice that can't flow to a side that lacks it is no agreement: the base does not take it") {
    Policy inbound = two;
    inbound.fields[0].to_source = false;
    const Situation now = situation(inbound, R"({"a":1})", R"({"a":7})", R"({"a":8})");
    CHECK(choose(now, R"({"a":9})", inbound) == R"(update | target {"a":9} | a: person:ada)");
    CHECK(choose(now, R"({"a":7})", inbound) == R"(update | target {"a":7} | base {"a":7} | a: person:ada)");
}

TEST_CASE("changed: by value and under the mapping, and absent is unchanged") {
    Policy policy = policy_of({"list", "text"});
    policy.fields[0].unordered = true;
    const FieldValues base = values(policy, R"({"list":[1,2],"text":"x"})");
    const auto differs = [&](std::string_view now) { return changed(base, values(policy, now), policy); };
    CHECK_FALSE(differs(R"({"list":[2,1.0],"text":"x"})"));
    CHECK_FALSE(differs("{}"));
    CHECK(differs(R"({"text":null})"));
    CHECK(differs(R"({"list":[1,2,2]})"));
    CHECK(changed(FieldValues(2), values(policy, R"({"text":null})"), policy));
}

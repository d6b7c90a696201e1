// A record that one side deleted: with and without an edit on the other side, under each strategy and direction.
#include "support.hpp"

using namespace castiel_sync;
using namespace castiel_sync::testing_reconcile;

namespace {

constexpr std::string_view base = R"({"a":1})";
constexpr std::string_view edited = R"({"a":2})";

Policy by_delete(DeleteStrategy strategy) {
    Policy policy = policy_of({"a"});
    policy.delete_strategy = strategy;
    return policy;
}

std::string source_deleted(const Policy& policy) { return decide(policy, base, gone, edited); }
std::string target_deleted(const Policy& policy) { return decide(policy, base, edited, gone); }

Policy one_way(Policy policy, Side towards) {
    policy.flows_to_source = policy.fields[0].to_source = towards == Side::source;
    policy.flows_to_target = policy.fields[0].to_target = towards == Side::target;
    return policy;
}

} // namespace

TEST_CASE("deleted against unchanged: deleted on the other side too, whatever the strategy for edits") {
    for (const DeleteStrategy strategy :
         {DeleteStrategy::source_wins, DeleteStrategy::target_wins, DeleteStrategy::update_wins,
          DeleteStrategy::delete_wins, DeleteStrategy::unlink, DeleteStrategy::manual}) {
        const Policy policy = by_delete(strategy);
        CHECK(decide(policy, base, gone, base) == "delete target | deleted_on_source");
        CHECK(decide(policy, base, base, gone) == "delete source | deleted_on_target");
        CHECK(decide(policy, base, gone, "{}") == "delete target | deleted_on_source");
    }
}

TEST_CASE("deleted on both sides: the link ends, and nobody is asked") {
    for (const auto strategy : {DeleteStrategy::manual, DeleteStrategy::update_wins})
        CHECK(decide(by_delete(strategy), base, gone, gone) == "forget | deleted_on_both");
}

TEST_CASE("delete manual: the whole record stands still, typed by the side that deleted") {
    const Policy policy = by_delete(DeleteStrategy::manual);
    CHECK(source_deleted(policy) == "conflict | manual | conflict delete_update");
    CHECK(target_deleted(policy) == "conflict | manual | conflict update_delete");
}

TEST_CASE("delete source_wins: what the source did, an edit or a deletion") {
    const Policy policy = by_delete(DeleteStrategy::source_wins);
    CHECK(source_deleted(policy) == "delete target | source_wins | automatic delete_update");
    CHECK(target_deleted(policy) == "create target | source_wins | automatic update_delete");
}

TEST_CASE("delete target_wins: what the target did, an edit or a deletion") {
    const Policy policy = by_delete(DeleteStrategy::target_wins);
    CHECK(source_deleted(policy) == "create source | target_wins | automatic delete_update");
    CHECK(target_deleted(policy) == "delete source | target_wins | automatic update_delete");
}

TEST_CASE("delete update_wins: the edited record is created again where it was deleted") {
    const Policy policy = by_delete(DeleteStrategy::update_wins);
    CHECK(source_deleted(policy) == "create source | update_wins | automatic delete_update");
    CHECK(target_deleted(policy) == "create target | update_wins | automatic update_delete");
}

TEST_CASE("delete delete_wins: the edited record is deleted too") {
    const Policy policy = by_delete(DeleteStrategy::delete_wins);
    CHECK(source_deleted(policy) == "delete target | delete_wins | automatic delete_update");
    CHECK(target_deleted(policy) == "delete source | delete_wins | automatic update_delete");
}

TEST_CASE("delete unlink: both stay as they are and are no longer the same record") {
    const Policy policy = by_delete(DeleteStrategy::unlink);
    CHECK(source_deleted(policy) == "unlink | unlink | automatic delete_update");
    CHECK(target_deleted(policy) == "unlink | unlink | automatic update_delete");
}

TEST_CASE("a survivor that was never compared counts as edited: nothing proves that its content was agreed on") {
    const Policy policy = by_delete(DeleteStrategy::manual);
    CHECK(decide(policy, never, gone, base) == "conflict | manual | conflict delete_update");
    CHECK(decide(policy, never, base, gone) == "conflict | manual | conflict update_delete");
}

TEST_CASE("deletions that do not propagate end the link and delete nothing, under every strategy") {
    for (const DeleteStrategy strategy : {DeleteStrategy::source_wins, DeleteStrategy::delete_wins}) {
        Policy policy = by_delete(strategy);
        policy.propagate_deletions = false;
        CHECK(decide(policy, base, gone, base) == "unlink | deleted_on_source");
        CHECK(decide(policy, base, base, gone) == "unlink | deleted_on_target");
        CHECK(source_deleted(policy).starts_with("unlink | "));
    }
}

TEST_CASE("a deletion flows only where the stream does") {
    const Policy inbound = one_way(by_delete(DeleteStrategy::delete_wins), Side::target);
    CHECK(decide(inbound, base, gone, base) == "delete target | deleted_on_source");
    CHECK(source_deleted(inbound) == "delete target | delete_wins | automatic delete_update");
    CHECK(decide(inbound, base, base, gone) == "nothing");
    CHECK(target_deleted(inbound) == "unlink | delete_wins | automatic update_delete");
    const Policy outbound = one_way(by_delete(DeleteStrategy::delete_wins), Side::source);
    CHECK(decide(outbound, base, base, gone) == "delete source | deleted_on_target");
    CHECK(decide(outbound, base, gone, base) == "nothing");

    // The edit flows to the side that lost the record: it is made anew there.
    const Policy remade = one_way(by_delete(DeleteStrategy::update_wins), Side::target);
    CHECK(target_deleted(remade) == "create target | update_wins | automatic update_delete");
    CHECK(source_deleted(remade) == "unlink | update_wins | automatic delete_update");
}

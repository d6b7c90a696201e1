// Reconcile: (base, source, target, policy) → decision. Pure, total, and the heart of the engine.
#pragma once

#include <castiel_sync/conflict.hpp>
#include <castiel_sync/strategy.hpp>
#include <core/mapping.hpp>

#include <optional>
#include <string>
#include <vector>

namespace castiel_sync {

struct FieldPolicy {
    std::string name;          // shard field
    bool to_source = true;
    bool to_target = true;
    bool unordered = false;
    Strategy strategy = Strategy::manual; // for a field that both sides changed differently, under merge
    std::string custom_strategy;
    std::string separator = "\n";
};

struct Policy {
    std::vector<FieldPolicy> fields;
    bool flows_to_source = true;
    bool flows_to_target = true;
    Strategy record_strategy = Strategy::merge;
    std::string custom_strategy;
    Strategy initial_strategy =
        Strategy::merge; // first comparison of two matched records; merge = by field, per field strategy
    std::string initial_custom_strategy;
    Strategy tie_break = Strategy::manual;
    std::chrono::milliseconds newest_wins_tolerance{2000};
    DeleteStrategy delete_strategy = DeleteStrategy::manual;
    bool propagate_deletions = true;
    const ConflictStrategies* custom_strategies = nullptr;
};

// Does any rule of this policy look at when a side was edited?
[[nodiscard]] bool reads_times(const Policy& policy);

// The policy of a mapping within its integration, with the defaults of design §5 filled in.
[[nodiscard]] Policy make_policy(const SyncConfig& config, const Mapping& mapping, Direction direction,
                                 const ConflictStrategies* custom_strategies);

struct SideState {
    bool exists = true;    // false: deleted (or never there), for certain
    FieldValues values;    // by field number; empty when it does not exist
    std::optional<Timestamp> modified_at;
};

struct Situation {
    std::optional<FieldValues> base; // nullopt: linked but never compared (first contact)
    // Without a base: of single fields, what both sides held since then, because a write of ours put it there. Such a
    // field has had its first contact. No member: none has.
    FieldValues agreed;
    SideState source;
    SideState target;
    // By field number, why it stands still until a person decides: "open" while both sides hold what an open conflict
    // shows, unless that is the same by now; "unknown_outcome" where a sum may or may not have been written, also if
    // both sides hold the same; empty: it does not. No member: none does.
    std::vector<std::string> frozen;
};

struct FieldDecision {
    enum class Verdict {
        nothing,   // equal to the base on both sides, absent, or a change that does not flow
        agreed,    // both sides hold the same value, which differs from the base: the base advances
        to_target, // the source's value goes to the target
        to_source,
        to_both,   // a third value (union, concat, add_delta, custom) goes to both
        conflict,  // a person decides; both sides keep what they have
    };
    Verdict verdict = Verdict::nothing;
    FieldValue result;      // agreed, to_*: the value that both sides will hold
    std::string rule;       // why: changed_on_source, changed_on_target, equal, a strategy's name, custom:<name>, …
    bool automatic = false; // a rule chose between two real edits: recorded as an auto_resolved conflict
};

struct Decision {
    enum class Action {
        nothing,       // no field moves; the base may still learn (see base_changed)
        update,        // fields are written to one side or to both
        create_source, // the target's record is created in the source
        create_target,
        delete_source,
        delete_target,
        forget,        // both are gone: the link ends
        unlink,        // the link ends, the surviving record stays
        conflict,      // the whole record stands still (deleted against changed)
    };
    Action action = Action::nothing;
    std::vector<FieldDecision> fields;           // by field number; empty unless nothing, update
    std::optional<ConflictType> conflict;        // an open conflict to record: action conflict, or some field is one
    std::optional<ConflictType> automatic;       // a rule decided between two real edits
    std::string rule;                            // for record-level decisions
    bool base_changed = false;

    // What to write to each side: present only where a value moves there.
    FieldValues to_source;
    FieldValues to_target;
    // The base once the writes are done.
    FieldValues base;
};

[[nodiscard]] Decision reconcile(const Situation& situation, const Policy& policy);

// The same where a person chose: `chosen` fields go to both sides, whatever each holds; the others are reconciled.
[[nodiscard]] Decision resolve(const Situation& situation, const Policy& policy, const FieldValues& chosen,
                               const std::string& rule);

// Applies to a linked pair whose base is known: did this side change a mapped field since? Absent is unchanged.
[[nodiscard]] bool changed(const FieldValues& base, const FieldValues& now, const Policy& policy);

// Is a value missing here that both sides agreed on? Where it is missing over there as well, it is agreed no more.
[[nodiscard]] bool lacks_agreed(const FieldValues& base, const FieldValues& now);

// Is a value missing at `side` that only the other side tells? A rule may have let this side's own value stand until it
// was taken away; the base does not show that.
[[nodiscard]] bool lacks_inflow(Side side, const FieldValues& now, const Policy& policy);

} // namespace castiel_sync

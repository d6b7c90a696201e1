#include <core/reconcile.hpp>

#include <core/strategy_rules.hpp>

#include <algorithm>
#include <string_view>

namespace castiel_sync {
namespace {

using Verdict = FieldDecision::Verdict;

struct FieldView {
    const FieldPolicy& policy;
    const FieldValue& base;
    const FieldValue& source;
    const FieldValue& target;

    [[nodiscard]] bool same(const FieldValue& left, const FieldValue& right) const {
        return left.has_value() == right.has_value() && (!left || same_value(*left, *right, policy.unordered));
    }
    [[nodiscard]] bool source_changed() const { return source && !same(base, source); }
    [[nodiscard]] bool target_changed() const { return target && !same(base, target); }
};

const FieldValue absent;

bool agreed_since(std::size_t i, const Situation& situation) {
    return !situation.base && i < situation.agreed.size() && situation.agreed[i];
}

FieldView view(std::size_t i, const Situation& situation, const Policy& policy) {
    const FieldValue& base = situation.base                ? (*situation.base)[i]
                             : agreed_since(i, situation) ? situation.agreed[i]
                                                           : absent;
    return {policy.fields[i], base, situation.source.values[i], situation.target.values[i]};
}

// The field shall hold `result` on both sides: write it where that side flows, and let the base advance only if both
// sides will really hold it.
FieldDecision settle(const FieldView& field, const FieldValue& result, std::string_view rule, bool automatic) {
    FieldDecision decision;
    const bool source_differs = !field.source || !same_value(*field.source, *result, field.policy.unordered);
    const bool target_differs = !field.target || !same_value(*field.target, *result, field.policy.unordered);
    const bool write_source = source_differs && field.policy.to_source;
    const bool write_target = target_differs && field.policy.to_target;
    const bool settled = source_differs == write_source && target_differs == write_target;
    if (write_source && write_target)
        decision.verdict = Verdict::to_both;
    else if (write_source)
        decision.verdict = Verdict::to_source;
    else if (write_target)
        decision.verdict = Verdict::to_target;
    else
        decision.verdict = settled && !field.same(field.base, result) ? Verdict::agreed : Verdict::nothing;
    if (decision.verdict == Verdict::nothing) return decision;
    decision.automatic = automatic; // also where it reaches one side only: that one's edit gave way
    decision.rule = rule;
    decision.result = result;
    return decision;
}

bool is_null(const FieldValue& value) { return value && value->is_null(); }

// Fields that at most one side changed. nullopt: both did, differently.
std::optional<FieldDecision> decide_without_rule(const FieldView& field) {
    if (!field.source && !field.target) return FieldDecision{};
    if (field.source && field.target && same_value(*field.source, *field.target, field.policy.unordered)) {
        if (field.same(field.base, field.source)) return FieldDecision{}; // most fields of most records
        return settle(field, field.source, "equal", false);
    }
    const bool source_changed = field.source_changed();
    const bool target_changed = field.target_changed();
    if (!source_changed && !target_changed) return FieldDecision{};
    if (!field.base) {
        // The sides never agreed on this field. A null that nobody ever agreed on is no edit to defend.
        if (is_null(field.source) && (!field.target || !is_null(field.target)))
            return field.target ? settle(field, field.target, "changed_on_target", false) : FieldDecision{};
        if (is_null(field.target)) return field.source ? settle(field, field.source, "changed_on_source", false)
                                                       : FieldDecision{};
    }
    if (source_changed && target_changed) return std::nullopt;
    if (source_changed) return settle(field, field.source, "changed_on_source", false);
    return settle(field, field.target, "changed_on_target", false);
}

FieldDecision conflict_decision(std::string rule) {
    FieldDecision decision;
    decision.verdict = Verdict::conflict;
    decision.rule = std::move(rule);
    return decision;
}

FieldDecision decide_by_rule(const FieldView& field, Strategy strategy, const std::string& custom_strategy,
                             const Situation& situation, const Policy& policy) {
    // A sum or a joined text that can't reach both sides never becomes the base, and would grow with every run: where
    // a field flows one way only, the flowing side wins.
    if (accumulates(strategy) && !(field.policy.to_source && field.policy.to_target))
        strategy = field.policy.to_source ? Strategy::target_wins : Strategy::source_wins;
    StrategyAnswer answer = apply_strategy(
        {field.policy, strategy, custom_strategy, field.base, *field.source, *field.target, situation, policy});
    if (!answer.value) return conflict_decision(std::move(answer.rule));
    return settle(field, answer.value, answer.rule, true);
}

// Under a record-level rule the loser's edit of a field gives way even where the winner did not touch that field.
FieldDecision decide_record_field(const FieldView& field, Strategy strategy, const std::string& custom_strategy,
                                  const Situation& situation, const Policy& policy) {
    const bool both_present = field.source && field.target;
    if (!both_present || same_value(*field.source, *field.target, field.policy.unordered)) {
        if (auto decision = decide_without_rule(field)) return *decision;
    }
    if (strategy == Strategy::manual) return conflict_decision("manual");
    FieldDecision decision = decide_by_rule(field, strategy, custom_strategy, situation, policy);
    const bool overwritten_source = decision.verdict == Verdict::to_source || decision.verdict == Verdict::to_both;
    const bool overwritten_target = decision.verdict == Verdict::to_target || decision.verdict == Verdict::to_both;
    decision.automatic = decision.automatic && ((overwritten_source && field.source_changed()) ||
                                                (overwritten_target && field.target_changed()));
    return decision;
}

bool stands_still(std::size_t i, const FieldView& field, const Situation& situation) {
    if (i >= situation.frozen.size() || situation.frozen[i].empty()) return false;
    if (situation.frozen[i] != "open") return true;
    return !field.source || !field.target || !same_value(*field.source, *field.target, field.policy.unordered);
}

struct Choice {
    const FieldValues& values;
    const std::string& rule;
};

std::vector<FieldDecision> decide_fields(const Situation& situation, const Policy& policy, const Choice* choice) {
    const std::size_t count = policy.fields.size();
    std::vector<FieldDecision> decisions(count);
    const Strategy record_strategy = situation.base ? policy.record_strategy : policy.initial_strategy;
    const std::string& custom_strategy = situation.base ? policy.custom_strategy : policy.initial_custom_strategy;
    bool source_changed = false, target_changed = false, differs = false;
    for (std::size_t i = 0; i < count && record_strategy != Strategy::merge; ++i) {
        const FieldView field = view(i, situation, policy);
        // What stands open waits for a person already: it must not drag the fields that flow on into a record rule.
        if (stands_still(i, field, situation) || agreed_since(i, situation)) continue;
        source_changed = source_changed || field.source_changed();
        target_changed = target_changed || field.target_changed();
        differs = differs || !decide_without_rule(field);
    }
    // Without a base there is no telling who changed what: the record rule speaks where the two differ.
    const bool by_record = record_strategy != Strategy::merge && source_changed && target_changed &&
                           (situation.base || differs);
    for (std::size_t i = 0; i < count; ++i) {
        const FieldView field = view(i, situation, policy);
        if (choice && choice->values[i]) {
            decisions[i] = settle(field, choice->values[i], choice->rule, false);
            continue;
        }
        if (stands_still(i, field, situation)) {
            decisions[i] = conflict_decision(situation.frozen[i]);
            continue;
        }
        if (by_record && !agreed_since(i, situation)) {
            decisions[i] = decide_record_field(field, record_strategy, custom_strategy, situation, policy);
        } else if (auto decision = decide_without_rule(field)) {
            decisions[i] = std::move(*decision);
        } else {
            decisions[i] =
                decide_by_rule(field, field.policy.strategy, field.policy.custom_strategy, situation, policy);
        }
    }
    return decisions;
}

Decision decide_update(const Situation& situation, const Policy& policy, const Choice* choice) {
    Decision decision;
    const std::size_t count = policy.fields.size();
    decision.fields = decide_fields(situation, policy, choice);
    decision.to_source.resize(count);
    decision.to_target.resize(count);
    decision.base = situation.base               ? *situation.base
                    : situation.agreed.empty() ? FieldValues(count)
                                               : situation.agreed;
    if (!situation.base) decision.base_changed = true;
    for (std::size_t i = 0; i < count; ++i) {
        const FieldDecision& field = decision.fields[i];
        const FieldView values = view(i, situation, policy);
        const bool to_source = field.verdict == Verdict::to_source || field.verdict == Verdict::to_both;
        const bool to_target = field.verdict == Verdict::to_target || field.verdict == Verdict::to_both;
        if (to_source) decision.to_source[i] = field.result;
        if (to_target) decision.to_target[i] = field.result;
        if (to_source || to_target) decision.action = Decision::Action::update;
        if (field.verdict == Verdict::conflict) decision.conflict = ConflictType::update_update;
        if (field.automatic) decision.automatic = ConflictType::update_update;
        if (field.verdict == Verdict::nothing && values.base && !values.source && !values.target) {
            // Nobody holds it any more. Kept as agreed, it would hide that somebody sets it again.
            decision.base[i] = absent;
            decision.base_changed = true;
        }
        if (field.verdict == Verdict::nothing || field.verdict == Verdict::conflict) continue;
        const bool source_holds = to_source || values.same(values.source, field.result);
        const bool target_holds = to_target || values.same(values.target, field.result);
        if (source_holds && target_holds && !values.same(values.base, field.result)) {
            decision.base[i] = field.result;
            decision.base_changed = true;
        }
    }
    return decision;
}

// `deleted` is the side that lost the record; the other one still holds it.
Decision decide_deletion(Side deleted, const Situation& situation, const Policy& policy) {
    using Action = Decision::Action;
    const bool source_deleted = deleted == Side::source;
    const SideState& survivor = source_deleted ? situation.target : situation.source;
    const bool flows_to_survivor = source_deleted ? policy.flows_to_target : policy.flows_to_source;
    const bool flows_to_deleted = source_deleted ? policy.flows_to_source : policy.flows_to_target;
    const Action remove = source_deleted ? Action::delete_target : Action::delete_source;
    const Action recreate = source_deleted ? Action::create_source : Action::create_target;
    Decision decision;
    if (situation.base) decision.base = *situation.base;

    // A survivor that was never compared counts as changed: nothing proves that its content was ever agreed.
    const bool survivor_changed = !situation.base || changed(*situation.base, survivor.values, policy);
    if (!flows_to_survivor && !(survivor_changed && flows_to_deleted))
        return decision; // like a field that does not flow
    if (!survivor_changed) {
        decision.action = policy.propagate_deletions ? remove : Action::unlink;
        decision.rule = source_deleted ? "deleted_on_source" : "deleted_on_target";
        return decision;
    }
    const ConflictType type = source_deleted ? ConflictType::delete_update : ConflictType::update_delete;
    decision.rule = to_string(policy.delete_strategy);
    const auto settle_by = [&](bool update_wins) {
        const bool possible = update_wins ? flows_to_deleted : flows_to_survivor && policy.propagate_deletions;
        decision.action = possible ? (update_wins ? recreate : remove) : Action::unlink;
        decision.automatic = type;
    };
    switch (policy.delete_strategy) {
    case DeleteStrategy::source_wins: settle_by(!source_deleted); break;
    case DeleteStrategy::target_wins: settle_by(source_deleted); break;
    case DeleteStrategy::update_wins: settle_by(true); break;
    case DeleteStrategy::delete_wins: settle_by(false); break;
    case DeleteStrategy::unlink:
        decision.action = Action::unlink;
        decision.automatic = type;
        break;
    case DeleteStrategy::manual:
        decision.action = Action::conflict;
        decision.conflict = type;
        break;
    }
    return decision;
}

} // namespace

bool changed(const FieldValues& base, const FieldValues& now, const Policy& policy) {
    for (std::size_t i = 0; i < policy.fields.size(); ++i) {
        if (!now[i]) continue;
        if (!base[i] || !same_value(*base[i], *now[i], policy.fields[i].unordered)) return true;
    }
    return false;
}

bool lacks_agreed(const FieldValues& base, const FieldValues& now) {
    for (std::size_t i = 0; i < now.size(); ++i)
        if (base[i] && !now[i]) return true;
    return false;
}

bool lacks_inflow(Side side, const FieldValues& now, const Policy& policy) {
    for (std::size_t i = 0; i < policy.fields.size(); ++i) {
        const bool inwards = side == Side::source ? policy.fields[i].to_source : policy.fields[i].to_target;
        const bool outwards = side == Side::source ? policy.fields[i].to_target : policy.fields[i].to_source;
        if (inwards && !outwards && !now[i]) return true;
    }
    return false;
}

Decision resolve(const Situation& situation, const Policy& policy, const FieldValues& chosen,
                 const std::string& rule) {
    if (!situation.source.exists || !situation.target.exists) return reconcile(situation, policy);
    const Choice choice{chosen, rule};
    return decide_update(situation, policy, &choice);
}

Decision reconcile(const Situation& situation, const Policy& policy) {
    if (situation.source.exists && situation.target.exists) return decide_update(situation, policy, nullptr);
    if (situation.source.exists) return decide_deletion(Side::target, situation, policy);
    if (situation.target.exists) return decide_deletion(Side::source, situation, policy);
    Decision decision;
    decision.action = Decision::Action::forget;
    decision.rule = "deleted_on_both";
    return decision;
}

bool reads_times(const Policy& policy) {
    const auto reads = [](Strategy strategy) {
        return strategy == Strategy::newest_wins || strategy == Strategy::custom;
    };
    return reads(policy.record_strategy) || reads(policy.initial_strategy) ||
           std::any_of(policy.fields.begin(), policy.fields.end(),
                       [&](const FieldPolicy& field) { return reads(field.strategy); });
}

Policy make_policy(const SyncConfig& config, const Mapping& mapping, Direction direction,
                   const ConflictStrategies* custom_strategies) {
    const EntityMapping& definition = mapping.definition();
    Policy policy;
    policy.flows_to_source = flows_to(direction, Side::source);
    policy.flows_to_target = flows_to(direction, Side::target);
    policy.record_strategy =
        definition.conflict_resolution.value_or(config.conflict_resolution.value_or(Strategy::merge));
    policy.custom_strategy =
        definition.conflict_resolution ? definition.custom_strategy : config.custom_strategy;
    policy.initial_strategy =
        definition.initial_strategy.value_or(config.initial_strategy.value_or(policy.record_strategy));
    policy.initial_custom_strategy = definition.initial_strategy ? definition.custom_strategy
                                     : config.initial_strategy   ? config.custom_strategy
                                                                 : policy.custom_strategy;
    policy.tie_break = definition.tie_break.value_or(config.tie_break);
    policy.newest_wins_tolerance = config.newest_wins_tolerance;
    policy.delete_strategy = definition.delete_conflict_resolution.value_or(config.delete_conflict_resolution);
    policy.propagate_deletions = definition.propagate_deletions.value_or(config.propagate_deletions);
    policy.custom_strategies = custom_strategies;
    for (const Mapping::Field& field : mapping.fields()) {
        FieldPolicy compiled;
        compiled.name = field.definition.shard_field;
        compiled.to_source = field.to_source && policy.flows_to_source;
        compiled.to_target = field.to_target && policy.flows_to_target;
        compiled.unordered = field.definition.unordered;
        compiled.separator = field.definition.separator;
        compiled.custom_strategy = field.definition.custom_strategy;
        // Where a value can flow one way only, a person could not choose the other side's: the flowing side wins.
        const Strategy fallback = compiled.to_source && compiled.to_target ? Strategy::manual
                                  : compiled.to_source                     ? Strategy::target_wins
                                                                           : Strategy::source_wins;
        compiled.strategy = field.definition.strategy.value_or(fallback);
        policy.fields.push_back(std::move(compiled));
    }
    return policy;
}

} // namespace castiel_sync

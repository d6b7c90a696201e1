// Situations and decisions in one line each, so that a test shows both sides, the base and everything that follows.
#pragma once

#include <core/reconcile.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

namespace castiel_sync::testing_reconcile {

inline json::object object(std::string_view text) {
    auto parsed = parse_json(text);
    if (!parsed) throw std::runtime_error(parsed.error().message + " in " + std::string(text));
    return parsed->as_object();
}

// A stream in both directions whose fields wait for a person where both sides changed them.
inline Policy policy_of(std::initializer_list<const char*> names) {
    Policy policy;
    for (const char* name : names) {
        FieldPolicy field;
        field.name = name;
        policy.fields.push_back(std::move(field));
    }
    return policy;
}

inline Policy by_field(Strategy strategy) {
    Policy policy = policy_of({"value"});
    policy.fields[0].strategy = strategy;
    return policy;
}

inline FieldValues values(const Policy& policy, std::string_view text) {
    const json::object members = object(text);
    FieldValues result(policy.fields.size());
    std::size_t named = 0;
    for (std::size_t i = 0; i < result.size(); ++i) {
        const json::value* member = members.if_contains(policy.fields[i].name);
        if (member == nullptr) continue;
        result[i] = *member;
        ++named;
    }
    if (named != members.size()) throw std::runtime_error("a field without policy in " + std::string(text));
    return result;
}

constexpr std::string_view gone = "gone";
constexpr std::string_view never = "never"; // as base: the two were never compared

inline SideState side(const Policy& policy, std::string_view text) {
    SideState state;
    state.exists = text != gone;
    if (state.exists) state.values = values(policy, text);
    return state;
}

inline Situation situation(const Policy& policy, std::string_view base, std::string_view source,
                           std::string_view target) {
    Situation result;
    if (base != never) result.base = values(policy, base);
    result.source = side(policy, source);
    result.target = side(policy, target);
    return result;
}

inline std::string text_of(const Policy& policy, const FieldValues& fields) {
    json::object result;
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (fields[i]) result[policy.fields[i].name] = *fields[i];
    return to_json(result);
}

inline bool holds_any(const FieldValues& fields) {
    for (const FieldValue& value : fields)
        if (value) return true;
    return false;
}

constexpr std::string_view name_of(Decision::Action action) {
    switch (action) {
    case Decision::Action::nothing: return "nothing";
    case Decision::Action::update: return "update";
    case Decision::Action::create_source: return "create source";
    case Decision::Action::create_target: return "create target";
    case Decision::Action::delete_source: return "delete source";
    case Decision::Action::delete_target: return "delete target";
    case Decision::Action::forget: return "forget";
    case Decision::Action::unlink: return "unlink";
    case Decision::Action::conflict: return "conflict";
    }
    return "?";
}

// "update | source {…} | target {…} | base {…} | field: rule" with "automatic", "open" and the type where they apply.
// The base stands there only where it changes.
inline std::string tell(const Decision& decision, const Policy& policy) {
    std::string text(name_of(decision.action));
    if (holds_any(decision.to_source)) text += " | source " + text_of(policy, decision.to_source);
    if (holds_any(decision.to_target)) text += " | target " + text_of(policy, decision.to_target);
    if (decision.base_changed) text += " | base " + text_of(policy, decision.base);
    for (std::size_t i = 0; i < decision.fields.size(); ++i) {
        const FieldDecision& field = decision.fields[i];
        if (field.verdict == FieldDecision::Verdict::nothing) continue;
        text += " | " + policy.fields[i].name + ": " + field.rule;
        if (field.verdict == FieldDecision::Verdict::conflict) text += " open";
        if (field.automatic) text += " automatic";
    }
    if (!decision.rule.empty()) text += " | " + decision.rule;
    if (decision.conflict) text += " | conflict " + std::string(to_string(*decision.conflict));
    if (decision.automatic) text += " | automatic " + std::string(to_string(*decision.automatic));
    return text;
}

inline std::string decide(const Policy& policy, const Situation& at) {
    const Decision decision = reconcile(at, policy);
    if (at.base && !decision.base_changed && decision.action != Decision::Action::forget)
        CHECK(text_of(policy, decision.base) == text_of(policy, *at.base));
    return tell(decision, policy);
}

inline std::string decide(const Policy& policy, std::string_view base, std::string_view source,
                          std::string_view target) {
    return decide(policy, situation(policy, base, source, target));
}

inline Timestamp at_second(int second) { return Timestamp(std::chrono::seconds(1'700'000'000 + second)); }

} // namespace castiel_sync::testing_reconcile

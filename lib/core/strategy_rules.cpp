#include <core/strategy_rules.hpp>

#include <core/decimal.hpp>

#include <algorithm>
#include <cstdlib>

namespace castiel_sync {
namespace {

bool is_blank(const json::value& value) {
    if (value.is_null()) return true;
    if (value.is_string()) return value.get_string().empty();
    if (value.is_array()) return value.get_array().empty();
    if (value.is_object()) return value.get_object().empty();
    return false;
}

bool contains(const json::array& list, const json::value& element) {
    return std::any_of(list.begin(), list.end(),
                       [&](const json::value& candidate) { return equal_values(candidate, element); });
}

const json::array* as_list(const json::value& value) {
    static const json::array empty;
    if (value.is_null()) return &empty;
    return value.if_array();
}

FieldValue extreme(const json::value& source, const json::value& target, bool largest) {
    if (source.is_null()) return target;
    if (target.is_null()) return source;
    if (source.is_number() && target.is_number()) {
        const bool source_less = compare_numbers(source, target) < 0;
        return source_less == largest ? target : source;
    }
    if (source.is_string() && target.is_string()) {
        const bool source_less = source.get_string() < target.get_string();
        return source_less == largest ? target : source;
    }
    return std::nullopt;
}

// Kept: what both hold, and what either added since the base. So a removal on one side is as good an edit as an
// addition on the other, and neither is lost.
FieldValue three_way_union(const FieldValue& base, const json::value& source, const json::value& target) {
    const json::array* from_source = as_list(source);
    const json::array* from_target = as_list(target);
    const json::array* from_base = base ? as_list(*base) : nullptr;
    if (!from_source || !from_target || (base && !from_base)) return std::nullopt;
    const auto added = [&](const json::value& element) { return !from_base || !contains(*from_base, element); };
    json::array result;
    for (const auto& element : *from_source)
        if ((contains(*from_target, element) || added(element)) && !contains(result, element))
            result.push_back(element);
    for (const auto& element : *from_target)
        if (!contains(*from_source, element) && added(element) && !contains(result, element)) result.push_back(element);
    return json::value(std::move(result));
}

FieldValue concatenated(const json::value& source, const json::value& target, const std::string& separator) {
    if (is_blank(source)) return target;
    if (is_blank(target)) return source;
    if (source.is_string() && target.is_string()) {
        std::string text(source.get_string());
        text += separator;
        text += std::string_view(target.get_string());
        return json::value(text);
    }
    if (source.is_array() && target.is_array()) {
        json::array list = source.get_array();
        for (const auto& element : target.get_array())
            if (!contains(source.get_array(), element)) list.push_back(element);
        return json::value(std::move(list));
    }
    return std::nullopt;
}

// Which side was edited later; nullopt when the times do not say (design §5: it does not guess).
std::optional<Side> newest(const Situation& situation, const Policy& policy) {
    const auto& source_time = situation.source.modified_at;
    const auto& target_time = situation.target.modified_at;
    if (!source_time || !target_time) return std::nullopt;
    const auto apart = *source_time - *target_time;
    if (apart > policy.newest_wins_tolerance) return Side::source;
    if (-apart > policy.newest_wins_tolerance) return Side::target;
    return std::nullopt;
}

StrategyAnswer apply_custom(const StrategyQuestion& question) {
    StrategyAnswer answer{std::nullopt, "custom:" + question.custom_strategy};
    if (!question.policy.custom_strategies) return answer;
    const ConflictStrategy* strategy = question.policy.custom_strategies->find(question.custom_strategy);
    if (!strategy) return answer;
    json::object source_fields, target_fields;
    for (std::size_t i = 0; i < question.policy.fields.size(); ++i) {
        const auto& name = question.policy.fields[i].name;
        if (question.situation.source.values[i]) source_fields[name] = *question.situation.source.values[i];
        if (question.situation.target.values[i]) target_fields[name] = *question.situation.target.values[i];
    }
    const FieldValue source = question.source;
    const FieldValue target = question.target;
    try {
        answer.value = (*strategy)(FieldConflict{question.field.name, question.base, source, target,
                                                 question.situation.source.modified_at,
                                                 question.situation.target.modified_at, source_fields, target_fields});
    } catch (...) {
        // A host's rule that fails must not decide: a person does, and sees which rule it was.
        answer.value.reset();
        answer.rule += " (failed)";
    }
    return answer;
}

} // namespace

bool accumulates(Strategy strategy) { return strategy == Strategy::add_delta || strategy == Strategy::concat; }

bool same_value(const json::value& left, const json::value& right, bool unordered) {
    return unordered ? equal_unordered(left, right) : equal_values(left, right);
}

StrategyAnswer apply_strategy(const StrategyQuestion& question) {
    const std::string name(to_string(question.strategy));
    const auto& [field, strategy, custom, base, source, target, situation, policy] = question;
    switch (strategy) {
    case Strategy::source_wins: return {source, name};
    case Strategy::target_wins: return {target, name};
    case Strategy::source_unless_blank: return {is_blank(source) ? target : source, name};
    case Strategy::target_unless_blank: return {is_blank(target) ? source : target, name};
    case Strategy::newest_wins: {
        if (const auto side = newest(situation, policy))
            return {*side == Side::source ? source : target, name};
        if (policy.tie_break == Strategy::newest_wins || policy.tie_break == Strategy::merge)
            return {std::nullopt, name};
        StrategyQuestion tie{field, policy.tie_break, custom, base, source, target, situation, policy};
        StrategyAnswer answer = apply_strategy(tie);
        answer.rule = name + "/" + answer.rule;
        return answer;
    }
    case Strategy::max: return {extreme(source, target, true), name};
    case Strategy::min: return {extreme(source, target, false), name};
    case Strategy::union_: return {three_way_union(base, source, target), name};
    case Strategy::add_delta:
        if (!base) return {std::nullopt, name};
        return {add_exactly(source, target, *base), name};
    case Strategy::concat: return {concatenated(source, target, field.separator), name};
    case Strategy::custom: return apply_custom(question);
    case Strategy::merge:
    case Strategy::manual: break;
    }
    return {std::nullopt, name};
}

} // namespace castiel_sync

#include "planner_model.hpp"

#include <algorithm>

namespace planner {

bool Value::blank() const {
    return kind == Kind::null || (kind == Kind::text && text.empty()) || (kind == Kind::list && list.empty());
}

bool operator==(const Value& left, const Value& right) {
    return left.kind == right.kind && left.hundredths == right.hundredths && left.text == right.text &&
           left.list == right.list;
}

bool operator<(const Value& left, const Value& right) {
    if (left.kind != right.kind) return left.kind < right.kind;
    if (left.hundredths != right.hundredths) return left.hundredths < right.hundredths;
    if (left.text != right.text) return left.text < right.text;
    return left.list < right.list;
}

bool equal(const Value& left, const Value& right, bool unordered) {
    if (!unordered || left.kind != Value::Kind::list || right.kind != Value::Kind::list) return left == right;
    auto a = left.list, b = right.list;
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    return a == b;
}

namespace {

bool has(const std::vector<Value>& list, const Value& element) {
    return std::find(list.begin(), list.end(), element) != list.end();
}

Value list_of(std::vector<Value> elements) {
    Value value;
    value.kind = Value::Kind::list;
    value.list = std::move(elements);
    return value;
}

// The rules that make one value of two. nullopt: a person decides.
std::optional<Value> by_rule(Rule rule, const Case& c, const Field& base, const Value& s, const Value& t) {
    using Kind = Value::Kind;
    switch (rule) {
    case Rule::source_wins: return s;
    case Rule::target_wins: return t;
    case Rule::source_unless_blank: return s.blank() ? t : s;
    case Rule::target_unless_blank: return t.blank() ? s : t;
    case Rule::merge:
    case Rule::manual: return std::nullopt;
    case Rule::newest_wins: {
        if (c.source.edited_at_seconds && c.target.edited_at_seconds) {
            const int later = *c.source.edited_at_seconds - *c.target.edited_at_seconds;
            if (later > newest_tolerance_seconds) return s;
            if (later < -newest_tolerance_seconds) return t;
        }
        if (c.rules.tie_break == Rule::newest_wins) return std::nullopt;
        return by_rule(c.rules.tie_break, c, base, s, t);
    }
    case Rule::max:
    case Rule::min: {
        if (s.kind == Kind::null) return t;
        if (t.kind == Kind::null) return s;
        if (s.kind != t.kind || (s.kind != Kind::number && s.kind != Kind::text)) return std::nullopt;
        const Value& small = s < t ? s : t;
        const Value& large = s < t ? t : s;
        return rule == Rule::max ? large : small;
    }
    case Rule::union_: {
        const auto listlike = [](const Value& v) { return v.kind == Kind::null || v.kind == Kind::list; };
        if (!listlike(s) || !listlike(t) || (base && !listlike(*base))) return std::nullopt;
        const std::vector<Value> before = base ? base->list : std::vector<Value>{};
        std::vector<Value> result;
        // An element stays when both hold it, or when it is new on the side that holds it.
        for (const auto* side : {&s.list, &t.list})
            for (const Value& element : *side) {
                const bool in_both = has(s.list, element) && has(t.list, element);
                if ((in_both || !has(before, element)) && !has(result, element)) result.push_back(element);
            }
        return list_of(std::move(result));
    }
    case Rule::add_delta: {
        if (!base || base->kind != Kind::number || s.kind != Kind::number || t.kind != Kind::number)
            return std::nullopt;
        Value sum;
        sum.kind = Kind::number;
        sum.hundredths = s.hundredths + t.hundredths - base->hundredths;
        return sum;
    }
    case Rule::concat: {
        if (s.blank()) return t;
        if (t.blank()) return s;
        if (s.kind == Kind::text && t.kind == Kind::text) {
            Value joined = s;
            joined.text = s.text + "|" + t.text;
            return joined;
        }
        if (s.kind != Kind::list || t.kind != Kind::list) return std::nullopt;
        std::vector<Value> joined = s.list;
        for (const Value& element : t.list)
            if (!has(s.list, element)) joined.push_back(element);
        return list_of(std::move(joined));
    }
    }
    return std::nullopt;
}

struct FieldState {
    FieldRules rules;
    Field base, source, target;
    bool frozen = false;

    [[nodiscard]] bool same(const Field& a, const Field& b) const {
        if (!a || !b) return !a && !b;
        return equal(*a, *b, rules.unordered);
    }
    [[nodiscard]] bool agree() const { return source && target && same(source, target); }
    // Absent never counts as a change: it never erases.
    [[nodiscard]] bool source_changed() const { return source && !same(source, base); }
    [[nodiscard]] bool target_changed() const { return target && !same(target, base); }
    // A null that the sides never agreed on is no edit: nobody's value gives way to it.
    [[nodiscard]] bool empty_hand(const Field& side) const { return !base && side && side->kind == Value::Kind::null; }
    [[nodiscard]] bool disputed() const {
        return source_changed() && target_changed() && !agree() && !empty_hand(source) && !empty_hand(target);
    }
};

struct FieldAnswer {
    Field to_source, to_target, base;
    bool conflict = false, automatic = false;
};

// Both sides shall hold `value`.
FieldAnswer write(const FieldState& field, const Value& value, bool between_two_edits) {
    FieldAnswer answer;
    answer.base = field.base;
    Field source = field.source, target = field.target;
    const Field wanted = value;
    if (!field.same(source, wanted) && field.rules.to_source) answer.to_source = source = wanted;
    if (!field.same(target, wanted) && field.rules.to_target) answer.to_target = target = wanted;
    answer.automatic = between_two_edits && (answer.to_source || answer.to_target);
    if (!field.same(source, wanted) || !field.same(target, wanted)) return answer; // it can't get to both sides
    if (!field.same(field.base, wanted)) answer.base = wanted;
    return answer;
}

FieldAnswer decide_field(const Case& c, const FieldState& field, std::optional<Rule> record_rule) {
    FieldAnswer still;
    still.base = field.base;
    if (!field.source && !field.target && !field.frozen) still.base.reset(); // what nobody holds is agreed by nobody
    if (field.agree()) return write(field, *field.source, false);
    if (field.frozen) {
        still.conflict = true;
        return still;
    }
    const bool both_present = field.source && field.target;
    if (record_rule && both_present) {
        auto value = by_rule(*record_rule, c, field.base, *field.source, *field.target);
        FieldAnswer answer = still;
        if (value) {
            answer = write(field, *value, false);
            const bool settled = answer.to_source || answer.to_target;
            const bool lost_edit = (answer.to_source && field.source_changed()) ||
                                   (answer.to_target && field.target_changed());
            answer.automatic = settled && lost_edit;
        } else {
            answer.conflict = true;
        }
        return answer;
    }
    if (field.empty_hand(field.source))
        return field.target ? write(field, *field.target, false) : still;
    if (field.empty_hand(field.target))
        return field.source ? write(field, *field.source, false) : still;
    if (field.source_changed() && field.target_changed()) {
        // What adds to a value needs both sides to take the sum, or it would add again and again.
        Rule rule = field.rules.rule;
        if (rule == Rule::add_delta || rule == Rule::concat) {
            if (!field.rules.to_source) rule = Rule::source_wins;
            else if (!field.rules.to_target) rule = Rule::target_wins;
        }
        auto value = by_rule(rule, c, field.base, *field.source, *field.target);
        if (value) return write(field, *value, true);
        still.conflict = true;
        return still;
    }
    if (field.source_changed()) return write(field, *field.source, false);
    if (field.target_changed()) return write(field, *field.target, false);
    return still;
}

std::vector<FieldState> fields_of(const Case& c) {
    std::vector<FieldState> fields;
    for (std::size_t i = 0; i < c.rules.fields.size(); ++i) {
        FieldState field{c.rules.fields[i], {}, {}, {}, i < c.frozen.size() && c.frozen[i]};
        if (c.base) field.base = (*c.base)[i];
        if (c.source.exists) field.source = c.source.values[i];
        if (c.target.exists) field.target = c.target.values[i];
        fields.push_back(std::move(field));
    }
    return fields;
}

Answer decide_both_exist(const Case& c) {
    const auto fields = fields_of(c);
    bool source_changed = false, target_changed = false, disputed = false;
    for (const FieldState& field : fields) {
        // What stands open already waits for a person; the rest of the record is judged without it.
        if (field.frozen && !field.agree()) continue;
        source_changed = source_changed || field.source_changed();
        target_changed = target_changed || field.target_changed();
        disputed = disputed || field.disputed();
    }
    const Rule rule = c.base ? c.rules.record : c.rules.initial;
    const bool whole_record = rule != Rule::merge && source_changed && target_changed && (c.base || disputed);
    Answer answer;
    for (const FieldState& field : fields) {
        FieldAnswer decided = decide_field(c, field, whole_record ? std::optional(rule) : std::nullopt);
        if (decided.to_source || decided.to_target) answer.action = Answer::Action::update;
        answer.to_source.push_back(std::move(decided.to_source));
        answer.to_target.push_back(std::move(decided.to_target));
        answer.base.push_back(std::move(decided.base));
        answer.conflicts.push_back(decided.conflict);
        answer.automatic.push_back(decided.automatic);
    }
    return answer;
}

Answer decide_one_exists(const Case& c) {
    using Action = Answer::Action;
    Answer answer;
    const bool source_deleted = !c.source.exists;
    const bool flows_to_survivor = source_deleted ? c.rules.flows_to_target : c.rules.flows_to_source;
    const bool flows_to_deleted = source_deleted ? c.rules.flows_to_source : c.rules.flows_to_target;
    const Action remove = source_deleted ? Action::delete_target : Action::delete_source;
    const Action create = source_deleted ? Action::create_source : Action::create_target;
    bool edited = !c.base.has_value();
    for (const FieldState& field : fields_of(c))
        edited = edited || (source_deleted ? field.target_changed() : field.source_changed());
    if (!edited) {
        // A deletion is a change like any other: on a side that does not flow it is left alone.
        if (flows_to_survivor) answer.action = c.rules.propagate_deletions ? remove : Action::unlink;
        return answer;
    }
    if (!flows_to_survivor && !flows_to_deleted) return answer;
    const bool deleter_wins = c.rules.deletion == DeleteRule::delete_wins ||
                              c.rules.deletion == (source_deleted ? DeleteRule::source_wins : DeleteRule::target_wins);
    if (c.rules.deletion == DeleteRule::manual) {
        answer.action = Action::conflict;
        return answer;
    }
    answer.record_automatic = true;
    answer.action = Action::unlink;
    if (c.rules.deletion == DeleteRule::unlink) return answer;
    if (deleter_wins && flows_to_survivor && c.rules.propagate_deletions) answer.action = remove;
    if (!deleter_wins && flows_to_deleted) answer.action = create;
    return answer;
}

} // namespace

Answer decide(const Case& question) {
    Answer answer;
    if (question.source.exists && question.target.exists) return decide_both_exist(question);
    if (question.source.exists || question.target.exists) return decide_one_exists(question);
    answer.action = Answer::Action::forget;
    return answer;
}

namespace {

std::string text_of(const Field& field) {
    if (!field) return "absent";
    switch (field->kind) {
    case Value::Kind::null: return "null";
    case Value::Kind::number: return std::to_string(field->hundredths) + "/100";
    case Value::Kind::text: return '"' + field->text + '"';
    case Value::Kind::list: {
        std::string text = "[";
        for (const Value& element : field->list) text += text_of(element) + " ";
        return text + "]";
    }
    }
    return "?";
}

constexpr const char* rule_names[] = {"source_wins",         "target_wins", "newest_wins", "merge",  "manual",
                                      "source_unless_blank", "target_unless_blank", "max", "min",   "union",
                                      "add_delta",           "concat"};
constexpr const char* delete_names[] = {"source_wins", "target_wins", "update_wins", "delete_wins", "unlink", "manual"};
constexpr const char* action_names[] = {"nothing",       "update",        "create_source", "create_target",
                                        "delete_source", "delete_target", "forget",        "unlink",
                                        "conflict"};

std::string name(Rule rule) { return rule_names[static_cast<int>(rule)]; }

std::string time_of(const SideOfCase& side) {
    return side.edited_at_seconds ? std::to_string(*side.edited_at_seconds) : "unknown";
}

} // namespace

std::string describe(const Case& c) {
    std::string text = "  record rule " + name(c.rules.record) + ", initial " + name(c.rules.initial) + ", tie break " +
                       name(c.rules.tie_break) + ", deletions " + delete_names[static_cast<int>(c.rules.deletion)] +
                       (c.rules.propagate_deletions ? "" : " (not propagated)") + ", flows" +
                       (c.rules.flows_to_source ? " to source" : "") + (c.rules.flows_to_target ? " to target" : "") +
                       "\n  source " + (c.source.exists ? "exists" : "is gone") + ", edited at " + time_of(c.source) +
                       "; target " + (c.target.exists ? "exists" : "is gone") + ", edited at " + time_of(c.target) +
                       (c.base ? "" : "; no base") + "\n";
    const auto fields = fields_of(c);
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const FieldState& f = fields[i];
        text += "  field " + std::to_string(i) + ": base " + text_of(f.base) + ", source " + text_of(f.source) +
                ", target " + text_of(f.target) + "; rule " + name(f.rules.rule) +
                (f.rules.to_source ? " to_source" : "") + (f.rules.to_target ? " to_target" : "") +
                (f.rules.unordered ? " unordered" : "") + (f.frozen ? " frozen" : "") + "\n";
    }
    return text;
}

std::string describe(const Answer& a) {
    std::string text = std::string("  ") + action_names[static_cast<int>(a.action)] +
                       (a.record_automatic ? ", automatic" : "") + "\n";
    for (std::size_t i = 0; i < a.base.size(); ++i)
        text += "  field " + std::to_string(i) + ": to source " + text_of(a.to_source[i]) + ", to target " +
                text_of(a.to_target[i]) + ", base " + text_of(a.base[i]) + (a.conflicts[i] ? ", conflict" : "") +
                (a.automatic[i] ? ", automatic" : "") + "\n";
    return text;
}

} // namespace planner

#include "planner_generator.hpp"

#include <utility>

namespace planner {
namespace {

using castiel_sync::Random;

bool chance(Random& random, int percent) {
    return castiel_sync::uniform(random, 100) < static_cast<std::uint64_t>(percent);
}

int below(Random& random, int bound) {
    return static_cast<int>(castiel_sync::uniform(random, static_cast<std::uint64_t>(bound)));
}

// Small pools, so that values meet: equal by accident, equal to the base again, blank, of another type.
Value draw_value(Random& random, Value::Kind kind) {
    static const char* const texts[] = {"", "a", "b", "ab", "Z", "\xc3\xa4"};
    static const std::int64_t numbers[] = {0, 100, 200, -100, 10, 20, 30, 150, 100000000000};
    Value value;
    value.kind = chance(random, 8) ? Value::Kind::null : kind;
    value.spelling = below(random, 3);
    switch (value.kind) {
    case Value::Kind::null: break;
    case Value::Kind::number: value.hundredths = numbers[below(random, 9)]; break;
    case Value::Kind::text: value.text = texts[below(random, 6)]; break;
    case Value::Kind::list:
        for (int i = below(random, 4); i > 0; --i)
            value.list.push_back(
                draw_value(random, chance(random, 80) ? Value::Kind::text : Value::Kind::number));
        break;
    }
    return value;
}

struct DrawnField {
    Field base, source, target;
};

DrawnField draw_field(Random& random, bool with_base) {
    static const Value::Kind kinds[] = {Value::Kind::number, Value::Kind::text, Value::Kind::list};
    const Value::Kind kind = kinds[below(random, 3)];
    const auto draw = [&]() -> Field {
        if (chance(random, 10)) return std::nullopt;
        return draw_value(random, chance(random, 6) ? kinds[below(random, 3)] : kind);
    };
    DrawnField field;
    if (with_base) field.base = draw();
    field.source = with_base && chance(random, 45) ? field.base : draw();
    field.target = with_base && chance(random, 45) ? field.base : draw();
    if (chance(random, 15)) field.target = field.source;
    for (Field* side : {&field.source, &field.target})
        if (*side) (*side)->spelling = below(random, 3);
    return field;
}

Rule draw_rule(Random& random, int count) { return static_cast<Rule>(below(random, count)); }

Rules draw_rules(Random& random, int fields) {
    Rules rules;
    const int flow = below(random, 4);
    rules.flows_to_source = flow != 1;
    rules.flows_to_target = flow != 2;
    rules.record = chance(random, 50) ? Rule::merge : draw_rule(random, record_rule_count);
    rules.initial = chance(random, 50) ? rules.record : draw_rule(random, record_rule_count);
    do rules.tie_break = draw_rule(random, record_rule_count);
    while (rules.tie_break == Rule::merge);
    rules.deletion = static_cast<DeleteRule>(below(random, delete_rule_count));
    rules.propagate_deletions = chance(random, 80);
    for (int i = 0; i < fields; ++i) {
        FieldRules field;
        field.to_source = rules.flows_to_source && chance(random, 90);
        field.to_target = rules.flows_to_target && chance(random, 90);
        field.unordered = chance(random, 20);
        do field.rule = draw_rule(random, rule_count);
        while (field.rule == Rule::merge);
        rules.fields.push_back(field);
    }
    return rules;
}

void draw_side(Random& random, SideOfCase& side) {
    if (chance(random, 85)) side.edited_at_seconds = below(random, 12);
}

void remove_field(Case& c, std::size_t i) {
    const auto at = static_cast<std::ptrdiff_t>(i);
    c.rules.fields.erase(c.rules.fields.begin() + at);
    if (c.base) c.base->erase(c.base->begin() + at);
    if (c.source.exists) c.source.values.erase(c.source.values.begin() + at);
    if (c.target.exists) c.target.values.erase(c.target.values.begin() + at);
    if (i < c.frozen.size()) c.frozen.erase(c.frozen.begin() + at);
}

template <class Change>
void add_variant(std::vector<Case>& variants, const Case& c, Change change) {
    Case variant = c;
    if (change(variant)) variants.push_back(std::move(variant));
}

template <class T>
bool assign(T& place, const T& value) {
    if (place == value) return false;
    place = value;
    return true;
}

void add_simpler_values(std::vector<Case>& variants, const Case& c, std::size_t i) {
    Value simplest;
    simplest.kind = Value::Kind::text;
    simplest.text = "a";
    const auto places = [i](Case& variant) {
        std::vector<Field*> fields;
        if (variant.base) fields.push_back(&(*variant.base)[i]);
        if (variant.source.exists) fields.push_back(&variant.source.values[i]);
        if (variant.target.exists) fields.push_back(&variant.target.values[i]);
        return fields;
    };
    Case copy = c;
    for (std::size_t place = 0; place < places(copy).size(); ++place) {
        add_variant(variants, c, [&](Case& v) { return assign(*places(v)[place], Field()); });
        add_variant(variants, c, [&](Case& v) {
            Field& field = *places(v)[place];
            return field && assign(*field, simplest);
        });
        add_variant(variants, c, [&](Case& v) {
            Field& field = *places(v)[place];
            if (!field || field->list.empty()) return false;
            field->list.pop_back();
            return true;
        });
    }
}

} // namespace

Case draw_case(Random& random) {
    Case c;
    const int fields = chance(random, 5) ? 0 : 1 + below(random, chance(random, 10) ? 12 : 4);
    c.rules = draw_rules(random, fields);
    const bool with_base = chance(random, 80);
    if (with_base) c.base.emplace();
    c.source.exists = !chance(random, 12);
    c.target.exists = !chance(random, 12);
    for (int i = 0; i < fields; ++i) {
        DrawnField field = draw_field(random, with_base);
        if (with_base) c.base->push_back(std::move(field.base));
        if (c.source.exists) c.source.values.push_back(std::move(field.source));
        if (c.target.exists) c.target.values.push_back(std::move(field.target));
    }
    draw_side(random, c.source);
    draw_side(random, c.target);
    if (with_base && chance(random, 25))
        for (int i = 0; i < fields; ++i) c.frozen.push_back(chance(random, 30));
    return c;
}

std::vector<Case> simpler(const Case& c) {
    std::vector<Case> variants;
    for (std::size_t i = 0; i < c.rules.fields.size(); ++i)
        add_variant(variants, c, [&](Case& v) { return remove_field(v, i), true; });
    add_variant(variants, c, [](Case& v) { return assign(v.frozen, std::vector<bool>()); });
    add_variant(variants, c, [](Case& v) { return assign(v.rules.record, Rule::merge); });
    add_variant(variants, c, [](Case& v) { return assign(v.rules.initial, Rule::merge); });
    add_variant(variants, c, [](Case& v) { return assign(v.rules.tie_break, Rule::manual); });
    add_variant(variants, c, [](Case& v) { return assign(v.rules.deletion, DeleteRule::manual); });
    add_variant(variants, c, [](Case& v) { return assign(v.rules.propagate_deletions, true); });
    add_variant(variants, c, [](Case& v) { return assign(v.source.edited_at_seconds, std::optional<int>()); });
    add_variant(variants, c, [](Case& v) { return assign(v.target.edited_at_seconds, std::optional<int>()); });
    for (std::size_t i = 0; i < c.rules.fields.size(); ++i) {
        add_variant(variants, c, [&](Case& v) { return assign(v.rules.fields[i].unordered, false); });
        add_variant(variants, c, [&](Case& v) { return assign(v.rules.fields[i].rule, Rule::manual); });
        add_simpler_values(variants, c, i);
    }
    return variants;
}

namespace {

Rule mirrored(Rule rule) {
    switch (rule) {
    case Rule::source_wins: return Rule::target_wins;
    case Rule::target_wins: return Rule::source_wins;
    case Rule::source_unless_blank: return Rule::target_unless_blank;
    case Rule::target_unless_blank: return Rule::source_unless_blank;
    default: return rule;
    }
}

} // namespace

Case mirrored(const Case& question) {
    Case c = question;
    std::swap(c.source, c.target);
    std::swap(c.rules.flows_to_source, c.rules.flows_to_target);
    c.rules.record = mirrored(c.rules.record);
    c.rules.initial = mirrored(c.rules.initial);
    c.rules.tie_break = mirrored(c.rules.tie_break);
    if (c.rules.deletion == DeleteRule::source_wins)
        c.rules.deletion = DeleteRule::target_wins;
    else if (c.rules.deletion == DeleteRule::target_wins)
        c.rules.deletion = DeleteRule::source_wins;
    for (FieldRules& field : c.rules.fields) {
        std::swap(field.to_source, field.to_target);
        field.rule = mirrored(field.rule);
    }
    return c;
}

} // namespace planner

// Layer L1: the pure reconcile function over random cases, compared with the naive model, mirrored, and repeated to a
// fixed point. A failing case is shrunk before it is shown.
//
//     castiel_sync_planner_checker [--cases N] [--seed S]
#include "planner_generator.hpp"
#include "planner_model.hpp"

#include <core/reconcile.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace {

namespace cs = castiel_sync;
namespace json = boost::json;
using planner::Answer;
using planner::Case;
using planner::Field;
using planner::Fields;
using planner::Value;

constexpr int fixed_point_cut_off = 200;

json::value to_json(const Value& value) {
    switch (value.kind) {
    case Value::Kind::null: return nullptr;
    case Value::Kind::text: return json::value(value.text);
    case Value::Kind::number:
        if (value.hundredths % 100 != 0 || value.spelling == 2) return static_cast<double>(value.hundredths) / 100.0;
        if (value.spelling == 1 && value.hundredths >= 0) return static_cast<std::uint64_t>(value.hundredths / 100);
        return value.hundredths / 100;
    case Value::Kind::list: {
        json::array list;
        for (const Value& element : value.list) list.push_back(to_json(element));
        return list;
    }
    }
    return nullptr;
}

Value from_json(const json::value& value) {
    Value result;
    if (value.is_string()) {
        result.kind = Value::Kind::text;
        result.text = value.get_string();
    } else if (value.is_number()) {
        result.kind = Value::Kind::number;
        result.hundredths = value.is_int64()    ? value.get_int64() * 100
                            : value.is_uint64() ? static_cast<std::int64_t>(value.get_uint64()) * 100
                                                : std::llround(value.get_double() * 100.0);
        // 0.1 + 0.2 must be 0.3, not 0.30000000000000004.
        if (value.is_double() && static_cast<double>(result.hundredths) / 100.0 != value.get_double())
            result.text = "inexact";
    } else if (value.is_array()) {
        result.kind = Value::Kind::list;
        for (const auto& element : value.get_array()) result.list.push_back(from_json(element));
    }
    return result;
}

cs::FieldValues to_values(const Fields& fields) {
    cs::FieldValues values;
    for (const Field& field : fields) values.push_back(field ? cs::FieldValue(to_json(*field)) : std::nullopt);
    return values;
}

Fields from_values(const cs::FieldValues& values) {
    Fields fields;
    for (const auto& value : values) fields.push_back(value ? Field(from_json(*value)) : std::nullopt);
    return fields;
}

cs::Strategy to_strategy(planner::Rule rule) {
    using cs::Strategy;
    static constexpr Strategy strategies[] = {
        Strategy::source_wins,         Strategy::target_wins,         Strategy::newest_wins, Strategy::merge,
        Strategy::manual,              Strategy::source_unless_blank, Strategy::target_unless_blank,
        Strategy::max,                 Strategy::min,                 Strategy::union_,      Strategy::add_delta,
        Strategy::concat};
    return strategies[static_cast<int>(rule)];
}

cs::SideState to_side(const planner::SideOfCase& side) {
    cs::SideState state;
    state.exists = side.exists;
    if (side.exists) state.values = to_values(side.values);
    if (side.edited_at_seconds) state.modified_at = cs::Timestamp{std::chrono::seconds{*side.edited_at_seconds}};
    return state;
}

cs::Policy to_policy(const planner::Rules& rules) {
    cs::Policy policy;
    policy.flows_to_source = rules.flows_to_source;
    policy.flows_to_target = rules.flows_to_target;
    policy.record_strategy = to_strategy(rules.record);
    policy.initial_strategy = to_strategy(rules.initial);
    policy.tie_break = to_strategy(rules.tie_break);
    policy.newest_wins_tolerance = std::chrono::seconds{planner::newest_tolerance_seconds};
    static constexpr cs::DeleteStrategy deletions[] = {
        cs::DeleteStrategy::source_wins, cs::DeleteStrategy::target_wins, cs::DeleteStrategy::update_wins,
        cs::DeleteStrategy::delete_wins, cs::DeleteStrategy::unlink,      cs::DeleteStrategy::manual};
    policy.delete_strategy = deletions[static_cast<int>(rules.deletion)];
    policy.propagate_deletions = rules.propagate_deletions;
    for (std::size_t i = 0; i < rules.fields.size(); ++i) {
        cs::FieldPolicy field;
        field.name = "field" + std::to_string(i);
        field.to_source = rules.fields[i].to_source;
        field.to_target = rules.fields[i].to_target;
        field.unordered = rules.fields[i].unordered;
        field.strategy = to_strategy(rules.fields[i].rule);
        field.separator = "|";
        policy.fields.push_back(std::move(field));
    }
    return policy;
}

cs::Situation to_situation(const Case& c) {
    cs::Situation situation;
    if (c.base) situation.base = to_values(*c.base);
    situation.source = to_side(c.source);
    situation.target = to_side(c.target);
    for (const bool frozen : c.frozen) situation.frozen.emplace_back(frozen ? "open" : "");
    return situation;
}

Answer ask_engine(const Case& c) {
    const cs::Decision decision = cs::reconcile(to_situation(c), to_policy(c.rules));
    Answer answer;
    answer.action = static_cast<Answer::Action>(decision.action);
    if (decision.action != cs::Decision::Action::nothing && decision.action != cs::Decision::Action::update) {
        answer.record_automatic = decision.automatic.has_value();
        return answer;
    }
    if (decision.fields.empty()) return answer; // one side is gone, and that is left alone
    answer.to_source = from_values(decision.to_source);
    answer.to_target = from_values(decision.to_target);
    answer.base = from_values(decision.base);
    for (const auto& field : decision.fields) {
        answer.conflicts.push_back(field.verdict == cs::FieldDecision::Verdict::conflict);
        answer.automatic.push_back(field.automatic);
    }
    return answer;
}

static_assert(static_cast<int>(cs::Decision::Action::conflict) == static_cast<int>(Answer::Action::conflict));
static_assert(static_cast<int>(cs::Decision::Action::forget) == static_cast<int>(Answer::Action::forget));

bool same(const Answer& left, const Answer& right) {
    return left.action == right.action && left.record_automatic == right.record_automatic &&
           left.to_source == right.to_source && left.to_target == right.to_target && left.base == right.base &&
           left.conflicts == right.conflicts && left.automatic == right.automatic;
}

void write(planner::SideOfCase& side, const Fields& values, int now) {
    bool written = false;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!values[i]) continue;
        side.values[i] = values[i];
        written = true;
    }
    if (written) side.edited_at_seconds = now;
}

// Does what the answer says. False: the link is gone, there is nothing left to decide.
bool apply(Case& c, const Answer& answer, int now) {
    using Action = Answer::Action;
    switch (answer.action) {
    case Action::nothing:
    case Action::update: {
        if (answer.base.empty()) return true;
        write(c.source, answer.to_source, now);
        write(c.target, answer.to_target, now);
        c.base = answer.base;
        c.frozen.resize(c.rules.fields.size());
        for (std::size_t i = 0; i < answer.conflicts.size(); ++i)
            if (answer.conflicts[i]) c.frozen[i] = true;
        return true;
    }
    case Action::create_source:
    case Action::create_target: {
        const bool into_source = answer.action == Action::create_source;
        auto& made = into_source ? c.source : c.target;
        const auto& origin = into_source ? c.target : c.source;
        made.exists = true;
        made.values.assign(c.rules.fields.size(), std::nullopt);
        made.edited_at_seconds = now;
        c.base.emplace(c.rules.fields.size());
        for (std::size_t i = 0; i < c.rules.fields.size(); ++i) {
            const bool flows = into_source ? c.rules.fields[i].to_source : c.rules.fields[i].to_target;
            if (flows) made.values[i] = (*c.base)[i] = origin.values[i];
        }
        return true;
    }
    case Action::delete_source: c.source = {false, {}, {}}; return true;
    case Action::delete_target: c.target = {false, {}, {}}; return true;
    case Action::forget:
    case Action::unlink:
    case Action::conflict: return false;
    }
    return false;
}

bool quiet(const Case& c, const Answer& answer) {
    if (answer.action != Answer::Action::nothing) return false;
    return answer.base.empty() || !c.base || answer.base == *c.base;
}

// The base holds only what both sides hold once the writes are done, or what it held before.
bool base_is_true(const Case& before, const Case& after, const Answer& answer) {
    for (std::size_t i = 0; i < answer.base.size(); ++i) {
        const Field& base = answer.base[i];
        if (base == (before.base ? (*before.base)[i] : Field())) continue;
        const bool unordered = before.rules.fields[i].unordered;
        const Field &source = after.source.values[i], &target = after.target.values[i];
        if (!base && !source && !target) continue;
        if (!base || !source || !target || !planner::equal(*base, *source, unordered) ||
            !planner::equal(*base, *target, unordered))
            return false;
    }
    return true;
}

std::string check_fixed_point(Case c) {
    int now = 100;
    for (int round = 0; round < fixed_point_cut_off; ++round, now += 10) {
        const Answer answer = ask_engine(c);
        if (quiet(c, answer)) return round <= 3 ? "" : "took " + std::to_string(round) + " rounds to come to rest";
        const Case before = c;
        if (!apply(c, answer, now)) return "";
        if (!base_is_true(before, c, answer)) return "the base holds a value that the two sides do not both hold";
    }
    return "never comes to rest: still writing after " + std::to_string(fixed_point_cut_off) + " rounds";
}

bool order_matters(const Case& c) {
    for (const auto& field : c.rules.fields)
        if (field.rule == planner::Rule::concat || field.rule == planner::Rule::union_) return true;
    return false;
}

// Nothing in the rules knows left from right: the mirrored case has the mirrored answer.
std::string check_mirror(const Case& c, const Answer& answer) {
    if (order_matters(c)) return "";
    using Action = Answer::Action;
    Answer other = ask_engine(planner::mirrored(c));
    std::swap(other.to_source, other.to_target);
    switch (other.action) {
    case Action::create_source: other.action = Action::create_target; break;
    case Action::create_target: other.action = Action::create_source; break;
    case Action::delete_source: other.action = Action::delete_target; break;
    case Action::delete_target: other.action = Action::delete_source; break;
    default: break;
    }
    // Which of two equal spellings the base keeps may differ between the sides; the values may not.
    if (same(other, answer)) return "";
    for (const auto& field : c.rules.fields)
        if (field.unordered) return "";
    return "the mirrored case is decided differently:\n" + planner::describe(other);
}

// Empty: the case is decided rightly.
std::string check(const Case& c) {
    const Answer answer = ask_engine(c);
    const Answer expected = planner::decide(c);
    if (!same(answer, expected)) return "the naive model decides otherwise:\n" + planner::describe(expected);
    if (!same(answer, ask_engine(c))) return "asked twice, it answers twice";
    if (auto fault = check_mirror(c, answer); !fault.empty()) return fault;
    return check_fixed_point(c);
}

Case shrink(Case failing) {
    for (bool smaller = true; smaller;) {
        smaller = false;
        for (Case& variant : planner::simpler(failing)) {
            if (check(variant).empty()) continue;
            failing = std::move(variant);
            smaller = true;
            break;
        }
    }
    return failing;
}

void report(std::uint64_t seed, std::uint64_t number, const Case& failing) {
    const Case small = shrink(failing);
    std::printf("FAILED: case %llu of seed %llu, made as small as it goes:\n%sreconcile answers\n%s%s\n",
                static_cast<unsigned long long>(number), static_cast<unsigned long long>(seed),
                planner::describe(small).c_str(), planner::describe(ask_engine(small)).c_str(), check(small).c_str());
    std::printf("replay: castiel_sync_planner_checker --seed %llu --cases %llu\n",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(number));
}

} // namespace

int main(int argc, char** argv) {
    std::uint64_t cases = 200'000, seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option = argv[i];
        if (option == "--cases")
            cases = std::strtoull(argv[i + 1], nullptr, 10);
        else if (option == "--seed")
            seed = std::strtoull(argv[i + 1], nullptr, 10);
        else
            return std::printf("usage: castiel_sync_planner_checker [--cases N] [--seed S]\n"), 2;
    }
    const auto random = cs::make_seeded_random(seed);
    std::uint64_t updates = 0, conflicts = 0, deletions = 0;
    for (std::uint64_t number = 1; number <= cases; ++number) {
        const Case c = planner::draw_case(*random);
        if (!check(c).empty()) return report(seed, number, c), 1;
        const Answer answer = planner::decide(c);
        updates += answer.action == Answer::Action::update;
        deletions += !c.source.exists || !c.target.exists;
        for (const bool conflict : answer.conflicts) conflicts += conflict;
    }
    std::printf("%llu cases decided rightly (%llu with writes, %llu field conflicts, %llu with a deletion)\n",
                static_cast<unsigned long long>(cases), static_cast<unsigned long long>(updates),
                static_cast<unsigned long long>(conflicts), static_cast<unsigned long long>(deletions));
    // A generator that no longer reaches the interesting cases would pass everything.
    return cases < 10'000 || (updates > cases / 10 && conflicts > cases / 20 && deletions > cases / 20) ? 0 : 1;
}

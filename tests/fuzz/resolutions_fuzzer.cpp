// What a person decides: the words of the command line, and what a choice comes to on both sides.
#include "fuzzing.hpp"

#include <commands/arguments.hpp>
#include <commands/commands.hpp>

#include <core/mapping.hpp>
#include <core/reconcile.hpp>

#include <array>

using namespace castiel_sync;
using namespace castiel_sync::fuzzing;

namespace {

using Verdict = FieldDecision::Verdict;

constexpr std::size_t fields = 3;
constexpr int rounds = 8; // until nothing moves any more

class Draw {
public:
    Draw(FuzzedDataProvider& input, const json::array& pool) : input_(input), pool_(pool) {}

    [[nodiscard]] bool flag() { return input_.ConsumeBool(); }
    template <class E>
    [[nodiscard]] E one_of(E last) {
        return static_cast<E>(input_.ConsumeIntegralInRange(0, static_cast<int>(last)));
    }
    [[nodiscard]] FieldValue value() {
        const auto choice = input_.ConsumeIntegralInRange<std::size_t>(0, pool_.size());
        return choice == pool_.size() ? FieldValue() : FieldValue(pool_[choice]);
    }
    [[nodiscard]] FieldValues values() {
        FieldValues drawn(fields);
        for (FieldValue& each : drawn)
            each = value();
        return drawn;
    }
    [[nodiscard]] SideState side() {
        SideState state;
        state.values = values();
        if (flag()) state.modified_at = Timestamp(std::chrono::seconds(input_.ConsumeIntegralInRange(0, 9)));
        return state;
    }

private:
    FuzzedDataProvider& input_;
    const json::array& pool_;
};

Policy draw_policy(Draw& draw) {
    Policy policy;
    policy.flows_to_source = draw.flag();
    policy.flows_to_target = !policy.flows_to_source || draw.flag();
    for (std::size_t place = 0; place < fields; ++place) {
        FieldPolicy field;
        field.name = std::string(1, static_cast<char>('a' + place));
        field.to_source = policy.flows_to_source && draw.flag();
        field.to_target = policy.flows_to_target && (!field.to_source || draw.flag());
        field.unordered = draw.flag();
        field.strategy = draw.one_of(Strategy::concat);
        if (field.strategy == Strategy::merge) field.strategy = Strategy::manual;
        policy.fields.push_back(std::move(field));
    }
    policy.record_strategy = draw.one_of(Strategy::target_unless_blank);
    policy.initial_strategy = draw.one_of(Strategy::target_unless_blank);
    policy.tie_break = draw.flag() ? Strategy::source_wins : Strategy::manual;
    return policy;
}

bool holds(const FieldValue& value, const json::value& wanted, const FieldPolicy& field) {
    return value && (field.unordered ? equal_unordered(*value, wanted) : equal_values(*value, wanted));
}

// The two sides once the writes of a decision are done.
Situation apply(Situation situation, const Decision& decision) {
    for (std::size_t place = 0; place < fields; ++place) {
        if (decision.to_source[place]) situation.source.values[place] = decision.to_source[place];
        if (decision.to_target[place]) situation.target.values[place] = decision.to_target[place];
    }
    situation.base = decision.base;
    return situation;
}

void check_choice(const Situation& before, const Policy& policy, const FieldValues& chosen) {
    const Decision decision = resolve(before, policy, chosen, "person");
    require(decision.fields.size() == fields && decision.base.size() == fields, "a decision speaks of every field");
    Situation after = apply(before, decision);
    for (std::size_t place = 0; place < fields; ++place) {
        const FieldPolicy& field = policy.fields[place];
        if (!chosen[place]) continue;
        require(decision.fields[place].verdict != Verdict::conflict, "what a person chose is no conflict any more");
        require(!field.to_source || holds(after.source.values[place], *chosen[place], field),
                "the choice reaches the source");
        require(!field.to_target || holds(after.target.values[place], *chosen[place], field),
                "the choice reaches the target");
        const bool both = holds(after.source.values[place], *chosen[place], field) &&
                          holds(after.target.values[place], *chosen[place], field);
        require(!both || holds(decision.base[place], *chosen[place], field), "what both sides hold is agreed");
        if (place < after.frozen.size()) after.frozen[place].clear();
    }
    for (int round = 0; round < rounds; ++round) {
        const Decision next = reconcile(after, policy);
        for (std::size_t place = 0; place < fields; ++place) {
            const FieldPolicy& field = policy.fields[place];
            const bool agreed = chosen[place] && field.to_source && field.to_target;
            require(!agreed || (!next.to_source[place] && !next.to_target[place]),
                    "a choice is not written again (I37)");
        }
        if (next.action == Decision::Action::nothing) return;
        after = apply(after, next);
    }
    require(false, "the sides come to rest");
}

void check_situation(FuzzedDataProvider& input) {
    json::array pool{nullptr, "", "a", "b", 1, 1.0, json::array{1, 2}, json::array{2, 1}};
    const std::size_t header = input.ConsumeIntegralInRange<std::size_t>(24, 48);
    const std::vector<std::uint8_t> head = input.ConsumeBytes<std::uint8_t>(header);
    if (auto own = parse_json(input.ConsumeRemainingBytesAsString())) {
        if (const auto* list = own->if_array())
            pool.insert(pool.end(), list->begin(), list->end());
        else
            pool.push_back(std::move(*own));
    }
    FuzzedDataProvider choices(head.data(), head.size());
    Draw draw(choices, pool);
    const Policy policy = draw_policy(draw);
    Situation situation;
    if (draw.flag()) situation.base = draw.values();
    situation.source = draw.side();
    situation.target = draw.side();
    for (std::size_t place = 0; place < fields; ++place)
        situation.frozen.emplace_back(draw.flag() ? "open" : "");
    check_choice(situation, policy, draw.values());
}

std::vector<std::string> draw_words(FuzzedDataProvider& input) {
    std::vector<std::string> words;
    std::string word;
    for (const char character : input.ConsumeRemainingBytesAsString()) {
        if (character == '\n' || character == '\0')
            words.push_back(std::exchange(word, {}));
        else
            word += character;
    }
    words.push_back(std::move(word));
    return words;
}

// FIELD=VALUE and PATH=VALUE, as conflicts resolve, parked retry and shards put take them.
void check_assignments(const std::vector<std::string>& words) {
    json::object object{{"list", json::array{1, json::object{{"a", 1}}}}, {"object", json::object{{"b", nullptr}}}};
    for (const std::string& word : words) {
        const auto assignment = service::parse_assignment(word);
        if (!assignment) {
            require_readable(to_json(json::value(assignment.error().message)));
            continue;
        }
        require(word.starts_with(assignment->first + "="), "the field is what stands before the =", word);
        if (!is_utf8(word)) continue;
        require(check_json(assignment->second).has_value(), "a value is JSON", word);
        const json::object before = object;
        if (const auto assigned = service::assign(object, assignment->first, assignment->second); !assigned)
            require_readable(assigned.error());
        else if (assignment->first.find('\\') == std::string::npos)
            if (const json::value* found = find_path(object, assignment->first))
                require(identical(*found, assignment->second), "what was assigned is found", word);
        object = before;
        if (const auto set = set_path(object, assignment->first, assignment->second); !set) {
            require_readable(set.error());
            require(identical(before, object), "a refused path changes nothing", word);
        } else {
            const json::value* found = find_path(object, assignment->first);
            require(found != nullptr && identical(*found, assignment->second), "what was set is found", word);
        }
        object = before;
    }
    const auto all = service::parse_assignments(words);
    require(!all || all->size() == words.size(), "every field is given once");
}

void check_command_line(const std::vector<std::string>& words) {
    std::vector<const char*> arguments{"castiel-sync"};
    for (const std::string& word : words)
        arguments.push_back(word.c_str());
    const auto parsed = service::parse_arguments(static_cast<int>(arguments.size()), arguments.data());
    if (!parsed.valid) {
        require(parsed.exit_code == 0 || parsed.exit_code == 2, "faulty arguments are faulty usage");
        require(!parsed.text.empty(), "faulty arguments are told");
        return;
    }
    const auto* resolve = std::get_if<service::ConflictsResolveArguments>(&parsed.invocation.command);
    if (resolve == nullptr) return;
    const int ways = int{resolve->source} + int{resolve->target} + int{resolve->separate} +
                     int{!resolve->link.empty()} + int{!resolve->values.empty()};
    require(ways == 1, "a person chooses one way to resolve");
    require(resolve->link.empty() || resolve->link.size() == 2, "a link has two ends");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    switch (input.ConsumeIntegralInRange(0, 3)) {
    case 0: check_assignments(draw_words(input)); break;
    case 1: check_command_line(draw_words(input)); break;
    default: check_situation(input); break;
    }
    return 0;
}

// A second, naive implementation of design §5, written from its words and sharing no code with lib/core. Slow, plain,
// and with values of its own: the planner checker compares the real one with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace planner {

// null, a number in hundredths, a text, or a list of texts and numbers.
struct Value {
    enum class Kind { null, number, text, list };
    Kind kind = Kind::null;
    std::int64_t hundredths = 0;
    std::string text;
    std::vector<Value> list;
    int spelling = 0; // which of several JSON forms stands for it; not part of the value

    [[nodiscard]] bool blank() const;
};

bool operator==(const Value& left, const Value& right);
bool operator<(const Value& left, const Value& right);

using Field = std::optional<Value>; // nullopt: absent
using Fields = std::vector<Field>;

enum class Rule {
    source_wins,
    target_wins,
    newest_wins,
    merge,
    manual,
    source_unless_blank,
    target_unless_blank,
    max,
    min,
    union_,
    add_delta,
    concat,
};
inline constexpr int rule_count = 12;
inline constexpr int record_rule_count = 7; // the first seven may decide whole records

enum class DeleteRule { source_wins, target_wins, update_wins, delete_wins, unlink, manual };
inline constexpr int delete_rule_count = 6;

struct FieldRules {
    bool to_source = true;
    bool to_target = true;
    bool unordered = false;
    Rule rule = Rule::manual;
};

struct Rules {
    std::vector<FieldRules> fields;
    bool flows_to_source = true;
    bool flows_to_target = true;
    Rule record = Rule::merge;
    Rule initial = Rule::merge;
    Rule tie_break = Rule::manual;
    DeleteRule deletion = DeleteRule::manual;
    bool propagate_deletions = true;
};

struct SideOfCase {
    bool exists = true;
    Fields values;
    std::optional<int> edited_at_seconds;
};

struct Case {
    Rules rules;
    std::optional<Fields> base;
    SideOfCase source;
    SideOfCase target;
    std::vector<bool> frozen;
};

inline constexpr int newest_tolerance_seconds = 2;

struct Answer {
    enum class Action { nothing, update, create_source, create_target, delete_source, delete_target, forget, unlink,
                        conflict };
    Action action = Action::nothing;
    // By field; only with nothing and update.
    Fields to_source;
    Fields to_target;
    Fields base;
    std::vector<bool> conflicts;
    std::vector<bool> automatic;
    bool record_automatic = false; // a rule decided between a deletion and an edit
};

[[nodiscard]] Answer decide(const Case& question);
[[nodiscard]] bool equal(const Value& left, const Value& right, bool unordered);

[[nodiscard]] std::string describe(const Case& question);
[[nodiscard]] std::string describe(const Answer& answer);

} // namespace planner

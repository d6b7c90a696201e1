// What each strategy makes of one field that both sides changed differently. Pure.
#pragma once

#include <core/reconcile.hpp>

namespace castiel_sync {

struct StrategyAnswer {
    FieldValue value;  // nullopt: defer, a person decides
    std::string rule;  // what decided: newest_wins, newest_wins/source_wins after a tie, custom:<name>
};

struct StrategyQuestion {
    const FieldPolicy& field;
    Strategy strategy;
    const std::string& custom_strategy;
    const FieldValue& base;
    const json::value& source;
    const json::value& target;
    const Situation& situation;
    const Policy& policy;
};

[[nodiscard]] StrategyAnswer apply_strategy(const StrategyQuestion& question);

// Applied twice to the same two edits, it counts them twice: a sum, a joined text.
[[nodiscard]] bool accumulates(Strategy strategy);

[[nodiscard]] bool same_value(const json::value& left, const json::value& right, bool unordered);

} // namespace castiel_sync

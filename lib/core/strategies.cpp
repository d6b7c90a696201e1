#include <castiel_sync/strategy.hpp>

#include <utility>

namespace castiel_sync {

bool is_field_only(Strategy strategy) noexcept {
    switch (strategy) {
    case Strategy::max:
    case Strategy::min:
    case Strategy::union_:
    case Strategy::add_delta:
    case Strategy::concat:
        return true;
    default:
        return false;
    }
}

void ConflictStrategies::add(std::string name, ConflictStrategy strategy) {
    strategies_.insert_or_assign(std::move(name), std::move(strategy));
}

const ConflictStrategy* ConflictStrategies::find(std::string_view name) const {
    const auto found = strategies_.find(name);
    return found == strategies_.end() ? nullptr : &found->second;
}

} // namespace castiel_sync

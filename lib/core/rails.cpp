#include <core/rails.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace castiel_sync {
namespace {

std::uint64_t share_of(std::uint64_t links, double share) {
    return static_cast<std::uint64_t>(std::floor(static_cast<double>(links) * share));
}

std::string_view system_of(Side side) { return side == Side::source ? "the source" : "the shards"; }

bool stands(const Conflict& conflict) {
    return conflict.state == ConflictState::open || conflict.state == ConflictState::ignored;
}

} // namespace

bool deletion_in_doubt(const Conflict& conflict) {
    return stands(conflict) && conflict.type != ConflictType::update_update && !conflict.fields.empty() &&
           conflict.fields[0].rule == "unknown_outcome";
}

bool left_to_person(const Conflict& conflict, Side gone, DeleteStrategy strategy) {
    return (strategy == DeleteStrategy::manual || deletion_in_doubt(conflict)) && stands(conflict) &&
           conflict.type == (gone == Side::source ? ConflictType::delete_update : ConflictType::update_delete);
}

std::optional<Trip> judge_deletions(const RailLimits& limits, Side flow, std::uint64_t held, std::uint64_t links,
                                    std::uint64_t approved) {
    std::uint64_t allowed = limits.max_deletes;
    if (links >= smallest_judged_share) allowed = std::min(allowed, share_of(links, limits.max_delete_share));
    if (held <= std::max(allowed, approved)) return std::nullopt;
    return Trip{Rail::max_deletes, flow,
                fmt::format("{} of {} linked records would be deleted in {} (limit {}); approve or reject", held, links,
                            system_of(flow), allowed),
                held};
}

std::optional<Trip> judge_updates(const RailLimits& limits, Side flow, std::uint64_t updates, std::uint64_t links,
                                  std::uint64_t approved) {
    if (limits.max_update_share >= 1.0 || links < smallest_judged_share) return std::nullopt;
    const std::uint64_t allowed = share_of(links, limits.max_update_share);
    if (updates <= std::max(allowed, approved)) return std::nullopt;
    return Trip{Rail::max_updates, flow,
                fmt::format("{} of {} linked records would be updated in {} (limit {}); approve or reject", updates,
                            links, system_of(flow), allowed),
                updates};
}

std::optional<Trip> judge_all_changed(const RailLimits& limits, Side flow, std::uint64_t read, std::uint64_t changed,
                                      std::uint64_t whole, std::uint64_t approved) {
    if (!limits.stop_on_all_changed || read < smallest_judged_share || read < whole || changed < read)
        return std::nullopt;
    if (changed <= approved) return std::nullopt;
    return Trip{Rail::all_changed, flow,
                fmt::format("all of the {} linked records read from {} changed at once; approve or reject", read,
                            system_of(other(flow))),
                changed};
}

std::optional<Trip> judge_empty_side(const RailLimits& limits, Side empty, std::uint64_t links,
                                     std::uint64_t approved) {
    if (!limits.stop_on_empty_side || links == 0 || links <= approved) return std::nullopt;
    return Trip{Rail::empty_side, other(empty),
                fmt::format("{} answers empty while {} linked records exist; approve to delete them in {}, or reject",
                            system_of(empty), links, system_of(other(empty))),
                links};
}

} // namespace castiel_sync

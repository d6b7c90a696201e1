// Safety rails: judge what a cycle is about to do, before it does it. Pure.
#pragma once

#include <castiel_sync/conflict.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/stream.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace castiel_sync {

struct Trip {
    Rail rail = Rail::max_deletes;
    Side flow = Side::target; // the side that would have been written
    std::string reason;
    std::uint64_t count = 0;
};

// Shares are judged from this many linked records on: below it a single edit would be a large share.
inline constexpr std::uint64_t smallest_judged_share = 20;

// The record is gone on one side, and what becomes of the other one is a person's to say: no rail counts it, or the
// stream would stand still again after every approval until each of these conflicts is settled.
[[nodiscard]] bool left_to_person(const Conflict& conflict, Side gone, DeleteStrategy strategy);
// It stands because nobody knows whether an edit came before the deletion: no strategy decides it.
[[nodiscard]] bool deletion_in_doubt(const Conflict& conflict);

// `held`: all deletions towards `flow` that the cycle found. `approved`: how many a person has let pass.
[[nodiscard]] std::optional<Trip> judge_deletions(const RailLimits& limits, Side flow, std::uint64_t held,
                                                  std::uint64_t links, std::uint64_t approved);

// `updates`: those written in this cycle and those of the page at hand.
[[nodiscard]] std::optional<Trip> judge_updates(const RailLimits& limits, Side flow, std::uint64_t updates,
                                                std::uint64_t links, std::uint64_t approved);

// `read`: linked records read in this cycle on the side opposite to `flow`; `changed` of them differ from the base.
// `whole`: this many are enough to speak of all (a first page of a listing, or every link).
[[nodiscard]] std::optional<Trip> judge_all_changed(const RailLimits& limits, Side flow, std::uint64_t read,
                                                    std::uint64_t changed, std::uint64_t whole, std::uint64_t approved);

// A listing that ended without a record. `links`: those whose record was there so far.
[[nodiscard]] std::optional<Trip> judge_empty_side(const RailLimits& limits, Side empty, std::uint64_t links,
                                                   std::uint64_t approved);

} // namespace castiel_sync

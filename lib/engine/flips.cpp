// The ping-pong rail: how often a field went back and forth between two values.
#include <engine/run.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {

// A field that goes A → B → A → B is two rules (or two systems) fighting. Each write back to the value before last
// counts one; anything else starts over. Of each field that is written now: its count and its last two values.
std::vector<Run::Flip> Run::flips_of(const Pair& pair) const {
    const auto short_hash = [](const json::value& value) { return hash_of({to_canonical_json(value)}).substr(0, 8); };
    std::vector<Flip> flips;
    for (std::size_t i = 0; i < pair.decision.fields.size(); ++i) {
        const auto& decided = pair.decision.fields[i];
        const bool writes = decided.verdict == FieldDecision::Verdict::to_source ||
                            decided.verdict == FieldDecision::Verdict::to_target ||
                            decided.verdict == FieldDecision::Verdict::to_both;
        if (!writes || pair.chosen) continue;
        Flip flip;
        flip.field = pinned_.policy.fields[i].name;
        flip.now = short_hash(*decided.result);
        const json::value* before = pair.link ? pair.link->flips.if_contains(flip.field) : nullptr;
        const json::array* list = before ? before->if_array() : nullptr;
        if (list && list->size() == 3) {
            flip.last = std::string((*list)[2].as_string());
            if (flip.now == (*list)[1].as_string()) flip.count = (*list)[0].as_int64() + 1;
        } else if (i < pair.decision.base.size() && pair.decision.base[i] && pair.link && pair.link->base) {
            if (const auto* old = pair.link->base->if_contains(flip.field)) flip.last = short_hash(*old);
        }
        flips.push_back(std::move(flip));
    }
    return flips;
}

void Run::note_flips(const Pair& pair, Link& link) const {
    for (const auto& flip : flips_of(pair)) link.flips[flip.field] = json::array{flip.count, flip.last, flip.now};
}

std::optional<Trip> Run::judge_flips(const Pair& pair) const {
    if (!pair.link) return std::nullopt;
    std::uint64_t approved = 0;
    for (const auto& approval : session_.stream().approvals)
        if (approval.rail == Rail::ping_pong) approved = approval.up_to;
    for (const auto& flip : flips_of(pair)) {
        const auto count = static_cast<std::uint64_t>(flip.count);
        if (count < pinned_.rails.max_ping_pong || count <= approved) continue;
        const bool to_source = !pair.decision.to_source.empty() &&
                               std::any_of(pair.decision.to_source.begin(), pair.decision.to_source.end(),
                                           [](const FieldValue& value) { return value.has_value(); });
        return Trip{Rail::ping_pong, to_source ? Side::source : Side::target,
                    fmt::format("field \"{}\" of record {} changed back and forth {} times between two values; two "
                                "rules seem to fight over it: approve to go on, or reject to stop",
                                flip.field, pair.link->source_id, count),
                    count};
    }
    return std::nullopt;
}

} // namespace castiel_sync

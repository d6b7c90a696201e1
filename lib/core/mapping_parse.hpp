// Entity mappings from JSON. Pure.
#pragma once

#include <castiel_sync/integration.hpp>
#include <core/mapping_reader.hpp>

#include <span>
#include <string>
#include <vector>

namespace castiel_sync {

// How a person wrote what the compiler of mappings calls by its canonical path.
struct Spelling {
    std::string canonical; // "fieldMappings[2].transform"; with a dot at the end: only what is below
    std::string written;   // "fieldMappings[2].transforms[0]"
};

struct ParsedEntityMapping {
    EntityMapping mapping;
    std::vector<Spelling> spellings;         // relative to the entity mapping
    std::vector<ConfigurationFault> faults; // of shape, with whole paths
};

// `inherited`: rails that this mapping does not set. `strict`: unknown members are faults.
[[nodiscard]] ParsedEntityMapping parse_entity_mapping(const json::value& document, const std::string& path,
                                                       const RailLimits& inherited, bool strict);

void read_rails(ObjectReader& parent, RailLimits& rails, bool strict);

// Faults of meaning join those of shape, written paths in place of canonical ones, and without those that only follow
// from a fault which is told already.
void add_meaning(std::vector<ConfigurationFault>& faults, const std::vector<ConfigurationFault>& meaning,
                 const std::string& path, const std::vector<Spelling>& spellings);

// Vocabularies, with the words of Castiel's other modules for the same.
[[nodiscard]] std::span<const Word<Strategy>> strategy_words();
[[nodiscard]] std::span<const Word<DeleteStrategy>> delete_strategy_words();
[[nodiscard]] std::span<const Word<Direction>> direction_words();

} // namespace castiel_sync

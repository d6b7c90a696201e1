// Random cases for the planner checker, and simpler variants of a case that failed.
#pragma once

#include "planner_model.hpp"

#include <castiel_sync/runtime.hpp>

#include <vector>

namespace planner {

[[nodiscard]] Case draw_case(castiel_sync::Random& random);

// Cases that are a little simpler than this one, most drastic first.
[[nodiscard]] std::vector<Case> simpler(const Case& question);

// The same case with the sides' places and names changed.
[[nodiscard]] Case mirrored(const Case& question);

} // namespace planner

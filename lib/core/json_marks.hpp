// JSON text of which one number can't be carried, so that the rest of it can be read all the same.
#pragma once

#include <castiel_sync/json.hpp>

#include <string>
#include <string_view>

namespace castiel_sync {

// As parse_json, but a number that nothing carries exactly becomes a text that marked_number tells from others.
[[nodiscard]] Result<json::value> parse_json_marking(std::string_view text, const JsonLimits& limits = {});

// The first such number at any depth, as it was written; empty: there is none. Somebody who sends the mark as text has
// that text taken for a number, and so refused, too.
[[nodiscard]] std::string marked_number(const json::value& value);

} // namespace castiel_sync

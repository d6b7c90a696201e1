// What the places of secrets share: how a text that somebody wrote becomes a secret. Pure.
#pragma once

#include <castiel_sync/secret_provider.hpp>

#include <string>
#include <string_view>

namespace castiel_sync {

inline constexpr std::string_view environment_place = "environment";
inline constexpr std::string_view file_place = "file";

// A JSON object's members, or {"value": text}. `place` is where it stands, for messages.
[[nodiscard]] Result<json::object> read_secret(std::string_view text, std::string_view place);

// The name, for the provider of `place`. invalid_configuration: the reference is no good, or another place's.
[[nodiscard]] Result<std::string> name_in(std::string_view place, std::string_view reference);

} // namespace castiel_sync

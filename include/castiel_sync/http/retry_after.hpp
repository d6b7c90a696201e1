// What an answer says of when to come again. Pure: the caller passes the time.
#pragma once

#include <castiel_sync/http/message.hpp>
#include <castiel_sync/time.hpp>

#include <chrono>
#include <optional>

namespace castiel_sync {

// No Retry-After asks for more than this, so that adding it to a time never overflows.
inline constexpr std::chrono::milliseconds max_retry_after = std::chrono::days{3650};

// How long after `now`, by the first Retry-After there is: whole seconds, or a date in one of the three forms of
// RFC 9110. A date that has passed is zero. nullopt: there is none, or it is neither ("-5", "1.5", "soon").
//
// Far sides write anything here: hold what is answered against a limit of your own before you wait for it.
[[nodiscard]] std::optional<std::chrono::milliseconds> read_retry_after(const HttpHeaders& headers, Timestamp now);

} // namespace castiel_sync

// HTTP-date of RFC 9110, section 5.6.7. Pure.
#pragma once

#include <castiel_sync/time.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {

// All three forms:
//     Sun, 06 Nov 1994 08:49:37 GMT
//     Sunday, 06-Nov-94 08:49:37 GMT   two digits of year: the nearest such year that is at most 50 years after `now`
//     Sun Nov  6 08:49:37 1994
// A weekday that is not the date's is passed over, as every reader does. A day or time that does not exist is nullopt;
// a leap second is taken for the second after it.
[[nodiscard]] std::optional<Timestamp> parse_http_date(std::string_view text, Timestamp now);

// The first form, without the milliseconds.
[[nodiscard]] std::string to_http_date(Timestamp time);

} // namespace castiel_sync

#include <castiel_sync/http/retry_after.hpp>

#include <core/http_date.hpp>
#include <core/http_syntax.hpp>

#include <algorithm>
#include <string_view>

namespace castiel_sync {
namespace {

using std::chrono::milliseconds;

// As many digits as there are; what is over the limit is the limit.
std::optional<milliseconds> parse_seconds(std::string_view text) {
    const auto is_digit = [](char character) { return character >= '0' && character <= '9'; };
    if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
    const auto limit = std::chrono::duration_cast<std::chrono::seconds>(max_retry_after);
    std::chrono::seconds seconds{0};
    for (const char digit : text)
        seconds = std::min(seconds * 10 + std::chrono::seconds(digit - '0'), limit);
    return seconds;
}

} // namespace

std::optional<milliseconds> read_retry_after(const HttpHeaders& headers, Timestamp now) {
    const std::string* header = headers.find("Retry-After");
    if (!header) return std::nullopt;
    const std::string_view text = trimmed(*header);
    if (const auto seconds = parse_seconds(text)) return seconds;
    const auto date = parse_http_date(text, now);
    if (!date) return std::nullopt;
    return std::clamp(*date - now, milliseconds(0), max_retry_after);
}

} // namespace castiel_sync

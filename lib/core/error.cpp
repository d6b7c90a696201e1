#include <castiel_sync/error.hpp>

#include <array>
#include <utility>

namespace castiel_sync {
namespace {

constexpr std::array<std::pair<ErrorCode, std::string_view>, 21> names{{
    {ErrorCode::invalid_record, "invalid_record"},
    {ErrorCode::missing_reference, "missing_reference"},
    {ErrorCode::invalid_request, "invalid_request"},
    {ErrorCode::invalid_configuration, "invalid_configuration"},
    {ErrorCode::not_found, "not_found"},
    {ErrorCode::already_exists, "already_exists"},
    {ErrorCode::stale, "stale"},
    {ErrorCode::cursor_expired, "cursor_expired"},
    {ErrorCode::throttled, "throttled"},
    {ErrorCode::unavailable, "unavailable"},
    {ErrorCode::unknown_outcome, "unknown_outcome"},
    {ErrorCode::unauthenticated, "unauthenticated"},
    {ErrorCode::forbidden, "forbidden"},
    {ErrorCode::unsupported, "unsupported"},
    {ErrorCode::busy, "busy"},
    {ErrorCode::lease_lost, "lease_lost"},
    {ErrorCode::latched, "latched"},
    {ErrorCode::corrupted, "corrupted"},
    {ErrorCode::out_of_space, "out_of_space"},
    {ErrorCode::cancelled, "cancelled"},
    {ErrorCode::internal, "internal"},
}};

} // namespace

std::string_view to_string(ErrorCode code) noexcept {
    for (const auto& [candidate, name] : names)
        if (candidate == code) return name;
    return "internal";
}

std::optional<ErrorCode> parse_error_code(std::string_view text) noexcept {
    for (const auto& [code, name] : names)
        if (name == text) return code;
    return std::nullopt;
}

bool is_retryable(ErrorCode code) noexcept {
    switch (code) {
    case ErrorCode::throttled:
    case ErrorCode::unavailable:
    case ErrorCode::busy:
    case ErrorCode::stale: return true;
    default: return false;
    }
}

void throw_exception_from_error(const Error& error, const boost::source_location&) { throw ErrorException(error); }

} // namespace castiel_sync

// Errors are values. An Error's code says what the caller does next; its message says where it happened (file, line,
// key, record id, field), what was wrong and what to do. Absence is std::optional, never an Error. Exceptions that
// leave an adapter or a store are bugs; the engine turns them into a failed execution.
#pragma once

#include <boost/system/result.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync {

// Named by what the caller does next.
enum class ErrorCode {
    invalid_record,        // park this record; the others go on
    missing_reference,     // park this record until the referenced one is linked
    invalid_request,       // the caller passed something wrong; do not repeat it unchanged
    invalid_configuration, // stop; a person mends the configuration
    not_found,             // the thing named does not exist (only where absence is not an ordinary answer)
    already_exists,        // a write was refused because another record holds the same unique key
    stale,                 // a precondition failed: read again and decide again
    cursor_expired,        // this cursor can't be resumed: start the listing or feed anew
    throttled,             // wait (retry_after, when known) and repeat
    unavailable,           // not sent, or refused before any effect: repeat later
    unknown_outcome,       // a write was sent and its fate is unknown: read again, then decide
    unauthenticated,       // credentials are missing, wrong or expired
    forbidden,             // credentials are valid and not sufficient
    unsupported,           // the far side can't do this at all
    busy,                  // another execution holds the stream, or no tenant slot is free: wait
    lease_lost,            // another instance owns the stream now: abandon, write nothing
    latched,               // a safety rail holds the stream until a person decides
    corrupted,             // stored or received data contradicts itself: stop, do not guess
    out_of_space,          // disk or quota is full: stop, free space, run again
    cancelled,             // asked to stop
    internal,              // a bug in this library or in a plug-in
};

[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;
[[nodiscard]] std::optional<ErrorCode> parse_error_code(std::string_view text) noexcept;

struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;
    std::optional<std::chrono::milliseconds> retry_after; // only with throttled and unavailable

    Error() = default;
    Error(ErrorCode error_code, std::string error_message) : code(error_code), message(std::move(error_message)) {}

    friend bool operator==(const Error&, const Error&) = default;
};

// The one place that decides whether repeating the same call later may succeed without anybody's help.
[[nodiscard]] bool is_retryable(ErrorCode code) noexcept;

template <class T = void>
using Result = boost::system::result<T, Error>;

// What Result::value() throws when it holds an Error.
struct ErrorException : std::exception {
    explicit ErrorException(Error held) : error(std::move(held)) {}
    [[nodiscard]] const char* what() const noexcept override { return error.message.c_str(); }
    Error error;
};

// Found by Boost.System through argument-dependent lookup.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& location);

} // namespace castiel_sync

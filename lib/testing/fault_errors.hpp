// What the faulty wrappers answer. Private to lib/testing.
#pragma once

#include <castiel_sync/error.hpp>
#include <castiel_sync/testing/fault_plan.hpp>

#include <string>

namespace castiel_sync::testing {

// The error that the caller of a call hit by `fault` sees, when it sees one.
[[nodiscard]] inline Error fault_error(const Fault& fault, const Call& call) {
    const std::string place = "simulated fault " + std::string(to_string(fault.kind)) + " of " +
                              std::string(call.resource) + "." + std::string(to_string(call.operation));
    switch (fault.kind) {
    case Fault::Kind::throttled: {
        Error error(ErrorCode::throttled, place);
        error.retry_after = fault.retry_after;
        return error;
    }
    case Fault::Kind::stale: return {ErrorCode::stale, place};
    case Fault::Kind::cursor_expired: return {ErrorCode::cursor_expired, place};
    case Fault::Kind::request_lost:
    case Fault::Kind::answer_lost:
    case Fault::Kind::late:
        return {has_effect(call.operation) ? ErrorCode::unknown_outcome : ErrorCode::unavailable, place};
    case Fault::Kind::partial:
        return {call.operation == Operation::push ? ErrorCode::unknown_outcome : ErrorCode::unavailable, place};
    default: return {ErrorCode::unavailable, place};
    }
}

// Kinds after which the caller learns nothing but the error, and nothing has happened (yet).
[[nodiscard]] inline bool fails_without_effect(Fault::Kind kind) noexcept {
    return kind == Fault::Kind::refused || kind == Fault::Kind::throttled || kind == Fault::Kind::request_lost ||
           kind == Fault::Kind::late || kind == Fault::Kind::stale || kind == Fault::Kind::cursor_expired;
}

} // namespace castiel_sync::testing

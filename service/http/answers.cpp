#include "answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace castiel_sync::service {
namespace {

std::string_view code_of(unsigned status) {
    switch (status) {
    case 400: return "VALIDATION_ERROR";
    case 401: return "UNAUTHORIZED";
    case 403: return "FORBIDDEN";
    case 404: return "NOT_FOUND";
    case 405: return "METHOD_NOT_ALLOWED";
    case 408: return "REQUEST_TIMEOUT";
    case 409: return "CONFLICT";
    case 413: return "PAYLOAD_TOO_LARGE";
    case 415: return "UNSUPPORTED_MEDIA_TYPE";
    case 422: return "UNPROCESSABLE";
    case 429: return "RATE_LIMIT_EXCEEDED";
    case 503: return "UNAVAILABLE";
    default: return status < 500 ? "BAD_REQUEST" : "INTERNAL_ERROR";
    }
}

} // namespace

HttpResponse json_answer(unsigned status, const json::value& body) { return json_text_answer(status, to_json(body)); }

HttpResponse json_text_answer(unsigned status, std::string body) {
    HttpResponse response;
    response.status = status;
    response.headers.add("Content-Type", "application/json");
    response.body = std::move(body);
    return response;
}

HttpResponse error_answer(unsigned status, std::string_view message, json::object details) {
    json::object error{{"code", code_of(status)}, {"message", message}};
    if (!details.empty()) error["details"] = std::move(details);
    HttpResponse response = json_answer(status, json::object{{"error", std::move(error)}});
    if (status == 401) response.headers.add("WWW-Authenticate", "Bearer");
    return response;
}

HttpResponse rejection_answer(const Rejection& rejection) {
    json::array faults;
    for (const RequestFault& fault : rejection.faults)
        faults.push_back(json::object{{"place", fault.place}, {"message", fault.message}});
    const std::string first =
        rejection.faults.empty() ? std::string("there is no such path; openapi.yaml lists them")
        : rejection.faults.front().place.empty()
            ? rejection.faults.front().message
            : rejection.faults.front().place + ": " + rejection.faults.front().message;
    const std::size_t others = rejection.faults.empty() ? 0 : rejection.faults.size() - 1;
    const std::string message = others == 0 ? first : fmt::format("{} (and {} more)", first, others);
    json::object details;
    if (!faults.empty()) details["faults"] = std::move(faults);
    HttpResponse response = error_answer(rejection.status, message, std::move(details));
    if (!rejection.allow.empty()) response.headers.add("Allow", rejection.allow);
    return response;
}

unsigned status_of(ErrorCode code) noexcept {
    switch (code) {
    case ErrorCode::invalid_request:
    case ErrorCode::invalid_record: return 400;
    case ErrorCode::not_found: return 404;
    case ErrorCode::already_exists:
    case ErrorCode::stale:
    case ErrorCode::busy:
    case ErrorCode::lease_lost:
    case ErrorCode::latched: return 409;
    // The request is fine; the integration, or the system behind it, is not.
    case ErrorCode::invalid_configuration:
    case ErrorCode::missing_reference:
    case ErrorCode::unauthenticated:
    case ErrorCode::forbidden:
    case ErrorCode::unsupported: return 422;
    case ErrorCode::throttled: return 429;
    case ErrorCode::unavailable:
    case ErrorCode::unknown_outcome:
    case ErrorCode::cursor_expired:
    case ErrorCode::out_of_space:
    case ErrorCode::cancelled: return 503;
    case ErrorCode::corrupted:
    case ErrorCode::internal: return 500;
    }
    return 500;
}

std::string shown_message(const Error& error) {
    if (status_of(error.code) != 500) return error.message;
    return "this is a fault of the service; its log tells more under the request's X-Request-ID";
}

HttpResponse engine_answer(const Error& error) {
    const unsigned status = status_of(error.code);
    HttpResponse response = error_answer(status, shown_message(error));
    const bool later = status == 429 || status == 503 || error.code == ErrorCode::busy;
    if (later) {
        using std::chrono::ceil, std::chrono::seconds;
        const auto pause = error.retry_after ? ceil<seconds>(*error.retry_after) : seconds(1);
        response.headers.add("Retry-After", fmt::to_string(std::max<seconds::rep>(1, pause.count())));
    }
    return response;
}

} // namespace castiel_sync::service

// Answers of the HTTP API: JSON documents, and the one envelope that every error has.
#pragma once

#include "contract.hpp"

#include <castiel_sync/error.hpp>
#include <castiel_sync/http/message.hpp>
#include <castiel_sync/json.hpp>

#include <string>
#include <string_view>

namespace castiel_sync::service {

// An object that is not moved into its value is copied, with all that it holds.
[[nodiscard]] HttpResponse json_answer(unsigned status, const json::value& body);

// For JSON that is text already.
[[nodiscard]] HttpResponse json_text_answer(unsigned status, std::string body);

// {error: {code, message, details?}}; the code is the status's own (`VALIDATION_ERROR` for 400).
[[nodiscard]] HttpResponse error_answer(unsigned status, std::string_view message, json::object details = {});

// The request is not as the contract says.
[[nodiscard]] HttpResponse rejection_answer(const Rejection& rejection);

// The engine's errors, by what the client does next. What nobody but us can mend is a 500 without details: those are
// in the log.
[[nodiscard]] HttpResponse engine_answer(const Error& error);
[[nodiscard]] std::string shown_message(const Error& error);
[[nodiscard]] unsigned status_of(ErrorCode code) noexcept;

} // namespace castiel_sync::service

// Transports around a transport: each adds one thing to whatever HttpTransport it is given. They open no sockets.
//
// The usual order, from the outside: retrying, budgeted, recording, client; so that every attempt takes from the
// budget, and every attempt is recorded.
//
// Threading, ownership and cancellation are those of HttpTransport; each shares the transport it stands around.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/http/secrets.hpp>
#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/runtime.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace castiel_sync {

// Awaits budget->take() before each call; when that answers an error, the error is the answer and nothing is sent.
// Waiting for the budget does not count against the call's timeout. Without a budget: `inner` itself.
[[nodiscard]] std::shared_ptr<HttpTransport> make_budgeted_transport(std::shared_ptr<HttpTransport> inner,
                                                                     std::shared_ptr<RequestBudget> budget);

struct RetryOptions {
    std::size_t max_attempts = 3; // in all, the first one too; 0 is taken for 1
    // The n-th wait is drawn evenly from nothing to base · 2ⁿ, at most `cap` ("full jitter"), so that many who failed
    // together do not come again together.
    std::chrono::milliseconds base{500};
    std::chrono::milliseconds cap{60'000};

    RetryOptions() = default;
};

// Repeats calls that may be repeated, which are GET, HEAD and HttpCall::repeatable, after
//   - the error unavailable,
//   - the error unknown_outcome (GET and HEAD only: what a write may have done is the caller's to find out),
//   - the statuses 429, 502, 503 and 504.
// Every other call, error and status passes as it is; so does the last one when the attempts are used up.
//
// Time. All attempts and waits together keep to the call's timeout, measured by the Runtime's monotonic clock; each
//       attempt gets what is left of it. A wait is at least what Retry-After asks for. An answer that asks for more
//       than `cap` or what is left, or whose wait would use that up, is handed on at once: the caller learns of the
//       throttling rather than of a timeout.
[[nodiscard]] std::shared_ptr<HttpTransport> make_retrying_transport(std::shared_ptr<HttpTransport> inner,
                                                                     Runtime runtime, RetryOptions options = {});

// Given one line of a recording, without its end.
using RecordingWriter = std::function<void(std::string line)>;

// Hands every call with its answer or error to `writer`, when it has ended: one JSON object on one line, the form that
// make_replaying_transport reads and an author may edit.
//
//     {"method":"POST","url":"https://crm.test/contacts","headers":{"Authorization":"[secret]"},"body":{"name":"Ada"},
//      "answer":{"status":201,"headers":{"Set-Cookie":["[secret]","[secret]"]},"body":{"id":7,"name":"Ada"}}}
//     {"method":"GET","url":"https://crm.test/contacts","error":{"code":"unavailable","message":"…"}}
//
// Bodies.  A JSON object or array is written as such, to be read and edited; its white space and the order of bytes are
//          lost. Other text is a string. Bytes that are not UTF-8 are in `body_base64` instead. What is empty is left
//          out.
// Secrets. All of it is scrubbed by `secrets`, as they are when the call ends. Whatever their value, headers are masked
//          whose name speaks of authorization, cookies, tokens, keys, secrets, signatures or sessions; and so are texts
//          in parameters and members of JSON named access_token, refresh_token, client_secret, password, token and the
//          like, since what a service hands out is known to nobody before. What calls send in such headers (with 8
//          bytes or more, and also without a scheme such as Bearer before it) is added to `secrets`, so that it is gone
//          from then on wherever it comes again. Read a recording before you publish it all the same: it holds the
//          records themselves, and what came under a name of the system's own before it was first sent.
// A call that is cancelled, or whose transport throws, is not recorded. `secrets` is never null.
[[nodiscard]] std::shared_ptr<HttpTransport> make_recording_transport(std::shared_ptr<HttpTransport> inner,
                                                                      std::shared_ptr<Secrets> secrets,
                                                                      RecordingWriter writer);

// Answers from a recording and sends nothing. A call is found by method, URL and body (JSON by value), each masked by
// `secrets` as in the recording, to which what is sent is added as there; so the credentials may be others than those
// it was made with. Several equal calls are answered in the order recorded, and the last one again and again. A call
// that was not recorded is invalid_request; its message names the nearest that was.
//
// `name` is what messages call the recording: its file. invalid_configuration tells every fault of the recording, each
// with its line. Empty lines are passed over.
[[nodiscard]] Result<std::shared_ptr<HttpTransport>> make_replaying_transport(std::string_view recording,
                                                                              std::shared_ptr<Secrets> secrets,
                                                                              std::string name = "recording");

} // namespace castiel_sync

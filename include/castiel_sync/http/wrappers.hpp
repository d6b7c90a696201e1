// Transports around a transport: each adds one thing to whatever HttpTransport it is given. They open no sockets.
//
// The usual order, from the outside: retrying, budgeted, recording, client; so that every attempt takes from the
// budget, and every attempt is recorded.
//
// Threading, ownership and cancellation are those of HttpTransport; each shares the transport it stands around.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/runtime.hpp>

#include <chrono>
#include <cstddef>
#include <memory>

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
//       attempt gets what is left of it. A wait is at least what Retry-After asks for, but never more than `cap`. An
//       answer that asks for more than what is left, or whose wait would use it up, is handed on at once: the caller
//       learns of the throttling rather than of a timeout.
[[nodiscard]] std::shared_ptr<HttpTransport> make_retrying_transport(std::shared_ptr<HttpTransport> inner,
                                                                     Runtime runtime, RetryOptions options = {});

} // namespace castiel_sync

// An HTTP transport as one process of a simulation sees it: slow, throttled, cut off, answered by whatever stands in
// between, or the moment the process dies.
#pragma once

#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/testing/fault_plan.hpp>
#include <castiel_sync/testing/simulated_process.hpp>

#include <memory>
#include <string>

namespace castiel_sync::testing {

// `inner` is shared with calls that arrive late. `process` and `plan` are borrowed. The plan knows this wrapper as
// `resource`; it is asked for Operation::read_request when the method is GET, HEAD or OPTIONS, else for write_request.
//
// What each kind of fault is here:
//   refused               unavailable; nothing was sent
//   throttled             429, with Retry-After when the fault has one (in seconds, every second time as a date)
//   request_lost          unknown_outcome; it never arrived
//   answer_lost           unknown_outcome; it was done
//   late                  unknown_outcome; it arrives `lateness` after that
//   duplicated            done twice; the first answer (variant: the second)
//   partial               done, and cut in the middle of the body: unknown_outcome (variant: nobody noticed, and the
//                         answer claims success with half a body)
//   server_error          `status`, with Retry-After when the fault has one; nothing was done (variant: it was, unless
//                         the status is 503)
//   html_body             200 with a page of HTML, as of a proxy that wants a login; nothing was done (variant: it was)
//   error_body            200 with JSON that says that it failed, which is true
//   crash_before, _after  the process dies; what it had sent may arrive
// `before` and `after` count against the call's timeout: what takes longer is unknown_outcome then, and is done all the
// same.
[[nodiscard]] std::shared_ptr<HttpTransport> make_faulty_transport(SimulatedProcess& process,
                                                                   std::shared_ptr<HttpTransport> inner,
                                                                   FaultPlan& plan, std::string resource);

} // namespace castiel_sync::testing

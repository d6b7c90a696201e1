// HttpTransport: the one seam through which every HTTP request of this library leaves. Adapters and clients of other
// services speak to it and never to a socket, so that they run in the simulator, are recorded and replayed, and obey
// one egress guard.
//
// The real one is make_http_client (castiel_sync/http/client.hpp). What is added to any transport is a transport around
// it: castiel_sync/http/wrappers.hpp.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/http/message.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace castiel_sync {

// One request and the limits of its answer.
struct HttpCall {
    std::string method = "GET";
    std::string url; // absolute: https://host[:port]/path[?query], percent-encoded; no user name, no fragment
    // Without Host, Content-Length, Transfer-Encoding, Connection, TE and Accept-Encoding, which are the transport's.
    HttpHeaders headers;
    std::string body;
    // From the call to the last byte of the answer: waiting for a connection, name, connect, TLS and body together.
    std::chrono::milliseconds timeout{30'000};
    // Of the answer's body, after it was decompressed. More is `corrupted`.
    std::size_t max_answer_bytes = 16 * 1024 * 1024;
    // More is no fault: the answer's body is its beginning, and the rest stays unread. For answers whose status tells
    // all.
    bool cut_long_answer = false;
    // Doing it twice does no harm although it is neither GET nor HEAD: a search by POST, a create with an idempotency
    // key that the far side honours. For transports that repeat (make_retrying_transport); it is not sent.
    bool repeatable = false;

    HttpCall() = default;
};

// Every status is an answer, redirects too: they are never followed.
struct HttpAnswer {
    unsigned status = 0;
    HttpHeaders headers; // without Content-Encoding and Content-Length where the body was decompressed
    std::string body;    // whole and decompressed

    HttpAnswer() = default;
};

// Threading.    On one executor; calls overlap freely.
// Ownership.    Shared; a call under way must not outlive the transport.
// Errors.       Told by what is known of the request:
//               unavailable           not a byte of it was sent (name, connect, TLS, no free connection in time)
//               unknown_outcome       it was sent, at least in part, and no whole answer came: reset, timeout, cut off
//               corrupted             it was sent, and what came back is no acceptable answer: not HTTP, headers or
//                                     body over the limits, damaged compression
//               invalid_configuration nothing was sent, nor will be: a blocked address or port, a certificate that
//                                     can't be trusted
//               invalid_request       nothing was sent: the URL, the method or a header can't be
//               Messages name method, scheme, host and path, never the query, headers or body: they may hold secrets.
// Cancellation. operation_aborted, at once; what was sent may have been done.
class HttpTransport {
public:
    virtual ~HttpTransport() = default;
    HttpTransport(const HttpTransport&) = delete;
    HttpTransport& operator=(const HttpTransport&) = delete;

    virtual Async<Result<HttpAnswer>> send(HttpCall call) = 0;

protected:
    HttpTransport() = default;
};

} // namespace castiel_sync

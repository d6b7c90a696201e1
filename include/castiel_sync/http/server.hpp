// HttpServer: HTTP/1.0 and 1.1 on one listening socket, for one handler. Target castiel_sync::http.
//
//     HttpServer server(loop.get_executor(), options, handler, refusal);
//     const Result<std::uint16_t> port = server.listen();
//     if (!port) ...
//     co_spawn(loop, server.run(), detached);
//     ...
//     co_await server.stop(5s);
//
// It is meant to stand on a network that is not trusted. Whatever is not plainly one HTTP request is refused with one
// answer, and the connection ends, so that nobody behind or before this server can see other borders between requests
// than it does. Stricter than RFC 9112: one Content-Length at most, targets in origin form only, no whitespace where
// only tolerant recipients allow it.
//
// Threading.    Everything runs on `executor`, which runs one thing at a time (a loop on one thread, or a strand). No
//               threads are started. Every method is called on that executor, or before it runs.
// Ownership.    Handler and refusal are kept until the last connection has ended. Destroying the server resets what is
//               still open, as far as the executor runs on.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/http/message.hpp>
#include <castiel_sync/runtime.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace castiel_sync {

// A timeout is noticed by a sweep over all connections, up to two sweep_intervals late and never early: a timer per
// read and write would cost about as much as the rest of a small request.
struct HttpServerOptions {
    std::string host = "127.0.0.1"; // an address, or "localhost"; "0.0.0.0" and "::" are all of this machine's
    std::uint16_t port = 0;         // 0: any free one

    // Request line, headers and trailers of one request together; also all extensions of chunks. More is 431.
    std::size_t max_header_bytes = 16 * 1024;
    // Each costs two strings, however short it is. More is 431.
    std::size_t max_headers = 100;
    // Kept in memory until the handler has it. More is 413, before it is read.
    std::size_t max_body_bytes = 1024 * 1024;
    // Each costs a descriptor and some kilobytes. Beyond them a client is answered 503 at once; beyond 64 clients that
    // are just being told so, it is disconnected without answer.
    std::size_t max_connections = 1000;
    // The last one is answered with `Connection: close`, so that clients spread anew over several servers. 0: no limit.
    std::uint64_t max_requests_per_connection = 0;

    // Between requests, and before the first one. Then the connection is closed: longer than clients pause, and than
    // the proxy in front keeps its connections, or the proxy meets closed ones.
    std::chrono::milliseconds idle_timeout{75'000};
    // From the first byte of a request to the end of its headers: a client that sends a byte now and then. 408.
    std::chrono::milliseconds head_timeout{10'000};
    // From there to the end of its body. 408.
    std::chrono::milliseconds body_timeout{30'000};
    // Without the client taking a single byte of what is sent to it. The connection is reset.
    std::chrono::milliseconds write_timeout{20'000};
    // How long what the client still sends is thrown away after the last answer. Closing at once would have the kernel
    // reset the connection, and the client lose the answer unread.
    std::chrono::milliseconds linger_timeout{2'000};
    std::chrono::milliseconds sweep_interval{500};

    // Borrowed, outlives the server. nullptr: the machine's.
    Clock* clock = nullptr;

    // Told, in a sentence, what no client may see and nobody else sees: what a handler or stream threw, a response that
    // can't be sent, why connections can't be accepted. Does not throw. Empty: nobody wants to know.
    std::function<void(const std::string& trouble)> report;

    HttpServerOptions() = default;
};

struct HttpServerCounters {
    std::size_t open_connections = 0;       // now
    std::size_t open_streams = 0;           // now
    std::uint64_t accepted_connections = 0; // also those that were refused for their number
    std::uint64_t failed_accepts = 0;       // no descriptors left, or the like; tried again
    std::uint64_t requests = 0;             // handed to the handler
    std::map<unsigned, std::uint64_t> refused; // answers that the server gave by itself, by status
    std::uint64_t unanswered_connections = 0; // closed for their number, beyond those that were answered 503
    std::uint64_t idle_timeouts = 0;        // an ordinary end
    std::uint64_t write_timeouts = 0;       // clients that did not read

    HttpServerCounters() = default;
};

class HttpServer {
public:
    // Answers a request. Many may be under way, one per connection. An exception is reported and answered 500.
    //
    // Once begun it is let finish, also when its client has gone: it may be in the middle of a write whose outcome
    // somebody relies on, and a client that lost its answer may ask again. Only the end of stop()'s grace cancels it.
    using Handler = std::function<Async<HttpResponse>(HttpRequest)>;

    // Makes the body and headers of an answer that the server gives by itself: 400, 408, 413, 417, 431, 501, 505 for
    // requests, 503 for too many connections, 500 for a handler that failed. `message` is a sentence for the client's
    // developer. The status of what it returns is taken over; it has no stream.
    using Refusal = std::function<HttpResponse(unsigned status, std::string message)>;

    HttpServer(boost::asio::any_io_executor executor, HttpServerOptions options, Handler handler, Refusal refusal);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    // Binds and listens; clients can connect from here on, and wait for run(). Answers the port.
    // Errors, naming address and reason: unavailable: the port is in use. invalid_configuration: anything else.
    [[nodiscard]] Result<std::uint16_t> listen();

    // Serves until stop(), and completes when the last connection has ended. Once, after listen(). When connections
    // can't be accepted, it reports that once and tries again with every sweep and every connection that ends.
    // Cancellation: as stop() without grace, and does not wait.
    Async<void> run();

    // Closes the listener and idle connections, cancels streams, and lets requests that have begun finish; their
    // answers say `Connection: close`. After `grace` cancels what is left: handlers get operation_aborted and
    // connections are reset. Completes when all connections have ended: a handler that ignores its cancellation is
    // waited for. Calling it again, with a shorter grace, is fine.
    Async<void> stop(std::chrono::milliseconds grace);

    [[nodiscard]] const HttpServerCounters& counters() const;

private:
    std::shared_ptr<class HttpServerState> state_;
};

} // namespace castiel_sync

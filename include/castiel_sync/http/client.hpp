// The HttpTransport that opens sockets: HTTP/1.1 with TLS, kept-alive connections, one deadline per call, and the
// egress guard at the address that is dialled.
//
// TLS.          1.2 or later; chain, validity and name are always verified, against the system's authorities and
//               `ca_file`. There is no switch to leave that out.
// Connections.  Kept per scheme, host and port; at most max_connections_per_host, so that a host that hangs holds up
//               calls to itself only. A call that finds its kept connection closed before a byte of an answer came
//               takes a new one if its method is GET or HEAD, or not a byte of it could be sent; any other is
//               unknown_outcome. When a whole answer comes before the body was sent, the rest of it is not sent.
// Names.        Looked up on `blocking`, one look-up for all calls that wait for the same name, and a second one for
//               calls that come when it has been under way for 10 seconds; the first that finds the name is good for
//               all. Every address that a name has must be allowed, and only these are dialled, in their order; each
//               gets its share of connect_timeout. A look-up that a deadline or the client's end leaves behind may end
//               at any time.
// Redirects.    Not followed. Proxy variables of the environment are not read.
// Compression.  gzip is asked for and undone; limits count the undone bytes. Other encodings are corrupted.
// Loops.        While no call is under way, the client does nothing, and keeps no io_context running: connections that
//               rested too long are closed by the next call.
#pragma once

#include <castiel_sync/http/egress.hpp>
#include <castiel_sync/http/transport.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace castiel_sync {

struct HttpClientOptions {
    EgressPolicy egress;
    std::string ca_file; // PEM, beside the system's authorities. Empty: none
    // http://host:port. Every call goes through it (https by CONNECT), and the names are its to look up and to judge:
    // the policy then judges scheme, port, and hosts that are addresses. The proxy itself is not judged. One that
    // forbids a call (a 4xx to CONNECT, or 407) is invalid_configuration. Empty: none.
    std::string proxy;
    std::string user_agent = "castiel-sync";

    std::size_t max_connections_per_host = 256; // calls beyond them wait in line, within their own timeout
    std::size_t max_idle_connections = 128;     // of all hosts together; the longest idle one is closed first
    std::chrono::milliseconds connect_timeout{10'000}; // for all addresses of a name together, TLS included
    // A connection that rests longer is closed; a server that tells its own time (Keep-Alive: timeout=5) is left a
    // second before that.
    std::chrono::milliseconds idle_timeout{30'000};
    std::size_t max_header_bytes = 64 * 1024; // of an answer's head
    std::chrono::milliseconds name_lifetime{10'000}; // how long a looked-up name is remembered. 0: not at all

    // Where names are looked up: that blocks. Some threads, so that a name server that hangs holds up little else.
    // Required.
    boost::asio::any_io_executor blocking;

    // Told of every address just before it is dialled; for tests and logs.
    std::function<void(const boost::asio::ip::address& address, std::uint16_t port)> on_dial;

    HttpClientOptions() = default;
};

// `executor`: one thread, or a strand; where the calls come from. invalid_configuration: a CA file that can't be read,
// a proxy that is no URL, a user agent that can't be sent, no connections, nowhere to look names up. Reads the system's
// authorities: some 25 ms and 4 MiB, once per client.
[[nodiscard]] Result<std::shared_ptr<HttpTransport>> make_http_client(boost::asio::any_io_executor executor,
                                                                      HttpClientOptions options);

} // namespace castiel_sync

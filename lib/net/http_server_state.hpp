// What an HttpServer and its connections share. It lives as long as the last of them.
#pragma once

#include <castiel_sync/http/server.hpp>

#include <net/http_request_reader.hpp>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <exception>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace castiel_sync {

class HttpConnection;

// For a report. Empty for a cancellation, which is no trouble.
[[nodiscard]] std::string describe(const std::exception_ptr& thrown);

class HttpServerState : public std::enable_shared_from_this<HttpServerState> {
public:
    HttpServerState(boost::asio::any_io_executor executor, HttpServerOptions given_options,
                    HttpServer::Handler given_handler, HttpServer::Refusal given_refusal);

    // What the server answers by itself. Counts it; never throws.
    [[nodiscard]] HttpResponse refuse(unsigned status, const std::string& message);
    void report(const std::string& trouble) const;

    using Place = std::list<HttpConnection*>::iterator;
    [[nodiscard]] Place enter(HttpConnection& connection);
    void leave(Place place);
    // Connections may end while somebody goes through them.
    [[nodiscard]] std::vector<std::shared_ptr<HttpConnection>> all() const;

    // Reads the clocks: time stands still between two sweeps.
    void tick();
    void close_listener();
    void cancel_all();

    const boost::asio::any_io_executor executor;
    const HttpServerOptions options;
    const HttpServer::Handler handler;
    HttpServerCounters counters;

    std::unique_ptr<Clock> own_clock;
    Clock& clock;
    std::chrono::nanoseconds now{};
    std::string date_line;

    boost::asio::ip::tcp::acceptor acceptor;
    bool stopping = false;

    // Events: cancelling one wakes whoever waits for it.
    boost::asio::steady_timer room_made; // a connection ended, or some time passed
    boost::asio::steady_timer all_left;
    boost::asio::cancellation_signal sweep_end;

private:
    HttpServer::Refusal refusal_;
    std::list<HttpConnection*> connections_;
};

} // namespace castiel_sync

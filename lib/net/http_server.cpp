#include <net/http_connection.hpp>
#include <net/http_response_head.hpp>
#include <net/http_server_state.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

namespace castiel_sync {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// What completes a spawned coroutine. It keeps the signal whose slot the coroutine has: Asio looks at the slot until
// then, which is after the coroutine's own frame is gone.
struct Ended {
    std::shared_ptr<HttpServerState> state;
    std::shared_ptr<void> keeps_signal;

    void operator()(std::exception_ptr thrown) const {
        if (!thrown) return;
        const std::string trouble = describe(thrown);
        if (!trouble.empty()) state->report(fmt::format("A part of the server ended: {}", trouble));
    }
};

void spawn(const std::shared_ptr<HttpServerState>& state, Async<void> work, asio::cancellation_signal& signal,
           std::shared_ptr<void> keeps_signal) {
    asio::co_spawn(state->executor, std::move(work),
                   asio::bind_cancellation_slot(signal.slot(), Ended{state, std::move(keeps_signal)}));
}

// Clients beyond max_connections that are being told so at one time.
constexpr std::size_t max_refused_connections = 64;

Async<void> wait_for(asio::steady_timer& event) {
    boost::system::error_code woken;
    co_await event.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

Async<void> wait_until_all_left(std::shared_ptr<HttpServerState> state) {
    while (state->counters.open_connections > 0)
        co_await wait_for(state->all_left);
}

Async<void> serve(std::shared_ptr<HttpConnection> connection, bool refused) { co_await connection->serve(refused); }

Async<void> sweep(std::shared_ptr<HttpServerState> state) {
    for (;;) {
        co_await state->clock.sleep_for(state->options.sweep_interval);
        state->tick();
        for (const auto& connection : state->all())
            connection->check_deadline();
        state->room_made.cancel();
    }
}

Async<void> cancel_after(std::shared_ptr<HttpServerState> state, std::chrono::milliseconds grace) {
    co_await state->clock.sleep_for(grace);
    state->cancel_all();
}

void accept_connection(const std::shared_ptr<HttpServerState>& state, tcp::socket socket, const tcp::endpoint& peer) {
    HttpServerCounters& counters = state->counters;
    ++counters.accepted_connections;
    const std::size_t maximum = state->options.max_connections;
    if (counters.open_connections >= maximum + max_refused_connections) {
        ++counters.unanswered_connections;
        return;
    }
    const bool refused = counters.open_connections >= maximum;
    auto connection = std::make_shared<HttpConnection>(state, std::move(socket), peer.address().to_string());
    spawn(state, serve(connection, refused), connection->cancellation, connection);
}

// Trouble that only this one client has, and that the next may not have.
bool concerns_one_client(const boost::system::error_code& problem) {
    return problem == asio::error::connection_aborted || problem == asio::error::interrupted ||
           problem == asio::error::try_again || problem == asio::error::would_block;
}

Async<void> accept_until_stopped(std::shared_ptr<HttpServerState> state) {
    bool reported = false;
    while (!state->stopping) {
        boost::system::error_code problem;
        tcp::endpoint peer;
        tcp::socket socket =
            co_await state->acceptor.async_accept(peer, asio::redirect_error(asio::use_awaitable, problem));
        if (state->stopping) co_return;
        if (!problem) {
            reported = false;
            try {
                accept_connection(state, std::move(socket), peer);
            } catch (const std::exception& error) { // no memory for one more is no reason to drop all others
                ++state->counters.failed_accepts;
                state->report(fmt::format("A connection can't be served: {}", error.what()));
            }
            continue;
        }
        if (problem == asio::error::operation_aborted) throw boost::system::system_error(problem);
        ++state->counters.failed_accepts;
        if (concerns_one_client(problem)) continue;
        // No descriptors or memory: the client waits in the kernel, and accepting it at once would fail at once.
        if (!std::exchange(reported, true))
            state->report(fmt::format("No connections can be accepted for now: {}", problem.message()));
        co_await wait_for(state->room_made);
    }
}

Async<void> run_until_stopped(std::shared_ptr<HttpServerState> state) {
    state->tick();
    spawn(state, sweep(state), state->sweep_end, state);
    try {
        co_await accept_until_stopped(state);
        co_await wait_until_all_left(state);
    } catch (...) {
        state->sweep_end.emit(asio::cancellation_type::terminal);
        state->close_listener();
        state->cancel_all();
        throw;
    }
    state->sweep_end.emit(asio::cancellation_type::terminal);
}

Async<void> stop_within(std::shared_ptr<HttpServerState> state, std::chrono::milliseconds grace) {
    state->close_listener();
    for (const auto& connection : state->all())
        connection->stop_soon();
    const auto all_in_time = std::make_shared<asio::cancellation_signal>();
    spawn(state, cancel_after(state, grace), *all_in_time, all_in_time);
    try {
        co_await wait_until_all_left(state);
    } catch (...) {
        all_in_time->emit(asio::cancellation_type::terminal);
        throw;
    }
    all_in_time->emit(asio::cancellation_type::terminal);
}

Error listen_error(const HttpServerOptions& options, const std::string& reason, bool in_use) {
    const std::string place = fmt::format("{}, port {}", options.host, options.port);
    if (in_use)
        return {ErrorCode::unavailable,
                fmt::format("Cannot listen on {}: another program does. Stop it, or choose another port.", place)};
    return {ErrorCode::invalid_configuration, fmt::format("Cannot listen on {}: {}.", place, reason)};
}

} // namespace

std::string describe(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
        return error.code() == asio::error::operation_aborted ? std::string() : error.what();
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "something was thrown that is no std::exception";
    }
}

HttpServerState::HttpServerState(asio::any_io_executor given_executor, HttpServerOptions given_options,
                                 HttpServer::Handler given_handler, HttpServer::Refusal given_refusal)
    : executor(std::move(given_executor)), options(std::move(given_options)), handler(std::move(given_handler)),
      own_clock(options.clock ? nullptr : make_system_clock(executor)),
      clock(options.clock ? *options.clock : *own_clock), acceptor(executor),
      room_made(executor, asio::steady_timer::time_point::max()),
      all_left(executor, asio::steady_timer::time_point::max()), refusal_(std::move(given_refusal)) {
    tick();
}

HttpResponse HttpServerState::refuse(unsigned status, const std::string& message) {
    ++counters.refused[status];
    HttpResponse response;
    try {
        response = refusal_(status, message);
        response.status = status;
        response.stream = nullptr;
        if (is_sendable(response)) return response;
        report("The answer to a refused request has a header that can't be sent.");
    } catch (...) {
        report(fmt::format("The answer to a refused request can't be made: {}", describe(std::current_exception())));
    }
    HttpResponse plain;
    plain.status = status;
    plain.headers.add("Content-Type", "text/plain; charset=utf-8");
    plain.body = message + "\n";
    return plain;
}

void HttpServerState::report(const std::string& trouble) const {
    if (options.report) options.report(trouble);
}

HttpServerState::Place HttpServerState::enter(HttpConnection& connection) {
    ++counters.open_connections;
    return connections_.insert(connections_.end(), &connection);
}

void HttpServerState::leave(Place place) {
    connections_.erase(place);
    --counters.open_connections;
    room_made.cancel();
    if (connections_.empty()) all_left.cancel();
}

std::vector<std::shared_ptr<HttpConnection>> HttpServerState::all() const {
    std::vector<std::shared_ptr<HttpConnection>> connections;
    connections.reserve(connections_.size());
    for (HttpConnection* connection : connections_)
        connections.push_back(connection->shared_from_this());
    return connections;
}

void HttpServerState::tick() {
    now = clock.monotonic();
    date_line = make_date_line(clock.now());
}

void HttpServerState::close_listener() {
    stopping = true;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    room_made.cancel();
}

void HttpServerState::cancel_all() {
    for (const auto& connection : all())
        connection->cancel();
}

HttpServer::HttpServer(asio::any_io_executor executor, HttpServerOptions options, Handler handler, Refusal refusal)
    : state_(std::make_shared<HttpServerState>(std::move(executor), std::move(options), std::move(handler),
                                               std::move(refusal))) {}

// On the executor, where a cancelled coroutine can't end between the decision to cancel it and the cancellation.
HttpServer::~HttpServer() {
    state_->close_listener();
    asio::post(state_->executor, [state = state_] { state->cancel_all(); });
}

Result<std::uint16_t> HttpServer::listen() {
    const HttpServerOptions& options = state_->options;
    boost::system::error_code problem;
    const auto address = asio::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host, problem);
    if (problem) return listen_error(options, "the host is not an IP address", false);
    const tcp::endpoint endpoint(address, options.port);
    tcp::acceptor& acceptor = state_->acceptor;
    acceptor.open(endpoint.protocol(), problem);
    // A server that starts again finds the port held by connections that the kernel still winds up.
    if (!problem) acceptor.set_option(tcp::acceptor::reuse_address(true), problem);
    if (!problem) acceptor.bind(endpoint, problem);
    if (!problem) acceptor.listen(asio::socket_base::max_listen_connections, problem);
    tcp::endpoint bound;
    if (!problem) bound = acceptor.local_endpoint(problem);
    if (!problem) return bound.port();
    boost::system::error_code ignored;
    acceptor.close(ignored);
    return listen_error(options, problem.message(), problem == asio::error::address_in_use);
}

// The coroutines have nothing of the server but its state: it may be destroyed before they begin.
Async<void> HttpServer::run() { return run_until_stopped(state_); }

Async<void> HttpServer::stop(std::chrono::milliseconds grace) { return stop_within(state_, grace); }

const HttpServerCounters& HttpServer::counters() const { return state_->counters; }

} // namespace castiel_sync

#include <net/http_connection.hpp>

#include <core/http_syntax.hpp>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <span>
#include <utility>

#include <netinet/tcp.h>
#include <sys/socket.h>

namespace castiel_sync {

namespace asio = boost::asio;

namespace {

bool would_block(const boost::system::error_code& problem) {
    return problem == asio::error::would_block || problem == asio::error::try_again;
}

} // namespace

// The stream that a response's coroutine writes to.
class HttpBodyStream final : public HttpStream {
public:
    HttpBodyStream(HttpConnection& connection, bool chunked) : connection_(connection), chunked_(chunked) {}

    Async<Result<>> write(std::string piece) override {
        if (!whole_ || connection_.client_gone_) co_return ended();
        if (piece.empty()) co_return Result<>();
        std::array<char, 18> length{};
        if (chunked_) {
            char* end = std::to_chars(length.data(), length.data() + 16, piece.size(), 16).ptr;
            *end++ = '\r';
            *end++ = '\n';
            connection_.set_unsent({length.data(), static_cast<std::size_t>(end - length.data())}, piece, "\r\n");
        } else {
            connection_.set_unsent(piece);
        }
        whole_ = connection_.send_now();
        if (!whole_) {
            whole_ = co_await connection_.send_rest();
            connection_.enter(HttpConnection::Phase::streaming);
        } else if ((taken_at_once_ += piece.size() + bytes_per_write) > max_taken_at_once) {
            taken_at_once_ = 0;
            co_await asio::post(connection_.server_->executor, asio::use_awaitable);
        }
        if (whole_) co_return Result<>();
        // A stream that does not look at this error must not sleep on for nobody.
        connection_.cancellation.emit(asio::cancellation_type::terminal);
        co_return ended();
    }

    // Whether all that was written was also sent: after a chunk that was cut off nothing can follow.
    [[nodiscard]] bool whole() const { return whole_; }

private:
    [[nodiscard]] Error ended() const {
        if (connection_.client_gone_)
            return {ErrorCode::unavailable, "The client of this stream has gone, or did not read for too long."};
        return {ErrorCode::cancelled, "The server stops, and ends its streams."};
    }

    // A stream whose client reads as fast as it writes would never wait, and nobody else would get a turn.
    static constexpr std::size_t max_taken_at_once = 256 * 1024;
    static constexpr std::size_t bytes_per_write = 4096; // what a write costs, in bytes

    HttpConnection& connection_;
    std::size_t taken_at_once_ = 0;
    bool chunked_;
    bool whole_ = true;
};

HttpConnection::HttpConnection(std::shared_ptr<HttpServerState> server, asio::ip::tcp::socket socket, std::string peer)
    : server_(std::move(server)), socket_(std::move(socket)), place_(server_->enter(*this)), peer_(std::move(peer)),
      reader_(HttpRequestLimits{server_->options.max_header_bytes, server_->options.max_headers,
                                server_->options.max_body_bytes}) {}

HttpConnection::~HttpConnection() { server_->leave(place_); }

Async<void> HttpConnection::serve(bool refused) {
    try {
        set_socket_options();
        if (refused)
            co_await refuse(503, "This server has as many connections as it can serve.");
        else
            co_await converse();
    } catch (...) {
        const std::string trouble = describe(std::current_exception());
        if (!trouble.empty()) server_->report(fmt::format("A connection from {} failed: {}", peer_, trouble));
    }
    close();
}

void HttpConnection::set_socket_options() {
    // None of them is worth refusing a client for.
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
#ifdef TCP_USER_TIMEOUT
    // A client whose machine is gone acknowledges nothing, and small pieces of a stream would fit into the kernel's
    // buffers for hours.
    const auto timeout = static_cast<unsigned>(server_->options.write_timeout.count());
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
#endif
}

Async<void> HttpConnection::converse() {
    while (!last_) {
        const Received received = co_await receive();
        if (received == Received::ended) co_return;
        if (received == Received::refused) {
            co_await refuse(refusal_.status, refusal_.message);
            co_return;
        }
        HttpRequest request = reader_.take_request();
        request.peer = peer_;
        described_.assign(request.method).append(" ").append(request.target);
        const bool head_only = request.method == "HEAD";
        ++server_->counters.requests;
        last_ = last_ || !reader_.keep_alive() || ++requests_ == server_->options.max_requests_per_connection;
        enter(Phase::handling);
        HttpResponse response = co_await handle(std::move(request));
        if (cancelled_) co_return;
        const bool sent = co_await answer(response, head_only);
        if (!sent) co_return;
    }
    co_await linger();
}

Async<HttpConnection::Received> HttpConnection::receive() {
    for (;;) {
        switch (reader_.next()) {
        case HttpRequestReader::Step::request:
            co_return Received::request;
        case HttpRequestReader::Step::refused:
            refusal_ = reader_.refusal();
            co_return Received::refused;
        case HttpRequestReader::Step::expects_continue: {
            enter(Phase::writing);
            set_unsent("HTTP/1.1 100 Continue\r\n\r\n");
            bool sent = send_now();
            if (!sent) sent = co_await send_rest();
            if (!sent) co_return Received::ended;
            break;
        }
        case HttpRequestReader::Step::more:
            break;
        }
        enter_reading();
        const std::span<char> space = reader_.space();
        boost::system::error_code problem;
        const std::size_t bytes = co_await socket_.async_read_some(asio::buffer(space.data(), space.size()),
                                                                   asio::redirect_error(asio::use_awaitable, problem));
        if (expired_) {
            refusal_.status = 408;
            refusal_.message = phase_ == Phase::reading_head ? "The request's headers took too long to arrive."
                                                             : "The request's body took too long to arrive.";
            co_return Received::refused;
        }
        reader_.put(bytes);
        if (!problem) continue;
        if (problem != asio::error::eof || reader_.place() == HttpRequestReader::Place::between)
            co_return Received::ended;
        // Only its sending half may be closed.
        refusal_.status = 400;
        refusal_.message = "The request ended before it was whole.";
        co_return Received::refused;
    }
}

Async<HttpResponse> HttpConnection::handle(HttpRequest request) {
    std::string trouble;
    try {
        HttpResponse response = co_await server_->handler(std::move(request));
        if (is_sendable(response)) co_return response;
        trouble = "its response has a status or a header that can't be sent";
    } catch (...) {
        trouble = describe(std::current_exception());
        if (trouble.empty()) trouble = "something that it waited for was cancelled";
    }
    if (cancelled_) co_return HttpResponse();
    server_->report(fmt::format("The request {} failed: {}", described_, trouble));
    co_return server_->refuse(500, "The server failed to handle this request.");
}

Async<bool> HttpConnection::answer(HttpResponse& response, bool head_only) {
    using Body = HttpFraming::Body;
    HttpFraming framing;
    framing.length = response.body.size();
    if (!has_body(response.status))
        framing.body = Body::none;
    else if (response.stream)
        framing.body = reader_.version_1_0() ? Body::until_close : Body::chunks;
    if (framing.body == Body::until_close) last_ = true;
    if (const std::string* connection = response.headers.find("Connection"))
        last_ = last_ || lists(*connection, "close");
    framing.close = last_;
    framing.keep_alive = reader_.version_1_0();
    head_.clear();
    append_head(head_, response, framing, server_->date_line);
    enter(Phase::writing);
    if (framing.body == Body::length && !head_only)
        set_unsent(head_, response.body);
    else
        set_unsent(head_);
    bool sent = send_now();
    if (!sent) sent = co_await send_rest();
    if (!sent || head_only || framing.body == Body::none || framing.body == Body::length) co_return sent;
    co_return co_await stream_body(response, framing.body == Body::chunks);
}

Async<bool> HttpConnection::stream_body(HttpResponse& response, bool chunked) {
    enter(Phase::streaming);
    streams_ = true;
    ++server_->counters.open_streams;
    watch();
    if (server_->stopping) cancellation.emit(asio::cancellation_type::terminal);
    HttpBodyStream stream(*this, chunked);
    bool whole = false;
    std::string trouble;
    try {
        co_await response.stream(stream);
        whole = stream.whole() && !client_gone_;
    } catch (...) {
        trouble = describe(std::current_exception());
    }
    streams_ = false;
    --server_->counters.open_streams;
    watch_round_ = 0;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
    if (!trouble.empty()) server_->report(fmt::format("The stream of {} failed: {}", described_, trouble));
    // A cancelled stream has had its say; the connection itself was not meant, unless cancel() did it.
    if (cancelled_) co_return false;
    co_await asio::this_coro::reset_cancellation_state();
    if (!whole) {
        // Without a length or chunks, only a reset tells the client that something is missing.
        if (!chunked) reset();
        co_return false;
    }
    if (!chunked) co_return true;
    enter(Phase::writing);
    set_unsent("0\r\n\r\n");
    bool sent = send_now();
    if (!sent) sent = co_await send_rest();
    co_return sent;
}

// Nothing that comes behind what was refused is read as a request.
Async<void> HttpConnection::refuse(unsigned status, std::string message) {
    last_ = true;
    HttpResponse response = server_->refuse(status, message);
    const bool sent = co_await answer(response, false);
    if (sent) co_await linger();
}

Async<void> HttpConnection::linger() {
    enter(Phase::lingering);
    boost::system::error_code problem;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, problem);
    head_.resize(4096);
    while (!problem)
        co_await socket_.async_read_some(asio::buffer(head_), asio::redirect_error(asio::use_awaitable, problem));
}

// Nearly always the kernel takes a response at once: then nothing is suspended, and no time is looked at.
bool HttpConnection::send_now() {
    boost::system::error_code problem;
    take_sent(socket_.write_some(unsent_, problem));
    if (problem && !would_block(problem)) client_gone_ = true;
    return asio::buffer_size(unsent_) == 0;
}

Async<bool> HttpConnection::send_rest() {
    while (asio::buffer_size(unsent_) > 0) {
        if (client_gone_) co_return false;
        enter(Phase::writing);
        boost::system::error_code problem;
        take_sent(co_await socket_.async_write_some(unsent_, asio::redirect_error(asio::use_awaitable, problem)));
        if (problem == asio::error::operation_aborted) co_return false; // not the client's doing
        if (problem) client_gone_ = true;
    }
    co_return true;
}

void HttpConnection::set_unsent(std::string_view first, std::string_view second, std::string_view third) {
    unsent_ = {asio::buffer(first), asio::buffer(second), asio::buffer(third)};
}

void HttpConnection::take_sent(std::size_t bytes) {
    for (asio::const_buffer& buffer : unsent_) {
        const std::size_t taken = std::min(bytes, buffer.size());
        buffer += taken;
        bytes -= taken;
    }
}

void HttpConnection::watch() {
    watch_round_ = ++watch_rounds_;
    socket_.async_wait(asio::ip::tcp::socket::wait_read,
                       [self = shared_from_this(), round = watch_round_](const boost::system::error_code& problem) {
                           self->note_watched(problem, round);
                       });
}

void HttpConnection::note_watched(boost::system::error_code problem, std::uint64_t round) {
    if (round != watch_round_) return; // the stream has ended meanwhile
    if (!problem) {
        const std::span<char> space = reader_.space();
        if (space.empty()) return; // who sends that much ahead is noticed when it does not read any more
        reader_.put(socket_.read_some(asio::buffer(space.data(), space.size()), problem));
        if (!problem || would_block(problem)) return watch();
    }
    client_gone_ = true;
    cancellation.emit(asio::cancellation_type::terminal);
}

void HttpConnection::check_deadline() {
    if (server_->now < deadline_) return;
    deadline_ = std::chrono::nanoseconds::max();
    boost::system::error_code ignored;
    switch (phase_) {
    case Phase::idle:
        ++server_->counters.idle_timeouts;
        return close();
    case Phase::reading_head:
    case Phase::reading_body:
        expired_ = true;
        socket_.cancel(ignored);
        return;
    case Phase::writing:
        ++server_->counters.write_timeouts;
        client_gone_ = true;
        return reset();
    case Phase::lingering:
        return close();
    case Phase::handling:
    case Phase::streaming:
        return;
    }
}

void HttpConnection::stop_soon() {
    last_ = true;
    if (phase_ == Phase::idle) close();
    if (streams_) cancellation.emit(asio::cancellation_type::terminal);
}

void HttpConnection::cancel() {
    last_ = cancelled_ = client_gone_ = true;
    reset();
    cancellation.emit(asio::cancellation_type::terminal);
}

void HttpConnection::enter(Phase phase) {
    const HttpServerOptions& options = server_->options;
    phase_ = phase;
    std::chrono::milliseconds limit{};
    switch (phase) {
    case Phase::idle:
        limit = options.idle_timeout;
        break;
    case Phase::reading_head:
        limit = options.head_timeout;
        break;
    case Phase::reading_body:
        limit = options.body_timeout;
        break;
    case Phase::writing:
        limit = options.write_timeout;
        break;
    case Phase::lingering:
        limit = options.linger_timeout;
        break;
    case Phase::handling:  // the handler knows best
    case Phase::streaming: // between two writes a stream may be silent
        deadline_ = std::chrono::nanoseconds::max();
        return;
    }
    // `now` may be as old as the last sweep.
    deadline_ = server_->now + options.sweep_interval + limit;
}

// The time for a part of a request runs from its beginning, not from its last byte.
void HttpConnection::enter_reading() {
    const HttpRequestReader::Place place = reader_.place();
    const Phase phase = place == HttpRequestReader::Place::between ? Phase::idle
                        : place == HttpRequestReader::Place::head  ? Phase::reading_head
                                                                   : Phase::reading_body;
    if (phase_ != phase) enter(phase);
}

// The kernel drops what it has not sent yet, and the client sees that something went wrong.
void HttpConnection::reset() {
    boost::system::error_code ignored;
    socket_.set_option(asio::ip::tcp::socket::linger(true, 0), ignored);
    close();
}

void HttpConnection::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

} // namespace castiel_sync

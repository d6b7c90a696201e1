#include <net/http_client_call.hpp>

#include <net/http_client_request.hpp>

#include <boost/asio/ip/address.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castiel_sync {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::steady_clock;

namespace {

// Longer than anybody waits, and short enough to be added to any time.
constexpr std::chrono::milliseconds max_timeout = std::chrono::hours(24 * 365);

// A body up to this length is sent in one piece with the head; a longer one is not copied.
constexpr std::size_t max_joined_body = 16 * 1024;

constexpr std::chrono::seconds margin_of_keep_alive{1};

steady_clock::time_point after(std::chrono::milliseconds timeout) {
    return steady_clock::now() + std::clamp(timeout, std::chrono::milliseconds::zero(), max_timeout);
}

} // namespace

HttpClientCall::HttpClientCall(std::shared_ptr<HttpClientState> state, const HttpCall& call, const HttpUrl& url)
    : state_(std::move(state)), call_(call), url_(url),
      waiting_(state_->executor, *state_->deadlines, after(call.timeout)), place_(state_->pool) {}

Async<Result<HttpAnswer>> HttpClientCall::run() {
    const bool placed = co_await place_.take(url_, waiting_, state_->seams.now());
    if (!placed)
        co_return fault(ErrorCode::unavailable,
                        fmt::format("none of the {} connections to this host (max_connections_per_host) became free "
                                    "within {} ms",
                                    state_->options.max_connections_per_host, call_.timeout.count()));
    if (!place_.connection) {
        const Result<> opened = co_await open();
        if (!opened) co_return opened.error();
    }
    std::string head = make_request_head(call_, url_, state_->options.user_agent, state_->proxy && !url_.secure);
    const bool joined = call_.body.size() <= max_joined_body;
    if (joined) head.append(call_.body);
    HttpAnswerLimits limits;
    limits.max_header_bytes = state_->options.max_header_bytes;
    limits.max_body_bytes = call_.max_answer_bytes;
    limits.cut_long_body = call_.cut_long_answer;
    const HttpAnswerTo to = call_.method == "HEAD" ? HttpAnswerTo::head : HttpAnswerTo::get;
    for (;;) {
        HttpExchange exchange(waiting_, place_.connection->socket, state_->scratch, limits, to);
        const HttpExchange::End end = co_await exchange.run(head, joined ? std::string_view() : call_.body);
        if (!may_repeat(end, exchange)) co_return conclude(end, exchange);
        place_.connection.reset();
        const Result<> opened = co_await open();
        if (!opened) co_return opened.error();
    }
}

// The server closed a kept connection at the moment when it was to be used again.
bool HttpClientCall::may_repeat(HttpExchange::End end, const HttpExchange& exchange) const {
    if (end != HttpExchange::End::cut || !place_.connection->used || exchange.reader.started()) return false;
    return !exchange.sent_anything() || call_.method == "GET" || call_.method == "HEAD";
}

Result<HttpAnswer> HttpClientCall::conclude(HttpExchange::End end, HttpExchange& exchange) {
    const ErrorCode no_answer = exchange.sent_anything() ? ErrorCode::unknown_outcome : ErrorCode::unavailable;
    switch (end) {
    case HttpExchange::End::whole:
        if (exchange.reader.status() == 407 && state_->proxy && !url_.secure)
            return fault(ErrorCode::invalid_configuration, "the proxy wants to know who asks, which can't be told it");
        if (exchange.keeps_connection()) keep_connection(exchange.reader);
        return exchange.reader.take_answer();
    case HttpExchange::End::refused:
        return fault(ErrorCode::corrupted, fmt::format("the answer is refused: {}", exchange.reader.fault()));
    case HttpExchange::End::cut:
        return fault(no_answer, exchange.reader.started() ? "the connection ended before the answer was whole"
                                                          : "the connection ended before an answer came");
    case HttpExchange::End::expired:
        break;
    }
    return fault(no_answer, fmt::format("no whole answer came within {} ms", call_.timeout.count()));
}

void HttpClientCall::keep_connection(const HttpAnswerReader& reader) {
    HttpClientConnection& connection = *place_.connection;
    connection.used = true;
    connection.rest_limit = state_->options.idle_timeout;
    if (const auto told = reader.keep_alive_timeout())
        connection.rest_limit = std::min<std::chrono::nanoseconds>(connection.rest_limit, *told - margin_of_keep_alive);
    if (connection.rest_limit > connection.rest_limit.zero()) place_.keep(state_->seams.now());
}

Async<Result<>> HttpClientCall::open() {
    const HttpUrl& target = state_->proxy ? *state_->proxy : url_;
    Result<HttpAddresses> addresses = co_await find_addresses(target);
    if (!addresses) co_return addresses.error();
    connect_limit_ = after(state_->options.connect_timeout);
    Result<> opened = co_await dial(*std::move(addresses), target.port);
    waiting_.narrow(connect_limit_);
    if (opened && url_.secure) {
        if (state_->proxy) opened = co_await open_tunnel();
        if (opened) opened = co_await agree_on_tls();
    }
    waiting_.widen();
    co_return opened;
}

Async<Result<HttpAddresses>> HttpClientCall::find_addresses(const HttpUrl& target) {
    HttpAddresses addresses;
    boost::system::error_code no_address;
    const asio::ip::address address = asio::ip::make_address(target.host, no_address);
    if (!no_address) {
        addresses.push_back(address);
        co_return addresses; // judged before
    }
    Result<HttpAddresses> found = co_await state_->names.find(target.host, waiting_);
    if (!found)
        co_return fault(ErrorCode::unavailable,
                        fmt::format("the name {} leads nowhere: {}", target.host, found.error().message));
    if (found->empty()) co_return fault(ErrorCode::unavailable, fmt::format("the name {} has no address", target.host));
    if (state_->proxy) co_return found;
    const Result<> judged = judge(*found);
    if (!judged) co_return judged.error();
    co_return found;
}

Result<> HttpClientCall::judge(const HttpAddresses& addresses) const {
    for (const asio::ip::address& address : addresses) {
        const Result<> judged = state_->options.egress.check(address);
        if (!judged)
            return fault(judged.error().code, fmt::format("the name {} leads to where no call may go: {}", url_.host,
                                                          judged.error().message));
    }
    return Result<>();
}

// An address that does not answer leaves their share of the time to the others.
Async<Result<>> HttpClientCall::dial(HttpAddresses addresses, std::uint16_t port) {
    std::string trouble = "the time is over";
    for (std::size_t tried = 0; tried < addresses.size(); ++tried) {
        const auto now = steady_clock::now();
        const auto limit = std::min(connect_limit_, waiting_.deadline());
        if (now >= limit) break;
        waiting_.narrow(now + (limit - now) / (addresses.size() - tried));
        const asio::ip::address& address = addresses[tried];
        if (state_->options.on_dial) state_->options.on_dial(address, port);
        auto connection = std::make_unique<HttpClientConnection>(state_->executor);
        boost::system::error_code problem;
        const bool in_time = co_await waiting_.connect(connection->socket.tcp, tcp::endpoint(address, port), problem);
        if (in_time && !problem) {
            connection->socket.set_options();
            place_.connection = std::move(connection);
            co_return Result<>();
        }
        trouble = fmt::format("{}: {}", tcp::endpoint(address, port).address().to_string(),
                              in_time ? problem.message() : "no answer in time");
    }
    co_return fault(ErrorCode::unavailable, fmt::format("no connection: {}", trouble));
}

Async<Result<>> HttpClientCall::open_tunnel() {
    const bool is_ipv6 = url_.host.find(':') != std::string::npos;
    const std::string authority =
        fmt::format("{}{}{}:{}", is_ipv6 ? "[" : "", url_.host, is_ipv6 ? "]" : "", url_.port);
    const std::string head = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", authority);
    HttpAnswerLimits limits;
    limits.max_header_bytes = state_->options.max_header_bytes;
    HttpExchange exchange(waiting_, place_.connection->socket, state_->scratch, limits, HttpAnswerTo::connect);
    const HttpExchange::End end = co_await exchange.run(head, {});
    if (end == HttpExchange::End::expired)
        co_return fault(ErrorCode::unavailable, "the proxy did not open a tunnel in time");
    const unsigned status = exchange.reader.status();
    const bool opened = status / 100 == 2;
    if (end != HttpExchange::End::whole || (opened && exchange.reader.followed()))
        co_return fault(ErrorCode::unavailable, "the proxy did not answer properly");
    if (opened) co_return Result<>();
    // What the proxy forbids it will forbid again.
    co_return fault(status / 100 == 4 ? ErrorCode::invalid_configuration : ErrorCode::unavailable,
                    fmt::format("the proxy opened no tunnel: it answered {}", status));
}

Async<Result<>> HttpClientCall::agree_on_tls() {
    HttpClientSocket& socket = place_.connection->socket;
    socket.begin_tls(state_->tls, url_.host);
    for (;;) {
        const HttpStep step = socket.tls()->handshake();
        if (step.state == HttpStep::State::done) co_return Result<>();
        if (step.state == HttpStep::State::failed || step.state == HttpStep::State::ended) {
            const Error why = socket.tls()->fault();
            co_return fault(why.code, why.message);
        }
        const bool in_time = co_await waiting_.until_ready(
            socket.tcp, step.state == HttpStep::State::wants_read ? tcp::socket::wait_read : tcp::socket::wait_write);
        if (!in_time) co_return fault(ErrorCode::unavailable, "TLS was not agreed on in time");
    }
}

Error HttpClientCall::fault(ErrorCode code, std::string_view what) const {
    return {code, fmt::format("{}: {}.", describe_call(call_, url_), what)};
}

} // namespace castiel_sync

#include "net/http_harness.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <doctest/doctest.h>

#include <algorithm>

namespace castiel_sync::testing {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// Leaves the status to the server.
HttpResponse refuse_plainly(unsigned, std::string message) {
    HttpResponse response;
    response.headers.add("X-Refused", "yes");
    response.body = std::move(message);
    return response;
}

struct SetAtEnd {
    bool& flag;
    void operator()(std::exception_ptr thrown) const {
        flag = true;
        if (thrown) std::rethrow_exception(std::move(thrown));
    }
};

} // namespace

Timestamp TurnedClock::now() {
    return Timestamp(std::chrono::milliseconds(784111777000)) + std::chrono::floor<std::chrono::milliseconds>(now_);
}

Async<void> TurnedClock::sleep_for(std::chrono::nanoseconds duration) {
    const auto place = sleepers_.insert(
        sleepers_.end(), Sleeper{now_ + duration, asio::steady_timer(loop_, asio::steady_timer::time_point::max())});
    struct Leave {
        std::list<Sleeper>& sleepers;
        std::list<Sleeper>::iterator place;
        ~Leave() { sleepers.erase(place); }
    } leave{sleepers_, place};
    boost::system::error_code woken;
    if (duration > duration.zero()) co_await place->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (woken && !place->due) throw boost::system::system_error(woken);
}

void TurnedClock::turn(std::chrono::nanoseconds by) {
    now_ += by;
    for (Sleeper& sleeper : sleepers_) {
        if (sleeper.until > now_) continue;
        sleeper.due = true;
        sleeper.timer.cancel();
    }
}

Async<void> Gate::wait() {
    struct Count {
        int& number;
        explicit Count(int& counted) : number(counted) { ++number; }
        ~Count() { --number; }
    } count(waiting_);
    boost::system::error_code woken;
    if (!open_) co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (!open_) throw boost::system::system_error(woken);
}

void Gate::open() {
    open_ = true;
    timer_.cancel();
}

RawClient::RawClient(HttpHarness& harness) : socket(harness.loop), harness_(harness) {
    socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), harness.port));
    socket.set_option(tcp::no_delay(true));
}

void RawClient::send(std::string_view bytes) {
    boost::system::error_code ignored; // a server may have enough before the client has sent all
    asio::write(socket, asio::buffer(bytes), ignored);
}

void RawClient::begin_reading() {
    if (reading_ || ended_) return;
    reading_ = true;
    socket.async_read_some(asio::buffer(buffer_), [this](boost::system::error_code problem, std::size_t bytes) {
        reading_ = false;
        received_.append(buffer_.data(), bytes);
        ended_ = problem.failed();
        reset_ = problem == asio::error::connection_reset;
    });
}

bool RawClient::read_more() {
    begin_reading();
    harness_.wait_until([this] { return !reading_; });
    return !ended_;
}

bool RawClient::fill(std::size_t bytes) {
    while (received_.size() < bytes)
        if (!read_more()) return false;
    return true;
}

bool RawClient::read_past(std::string_view text) {
    for (;;) {
        if (const std::size_t found = received_.find(text); found != std::string::npos) {
            received_.erase(0, found + text.size());
            return true;
        }
        if (!read_more()) return false;
    }
}

RawAnswer RawClient::read(bool head_only) {
    RawAnswer answer;
    std::size_t end = 0;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos)
        if (!read_more()) return answer;
    answer.head = received_.substr(0, end + 4);
    received_.erase(0, end + 4);
    REQUIRE(answer.head.starts_with("HTTP/1.1 "));
    answer.status = static_cast<unsigned>(std::stoul(answer.head.substr(9, 3)));
    answer.whole = true;
    if (head_only || answer.status == 204 || answer.status == 304 || answer.status < 200) return answer;
    if (const std::size_t place = answer.head.find("\r\nContent-Length: "); place != std::string::npos) {
        const std::size_t length = std::stoul(answer.head.substr(place + 18));
        answer.whole = fill(length);
        answer.body = received_.substr(0, length);
        received_.erase(0, answer.body.size());
        return answer;
    }
    if (!answer.says("Transfer-Encoding: chunked")) {
        answer.body = read_to_end();
        return answer;
    }
    for (;;) {
        while ((end = received_.find("\r\n")) == std::string::npos)
            if (!read_more()) {
                answer.whole = false;
                return answer;
            }
        const std::size_t length = std::stoul(received_.substr(0, end), nullptr, 16);
        answer.whole = fill(end + 2 + length + 2);
        answer.body += received_.substr(end + 2, length);
        received_.erase(0, end + 2 + length + 2);
        if (length == 0 || !answer.whole) return answer;
    }
}

std::string RawClient::read_to_end() {
    while (read_more()) {
    }
    return std::exchange(received_, {});
}

void RawClient::close_sending() { socket.shutdown(tcp::socket::shutdown_send); }

void RawClient::close() { socket.close(); }

void RawClient::close_with_reset() {
    socket.set_option(tcp::socket::linger(true, 0));
    socket.close();
}

HttpHarness::HttpHarness() : handler(answer_plainly), refusal(refuse_plainly) {
    options.clock = &clock;
    // No test waits that long by accident.
    options.idle_timeout = std::chrono::hours(10);
    options.head_timeout = options.body_timeout = options.write_timeout = options.linger_timeout = options.idle_timeout;
    options.report = [this](const std::string& trouble) { troubles.push_back(trouble); };
}

HttpHarness::~HttpHarness() {
    server.reset();
    loop.poll();
}

void HttpHarness::start() {
    listen();
    run();
}

void HttpHarness::listen() {
    server = std::make_unique<HttpServer>(loop.get_executor(), options, handler, refusal);
    const Result<std::uint16_t> listening = server->listen();
    REQUIRE(listening.has_value());
    port = *listening;
}

void HttpHarness::run() { asio::co_spawn(loop, server->run(), SetAtEnd{run_ended_}); }

void HttpHarness::wait_until(const std::function<bool()>& is_so) {
    // The limit is for a test that fails: it should say so instead of waiting for ever.
    while (!is_so()) {
        loop.restart();
        REQUIRE(loop.run_one_for(std::chrono::seconds(60)) > 0);
    }
}

void HttpHarness::pass_time_until(const std::function<bool()>& is_so) {
    for (int steps = 0; !is_so(); ++steps) {
        REQUIRE(steps < 1'000'000);
        clock.turn(options.sweep_interval);
        settle();
    }
}

void HttpHarness::settle() {
    loop.restart();
    loop.poll();
}

void HttpHarness::begin_stop(std::chrono::milliseconds grace) {
    asio::co_spawn(loop, server->stop(grace), SetAtEnd{stopped_});
}

Async<HttpResponse> answer_plainly(HttpRequest request) {
    HttpResponse response;
    if (request.target.starts_with("/status/"))
        response.status = static_cast<unsigned>(std::stoul(request.target.substr(8)));
    response.body = request.method + " " + request.target + " " + request.body;
    co_return response;
}

} // namespace castiel_sync::testing

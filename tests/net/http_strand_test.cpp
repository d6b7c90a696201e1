// The same server on a strand of several threads: what it promises about threads, for the thread sanitizer to look at.
#include <castiel_sync/http/server.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/static_thread_pool.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

using namespace castiel_sync;
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// Not synchronised by itself: the strand does it.
int handled = 0;

// Tells what it is asked, until somebody cancels it.
Async<void> stream_for_ever(HttpStream& stream) {
    const Result<> written = co_await stream.write("hello\n");
    if (!written) co_return;
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
}

Async<HttpResponse> handle(HttpRequest request) {
    ++handled;
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable); // perhaps on another thread
    HttpResponse response;
    response.body = request.target + "\n";
    if (request.target == "/stream") response.stream = stream_for_ever;
    co_return response;
}

HttpResponse refuse(unsigned, std::string message) {
    HttpResponse response;
    response.body = std::move(message);
    return response;
}

tcp::socket connect(asio::io_context& context, std::uint16_t port) {
    tcp::socket socket(context);
    socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port));
    return socket;
}

void ask(std::uint16_t port, int requests, int& answered) {
    asio::io_context context;
    tcp::socket socket = connect(context, port);
    std::string received;
    for (int number = 0; number < requests; ++number) {
        const std::string target = "/" + std::to_string(number);
        asio::write(socket, asio::buffer("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"));
        const std::size_t length = asio::read_until(socket, asio::dynamic_buffer(received), target + "\n");
        received.erase(0, length);
        ++answered;
    }
}

} // namespace

TEST_CASE("a server on a strand serves many clients, and stops") {
    constexpr int clients = 4, requests = 200;
    asio::static_thread_pool pool(3);
    const asio::any_io_executor strand = asio::make_strand(pool.get_executor());
    HttpServer server(strand, HttpServerOptions(), handle, refuse);
    const Result<std::uint16_t> port = server.listen();
    REQUIRE(port.has_value());
    std::future<void> run = asio::co_spawn(strand, server.run(), asio::use_future);

    std::vector<int> answered(clients);
    {
        std::vector<std::jthread> threads;
        for (int& count : answered)
            threads.emplace_back(ask, *port, requests, std::ref(count));
    }
    CHECK(answered == std::vector<int>(clients, requests));

    asio::io_context context;
    tcp::socket listener = connect(context, *port);
    asio::write(listener, asio::buffer(std::string("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")));
    std::string received;
    asio::read_until(listener, asio::dynamic_buffer(received), "hello\n");
    std::future<void> stopped = asio::co_spawn(strand, server.stop(std::chrono::hours(1)), asio::use_future);
    boost::system::error_code end;
    asio::read_until(listener, asio::dynamic_buffer(received), "never", end);
    CHECK(end == asio::error::eof);
    listener.close();
    stopped.get();
    run.get();
    pool.join();
    CHECK(handled == clients * requests + 1);
    CHECK(server.counters().accepted_connections == clients + 1);
    CHECK(server.counters().open_connections == 0);
}

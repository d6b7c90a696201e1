#include "net/http_harness.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

Async<HttpResponse> fail(HttpRequest request) {
    if (request.target == "/throw") throw std::runtime_error("a secret");
    if (request.target == "/number") throw 7;
    HttpResponse response = co_await answer_plainly(std::move(request));
    if (response.body.starts_with("GET /split")) response.headers.add("X", "a\r\nSet-Cookie: b");
    co_return response;
}

Async<HttpResponse> tell_peer(HttpRequest request) {
    HttpResponse response;
    response.body = request.peer;
    response.headers.add("Connection", "close");
    co_return response;
}

} // namespace

TEST_CASE("a request is answered, and the connection goes on") {
    HttpHarness harness;
    harness.start();
    RawClient client = harness.connect();
    for (int number = 0; number < 3; ++number) {
        client.send("POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz");
        const RawAnswer answer = client.read();
        CHECK(answer.status == 200);
        CHECK(answer.body == "POST /a?b xyz");
        CHECK(answer.head == "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 13\r\n\r\n");
    }
    CHECK(harness.server->counters().accepted_connections == 1);
    CHECK(harness.server->counters().open_connections == 1);
    CHECK(harness.server->counters().requests == 3);
    client.close();
    harness.wait_until([&] { return harness.server->counters().open_connections == 0; });
    CHECK(harness.troubles.empty());
}

TEST_CASE("a hundred requests in one piece are answered in order") {
    HttpHarness harness;
    harness.start();
    RawClient client = harness.connect();
    std::string bytes;
    for (int number = 0; number < 100; ++number)
        bytes += "POST /" + std::to_string(number) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n" +
                 std::string(300, 'x');
    client.send(bytes);
    for (int number = 0; number < 100; ++number)
        CHECK(client.read().body == "POST /" + std::to_string(number) + " " + std::string(300, 'x'));
}

TEST_CASE("pipelined requests are answered in order wherever their bytes are parted") {
    HttpHarness harness;
    harness.start();
    const std::string bytes = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
                              "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
                              "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n";
    RawClient client = harness.connect();
    for (std::size_t place = 1; place < bytes.size(); ++place) {
        client.send(bytes.substr(0, place));
        harness.settle();
        client.send(bytes.substr(place));
        CHECK(client.read().body == "POST /1 ab");
        CHECK(client.read().body == "POST /2 x");
        CHECK(client.read().body == "GET /3 ");
    }
}

TEST_CASE("a HEAD is answered like a GET, without its body") {
    HttpHarness harness;
    harness.start();
    RawClient client = harness.connect();
    client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" + get_request);
    CHECK(client.read(true).says("Content-Length: 8"));
    CHECK(client.read().body == "GET / ");
}

TEST_CASE("204 and 304 have neither body nor length") {
    HttpHarness harness;
    harness.start();
    RawClient client = harness.connect();
    for (const std::string status : {"204", "304"}) {
        client.send("GET /status/" + status + " HTTP/1.1\r\nHost: a\r\n\r\n" + get_request);
        const RawAnswer answer = client.read();
        CHECK(answer.head.starts_with("HTTP/1.1 " + status));
        CHECK(answer.head.find("Content-Length") == std::string::npos);
        CHECK(client.read().body == "GET / ");
    }
}

TEST_CASE("a client that says close is answered close, and let go") {
    HttpHarness harness;
    harness.start();
    RawClient client = harness.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n" + get_request);
    CHECK(client.read().says("Connection: close"));
    CHECK(client.read_to_end().empty());
}

TEST_CASE("HTTP/1.0 ends after one request, unless the client asks for more") {
    HttpHarness harness;
    harness.start();
    RawClient client = harness.connect();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(client.read().says("Connection: keep-alive"));
    client.send("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
    CHECK(client.read().says("Connection: close"));
    CHECK(client.read_to_end().empty());
}

TEST_CASE("a client that waits for 100 gets it, and one whose body is too long does not") {
    HttpHarness harness;
    harness.start();
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ";
    RawClient client = harness.connect();
    client.send(head + "3\r\n\r\n");
    CHECK(client.read().head == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    CHECK(client.read().body == "POST / abc");
    client.send(head + "3000000\r\n\r\n");
    CHECK(client.read().status == 413);
    CHECK(client.read_to_end().empty());
}

TEST_CASE("a client that only closed its sending half is answered") {
    HttpHarness harness;
    harness.start();
    RawClient client = harness.connect();
    client.send(get_request + get_request);
    client.close_sending();
    CHECK(client.read().body == "GET / ");
    CHECK(client.read().body == "GET / ");
    CHECK(client.read_to_end().empty());
    RawClient hasty = harness.connect();
    hasty.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
    hasty.close_sending();
    CHECK(hasty.read().status == 400);
}

TEST_CASE("a handler that fails is a 500 that tells the client nothing, and the connection goes on") {
    HttpHarness harness;
    harness.handler = fail;
    harness.start();
    RawClient client = harness.connect();
    for (const std::string target : {"/throw", "/number", "/split", "/status/99", "/status/600"}) {
        CAPTURE(target);
        client.send("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n" + get_request);
        const RawAnswer answer = client.read();
        CHECK(answer.status == 500);
        CHECK(answer.says("X-Refused: yes"));
        CHECK(answer.body.find("secret") == std::string::npos);
        CHECK(!answer.says("Set-Cookie: b"));
        CHECK(client.read().body == "GET / ");
        REQUIRE(!harness.troubles.empty());
        CHECK(harness.troubles.back().find("GET " + target) != std::string::npos);
    }
    CHECK(harness.troubles.size() == 5);
    CHECK(harness.troubles.front().find("a secret") != std::string::npos);
    CHECK(harness.server->counters().refused.at(500) == 5);
}

TEST_CASE("a refusal that can't be made is made plainly, and one that can never streams") {
    HttpHarness harness;
    harness.refusal = [](unsigned status, std::string message) {
        HttpResponse response;
        response.body = "mine";
        if (status == 501) throw std::runtime_error("it broke");
        if (status == 505) response.headers.add("X", message + "\n");
        response.stream = [](HttpStream&) -> Async<void> { co_return; };
        return response;
    };
    harness.start();
    const auto refused = [&](const std::string& request) {
        RawClient client = harness.connect();
        client.send(request + "\r\n\r\n");
        return client.read();
    };
    CHECK(refused("CONNECT a HTTP/1.1").body == "This server is no proxy: CONNECT is not supported.\n");
    CHECK(refused("GET / HTTP/2.0").body == "Only HTTP/1.1 and HTTP/1.0 are spoken here.\n");
    CHECK(harness.troubles.size() == 2);
    CHECK(refused("GET").body == "mine");
    CHECK(refused("GET").status == 400);
}

TEST_CASE("a handler learns who asks, and may end the connection") {
    HttpHarness harness;
    harness.handler = tell_peer;
    harness.start();
    RawClient client = harness.connect();
    client.send(get_request + get_request);
    const RawAnswer answer = client.read();
    CHECK(answer.body == "127.0.0.1");
    CHECK(answer.says("Connection: close"));
    CHECK(client.read_to_end().empty());
}

TEST_CASE("a body up to its limit arrives whole, and so does a long answer") {
    HttpHarness harness;
    harness.start();
    RawClient client = harness.connect();
    std::string body(1024 * 1024, 'x');
    for (std::size_t place = 0; place < body.size(); place += 1000)
        body[place] = '\n';
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1048576\r\n\r\n");
    CHECK(client.read().status == 100);
    std::size_t sent = 0;
    while (sent < body.size()) { // server and client share a thread
        sent += client.socket.write_some(
            boost::asio::buffer(body.data() + sent, std::min<std::size_t>(20'000, body.size() - sent)));
        harness.settle();
    }
    const RawAnswer answer = client.read();
    CHECK(answer.status == 200);
    CHECK(answer.body == "POST / " + body);
}

TEST_CASE("an address that can't be listened on is named, with the reason") {
    HttpHarness harness;
    harness.start();
    const auto listen_on = [&](std::string host, std::uint16_t port) {
        HttpServerOptions options;
        options.host = std::move(host);
        options.port = port;
        HttpServer server(harness.loop.get_executor(), options, answer_plainly, nullptr);
        const auto listening = server.listen();
        REQUIRE(!listening.has_value());
        return listening.error();
    };
    const Error in_use = listen_on("localhost", harness.port);
    CHECK(in_use.code == ErrorCode::unavailable);
    CHECK(in_use.message == "Cannot listen on localhost, port " + std::to_string(harness.port) +
                                ": another program does. Stop it, or choose another port.");
    CHECK(listen_on("example", 0).code == ErrorCode::invalid_configuration);
    CHECK(listen_on("192.0.2.1", 0).message == "Cannot listen on 192.0.2.1, port 0: Cannot assign requested address.");
}

// What a call does on the wire, and what it answers.
#include "net/http_client_harness.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;

TEST_CASE("a GET is sent as HTTP/1.1 and its answer comes back whole") {
    ClientHarness harness;
    PeerServer server(harness);
    HttpCall call = harness.get(server.url("/a/b?c=d%20e"));
    call.headers.add("X-Colour", "blue");
    PendingCall pending = harness.start(call);
    Peer peer = server.accept();
    CHECK(peer.read_head() == "GET /a/b?c=d%20e HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                                  "\r\nX-Colour: blue\r\nUser-Agent: castiel-sync\r\nAccept-Encoding: gzip\r\n\r\n");
    peer.send("HTTP/1.1 201 Made\r\nX-One: 1\r\ncontent-length: 5\r\nx-one: 2\r\n\r\nhello");
    const Result<HttpAnswer> answer = pending.wait();
    REQUIRE(answer.has_value());
    CHECK(answer->status == 201);
    CHECK(answer->body == "hello");
    CHECK(*answer->headers.find("X-One") == "1");
    CHECK(answer->headers.count("x-one") == 2);
}

TEST_CASE("a POST sends its body with its length") {
    ClientHarness harness;
    PeerServer server(harness);
    PendingCall pending = harness.start(harness.post(server.url(), "some body"));
    Peer peer = server.accept();
    CHECK(peer.read_head().find("\r\nContent-Length: 9\r\n") != std::string::npos);
    CHECK(peer.read(9) == "some body");
    peer.send(hello_answer);
    CHECK(pending.wait()->body == "hello");
}

TEST_CASE("an answer that does not come in time is an unknown outcome") {
    ClientHarness harness;
    PeerServer server(harness);
    HttpCall call = harness.get(server.url());
    call.timeout = std::chrono::milliseconds(50);
    PendingCall pending = harness.start(call);
    Peer peer = server.accept();
    CHECK(code_of(pending.wait()) == ErrorCode::unknown_outcome);
    CHECK(peer.ended());
}

TEST_CASE("a body that drips does not outlive the deadline") {
    ClientHarness harness;
    PeerServer server(harness);
    HttpCall call = harness.get(server.url());
    call.timeout = std::chrono::milliseconds(50);
    PendingCall pending = harness.start(call);
    Peer peer = server.accept();
    (void)peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    harness.wait_until([&] {
        peer.send("x");
        return pending.done();
    });
    CHECK(code_of(pending.wait()) == ErrorCode::unknown_outcome);
}

TEST_CASE("a body without end costs no more than its limit") {
    ClientHarness harness;
    PeerServer server(harness);
    HttpCall call = harness.get(server.url());
    call.max_answer_bytes = 1'000'000;
    PendingCall pending = harness.start(call);
    Peer peer = server.accept();
    (void)peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    peer.send_for_ever(std::string(1 << 16, 'x'));
    const Result<HttpAnswer> answer = pending.wait();
    CHECK(code_of(answer) == ErrorCode::corrupted);
    CHECK(answer.error().message.find("max_answer_bytes") != std::string::npos);
    CHECK(peer.ended());
}

TEST_CASE("a body that comes as fast as it is read leaves other calls their turn") {
    ClientHarness harness;
    PeerServer server(harness);
    HttpCall call = harness.get(server.url());
    call.max_answer_bytes = std::size_t{1} << 40;
    PendingCall pending = harness.start(call);
    Peer peer = server.accept();
    (void)peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    peer.send_for_ever(std::string(1 << 16, 'x'));
    PendingCall other = harness.start(server.url());
    Peer other_peer = server.accept();
    (void)other_peer.read_head();
    other_peer.send(hello_answer);
    CHECK(other.wait().has_value());
    CHECK_FALSE(pending.done());
    pending.cancel();
    harness.wait_until([&] { return pending.done(); });
}

TEST_CASE("what can't be sent as it stands is refused before anything is") {
    ClientHarness harness;
    PeerServer server(harness);
    const auto refused = [&](const HttpCall& call) {
        CHECK(code_of(harness.call(call)) == ErrorCode::invalid_request);
    };
    for (const std::string method : {"", "GET /", "GE\r\nT", "G:", "CONNECT", "GÉT"}) {
        HttpCall call = harness.get(server.url());
        call.method = method;
        refused(call);
    }
    for (const std::string name : {"", "X Y", "X:", "X\r\nY", "Ü", "Host", "host", "CONTENT-LENGTH", "Connection",
                                   "Transfer-Encoding", "TE", "Accept-Encoding"}) {
        HttpCall call = harness.get(server.url());
        call.headers.add(name, "a");
        refused(call);
    }
    for (const std::string& value : {std::string("a\r\nX: b"), std::string("a\nb"), std::string("a\rb"),
                                     std::string("a\0b", 3), std::string("\x7f")}) {
        HttpCall call = harness.get(server.url());
        call.headers.add("X", value);
        refused(call);
    }
    refused(harness.get("http://user@127.0.0.1/"));
    CHECK(harness.dialled.empty());
}

TEST_CASE("errors name the path, and nothing that may be secret") {
    ClientHarness harness;
    PeerServer server(harness);
    HttpCall call = harness.post(server.url("/path?key=secret"), "secret");
    call.headers.add("Authorization", "secret");
    PendingCall pending = harness.start(call);
    Peer peer = server.accept();
    (void)peer.read_head();
    peer.send("HTTP/1.1 200 secret\r\nX: secret\r\nContent-Length: secret\r\n\r\n");
    const Result<HttpAnswer> answer = pending.wait();
    CHECK(code_of(answer) == ErrorCode::corrupted);
    CHECK(answer.error().message.starts_with("POST " + server.url("/path") + ": "));
    CHECK(answer.error().message.find("secret") == std::string::npos);
}

TEST_CASE("a redirect is an answer, and not followed") {
    ClientHarness harness;
    PeerServer server(harness);
    PendingCall pending = harness.start(server.url());
    Peer peer = server.accept();
    (void)peer.read_head();
    peer.send("HTTP/1.1 302 Found\r\nLocation: " + server.url("/other") + "\r\nContent-Length: 0\r\n\r\n");
    const Result<HttpAnswer> answer = pending.wait();
    REQUIRE(answer.has_value());
    CHECK(answer->status == 302);
    CHECK(*answer->headers.find("Location") == server.url("/other"));
    CHECK(harness.dialled.size() == 1);
}

TEST_CASE("a server that refuses a large body while it is sent is heard") {
    ClientHarness harness;
    PeerServer server(harness);
    PendingCall pending = harness.start(harness.post(server.url(), std::string(32 << 20, 'x')));
    Peer peer = server.accept();
    SUBCASE("and keeps the connection open, without reading on") {
        peer.stop_reading();
        peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    }
    SUBCASE("and closes with the rest unread") {
        (void)peer.read_head();
        peer.stop_reading();
        peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
        peer.close();
    }
    const Result<HttpAnswer> answer = pending.wait();
    REQUIRE(answer.has_value());
    CHECK(answer->status == 413);
    CHECK(answer->body == "no");
    PendingCall next = harness.start(server.url()); // on a new connection: half a request is on the first
    Peer next_peer = server.accept();
    CHECK(next_peer.read_head().starts_with("GET / "));
}

TEST_CASE("a server may begin its answer while it takes the body") {
    ClientHarness harness;
    PeerServer server(harness);
    const std::string body(4 << 20, 'x');
    PendingCall pending = harness.start(harness.post(server.url(), body));
    Peer peer = server.accept();
    peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
    (void)peer.read_head();
    CHECK(peer.read(body.size()) == body);
    peer.send("k");
    CHECK(pending.wait()->body == "ok");
}

TEST_CASE("the time for connecting does not limit the answer") {
    ClientHarness harness;
    harness.options.connect_timeout = std::chrono::milliseconds(300);
    PeerServer server(harness);
    PendingCall pending = harness.start(server.url());
    Peer peer = server.accept();
    (void)peer.read_head();
    HttpCall longer = harness.get(server.url());
    longer.timeout = std::chrono::milliseconds(400);
    CHECK(code_of(harness.call(longer)) == ErrorCode::unknown_outcome); // so the other's time for connecting is over
    CHECK_FALSE(pending.done());
    peer.send(hello_answer);
    CHECK(pending.wait().has_value());
}

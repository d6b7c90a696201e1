// What a call does on the wire, and what it answers.
#include "net/http_client_harness.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

const std::string hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

ErrorCode code_of(const Result<HttpAnswer>& answer) {
    REQUIRE(!answer.has_value());
    return answer.error().code;
}

} // namespace

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
    peer.send(hello);
    CHECK(pending.wait()->body == "hello");
}

TEST_CASE("a connection is used again, and nothing of it keeps the loop alive") {
    ClientHarness harness;
    PeerServer server(harness);
    PendingCall first = harness.start(server.url("/1"));
    Peer peer = server.accept();
    (void)peer.read_head();
    peer.send(hello);
    CHECK(first.wait().has_value());
    PendingCall second = harness.start(server.url("/2"));
    CHECK(peer.read_head().starts_with("GET /2 "));
    peer.send(hello);
    CHECK(second.wait().has_value());
    CHECK(harness.dialled.size() == 1);
    peer.close();
    harness.loop.restart();
    harness.loop.run(); // ends: no call is under way
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

TEST_CASE("a name that leads to a blocked address is never dialled") {
    ClientHarness harness;
    PeerServer server(harness);
    harness.egress.allow_networks.clear();
    harness.names["inside.example"] = {"8.8.8.8", "127.0.0.1"};
    const Result<HttpAnswer> answer =
        harness.call("http://inside.example:" + std::to_string(server.port()) + "/path?secret=1");
    CHECK(code_of(answer) == ErrorCode::invalid_configuration);
    CHECK(answer.error().message == "GET http://inside.example:" + std::to_string(server.port()) +
                                        "/path: the name inside.example leads to where no call may go: 127.0.0.1 is no "
                                        "public address. If it is meant, open its network with allow_networks.");
    CHECK(harness.dialled.empty());
}

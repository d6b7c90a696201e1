// Which connection a call gets, and when it gets none.
#include "net/http_client_harness.hpp"

#include <doctest/doctest.h>

#include <memory>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const std::string with_keep_alive = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=9\r\nContent-Length: 5\r\n\r\nhello";

// A connection that a first call has left behind.
Peer rest_one(ClientHarness& harness, PeerServer& server, std::string_view answer = hello_answer) {
    PendingCall pending = harness.start(server.url("/first"));
    Peer peer = server.accept();
    CHECK(peer.read_head().starts_with("GET /first "));
    peer.send(answer);
    CHECK(pending.wait().has_value());
    return peer;
}

// Whether the next call comes on this connection.
bool used_again(ClientHarness& harness, PeerServer& server, Peer& peer) {
    const std::size_t before = harness.dialled.size();
    // What is not sent again when a connection turns out to be of no use.
    PendingCall pending = harness.start(harness.post(server.url("/second"), ""));
    harness.wait_until([&] { return !peer.state().received.empty() || harness.dialled.size() > before; });
    const bool again = harness.dialled.size() == before;
    Peer answering = again ? peer : server.accept();
    CHECK(answering.read_head().starts_with("POST /second "));
    answering.send(hello_answer);
    CHECK(pending.wait().has_value());
    return again;
}

} // namespace

TEST_CASE("a connection is used again, and nothing of it keeps the loop alive") {
    ClientHarness harness;
    PeerServer server(harness);
    Peer peer = rest_one(harness, server);
    CHECK(used_again(harness, server, peer));
    peer.close();
    harness.loop.restart();
    harness.loop.poll();
    CHECK(harness.loop.stopped()); // it has nothing left to wait for
}

TEST_CASE("a connection that its server gives up is not used again") {
    ClientHarness harness;
    PeerServer server(harness);
    std::string answer = hello_answer;
    SUBCASE("by a header") { answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"; }
    SUBCASE("by its version") { answer = "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"; }
    SUBCASE("by keeping it hardly longer than an answer takes") {
        answer = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n";
    }
    SUBCASE("by sending more than the answer") { answer += "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"; }
    Peer peer = rest_one(harness, server, answer);
    CHECK(peer.ended());
    CHECK_FALSE(used_again(harness, server, peer));
}

TEST_CASE("a connection on which something came while it rested is not used again") {
    ClientHarness harness;
    PeerServer server(harness);
    Peer peer = rest_one(harness, server);
    SUBCASE("an answer that nobody asked for") { peer.send(hello_answer); }
    SUBCASE("its end") { peer.close(); }
    SUBCASE("its reset") { peer.close_with_reset(); }
    CHECK_FALSE(used_again(harness, server, peer));
}

TEST_CASE("a connection rests no longer than it may") {
    ClientHarness harness;
    PeerServer server(harness);
    SUBCASE("as the server said, less a second") {
        Peer peer = rest_one(harness, server, with_keep_alive);
        harness.now += milliseconds(3999);
        CHECK(used_again(harness, server, peer));
    }
    SUBCASE("as the server said, less a second, and not longer") {
        Peer peer = rest_one(harness, server, with_keep_alive);
        harness.now += milliseconds(4000);
        CHECK_FALSE(used_again(harness, server, peer));
    }
    SUBCASE("as the client wants") {
        Peer peer = rest_one(harness, server);
        harness.now += milliseconds(29'999);
        CHECK(used_again(harness, server, peer));
    }
    SUBCASE("as the client wants, and not longer") {
        Peer peer = rest_one(harness, server);
        harness.now += milliseconds(30'000);
        CHECK_FALSE(used_again(harness, server, peer));
    }
}

TEST_CASE("connections that rested too long are closed by calls to others") {
    ClientHarness harness;
    PeerServer server(harness), other(harness);
    Peer peer = rest_one(harness, server);
    harness.now += seconds(31);
    (void)rest_one(harness, other);
    CHECK(peer.ended());
}

TEST_CASE("of more resting connections than may be, the one that rested longest is closed") {
    ClientHarness harness;
    harness.options.max_idle_connections = 2;
    PeerServer first(harness), second(harness), third(harness);
    Peer oldest = rest_one(harness, first);
    Peer middle = rest_one(harness, second);
    Peer newest = rest_one(harness, third);
    CHECK(oldest.ended());
    CHECK(used_again(harness, second, middle));
    CHECK(used_again(harness, third, newest));
}

TEST_CASE("a kept connection that ends when it is used again") {
    ClientHarness harness;
    PeerServer server(harness);
    Peer peer = rest_one(harness, server);
    HttpCall call = harness.get(server.url("/second"));
    SUBCASE("a GET is sent again on a new one") {}
    SUBCASE("a HEAD is sent again on a new one") { call.method = "HEAD"; }
    PendingCall pending = harness.start(call);
    (void)peer.read_head();
    peer.close_with_reset();
    Peer next = server.accept();
    CHECK(next.read_head().starts_with(call.method + " /second "));
    SUBCASE("and answered there") {
        next.send("HTTP/1.1 204 No Content\r\n\r\n");
        CHECK(pending.wait()->status == 204);
    }
    SUBCASE("and not a third time") {
        next.close();
        CHECK(code_of(pending.wait()) == ErrorCode::unknown_outcome);
    }
    CHECK_FALSE(server.has_more());
}

TEST_CASE("what may have been done is not sent again") {
    ClientHarness harness;
    PeerServer server(harness);
    SUBCASE("a POST on a kept connection") {
        Peer peer = rest_one(harness, server);
        PendingCall pending = harness.start(harness.post(server.url(), "body"));
        (void)peer.read_head();
        peer.close();
        CHECK(code_of(pending.wait()) == ErrorCode::unknown_outcome);
    }
    SUBCASE("a GET whose answer began") {
        Peer peer = rest_one(harness, server);
        PendingCall pending = harness.start(server.url());
        (void)peer.read_head();
        peer.send("H");
        peer.close();
        CHECK(code_of(pending.wait()) == ErrorCode::unknown_outcome);
    }
    SUBCASE("a GET on a new connection") {
        PendingCall pending = harness.start(server.url());
        Peer peer = server.accept();
        (void)peer.read_head();
        peer.close();
        CHECK(code_of(pending.wait()) == ErrorCode::unknown_outcome);
    }
    CHECK_FALSE(server.has_more());
}

TEST_CASE("calls beyond the connections of a host wait in line") {
    ClientHarness harness;
    harness.options.max_connections_per_host = 1;
    PeerServer server(harness);
    PendingCall first = harness.start(server.url("/1"));
    PendingCall second = harness.start(harness.post(server.url("/2"), ""));
    PendingCall third = harness.start(server.url("/3"));
    Peer peer = server.accept();
    CHECK(peer.read_head().starts_with("GET /1 "));
    harness.settle();
    CHECK(peer.state().received.empty());
    CHECK_FALSE(server.has_more());

    SUBCASE("and get the connection in their order") {
        peer.send(hello_answer);
        CHECK(peer.read_head().starts_with("POST /2 "));
        peer.send(hello_answer);
        CHECK(peer.read_head().starts_with("GET /3 "));
        peer.send(hello_answer);
        CHECK(third.wait().has_value());
        CHECK(second.wait().has_value());
        CHECK(harness.dialled.size() == 1);
    }
    SUBCASE("and get a new one where the last was lost") {
        peer.close();
        CHECK(code_of(first.wait()) == ErrorCode::unknown_outcome);
        CHECK(server.accept().read_head().starts_with("POST /2 "));
    }
    SUBCASE("and get a new one where the last was closed behind its answer") {
        peer.send(hello_answer);
        peer.close();
        CHECK(first.wait().has_value());
        CHECK(server.accept().read_head().starts_with("POST /2 "));
    }
    SUBCASE("and leave it when they are cancelled") {
        second.cancel();
        harness.wait_until([&] { return second.done(); });
        CHECK(second.cancelled());
        peer.send(hello_answer);
        CHECK(peer.read_head().starts_with("GET /3 "));
    }
    SUBCASE("and give up the place that they were just given when they are cancelled") {
        peer.send(hello_answer);
        harness.wait_until([&] { return first.done(); });
        second.cancel();
        harness.wait_until([&] { return second.done(); });
        if (second.cancelled()) {
            CHECK(server.accept().read_head().starts_with("GET /3 "));
        }
    }
    for (PendingCall* call : {&first, &second, &third})
        call->cancel();
    harness.wait_until([&] { return first.done() && second.done() && third.done(); });
}

TEST_CASE("who waits in line for too long has sent nothing") {
    ClientHarness harness;
    harness.options.max_connections_per_host = 1;
    PeerServer server(harness);
    PendingCall first = harness.start(server.url("/1"));
    Peer peer = server.accept();
    HttpCall call = harness.post(server.url("/2"), "body");
    call.timeout = milliseconds(20);
    const Result<HttpAnswer> answer = harness.call(call);
    CHECK(code_of(answer) == ErrorCode::unavailable);
    CHECK(answer.error().message.find("max_connections_per_host") != std::string::npos);
    (void)peer.read_head();
    peer.send(hello_answer);
    CHECK(first.wait().has_value());
    CHECK(used_again(harness, server, peer));
}

TEST_CASE("a host that never answers holds up calls to itself only") {
    ClientHarness harness;
    harness.options.max_connections_per_host = 3;
    PeerServer silent(harness), lively(harness);
    std::vector<PendingCall> held;
    for (int count = 0; count < 10; ++count)
        held.push_back(harness.start(silent.url()));
    std::vector<Peer> peers;
    for (int count = 0; count < 3; ++count)
        peers.push_back(silent.accept());
    (void)rest_one(harness, lively);
    CHECK_FALSE(silent.has_more());
    for (PendingCall& call : held) {
        CHECK_FALSE(call.done());
        call.cancel();
    }
    harness.wait_until([&] { return std::ranges::all_of(held, [](PendingCall& call) { return call.done(); }); });
}

TEST_CASE("the connection of a call that ran out of time is not used again") {
    ClientHarness harness;
    PeerServer server(harness);
    HttpCall call = harness.get(server.url());
    call.timeout = milliseconds(20);
    PendingCall late = harness.start(call);
    Peer peer = server.accept();
    CHECK(code_of(late.wait()) == ErrorCode::unknown_outcome);
    (void)peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
    CHECK_FALSE(used_again(harness, server, peer));
}

TEST_CASE("connections are kept apart by scheme, host and port") {
    ClientHarness harness;
    harness.names["a.example"] = harness.names["b.example"] = {"127.0.0.1"};
    PeerServer server(harness);
    const std::string port = std::to_string(server.port());
    for (const std::string host : {"a.example", "b.example", "127.0.0.1"}) {
        PendingCall pending = harness.start("http://" + host + ":" + port + "/");
        Peer peer = server.accept();
        CHECK(peer.read_head().find("\r\nHost: " + host + ":" + port + "\r\n") != std::string::npos);
        peer.send(hello_answer);
        CHECK(pending.wait().has_value());
    }
}

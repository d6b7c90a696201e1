// Calls cancelled in every phase: at once, leaving the client as usable as before, and no half-used connection.
#include "net/http_client_harness.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;

namespace {

void cancel_now(ClientHarness& harness, PendingCall& pending) {
    CHECK_FALSE(pending.done());
    pending.cancel();
    harness.settle();
    CHECK(pending.cancelled());
}

// With one connection per host, which a call that was cancelled may not go on holding.
void call_again(ClientHarness& harness, PeerServer& server) {
    PendingCall pending = harness.start(server.url("/again"));
    Peer peer = server.accept();
    CHECK(peer.read_head().starts_with("GET /again "));
    peer.send(hello_answer);
    CHECK(pending.wait().has_value());
}

struct OneConnection : ClientHarness {
    OneConnection() { options.max_connections_per_host = 1; }
};

} // namespace

TEST_CASE("cancelled as it begins") {
    OneConnection harness;
    PeerServer server(harness);
    PendingCall pending = harness.start(server.url());
    cancel_now(harness, pending);
    CHECK(server.accept().ended());
    call_again(harness, server);
}

TEST_CASE("cancelled while it waits for a name, for which another waits, too") {
    OneConnection harness;
    PeerServer server(harness);
    harness.names["a.example"] = {"127.0.0.1"};
    harness.name_server_answers = false;
    const std::string port = std::to_string(server.port());
    PendingCall pending = harness.start("http://a.example:" + port + "/1");
    harness.settle();
    cancel_now(harness, pending);
    PendingCall other = harness.start("http://a.example:" + port + "/2");
    harness.name_server_answers = true;
    Peer peer = server.accept();
    CHECK(peer.read_head().starts_with("GET /2 "));
    peer.send(hello_answer);
    CHECK(other.wait().has_value());
    CHECK(harness.looked_up.size() == 1);
}

TEST_CASE("cancelled while it connects") {
    OneConnection harness;
    PeerServer server(harness);
    const DeafServer deaf(harness, "127.0.0.1", 0);
    PendingCall pending = harness.start(deaf.url());
    harness.wait_until([&] { return !harness.dialled.empty(); });
    harness.settle();
    cancel_now(harness, pending);
    call_again(harness, server);
}

TEST_CASE("cancelled while it agrees on TLS") {
    OneConnection harness;
    PeerServer server(harness);
    PendingCall pending = harness.start("https://127.0.0.1:" + std::to_string(server.port()) + "/");
    Peer peer = server.accept();
    (void)peer.read(5);
    cancel_now(harness, pending);
    CHECK(peer.ended());
    call_again(harness, server);
}

TEST_CASE("cancelled while its body is sent") {
    OneConnection harness;
    PeerServer server(harness);
    PendingCall pending = harness.start(harness.post(server.url(), std::string(32 << 20, 'x')));
    Peer peer = server.accept();
    (void)peer.read_head();
    peer.stop_reading();
    harness.settle();
    cancel_now(harness, pending);
    call_again(harness, server);
}

TEST_CASE("cancelled while it waits for its answer") {
    OneConnection harness;
    PeerServer server(harness);
    PendingCall pending = harness.start(server.url());
    Peer peer = server.accept();
    (void)peer.read_head();
    SUBCASE("of which nothing came") {}
    SUBCASE("of which a part of the head came") { peer.send("HTTP/1.1 200 OK\r\nContent-"); }
    SUBCASE("of which a part of the body came") { peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"); }
    SUBCASE("on a connection that was kept") {
        peer.send(hello_answer);
        CHECK(pending.wait().has_value());
        pending = harness.start(server.url());
        (void)peer.read_head();
    }
    harness.settle();
    cancel_now(harness, pending);
    CHECK(peer.ended());
    call_again(harness, server);
}

TEST_CASE("a call that nobody cancels completes when another is cancelled") {
    ClientHarness harness;
    PeerServer server(harness);
    PendingCall cancelled = harness.start(server.url("/1"));
    Peer first = server.accept();
    PendingCall other = harness.start(server.url("/2"));
    Peer second = server.accept();
    cancel_now(harness, cancelled);
    (void)second.read_head();
    second.send(hello_answer);
    CHECK(other.wait().has_value());
}

TEST_CASE("a client that is dropped with its loop's calls leaves nothing behind") {
    ClientHarness harness;
    PeerServer server(harness);
    PendingCall pending = harness.start(server.url());
    Peer peer = server.accept();
    harness.drop_client(); // not allowed, and survived all the same
    (void)peer.read_head();
    peer.send(hello_answer);
    CHECK(pending.wait().has_value());
}

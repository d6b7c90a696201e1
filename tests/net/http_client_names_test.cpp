// Names, the addresses that are dialled for them, and the proxy that dials instead.
#include "net/http_client_harness.hpp"

#include <doctest/doctest.h>

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>

using namespace castiel_sync;
using namespace castiel_sync::testing;
using std::chrono::milliseconds;
using Texts = std::vector<std::string>;

namespace {

std::string url_of(const std::string& host, const PeerServer& server) {
    return "http://" + host + ":" + std::to_string(server.port()) + "/path?query=1";
}

Result<HttpAnswer> call_and_answer(ClientHarness& harness, PeerServer& server, const std::string& host) {
    PendingCall pending = harness.start(url_of(host, server));
    Peer peer = server.accept();
    (void)peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return pending.wait();
}

} // namespace

TEST_CASE("a name that leads to a blocked address, too, is never dialled") {
    ClientHarness harness;
    PeerServer server(harness);
    harness.names["both.example"] = {"127.0.0.1", "10.0.0.1"};
    const Result<HttpAnswer> answer = harness.call(url_of("both.example", server));
    CHECK(code_of(answer) == ErrorCode::invalid_configuration);
    CHECK(answer.error().message == "GET http://both.example:" + std::to_string(server.port()) +
                                        "/path: the name both.example leads to where no call may go: 10.0.0.1 is no "
                                        "public address. If it is meant, open its network with allow_networks.");
    CHECK(harness.dialled.empty());
    CHECK_FALSE(server.has_more());
}

TEST_CASE("localhost is refused unless it is allowed") {
    ClientHarness harness;
    PeerServer server(harness);
    harness.names["localhost"] = {"::1", "127.0.0.1"};
    SUBCASE("it is not") {
        harness.egress.allow_networks.clear();
        CHECK(code_of(harness.call(url_of("localhost", server))) == ErrorCode::invalid_configuration);
        CHECK(harness.dialled.empty());
    }
    SUBCASE("in one of its families, it is not") {
        CHECK(code_of(harness.call(url_of("localhost", server))) == ErrorCode::invalid_configuration);
        CHECK(harness.dialled.empty());
    }
    SUBCASE("it is") {
        harness.egress.allow_networks = {"::1", "127.0.0.0/8"};
        CHECK(call_and_answer(harness, server, "localhost").has_value());
        CHECK(harness.dialled == Texts{"::1", "127.0.0.1"});
    }
}

TEST_CASE("an address that is blocked, and a port, are refused without a look-up") {
    ClientHarness harness;
    for (const std::string url : {"https://10.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.2]/",
                                  "https://169.254.169.254/", "https://a.example:22/"})
        CHECK(code_of(harness.call(url)) == ErrorCode::invalid_configuration);
    CHECK(harness.dialled.empty());
    CHECK(harness.looked_up.empty());
}

TEST_CASE("the addresses of a name are dialled in order, until one answers") {
    ClientHarness harness;
    harness.egress.allow_networks = {"127.0.0.0/8"};
    PeerServer server(harness);
    harness.names["a.example"] = {"127.0.0.2", "127.0.0.3", "127.0.0.1", "127.0.0.4"};
    CHECK(call_and_answer(harness, server, "a.example").has_value());
    CHECK(harness.dialled == Texts{"127.0.0.2", "127.0.0.3", "127.0.0.1"});
}

TEST_CASE("when none answers, nothing was sent") {
    ClientHarness harness;
    harness.egress.allow_networks = {"127.0.0.0/8"};
    PeerServer server(harness);
    harness.names["a.example"] = {"127.0.0.2", "127.0.0.3"};
    const Result<HttpAnswer> answer = harness.call(url_of("a.example", server));
    CHECK(code_of(answer) == ErrorCode::unavailable);
    CHECK(answer.error().message.ends_with("/path: no connection: 127.0.0.3: Connection refused."));
}

TEST_CASE("an address that does not answer leaves time to the next") {
    ClientHarness harness;
    harness.egress.allow_networks = {"127.0.0.0/8"};
    harness.options.connect_timeout = milliseconds(200);
    PeerServer server(harness);
    const DeafServer deaf(harness, "127.0.0.2", server.port());
    harness.names["a.example"] = {"127.0.0.2", "127.0.0.1"};
    CHECK(call_and_answer(harness, server, "a.example").has_value());
    CHECK(harness.dialled == Texts{"127.0.0.2", "127.0.0.1"});
}

TEST_CASE("a server that takes no connection in time was sent nothing") {
    ClientHarness harness;
    PeerServer server(harness);
    const DeafServer deaf(harness, "127.0.0.1", 0);
    HttpCall call = harness.post(deaf.url(), "body");
    SUBCASE("within connect_timeout") { harness.options.connect_timeout = milliseconds(20); }
    SUBCASE("within the call's own") { call.timeout = milliseconds(20); }
    CHECK(code_of(harness.call(call)) == ErrorCode::unavailable);
}

TEST_CASE("a name is looked up once for all that wait for it, and remembered for a while") {
    ClientHarness harness;
    PeerServer server(harness);
    harness.names["a.example"] = {"127.0.0.1"};
    harness.name_server_answers = false;
    PendingCall first = harness.start(url_of("a.example", server));
    PendingCall second = harness.start(url_of("a.example", server));
    harness.settle();
    harness.name_server_answers = true;
    Peer one = server.accept();
    Peer two = server.accept();
    CHECK(harness.looked_up == Texts{"a.example"});
    harness.now += milliseconds(9'999);
    CHECK(call_and_answer(harness, server, "a.example").has_value());
    CHECK(harness.looked_up.size() == 1);
    harness.now += milliseconds(1);
    CHECK(call_and_answer(harness, server, "a.example").has_value());
    CHECK(harness.looked_up.size() == 2);
    first.cancel();
    second.cancel();
    harness.wait_until([&] { return first.done() && second.done(); });
}

TEST_CASE("names are not remembered where that is not wanted") {
    ClientHarness harness;
    harness.options.name_lifetime = milliseconds(0);
    PeerServer server(harness);
    harness.names["a.example"] = {"127.0.0.1"};
    CHECK(call_and_answer(harness, server, "a.example").has_value());
    CHECK(call_and_answer(harness, server, "a.example").has_value());
    CHECK(harness.looked_up.size() == 2);
}

TEST_CASE("a name that is not found is looked up again by the next call") {
    ClientHarness harness;
    PeerServer server(harness);
    const Result<HttpAnswer> answer = harness.call(url_of("a.example", server));
    CHECK(code_of(answer) == ErrorCode::unavailable);
    CHECK(answer.error().message.find("Name or service not known") != std::string::npos);
    harness.names["a.example"] = {"127.0.0.1"};
    CHECK(call_and_answer(harness, server, "a.example").has_value());
}

TEST_CASE("a name without any address leads nowhere") {
    ClientHarness harness;
    PeerServer server(harness);
    harness.names["a.example"] = {};
    CHECK(code_of(harness.call(url_of("a.example", server))) == ErrorCode::unavailable);
}

TEST_CASE("a look-up that hangs is left behind on the deadline, and holds up no other host") {
    ClientHarness harness;
    PeerServer server(harness);
    harness.names["a.example"] = {"127.0.0.1"};
    harness.name_server_answers = false;
    HttpCall call = harness.post(url_of("a.example", server), "body");
    call.timeout = milliseconds(20);
    PendingCall hanging = harness.start(call);
    CHECK(call_and_answer(harness, server, "127.0.0.1").has_value());
    CHECK(code_of(hanging.wait()) == ErrorCode::unavailable);
    SUBCASE("what it finds later is good for the next call") {
        harness.name_server_answers = true;
        CHECK(call_and_answer(harness, server, "a.example").has_value());
        CHECK(harness.looked_up.size() == 1);
    }
    SUBCASE("what it finds when the client is gone is forgotten") {
        harness.drop_client();
        harness.name_server_answers = true;
        harness.settle();
        CHECK(harness.looked_up.size() == 1);
    }
}

TEST_CASE("a look-up that hangs is joined for a while; then another one is begun, whose answer is good for all") {
    ClientHarness harness;
    PeerServer server(harness);
    harness.name_server_answers = false;
    std::vector<PendingCall> calls;
    const auto start_after = [&](milliseconds pause) {
        harness.now += pause;
        calls.push_back(harness.start(url_of("a.example", server)));
        harness.settle();
    };
    const auto answer_next = [&] {
        harness.name_server.restart();
        CHECK(harness.name_server.poll_one() == 1);
        harness.settle();
    };
    const auto done = [&] { return std::ranges::count_if(calls, [](const PendingCall& each) { return each.done(); }); };
    start_after(milliseconds(0));
    start_after(milliseconds(9'999));
    start_after(milliseconds(1));
    for (int i = 0; i < 3; ++i)
        start_after(milliseconds(10'000)); // not one for each: they hang as well
    SUBCASE("the older one finds it after all") {
        harness.names["a.example"] = {};
        answer_next();
        CHECK(done() == 6);
        answer_next(); // too late for anybody
    }
    SUBCASE("the older one's failure says nothing while the newer one is under way") {
        answer_next();
        CHECK(done() == 0);
        harness.names["a.example"] = {};
        answer_next();
        CHECK(done() == 6);
    }
    SUBCASE("the newer one's failure is everybody's, and the next call asks anew") {
        answer_next();
        answer_next();
        CHECK(done() == 6);
        start_after(milliseconds(0));
        answer_next();
        CHECK(done() == 7);
    }
    harness.name_server.restart();
    CHECK(harness.name_server.poll_one() == 0);
}

TEST_CASE("the system's look-up answers every address, each once") {
    const Result<HttpAddresses> found = look_up_name("localhost");
    REQUIRE(found.has_value());
    REQUIRE(!found->empty());
    for (const auto& address : *found) {
        CHECK(address.is_loopback());
        CHECK(std::ranges::count(*found, address) == 1);
    }
    CHECK(!look_up_name("no-such-name.invalid").has_value());
}

TEST_CASE("a proxy is asked for the whole URL, and looks names up itself") {
    ClientHarness harness;
    PeerServer proxy(harness);
    harness.options.proxy = proxy.url("");
    PendingCall pending = harness.start("http://a.example/path?query=1");
    Peer peer = proxy.accept();
    CHECK(peer.read_head().starts_with("GET http://a.example/path?query=1 HTTP/1.1\r\nHost: a.example\r\n"));
    peer.send(hello_answer);
    CHECK(pending.wait().has_value());
    CHECK(harness.looked_up.empty());
    for (const std::string url : {"http://10.0.0.1/", "http://a.example:22/"})
        CHECK(code_of(harness.call(url)) == ErrorCode::invalid_configuration);
}

TEST_CASE("a proxy that refuses to serve the client is no answer of the host") {
    ClientHarness harness;
    PeerServer proxy(harness);
    harness.options.proxy = proxy.url("");
    PendingCall pending = harness.start("http://a.example/");
    Peer peer = proxy.accept();
    (void)peer.read_head();
    peer.send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    CHECK(code_of(pending.wait()) == ErrorCode::invalid_configuration);
}

TEST_CASE("a proxy that opens no tunnel") {
    ClientHarness harness;
    PeerServer proxy(harness);
    harness.options.proxy = proxy.url("");
    PendingCall pending = harness.start("https://a.example/path");
    Peer peer = proxy.accept();
    CHECK(peer.read_head().starts_with("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n"));
    ErrorCode expected = ErrorCode::unavailable;
    SUBCASE("because it forbids that") {
        peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nnever");
        expected = ErrorCode::invalid_configuration;
    }
    SUBCASE("because it can't") { peer.send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nnever"); }
    SUBCASE("because it ends") { peer.close(); }
    SUBCASE("because it is none") { peer.send("220 mail.example ESMTP\r\n"); }
    SUBCASE("because somebody else speaks in it") { peer.send("HTTP/1.1 200 OK\r\n\r\nhello"); }
    CHECK(code_of(pending.wait()) == expected);
}

TEST_CASE("a client that can't work is not made") {
    const auto code = [](HttpClientOptions options) {
        boost::asio::io_context loop;
        const auto made = make_http_client(loop.get_executor(), std::move(options));
        REQUIRE(!made.has_value());
        return made.error().code;
    };
    boost::asio::io_context names;
    HttpClientOptions good;
    good.blocking = names.get_executor();
    HttpClientOptions options;
    CHECK(code(options) == ErrorCode::invalid_configuration);
    for (const std::string proxy :
         {"https://proxy:3128", "http://user@proxy:3128", "http://proxy/path", "proxy:3128"}) {
        options = good;
        options.proxy = proxy;
        CHECK(code(options) == ErrorCode::invalid_configuration);
    }
    options = good;
    options.user_agent = "a\r\nX: y";
    CHECK(code(options) == ErrorCode::invalid_configuration);
    options = good;
    options.ca_file = "/no/such/file.pem";
    CHECK(code(options) == ErrorCode::invalid_configuration);
    options = good;
    options.max_connections_per_host = 0;
    CHECK(code(options) == ErrorCode::invalid_configuration);
}

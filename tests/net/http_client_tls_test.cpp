// TLS against a real server of it: whose certificates are trusted, and what is said when they are not.
#include "net/certificates.hpp"
#include "net/http_client_harness.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <doctest/doctest.h>
#include <openssl/ssl.h>

using namespace castiel_sync;
using namespace castiel_sync::testing;
namespace asio = boost::asio;
using asio::ip::tcp;
using TlsStream = asio::ssl::stream<tcp::socket>;

namespace {

const CertificateAuthority& authority() {
    static const CertificateAuthority made;
    return made;
}

// The server's end of one connection. Nothing here waits but for the loop.
struct TlsPeer {
    TlsPeer(ClientHarness& harness, Peer accepted, asio::ssl::context& context)
        : harness_(harness), kept(std::make_shared<Kept>(take_socket(accepted), context)), stream(kept->stream) {
        stream.async_handshake(TlsStream::server, [kept = kept](boost::system::error_code problem) {
            kept->agreed = !problem;
            kept->done = true;
        });
    }
    ~TlsPeer() { stream.next_layer().close(); }
    TlsPeer(const TlsPeer&) = delete;
    TlsPeer& operator=(const TlsPeer&) = delete;

    // The bytes that the plain peer was about to read belong to TLS.
    static tcp::socket take_socket(Peer& peer) { return std::move(peer.state().socket); }

    [[nodiscard]] bool agree() {
        harness_.wait_until([this] { return kept->done; });
        return kept->agreed;
    }

    [[nodiscard]] std::string read_head() {
        while (received.find("\r\n\r\n") == std::string::npos) {
            std::optional<boost::system::error_code> ended;
            stream.async_read_some(asio::buffer(buffer), [&](boost::system::error_code problem, std::size_t bytes) {
                received.append(buffer.data(), bytes);
                ended = problem;
            });
            harness_.wait_until([&] { return ended.has_value(); });
            REQUIRE(!*ended);
        }
        return std::exchange(received, {});
    }

    void send(std::string_view bytes) {
        bool sent = false;
        asio::async_write(stream, asio::buffer(bytes), [&](boost::system::error_code, std::size_t) { sent = true; });
        harness_.wait_until([&] { return sent; });
    }

    // Asio needs it until it has told how the handshake went.
    struct Kept {
        Kept(tcp::socket socket, asio::ssl::context& context) : stream(std::move(socket), context) {}
        TlsStream stream;
        bool agreed = false;
        bool done = false;
    };

    ClientHarness& harness_;
    std::shared_ptr<Kept> kept;
    TlsStream& stream;
    std::array<char, 4096> buffer{};
    std::string received;
};

class TlsServer {
public:
    TlsServer(ClientHarness& harness, const CertificatePlan& plan, const CertificateAuthority& signer = authority())
        : context(asio::ssl::context::tls_server), harness_(harness), server_(harness) {
        const Certificate certificate = signer.sign(plan);
        context.use_certificate(asio::buffer(certificate.certificate), asio::ssl::context::pem);
        context.use_private_key(asio::buffer(certificate.key), asio::ssl::context::pem);
    }

    [[nodiscard]] std::unique_ptr<TlsPeer> accept() {
        return std::make_unique<TlsPeer>(harness_, server_.accept_unread(), context);
    }
    [[nodiscard]] std::string url(const std::string& host = "127.0.0.1") const {
        return "https://" + host + ":" + std::to_string(server_.port()) + "/path?query";
    }

    asio::ssl::context context;

private:
    ClientHarness& harness_;
    PeerServer server_;
};

// A call that has to fail before anything of it is sent.
Error refusal_of(ClientHarness& harness, TlsServer& server, const std::string& url) {
    PendingCall pending = harness.start(url);
    const auto peer = server.accept();
    const Result<HttpAnswer> answer = pending.wait();
    REQUIRE(!answer.has_value());
    return answer.error();
}

struct TlsHarness : ClientHarness {
    TlsHarness() {
        options.ca_file = authority().file();
        names["localhost"] = names["other.example"] = {"127.0.0.1"};
    }
};

} // namespace

TEST_CASE("a server whose certificate is signed by the authority of ca_file is trusted, for its name and its address") {
    for (const std::string host : {"localhost", "127.0.0.1"}) {
        TlsHarness harness;
        TlsServer server(harness, CertificatePlan());
        PendingCall pending = harness.start(server.url(host));
        const auto peer = server.accept();
        REQUIRE(peer->agree());
        const char* asked_for = SSL_get_servername(peer->stream.native_handle(), TLSEXT_NAMETYPE_host_name);
        CHECK(std::string(asked_for ? asked_for : "") == (host == "localhost" ? "localhost" : "")); // names only
        CHECK(peer->read_head().starts_with("GET /path?query HTTP/1.1\r\nHost: " + host));
        peer->send(hello_answer);
        CHECK(pending.wait()->body == "hello");
        PendingCall second = harness.start(server.url(host)); // tickets that came meanwhile do not spoil it
        (void)peer->read_head();
        peer->send(hello_answer);
        CHECK(second.wait()->body == "hello");
        CHECK(harness.dialled.size() == 1);
    }
}

TEST_CASE("a large body goes out and a large answer comes back through TLS") {
    TlsHarness harness;
    TlsServer server(harness, CertificatePlan());
    const std::string body(1'000'000, 'x');
    PendingCall pending = harness.start(harness.post(server.url(), body));
    const auto peer = server.accept();
    std::string received = peer->read_head();
    received.erase(0, received.find("\r\n\r\n") + 4);
    while (received.size() < body.size()) {
        peer->received = "\r\n\r\n"; // whatever comes next, with a mark before it
        bool more = false;
        peer->stream.async_read_some(asio::buffer(peer->buffer), [&](boost::system::error_code, std::size_t bytes) {
            received.append(peer->buffer.data(), bytes);
            more = true;
        });
        harness.wait_until([&] { return more; });
    }
    CHECK(received == body);
    peer->send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + body);
    CHECK(pending.wait()->body == body);
}

TEST_CASE("a certificate that can't be trusted is a matter of configuration, and says what to do") {
    TlsHarness harness;
    std::string said;
    SUBCASE("it has expired") {
        CertificatePlan plan;
        plan.first_day = -3;
        plan.last_day = -1;
        TlsServer server(harness, plan);
        const Error error = refusal_of(harness, server, server.url());
        CHECK(error.code == ErrorCode::invalid_configuration);
        CHECK(error.message.find("expired") != std::string::npos);
        CHECK(error.message.starts_with("GET https://127.0.0.1:"));
    }
    SUBCASE("it is not valid yet") {
        CertificatePlan plan;
        plan.first_day = 1;
        plan.last_day = 2;
        TlsServer server(harness, plan);
        const Error error = refusal_of(harness, server, server.url());
        CHECK(error.code == ErrorCode::invalid_configuration);
        CHECK(error.message.find("not valid yet") != std::string::npos);
    }
    SUBCASE("it is for another name") {
        TlsServer server(harness, CertificatePlan());
        const Error error = refusal_of(harness, server, server.url("other.example"));
        CHECK(error.code == ErrorCode::invalid_configuration);
        CHECK(error.message.find("for another name") != std::string::npos);
    }
    SUBCASE("it is for another address") {
        CertificatePlan plan;
        plan.alternative_names = "IP:127.0.0.2,DNS:127.0.0.1";
        TlsServer server(harness, plan);
        const Error error = refusal_of(harness, server, server.url());
        CHECK(error.code == ErrorCode::invalid_configuration);
        CHECK(error.message.find("for another name") != std::string::npos);
    }
    SUBCASE("nobody knows who signed it") {
        harness.options.ca_file.clear();
        TlsServer server(harness, CertificatePlan());
        const Error error = refusal_of(harness, server, server.url());
        CHECK(error.code == ErrorCode::invalid_configuration);
        CHECK(error.message.find("ca_file") != std::string::npos);
    }
    SUBCASE("somebody else of the same name signed it") {
        const CertificateAuthority impostor;
        TlsServer server(harness, CertificatePlan(), impostor);
        const Error error = refusal_of(harness, server, server.url());
        CHECK(error.code == ErrorCode::invalid_configuration);
        CHECK(error.message.find("ca_file") != std::string::npos);
    }
}

TEST_CASE("TLS older than 1.2 is not spoken") {
    TlsHarness harness;
    TlsServer server(harness, CertificatePlan());
    SSL_CTX_set_security_level(server.context.native_handle(), 0);
    SSL_CTX_set_min_proto_version(server.context.native_handle(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(server.context.native_handle(), TLS1_1_VERSION);
    CHECK(refusal_of(harness, server, server.url()).code == ErrorCode::unavailable);
}

TEST_CASE("TLS 1.2 is spoken") {
    TlsHarness harness;
    TlsServer server(harness, CertificatePlan());
    SSL_CTX_set_max_proto_version(server.context.native_handle(), TLS1_2_VERSION);
    PendingCall pending = harness.start(server.url());
    const auto peer = server.accept();
    (void)peer->read_head();
    peer->send(hello_answer);
    CHECK(pending.wait().has_value());
}

TEST_CASE("a server without TLS was sent nothing") {
    TlsHarness harness;
    PeerServer server(harness);
    PendingCall pending = harness.start("https://127.0.0.1:" + std::to_string(server.port()) + "/");
    Peer peer = server.accept();
    SUBCASE("when it answers in plain text") { peer.send("HTTP/1.1 400 Bad Request\r\n\r\n"); }
    SUBCASE("when it goes away") { peer.close(); }
    CHECK(code_of(pending.wait()) == ErrorCode::unavailable);
}

TEST_CASE("a server that never agrees on TLS was sent nothing") {
    TlsHarness harness;
    harness.options.connect_timeout = std::chrono::milliseconds(30);
    PeerServer server(harness);
    PendingCall pending = harness.start("https://127.0.0.1:" + std::to_string(server.port()) + "/");
    Peer peer = server.accept();
    CHECK(code_of(pending.wait()) == ErrorCode::unavailable);
    CHECK(peer.ended());
}

TEST_CASE("a body that ends with the connection must end with TLS, too") {
    TlsHarness harness;
    TlsServer server(harness, CertificatePlan());
    PendingCall pending = harness.start(server.url());
    const auto peer = server.accept();
    (void)peer->read_head();
    peer->send("HTTP/1.1 200 OK\r\n\r\nhello");
    SUBCASE("and does") {
        peer->stream.async_shutdown([kept = peer->kept](boost::system::error_code) {});
        CHECK(pending.wait()->body == "hello");
    }
    SUBCASE("and was cut off") {
        peer->stream.next_layer().close();
        CHECK(code_of(pending.wait()) == ErrorCode::unknown_outcome);
    }
}

TEST_CASE("a kept connection whose TLS was ended is not used again") {
    TlsHarness harness;
    TlsServer server(harness, CertificatePlan());
    PendingCall first = harness.start(server.url());
    const auto peer = server.accept();
    (void)peer->read_head();
    peer->send(hello_answer);
    CHECK(first.wait().has_value());
    bool said = false;
    peer->stream.async_shutdown([&](boost::system::error_code) { said = true; });
    harness.settle();
    PendingCall second = harness.start(harness.post(server.url(), "body"));
    const auto next = server.accept();
    CHECK(next->read_head().starts_with("POST "));
    next->send(hello_answer);
    CHECK(second.wait().has_value());
    harness.wait_until([&] { return said; });
}

TEST_CASE("TLS goes through the tunnel of a proxy, for the name behind it") {
    TlsHarness harness;
    TlsServer server(harness, CertificatePlan());
    PeerServer proxy(harness);
    harness.options.proxy = proxy.url("");
    harness.names.clear();
    PendingCall pending = harness.start("https://localhost/path");
    Peer plain = proxy.accept();
    CHECK(plain.read_head() == "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n");
    plain.stop_reading();
    plain.send("HTTP/1.1 200 Connection established\r\nConnection: close\r\n\r\n");
    TlsPeer peer(harness, std::move(plain), server.context);
    CHECK(peer.read_head().starts_with("GET /path HTTP/1.1\r\nHost: localhost\r\n"));
    peer.send(hello_answer);
    CHECK(pending.wait()->body == "hello");
}

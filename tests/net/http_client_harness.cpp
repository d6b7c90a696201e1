#include "net/http_client_harness.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <utility>

#include <sys/socket.h>
#include <zlib.h>

namespace castiel_sync::testing {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

struct Keep {
    std::shared_ptr<PendingCall::State> state;

    void operator()(std::exception_ptr thrown, Result<HttpAnswer> answer) const {
        state->done = true;
        if (!thrown) {
            state->answer = std::move(answer);
            return;
        }
        try {
            std::rethrow_exception(thrown);
        } catch (const boost::system::system_error& error) {
            state->cancelled = error.code() == asio::error::operation_aborted;
            CHECK(state->cancelled);
        }
    }
};

void read_on(const std::shared_ptr<Peer::State>& state) {
    state->socket.async_read_some(asio::buffer(state->buffer),
                                  [state](boost::system::error_code problem, std::size_t bytes) {
                                      state->received.append(state->buffer.data(), bytes);
                                      state->ended = problem.failed();
                                      if (!problem && state->reads) read_on(state);
                                  });
}

void send_on(const std::shared_ptr<Peer::State>& state, const std::shared_ptr<const std::string>& bytes) {
    state->socket.async_write_some(asio::buffer(*bytes),
                                   [state, bytes](boost::system::error_code problem, std::size_t sent) {
                                       state->sent_for_ever += sent;
                                       if (!problem) send_on(state, bytes);
                                   });
}

} // namespace

PendingCall::PendingCall(ClientHarness& harness, HttpTransport& client, HttpCall call)
    : harness_(&harness), state_(std::make_shared<State>()) {
    asio::co_spawn(harness.loop, client.send(std::move(call)),
                   asio::bind_cancellation_slot(state_->signal.slot(), Keep{state_}));
}

Result<HttpAnswer> PendingCall::wait() {
    harness_->wait_until([this] { return state_->done; });
    REQUIRE(state_->answer.has_value());
    return *state_->answer;
}

Peer::Peer(ClientHarness& harness, tcp::socket accepted, bool reads)
    : harness_(harness), state_(std::make_shared<State>(std::move(accepted))) {
    state_->socket.set_option(tcp::no_delay(true));
    state_->reads = reads;
    if (reads) read_on(state_);
}

std::string Peer::read_head() {
    std::size_t end = 0;
    harness_.wait_until([&] {
        end = state_->received.find("\r\n\r\n");
        return end != std::string::npos || state_->ended;
    });
    REQUIRE(end != std::string::npos);
    std::string head = state_->received.substr(0, end + 4);
    state_->received.erase(0, end + 4);
    return head;
}

std::string Peer::read(std::size_t bytes) {
    harness_.wait_until([&] { return state_->received.size() >= bytes || state_->ended; });
    std::string text = state_->received.substr(0, bytes);
    state_->received.erase(0, text.size());
    return text;
}

bool Peer::ended() {
    harness_.wait_until([&] { return state_->ended; });
    return true;
}

void Peer::send(std::string_view bytes) {
    boost::system::error_code ignored; // the client may have gone
    asio::write(state_->socket, asio::buffer(bytes), ignored);
}

void Peer::send_for_ever(std::string bytes) { send_on(state_, std::make_shared<const std::string>(std::move(bytes))); }

void Peer::stop_reading() {
    state_->reads = false;
    state_->socket.cancel();
    harness_.settle();
    state_->ended = false;
}

void Peer::close() { state_->socket.close(); }

void Peer::close_with_reset() {
    state_->socket.set_option(tcp::socket::linger(true, 0));
    state_->socket.close();
}

PeerServer::PeerServer(ClientHarness& harness, const char* address)
    : harness_(harness), acceptor_(harness.loop, tcp::endpoint(asio::ip::make_address(address), 0)),
      port_(acceptor_.local_endpoint().port()) {
    harness.egress.allowed_ports.push_back(port_);
}

Peer PeerServer::accept_one(bool reads) {
    std::optional<tcp::socket> accepted;
    acceptor_.async_accept([&](boost::system::error_code problem, tcp::socket socket) {
        REQUIRE(!problem);
        accepted.emplace(std::move(socket));
    });
    harness_.wait_until([&] { return accepted.has_value(); });
    return Peer(harness_, *std::move(accepted), reads);
}

bool PeerServer::has_more() {
    harness_.settle();
    acceptor_.non_blocking(true);
    boost::system::error_code problem;
    tcp::socket socket(harness_.loop);
    acceptor_.accept(socket, problem);
    acceptor_.non_blocking(false);
    return !problem;
}

std::string PeerServer::url(std::string_view target) const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(target);
}

DeafServer::DeafServer(ClientHarness& harness, const char* address, std::uint16_t port)
    : acceptor_(harness.loop, tcp::v4()) {
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(tcp::endpoint(asio::ip::make_address(address), port));
    acceptor_.listen(0);
    port_ = acceptor_.local_endpoint().port();
    harness.egress.allowed_ports.push_back(port_);
    for (int count = 0; count < 4; ++count) { // one fits in, one may fit behind it
        tcp::socket& socket = queue_.emplace_back(harness.loop, tcp::v4());
        socket.non_blocking(true);
        const tcp::endpoint endpoint = acceptor_.local_endpoint();
        (void)::connect(socket.native_handle(), endpoint.data(),
                        static_cast<socklen_t>(endpoint.size())); // not waiting
    }
}

ClientHarness::ClientHarness() {
    // The system's authorities are none of a test's business, and take long to read.
    ::setenv("SSL_CERT_FILE", "/dev/null", 1);
    ::setenv("SSL_CERT_DIR", "/dev/null", 1);
    egress.allow_http = true;
    egress.allow_networks = {"127.0.0.1/32"};
    options.blocking = name_server.get_executor();
    options.on_dial = [this](const asio::ip::address& address, std::uint16_t) {
        dialled.push_back(address.to_string());
    };
}

ClientHarness::~ClientHarness() {
    client_ = nullptr;
    loop.restart();
    loop.poll();
}

HttpTransport& ClientHarness::client() {
    if (client_) return *client_;
    options.egress = EgressPolicy::make(egress).value();
    HttpClientSeams seams;
    seams.now = [this] { return now; };
    seams.resolver = [this](const std::string& name) -> Result<HttpAddresses> {
        looked_up.push_back(name);
        const auto found = names.find(name);
        if (found == names.end()) return Error(ErrorCode::unavailable, "Name or service not known");
        HttpAddresses addresses;
        for (const std::string& address : found->second)
            addresses.push_back(asio::ip::make_address(address));
        return addresses;
    };
    client_ = make_http_client(loop.get_executor(), options, seams).value();
    return *client_;
}

HttpCall ClientHarness::get(const std::string& url) {
    HttpCall call;
    call.url = url;
    call.timeout = std::chrono::hours(1); // no test waits that long by accident
    return call;
}

HttpCall ClientHarness::post(const std::string& url, std::string body) {
    HttpCall call = get(url);
    call.method = "POST";
    call.body = std::move(body);
    return call;
}

void ClientHarness::wait_until(const std::function<bool()>& is_so) {
    // The limit is for a test that fails: it should say so instead of waiting for ever.
    while (!is_so()) {
        name_server.restart();
        if (name_server_answers) name_server.poll();
        loop.restart();
        REQUIRE(loop.run_one_for(std::chrono::seconds(60)) > 0);
    }
}

void ClientHarness::settle() {
    for (std::size_t ran = 1; ran > 0;) {
        loop.restart();
        ran = loop.poll();
        name_server.restart();
        if (name_server_answers) ran += name_server.poll();
    }
}

ErrorCode code_of(const Result<HttpAnswer>& answer) {
    REQUIRE(!answer.has_value());
    return answer.error().code;
}

std::string gzip(std::string_view text) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string compressed(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
    stream.avail_out = static_cast<uInt>(compressed.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    compressed.resize(stream.total_out);
    deflateEnd(&stream);
    return compressed;
}

} // namespace castiel_sync::testing

// The client against servers that send exactly what a test says: all on one loop, which runs while a test waits for
// something to happen. Names are what a test makes of them, and time is where it puts it (but for deadlines).
#pragma once

#include <net/http_client_internal.hpp>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::testing {

class ClientHarness;

// A call under way.
class PendingCall {
public:
    PendingCall(ClientHarness& harness, HttpTransport& client, HttpCall call);

    // Runs the loop until it is done.
    [[nodiscard]] Result<HttpAnswer> wait();
    [[nodiscard]] bool done() const { return state_->done; }
    [[nodiscard]] bool cancelled() const { return state_->cancelled; }
    // A signal may not be given to a coroutine that has ended.
    void cancel() {
        if (!state_->done) state_->signal.emit(boost::asio::cancellation_type::terminal);
    }

    struct State {
        boost::asio::cancellation_signal signal;
        bool done = false;
        bool cancelled = false;
        std::optional<Result<HttpAnswer>> answer;
    };

private:
    ClientHarness* harness_;
    std::shared_ptr<State> state_;
};

// The server's end of a connection.
class Peer {
public:
    // `reads`: from the beginning on.
    Peer(ClientHarness& harness, boost::asio::ip::tcp::socket accepted, bool reads = true);

    // The next request's head, with its last empty line.
    [[nodiscard]] std::string read_head();
    [[nodiscard]] std::string read(std::size_t bytes);
    // Whether the client's end is closed: waits for that.
    [[nodiscard]] bool ended();
    [[nodiscard]] bool ended_by_now() const { return state_->ended; }
    void send(std::string_view bytes);
    // Sends while the loop runs, as much as is taken, and gives up when the client does.
    void send_for_ever(std::string bytes);
    // What the client sends from now on stays in the kernel, and is missed when the connection is closed.
    void stop_reading();
    void close();
    void close_with_reset();

    struct State {
        explicit State(boost::asio::ip::tcp::socket accepted) : socket(std::move(accepted)) {}
        boost::asio::ip::tcp::socket socket;
        std::string received;
        std::array<char, 65536> buffer{};
        std::size_t sent_for_ever = 0;
        bool ended = false;
        bool reads = true;
    };
    [[nodiscard]] State& state() { return *state_; }

private:
    ClientHarness& harness_;
    std::shared_ptr<State> state_;
};

// Listens on a free port of 127.0.0.1, or of the address given.
class PeerServer {
public:
    explicit PeerServer(ClientHarness& harness, const char* address = "127.0.0.1");

    // The next connection: waits for it.
    [[nodiscard]] Peer accept() { return accept_one(true); }
    // For somebody else to read from.
    [[nodiscard]] Peer accept_unread() { return accept_one(false); }
    // Whether a connection waits that nobody accepted.
    [[nodiscard]] bool has_more();
    [[nodiscard]] std::string url(std::string_view target = "/") const;
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    [[nodiscard]] Peer accept_one(bool reads);

    ClientHarness& harness_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::uint16_t port_;
};

// Takes no connection: its queue is full.
class DeafServer {
public:
    DeafServer(ClientHarness& harness, const char* address, std::uint16_t port);
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

private:
    boost::asio::ip::tcp::acceptor acceptor_;
    std::uint16_t port_;
    std::vector<boost::asio::ip::tcp::socket> queue_;
};

class ClientHarness {
public:
    ClientHarness();
    ~ClientHarness();

    // With the options as they are at the first call. Plain http is allowed, and 127.0.0.1, and every port of a server.
    [[nodiscard]] HttpTransport& client();
    [[nodiscard]] PendingCall start(HttpCall call) { return PendingCall(*this, client(), std::move(call)); }
    [[nodiscard]] PendingCall start(const std::string& url) { return start(get(url)); }
    [[nodiscard]] Result<HttpAnswer> call(HttpCall call) { return start(std::move(call)).wait(); }
    [[nodiscard]] Result<HttpAnswer> call(const std::string& url) { return call(get(url)); }
    [[nodiscard]] static HttpCall get(const std::string& url);
    [[nodiscard]] static HttpCall post(const std::string& url, std::string body);

    // Runs the loop until it is so. Fails the test when nothing happens any more.
    void wait_until(const std::function<bool()>& is_so);
    // Everything that is ready now.
    void settle();
    // Ends the client, and expects that nothing of it is left on the loop.
    void drop_client() { client_ = nullptr; }

    boost::asio::io_context loop{1};
    boost::asio::io_context name_server{1}; // where look-ups run: when a test, or waiting, lets it
    bool name_server_answers = true;
    EgressOptions egress;
    HttpClientOptions options;
    std::map<std::string, std::vector<std::string>> names;
    std::vector<std::string> looked_up;
    std::vector<std::string> dialled; // addresses
    std::chrono::steady_clock::time_point now{};

private:
    std::shared_ptr<HttpTransport> client_;
};

inline const std::string hello_answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

// Of an answer that has to be an error.
[[nodiscard]] ErrorCode code_of(const Result<HttpAnswer>& answer);
[[nodiscard]] std::string gzip(std::string_view text);

} // namespace castiel_sync::testing

// A server on a free port with a clock that the test turns, and clients that send exact bytes: all on one loop, which
// runs while a test waits for something to happen.
#pragma once

#include <castiel_sync/http/server.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace castiel_sync::testing {

// Time that stands still until it is told to go on.
class TurnedClock final : public Clock {
public:
    explicit TurnedClock(boost::asio::io_context& loop) : loop_(loop) {}

    [[nodiscard]] Timestamp now() override;
    [[nodiscard]] std::chrono::nanoseconds monotonic() override { return now_; }
    Async<void> sleep_for(std::chrono::nanoseconds duration) override;

    void turn(std::chrono::nanoseconds by);
    [[nodiscard]] std::size_t sleepers() const { return sleepers_.size(); }

private:
    struct Sleeper {
        std::chrono::nanoseconds until;
        boost::asio::steady_timer timer;
        bool due = false;
    };
    boost::asio::io_context& loop_;
    std::chrono::nanoseconds now_{};
    std::list<Sleeper> sleepers_;
};

// Something that a handler waits for. Cancelling the waiting coroutine makes it throw, as anything that waits does.
class Gate {
public:
    explicit Gate(boost::asio::io_context& loop) : timer_(loop, boost::asio::steady_timer::time_point::max()) {}

    Async<void> wait();
    void open();
    [[nodiscard]] int waiting() const { return waiting_; }

private:
    boost::asio::steady_timer timer_;
    bool open_ = false;
    int waiting_ = 0;
};

class HttpHarness;

struct RawAnswer {
    std::string head; // with its last empty line
    std::string body; // chunks put together
    unsigned status = 0;
    bool whole = false;

    [[nodiscard]] bool says(std::string_view line) const {
        return head.find(std::string("\r\n").append(line).append("\r\n")) != std::string::npos;
    }
};

// A client that sends what it is told, and reads what comes.
class RawClient {
public:
    explicit RawClient(HttpHarness& harness);

    void send(std::string_view bytes);
    // The next answer. `head_only`: to a HEAD.
    [[nodiscard]] RawAnswer read(bool head_only = false);
    // Everything up to the end of the connection, however it ends.
    [[nodiscard]] std::string read_to_end();
    // Waits until the received bytes hold this, and throws them away up to its end. False: the connection ended first.
    bool read_past(std::string_view text);
    [[nodiscard]] bool reset_by_server() const { return reset_; }
    [[nodiscard]] bool ended() const { return ended_; }

    void close_sending();
    void close();
    void close_with_reset();
    // Starts to read, if it does not yet; what comes is kept.
    void begin_reading();

    boost::asio::ip::tcp::socket socket;

private:
    [[nodiscard]] bool read_more();
    [[nodiscard]] bool fill(std::size_t bytes);

    HttpHarness& harness_;
    std::string received_;
    std::array<char, 65536> buffer_{};
    bool reading_ = false;
    bool ended_ = false;
    bool reset_ = false;
};

class HttpHarness {
public:
    HttpHarness();
    ~HttpHarness();

    // Listens, with `options` and `handler` as they are now, and runs.
    void start();
    void listen();
    void run();
    [[nodiscard]] RawClient connect() { return RawClient(*this); }

    // Runs the loop until it is so. Fails the test when nothing happens any more.
    void wait_until(const std::function<bool()>& is_so);
    // The same, while time passes in steps.
    void pass_time_until(const std::function<bool()>& is_so);
    // Everything that is ready now.
    void settle();
    // Begins to stop; stopped() tells when it is done.
    void begin_stop(std::chrono::milliseconds grace);
    [[nodiscard]] bool stopped() const { return stopped_; }
    [[nodiscard]] bool run_ended() const { return run_ended_; }

    boost::asio::io_context loop{1};
    TurnedClock clock{loop};
    HttpServerOptions options;
    HttpServer::Handler handler; // the plain one, unless a test sets another
    HttpServer::Refusal refusal; // of which X-Refused tells
    std::vector<std::string> troubles;
    Gate gate{loop};
    std::unique_ptr<HttpServer> server;
    std::uint16_t port = 0;

private:
    bool stopped_ = false;
    bool run_ended_ = false;
};

// "METHOD TARGET BODY", and as status what stands in the target behind /status/.
Async<HttpResponse> answer_plainly(HttpRequest request);

inline const std::string get_request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

} // namespace castiel_sync::testing

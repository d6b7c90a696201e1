// One client's connection: one coroutine that reads a request, has it handled, sends the answer, and begins again.
#pragma once

#include <net/http_request_reader.hpp>
#include <net/http_response_head.hpp>
#include <net/http_server_state.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace castiel_sync {

// Cancellation. The slot of `cancellation` is the coroutine's. It is used against a stream whose client has gone or
//               whose server stops, and against everything at the end of stop()'s grace; never against a mere handler.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
public:
    HttpConnection(std::shared_ptr<HttpServerState> server, boost::asio::ip::tcp::socket socket, std::string peer);
    ~HttpConnection();
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    // The coroutine. `refused`: there are too many, and this one is told so.
    Async<void> serve(bool refused);

    // By the sweep: ends what took too long.
    void check_deadline();
    // By stop(): no request is begun any more.
    void stop_soon();
    // Ends everything now.
    void cancel();

    boost::asio::cancellation_signal cancellation;

private:
    friend class HttpBodyStream;
    enum class Phase { idle, reading_head, reading_body, handling, writing, streaming, lingering };
    enum class Received { request, refused, ended };

    void set_socket_options();
    Async<void> converse();
    Async<Received> receive();
    Async<HttpResponse> handle(HttpRequest request);
    Async<bool> answer(HttpResponse& response, bool head_only);
    Async<bool> stream_body(HttpResponse& response, bool chunked);
    Async<void> refuse(unsigned status, std::string message);
    Async<void> linger();

    // Sends what stands in unsent_. False: the client is gone.
    Async<bool> send_rest();
    [[nodiscard]] bool send_now();
    void take_sent(std::size_t bytes);
    void set_unsent(std::string_view first, std::string_view second = {}, std::string_view third = {});

    // Looks out for the end of the client while a stream runs.
    void watch();
    void note_watched(boost::system::error_code problem, std::uint64_t round);

    void enter(Phase phase);
    void enter_reading();
    void reset();
    void close();

    std::shared_ptr<HttpServerState> server_;
    boost::asio::ip::tcp::socket socket_;
    HttpServerState::Place place_;
    std::string peer_;
    HttpRequestReader reader_;
    HttpRefusal refusal_;
    std::string described_; // the request under way, for reports
    std::string head_;
    std::array<boost::asio::const_buffer, 3> unsent_;

    Phase phase_ = Phase::handling; // until it begins to read
    std::chrono::nanoseconds deadline_ = std::chrono::nanoseconds::max();
    std::uint64_t requests_ = 0;
    std::uint64_t watch_round_ = 0; // 0: nobody watches
    std::uint64_t watch_rounds_ = 0;
    bool expired_ = false;
    bool client_gone_ = false;
    bool last_ = false; // no request after this one
    bool streams_ = false;
    bool cancelled_ = false;
};

} // namespace castiel_sync

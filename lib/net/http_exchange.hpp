// One request sent and one answer received on a connection. Both at once: a server may answer before it has read all.
#pragma once

#include <net/http_answer_reader.hpp>
#include <net/http_client_socket.hpp>
#include <net/http_waiting.hpp>

#include <optional>
#include <span>
#include <string_view>

namespace castiel_sync {

class HttpExchange {
public:
    enum class End {
        whole,
        refused, // what came is no acceptable answer
        cut,     // the connection ended before the answer did
        expired,
    };

    // `scratch` may be used by others while this waits.
    HttpExchange(HttpWaiting& waiting, HttpClientSocket& socket, std::span<char> scratch, HttpAnswerLimits limits,
                 HttpAnswerTo to)
        : reader(limits, to), waiting_(waiting), socket_(socket), scratch_(scratch), sent_before_(socket.sent_bytes()) {
    }

    Async<End> run(std::string_view head, std::string_view body);

    // Whether a byte of the request may have arrived.
    [[nodiscard]] bool sent_anything() const { return socket_.sent_bytes() > sent_before_; }
    // After End::whole: whether another request can follow.
    [[nodiscard]] bool keeps_connection() const { return !unsent() && !send_failed_ && reader.keeps_connection(); }

    HttpAnswerReader reader;

private:
    [[nodiscard]] bool unsent() const { return !head_.empty() || !body_.empty(); }
    void stop_sending() { head_ = body_ = {}; }
    Async<bool> wait();
    void send_some();
    [[nodiscard]] std::optional<End> receive_some();
    [[nodiscard]] std::optional<End> put(std::string_view bytes);

    HttpWaiting& waiting_;
    HttpClientSocket& socket_;
    std::span<char> scratch_;
    std::size_t sent_before_;
    std::string_view head_;
    std::string_view body_;
    bool turn_over_ = false;
    bool send_failed_ = false;
    bool sending_wants_read_ = false;
    bool receiving_wants_write_ = false;
};

} // namespace castiel_sync

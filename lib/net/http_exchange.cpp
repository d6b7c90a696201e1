#include <net/http_exchange.hpp>

#include <algorithm>
#include <utility>

namespace castiel_sync {
namespace {

using State = HttpStep::State;
using Socket = boost::asio::ip::tcp::socket;

// A server that sends, or takes, as fast as this can would leave no turn to other calls.
constexpr std::size_t max_bytes_per_turn = 256 * 1024;

} // namespace

Async<HttpExchange::End> HttpExchange::run(std::string_view head, std::string_view body) {
    head_ = head;
    body_ = body;
    // A connection may have come at the very moment at which the time was over: then nothing is sent, and that is
    // known.
    if (waiting_.expired()) co_return End::expired;
    for (;;) {
        send_some();
        const bool in_time = co_await wait();
        if (!in_time) co_return End::expired;
        if (const std::optional<End> end = receive_some()) co_return *end;
    }
}

Async<bool> HttpExchange::wait() {
    if (std::exchange(turn_over_, false)) return waiting_.until_next_turn();
    if (receiving_wants_write_ || (unsent() && !sending_wants_read_))
        return waiting_.until_readable_or_writable(socket_.tcp);
    return waiting_.until_ready(socket_.tcp, Socket::wait_read);
}

void HttpExchange::send_some() {
    sending_wants_read_ = false;
    for (std::size_t sent = 0; unsent();) {
        if (sent >= max_bytes_per_turn) {
            turn_over_ = true;
            return;
        }
        const HttpStep step = socket_.write_some(head_, body_);
        if (step.state != State::done) {
            sending_wants_read_ = step.state == State::wants_read;
            send_failed_ = step.state == State::failed || step.state == State::ended;
            if (send_failed_) stop_sending(); // the answer may be here all the same
            return;
        }
        sent += step.bytes;
        const std::size_t of_head = std::min(step.bytes, head_.size());
        head_.remove_prefix(of_head);
        body_.remove_prefix(step.bytes - of_head);
    }
}

std::optional<HttpExchange::End> HttpExchange::receive_some() {
    receiving_wants_write_ = false;
    for (std::size_t received = 0; received < max_bytes_per_turn;) {
        const HttpStep step = socket_.read_some(scratch_);
        switch (step.state) {
        case State::wants_write:
            receiving_wants_write_ = true;
            return std::nullopt;
        case State::wants_read:
            if (send_failed_) return End::cut; // what will never be sent whole will not be answered any more
            return std::nullopt;
        case State::ended:
            return reader.end() == HttpAnswerReader::Step::whole ? End::whole : End::cut;
        case State::failed:
            return End::cut;
        case State::done:
            break;
        }
        if (const std::optional<End> end = put({scratch_.data(), step.bytes})) return end;
        received += step.bytes;
        if (!socket_.tls() && step.bytes < scratch_.size()) return std::nullopt; // there is no more for now
    }
    turn_over_ = true;
    return std::nullopt;
}

std::optional<HttpExchange::End> HttpExchange::put(std::string_view bytes) {
    switch (reader.put(bytes)) {
    case HttpAnswerReader::Step::whole:
        return End::whole;
    case HttpAnswerReader::Step::refused:
        return End::refused;
    case HttpAnswerReader::Step::cut:
    case HttpAnswerReader::Step::more:
        break;
    }
    return std::nullopt;
}

} // namespace castiel_sync

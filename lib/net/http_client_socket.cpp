#include <net/http_client_socket.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include <array>
#include <utility>

namespace castiel_sync {

namespace asio = boost::asio;

namespace {

using State = HttpStep::State;

HttpStep step_of(const boost::system::error_code& problem, std::size_t bytes, State waits) {
    if (!problem) return HttpStep(State::done, bytes);
    if (problem == asio::error::would_block || problem == asio::error::try_again) return HttpStep(waits);
    return HttpStep(problem == asio::error::eof ? State::ended : State::failed);
}

} // namespace

HttpClientSocket::~HttpClientSocket() {
    if (tls_) tls_->say_goodbye();
}

void HttpClientSocket::set_options() {
    boost::system::error_code ignored;
    tcp.non_blocking(true, ignored);
    tcp.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void HttpClientSocket::begin_tls(std::shared_ptr<HttpTlsContext> context, const std::string& host) {
    tls_ = std::make_unique<HttpTls>(std::move(context), tcp.native_handle(), host);
}

HttpStep HttpClientSocket::read_some(std::span<char> space) {
    if (tls_) return tls_->read_some(space);
    boost::system::error_code problem;
    const std::size_t bytes = tcp.read_some(asio::buffer(space.data(), space.size()), problem);
    return step_of(problem, bytes, State::wants_read);
}

HttpStep HttpClientSocket::write_some(std::string_view first, std::string_view second) {
    if (tls_) return tls_->write_some(first.empty() ? second : first);
    boost::system::error_code problem;
    const std::array<asio::const_buffer, 2> both{asio::buffer(first), asio::buffer(second)};
    const std::size_t bytes = tcp.write_some(both, problem);
    sent_bytes_ += bytes;
    return step_of(problem, bytes, State::wants_write);
}

bool HttpClientSocket::is_quiet() {
    if (tls_) return tls_->peek().state == State::wants_read; // tickets of sessions are received by looking
    boost::system::error_code problem;
    char byte = 0;
    tcp.receive(asio::buffer(&byte, 1), asio::ip::tcp::socket::message_peek, problem);
    return problem == asio::error::would_block || problem == asio::error::try_again;
}

} // namespace castiel_sync

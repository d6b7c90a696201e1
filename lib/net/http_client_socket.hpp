// A socket of the client, plain or with TLS. Its steps do not wait: whoever uses it waits for the socket in between.
#pragma once

#include <net/http_tls.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace castiel_sync {

class HttpClientSocket {
public:
    explicit HttpClientSocket(const boost::asio::any_io_executor& executor) : tcp(executor) {}
    ~HttpClientSocket();
    HttpClientSocket(const HttpClientSocket&) = delete;
    HttpClientSocket& operator=(const HttpClientSocket&) = delete;

    // Once it is connected.
    void set_options();
    void begin_tls(std::shared_ptr<HttpTlsContext> context, const std::string& host);
    [[nodiscard]] HttpTls* tls() const { return tls_.get(); }

    [[nodiscard]] HttpStep read_some(std::span<char> space);
    // Of `first`, then of `second`.
    [[nodiscard]] HttpStep write_some(std::string_view first, std::string_view second);
    // Whether nothing was received, not even the end: what a kept connection must be to be used again.
    [[nodiscard]] bool is_quiet();
    // That the kernel took, with what TLS adds.
    [[nodiscard]] std::size_t sent_bytes() const { return tls_ ? tls_->sent_bytes() : sent_bytes_; }

    boost::asio::ip::tcp::socket tcp;

private:
    std::unique_ptr<HttpTls> tls_;
    std::size_t sent_bytes_ = 0;
};

} // namespace castiel_sync

// What the calls of one client share. It lives as long as the last of them.
#pragma once

#include <net/http_client_internal.hpp>
#include <net/http_names.hpp>
#include <net/http_pool.hpp>
#include <net/http_tls.hpp>
#include <net/http_waiting.hpp>

#include <array>
#include <memory>
#include <optional>

namespace castiel_sync {

struct HttpClientState {
    HttpClientState(boost::asio::any_io_executor given_executor, HttpClientOptions given_options,
                    HttpClientSeams given_seams, std::shared_ptr<HttpTlsContext> given_tls,
                    std::optional<HttpUrl> given_proxy);

    const boost::asio::any_io_executor executor;
    const HttpClientOptions options;
    const HttpClientSeams seams;
    const std::shared_ptr<HttpTlsContext> tls;
    const std::optional<HttpUrl> proxy;
    const std::shared_ptr<HttpDeadlines> deadlines;
    HttpNames names;
    HttpPool pool;
    // Where every call reads to: what it read is parsed before anybody else reads. Connections have no buffers.
    std::array<char, 64 * 1024> scratch;
};

} // namespace castiel_sync

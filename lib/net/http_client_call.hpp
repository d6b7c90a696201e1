// One call of the client, from its place in line to its answer.
#pragma once

#include <net/http_client_state.hpp>
#include <net/http_exchange.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace castiel_sync {

class HttpClientCall {
public:
    HttpClientCall(std::shared_ptr<HttpClientState> state, const HttpCall& call, const HttpUrl& url);

    Async<Result<HttpAnswer>> run();

private:
    // A connection to where the requests go: the host, or the proxy; with TLS where the URL wants it.
    Async<Result<>> open();
    Async<Result<HttpAddresses>> find_addresses(const HttpUrl& target);
    Async<Result<>> dial(HttpAddresses addresses, std::uint16_t port);
    Async<Result<>> open_tunnel();
    Async<Result<>> agree_on_tls();

    [[nodiscard]] Result<> judge(const HttpAddresses& addresses) const;
    [[nodiscard]] Result<HttpAnswer> conclude(HttpExchange::End end, HttpExchange& exchange);
    void keep_connection(const HttpAnswerReader& reader);
    [[nodiscard]] bool may_repeat(HttpExchange::End end, const HttpExchange& exchange) const;
    [[nodiscard]] Error fault(ErrorCode code, std::string_view what) const;

    std::shared_ptr<HttpClientState> state_;
    const HttpCall& call_;
    const HttpUrl& url_;
    HttpWaiting waiting_;
    HttpPool::Place place_;
    HttpWaiting::TimePoint connect_limit_;
};

} // namespace castiel_sync

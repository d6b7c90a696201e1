#include <castiel_sync/http/client.hpp>

#include <core/http_syntax.hpp>
#include <net/http_client_call.hpp>
#include <net/http_client_request.hpp>
#include <net/http_client_state.hpp>

#include <fmt/format.h>

#include <utility>

namespace castiel_sync {

namespace asio = boost::asio;

namespace {

Async<Result<HttpAnswer>> send_call(std::shared_ptr<HttpClientState> state, HttpCall call) {
    const Result<> sendable = check_call(call);
    if (!sendable) co_return sendable.error();
    const Result<HttpUrl> url = parse_http_url(call.url);
    if (!url) co_return url.error();
    const Result<> judged = state->options.egress.check(*url);
    if (!judged)
        co_return Error(judged.error().code, fmt::format("{}: {}", describe_call(call, *url), judged.error().message));
    HttpClientCall running(std::move(state), call, *url);
    co_return co_await running.run();
}

class HttpClient final : public HttpTransport {
public:
    explicit HttpClient(std::shared_ptr<HttpClientState> state) : state_(std::move(state)) {}

    Async<Result<HttpAnswer>> send(HttpCall call) override { return send_call(state_, std::move(call)); }

private:
    std::shared_ptr<HttpClientState> state_;
};

Error misconfigured(std::string message) { return {ErrorCode::invalid_configuration, std::move(message)}; }

Result<std::optional<HttpUrl>> parse_proxy(const std::string& text) {
    if (text.empty()) return std::optional<HttpUrl>();
    const Result<HttpUrl> url = parse_http_url(text);
    if (!url || url->secure || url->target != "/")
        return misconfigured("The proxy of the HTTP client must look like http://host:port.");
    return std::optional<HttpUrl>(*url);
}

HttpPool::Limits pool_limits(const HttpClientOptions& options) {
    HttpPool::Limits limits;
    limits.connections_per_host = options.max_connections_per_host;
    limits.resting = options.max_idle_connections;
    limits.rest = options.idle_timeout;
    return limits;
}

} // namespace

HttpClientState::HttpClientState(asio::any_io_executor given_executor, HttpClientOptions given_options,
                                 HttpClientSeams given_seams, std::shared_ptr<HttpTlsContext> given_tls,
                                 std::optional<HttpUrl> given_proxy)
    : executor(std::move(given_executor)), options(std::move(given_options)), seams(std::move(given_seams)),
      tls(std::move(given_tls)), proxy(std::move(given_proxy)), deadlines(std::make_shared<HttpDeadlines>(executor)),
      names(executor, options.blocking, seams.resolver, options.name_lifetime, seams.now), pool(pool_limits(options)) {}

Result<std::shared_ptr<HttpTransport>> make_http_client(asio::any_io_executor executor, HttpClientOptions options) {
    return make_http_client(std::move(executor), std::move(options), HttpClientSeams());
}

Result<std::shared_ptr<HttpTransport>> make_http_client(asio::any_io_executor executor, HttpClientOptions options,
                                                        HttpClientSeams seams) {
    if (!options.blocking)
        return misconfigured("The HTTP client has no executor to look names up on. Set HttpClientOptions::blocking.");
    if (options.max_connections_per_host == 0)
        return misconfigured("The HTTP client may have no connections. Let max_connections_per_host be 1 or more.");
    if (!all_of(options.user_agent, value_character))
        return misconfigured("The user_agent of the HTTP client has a control character, such as a line break.");
    Result<std::optional<HttpUrl>> proxy = parse_proxy(options.proxy);
    if (!proxy) return proxy.error();
    Result<std::shared_ptr<HttpTlsContext>> tls = HttpTlsContext::make(options.ca_file);
    if (!tls) return tls.error();
    auto state = std::make_shared<HttpClientState>(std::move(executor), std::move(options), std::move(seams),
                                                   *std::move(tls), *std::move(proxy));
    return std::shared_ptr<HttpTransport>(std::make_shared<HttpClient>(std::move(state)));
}

} // namespace castiel_sync

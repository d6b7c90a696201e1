// The client on a strand of several threads, with names looked up on others: what it promises about threads, for the
// thread sanitizer to look at.
#include <castiel_sync/http/client.hpp>
#include <castiel_sync/http/server.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/static_thread_pool.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <future>
#include <string>
#include <vector>

using namespace castiel_sync;
namespace asio = boost::asio;

namespace {

Async<HttpResponse> handle(HttpRequest request) {
    HttpResponse response;
    response.body = request.target;
    co_return response;
}

HttpResponse refuse(unsigned, std::string message) {
    HttpResponse response;
    response.body = std::move(message);
    return response;
}

Async<int> call_often(std::shared_ptr<HttpTransport> client, std::string url, int calls) {
    int answered = 0;
    for (int number = 0; number < calls; ++number) {
        HttpCall call;
        call.url = url + std::to_string(number);
        const Result<HttpAnswer> answer = co_await client->send(std::move(call));
        answered += answer && answer->body == "/" + std::to_string(number);
    }
    co_return answered;
}

} // namespace

TEST_CASE("a client on a strand makes many calls at once") {
    constexpr int callers = 8, calls = 50;
    asio::static_thread_pool pool(3), names(2);
    const asio::any_io_executor strand = asio::make_strand(pool.get_executor());
    HttpServer server(strand, HttpServerOptions(), handle, refuse);
    const std::uint16_t port = server.listen().value();
    std::future<void> serving = asio::co_spawn(strand, server.run(), asio::use_future);

    EgressOptions egress;
    egress.allow_http = true;
    egress.allow_networks = {"127.0.0.0/8", "::1"};
    egress.allowed_ports = {port};
    HttpClientOptions options;
    options.egress = EgressPolicy::make(egress).value();
    options.blocking = names.get_executor();
    options.max_connections_per_host = 3;
    options.name_lifetime = std::chrono::milliseconds(0); // so that look-ups go on all the time
    options.max_idle_connections = 1;
    std::shared_ptr<HttpTransport> client = make_http_client(strand, options).value();
    const std::string url = "http://localhost:" + std::to_string(port) + "/";
    std::vector<std::future<int>> answered;
    for (int caller = 0; caller < callers; ++caller)
        answered.push_back(asio::co_spawn(strand, call_often(client, url, calls), asio::use_future));
    for (std::future<int>& count : answered)
        CHECK(count.get() == calls);
    asio::co_spawn(strand, server.stop(std::chrono::seconds(1)), asio::use_future).get();
    serving.get();
    pool.join(); // the last call's coroutine lets go of the client there
    client = nullptr;
    names.join();
}

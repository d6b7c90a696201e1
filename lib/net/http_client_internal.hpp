// The client with the parts of the machine that its tests replace.
#pragma once

#include <castiel_sync/http/client.hpp>

#include <net/http_names.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace castiel_sync {

struct HttpClientSeams {
    HttpResolver resolver = look_up_name;
    // How long connections rest, and how old names are. Deadlines have the machine's clock.
    std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;

    HttpClientSeams() = default;
};

[[nodiscard]] Result<std::shared_ptr<HttpTransport>> make_http_client(boost::asio::any_io_executor executor,
                                                                      HttpClientOptions options, HttpClientSeams seams);

} // namespace castiel_sync

// ScriptedTransport: an HttpTransport for tests whose answers are written down beforehand.
//
// Either a function answers every call,
//
//     ScriptedTransport transport([](const HttpCall& call) -> Result<HttpAnswer> {
//         if (call.method == "GET") return json_answer(200, {{"name", "Ada"}});
//         return Error(ErrorCode::unavailable, "no connection");
//     });
//
// or a list of exchanges does, each one once and in this order:
//
//     ScriptedTransport transport({{"GET", "https://crm.test/contacts/1", json_answer(404, nullptr)}});
//     …
//     CHECK(transport.faults().empty());
#pragma once

#include <castiel_sync/http/transport.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/runtime.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync::testing {

// A JSON body with its Content-Type.
[[nodiscard]] HttpAnswer json_answer(unsigned status, const json::value& body);
[[nodiscard]] HttpAnswer text_answer(unsigned status, std::string body, std::string content_type = "text/plain");

// A call that is expected, and what comes of it.
struct ScriptedExchange {
    std::string method = "GET";
    std::string url;
    Result<HttpAnswer> answer;
    std::optional<std::string> body; // the call's, byte for byte; nullopt: any

    ScriptedExchange(std::string call_method, std::string call_url, Result<HttpAnswer> call_answer,
                     std::optional<std::string> call_body = {})
        : method(std::move(call_method)), url(std::move(call_url)), answer(std::move(call_answer)),
          body(std::move(call_body)) {}
};

// Threading: on one executor. Cancellation: while it is slow, as of Clock::sleep_for.
class ScriptedTransport final : public HttpTransport {
public:
    using Handler = std::function<Result<HttpAnswer>(const HttpCall&)>;

    explicit ScriptedTransport(Handler handler);
    // A call that is not the next of the list is answered by invalid_request, and is a fault.
    explicit ScriptedTransport(std::vector<ScriptedExchange> exchanges);

    // From now on an answer takes so long. One that takes longer than the call's timeout is unknown_outcome after the
    // timeout; the handler was asked all the same, as by a request that arrived. The clock is borrowed.
    void set_latency(Clock& clock, std::chrono::nanoseconds latency);

    Async<Result<HttpAnswer>> send(HttpCall call) override;

    // Every call, in the order of arrival.
    [[nodiscard]] const std::vector<HttpCall>& calls() const { return calls_; }

    // What was not as the list of exchanges says, one line each: calls that came unexpected, and exchanges that nobody
    // asked for (yet). Always empty with a handler.
    [[nodiscard]] std::vector<std::string> faults() const;

private:
    [[nodiscard]] Result<HttpAnswer> next_exchange(const HttpCall& call);

    Handler handler_;
    std::vector<ScriptedExchange> exchanges_;
    std::size_t next_ = 0;
    std::vector<std::string> unexpected_;
    std::vector<HttpCall> calls_;
    Clock* clock_ = nullptr;
    std::chrono::nanoseconds latency_{0};
};

} // namespace castiel_sync::testing

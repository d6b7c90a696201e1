#include <castiel_sync/testing/scripted_transport.hpp>

#include <fmt/format.h>

namespace castiel_sync::testing {

HttpAnswer json_answer(unsigned status, const json::value& body) {
    return text_answer(status, to_json(body), "application/json");
}

HttpAnswer text_answer(unsigned status, std::string body, std::string content_type) {
    HttpAnswer answer;
    answer.status = status;
    answer.headers.add("Content-Type", std::move(content_type));
    answer.body = std::move(body);
    return answer;
}

ScriptedTransport::ScriptedTransport(Handler handler) : handler_(std::move(handler)) {}

ScriptedTransport::ScriptedTransport(std::vector<ScriptedExchange> exchanges) : exchanges_(std::move(exchanges)) {}

void ScriptedTransport::set_latency(Clock& clock, std::chrono::nanoseconds latency) {
    clock_ = &clock;
    latency_ = latency;
}

Async<Result<HttpAnswer>> ScriptedTransport::send(HttpCall call) {
    calls_.push_back(call);
    Result<HttpAnswer> answer = handler_ ? handler_(call) : next_exchange(call);
    if (!clock_ || latency_ <= std::chrono::nanoseconds(0)) co_return answer;
    if (latency_ > call.timeout) {
        co_await clock_->sleep_for(call.timeout);
        co_return Error(ErrorCode::unknown_outcome,
                        fmt::format("{}: no answer within {} ms", call.method, call.timeout.count()));
    }
    co_await clock_->sleep_for(latency_);
    co_return answer;
}

Result<HttpAnswer> ScriptedTransport::next_exchange(const HttpCall& call) {
    const auto refuse = [&](std::string why) -> Result<HttpAnswer> {
        unexpected_.push_back(fmt::format("call {}: {} {} came, {}", calls_.size(), call.method, call.url, why));
        return Error(ErrorCode::invalid_request, unexpected_.back());
    };
    if (next_ == exchanges_.size()) return refuse("and the script has ended");
    const ScriptedExchange& expected = exchanges_[next_];
    if (call.method != expected.method || call.url != expected.url)
        return refuse(fmt::format("and the script has {} {} next", expected.method, expected.url));
    if (expected.body && call.body != *expected.body)
        return refuse(fmt::format("and its body is {}, not {}", call.body, *expected.body));
    ++next_;
    return expected.answer;
}

std::vector<std::string> ScriptedTransport::faults() const {
    std::vector<std::string> faults = unexpected_;
    for (std::size_t place = next_; place < exchanges_.size(); ++place)
        faults.push_back(fmt::format("exchange {}: {} {} was not asked for", place + 1, exchanges_[place].method,
                                     exchanges_[place].url));
    return faults;
}

} // namespace castiel_sync::testing

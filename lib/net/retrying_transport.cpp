#include <castiel_sync/http/retry_after.hpp>
#include <castiel_sync/http/wrappers.hpp>

#include <core/retry.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace castiel_sync {
namespace {

using std::chrono::milliseconds;

bool is_read(const HttpCall& call) { return call.method == "GET" || call.method == "HEAD"; }

// Why the call may be tried again, or nullopt. As an Error, because that is what retry_delay judges.
std::optional<Error> reason_to_repeat(const Result<HttpAnswer>& answer, bool read, Timestamp now) {
    if (!answer) {
        Error error = answer.error();
        if (error.code == ErrorCode::unavailable || (error.code == ErrorCode::unknown_outcome && read)) return error;
        return std::nullopt;
    }
    switch (answer->status) {
    case 429:
    case 502:
    case 503:
    case 504:
        break;
    default:
        return std::nullopt;
    }
    Error reason(ErrorCode::unavailable, "");
    reason.retry_after = read_retry_after(answer->headers, now);
    return reason;
}

class RetryingTransport final : public HttpTransport {
public:
    RetryingTransport(std::shared_ptr<HttpTransport> inner, Runtime runtime, RetryOptions options)
        : inner_(std::move(inner)), runtime_(std::move(runtime)), policy_{std::max(options.base, milliseconds(0)),
                                                                          std::max(options.cap, milliseconds(0))},
          max_attempts_(options.max_attempts) {}

    Async<Result<HttpAnswer>> send(HttpCall call) override {
        const bool read = is_read(call);
        if ((!read && !call.repeatable) || max_attempts_ < 2) co_return co_await inner_->send(std::move(call));
        const auto deadline = runtime_.clock->monotonic() + call.timeout;
        for (std::size_t attempt = 1;; ++attempt) {
            auto answer = co_await inner_->send(call);
            if (attempt == max_attempts_) co_return answer;
            const auto reason = reason_to_repeat(answer, read, runtime_.clock->now());
            if (!reason) co_return answer;
            const auto left = left_until(deadline);
            // Coming again earlier than it asked for would be answered by the same, or by worse.
            if (reason->retry_after && (*reason->retry_after >= left || *reason->retry_after > policy_.cap))
                co_return answer;
            const auto delay = retry_delay(policy_, attempt - 1, *reason, *runtime_.random);
            if (delay >= left) co_return answer;
            co_await runtime_.clock->sleep_for(delay);
            // A process that stood still may wake later than it asked for.
            call.timeout = left_until(deadline);
            if (call.timeout <= milliseconds(0)) co_return answer;
        }
    }

private:
    [[nodiscard]] milliseconds left_until(std::chrono::nanoseconds deadline) const {
        return std::chrono::floor<milliseconds>(deadline - runtime_.clock->monotonic());
    }

    std::shared_ptr<HttpTransport> inner_;
    Runtime runtime_;
    RetryPolicy policy_;
    std::size_t max_attempts_;
};

} // namespace

std::shared_ptr<HttpTransport> make_retrying_transport(std::shared_ptr<HttpTransport> inner, Runtime runtime,
                                                       RetryOptions options) {
    return std::make_shared<RetryingTransport>(std::move(inner), std::move(runtime), options);
}

} // namespace castiel_sync

#include <castiel_sync/testing/faulty_transport.hpp>

#include <castiel_sync/json.hpp>
#include <castiel_sync/testing/scripted_transport.hpp>

#include <core/http_date.hpp>

#include <fmt/format.h>

#include <utility>

namespace castiel_sync::testing {
namespace {

using std::chrono::nanoseconds;
using Kind = Fault::Kind;

Async<void> send_late(SimLoop& loop, std::shared_ptr<HttpTransport> inner, nanoseconds lateness, HttpCall call) {
    co_await loop.sleep(lateness);
    (void)co_await inner->send(std::move(call));
}

Operation operation_of(const HttpCall& call) {
    const bool reads = call.method == "GET" || call.method == "HEAD" || call.method == "OPTIONS";
    return reads ? Operation::read_request : Operation::write_request;
}

unsigned status_of(const Fault& fault) { return fault.status == 0 ? 503 : fault.status; }

// Whether the system gets to see the request.
bool reaches_system(const Fault& fault) {
    switch (fault.kind) {
    case Kind::refused:
    case Kind::throttled:
    case Kind::request_lost:
    case Kind::late: // by itself
    case Kind::error_body:
        return false;
    case Kind::server_error:
        return fault.variant && status_of(fault) != 503;
    case Kind::html_body:
        return fault.variant;
    default:
        return true;
    }
}

HttpAnswer failure(unsigned status, std::string_view message) {
    return json_answer(status, {{"error", {{"code", status}, {"message", message}}}});
}

class FaultyTransport final : public HttpTransport {
public:
    FaultyTransport(SimulatedProcess& process, std::shared_ptr<HttpTransport> inner, FaultPlan& plan,
                    std::string resource)
        : process_(process), inner_(std::move(inner)), plan_(plan), resource_(std::move(resource)) {}

    Async<Result<HttpAnswer>> send(HttpCall call) override {
        co_await process_.pass();
        const Operation operation = operation_of(call);
        const Fault fault = plan_.next({resource_, operation});
        if (fault.kind == Kind::crash_before) process_.crash();
        if (fault.before + fault.after > call.timeout) co_return co_await time_out(fault, std::move(call));
        if (fault.before > nanoseconds{0}) co_await process_.loop().sleep(fault.before);
        // What was sent before the process died may arrive all the same.
        if (process_.crashed() && (!fault.arrives || fault.kind == Kind::crash_before)) co_await process_.pass();
        if (fault.kind == Kind::late)
            process_.loop().spawn(send_late(process_.loop(), inner_, fault.after + fault.lateness, call));
        Result<HttpAnswer> answer = Error(ErrorCode::unavailable, place(fault, call));
        if (reaches_system(fault)) answer = co_await reach(fault, call);
        if (fault.kind == Kind::crash_after) process_.crash();
        co_await process_.pass_after(fault.after);
        co_return told(fault, call, std::move(answer));
    }

private:
    Async<Result<HttpAnswer>> reach(Fault fault, HttpCall call) {
        auto answer = co_await inner_->send(call);
        if (fault.kind != Kind::duplicated) co_return answer;
        auto second = co_await inner_->send(std::move(call));
        if (fault.variant) co_return second;
        co_return answer;
    }

    Async<Result<HttpAnswer>> time_out(Fault fault, HttpCall call) {
        co_await process_.pass();
        const nanoseconds timeout = call.timeout;
        Error error(ErrorCode::unknown_outcome,
                    fmt::format("no answer within {} ms: simulated latency of {}.{}", call.timeout.count(), resource_,
                                to_string(operation_of(call))));
        if (reaches_system(fault) || fault.kind == Kind::late)
            process_.loop().spawn(send_late(process_.loop(), inner_, fault.before, std::move(call)));
        co_await process_.pass_after(timeout);
        co_return error;
    }

    // What the caller gets to see in the place of `answer`.
    Result<HttpAnswer> told(const Fault& fault, const HttpCall& call, Result<HttpAnswer> answer) {
        switch (fault.kind) {
        case Kind::throttled:
            return asking_for_time(failure(429, "too many requests"), fault);
        case Kind::server_error:
            return asking_for_time(failure(status_of(fault), "simulated"), fault);
        case Kind::html_body:
            return text_answer(200, "<!DOCTYPE html><title>Sign in</title><p>Please sign in.", "text/html");
        case Kind::error_body:
            return failure(200, "simulated failure");
        case Kind::request_lost:
        case Kind::answer_lost:
        case Kind::late:
            return Error(ErrorCode::unknown_outcome, place(fault, call));
        case Kind::partial:
            if (!answer) return answer;
            if (!fault.variant || answer->body.empty()) return Error(ErrorCode::unknown_outcome, place(fault, call));
            answer->body.resize(answer->body.size() / 2);
            return answer;
        default:
            return answer;
        }
    }

    HttpAnswer asking_for_time(HttpAnswer answer, const Fault& fault) {
        if (!fault.retry_after) return answer;
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(*fault.retry_after);
        const bool as_date = asked_for_time_++ % 2 == 1;
        // A second more: a date has no milliseconds.
        answer.headers.add("Retry-After", as_date
                                              ? to_http_date(process_.clock().now() + seconds + std::chrono::seconds(1))
                                              : fmt::format("{}", seconds.count()));
        return answer;
    }

    [[nodiscard]] std::string place(const Fault& fault, const HttpCall& call) const {
        return fmt::format("simulated fault {} of {}.{}", to_string(fault.kind), resource_,
                           to_string(operation_of(call)));
    }

    SimulatedProcess& process_;
    std::shared_ptr<HttpTransport> inner_;
    FaultPlan& plan_;
    std::string resource_;
    std::size_t asked_for_time_ = 0;
};

} // namespace

std::shared_ptr<HttpTransport> make_faulty_transport(SimulatedProcess& process, std::shared_ptr<HttpTransport> inner,
                                                     FaultPlan& plan, std::string resource) {
    return std::make_shared<FaultyTransport>(process, std::move(inner), plan, std::move(resource));
}

} // namespace castiel_sync::testing

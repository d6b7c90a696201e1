#include "readiness.hpp"

#include <fmt/format.h>

#include <utility>

namespace castiel_sync::service {
namespace {

Async<Result<>> read_nothing(Store& store) {
    std::vector<std::string> ids{"readiness"};
    auto answer = co_await store.read("readiness", "task", std::move(ids));
    if (!answer) co_return answer.error();
    co_return Result<>();
}

// The message is shown to whoever asks, without a token: what a part says of itself may name hosts and paths.
json::object failed_check(const Error& error) {
    return {{"status", "error"}, {"message", fmt::format("the part answers: {}", to_string(error.code))}};
}

double milliseconds_of(std::chrono::nanoseconds duration) {
    return std::chrono::duration<double, std::milli>(std::chrono::floor<std::chrono::microseconds>(duration)).count();
}

ReadinessAnswer make_answer(bool ready, json::object checks, Timestamp now) {
    ReadinessAnswer answer;
    answer.ready = ready;
    answer.body = json::object{
        {"status", ready ? "ready" : "not_ready"}, {"checks", std::move(checks)}, {"timestamp", to_string(now)}};
    return answer;
}

} // namespace

ReadinessCheck store_check(Store& store) {
    return {"store", [&store] { return read_nothing(store); }};
}

Readiness::Readiness(const Runtime& runtime, std::vector<ReadinessCheck> checks, const bool* stopping)
    : runtime_(runtime), stopping_(stopping) {
    for (ReadinessCheck& check : checks)
        parts_.push_back({std::move(check.name), SharedCall(runtime, std::move(check.ask))});
}

Async<ReadinessAnswer> Readiness::ask() {
    Clock& clock = *runtime_.clock;
    // Whoever is about to leave is asked for nothing any more, and its parts need not be.
    if (stopping_ != nullptr && *stopping_) {
        const json::object leaving{{"status", "error"}, {"message", "the service is stopping"}};
        co_return make_answer(false, json::object{{"service", leaving}}, clock.now());
    }
    const auto begin = clock.monotonic();
    if (answer_ && begin - answered_at_ < kept_for) co_return *answer_;
    for (Part& part : parts_)
        part.call.begin();
    std::string troubles;
    json::object checks;
    for (Part& part : parts_) {
        json::object check{{"status", "ok"}};
        const bool ended = co_await part.call.ended_by(begin + deadline);
        if (!ended)
            check = json::object{{"status", "error"},
                                 {"message", fmt::format("no answer within {} s", deadline.count())},
                                 {"latency_ms", milliseconds_of(clock.monotonic() - part.call.begun_at())}};
        else if (!part.call.outcome())
            check = failed_check(part.call.outcome().error());
        if (ended) check["latency_ms"] = milliseconds_of(part.call.duration());
        if (check["status"] != "ok") {
            const std::string reason = ended ? part.call.outcome().error().message : "does not answer";
            troubles += fmt::format("{}{}: {}", troubles.empty() ? "" : "; ", part.name, reason);
        }
        checks[part.name] = std::move(check);
    }
    // Others waited for the same calls: the first of them tells the log.
    if (answer_ && answered_at_ >= begin) co_return *answer_;
    ReadinessAnswer answer = make_answer(troubles.empty(), std::move(checks), clock.now());
    answer_ = answer;
    answered_at_ = clock.monotonic();
    answer.troubles = std::move(troubles);
    co_return answer;
}

} // namespace castiel_sync::service

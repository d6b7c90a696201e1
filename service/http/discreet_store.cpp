#include "discreet_store.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync::service {
namespace {

constexpr std::chrono::seconds between_equal_lines{10};

// What a client is told instead; empty: the error is about what was asked, and is told as it is.
std::string_view told(ErrorCode code) {
    switch (code) {
    case ErrorCode::unavailable:
    case ErrorCode::invalid_configuration: return "the store does not answer now; try again";
    case ErrorCode::out_of_space: return "the store has no space left; nothing was changed, try again later";
    case ErrorCode::corrupted: return "what is stored does not read back";
    case ErrorCode::internal: return "the store failed";
    default: return "";
    }
}

class DiscreetStore final : public Store {
public:
    DiscreetStore(Store& inner, Clock& clock,
                  std::function<void(LogLevel, std::string_view, const json::object&)> log)
        : inner_(inner), clock_(clock), log_(std::move(log)) {}

    [[nodiscard]] StoreLimits limits() const override { return inner_.limits(); }

    Async<Result<std::vector<std::optional<Document>>>> read(std::string partition, std::string kind,
                                                             std::vector<std::string> ids) override {
        auto answer = co_await inner_.read(std::move(partition), std::move(kind), std::move(ids));
        if (!answer) co_return discreet(answer.error());
        co_return answer;
    }
    Async<Result<DocumentPage>> query(std::string partition, std::string kind, Query query) override {
        auto answer = co_await inner_.query(std::move(partition), std::move(kind), std::move(query));
        if (!answer) co_return discreet(answer.error());
        co_return answer;
    }
    Async<Result<CommitReceipt>> commit(std::string partition, std::vector<Write> writes) override {
        auto answer = co_await inner_.commit(std::move(partition), std::move(writes));
        if (!answer) co_return discreet(answer.error());
        co_return answer;
    }
    Async<Result<ScanPage>> scan(std::string kind, Query query) override {
        auto answer = co_await inner_.scan(std::move(kind), std::move(query));
        if (!answer) co_return discreet(answer.error());
        co_return answer;
    }

private:
    Error discreet(const Error& error) {
        const std::string_view instead = told(error.code);
        if (instead.empty()) return error;
        const auto now = clock_.monotonic();
        if (error.message != last_message_ || !last_line_ || now - *last_line_ >= between_equal_lines) {
            log_(LogLevel::error, error.message, {{"code", to_string(error.code)}, {"linesLeftOut", unsaid_}});
            last_message_ = error.message;
            last_line_ = now;
            unsaid_ = 0;
        } else {
            ++unsaid_;
        }
        const bool ours = error.code == ErrorCode::invalid_configuration;
        Error answer(ours ? ErrorCode::unavailable : error.code, std::string(instead));
        answer.retry_after = error.retry_after;
        return answer;
    }

    Store& inner_;
    Clock& clock_;
    std::function<void(LogLevel, std::string_view, const json::object&)> log_;
    std::string last_message_;
    std::optional<std::chrono::nanoseconds> last_line_;
    std::uint64_t unsaid_ = 0; // since the last line, with the same message
};

} // namespace

std::unique_ptr<Store> make_discreet_store(
    Store& inner, Clock& clock, std::function<void(LogLevel, std::string_view, const json::object&)> log) {
    return std::make_unique<DiscreetStore>(inner, clock, std::move(log));
}

} // namespace castiel_sync::service

#include "discreet_store.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace castiel_sync::service {
namespace {

constexpr std::chrono::seconds between_lines{10};

// What a client is told instead; empty: the error is about what was asked, and is told as it is.
std::string_view told(ErrorCode code) {
    switch (code) {
    case ErrorCode::unavailable:
    case ErrorCode::invalid_configuration: return "the store does not answer now; try again";
    case ErrorCode::out_of_space: return "the store has no space left; nothing was changed, try again later";
    case ErrorCode::unknown_outcome: return "the store did not say whether this was stored; ask before you try again";
    case ErrorCode::corrupted: return "what is stored does not read back; the log has the store's own words";
    case ErrorCode::internal: return "the store failed; the log has its own words";
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
    struct Line { // the last one that was logged of a class
        std::optional<std::chrono::nanoseconds> at;
        std::uint64_t left_out = 0; // since then
    };

    Error discreet(const Error& error) {
        const std::string_view instead = told(error.code);
        if (instead.empty()) return error;
        Line& line = lines_[error.code];
        const auto now = clock_.monotonic();
        if (!line.at || now - *line.at >= between_lines) {
            log_(LogLevel::error, error.message, {{"code", to_string(error.code)}, {"linesLeftOut", line.left_out}});
            line = {now, 0};
        } else {
            ++line.left_out;
        }
        const bool ours = error.code == ErrorCode::invalid_configuration;
        Error answer(ours ? ErrorCode::unavailable : error.code, std::string(instead));
        answer.retry_after = error.retry_after;
        return answer;
    }

    Store& inner_;
    Clock& clock_;
    std::function<void(LogLevel, std::string_view, const json::object&)> log_;
    std::map<ErrorCode, Line> lines_;
};

} // namespace

std::unique_ptr<Store> make_discreet_store(
    Store& inner, Clock& clock, std::function<void(LogLevel, std::string_view, const json::object&)> log) {
    return std::make_unique<DiscreetStore>(inner, clock, std::move(log));
}

} // namespace castiel_sync::service

#include <castiel_sync/http/wrappers.hpp>

#include <net/masking.hpp>
#include <net/recorded_exchange.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace castiel_sync {
namespace {

struct Line {
    std::size_t number = 0;
    RecordedExchange exchange;
    bool used = false;
};

std::string_view without_query(std::string_view url) { return url.substr(0, url.find('?')); }

std::size_t common_length(std::string_view left, std::string_view right) {
    const auto [end, other] = std::ranges::mismatch(left, right);
    return static_cast<std::size_t>(end - left.begin());
}

// How near a recorded call is to one that was asked for: by place first, and only then by what is done there.
struct Nearness {
    bool same_url = false;
    bool same_path = false;
    std::size_t common = 0;
    bool same_method = false;
    auto operator<=>(const Nearness&) const = default;
};

Nearness nearness(const RecordedCall& recorded, const RecordedCall& asked) {
    Nearness near;
    near.same_url = recorded.url == asked.url;
    near.same_path = without_query(recorded.url) == without_query(asked.url);
    near.same_method = recorded.method == asked.method;
    // Of the same place, it says nothing how far two queries agree.
    if (!near.same_path) near.common = common_length(recorded.url, asked.url);
    return near;
}

std::string difference(const RecordedCall& recorded, const RecordedCall& asked) {
    const Nearness near = nearness(recorded, asked);
    if (!near.same_path) return "another place";
    if (!near.same_method) return "another method";
    return near.same_url ? "another body" : "another query";
}

class ReplayingTransport final : public HttpTransport {
public:
    ReplayingTransport(std::string name, std::vector<Line> lines, std::shared_ptr<Secrets> secrets)
        : name_(std::move(name)), lines_(std::move(lines)), secrets_(std::move(secrets)) {}

    Async<Result<HttpAnswer>> send(HttpCall call) override {
        add_sent_secrets(*secrets_, call.headers);
        co_return answer(masked_call(call, *secrets_));
    }

private:
    Result<HttpAnswer> answer(const RecordedCall& asked) {
        Line* last = nullptr;
        for (Line& line : lines_) {
            const RecordedCall& recorded = line.exchange.call;
            if (recorded.method != asked.method || recorded.url != asked.url || !recorded.same_body(asked)) continue;
            last = &line;
            if (!line.used) break;
        }
        if (!last) return not_recorded(asked);
        last->used = true;
        return last->exchange.answer;
    }

    // No queries and bodies: they may hold what a message should not.
    [[nodiscard]] Error not_recorded(const RecordedCall& asked) const {
        std::string message =
            fmt::format("{}: nothing is recorded for {} {}", name_, asked.method, without_query(asked.url));
        const auto near = [&](const Line& line) { return nearness(line.exchange.call, asked); };
        if (const auto nearest = std::ranges::max_element(lines_, {}, near); nearest != lines_.end())
            message += fmt::format("; the nearest is line {}, {} {}, which has {}", nearest->number,
                                   nearest->exchange.call.method, without_query(nearest->exchange.call.url),
                                   difference(nearest->exchange.call, asked));
        return {ErrorCode::invalid_request, message + "; record it, or write a line for it"};
    }

    std::string name_;
    std::vector<Line> lines_;
    std::shared_ptr<Secrets> secrets_;
};

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

// A file with more faults than these is no recording.
constexpr std::size_t max_told_faults = 20;

std::string tell(const std::vector<std::string>& faults) {
    const std::size_t told = std::min(faults.size(), max_told_faults);
    std::string text = fmt::format("{}", fmt::join(faults.begin(), faults.begin() + told, "; "));
    if (told < faults.size()) text += fmt::format("; and {} more", faults.size() - told);
    return text;
}

} // namespace

Result<std::shared_ptr<HttpTransport>> make_replaying_transport(std::string_view recording,
                                                                std::shared_ptr<Secrets> secrets, std::string name) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (recording.starts_with(byte_order_mark)) recording.remove_prefix(byte_order_mark.size());
    std::vector<Line> lines;
    std::vector<std::string> faults;
    for (std::size_t number = 1; !recording.empty(); ++number) {
        const std::size_t end = recording.find('\n');
        const std::string_view text = recording.substr(0, end);
        recording.remove_prefix(end == std::string_view::npos ? recording.size() : end + 1);
        if (is_blank(text)) continue;
        auto exchange = read_exchange(text);
        if (exchange)
            lines.push_back({number, std::move(*exchange), false});
        else
            faults.push_back(fmt::format("{}:{}: {}", name, number, exchange.error().message));
    }
    if (!faults.empty()) return Error(ErrorCode::invalid_configuration, tell(faults));
    return std::shared_ptr<HttpTransport>(
        std::make_shared<ReplayingTransport>(std::move(name), std::move(lines), std::move(secrets)));
}

} // namespace castiel_sync

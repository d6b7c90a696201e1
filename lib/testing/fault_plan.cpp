#include <castiel_sync/testing/fault_plan.hpp>

#include <utility>

namespace castiel_sync::testing {
namespace {

constexpr std::array<std::string_view, 11> operation_names{
    "read", "query", "commit", "scan", "check", "pull", "fetch", "push", "publish", "read_request", "write_request"};
constexpr std::array<std::string_view, Fault::kinds> fault_names{
    "none",        "refused",      "throttled", "request_lost", "answer_lost",    "late",
    "duplicated",  "stale",        "partial",   "repeated",     "cursor_expired", "crash_before",
    "crash_after", "server_error", "html_body", "error_body"};

constexpr std::array<unsigned, 4> server_errors{500, 502, 503, 504};

bool is_request(Operation operation) {
    return operation == Operation::read_request || operation == Operation::write_request;
}

// Does this kind of fault mean anything for this call? Otherwise the call goes well.
bool applies(Fault::Kind kind, Operation operation) {
    switch (kind) {
    case Fault::Kind::none: return false;
    case Fault::Kind::refused:
    case Fault::Kind::throttled:
    case Fault::Kind::request_lost:
    case Fault::Kind::crash_before:
    case Fault::Kind::crash_after: return true;
    case Fault::Kind::answer_lost: return has_effect(operation) || is_request(operation);
    case Fault::Kind::late:
        return operation == Operation::push || operation == Operation::commit ||
               operation == Operation::write_request;
    case Fault::Kind::stale: return operation == Operation::push || operation == Operation::commit;
    case Fault::Kind::duplicated:
        return operation == Operation::push || operation == Operation::publish ||
               operation == Operation::write_request;
    case Fault::Kind::partial:
        return operation == Operation::push || operation == Operation::publish || operation == Operation::pull ||
               operation == Operation::fetch || is_request(operation);
    case Fault::Kind::repeated:
    case Fault::Kind::cursor_expired: return operation == Operation::pull;
    case Fault::Kind::server_error:
    case Fault::Kind::html_body:
    case Fault::Kind::error_body: return is_request(operation);
    }
    return false;
}

// Mostly a small part of the whole, sometimes all of it: latencies have heavy tails.
std::chrono::nanoseconds draw_duration(Random& random, std::chrono::nanoseconds longest) {
    if (longest <= std::chrono::nanoseconds{0}) return std::chrono::nanoseconds{0};
    const auto share = uniform(random, 20);
    const auto bound = static_cast<std::uint64_t>(longest.count()) >> (share == 0 ? 0 : share < 4 ? 3 : 6);
    return std::chrono::nanoseconds{static_cast<std::int64_t>(uniform(random, bound + 1))};
}

} // namespace

std::string_view to_string(Operation operation) noexcept {
    return operation_names[static_cast<std::size_t>(operation)];
}

std::string_view to_string(Fault::Kind kind) noexcept { return fault_names[static_cast<std::size_t>(kind)]; }

RandomFaults::RandomFaults(std::uint64_t seed, std::map<std::string, FaultRates, std::less<>> rates_by_resource)
    : random_(make_seeded_random(seed)), rates_(std::move(rates_by_resource)) {}

Fault RandomFaults::next(const Call& call) {
    Fault fault;
    const auto rates = rates_.find(call.resource);
    if (rates == rates_.end()) return fault;
    fault.before = draw_duration(*random_, rates->second.max_latency);
    fault.after = draw_duration(*random_, rates->second.max_latency);
    auto roll = static_cast<std::uint32_t>(uniform(*random_, 1'000'000));
    const bool variant = (random_->next() & 1) != 0;
    fault.arrives = rates->second.late_arrivals && (random_->next() & 1) != 0;
    if (healed_) return fault;
    for (std::size_t i = 1; i < Fault::kinds; ++i) {
        const std::uint32_t rate = rates->second.per_million[i];
        if (roll >= rate) {
            roll -= rate;
            continue;
        }
        const auto kind = static_cast<Fault::Kind>(i);
        if (!applies(kind, call.operation)) break;
        fault.kind = kind;
        fault.variant = variant;
        fault.lateness = draw_duration(*random_, rates->second.max_lateness);
        if (kind == Fault::Kind::throttled && variant)
            fault.retry_after = std::chrono::milliseconds{static_cast<std::int64_t>(uniform(*random_, 20'000))};
        if (kind == Fault::Kind::server_error) fault.status = server_errors[uniform(*random_, server_errors.size())];
        ++injected_[i];
        break;
    }
    return fault;
}

NthCallFault::NthCallFault(std::string resource, std::uint64_t n, Fault fault, std::uint64_t count)
    : resource_(std::move(resource)), n_(n), fault_(fault), count_(count) {}

Fault NthCallFault::next(const Call& call) {
    if (call.resource != resource_) return {};
    const std::uint64_t number = ++calls_;
    if (healed_ || number < n_ || number - n_ >= count_ || n_ == 0 || !applies(fault_.kind, call.operation)) return {};
    struck_ = true;
    return fault_;
}

} // namespace castiel_sync::testing

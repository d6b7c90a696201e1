// FaultPlan: decides call by call what goes wrong with it. The wrappers FaultyStore, FaultyAdapter, FaultySink
// and FaultyTransport ask it once per call and do what it says.
#pragma once

#include <castiel_sync/runtime.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace castiel_sync::testing {

// The last two are requests of an HttpTransport.
enum class Operation { read, query, commit, scan, check, pull, fetch, push, publish, read_request, write_request };

[[nodiscard]] std::string_view to_string(Operation operation) noexcept;
[[nodiscard]] constexpr bool has_effect(Operation operation) noexcept {
    return operation == Operation::commit || operation == Operation::push || operation == Operation::publish ||
           operation == Operation::write_request;
}

struct Call {
    std::string_view resource; // the wrapper's name: "store", "source", "target", "events"
    Operation operation = Operation::read;
};

struct Fault {
    // Where a kind has no meaning for a call (a read that is applied twice), the call goes well.
    enum class Kind {
        none,
        refused,        // nothing happened, and the caller knows: unavailable
        throttled,      // nothing happened, and the caller knows: throttled
        request_lost,   // nothing happened, and the caller can't know: unknown_outcome (a read: unavailable)
        answer_lost,    // it happened, and the caller can't know
        late,           // it happens `lateness` after the caller was told unknown_outcome
        duplicated,     // it happens twice, as when a proxy repeats a request
        stale,          // nothing happened: a precondition failed
        partial,        // push, publish: the first half happened. pull, fetch: cut off, so it fails as a whole
        repeated,       // pull: rows of an earlier page come once more
        cursor_expired, // pull
        crash_before,   // the process dies; nothing happened
        crash_after,    // it happened, and the process dies before it hears of it
        // Of requests only; behind all others, so that the seeds of those draw what they have always drawn.
        server_error,   // an answer of 500, 502, 503 or 504
        html_body,      // a page where JSON is expected
        error_body,     // a success that says in its body that it is none
    };
    static constexpr std::size_t kinds = 16;
    static constexpr std::size_t request_kinds = 3; // the last ones

    Kind kind = Kind::none;
    std::chrono::nanoseconds before{0};   // on the way there
    std::chrono::nanoseconds after{0};    // on the way back
    std::chrono::nanoseconds lateness{0}; // late
    std::optional<std::chrono::milliseconds> retry_after; // throttled, server_error
    unsigned status = 0; // server_error; 0: 503
    bool variant = false; // where a fault has two faces: told per item or for the whole call, first or second answer
    bool arrives = false; // when the process dies during `before`: did the call get there all the same?
};

[[nodiscard]] std::string_view to_string(Fault::Kind kind) noexcept;

// Threading: on the loop. One plan may serve many wrappers.
class FaultPlan {
public:
    virtual ~FaultPlan() = default;
    FaultPlan(const FaultPlan&) = delete;
    FaultPlan& operator=(const FaultPlan&) = delete;

    [[nodiscard]] virtual Fault next(const Call& call) = 0;

    // From now on everything goes well.
    virtual void heal() {}

protected:
    FaultPlan() = default;
};

// Everything goes well, at once.
class NoFaults final : public FaultPlan {
public:
    [[nodiscard]] Fault next(const Call&) override { return {}; }
};

// How often each kind strikes, in a million calls; what it strikes; how slow the world is.
struct FaultRates {
    std::array<std::uint32_t, Fault::kinds> per_million{};
    std::chrono::nanoseconds max_latency{0};      // each way, mostly much less
    std::chrono::nanoseconds max_lateness{std::chrono::minutes{2}};
    bool late_arrivals = true; // what a dying process had sent may still arrive

    [[nodiscard]] std::uint32_t& of(Fault::Kind kind) { return per_million[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] std::uint32_t of(Fault::Kind kind) const { return per_million[static_cast<std::size_t>(kind)]; }
};

// Draws from a source of randomness of its own, so that a fault more or less changes nothing else in a run.
class RandomFaults final : public FaultPlan {
public:
    RandomFaults(std::uint64_t seed, std::map<std::string, FaultRates, std::less<>> rates_by_resource);
    [[nodiscard]] Fault next(const Call& call) override;

    // Latencies stay.
    void heal() override { healed_ = true; }
    [[nodiscard]] const std::array<std::uint64_t, Fault::kinds>& injected() const { return injected_; }

private:
    std::unique_ptr<Random> random_;
    std::map<std::string, FaultRates, std::less<>> rates_;
    bool healed_ = false;
    std::array<std::uint64_t, Fault::kinds> injected_{};
};

// Strikes the n-th call of one resource (from 1), and the `count - 1` calls after it.
class NthCallFault final : public FaultPlan {
public:
    NthCallFault(std::string resource, std::uint64_t n, Fault fault, std::uint64_t count = 1);
    [[nodiscard]] Fault next(const Call& call) override;

    void heal() override { healed_ = true; }
    // Calls of the resource so far: a golden run with n = 0 tells how many there are.
    [[nodiscard]] std::uint64_t calls() const { return calls_; }
    [[nodiscard]] bool struck() const { return struck_; }

private:
    std::string resource_;
    std::uint64_t n_;
    Fault fault_;
    std::uint64_t count_;
    std::uint64_t calls_ = 0;
    bool struck_ = false;
    bool healed_ = false;
};

} // namespace castiel_sync::testing

// Readiness: can the service work? Asks each part that it depends on, all at once, and at most once a second however
// many probes there are.
#pragma once

#include "shared_call.hpp"

#include <castiel_sync/async.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/store.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace castiel_sync::service {

struct ReadinessCheck {
    std::string name; // of the part: store, rabbitmq
    std::function<Async<Result<>>()> ask;

    ReadinessCheck() = default;
    ReadinessCheck(std::string part, std::function<Async<Result<>>()> question)
        : name(std::move(part)), ask(std::move(question)) {}
};

// Reads a document that is not there, as the engine reads: what answers this can be worked with.
[[nodiscard]] ReadinessCheck store_check(Store& store);

struct ReadinessAnswer {
    bool ready = false;
    json::object body;    // the schema Readiness
    std::string troubles; // what the parts said themselves, for the log alone; empty when this answer was kept

    ReadinessAnswer() = default;
};

class Readiness {
public:
    // A part that takes longer counts as down: probes give up after some seconds themselves.
    static constexpr std::chrono::seconds deadline{2};
    static constexpr std::chrono::seconds kept_for{1};

    // `stopping`: borrowed; null: it never stops.
    Readiness(const Runtime& runtime, std::vector<ReadinessCheck> checks, const bool* stopping);

    Async<ReadinessAnswer> ask();

private:
    struct Part {
        std::string name;
        SharedCall call;
    };
    Runtime runtime_;
    std::vector<Part> parts_;
    const bool* stopping_;
    std::optional<ReadinessAnswer> answer_;
    std::chrono::nanoseconds answered_at_{0};
};

} // namespace castiel_sync::service

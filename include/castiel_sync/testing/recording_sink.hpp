// Event sinks for tests: one that keeps what it gets, and one that fails on the way.
#pragma once

#include <castiel_sync/event.hpp>
#include <castiel_sync/testing/fault_plan.hpp>
#include <castiel_sync/testing/simulated_process.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace castiel_sync::testing {

// Keeps every event in the order of arrival, resends included.
class RecordingSink final : public EventSink {
public:
    Async<Result<>> publish(std::vector<Event> events) override;

    [[nodiscard]] const std::vector<Event>& received() const { return received_; }

    // What a subscriber may not see: events of one id that differ, and per stream sequences that, duplicates removed,
    // are not 1, 2, 3 … in order of first arrival. One line each.
    [[nodiscard]] std::vector<std::string> faults() const;

    // Each event once, by first arrival.
    [[nodiscard]] std::vector<Event> distinct() const;

private:
    std::vector<Event> received_;
};

// `inner` is shared with calls that arrive late. `process` and `plan` are borrowed.
[[nodiscard]] std::unique_ptr<EventSink> make_faulty_sink(SimulatedProcess& process, std::shared_ptr<EventSink> inner,
                                                          FaultPlan& plan, std::string resource = "events");

} // namespace castiel_sync::testing

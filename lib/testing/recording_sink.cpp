#include <castiel_sync/testing/recording_sink.hpp>

#include "fault_errors.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

namespace castiel_sync::testing {
namespace {

class FaultySink final : public EventSink {
public:
    FaultySink(SimulatedProcess& process, std::shared_ptr<EventSink> inner, FaultPlan& plan, std::string resource)
        : process_(process), inner_(std::move(inner)), plan_(plan), resource_(std::move(resource)) {}

    Async<Result<>> publish(std::vector<Event> events) override {
        co_await process_.pass();
        const Call call{resource_, Operation::publish};
        const Fault fault = plan_.next(call);
        if (fault.kind == Fault::Kind::crash_before) process_.crash();
        co_await process_.pass_after(fault.before);
        if (fails_without_effect(fault.kind)) {
            co_await process_.pass_after(fault.after);
            co_return fault_error(fault, call);
        }
        if (fault.kind == Fault::Kind::partial) events.resize(events.size() / 2);
        if (fault.kind == Fault::Kind::duplicated) (void)co_await inner_->publish(events);
        auto answer = co_await inner_->publish(std::move(events));
        if (fault.kind == Fault::Kind::crash_after) process_.crash();
        co_await process_.pass_after(fault.after);
        if (fault.kind == Fault::Kind::answer_lost || fault.kind == Fault::Kind::partial)
            co_return fault_error(fault, call);
        co_return answer;
    }

private:
    SimulatedProcess& process_;
    std::shared_ptr<EventSink> inner_;
    FaultPlan& plan_;
    std::string resource_;
};

} // namespace

Async<Result<>> RecordingSink::publish(std::vector<Event> events) {
    for (Event& event : events) received_.push_back(std::move(event));
    co_return Result<>();
}

std::vector<Event> RecordingSink::distinct() const {
    std::vector<Event> events;
    std::map<std::string, std::size_t> seen;
    for (const Event& event : received_)
        if (seen.emplace(event.id, events.size()).second) events.push_back(event);
    return events;
}

std::vector<std::string> RecordingSink::faults() const {
    std::vector<std::string> faults;
    std::map<std::string, std::string> envelopes;
    std::map<std::pair<std::string, std::string>, std::uint64_t> last; // by (tenant, stream)
    for (const Event& event : received_) {
        auto [known, first] = envelopes.emplace(event.id, to_envelope(event, "simulation", "1"));
        if (!first) {
            if (known->second != to_envelope(event, "simulation", "1"))
                faults.push_back(fmt::format("event {} came again with other bytes", event.id));
            continue;
        }
        std::uint64_t& sequence = last[{event.tenant_id, event.stream_id}];
        if (event.sequence != sequence + 1)
            faults.push_back(fmt::format("stream {}: event {} ({}) has sequence {} after {}", event.stream_id, event.id,
                                         event.type, event.sequence, sequence));
        sequence = std::max(sequence, event.sequence);
    }
    return faults;
}

std::unique_ptr<EventSink> make_faulty_sink(SimulatedProcess& process, std::shared_ptr<EventSink> inner,
                                            FaultPlan& plan, std::string resource) {
    return std::make_unique<FaultySink>(process, std::move(inner), plan, std::move(resource));
}

} // namespace castiel_sync::testing

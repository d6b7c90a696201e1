// Events: written to the outbox in the commit of the state they tell of, published afterwards, at least once, in order
// per stream. Envelope as on the platform's wire (three-segment type, UUID tenant, ISO time ending in Z).
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/time.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace castiel_sync {

struct Event {
    std::string id;          // UUID; equal on every resend
    std::string type;        // integration.sync.started, …completed, …failed, integration.conflict.detected
    Timestamp timestamp{};
    std::string tenant_id;
    std::string stream_id;
    std::uint64_t sequence = 0; // 1, 2, 3 … per stream, without gaps
    json::object data;
    std::string correlation_id; // the execution's id

    Event() = default;
};

// The JSON envelope. `source_instance` is "<service>-<pid>-<start>"; equal events give equal bytes.
[[nodiscard]] std::string to_envelope(const Event& event, std::string_view service, std::string_view instance);

// Purpose.     Takes events that must arrive.
// Threading.   Called on the engine's executor; calls never overlap.
// Errors.      Success means: the sink holds all of them durably or handed them over confirmed. On an Error the same
//              events come again, in the same order, with the same ids.
class EventSink {
public:
    virtual ~EventSink() = default;
    EventSink(const EventSink&) = delete;
    EventSink& operator=(const EventSink&) = delete;

    virtual Async<Result<>> publish(std::vector<Event> events) = 0;

protected:
    EventSink() = default;
};

} // namespace castiel_sync

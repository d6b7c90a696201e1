// Events: written to the outbox in the commit of the state they tell of, published afterwards, at least once, in order
// per stream. Envelope as on the platform's wire (three-segment type, UUID tenant, ISO time ending in Z).
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/store.hpp>
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

// Purpose.     Makes documents of events before they leave the outbox: whatever becomes of the process, an event is
//              there, or has been made into them.
// Threading.   Called on the engine's executor; calls never overlap.
class EventFanOut {
public:
    virtual ~EventFanOut() = default;
    EventFanOut(const EventFanOut&) = delete;
    EventFanOut& operator=(const EventFanOut&) = delete;

    // The writes for these events, all of one tenant. Another instance may have made them already, or some of them:
    // what is there is left out, and what is found to be there at the commit (stale) has this asked anew.
    virtual Async<Result<std::vector<Write>>> writes_for(std::string tenant_id, std::vector<Event> events) = 0;

    // They are stored.
    virtual void take_note(const std::string& tenant_id, const std::vector<Write>& writes) = 0;

protected:
    EventFanOut() = default;
};

} // namespace castiel_sync

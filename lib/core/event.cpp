#include <castiel_sync/event.hpp>

namespace castiel_sync {

// Every member has a fixed place: a receiver that compares resends byte by byte must find them equal.
std::string to_envelope(const Event& event, std::string_view service, std::string_view instance) {
    json::object data = event.data;
    data["streamId"] = event.stream_id;
    data["sequence"] = event.sequence;
    json::object envelope{
        {"id", event.id},
        {"type", event.type},
        {"version", "1.0"},
        {"timestamp", to_string(event.timestamp)},
        {"tenantId", event.tenant_id},
        {"source", {{"service", json::string(service)}, {"instance", json::string(instance)}}},
    };
    envelope.emplace("data", std::move(data));
    // The platform refuses an empty or null correlation id, and takes an envelope without one.
    if (!event.correlation_id.empty()) {
        json::object metadata{{"correlationId", event.correlation_id}};
        envelope.emplace("metadata", std::move(metadata));
    }
    return to_json(envelope);
}

} // namespace castiel_sync

#include <webhooks/payload.hpp>

#include <castiel_sync/json.hpp>

#include <utility>

namespace castiel_sync {
namespace {

constexpr std::size_t longest_thin_text = 500;

json::object thin(const json::object& data) {
    json::object kept;
    for (const auto& [name, value] : data) {
        if (value.is_structured()) continue;
        if (value.is_string() && value.get_string().size() > longest_thin_text) continue;
        kept.emplace(name, value);
    }
    return kept;
}

} // namespace

std::string webhook_payload(const Event& event, std::size_t most_bytes) {
    json::object data = event.data;
    data["tenantId"] = event.tenant_id;
    data["streamId"] = event.stream_id;
    data["sequence"] = event.sequence;
    json::object payload{{"type", event.type}, {"timestamp", to_string(event.timestamp)}};
    payload.emplace("data", std::move(data));
    std::string text = to_json(payload);
    return text.size() <= most_bytes ? text : thin_payload(text);
}

std::string thin_payload(std::string_view payload) {
    auto whole = parse_json_object(payload).value();
    whole["data"] = thin(whole.at("data").as_object());
    return to_json(whole);
}

} // namespace castiel_sync

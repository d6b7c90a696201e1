// What a receiver is sent of an event. Pure.
#pragma once

#include <castiel_sync/event.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace castiel_sync {

// {"type", "timestamp", "data"}, as Standard Webhooks suggests. Equal events give equal bytes. Where that would be more
// than `most_bytes`, the thin form.
[[nodiscard]] std::string webhook_payload(const Event& event, std::size_t most_bytes);

// The same payload, its data without lists, nested values and long texts: who wants those asks for them by the ids.
[[nodiscard]] std::string thin_payload(std::string_view payload);

} // namespace castiel_sync

// An event sink that writes one envelope per line to a function (a log, a stream, a test's vector).
#pragma once

#include <castiel_sync/event.hpp>

#include <functional>
#include <memory>
#include <string>

namespace castiel_sync {

// `write` is called once per event with the envelope, without line end, on the engine's executor.
[[nodiscard]] std::unique_ptr<EventSink> make_log_event_sink(std::function<void(std::string_view)> write,
                                                             std::string service, std::string instance);

} // namespace castiel_sync

// What the engine tells others: the type and the data of each event, in one place. docs/events.md describes them.
#pragma once

#include <castiel_sync/conflict.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/stream.hpp>
#include <castiel_sync/sync_task.hpp>

#include <string>

namespace castiel_sync {

struct EventDraft {
    std::string type;
    json::object data;
};

[[nodiscard]] EventDraft started_event(const Execution& execution);
// completed, or failed for every other end.
[[nodiscard]] EventDraft ended_event(const Execution& execution);
// It waits for a person.
[[nodiscard]] EventDraft detected_event(const Conflict& conflict);
// It waits no longer, by a person's choice or because the sides moved on.
[[nodiscard]] EventDraft resolved_event(const Conflict& conflict);
[[nodiscard]] EventDraft latched_event(const Latch& latch);
// For the first time, not for each retry that fails.
[[nodiscard]] EventDraft parked_event(const ParkedRecord& parked);

} // namespace castiel_sync

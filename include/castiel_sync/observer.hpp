// Observer: what a host may watch while the engine works: best effort, never for delivery (that is EventSink).
//
// Threading. Called on the engine's executor, inside its work: return at once, never throw, never call the engine.
#pragma once

#include <castiel_sync/stream.hpp>
#include <castiel_sync/sync_task.hpp>

#include <string_view>

namespace castiel_sync {

enum class LogLevel { debug, info, warning, error };

struct Progress {
    const Execution& execution;            // counters so far
    std::optional<std::uint64_t> expected; // records in all, where the adapters tell
};

class Observer {
public:
    virtual ~Observer() = default;
    virtual void on_log(LogLevel, std::string_view /*message*/, const json::object& /*fields*/) {}
    virtual void on_progress(const Progress&) {}             // after each committed page
    virtual void on_planned(const PlannedRecord&) {}         // each decision, in a run and in a preview
    virtual void on_finished(const Execution&) {}
};

} // namespace castiel_sync

// Parts of the engine that count what is asked of them: each is a wrapper around another one of its kind, so that
// neither the engine nor the part knows of it.
//
// Threading. As the part that is wrapped. Ownership. Metrics and Clock outlive every call under way.
#pragma once

#include "metrics.hpp"

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/event.hpp>
#include <castiel_sync/observer.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/store.hpp>

#include <memory>
#include <string>

namespace castiel_sync::service {

// `inner` is borrowed.
[[nodiscard]] std::unique_ptr<Store> make_metered_store(Store& inner, Metrics& metrics, Clock& clock);

// `name`: the adapter's in its registry, which becomes a label. Nothing that is configured by a tenant.
[[nodiscard]] AdapterFactory make_metered_adapters(std::string name, AdapterFactory inner, Metrics& metrics,
                                                   Clock& clock);

// `inner` is borrowed.
[[nodiscard]] std::unique_ptr<EventSink> make_metered_sink(EventSink& inner, Metrics& metrics);

// Counts executions and the log's lines, and passes everything on.
class MetricsObserver final : public Observer {
public:
    // `next` is borrowed; null: there is none.
    MetricsObserver(Metrics& metrics, Observer* next) : metrics_(metrics), next_(next) {}

    void on_log(LogLevel level, std::string_view message, const json::object& fields) override;
    void on_progress(const Progress& progress) override;
    void on_planned(const PlannedRecord& planned) override;
    void on_finished(const Execution& execution) override;

private:
    Metrics& metrics_;
    Observer* next_;
};

} // namespace castiel_sync::service

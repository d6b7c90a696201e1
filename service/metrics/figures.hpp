// What others have counted, as families of Prometheus: values that are taken over as they stand at a scrape.
#pragma once

#include <castiel_sync/http/server.hpp>
#include <castiel_sync/scheduler.hpp>
#include <castiel_sync/survey.hpp>
#include <castiel_sync/webhooks/dispatcher.hpp>
#include <castiel_sync/webhooks/survey.hpp>

#include <prometheus/metric_family.h>

#include <vector>

namespace castiel_sync::service {

using Families = std::vector<prometheus::MetricFamily>;

void add_gauge(Families& families, std::string name, std::string help, double value);
void add_counter(Families& families, std::string name, std::string help, double value);

void add_server(Families& families, const HttpServerCounters& counters);
void add_scheduler(Families& families, const Scheduler::Counts& counts);
void add_dispatcher(Families& families, const WebhookDispatcher& dispatcher);
void add_survey(Families& families, const Survey& figures, const WebhookSurvey& webhooks);

} // namespace castiel_sync::service

// Everything of the target castiel_sync::castiel_sync. Optional targets have headers of their own in stores/ and
// testing/.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/async.hpp>
#include <castiel_sync/blocking.hpp>
#include <castiel_sync/conflict.hpp>
#include <castiel_sync/engine.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/event.hpp>
#include <castiel_sync/events/log.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/json.hpp>
#include <castiel_sync/observer.hpp>
#include <castiel_sync/record.hpp>
#include <castiel_sync/runtime.hpp>
#include <castiel_sync/scheduler.hpp>
#include <castiel_sync/secret_provider.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/stores/memory.hpp>
#include <castiel_sync/strategy.hpp>
#include <castiel_sync/stream.hpp>
#include <castiel_sync/survey.hpp>
#include <castiel_sync/sync_task.hpp>
#include <castiel_sync/system_runtime.hpp>
#include <castiel_sync/time.hpp>

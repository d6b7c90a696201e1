// StoreBudget: the requests that one account may still be sent, kept in the store for all instances.
#pragma once

#include <castiel_sync/adapter.hpp>
#include <castiel_sync/integration.hpp>
#include <castiel_sync/store.hpp>

#include <memory>

namespace castiel_sync {

// Null where the integration has no limit. The store is borrowed.
[[nodiscard]] std::shared_ptr<RequestBudget> make_store_budget(const Runtime& runtime, Store& store,
                                                               const Integration& integration,
                                                               std::chrono::milliseconds longest_wait);

} // namespace castiel_sync

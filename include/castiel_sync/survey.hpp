// survey: what stands in a store now, over all tenants, in figures. For whoever watches over an installation; a tenant
// asks the Engine.
#pragma once

#include <castiel_sync/async.hpp>
#include <castiel_sync/error.hpp>
#include <castiel_sync/store.hpp>
#include <castiel_sync/stream.hpp>
#include <castiel_sync/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace castiel_sync {

// What one survey may cost the store. What lies beyond is not counted, and Survey::complete says so.
struct SurveyLimits {
    std::size_t page_documents = 200; // read and decoded at once: the loop is held up for a few milliseconds at most
    std::size_t max_stream_pages = 50;
    std::size_t max_slot_pages = 50;
    std::size_t max_outbox_pages = 5; // that there are a thousand is all that anybody needs to know

    SurveyLimits() = default;
};

struct Survey {
    bool complete = true;
    std::uint64_t streams = 0;
    std::uint64_t paused = 0;
    std::uint64_t running = 0; // under a live lease, of whichever instance
    std::uint64_t behind = 0;  // the last cycle has not ended: more is pending
    std::uint64_t open_conflicts = 0;
    std::uint64_t parked = 0;
    std::map<Rail, std::uint64_t> latched;
    std::vector<std::chrono::milliseconds>
        ages; // since the last run began, of streams that have run and are not paused
    std::uint64_t slots_in_use = 0;
    std::uint64_t outbox = 0; // events that are not published yet

    Survey() = default;
};

// Threading: on the store's executor. Ownership: the store outlives the call.
Async<Result<Survey>> survey(Store& store, Timestamp now, SurveyLimits limits);

} // namespace castiel_sync

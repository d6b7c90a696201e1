#include <castiel_sync/survey.hpp>

#include <engine/documents.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace castiel_sync {
namespace {

Result<> count_stream(const Document& document, Timestamp now, Survey& figures) {
    const auto stream = from_document<StreamDocument>(document);
    if (!stream) return stream.error();
    ++figures.streams;
    figures.open_conflicts += stream->open_conflicts;
    figures.parked += stream->parked;
    if (stream->paused) ++figures.paused;
    if (stream->lease && stream->lease->expires_at > now) ++figures.running;
    if (stream->latch) ++figures.latched[stream->latch->rail];
    if (std::ranges::any_of(stream->checkpoints,
                            [](const auto& checkpoint) { return checkpoint && checkpoint->phase != Phase::caught_up; }))
        ++figures.behind;
    if (stream->last_run_at && !stream->paused)
        figures.ages.push_back(std::max(now - *stream->last_run_at, std::chrono::milliseconds(0)));
    return {};
}

Result<> count_slot(const Document& document, Timestamp now, Survey& figures) {
    const auto slot = from_document<Slot>(document);
    if (!slot) return slot.error();
    if (slot->expires_at > now) ++figures.slots_in_use;
    return {};
}

Result<> count_event(const Document&, Timestamp, Survey& figures) {
    ++figures.outbox;
    return {};
}

using Count = Result<> (*)(const Document& document, Timestamp now, Survey& figures);

Async<Result<>> count_all(Store& store, std::string kind, Count count, std::size_t max_pages,
                          std::size_t page_documents, Timestamp now, Survey& figures) {
    Query query;
    query.limit = page_documents;
    for (std::size_t pages = 0; pages < max_pages; ++pages) {
        Query copy = query;
        auto page = co_await store.scan(kind, std::move(copy));
        if (!page) co_return page.error();
        for (const ScannedDocument& scanned : page->documents)
            if (auto counted = count(scanned.document, now, figures); !counted) co_return counted.error();
        if (page->continuation.empty()) co_return Result<>();
        query.continuation = std::move(page->continuation);
    }
    figures.complete = false;
    co_return Result<>();
}

} // namespace

Async<Result<Survey>> survey(Store& store, Timestamp now, SurveyLimits limits) {
    Survey figures;
    const std::size_t size = limits.page_documents;
    auto counted = co_await count_all(store, "stream", &count_stream, limits.max_stream_pages, size, now, figures);
    if (!counted) co_return counted.error();
    counted = co_await count_all(store, "slot", &count_slot, limits.max_slot_pages, size, now, figures);
    if (!counted) co_return counted.error();
    counted = co_await count_all(store, "outbox", &count_event, limits.max_outbox_pages, size, now, figures);
    if (!counted) co_return counted.error();
    co_return figures;
}

} // namespace castiel_sync
